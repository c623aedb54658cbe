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
//!    hour and a day, and a limit of codes to *unverified* numbers that nobody has entered. A number
//!    that gets verified pays back its codes and earns its range, prefix and country further ones, so
//!    that sending goes on where codes are entered and stops where they are not.
//!
//! Numbers that are verified don't meet the last limit at all, and numbers that were verified a day
//! ago are *established*: at least half of each budget is kept for them. A flood comes from numbers
//! that are neither. In a user's and a destination's own budgets the reserve is only for codes that
//! were asked for with the password or a token: anybody who knows the name can ask for others.
//!
//! One request reads all of it, and where it refuses nothing is written. Another one has a conditional
//! write for each counter. Where one of them refuses after all, what the others had counted is given back.

mod budgets;
mod correspondence;
mod numbers;
mod rules;

use std::sync::Arc;

use futures::future::join_all;
use jiff::{Timestamp, civil::Date};

pub use budgets::{
    Booked, Booking, Budgets, Charge, Counter, Counts, Limits, Refused, Repayment, Standing, Window,
};
use correspondence::Message;
pub use correspondence::{Asker, Correspondence, Debt, Sent};
pub use numbers::{Country, InvalidCountry, NumberType, Numbering};
pub use rules::GovernorRules;

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

/// A message that asks to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub user: UserId,
    pub destination: Destination,
    /// The event says that the address is verified. False for `UpdateUserAttribute`, whatever it
    /// says: there the attribute is new, and the word may be of the old one (cognito.md §1.15).
    pub is_verified: bool,
    pub purpose: Purpose,
}

/// Why a message is not sent. For operators: the user hears nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotSent {
    CountryNotAllowed,
    NumberTypeNotAllowed,
    /// The last message is too young, or another one is on its way right now.
    CoolDown,
    /// Too many codes were sent there that nobody entered.
    NothingVerified(Scope),
    /// One of the budgets is used up.
    BudgetUsedUp(Scope),
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

    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::NothingVerified(scope) | Self::BudgetUsedUp(scope) => Some(scope),
            Self::CountryNotAllowed | Self::NumberTypeNotAllowed | Self::CoolDown => None,
        }
    }
}

/// What a budget is counted by, from the narrowest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    User,
    Destination,
    /// Numbers that differ in their last four digits only: what is rented for pumping in one piece.
    NumberRange,
    /// Numbers that differ in their last seven digits only: an area code, a part of an operator.
    NumberPrefix,
    Country,
    All,
}

impl Scope {
    /// Nobody else's messages are counted there.
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

/// What becomes of a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To be sent; it is counted already.
    Admitted(Receipt),
    /// To be sent although it would not be: dry run. Not counted.
    Reported(Withheld),
    Withheld(Withheld),
}

/// All that an audit line, a log line or a metric needs: no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub reason: NotSent,
    pub origin: Origin,
}

/// Where a number is from. Empty for e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub country: Option<Country>,
    /// Calling code and further digits, without the last seven.
    pub prefix: Option<String>,
}

impl Origin {
    /// For the line of a metric.
    pub fn facts(&self) -> Vec<(&'static str, &str)> {
        let country = self.country.as_ref().map(|country| ("country", country.code()));
        let prefix = self.prefix.as_deref().map(|prefix| ("prefix", prefix));
        country.into_iter().chain(prefix).collect()
    }
}

/// What was counted for an admitted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub origin: Origin,
    /// The message goes to an unverified number: [`Governor::settle`] tells if its code was entered.
    pub is_unverified: bool,
    user: UserId,
    channel: Channel,
    /// Before and after.
    correspondence: Option<Box<(Correspondence, Correspondence)>>,
    charges: Vec<Charge>,
}

/// A user who completed a sign-in or a confirmation, with the address as the event has it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
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
    /// user's correspondence at that moment, and where something has to be given or paid back.
    pub async fn admit(
        &self,
        delivery: &DeliveryId,
        demand: &Demand,
        now: Timestamp,
    ) -> Result<Verdict, PortError> {
        let place = self.place(&demand.user, &demand.destination);
        if let Some(reason) = place.numbering.and_then(|numbering| self.rules.refuses(numbering)) {
            return Ok(self.withheld(reason, place.origin));
        }
        let policy = self.rules.policy();
        let asker = Asker::of(demand.purpose);
        let window = Window::of(now);
        let counters = self.counters(&place, asker, window);
        let (before, seen) =
            self.budgets.look_up(&demand.user, place.channel, window.hour, &counters).await?;
        let standing = before.standing(policy, &place.destination, demand.is_verified, now);
        if before.has_admitted(asker, delivery) {
            // What the first attempt was counted by, nobody knows any more; that it made the user wait is still
            // there to be taken back.
            let forgotten = before.without_last(asker);
            return Ok(Verdict::Admitted(Receipt {
                origin: place.origin,
                is_unverified: standing == Standing::Unverified,
                user: demand.user.clone(),
                channel: place.channel,
                correspondence: Some(Box::new((forgotten, before))),
                charges: Vec::new(),
            }));
        }
        if before.is_cooling_down(policy, asker, now) {
            return Ok(self.withheld(NotSent::CoolDown, place.origin));
        }
        let charges = self.charges(counters.into_iter().zip(seen), standing, asker, window);
        let refused =
            charges.iter().filter_map(|charge| Some((charge.counter.scope, charge.refused_by_seen()?)));
        if let Some(reason) = refusal(refused) {
            return Ok(self.withheld(reason, place.origin));
        }
        let message = Message {
            delivery,
            asker,
            destination: &place.destination,
            is_verified: demand.is_verified,
            day: window.day,
        };
        let after = before.sent(policy, &message, now);
        // Notices of two changes at a time both go out: neither is in the other's way.
        let correspondence = (asker != Asker::Us).then_some((&before, &after));
        let booking =
            Booking { user: &demand.user, channel: place.channel, correspondence, charges: &charges };
        let Booked { mut swapped, charges: mut outcomes } = self.budgets.book(&booking).await?;
        if matches!(swapped, Ok(false)) {
            let kept = self.budgets.look_up(&demand.user, place.channel, window.hour, &[]).await;
            swapped = kept.map(|(kept, _)| kept.has_admitted(asker, delivery));
            if matches!(swapped, Ok(true)) {
                // It was ours, and the answer was lost. So what is full now may be so by us: it had room.
                outcomes
                    .iter_mut()
                    .filter(|outcome| matches!(outcome, Ok(Err(_))))
                    .for_each(|full| *full = Ok(Ok(())));
            }
        }

        let refused = charges.iter().zip(&outcomes).filter_map(|(charge, outcome)| match outcome {
            Ok(Err(refused)) => Some((charge.counter.scope, *refused)),
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
        // A notice leaves the debt where it is: it would be paid back with each.
        let takes_debt = asker != Asker::Us && demand.is_verified && after.debt.is_none();
        let debt = before.debt.clone().filter(|_| all_taken && takes_debt);
        let receipt = Receipt {
            origin: place.origin.clone(),
            is_unverified: standing == Standing::Unverified,
            user: demand.user.clone(),
            channel: place.channel,
            correspondence: (is_swapped && asker != Asker::Us).then(|| Box::new((before, after))),
            charges: charges
                .into_iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| taken(outcome))
                .map(|(charge, _)| charge)
                .collect(),
        };
        if all_taken {
            // Verified without our having been told: an attribute's verification runs no trigger.
            if let Some(debt) = debt {
                self.repay(&place, &debt).await;
            }
            return Ok(Verdict::Admitted(receipt));
        }
        self.give_back(receipt).await;
        swapped?;
        for outcome in outcomes {
            // A refusal is an answer; what could not be asked is a fault.
            let _: Result<(), Refused> = outcome?;
        }
        Ok(self.withheld(reason, place.origin))
    }

    /// Forgets an admitted message that no provider took. Best effort: what stays counted is gone
    /// with the day.
    pub async fn give_back(&self, receipt: Receipt) {
        let Receipt { user, channel, correspondence, charges, .. } = receipt;
        let put_back = async {
            if let Some((before, after)) = correspondence.map(|both| *both) {
                let version = after.version.saturating_add(1);
                let before = Correspondence { version, ..before };
                self.budgets.swap(&user, channel, &after, &before).await?;
            }
            Ok(())
        };
        let given_back = join_all(charges.iter().map(|charge| self.budgets.give_back(charge)));
        let (put_back, given_back) = futures::join!(put_back, given_back);
        for fault in given_back.into_iter().chain([put_back]).filter_map(Result::err) {
            dependency_failed(&fault);
        }
    }

    /// Notes a completed sign-in or confirmation: the next code need not cool down, and if codes went
    /// to this destination while it was unverified, they are paid back. Gives the origin of a number
    /// that was verified by them. One write; a second round trip after a verification only.
    pub async fn settle(&self, completed: &Completed, now: Timestamp) -> Result<Option<Origin>, PortError> {
        let place = self.place(&completed.user, &completed.destination);
        let taken = self.budgets.settle(&completed.user, place.channel, now, completed.is_verified).await?;
        // Codes to another destination than the one that is verified now prove nothing.
        let Some(debt) = taken.filter(|debt| debt.destination == place.destination) else {
            return Ok(None);
        };
        self.repay(&place, &debt).await;
        Ok(Some(place.origin))
    }

    fn withheld(&self, reason: NotSent, origin: Origin) -> Verdict {
        let withheld = Withheld { reason, origin };
        if self.rules.policy().dry_run { Verdict::Reported(withheld) } else { Verdict::Withheld(withheld) }
    }

    fn place(&self, user: &UserId, destination: &Destination) -> Place {
        let mut scopes = vec![(Scope::User, user.as_str().to_owned())];
        let channel = destination.channel();
        let hash = |purpose: &str, text: &str| self.hash_key.hash(purpose, &[text.as_bytes()]);
        let (numbering, origin, destination) = match destination {
            Destination::Email(address) => {
                (None, Origin::default(), hash("governor.email", &address.expose()))
            }
            Destination::Sms(number) => {
                let numbering = Numbering::of(number);
                let prefix = without_last(number, 7);
                let country = numbering.country.map(|country| country.code().to_owned());
                scopes.extend([
                    (Scope::NumberRange, hash("governor.range", &without_last(number, 4))),
                    (Scope::NumberPrefix, prefix.clone()),
                    (Scope::Country, country.unwrap_or_default()),
                ]);
                let origin = Origin { country: numbering.country, prefix: Some(prefix) };
                (Some(numbering), origin, hash("governor.sms", number.expose()))
            }
        };
        scopes.extend([(Scope::Destination, destination.clone()), (Scope::All, String::new())]);
        Place { channel, destination, numbering, origin, scopes }
    }

    /// What a message of this asker is counted by.
    fn counters(&self, place: &Place, asker: Asker, window: Window) -> Vec<Counter> {
        let counter = |(scope, name): &(Scope, String)| {
            // Notices are counted apart in what is the user's own: they use up no codes.
            let own = (asker == Asker::Us && scope.is_personal()).then(|| format!("notice:{name}"));
            self.counter(place, *scope, own.as_deref().unwrap_or(name), window.day)
        };
        place.scopes.iter().map(counter).collect()
    }

    fn charges(
        &self,
        counters: impl Iterator<Item = (Counter, Option<Counts>)>,
        standing: Standing,
        asker: Asker,
        window: Window,
    ) -> Vec<Charge> {
        let charge = |(counter, seen): (Counter, _)| Charge {
            hour: window.hour,
            standing: match asker {
                Asker::Anybody if counter.scope.is_personal() => standing.min(Standing::Verified),
                _ => standing,
            },
            limits: self.rules.limits(counter.channel, counter.scope),
            seen,
            counter,
        };
        counters.map(charge).collect()
    }

    fn counter(&self, place: &Place, scope: Scope, name: &str, day: Date) -> Counter {
        let shards = self.rules.budget(place.channel, scope).shards.max(1);
        // The hash is hexadecimal: its first four digits spread evenly over a few shards.
        let hash = place.destination.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let shard = u8::try_from(hash.unwrap_or_default() % u16::from(shards)).unwrap_or_default();
        Counter { channel: place.channel, scope, name: name.to_owned(), shard, day }
    }

    /// Best effort: without it, a range waits until tomorrow for what it earned.
    async fn repay(&self, place: &Place, debt: &Debt) {
        let repayments: Vec<_> = place
            .scopes
            .iter()
            .map(|(scope, name)| {
                let earned = if scope.is_personal() { 0 } else { self.rules.policy().earned_per_verified };
                Repayment {
                    counter: self.counter(place, *scope, name, debt.day),
                    codes: debt.codes.saturating_add(earned),
                    most_credit: self.rules.limits(place.channel, *scope).unverified,
                }
            })
            .collect();
        let repaid = join_all(repayments.iter().map(|repayment| self.budgets.repay(repayment))).await;
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
struct Place {
    channel: Channel,
    /// Keyed hash.
    destination: String,
    numbering: Option<Numbering>,
    origin: Origin,
    scopes: Vec<(Scope, String)>,
}

/// The first digits of a number: never fewer than three, so that tiny countries keep apart.
fn without_last(number: &PhoneNumber, digits: usize) -> String {
    let text = number.expose().trim_start_matches('+');
    let kept = text.len().saturating_sub(digits).max(3);
    text.get(..kept).unwrap_or(text).to_owned()
}

/// Of several refusals the one that says most: whatever nobody verified, then a budget; the narrowest first.
fn refusal(refused: impl IntoIterator<Item = (Scope, Refused)>) -> Option<NotSent> {
    let reasons = refused.into_iter().map(|(scope, refused)| match refused {
        Refused::NothingVerified => NotSent::NothingVerified(scope),
        Refused::UsedUp => NotSent::BudgetUsedUp(scope),
    });
    reasons.min()
}
