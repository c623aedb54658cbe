//! The counters of the governor, and the rules by which a count refuses a message.

use async_trait::async_trait;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{BudgetScope, send_history::SendHistory};
use crate::{
    config::policy::BudgetPolicy,
    delivery::Channel,
    kernel::{PortError, UserId},
};

/// A UTC day or one of its hours. Windows are fixed, so that a counter is a single number.
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
    /// The counter's name within its scope: the `sub`, a keyed hash of the destination or the range, the
    /// digits of the prefix, the country's code, or empty. It is never an address.
    pub name: String,
    /// A key takes 1,000 writes a second. The destination's hash selects the shard.
    pub shard: u8,
    pub day: Date,
}

/// How far we trust the owner of a destination, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// No code to this destination has been entered yet. The destinations of a flood are all unverified.
    Unverified,
    /// Verified, but not for long enough.
    Verified,
    /// Verified for longer than a flood lasts, so it may use the reserve.
    Established,
}

/// The limits of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    pub per_hour: u32,
    pub per_day: u32,
    /// The part of both limits that is open to all. The rest is the reserve for established numbers.
    pub open_per_hour: u32,
    pub open_per_day: u32,
    /// The limit of codes to unverified numbers that were not entered.
    pub unverified: u32,
}

impl BudgetLimits {
    /// Returns the limits of one shard, rounded down so that all shards together never exceed the limit.
    pub fn of(policy: &BudgetPolicy, reserve_percent: u32) -> Self {
        let shards = u32::from(policy.shards.max(1));
        let (per_hour, per_day) = (policy.per_hour / shards, policy.per_day / shards);
        // In 64 bits, because half of the largest limit, in percent, exceeds 32 bits.
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

    /// Returns why a counter with these counts refuses another message, or `None` if it has room.
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
    /// Codes to unverified numbers, minus those that verifications paid back. A value below 0 is credit.
    pub unverified: i64,
}

/// The increment of one counter for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterIncrement {
    pub counter: BudgetCounter,
    pub hour: u8,
    pub trust: TrustLevel,
    pub limits: BudgetLimits,
    /// The counts from an earlier read; absent if the counter had none that day. They only select the kind of
    /// write, so a change since then only costs a further request.
    pub seen: Option<BudgetCounts>,
}

impl CounterIncrement {
    /// Returns why the counts seen refuse the message, or `None` if they have room.
    pub fn refused_by_seen(&self) -> Option<BudgetRefusal> {
        self.limits.refuses(&self.seen.unwrap_or_default(), self.trust)
    }
}

/// All changes for one message.
#[derive(Debug, Clone, Copy)]
pub struct Reservation<'a> {
    pub user: &'a UserId,
    pub channel: Channel,
    /// The history before and after, for [`Budgets::swap_history`]. If absent, the history stays as it is.
    pub history: Option<(&'a SendHistory, &'a SendHistory)>,
    pub increments: &'a [CounterIncrement],
}

/// The result of each part of a [`Reservation`].
#[derive(Debug)]
pub struct ReservationOutcome {
    /// The result of [`Budgets::swap_history`]; true if there was nothing to swap.
    pub swapped: Result<bool, PortError>,
    /// For each increment, in order, whether it was counted or refused by its limits.
    pub increments: Vec<Result<IncrementOutcome, PortError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncrementOutcome {
    Counted,
    Refused(BudgetRefusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// The hour or the day has no room left at this trust level.
    UsedUp,
    /// Too many codes to this destination or scope were not entered.
    NothingVerified,
}

/// Credit for a counter after a verification: the codes that it had counted, and some more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    pub counter: BudgetCounter,
    pub codes: u32,
    /// The limit of the counter's credit.
    pub max_credit: u32,
}

/// Stores the counters and each user's history.
///
/// Contract: `credit`, `swap_history`, `record_completion` and each part of a reservation are one conditional
/// write. A reservation is one or two requests, but no transaction: the count of one part remains if another
/// part is refused. Of racing increments, exactly as many are counted as [`BudgetLimits::refuses`] would
/// allow one after the other. Of racing swaps from one state, exactly one succeeds. Of racing completions,
/// exactly one receives the unverified codes.
#[async_trait]
pub trait Budgets: Send + Sync + std::fmt::Debug {
    /// Returns the user's history on a channel. It is empty if we sent nothing yet.
    async fn history(&self, user: &UserId, channel: Channel) -> Result<SendHistory, PortError>;

    /// Returns the user's history, and the counts of each counter if it has any. The counts may be a moment
    /// old.
    async fn read(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError>;

    /// Replaces `before` by `after`. Returns false, and changes nothing, if the history has changed since
    /// `before`.
    async fn swap_history(
        &self,
        user: &UserId,
        channel: Channel,
        before: &SendHistory,
        after: &SendHistory,
    ) -> Result<bool, PortError>;

    /// Records that the user signed in or confirmed. With `takes_unverified_codes`, this also removes the
    /// unverified codes from the history and returns them. A user to whom we sent nothing stays without
    /// history.
    async fn record_completion(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_unverified_codes: bool,
    ) -> Result<Option<super::UnverifiedCodes>, PortError>;

    /// Counts one message on every counter whose limits allow it, and swaps the history. After an error, it
    /// is unknown which parts were written.
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
