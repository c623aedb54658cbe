//! What is counted, and by which rule a count refuses.

use async_trait::async_trait;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Scope, correspondence::Correspondence};
use crate::{
    config::BudgetPolicy,
    delivery::Channel,
    kernel::{PortError, UserId},
};

/// A UTC day or an hour of it: windows stand still, so that a counter is one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub day: Date,
    pub hour: u8,
}

impl Window {
    pub fn of(at: Timestamp) -> Self {
        let local = at.to_zoned(TimeZone::UTC);
        Self { day: local.date(), hour: u8::try_from(local.hour()).unwrap_or_default() }
    }
}

/// What one counter counts: a day of one scope, of one shard of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counter {
    pub channel: Channel,
    pub scope: Scope,
    /// By scope: the `sub`, a keyed hash of the destination or the range, the prefix's digits, the
    /// country's code, nothing. Never an address.
    pub name: String,
    /// A key takes 1,000 writes a second; the destination's hash says which shard counts it.
    pub shard: u8,
    pub day: Date,
}

/// How far the number's owner is known. The order is that of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nobody has shown yet that they read what is sent there. A flood consists of these.
    Unverified,
    /// Verified, but not for long enough.
    Verified,
    /// Verified for longer than a flood lasts: may use the reserve.
    Established,
}

/// The limits of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_hour: u32,
    pub per_day: u32,
    /// The part of both that is open to all; the rest is the reserve of the established.
    pub open_per_hour: u32,
    pub open_per_day: u32,
    /// Codes to unverified numbers that nobody has entered.
    pub unverified: u32,
}

impl Limits {
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
    pub fn refuses(&self, counts: &Counts, standing: Standing) -> Option<Refused> {
        let used_up = counts.hour >= self.per_hour || counts.day >= self.per_day;
        let open_used_up = counts.open_hour >= self.open_per_hour || counts.open_day >= self.open_per_day;
        if standing == Standing::Unverified && counts.unverified >= i64::from(self.unverified) {
            Some(Refused::NothingVerified)
        } else if used_up || standing < Standing::Established && open_used_up {
            Some(Refused::UsedUp)
        } else {
            None
        }
    }
}

/// Where a counter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub day: u32,
    pub open_day: u32,
    pub hour: u32,
    pub open_hour: u32,
    /// Codes to unverified numbers, less what was paid back by verifications. Below 0: credit.
    pub unverified: i64,
}

/// One more message, as one counter sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub counter: Counter,
    pub hour: u8,
    pub standing: Standing,
    pub limits: Limits,
    /// Where the counter stood a moment ago; None: there is none yet today. It says how to write, not
    /// whether: what has changed since costs a further request, no more.
    pub seen: Option<Counts>,
}

impl Charge {
    /// What its limits say to where the counter stood.
    pub fn refused_by_seen(&self) -> Option<Refused> {
        self.limits.refuses(&self.seen.unwrap_or_default(), self.standing)
    }
}

/// What one message changes.
#[derive(Debug, Clone, Copy)]
pub struct Booking<'a> {
    pub user: &'a UserId,
    pub channel: Channel,
    /// Before and after, for [`Budgets::swap`]. None: it stays as it is.
    pub correspondence: Option<(&'a Correspondence, &'a Correspondence)>,
    pub charges: &'a [Charge],
}

/// What became of each part of a [`Booking`].
#[derive(Debug)]
pub struct Booked {
    /// As [`Budgets::swap`] tells; true if there was nothing to swap.
    pub swapped: Result<bool, PortError>,
    /// One for each charge, in order: counted, or refused by its limits.
    pub charges: Vec<Result<Result<(), Refused>, PortError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The hour or the day has no room left for this standing.
    UsedUp,
    /// Too many codes were sent here that nobody entered.
    NothingVerified,
}

/// A verification pays back what its codes had cost, and more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repayment {
    pub counter: Counter,
    pub codes: u32,
    /// Credit grows up to this.
    pub most_credit: u32,
}

/// Keeps the counters and each user's correspondence.
///
/// Contract: `repay`, `swap`, `settle` and each part of a booking are one conditional write. A booking
/// is one request, or two; it is no transaction, so what one part counted stands when another is refused.
/// Of any number of racing charges exactly as many are taken as [`Limits::refuses`] lets pass one after
/// the other. Of racing swaps from one state exactly one succeeds; of racing settlements of
/// one debt exactly one sees it.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// The user's correspondence on a channel; the empty one if there is none.
    async fn correspondence(&self, user: &UserId, channel: Channel) -> Result<Correspondence, PortError>;

    /// The same, and where each counter stands; None: there is none yet. The counters may be a moment old.
    async fn look_up(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[Counter],
    ) -> Result<(Correspondence, Vec<Option<Counts>>), PortError>;

    /// Replaces `before` by `after`. False: it is not `before` any more, and nothing is changed.
    async fn swap(
        &self,
        user: &UserId,
        channel: Channel,
        before: &Correspondence,
        after: &Correspondence,
    ) -> Result<bool, PortError>;

    /// Notes that the user signed in or confirmed, and with `takes_debt` takes the debt out. Gives
    /// the debt that was taken. A user to whom nothing was ever sent stays without correspondence.
    async fn settle(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_debt: bool,
    ) -> Result<Option<super::Debt>, PortError>;

    /// Counts one message on every counter whose limits don't refuse it, and swaps the correspondence. An
    /// error is that of the request as a whole: what of it was done is not known.
    async fn book(&self, booking: &Booking<'_>) -> Result<Booked, PortError>;

    /// Takes a charge back. Once for each charge that was taken.
    async fn give_back(&self, charge: &Charge) -> Result<(), PortError>;

    /// Pays back, unless the credit would pass its most.
    async fn repay(&self, repayment: &Repayment) -> Result<(), PortError>;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LIMITS: Limits =
        Limits { per_hour: 10, per_day: 20, open_per_hour: 5, open_per_day: 10, unverified: 3 };

    fn counts(day: u32, open_day: u32, hour: u32, open_hour: u32, unverified: i64) -> Counts {
        Counts { day, open_day, hour, open_hour, unverified }
    }

    #[rstest]
    #[case(counts(0, 0, 0, 0, 0), [None, None, None])]
    #[case(counts(3, 3, 3, 3, 3), [Some(Refused::NothingVerified), None, None])]
    #[case(counts(5, 5, 5, 5, -3), [Some(Refused::UsedUp), Some(Refused::UsedUp), None])]
    #[case(counts(10, 10, 0, 0, 0), [Some(Refused::UsedUp), Some(Refused::UsedUp), None])]
    #[case(counts(9, 4, 9, 4, 2), [None, None, None])]
    #[case(counts(10, 0, 10, 0, 0), [Some(Refused::UsedUp); 3])]
    #[case(counts(20, 0, 0, 0, 0), [Some(Refused::UsedUp); 3])]
    fn the_reserve_is_for_the_established_and_floods_are_unverified(
        #[case] counts: Counts,
        #[case] expected: [Option<Refused>; 3],
    ) {
        let standings = [Standing::Unverified, Standing::Verified, Standing::Established];
        assert_eq!(standings.map(|standing| LIMITS.refuses(&counts, standing)), expected);
    }

    #[test]
    fn shards_share_a_limit_and_the_reserve_is_rounded_up() {
        let policy = BudgetPolicy { per_hour: 15, per_day: 31, unverified: 7, shards: 3 };
        let limits = Limits { per_hour: 5, per_day: 10, open_per_hour: 2, open_per_day: 5, unverified: 2 };
        assert_eq!(Limits::of(&policy, 50), limits);
        let most = BudgetPolicy { per_hour: u32::MAX, per_day: u32::MAX, unverified: 1, shards: 1 };
        assert_eq!(Limits::of(&most, 50).open_per_hour, u32::MAX / 2);
    }
}
