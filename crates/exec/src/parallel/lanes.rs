//! Partitions at work, and how their items come to the consumer in order.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use rayon::Scope;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread waits before it looks whether the query was cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// How many items of the partition whose turn it is may wait for the consumer.
const HEAD_ITEMS: usize = 4;

/// What memory is reserved for.
const WAITING: &str = "rows that wait for earlier partitions";

/// The memory of items that wait for partitions before theirs.
pub(super) struct Queue {
    /// The most bytes that may wait.
    budget: usize,
    /// Reserved for those that do. Items of the partition whose turn it is wait also where nothing can be reserved.
    memory: Reservation,
    anew: Anew,
}

impl Queue {
    /// For at most so many bytes.
    pub(super) fn new(context: &Context, budget: usize, anew: Anew) -> Result<Self> {
        Ok(Self { budget, memory: context.memory().reserve(0, WAITING)?, anew })
    }
}

/// Which partitions can be run anew where memory does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anew {
    /// None: something may be left of them.
    Never,
    /// Those that failed.
    Failed,
    /// Also those whose results wait for earlier ones.
    All,
}

/// What a producer gives its items to.
pub(super) type Give<'a, T> = dyn FnMut(T) -> Result<ControlFlow<()>> + 'a;
/// Gives the items of a partition.
type Produce<'a, T> = dyn Fn(usize, &mut Give<'_, T>) -> Result<()> + Sync + 'a;
/// Takes the items of all partitions in order.
type Consume<'a, T> = dyn FnMut(usize, T) -> Result<ControlFlow<()>> + 'a;

/// Has the items of all partitions consumed in order.
pub(super) fn run_ordered<T: Send>(
    context: &Context,
    partitions: usize,
    queue: Queue,
    produce: &Produce<'_, T>,
    bytes: &(dyn Fn(&T) -> usize + Sync),
    consume: &mut Consume<'_, T>,
) -> Result<()> {
    if context.threads().current_thread_index().is_some() {
        return run_here(context, partitions, produce, consume);
    }
    let lanes = Lanes::new(context, partitions, queue, produce, bytes);
    context.threads().in_place_scope(|scope| {
        let _stop = StopOnDrop(&lanes);
        lanes.consume(scope, consume)
    })
}

/// The same without other threads.
fn run_here<T>(
    context: &Context,
    partitions: usize,
    produce: &Produce<'_, T>,
    consume: &mut Consume<'_, T>,
) -> Result<()> {
    let mut flow = ControlFlow::Continue(());
    for partition in 0..partitions {
        context.check()?;
        let mut give = |item| {
            flow = consume(partition, item)?;
            Ok(flow)
        };
        produce(partition, &mut give)?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Partitions being worked on, each a lane of items that wait for their turn.
struct Lanes<'a, T> {
    context: &'a Context,
    produce: &'a Produce<'a, T>,
    bytes: &'a (dyn Fn(&T) -> usize + Sync),
    threads: usize,
    state: Mutex<State<T>>,
    /// Something came for the consumer.
    arrived: Condvar,
    /// The consumer took something, or stopped.
    taken: Condvar,
}

struct State<T> {
    /// The next partition to start for the first time.
    next: usize,
    /// Partitions to be started anew, all before the next.
    again: BTreeSet<usize>,
    /// How many partitions may be worked on or wait from the one on whose turn it is.
    window: usize,
    /// How many are worked on.
    running: usize,
    /// Partitions from here on are not started.
    end: usize,
    /// The partition whose turn it is.
    head: usize,
    workers: usize,
    stopped: bool,
    waiting_bytes: usize,
    queue: Queue,
    lanes: BTreeMap<usize, Lane<T>>,
}

struct Lane<T> {
    items: VecDeque<T>,
    outcome: Option<Result<()>>,
    /// Whether items were given: the consumer may have some.
    has_given: bool,
    /// Whether what it gives is in vain: it is started anew later.
    given_up: bool,
}

/// What the partition whose turn it is has for the consumer.
enum Turn<T> {
    Item(T),
    Finished,
}

impl<'a, T: Send> Lanes<'a, T> {
    fn new(
        context: &'a Context,
        partitions: usize,
        queue: Queue,
        produce: &'a Produce<'a, T>,
        bytes: &'a (dyn Fn(&T) -> usize + Sync),
    ) -> Self {
        let threads = context.threads().current_num_threads();
        let state = State {
            next: 0,
            again: BTreeSet::new(),
            window: 2 * threads,
            running: 0,
            end: partitions,
            head: 0,
            workers: 0,
            stopped: false,
            waiting_bytes: 0,
            queue,
            lanes: BTreeMap::new(),
        };
        let (arrived, taken) = Default::default();
        Self { context, produce, bytes, threads, state: Mutex::new(state), arrived, taken }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all items in order, and starts partitions as their window opens.
    fn consume<'scope>(&'scope self, scope: &Scope<'scope>, consume: &mut Consume<'_, T>) -> Result<()> {
        let partitions = self.lock().end;
        for head in 0..partitions {
            while let Turn::Item(item) = self.wait_for(scope, head)? {
                if consume(head, item)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn start_workers<'scope>(&'scope self, scope: &Scope<'scope>) {
        let mut state = self.lock();
        let startable = state.startable(self.threads);
        let missing = self.threads.saturating_sub(state.workers).min(startable);
        state.workers += missing;
        drop(state);
        (0..missing).for_each(|_| scope.spawn(|_| self.work()));
    }

    fn wait_for<'scope>(&'scope self, scope: &Scope<'scope>, head: usize) -> Result<Turn<T>> {
        loop {
            self.context.check()?;
            self.start_workers(scope);
            let mut state = self.lock();
            if let Some(turn) = state.turn(head, self.bytes) {
                self.taken.notify_all();
                return turn;
            }
            drop(self.arrived.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Works on one partition after the other until none may be started.
    fn work(&self) {
        while let Some(partition) = self.next_partition() {
            let produce =
                || self.context.check().and_then(|()| (self.produce)(partition, &mut |t| self.give(partition, t)));
            let outcome = catch_unwind(AssertUnwindSafe(produce)).unwrap_or_else(|panic| Err(Error::from_panic(panic)));
            self.lock().finish(partition, outcome, self.bytes);
            self.arrived.notify_all();
            self.taken.notify_all();
        }
    }

    fn next_partition(&self) -> Option<usize> {
        self.lock().start(self.threads)
    }

    /// Puts an item into its lane, once there is room.
    fn give(&self, partition: usize, item: T) -> Result<ControlFlow<()>> {
        let bytes = (self.bytes)(&item);
        let mut state = self.lock();
        while !state.stopped && !state.lane(partition).given_up && !state.has_room(partition, bytes) {
            self.context.check()?;
            state = self.taken.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stopped || state.lane(partition).given_up {
            return Ok(ControlFlow::Break(()));
        }
        state.waiting_changed(bytes, 0);
        state.lane(partition).has_given = true;
        state.lane(partition).items.push_back(item);
        drop(state);
        self.arrived.notify_all();
        self.context.check().map(ControlFlow::Continue)
    }
}

impl<T> State<T> {
    /// How many partitions may be started now.
    fn startable(&self, threads: usize) -> usize {
        // Where few have memory to work, each needs all that others had.
        if self.stopped || self.running >= self.window.min(threads) {
            return 0;
        }
        let end = self.head.saturating_add(self.window).min(self.end);
        self.again.range(..end).count() + end.saturating_sub(self.next)
    }

    /// The partition that a worker goes on with; without one it leaves.
    fn start(&mut self, threads: usize) -> Option<usize> {
        if self.startable(threads) == 0 {
            self.workers -= 1;
            return None;
        }
        self.running += 1;
        let partition = self.again.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.lane(partition);
        Some(partition)
    }

    /// After an error no later partition is started; all earlier ones were.
    fn finish(&mut self, partition: usize, outcome: Result<()>, bytes: &dyn Fn(&T) -> usize) {
        self.running -= 1;
        let is_short = matches!(outcome, Err(Error::OutOfMemory(_))) && self.may_run_anew(partition);
        if is_short {
            self.give_up_others(bytes);
        }
        if is_short || self.lane(partition).given_up {
            return self.begin_anew(partition, bytes);
        }
        if outcome.is_err() {
            self.end = self.end.min(partition + 1);
        }
        self.lane(partition).outcome = Some(outcome);
    }

    /// Whether a partition that ran out of memory gave the consumer nothing and was not alone: there may be enough for it later.
    fn may_run_anew(&mut self, partition: usize) -> bool {
        let is_last = self.queue.anew == Anew::Failed || self.lanes.keys().all(|lane| *lane == partition);
        let is_alone = self.running == 0 && is_last;
        let is_untouched = partition > self.head || !self.lane(partition).has_given;
        self.queue.anew != Anew::Never && !is_alone && is_untouched
    }

    /// Lets half as many partitions work or wait. What those beyond gave is given up.
    fn give_up_others(&mut self, bytes: &dyn Fn(&T) -> usize) {
        self.window = (self.window / 2).max(1);
        if self.queue.anew == Anew::Failed {
            return;
        }
        let beyond: Vec<usize> = self.lanes.range(self.head + self.window..).map(|(partition, _)| *partition).collect();
        for partition in beyond {
            match self.lane(partition).outcome {
                Some(Ok(())) => self.begin_anew(partition, bytes),
                Some(Err(_)) => {}
                None => self.lane(partition).given_up = true,
            }
        }
    }

    /// Forgets what a partition gave, and has it started once more.
    fn begin_anew(&mut self, partition: usize, bytes: &dyn Fn(&T) -> usize) {
        let lane = self.lanes.remove(&partition);
        let waiting = lane.iter().flat_map(|lane| &lane.items).map(bytes).sum();
        self.waiting_changed(0, waiting);
        self.again.insert(partition);
    }

    fn lane(&mut self, partition: usize) -> &mut Lane<T> {
        let none = || Lane { items: VecDeque::new(), outcome: None, has_given: false, given_up: false };
        self.lanes.entry(partition).or_insert_with(none)
    }

    fn has_room(&mut self, partition: usize, bytes: usize) -> bool {
        if partition == self.head {
            return self.lane(partition).items.len() < HEAD_ITEMS;
        }
        let total = self.waiting_bytes.saturating_add(bytes);
        total <= self.queue.budget && self.queue.memory.resize(total).is_ok()
    }

    fn waiting_changed(&mut self, more: usize, less: usize) {
        self.waiting_bytes = self.waiting_bytes + more - less;
        // Where it does not fit it is the partition's whose turn it is: that must go on.
        let _ = self.queue.memory.resize(self.waiting_bytes);
    }

    fn turn(&mut self, head: usize, bytes: &dyn Fn(&T) -> usize) -> Option<Result<Turn<T>>> {
        let lane = self.lane(head);
        if let Some(item) = lane.items.pop_front() {
            self.waiting_changed(0, bytes(&item));
            return Some(Ok(Turn::Item(item)));
        }
        let outcome = lane.outcome.take()?;
        self.lanes.remove(&head);
        self.head = head + 1;
        Some(outcome.map(|()| Turn::Finished))
    }
}

/// Lets the producers leave, however the consumer left.
struct StopOnDrop<'a, 'b, T: Send>(&'a Lanes<'b, T>);

impl<T: Send> Drop for StopOnDrop<'_, '_, T> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.taken.notify_all();
    }
}
