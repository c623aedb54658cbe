//! What is counted, and by which rule a count refuses.

use async_trait::async_trait;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{BudgetScope, send_history::SendHistory};
use crate::{
    config::BudgetPolicy,
    delivery::Channel,
    kernel::{PortError, UserId},
};

/// A UTC day or an hour of it: windows stand still, so that a counter is one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BudgetWindow {
    pub day: Date,
    pub hour: u8,
}

impl BudgetWindow {
    pub fn of(at: Timestamp) -> Self {
        let local = at.to_zoned(TimeZone::UTC);
        Self { day: local.date(), hour: u8::try_from(local.hour()).unwrap_or_default() }
    }
}

/// A counter: one day of one shard of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BudgetCounter {
    pub channel: Channel,
    pub scope: BudgetScope,
    /// By scope: the `sub`, a keyed hash of the destination or the range, the prefix's digits, the
    /// country's code, nothing. Never an address.
    pub name: String,
    /// A key takes 1,000 writes a second; the destination's hash says which shard counts it.
    pub shard: u8,
    pub day: Date,
}

/// How far we trust the owner of a destination, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// No code was entered from there yet. A flood consists of these.
    Unverified,
    /// Verified, but not for long enough.
    Verified,
    /// Verified for longer than a flood lasts: may use the reserve.
    Established,
}

/// The limits of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    pub per_hour: u32,
    pub per_day: u32,
    /// The part of both that is open to all; the rest is the reserve of the established.
    pub open_per_hour: u32,
    pub open_per_day: u32,
    /// Codes to unverified numbers that were not entered.
    pub unverified: u32,
}

impl BudgetLimits {
    /// The share of one shard. Rounded down: all shards together never pass the limit.
    pub fn of(policy: &BudgetPolicy, reserve_percent: u32) -> Self {
        let shards = u32::from(policy.shards.max(1));
        let (per_hour, per_day) = (policy.per_hour / shards, policy.per_day / shards);
        // Half of the largest limit, in percent, is more than 32 bits hold.
        let reserve = |limit: u32| (u64::from(limit) * u64::from(reserve_percent.min(100))).div_ceil(100);
        let open = |limit: u32| limit.saturating_sub(u32::try_from(reserve(limit)).unwrap_or(limit));
        Self {
            per_hour,
            per_day,
            open_per_hour: open(per_hour),
            open_per_day: open(per_day),
            unverified: policy.unverified / shards,
        }
    }

    /// Does a counter that stands at `counts` refuse one more?
    pub fn refuses(&self, counts: &BudgetCounts, trust: TrustLevel) -> Option<BudgetRefusal> {
        let used_up = counts.hour >= self.per_hour || counts.day >= self.per_day;
        let open_used_up = counts.open_hour >= self.open_per_hour || counts.open_day >= self.open_per_day;
        if trust == TrustLevel::Unverified && counts.unverified >= i64::from(self.unverified) {
            Some(BudgetRefusal::NothingVerified)
        } else if used_up || trust < TrustLevel::Established && open_used_up {
            Some(BudgetRefusal::UsedUp)
        } else {
            None
        }
    }
}

/// The counts of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetCounts {
    pub day: u32,
    pub open_day: u32,
    pub hour: u32,
    pub open_hour: u32,
    /// Codes to unverified numbers, less what was paid back by verifications. Below 0: credit.
    pub unverified: i64,
}

/// One message to be counted on one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterIncrement {
    pub counter: BudgetCounter,
    pub hour: u8,
    pub trust: TrustLevel,
    pub limits: BudgetLimits,
    /// Where the counter stood a moment ago; None: there is none yet today. It says how to write, not
    /// whether: what has changed since costs a further request, no more.
    pub seen: Option<BudgetCounts>,
}

impl CounterIncrement {
    /// Returns why the counts seen refuse the message, or `None` if they have room.
    pub fn refused_by_seen(&self) -> Option<BudgetRefusal> {
        self.limits.refuses(&self.seen.unwrap_or_default(), self.trust)
    }
}

/// Everything that one message changes.
#[derive(Debug, Clone, Copy)]
pub struct Reservation<'a> {
    pub user: &'a UserId,
    pub channel: Channel,
    /// Before and after, for [`Budgets::swap_history`]. None: it stays as it is.
    pub history: Option<(&'a SendHistory, &'a SendHistory)>,
    pub increments: &'a [CounterIncrement],
}

/// What became of each part of a [`Reservation`].
#[derive(Debug)]
pub struct ReservationOutcome {
    /// As [`Budgets::swap_history`] tells; true if there was nothing to swap.
    pub swapped: Result<bool, PortError>,
    /// One for each increment, in order: counted, or refused by its limits.
    pub increments: Vec<Result<Result<(), BudgetRefusal>, PortError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// The hour or the day has no room left for this trust.
    UsedUp,
    /// Too many codes were sent here that were not entered.
    NothingVerified,
}

/// Credit for a counter after a verification: the codes it had counted, and more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    pub counter: BudgetCounter,
    pub codes: u32,
    /// Credit grows up to this.
    pub max_credit: u32,
}

/// Keeps the counters and each user's history.
///
/// Contract: `repay`, `swap`, `settle` and each part of a reservation are one conditional write. A reservation
/// is one request, or two; it is no transaction, so what one part counted stands when another is refused.
/// Of any number of racing increments exactly as many are taken as [`BudgetLimits::refuses`] lets pass one after
/// the other. Of racing swaps from one state exactly one succeeds; of racing settlements of
/// one unverified codes exactly one sees it.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// The user's history on a channel; the empty one if there is none.
    async fn history(&self, user: &UserId, channel: Channel) -> Result<SendHistory, PortError>;

    /// The same, and where each counter stands; None: there is none yet. The counters may be a moment old.
    async fn read(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError>;

    /// Replaces `before` by `after`. Returns false, and changes nothing, if the history is not `before` any more.
    async fn swap_history(
        &self,
        user: &UserId,
        channel: Channel,
        before: &SendHistory,
        after: &SendHistory,
    ) -> Result<bool, PortError>;

    /// Notes that the user signed in or confirmed, and with `takes_unverified_codes` takes the unverified codes out. Gives
    /// the unverified codes that was taken. A user to whom nothing was ever sent stays without history.
    async fn record_completion(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_unverified_codes: bool,
    ) -> Result<Option<super::UnverifiedCodes>, PortError>;

    /// Counts one message on every counter whose limits allow it, and swaps the history. After an error, it is
    /// unknown which parts were written.
    async fn reserve(&self, reservation: &Reservation<'_>) -> Result<ReservationOutcome, PortError>;

    /// Takes back an increment. Call it once for each increment that was counted.
    async fn release_increment(&self, increment: &CounterIncrement) -> Result<(), PortError>;

    /// Adds credit, unless it would exceed its maximum.
    async fn credit(&self, credit: &Credit) -> Result<(), PortError>;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LIMITS: BudgetLimits =
        BudgetLimits { per_hour: 10, per_day: 20, open_per_hour: 5, open_per_day: 10, unverified: 3 };

    fn counts(day: u32, open_day: u32, hour: u32, open_hour: u32, unverified: i64) -> BudgetCounts {
        BudgetCounts { day, open_day, hour, open_hour, unverified }
    }

    #[rstest]
    #[case(counts(0, 0, 0, 0, 0), [None, None, None])]
    #[case(counts(3, 3, 3, 3, 3), [Some(BudgetRefusal::NothingVerified), None, None])]
    #[case(counts(5, 5, 5, 5, -3), [Some(BudgetRefusal::UsedUp), Some(BudgetRefusal::UsedUp), None])]
    #[case(counts(10, 10, 0, 0, 0), [Some(BudgetRefusal::UsedUp), Some(BudgetRefusal::UsedUp), None])]
    #[case(counts(9, 4, 9, 4, 2), [None, None, None])]
    #[case(counts(10, 0, 10, 0, 0), [Some(BudgetRefusal::UsedUp); 3])]
    #[case(counts(20, 0, 0, 0, 0), [Some(BudgetRefusal::UsedUp); 3])]
    fn the_reserve_is_for_the_established_and_floods_are_unverified(
        #[case] counts: BudgetCounts,
        #[case] expected: [Option<BudgetRefusal>; 3],
    ) {
        let standings = [TrustLevel::Unverified, TrustLevel::Verified, TrustLevel::Established];
        assert_eq!(standings.map(|trust| LIMITS.refuses(&counts, trust)), expected);
    }

    #[test]
    fn shards_share_a_limit_and_the_reserve_is_rounded_up() {
        let policy = BudgetPolicy { per_hour: 15, per_day: 31, unverified: 7, shards: 3 };
        let limits =
            BudgetLimits { per_hour: 5, per_day: 10, open_per_hour: 2, open_per_day: 5, unverified: 2 };
        assert_eq!(BudgetLimits::of(&policy, 50), limits);
        let most = BudgetPolicy { per_hour: u32::MAX, per_day: u32::MAX, unverified: 1, shards: 1 };
        assert_eq!(BudgetLimits::of(&most, 50).open_per_hour, u32::MAX / 2);
    }
}
