//! The toll-fraud governor: decides whether we pay for a message.
//!
//! In pumping fraud, an attacker makes us send text messages to numbers whose owner earns from each. But the
//! attacker cannot enter the codes without becoming an honest customer. So the governor asks three questions
//! about a message, in this order:
//!
//! 1. Are its country and the type of its number allowed?
//! 2. Is the user's last message old enough (the cool-down)? The first three codes in a row need no wait.
//! 3. Has every budget room? There are budgets for the user, the destination, the number's range, prefix and
//!    country, and for all messages together. A range lacks the number's last four digits, a prefix the last
//!    seven. Each budget has limits per hour and day, and a limit of codes to *unverified* numbers that were
//!    not entered. A newly verified number pays back its codes and adds further ones to its range, prefix and
//!    country. So sending goes on where users enter codes, and stops where they do not.
//!
//! Verified numbers are exempt from the last limit. Numbers that were verified a day ago are *established*: at
//! least half of each budget is reserved for them. The numbers of a flood are neither. In the budgets of a user
//! and of a destination, the reserve is only for codes that were requested with the password or a token. A
//! caller who knows only the name can request the others.
//!
//! One request reads everything. If it finds a refusal, nothing is written. Otherwise, a second request has a
//! conditional write for each counter. If one of these writes refuses, the counts of the others are given back.

mod admission;
mod budgets;
mod numbers;
mod rules;
mod send_history;

use std::sync::Arc;

use futures::future::join_all;
use jiff::{Timestamp, civil::Date};

use admission::NumberOrigin;
pub use admission::{
    AdmissionDecision, AdmissionReceipt, AdmissionRequest, BudgetScope, Completion, Destination, NotSent,
    Withheld,
};
pub use budgets::{
    BudgetCounter, BudgetCounts, BudgetLimits, BudgetRefusal, BudgetWindow, Budgets, CounterIncrement,
    Credit, IncrementOutcome, Reservation, ReservationOutcome, TrustLevel,
};
pub use numbers::{Country, NumberType, Numbering};
pub use rules::{GovernorRules, NumberRules};
use send_history::SentMessage;
pub use send_history::{LastSend, Requester, SendHistory, UnverifiedCodes};

use super::{Channel, Purpose, send_leases::DeliveryId};
use crate::{
    config::Environment,
    kernel::{HashKey, PhoneNumber, PortError, UserId},
    telemetry::dependency_failed,
};

/// The settings of a [`Governor`]: the policy and `MFA_HASH_KEY`.
#[derive(Debug, Clone)]
pub struct GovernorSettings {
    rules: GovernorRules,
    hash_key: HashKey,
}

impl GovernorSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy();
        Self { rules: GovernorRules::read(&policy, environment), hash_key: environment.hash_key() }
    }

    pub fn governor(self, budgets: Arc<dyn Budgets>) -> Governor {
        Governor::new(self.rules, budgets, self.hash_key)
    }
}

/// Decides which messages are sent, by the rules of the policy and the counts in [`Budgets`].
#[derive(Debug, Clone)]
pub struct Governor {
    rules: GovernorRules,
    budgets: Arc<dyn Budgets>,
    hash_key: HashKey,
}

impl Governor {
    pub fn new(rules: GovernorRules, budgets: Arc<dyn Budgets>, hash_key: HashKey) -> Self {
        Self { rules, budgets, hash_key }
    }

    /// Decides on a message and counts it, once per delivery. If the last admitted delivery is repeated, it
    /// is admitted again without a count. (We keep no record of the last notice, so a repeated one is counted
    /// again.)
    ///
    /// This takes two round trips, whatever the number of counters. Further ones are needed after a concurrent
    /// write to the same counters or history, or if something must be given or paid back.
    pub async fn admit(
        &self,
        delivery: &DeliveryId,
        admission: &AdmissionRequest,
        now: Timestamp,
    ) -> Result<AdmissionDecision, PortError> {
        // Each lost race means that another message or completion of the user was counted. Messages of both kinds
        // of requesters share one history.
        for _ in 0..=2 * self.rules.policy().codes_before_cool_down {
            if let Some(decision) = self.decide(delivery, admission, now).await? {
                return Ok(decision);
            }
        }
        let target = self.target(&admission.user, &admission.destination);
        Ok(self.withheld(NotSent::CoolDown, target.origin))
    }

    /// Returns the decision, or `None` if another message of the user was counted at the same time.
    async fn decide(
        &self,
        delivery: &DeliveryId,
        admission: &AdmissionRequest,
        now: Timestamp,
    ) -> Result<Option<AdmissionDecision>, PortError> {
        let target = self.target(&admission.user, &admission.destination);
        if let Some(reason) = target.numbering.and_then(|numbering| self.rules.numbers().refuse(numbering)) {
            return Ok(Some(self.withheld(reason, target.origin)));
        }
        let policy = self.rules.policy();
        let requester = Requester::of(admission.purpose);
        let window = BudgetWindow::of(now);
        let counters = self.counters(&target, requester, window);
        let (before, seen) =
            self.budgets.read(&admission.user, target.channel, window.hour, &counters).await?;
        let trust = before.trust_level(policy, &target.destination, admission.is_verified, now);
        if before.has_admitted(requester, delivery) {
            // We no longer know the counters of the first attempt, but we can still take back its cool-down.
            let forgotten = before.without_last(requester);
            return Ok(Some(AdmissionDecision::Admitted(AdmissionReceipt {
                origin: target.origin,
                is_unverified: trust == TrustLevel::Unverified,
                user: admission.user.clone(),
                channel: target.channel,
                history: Some(Box::new((forgotten, before))),
                increments: Vec::new(),
            })));
        }
        if before.is_cooling_down(policy, requester, now) {
            return Ok(Some(self.withheld(NotSent::CoolDown, target.origin)));
        }
        let increments = self.increments(counters.into_iter().zip(seen), trust, requester, window);
        let refused = increments
            .iter()
            .filter_map(|increment| Some((increment.counter.scope, increment.refused_by_seen()?)));
        if let Some(reason) = refusal(refused) {
            return Ok(Some(self.withheld(reason, target.origin)));
        }
        let message = SentMessage {
            delivery,
            requester,
            destination: &target.destination,
            is_verified: admission.is_verified,
            day: window.day,
        };
        let after = before.after_send(policy, &message, now);
        // Notices do not swap the history, so that the notices of two simultaneous changes are both sent.
        let history = (requester != Requester::System).then_some((&before, &after));
        let reservation =
            Reservation { user: &admission.user, channel: target.channel, history, increments: &increments };
        let ReservationOutcome { mut swapped, increments: mut outcomes } =
            self.budgets.reserve(&reservation).await?;
        if matches!(swapped, Ok(false)) {
            let kept = self.budgets.read(&admission.user, target.channel, window.hour, &[]).await;
            swapped = kept.map(|(kept, _)| kept.has_admitted(requester, delivery));
            if matches!(swapped, Ok(true)) {
                // Our write succeeded, but its response was lost. The repeated write finds the counters with
                // our own increment. A counter that seems full had room for it.
                outcomes
                    .iter_mut()
                    .filter(|outcome| matches!(outcome, Ok(IncrementOutcome::Refused(_))))
                    .for_each(|full| *full = Ok(IncrementOutcome::Counted));
            }
        }

        let refused = increments.iter().zip(&outcomes).filter_map(|(increment, outcome)| match outcome {
            Ok(IncrementOutcome::Refused(refused)) => Some((increment.counter.scope, *refused)),
            Ok(IncrementOutcome::Counted) | Err(_) => None,
        });
        // A counter may be full only because of requests that lost the same race. So we decide again.
        let reason = if matches!(swapped, Ok(false)) { None } else { refusal(refused) };
        let is_swapped = swapped.as_ref().is_ok_and(|swapped| *swapped);
        let taken = |outcome: &Result<_, _>| matches!(outcome, Ok(IncrementOutcome::Counted));
        let all_taken = is_swapped && outcomes.iter().all(taken);
        // A notice does not take the unverified codes, because each notice would then pay them back.
        let takes_unverified_codes =
            requester != Requester::System && admission.is_verified && after.unverified_codes.is_none();
        let unverified_codes =
            before.unverified_codes.clone().filter(|_| all_taken && takes_unverified_codes);
        let receipt = AdmissionReceipt {
            origin: target.origin.clone(),
            is_unverified: trust == TrustLevel::Unverified,
            user: admission.user.clone(),
            channel: target.channel,
            history: (is_swapped && requester != Requester::System).then(|| Box::new((before, after))),
            increments: increments
                .into_iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| taken(outcome))
                .map(|(increment, _)| increment)
                .collect(),
        };
        if all_taken {
            // The address was verified without a trigger: Cognito runs none when an attribute is verified.
            if let Some(unverified_codes) = unverified_codes {
                self.repay(&target, &unverified_codes).await;
            }
            return Ok(Some(AdmissionDecision::Admitted(receipt)));
        }
        self.release(receipt).await;
        swapped?;
        for outcome in outcomes {
            // A refusal is a result, and a failed request is a fault.
            let _: IncrementOutcome = outcome?;
        }
        // If no budget refuses and not every part is written, another message was first.
        Ok(reason.map(|reason| self.withheld(reason, target.origin)))
    }

    /// Takes back the counts of a message that no provider accepted, as far as possible. A count that remains
    /// ends with the day.
    pub async fn release(&self, receipt: AdmissionReceipt) {
        let AdmissionReceipt { user, channel, history, increments, .. } = receipt;
        let put_back = async {
            if let Some((before, after)) = history.map(|both| *both) {
                let version = after.version.saturating_add(1);
                let before = SendHistory { version, ..before };
                self.budgets.swap_history(&user, channel, &after, &before).await?;
            }
            Ok(())
        };
        let given_back =
            join_all(increments.iter().map(|increment| self.budgets.release_increment(increment)));
        let (put_back, given_back) = futures::join!(put_back, given_back);
        for fault in given_back.into_iter().chain([put_back]).filter_map(Result::err) {
            dependency_failed(&fault);
        }
    }

    /// Records a completed sign-in or confirmation. The next code then has no cool-down, and unverified codes
    /// to this destination are paid back. Returns the origin of a number whose code verified it. Costs one
    /// write, and a second round trip only after a verification.
    pub async fn record_completion(
        &self,
        completed: &Completion,
        now: Timestamp,
    ) -> Result<Option<NumberOrigin>, PortError> {
        let target = self.target(&completed.user, &completed.destination);
        let taken = self
            .budgets
            .record_completion(&completed.user, target.channel, now, completed.is_verified)
            .await?;
        // Codes to a destination other than the one verified now prove nothing.
        let Some(unverified_codes) =
            taken.filter(|unverified_codes| unverified_codes.destination == target.destination)
        else {
            return Ok(None);
        };
        self.repay(&target, &unverified_codes).await;
        Ok(Some(target.origin))
    }

    fn withheld(&self, reason: NotSent, origin: NumberOrigin) -> AdmissionDecision {
        let withheld = Withheld { reason, origin };
        if self.rules.policy().dry_run {
            AdmissionDecision::DryRun(withheld)
        } else {
            AdmissionDecision::Withheld(withheld)
        }
    }

    fn target(&self, user: &UserId, destination: &Destination) -> SendTarget {
        let mut scopes = vec![(BudgetScope::User, user.as_str().to_owned())];
        let channel = destination.channel();
        let hash = |purpose: &str, text: &str| self.hash_key.hash(purpose, &[text.as_bytes()]);
        let (numbering, origin, destination) = match destination {
            Destination::Email(address) => {
                (None, NumberOrigin::default(), hash("governor.email", &address.expose()))
            }
            Destination::Sms(number) => {
                let numbering = Numbering::of(number);
                let prefix = without_last(number, 7);
                let country = numbering.country.map(|country| country.code().to_owned());
                scopes.extend([
                    (BudgetScope::NumberRange, hash("governor.range", &without_last(number, 4))),
                    (BudgetScope::NumberPrefix, prefix.clone()),
                    (BudgetScope::Country, country.unwrap_or_default()),
                ]);
                let origin = NumberOrigin { country: numbering.country, prefix: Some(prefix) };
                (Some(numbering), origin, hash("governor.sms", number.expose()))
            }
        };
        scopes.extend([(BudgetScope::Destination, destination.clone()), (BudgetScope::All, String::new())]);
        SendTarget { channel, destination, numbering, origin, scopes }
    }

    /// Returns the counters for a message of this requester.
    fn counters(
        &self,
        target: &SendTarget,
        requester: Requester,
        window: BudgetWindow,
    ) -> Vec<BudgetCounter> {
        let counter = |(scope, name): &(BudgetScope, String)| {
            // Notices have separate counters in the user's own scopes, so that they use up no codes.
            let own =
                (requester == Requester::System && scope.is_personal()).then(|| format!("notice:{name}"));
            self.counter(target, *scope, own.as_deref().unwrap_or(name), window.day)
        };
        target.scopes.iter().map(counter).collect()
    }

    fn increments(
        &self,
        counters: impl Iterator<Item = (BudgetCounter, Option<BudgetCounts>)>,
        trust: TrustLevel,
        requester: Requester,
        window: BudgetWindow,
    ) -> Vec<CounterIncrement> {
        let increment = |(counter, seen): (BudgetCounter, _)| CounterIncrement {
            hour: window.hour,
            trust: match requester {
                Requester::Anonymous if counter.scope.is_personal() => trust.min(TrustLevel::Verified),
                _ => trust,
            },
            limits: self.rules.limits(counter.channel, counter.scope),
            seen,
            counter,
        };
        counters.map(increment).collect()
    }

    fn counter(&self, target: &SendTarget, scope: BudgetScope, name: &str, day: Date) -> BudgetCounter {
        let shards = self.rules.budget(target.channel, scope).shards.max(1);
        // The hash is hexadecimal. Its first four digits spread evenly over a few shards.
        let hash = target.destination.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let shard = u8::try_from(hash.unwrap_or_default() % u16::from(shards)).unwrap_or_default();
        BudgetCounter { channel: target.channel, scope, name: name.to_owned(), shard, day }
    }

    /// Pays codes back, as far as possible. If this fails, a range gets its room back tomorrow.
    async fn repay(&self, target: &SendTarget, unverified_codes: &UnverifiedCodes) {
        let credits: Vec<_> = target
            .scopes
            .iter()
            .map(|(scope, name)| {
                let earned =
                    if scope.is_personal() { 0 } else { self.rules.policy().credit_per_verification };
                Credit {
                    counter: self.counter(target, *scope, name, unverified_codes.day),
                    codes: unverified_codes.codes.saturating_add(earned),
                    max_credit: self.rules.limits(target.channel, *scope).unverified,
                }
            })
            .collect();
        let repaid = join_all(credits.iter().map(|credit| self.budgets.credit(credit))).await;
        for fault in repaid.into_iter().filter_map(Result::err) {
            dependency_failed(&fault);
        }
    }
}

/// The destination of a message, with the names that its counters use.
struct SendTarget {
    channel: Channel,
    /// Keyed hash of the address.
    destination: String,
    numbering: Option<Numbering>,
    origin: NumberOrigin,
    scopes: Vec<(BudgetScope, String)>,
}

/// Returns the first digits of a number. At least three remain, so that very small countries stay apart.
fn without_last(number: &PhoneNumber, digits: usize) -> String {
    let text = number.expose().trim_start_matches('+');
    let kept = text.len().saturating_sub(digits).max(3);
    text.get(..kept).unwrap_or(text).to_owned()
}

/// Returns the most telling of several refusals: unverified codes before budgets, and the narrowest scope
/// first.
fn refusal(refused: impl IntoIterator<Item = (BudgetScope, BudgetRefusal)>) -> Option<NotSent> {
    let reasons = refused.into_iter().map(|(scope, refused)| match refused {
        BudgetRefusal::NothingVerified => NotSent::NothingVerified(scope),
        BudgetRefusal::UsedUp => NotSent::BudgetUsedUp(scope),
    });
    reasons.min()
}
