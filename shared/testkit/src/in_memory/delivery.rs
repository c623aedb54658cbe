use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    delivery::{
        Channel,
        send_leases::{DeliveryId, Lease, SendLeases, SendOutcome},
        toll_fraud::{
            BudgetCounter, BudgetCounts, Budgets, CounterIncrement, Credit, IncrementOutcome, Reservation,
            ReservationOutcome, SendHistory, TrustLevel, UnverifiedCodes,
        },
    },
    kernel::{PortError, UserId},
};

use super::InMemoryTable;

#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed {
    pub(super) attempts: u32,
    pub(super) first_seen: Timestamp,
    pub(super) until: Timestamp,
    pub(super) outcome: Option<SendOutcome>,
}

/// One day of a counter.
#[derive(Debug, Default, Clone)]
pub(super) struct Day {
    pub(super) all: u32,
    pub(super) open: u32,
    /// All codes and open codes, by hour.
    pub(super) hours: HashMap<u8, (u32, u32)>,
    pub(super) unverified: i64,
}

impl Day {
    fn counts(&self, hour: u8) -> BudgetCounts {
        let (in_hour, open_in_hour) = self.hours.get(&hour).copied().unwrap_or_default();
        BudgetCounts {
            day: self.all,
            open_day: self.open,
            hour: in_hour,
            open_hour: open_in_hour,
            unverified: self.unverified,
        }
    }

    fn count(&mut self, increment: &CounterIncrement, add: fn(u32) -> u32, unverified: i64) {
        let (in_hour, open_in_hour) = self.hours.entry(increment.hour).or_default();
        (self.all, *in_hour) = (add(self.all), add(*in_hour));
        if increment.trust < TrustLevel::Established {
            (self.open, *open_in_hour) = (add(self.open), add(*open_in_hour));
        }
        if increment.trust == TrustLevel::Unverified {
            self.unverified += unverified;
        }
    }
}

impl InMemoryTable {
    fn increment(&self, increment: &CounterIncrement) -> Result<IncrementOutcome, PortError> {
        let mut state = self.state()?;
        let counted = state.counters.get(&increment.counter).map(|day| day.counts(increment.hour));
        if let Some(refused) = increment.limits.refuses(&counted.unwrap_or_default(), increment.trust) {
            return Ok(IncrementOutcome::Refused(refused));
        }
        state.counters.entry(increment.counter.clone()).or_default().count(increment, |count| count + 1, 1);
        Ok(IncrementOutcome::Counted)
    }
}

#[async_trait]
impl Budgets for InMemoryTable {
    async fn history(&self, user: &UserId, channel: Channel) -> Result<SendHistory, PortError> {
        Ok(self.state()?.history.get(&(user.clone(), channel)).cloned().unwrap_or_default())
    }

    async fn read(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
        let history = Budgets::history(self, user, channel).await?;
        let state = self.state()?;
        let seen = counters.iter().map(|counter| Some(state.counters.get(counter)?.counts(hour))).collect();
        Ok((history, seen))
    }

    async fn swap_history(
        &self,
        user: &UserId,
        channel: Channel,
        before: &SendHistory,
        after: &SendHistory,
    ) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let kept = state.history.entry((user.clone(), channel)).or_default();
        if kept.version != before.version {
            return Ok(false);
        }
        *kept = after.clone();
        Ok(true)
    }

    async fn record_completion(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_unverified_codes: bool,
    ) -> Result<Option<UnverifiedCodes>, PortError> {
        let mut state = self.state()?;
        let Some(kept) = state.history.get_mut(&(user.clone(), channel)) else { return Ok(None) };
        kept.completed_at = Some(at);
        kept.version += 1;
        Ok(if takes_unverified_codes { kept.unverified_codes.take() } else { None })
    }

    async fn reserve(&self, reservation: &Reservation<'_>) -> Result<ReservationOutcome, PortError> {
        let Reservation { user, channel, history, increments } = *reservation;
        let swapped = match history {
            Some((before, after)) => Budgets::swap_history(self, user, channel, before, after).await,
            None => Ok(true),
        };
        Ok(ReservationOutcome {
            swapped,
            increments: increments.iter().map(|increment| self.increment(increment)).collect(),
        })
    }

    async fn release_increment(&self, increment: &CounterIncrement) -> Result<(), PortError> {
        if let Some(day) = self.state()?.counters.get_mut(&increment.counter) {
            day.count(increment, |count| count - 1, -1);
        }
        Ok(())
    }

    async fn credit(&self, credit: &Credit) -> Result<(), PortError> {
        let mut state = self.state()?;
        if let Some(day) = state.counters.get_mut(&credit.counter) {
            let left = day.unverified - i64::from(credit.codes);
            if left >= -i64::from(credit.max_credit) {
                day.unverified = left;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl SendLeases for InMemoryTable {
    async fn acquire(&self, id: &DeliveryId, now: Timestamp, until: Timestamp) -> Result<Lease, PortError> {
        let mut state = self.state()?;
        let new = Claimed { attempts: 0, first_seen: now, until: now, outcome: None };
        let claimed = state.claims.entry(id.clone()).or_insert(new);
        if claimed.outcome.is_some() {
            return Ok(Lease::Completed);
        }
        if now < claimed.until {
            return Ok(Lease::Held { until: claimed.until });
        }
        claimed.attempts += 1;
        claimed.until = until;
        Ok(Lease::Acquired { attempt: claimed.attempts, first_seen: claimed.first_seen })
    }

    async fn complete(
        &self,
        id: &DeliveryId,
        attempt: u32,
        outcome: SendOutcome,
        _: Timestamp,
    ) -> Result<(), PortError> {
        let mut state = self.state()?;
        let Some(claimed) = state.claims.get_mut(id) else { return Ok(()) };
        let is_sent = |outcome: &SendOutcome| matches!(outcome, SendOutcome::Sent { .. });
        let counts = if is_sent(&outcome) {
            !claimed.outcome.as_ref().is_some_and(is_sent)
        } else {
            claimed.attempts == attempt && claimed.outcome.is_none()
        };
        if counts {
            claimed.outcome = Some(outcome);
        }
        Ok(())
    }
}
