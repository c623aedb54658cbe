use std::{net::IpAddr, sync::Arc, time::Duration};

use futures::future::join;
use jiff::Timestamp;

use super::{RateCounter, RateCounts};
use crate::{
    config::Policy,
    kernel::{Clock, HashKey, PortError, UserId},
};

/// A window of time whose calls are counted together. Windows are fixed, so one number in a condition is
/// enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWindow {
    pub start: Timestamp,
    /// Time until the next window begins, at least a second.
    pub left: Duration,
}

impl RateWindow {
    /// Returns the minute that `now` is in.
    pub fn minute(now: Timestamp) -> Self {
        Self::of(now, 60)
    }

    /// Returns the hour that `now` is in.
    pub fn hour(now: Timestamp) -> Self {
        Self::of(now, 3600)
    }

    fn of(now: Timestamp, length: i64) -> Self {
        let now = now.as_second();
        let start = now - now.rem_euclid(length);
        let left = u64::try_from(start + length - now).unwrap_or_default();
        Self {
            start: Timestamp::from_second(start).unwrap_or(Timestamp::UNIX_EPOCH),
            left: Duration::from_secs(left.max(1)),
        }
    }
}

/// Limits how many changes a user and an address may request in a minute. It does not count reads. A write
/// for each read would cost more than it protects, and API Gateway and Cognito limit reads.
#[derive(Debug)]
pub struct RateLimiter {
    counts: Arc<dyn RateCounts>,
    clock: Arc<dyn Clock>,
    hash_key: HashKey,
    per_user: u32,
    per_address: u32,
}

/// Whether a call is within its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateDecision {
    Admitted,
    /// The call is refused until the minute is over.
    Later {
        wait: Duration,
    },
}

impl RateLimiter {
    pub fn new(
        counts: Arc<dyn RateCounts>,
        clock: Arc<dyn Clock>,
        hash_key: HashKey,
        policy: &Policy,
    ) -> Self {
        let (per_user, per_address) = (policy.api.changes_per_user, policy.api.changes_per_address);
        Self { counts, clock, hash_key, per_user, per_address }
    }

    /// Counts a change for the user and the address it comes from.
    pub async fn admit(&self, user: &UserId, address: Option<IpAddr>) -> Result<RateDecision, PortError> {
        let minute = RateWindow::minute(self.clock.now());
        let by_user = RateCounter::User(user.clone());
        let of_address = async {
            let Some(address) = address else { return Ok(true) };
            let counter = RateCounter::Address(self.hash_key.hash("call-address", &[&network(address)]));
            self.counts.count(&counter, minute.start, self.per_address).await
        };
        let of_user = self.counts.count(&by_user, minute.start, self.per_user);
        let (of_user, of_address) = join(of_user, of_address).await;
        if of_user? && of_address? {
            return Ok(RateDecision::Admitted);
        }
        Ok(RateDecision::Later { wait: minute.left })
    }
}

/// Returns the network that belongs to one customer: an IPv4 address, or a /64 of IPv6.
fn network(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(
            || address.octets().iter().take(8).copied().collect(),
            |address| address.octets().to_vec(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_the_next_begins() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (window, start, left) in [
            (RateWindow::minute(at(119)), 60, 1),
            (RateWindow::minute(at(120)), 120, 60),
            (RateWindow::hour(at(7199)), 3600, 1),
            (RateWindow::hour(at(7200)), 7200, 3600),
        ] {
            assert_eq!(window, RateWindow { start: at(start), left: Duration::from_secs(left) });
        }
    }

    #[test]
    fn neighbours_in_a_64_are_one_and_an_ipv4_is_itself() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
