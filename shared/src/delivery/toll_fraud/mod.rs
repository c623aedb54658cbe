//! Toll-fraud governor: may this message be paid for?
//!
//! Pumping fraud makes us send text messages to numbers whose owner earns from each. What it can't do
//! without becoming an honest customer is to enter the codes. So three things are asked of a message,
//! in this order:
//!
//! 1. Are its country and the type of its number allowed?
//! 2. Is the user's last message old enough (the cool-down)?
//! 3. Has every budget room: of the user, the destination, the number's range (its last four digits
//!    aside), its prefix (its last seven aside), its country, and all together? Each has a limit an
//!    hour and a day, and a limit of codes to *unverified* numbers that were not entered. A number
//!    that gets verified pays back its codes and earns its range, prefix and country further ones, so
//!    that sending goes on where codes are entered and stops where they are not.
//!
//! Numbers that are verified don't meet the last limit at all, and numbers that were verified a day
//! ago are *established*: at least half of each budget is kept for them. A flood comes from numbers
//! that are neither. In a user's and a destination's own budgets the reserve is only for codes that
//! were requested with the password or a token: a caller who knows only the name can request the others.
//!
//! One request reads all of it, and where it refuses nothing is written. Another one has a conditional
//! write for each counter. Where one of them refuses after all, what the others had counted is given back.

mod budgets;
mod numbers;
mod rules;
mod send_history;

use std::sync::Arc;

use futures::future::join_all;
use jiff::{Timestamp, civil::Date};

pub use budgets::{
    BudgetCounter, BudgetCounts, BudgetLimits, BudgetRefusal, BudgetWindow, Budgets, CounterIncrement,
    Credit, Reservation, ReservationOutcome, TrustLevel,
};
pub use numbers::{Country, InvalidCountry, NumberType, Numbering};
pub use rules::GovernorRules;
use send_history::SentMessage;
pub use send_history::{LastSend, Requester, SendHistory, UnverifiedCodes};

use super::{Channel, DeliveryId, Purpose};
use crate::{
    config::Environment,
    kernel::{EmailAddress, HashKey, PhoneNumber, PortError, UserId},
    telemetry::dependency_failed,
};

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    Sms(PhoneNumber),
    Email(EmailAddress),
}

impl Destination {
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }
}

/// A request for permission to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRequest {
    pub user: UserId,
    pub destination: Destination,
    /// The event says that the address is verified. False for `UpdateUserAttribute`, whatever it
    /// says: there the attribute is new, and the word may be of the old one (cognito.md §1.15).
    pub is_verified: bool,
    pub purpose: Purpose,
}

/// Why a message is not sent. For operators: the user is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotSent {
    CountryNotAllowed,
    NumberTypeNotAllowed,
    /// The last message is too young, or another one is on its way right now.
    CoolDown,
    /// Too many codes were sent there that were not entered.
    NothingVerified(BudgetScope),
    /// One of the budgets is used up.
    BudgetUsedUp(BudgetScope),
}

impl NotSent {
    /// For audit lines and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::CountryNotAllowed => "country-not-allowed",
            Self::NumberTypeNotAllowed => "number-type-not-allowed",
            Self::CoolDown => "cool-down",
            Self::NothingVerified(_) => "nothing-verified",
            Self::BudgetUsedUp(_) => "budget-used-up",
        }
    }

    pub fn scope(self) -> Option<BudgetScope> {
        match self {
            Self::NothingVerified(scope) | Self::BudgetUsedUp(scope) => Some(scope),
            Self::CountryNotAllowed | Self::NumberTypeNotAllowed | Self::CoolDown => None,
        }
    }
}

/// What a budget is counted by, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BudgetScope {
    User,
    Destination,
    /// Numbers that differ in their last four digits only: what is rented for pumping in one piece.
    NumberRange,
    /// Numbers that differ in their last seven digits only: an area code, a part of an operator.
    NumberPrefix,
    Country,
    All,
}

impl BudgetScope {
    /// Whether the budget counts messages of one user only.
    fn is_personal(self) -> bool {
        matches!(self, Self::User | Self::Destination)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Destination => "destination",
            Self::NumberRange => "number-range",
            Self::NumberPrefix => "number-prefix",
            Self::Country => "country",
            Self::All => "all",
        }
    }
}

/// The decision on an [`AdmissionRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmissionDecision {
    /// Send the message; it is counted already.
    Admitted(AdmissionReceipt),
    /// Send the message although it would be withheld: dry run. Not counted.
    DryRun(Withheld),
    Withheld(Withheld),
}

/// Why a message is withheld, for audit lines, log lines and metrics. Contains no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub reason: NotSent,
    pub origin: NumberOrigin,
}

/// Where a phone number is from. Empty for e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberOrigin {
    pub country: Option<Country>,
    /// Calling code and further digits, without the last seven.
    pub prefix: Option<String>,
}

impl NumberOrigin {
    /// For the line of a metric.
    pub fn facts(&self) -> Vec<(&'static str, &str)> {
        let country = self.country.as_ref().map(|country| ("country", country.code()));
        let prefix = self.prefix.as_deref().map(|prefix| ("prefix", prefix));
        country.into_iter().chain(prefix).collect()
    }
}

/// What was counted for an admitted message, for [`Governor::release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionReceipt {
    pub origin: NumberOrigin,
    /// The message goes to an unverified number: [`Governor::record_completion`] tells if its code was entered.
    pub is_unverified: bool,
    user: UserId,
    channel: Channel,
    /// Before and after.
    history: Option<Box<(SendHistory, SendHistory)>>,
    increments: Vec<CounterIncrement>,
}

/// A completed sign-in or confirmation, with the address as the event has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub user: UserId,
    pub destination: Destination,
    pub is_verified: bool,
}

/// What a [`Governor`] is set up with: the policy and `MFA_HASH_KEY`.
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

/// Decides what is sent. Its rules are the policy's, its memory is [`Budgets`].
#[derive(Clone)]
pub struct Governor {
    rules: GovernorRules,
    budgets: Arc<dyn Budgets>,
    hash_key: HashKey,
}

impl Governor {
    pub fn new(rules: GovernorRules, budgets: Arc<dyn Budgets>, hash_key: HashKey) -> Self {
        Self { rules, budgets, hash_key }
    }

    /// Decides over a message and counts it, once for each delivery: who asks again for the one that was admitted last
    /// hears the same and is not counted. (Notices leave nothing to know them by: they are counted again.)
    ///
    /// Two round trips, whatever the number of counters; a third where others write the same counters or the same
    /// user's history at that moment, and where something has to be given or paid back.
    pub async fn admit(
        &self,
        delivery: &DeliveryId,
        admission: &AdmissionRequest,
        now: Timestamp,
    ) -> Result<AdmissionDecision, PortError> {
        let target = self.target(&admission.user, &admission.destination);
        if let Some(reason) = target.numbering.and_then(|numbering| self.rules.refuses(numbering)) {
            return Ok(self.withheld(reason, target.origin));
        }
        let policy = self.rules.policy();
        let requester = Requester::of(admission.purpose);
        let window = BudgetWindow::of(now);
        let counters = self.counters(&target, requester, window);
        let (before, seen) =
            self.budgets.read(&admission.user, target.channel, window.hour, &counters).await?;
        let trust = before.trust_level(policy, &target.destination, admission.is_verified, now);
        if before.has_admitted(requester, delivery) {
            // The counters of the first attempt are not known any more. Its cool-down is still
            // there to be taken back.
            let forgotten = before.without_last(requester);
            return Ok(AdmissionDecision::Admitted(AdmissionReceipt {
                origin: target.origin,
                is_unverified: trust == TrustLevel::Unverified,
                user: admission.user.clone(),
                channel: target.channel,
                history: Some(Box::new((forgotten, before))),
                increments: Vec::new(),
            }));
        }
        if before.is_cooling_down(policy, requester, now) {
            return Ok(self.withheld(NotSent::CoolDown, target.origin));
        }
        let increments = self.increments(counters.into_iter().zip(seen), trust, requester, window);
        let refused = increments
            .iter()
            .filter_map(|increment| Some((increment.counter.scope, increment.refused_by_seen()?)));
        if let Some(reason) = refusal(refused) {
            return Ok(self.withheld(reason, target.origin));
        }
        let message = SentMessage {
            delivery,
            requester,
            destination: &target.destination,
            is_verified: admission.is_verified,
            day: window.day,
        };
        let after = before.after_send(policy, &message, now);
        // Notices of two changes at a time both go out: neither is in the other's way.
        let history = (requester != Requester::System).then_some((&before, &after));
        let reservation =
            Reservation { user: &admission.user, channel: target.channel, history, increments: &increments };
        let ReservationOutcome { mut swapped, increments: mut outcomes } =
            self.budgets.reserve(&reservation).await?;
        if matches!(swapped, Ok(false)) {
            let kept = self.budgets.read(&admission.user, target.channel, window.hour, &[]).await;
            swapped = kept.map(|(kept, _)| kept.has_admitted(requester, delivery));
            if matches!(swapped, Ok(true)) {
                // It was ours, and the answer was lost. So what is full now may be so by us: it had room.
                outcomes
                    .iter_mut()
                    .filter(|outcome| matches!(outcome, Ok(Err(_))))
                    .for_each(|full| *full = Ok(Ok(())));
            }
        }

        let refused = increments.iter().zip(&outcomes).filter_map(|(increment, outcome)| match outcome {
            Ok(Err(refused)) => Some((increment.counter.scope, *refused)),
            Ok(Ok(())) | Err(_) => None,
        });
        // Where nothing refuses and not all is taken, another message was swapped in, or a fault.
        let reason = match &swapped {
            Ok(false) => NotSent::CoolDown,
            _ => refusal(refused).unwrap_or(NotSent::CoolDown),
        };
        let is_swapped = swapped.as_ref().is_ok_and(|swapped| *swapped);
        let taken = |outcome: &Result<_, _>| matches!(outcome, Ok(Ok(())));
        let all_taken = is_swapped && outcomes.iter().all(taken);
        // A notice leaves the unverified codes where it is: it would be paid back with each.
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
            // Verified without our having been told: an attribute's verification runs no trigger.
            if let Some(unverified_codes) = unverified_codes {
                self.repay(&target, &unverified_codes).await;
            }
            return Ok(AdmissionDecision::Admitted(receipt));
        }
        self.release(receipt).await;
        swapped?;
        for outcome in outcomes {
            // A refusal is an answer; what could not be asked is a fault.
            let _: Result<(), BudgetRefusal> = outcome?;
        }
        Ok(self.withheld(reason, target.origin))
    }

    /// Forgets an admitted message that no provider took. Best effort: what stays counted is gone
    /// with the day.
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

    /// Notes a completed sign-in or confirmation: the next code need not cool down, and if codes went
    /// to this destination while it was unverified, they are paid back. Gives the origin of a number
    /// that was verified by them. One write; a second round trip after a verification only.
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
        // Codes to another destination than the one that is verified now prove nothing.
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

    /// What a message of this requester is counted by.
    fn counters(
        &self,
        target: &SendTarget,
        requester: Requester,
        window: BudgetWindow,
    ) -> Vec<BudgetCounter> {
        let counter = |(scope, name): &(BudgetScope, String)| {
            // Notices are counted apart in what is the user's own: they use up no codes.
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
        // The hash is hexadecimal: its first four digits spread evenly over a few shards.
        let hash = target.destination.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let shard = u8::try_from(hash.unwrap_or_default() % u16::from(shards)).unwrap_or_default();
        BudgetCounter { channel: target.channel, scope, name: name.to_owned(), shard, day }
    }

    /// Best effort: without it, a range waits until tomorrow for what it earned.
    async fn repay(&self, target: &SendTarget, unverified_codes: &UnverifiedCodes) {
        let credits: Vec<_> = target
            .scopes
            .iter()
            .map(|(scope, name)| {
                let earned = if scope.is_personal() { 0 } else { self.rules.policy().earned_per_verified };
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

impl std::fmt::Debug for Governor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Governor").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Where a message goes, as the counters name it.
struct SendTarget {
    channel: Channel,
    /// Keyed hash.
    destination: String,
    numbering: Option<Numbering>,
    origin: NumberOrigin,
    scopes: Vec<(BudgetScope, String)>,
}

/// The first digits of a number: never fewer than three, so that tiny countries keep apart.
fn without_last(number: &PhoneNumber, digits: usize) -> String {
    let text = number.expose().trim_start_matches('+');
    let kept = text.len().saturating_sub(digits).max(3);
    text.get(..kept).unwrap_or(text).to_owned()
}

/// Returns the most telling of several refusals: unverified codes first, then a budget; the narrowest first.
fn refusal(refused: impl IntoIterator<Item = (BudgetScope, BudgetRefusal)>) -> Option<NotSent> {
    let reasons = refused.into_iter().map(|(scope, refused)| match refused {
        BudgetRefusal::NothingVerified => NotSent::NothingVerified(scope),
        BudgetRefusal::UsedUp => NotSent::BudgetUsedUp(scope),
    });
    reasons.min()
}
