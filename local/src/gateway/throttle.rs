use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::template::Throttle;

/// A token bucket that refills continuously.
#[derive(Debug)]
pub(super) struct Bucket {
    limits: Throttle,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(super) fn new(limits: Throttle) -> Self {
        Self { limits, level: Mutex::new((limits.burst, Instant::now())) }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&self) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, filled) = *level;
        let now = Instant::now();
        let refilled = (now - filled).as_secs_f64().mul_add(self.limits.rate, tokens);
        let tokens = refilled.min(self.limits.burst);
        let enough = tokens >= 1.0;
        *level = (if enough { tokens - 1.0 } else { tokens }, now);
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_burst_is_granted_and_then_the_rate() {
        let bucket = Bucket::new(Throttle { rate: 2.0, burst: 3.0 });
        let granted = |tries: u32| (0..tries).filter(|_| bucket.take()).count();
        assert_eq!(granted(10), 3);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(granted(10), 2);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(granted(10), 3, "never more than the burst");
    }
}
