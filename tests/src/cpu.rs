//! The time that work took of processors: elapsed time says more of what else a machine does.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The ticks in which Linux counts, a second.
const TICKS: u32 = 100;

/// The CPU time of this process so far, all threads together; where the system does not tell, the elapsed time.
pub fn cpu_time() -> Duration {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGAN.get_or_init(Instant::now).elapsed();
    of_stat(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default()).unwrap_or(elapsed)
}

/// The fields 14 and 15 of `/proc/self/stat`, counted from behind the name, which may hold anything.
fn of_stat(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(Duration::from_secs(1) * (ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat = "7 (a ) b) R 1 2 3 4 5 6 7 8 9 10 150 30 0 0";
        assert_eq!(of_stat(stat), Some(Duration::from_millis(1800)));
        assert_eq!(of_stat("7 (a"), None);
    }

    #[test]
    fn work_takes_time() {
        let began = cpu_time();
        let mut sum = 0u64;
        while cpu_time() - began < Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}
