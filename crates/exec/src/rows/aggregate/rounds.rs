//! Groups whose values do not fit, found in rounds over the rows: the first finds the groups and all other aggregates, those
//! that follow see the rows again for what is still searched.

use super::{Grouped, Grouping};
use crate::error::Result;
use crate::parallel::share_of_state;
use crate::rows::key_table::KeyTable;
use crate::rows::stored::StoredRows;
use crate::source::{Batch, Source};
use arrow::array::ArrayRef;
use hyperslab_expr::aggregate::{Rounds, in_rounds};

/// Accumulators take memory as if so many groups were too large to be held. There may be more: groups of few different values
/// take little.
const LARGE_GROUPS: usize = 16;

/// For each aggregate what finds it in rounds, if it takes several.
type Searched = Vec<Option<Box<dyn Rounds>>>;

impl Grouped<'_> {
    /// The same groups as in memory.
    pub(super) fn in_rounds(&self, input: &dyn Source) -> Result<Box<dyn Source>> {
        let large = if self.keys.is_empty() { 1 } else { LARGE_GROUPS };
        let mut searched = self.searched(share_of_state(self.context, large))?;
        let (first, mut memory, known) = {
            let grouping = self.grouping_of(input, &searched, None);
            grouping.fold(input)?.finish(&grouping)?
        };
        memory.grow(known.memory())?;
        let rows = first.rows;
        let mut columns: Vec<Option<ArrayRef>> = first.columns.into_iter().map(Some).collect();
        let results = &mut columns[self.keys.len()..];
        self.close(&mut searched, |at| results[at].take())?;
        while !unknown(&searched).is_empty() {
            let again = self.grouping_of(input, &searched, Some(&known));
            let (counted, _memory, _) = again.fold(input)?.finish(&again)?;
            drop(again);
            let mut counted = counted.columns.into_iter();
            self.close(&mut searched, |_| counted.next())?;
        }
        for (result, rounds) in results.iter_mut().zip(&mut searched) {
            if let Some(rounds) = rounds {
                *result = Some(rounds.finish()?);
            }
        }
        let batch = Batch { columns: columns.into_iter().flatten().collect(), rows };
        memory.resize(batch.bytes())?;
        Ok(Box::new(StoredRows::cut(self.columns(), &batch, vec![memory])))
    }

    fn searched(&self, bytes_a_group: usize) -> Result<Searched> {
        self.aggregates.iter().map(|(_, call)| Ok(in_rounds(call, bytes_a_group)?)).collect()
    }

    /// What a round asks of the rows: all, or where groups are known only what is still searched.
    fn grouping_of<'a>(
        &'a self,
        input: &'a dyn Source,
        searched: &'a Searched,
        known: Option<&'a KeyTable>,
    ) -> Grouping<'a> {
        let calls = self.aggregates.iter().zip(searched).map(|((_, call), rounds)| (call, rounds.as_deref()));
        let is_asked =
            |(_, rounds): &(_, Option<&dyn Rounds>)| known.is_none() || rounds.is_some_and(|rounds| !rounds.is_done());
        Grouping { calls: calls.filter(is_asked).collect(), known, ..self.grouping(input) }
    }

    /// Ends a round; `counted` gives what the accumulator of an aggregate found, in order.
    fn close(&self, searched: &mut Searched, mut counted: impl FnMut(usize) -> Option<ArrayRef>) -> Result<()> {
        for at in unknown(searched) {
            if let (Some(rounds), Some(counted)) = (&mut searched[at], counted(at)) {
                rounds.close(&counted).map_err(|error| error.or_at(self.aggregates[at].1.at))?;
            }
        }
        Ok(())
    }
}

/// Which aggregates are still searched.
fn unknown(searched: &Searched) -> Vec<usize> {
    let is_unknown = |at: &usize| searched[*at].as_ref().is_some_and(|rounds| !rounds.is_done());
    (0..searched.len()).filter(is_unknown).collect()
}
