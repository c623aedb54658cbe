//! Replays a week of honest traffic with and without a flood of 20,000 pumping requests, and counts what the
//! governor decides. The replay is deterministic: it has a seed and its own time.
//!
//! Honest users sign up, sign in with a second factor, forget passwords and change numbers. They live in the
//! countries and operators' prefixes of a service whose home market is Germany. They lose messages, grow
//! impatient and abandon. One evening, in the middle of the flood, an advertisement brings 300 of them within
//! ten minutes. A user who gets no code tries again, three times.

mod figures;
mod floods;
mod numbers;
mod seeded;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use jiff::Timestamp;
use mfa_core::{
    delivery::{
        Purpose,
        toll_fraud::{
            AdmissionDecision, AdmissionRequest, Completion, Destination, Governor, GovernorRules, NotSent,
            Numbering,
        },
    },
    kernel::{HashKey, PhoneNumber, PortError, UserId},
};
use mfa_testkit::{InMemoryTable, next_delivery};

pub use figures::{Figures, OfCountry, Wish};
pub use floods::{
    EVERYTHING_ROTATES, FLOODS, Flood, ONE_PREFIX, ONE_RANGE, ROTATING_NUMBERS, ROTATING_USERS,
};
use numbers::{NUMBERS, OWN_PREFIX};
use seeded::Seeded;

const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Monday 2026-03-02, 00:00 UTC. The service sees its first users two days before.
const START: i64 = 1_772_409_600;
/// Thursday 10:00. The flood lasts 24 hours, over midnight, and so meets two days' budgets.
const FLOOD_START: i64 = 3 * DAY + 10 * HOUR;
/// The requests of a flood.
const FLOOD: i64 = 20_000;

const ESTABLISHED: usize = 4_000;
const SIGN_UPS: usize = 5_200;
const ADVERTISED: usize = 300;
/// The place in `NUMBERS` of Austria, where the advertisement is seen too.
const NEIGHBOUR: usize = 8;

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("no number of the shape {0} can get text messages")]
    Shape(String),
    #[error("the replay lost one of its users")]
    UnknownUser,
    #[error(transparent)]
    Table(#[from] PortError),
}

/// Decides a week of traffic by `rules`, with a flood on Thursday if one is given.
///
/// A policy in dry run counts as one that withholds.
pub async fn replay(rules: GovernorRules, flood: Option<&Flood>) -> Result<Figures, Fault> {
    Replay::planned(rules, flood)?.run().await
}

/// One wish of a user, until it is fulfilled or given up.
#[derive(Debug)]
struct Errand {
    person: usize,
    wish: Wish,
    number: PhoneNumber,
    /// Whether the user enters a code that arrives.
    is_serious: bool,
    tries: u32,
    has_code: bool,
    /// Why the governor withheld a newer code. Cognito has ended the code before.
    dead_because: Option<NotSent>,
    is_over: bool,
}

#[derive(Debug)]
struct Person {
    user: UserId,
    /// The ISO 3166 code of the first number.
    country: String,
    number: PhoneNumber,
    is_verified: bool,
    is_newcomer: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Ask(usize),
    Enter(usize),
    Fraud(i64),
}

#[derive(Debug)]
struct Replay<'a> {
    governor: Governor,
    seeded: Seeded,
    people: Vec<Person>,
    errands: Vec<Errand>,
    agenda: BinaryHeap<Reverse<(i64, u64, Happening)>>,
    flood: Option<&'a Flood>,
    flood_seeded: Seeded,
    figures: Figures,
}

impl<'a> Replay<'a> {
    fn planned(rules: GovernorRules, flood: Option<&'a Flood>) -> Result<Self, Fault> {
        let governor = Governor::new(rules, Arc::new(InMemoryTable::default()), HashKey::new(&[7; 32]));
        let mut replay = Self {
            governor,
            seeded: Seeded(0x5eed),
            people: Vec::new(),
            errands: Vec::new(),
            agenda: BinaryHeap::new(),
            flood,
            flood_seeded: Seeded(0xf100d),
            figures: Figures::default(),
        };
        replay.plan()?;
        Ok(replay)
    }

    fn plan(&mut self) -> Result<(), Fault> {
        for _ in 0..ESTABLISHED {
            let shape = self.seeded.honest_shape();
            let person = self.person(shape, false)?;
            let first_seen = -2 * DAY + self.seeded.between(0, DAY);
            self.errand(first_seen, person, Wish::SecondFactor)?;
            for _ in 0..self.seeded.below(7) {
                let at = self.seeded.of_the_week();
                self.errand(at, person, Wish::SecondFactor)?;
            }
            if self.seeded.one_in(40) {
                let at = self.seeded.of_the_week();
                self.errand(at, person, Wish::ForgottenPassword)?;
            }
            if self.seeded.one_in(60) {
                let at = self.seeded.of_the_week();
                self.errand(at, person, Wish::ChangedNumber)?;
            }
        }
        for _ in 0..SIGN_UPS {
            let shape = self.seeded.honest_shape();
            let (person, at) = (self.person(shape, true)?, self.seeded.of_the_week());
            self.errand(at, person, Wish::SignUp)?;
        }
        for _ in 0..ADVERTISED {
            let home = if self.seeded.percent(80) { NUMBERS.first() } else { NUMBERS.get(NEIGHBOUR) };
            let shape = self.seeded.pick(home.map(|(_, shapes)| *shapes).unwrap_or_default());
            let person = self.person(shape, true)?;
            let at = 3 * DAY + 19 * HOUR + self.seeded.between(0, 10 * MINUTE);
            self.errand(at, person, Wish::SignUp)?;
        }
        if self.flood.is_some() {
            for index in 0..FLOOD {
                self.at(FLOOD_START + index * DAY / FLOOD, Happening::Fraud(index));
            }
        }
        self.figures.honest_users = self.people.len();
        Ok(())
    }

    fn person(&mut self, shape: &str, is_newcomer: bool) -> Result<usize, Fault> {
        let number = self.seeded.number(shape)?;
        let user = user(&format!("user-{}", self.people.len()))?;
        let country = country(&number);
        self.figures.by_country.entry(country.clone()).or_default().users += 1;
        self.people.push(Person { user, country, number, is_verified: !is_newcomer, is_newcomer });
        Ok(self.people.len() - 1)
    }

    fn at(&mut self, second: i64, happening: Happening) {
        self.agenda.push(Reverse((second, self.agenda.len() as u64, happening)));
    }

    fn errand(&mut self, at: i64, person: usize, wish: Wish) -> Result<(), Fault> {
        let number = match wish {
            Wish::ChangedNumber => {
                let shape = self.seeded.honest_shape();
                self.seeded.number(shape)?
            }
            _ => self.people.get(person).ok_or(Fault::UnknownUser)?.number.clone(),
        };
        // One in seven new users mistyped the number, or loses interest.
        let is_serious = match wish {
            Wish::SignUp | Wish::ChangedNumber => self.seeded.percent(86),
            Wish::SecondFactor | Wish::ForgottenPassword => self.seeded.percent(97),
        };
        self.errands.push(Errand {
            person,
            wish,
            number,
            is_serious,
            tries: 0,
            has_code: false,
            dead_because: None,
            is_over: false,
        });
        self.at(at, Happening::Ask(self.errands.len() - 1));
        Ok(())
    }

    async fn run(mut self) -> Result<Figures, Fault> {
        while let Some(Reverse((second, _, happening))) = self.agenda.pop() {
            match happening {
                Happening::Ask(errand) => self.ask(second, errand).await?,
                Happening::Enter(errand) => self.enter(second, errand).await?,
                Happening::Fraud(index) => self.defraud(second, index).await?,
            }
        }
        Ok(self.figures)
    }

    /// Returns why the governor withholds the message, or `None` if it admits the message.
    async fn withheld(&self, second: i64, admission: &AdmissionRequest) -> Result<Option<NotSent>, Fault> {
        Ok(match self.governor.admit(&next_delivery(), admission, time(second)).await? {
            AdmissionDecision::Admitted(_) => None,
            AdmissionDecision::DryRun(withheld) | AdmissionDecision::Withheld(withheld) => {
                Some(withheld.reason)
            }
        })
    }

    /// Returns what a user asks for. Only a code to the user's present number can be verified.
    fn admission(&self, index: usize) -> Result<Option<AdmissionRequest>, Fault> {
        let errand = self.errands.get(index).ok_or(Fault::UnknownUser)?;
        if errand.is_over {
            return Ok(None);
        }
        let person = self.people.get(errand.person).ok_or(Fault::UnknownUser)?;
        let (number, is_own) = match errand.wish {
            Wish::ChangedNumber => (errand.number.clone(), false),
            _ => (person.number.clone(), true),
        };
        Ok(Some(AdmissionRequest {
            user: person.user.clone(),
            destination: Destination::Sms(number),
            is_verified: person.is_verified && is_own,
            purpose: match (errand.wish, errand.tries) {
                (Wish::SignUp, 0) => Purpose::SignUp,
                (Wish::SignUp, _) => Purpose::ResendCode,
                (Wish::SecondFactor, _) => Purpose::Authentication,
                (Wish::ForgottenPassword, _) => Purpose::ForgotPassword,
                (Wish::ChangedNumber, _) => Purpose::UpdateUserAttribute,
            },
        }))
    }

    async fn ask(&mut self, second: i64, index: usize) -> Result<(), Fault> {
        let Some(admission) = self.admission(index)? else { return Ok(()) };
        let is_flooded = match &admission.destination {
            Destination::Sms(number) => number.expose().starts_with(OWN_PREFIX.trim_end_matches('#')),
            Destination::Email(_) => false,
        } && (FLOOD_START..FLOOD_START + DAY).contains(&second);
        let is_counted = second >= 0;
        let withheld = self.withheld(second, &admission).await?;

        let errand = self.errands.get_mut(index).ok_or(Fault::UnknownUser)?;
        errand.tries += 1;
        let (wish, tries, who) = (errand.wish, errand.tries, errand.person);
        if is_counted {
            self.figures.honest_messages += 1;
            self.figures.second_factors += u32::from(wish == Wish::SecondFactor && tries == 1);
            if is_flooded && wish == Wish::SignUp {
                self.figures.own_prefix_newcomers.insert(who);
            }
        }
        let Some(reason) = withheld else { return self.sent(second, index) };
        let too_early = reason == NotSent::CoolDown;
        if is_counted {
            self.figures.too_early += u32::from(too_early);
            self.figures.honest_messages_withheld += u32::from(!too_early);
        }
        if errand.has_code {
            errand.dead_because = Some(reason);
        } else if tries < if too_early { 6 } else { 4 } {
            let again = second + self.seeded.between(MINUTE, 3 * MINUTE);
            self.at(again, Happening::Ask(index));
        } else {
            // A serious user who got no message counts as blocked.
            errand.is_over = true;
            if is_counted {
                self.blocked(who, wish, reason)?;
                if is_flooded && wish == Wish::SignUp {
                    self.figures.blocked_in_own_prefix.insert(who);
                }
            }
        }
        Ok(())
    }

    fn blocked(&mut self, who: usize, wish: Wish, reason: NotSent) -> Result<(), Fault> {
        let person = self.people.get(who).ok_or(Fault::UnknownUser)?;
        if self.figures.blocked_users.insert(who) {
            self.figures.by_country.entry(person.country.clone()).or_default().blocked += 1;
        }
        *self.figures.blocked_by.entry((wish, reason)).or_default() += 1;
        Ok(())
    }

    fn sent(&mut self, second: i64, index: usize) -> Result<(), Fault> {
        let arrives = !self.seeded.one_in(25);
        let errand = self.errands.get_mut(index).ok_or(Fault::UnknownUser)?;
        errand.has_code |= arrives;
        // A lost message ends the code before too, but the governor did not withhold it.
        errand.dead_because = None;
        let (is_serious, tries) = (errand.is_serious, errand.tries);
        if arrives && is_serious {
            // Most users answer within a minute or two, some much later.
            let late = if self.seeded.one_in(30) { 2 * HOUR } else { 100 };
            let entered = second + self.seeded.between(8, late);
            self.at(entered, Happening::Enter(index));
        }
        // The message is lost, or the user is too impatient to wait for it.
        if (!arrives || self.seeded.one_in(20)) && tries < 5 {
            let again = second + self.seeded.between(25, 3 * MINUTE);
            self.at(again, Happening::Ask(index));
        }
        Ok(())
    }

    async fn enter(&mut self, second: i64, index: usize) -> Result<(), Fault> {
        let errand = self.errands.get_mut(index).ok_or(Fault::UnknownUser)?;
        if std::mem::replace(&mut errand.is_over, true) {
            return Ok(());
        }
        if let Some(reason) = errand.dead_because {
            *self.figures.dead_codes.entry(reason).or_default() += 1;
        }
        let (wish, number, who) = (errand.wish, errand.number.clone(), errand.person);
        let person = self.people.get_mut(who).ok_or(Fault::UnknownUser)?;
        person.number = number.clone();
        person.is_verified = true;
        let is_newcomer = person.is_newcomer;
        // The verification of an attribute runs no trigger.
        if wish != Wish::ChangedNumber {
            let completed = Completion {
                user: person.user.clone(),
                destination: Destination::Sms(number),
                is_verified: true,
            };
            self.governor.record_completion(&completed, time(second)).await?;
        }
        if wish == Wish::SignUp && is_newcomer {
            for _ in 0..self.seeded.below(3) {
                let at = second + self.seeded.between(5 * MINUTE, 3 * DAY);
                if at < 7 * DAY {
                    self.errand(at, who, Wish::SecondFactor)?;
                }
            }
        }
        Ok(())
    }

    async fn defraud(&mut self, second: i64, index: i64) -> Result<(), Fault> {
        let Some(flood) = self.flood else { return Ok(()) };
        let (name, number, purpose) = (flood.request)(&mut self.flood_seeded, index)?;
        let admission = AdmissionRequest {
            user: user(&name)?,
            destination: Destination::Sms(number),
            is_verified: false,
            purpose,
        };
        self.figures.fraud += 1;
        match self.withheld(second, &admission).await? {
            None => self.figures.fraud_paid += 1,
            Some(reason) => *self.figures.fraud_withheld.entry(reason).or_default() += 1,
        }
        Ok(())
    }
}

fn user(name: &str) -> Result<UserId, Fault> {
    UserId::parse(name).map_err(|_| Fault::UnknownUser)
}

/// Returns the time of a second of the week.
fn time(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap_or(Timestamp::MAX)
}

/// Returns the ISO 3166 code of a number, or `-` for a number without a country.
fn country(number: &PhoneNumber) -> String {
    Numbering::of(number).country.map_or_else(|| "-".to_owned(), |country| country.code().to_owned())
}
