use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    delivery::send_leases::DeliveryId,
    kernel::{Clock, Entropy, PortError},
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// Returns a new delivery id each time.
pub fn next_delivery() -> DeliveryId {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    DeliveryId::from_stored(format!("delivery-{}", DRAWN.fetch_add(1, Ordering::Relaxed)))
}

/// A clock that moves only by hand.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the time, earlier or later.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().expect("no test panics with the clock in hand") = now;
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().expect("no test panics with the clock in hand");
        *now = now.checked_add(by).expect("a time within range");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no test panics with the clock in hand")
    }
}

/// A clock that follows tokio's clock, which tests pause: sleeping moves both.
#[derive(Debug)]
pub struct TokioClock {
    start: Timestamp,
    started: Instant,
}

impl TokioClock {
    /// Starts the clock at `start`. It needs a tokio runtime.
    pub fn at(start: Timestamp) -> Self {
        Self { start, started: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.start.checked_add(self.started.elapsed()).expect("a time within range")
    }
}

/// Entropy with the same bytes in every run: SHA-256 in counter mode over the seed.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: Mutex<u64>,
}

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: Mutex::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), PortError> {
        let mut drawn = self.drawn.lock().expect("no test panics while drawing");
        for chunk in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(drawn.to_be_bytes())
                .finalize();
            *drawn += 1;
            for (byte, random) in chunk.iter_mut().zip(block) {
                *byte = random;
            }
        }
        Ok(())
    }
}
