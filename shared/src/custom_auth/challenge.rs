//! Define, Create and Verify: one step of a sign-in each.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use subtle::{Choice, ConstantTimeEq};

use super::{
    Act, Answer, Answered, AppClient, AppClients, Ask, Challenge, Challenges, Chosen, Comparison, Effect,
    Kept, Next, Nonce, Opening, Pass, Place, Proof, Proved, Proven, Record, Requirements, Round,
    STRIKES_TO_LOCK, Seat, SessionItem, Spends, Strike, answer::Said, next,
};
use crate::{
    config::{AppClientPolicy, CustomAuthPolicy, Environment, Resend},
    delivery::{CodeParcel, Courier, Destination, Parcel, Recipient},
    factors::own::{DeviceStatement, Seeds, TotpMatch},
    kernel::{Clock, EmailAddress, Entropy, HashKey, OneTimeCode, OwnFactor, PhoneNumber, PortError, UserId},
    telemetry::Metric,
};

/// Wrong answers in a row by name that cost no wait.
const FREE_STRIKES: u32 = 5;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Who signs in, as a trigger's event tells.
#[derive(Clone)]
pub struct SigningIn<'a> {
    pub client_id: &'a str,
    /// None for a name that is no user's.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    /// Verified addresses only.
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
    pub must_change_password: bool,
    /// BCP 47 tags as somebody wrote them, most wanted first.
    pub locales: Vec<&'a str>,
}

impl std::fmt::Debug for SigningIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningIn").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What Define answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defined {
    Password,
    NewPassword,
    Challenge,
    IssueTokens,
    Fail,
}

/// What Create answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// For the client.
    pub public: Vec<(&'static str, String)>,
    /// For Verify in this round.
    pub private: Vec<(&'static str, String)>,
    /// For the rounds to come.
    pub metadata: String,
}

/// What a function needs to know to take part.
#[derive(Debug, Clone)]
pub struct CustomAuthSettings {
    pub policy: CustomAuthPolicy,
    pub clients: AppClients,
}

impl CustomAuthSettings {
    /// `MFA_APP_CLIENTS` and the policy.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().custom_auth;
        let list = environment.required("MFA_APP_CLIENTS");
        let clients = AppClients::parse(&list, &policy).unwrap_or_else(|problem| {
            environment.problem(problem);
            AppClients::none()
        });
        Self { policy, clients }
    }
}

/// The steps of a sign-in.
pub struct SignIns {
    pub(super) settings: CustomAuthSettings,
    pub(super) challenges: Arc<dyn Challenges>,
    pub(super) clock: Arc<dyn Clock>,
}

impl SignIns {
    pub fn new(settings: CustomAuthSettings, challenges: Arc<dyn Challenges>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, challenges, clock }
    }

    fn client(&self, id: &str) -> Option<&AppClientPolicy> {
        match self.settings.clients.find(id)? {
            AppClient::Custom(policy) => Some(policy),
            AppClient::Native => None,
        }
    }

    /// Decides what is next. One read.
    pub async fn define(
        &self,
        who: &SigningIn<'_>,
        session: &[SessionItem<'_>],
    ) -> Result<Defined, PortError> {
        let Some(client) = self.client(who.client_id) else {
            tracing::warn!("app client has no custom challenges");
            return Ok(Defined::Fail);
        };
        let view = self.view(who, client, session).await?;
        Ok(match view.next(session, who) {
            Next::Password => Defined::Password,
            Next::NewPassword => Defined::NewPassword,
            Next::Begin(_) | Next::Prove(..) => Defined::Challenge,
            // Without a seat nothing was ever compared.
            Next::IssueTokens(_) if view.user().is_none() => Defined::Fail,
            Next::IssueTokens(_) => Defined::IssueTokens,
            Next::Fail(why) => {
                tracing::info!(why = why.name(), "custom sign-in ended");
                Defined::Fail
            }
        })
    }

    /// What there is to know about a sign-in at this point of its session.
    async fn view(
        &self,
        who: &SigningIn<'_>,
        client: &AppClientPolicy,
        session: &[SessionItem<'_>],
    ) -> Result<View, PortError> {
        let last = last_round(session);
        let place = place(who.user.as_ref(), who.user_name, last.as_ref());
        let kept = self.challenges.read(&place).await?;
        let requirements = Requirements::new(client, kept.groups.iter().map(String::as_str));
        Ok(View { place, kept, requirements, last, now: self.clock.now() })
    }
}

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIns").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn last_round(session: &[SessionItem<'_>]) -> Option<Round> {
    session.last().and_then(|item| item.metadata).and_then(Round::parse)
}

/// A sign-in that leads nowhere is kept apart from the user, so that it can be neither told from others
/// by its course nor in anybody's way.
fn place(user: Option<&UserId>, user_name: &str, last: Option<&Round>) -> Place {
    use sha2::{Digest, Sha256};
    match (user, last) {
        (Some(user), None | Some(Round { seat: Some(_), .. })) => Place::User(user.clone()),
        (_, Some(round)) => Place::Apart(round.nonce.clone()),
        (None, None) => {
            let shard = Sha256::digest(user_name.as_bytes()).first().copied().unwrap_or_default();
            Place::Nobody { shard }
        }
    }
}

/// A sign-in as one read shows it.
struct View {
    place: Place,
    kept: Kept,
    requirements: Requirements,
    last: Option<Round>,
    now: Timestamp,
}

impl View {
    fn next(&self, session: &[SessionItem<'_>], who: &SigningIn<'_>) -> Next {
        next(session, self.record(who.client_id), &self.requirements, who.must_change_password)
    }

    fn record(&self, client_id: &str) -> Option<&Record> {
        let nonce = &self.last.as_ref()?.nonce;
        self.kept.record(nonce).filter(|record| record.client == client_id)
    }

    fn user(&self) -> Option<&UserId> {
        match &self.place {
            Place::User(user) => Some(user),
            Place::Nobody { .. } | Place::Apart(_) => None,
        }
    }

    /// Factors that the user has, and that are not locked.
    fn enrolled(&self, who: &SigningIn<'_>) -> BTreeSet<OwnFactor> {
        let factors = &self.kept.factors;
        let has = |factor: &OwnFactor| match factor {
            OwnFactor::EmailCode => who.email.is_some(),
            OwnFactor::SmsCode => who.phone.is_some(),
            OwnFactor::Totp => factors.confirmed().next().is_some(),
            OwnFactor::RecoveryCode => !factors.recovery.is_empty(),
            OwnFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
        };
        let strikes = |factor| self.kept.tally.failures.get(&factor).copied().unwrap_or_default();
        OwnFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && strikes(*factor) < STRIKES_TO_LOCK)
            .collect()
    }

    /// A free seat; none if the limits for sign-ins by name, or for running ones, are reached.
    fn free_seat(&self, proven: &Proven, by_name_per_day: u32) -> Option<Seat> {
        let is_by_name = !proven.is_anything();
        let tally = &self.kept.tally;
        let must_wait = tally.not_before.is_some_and(|end| self.now < end);
        let is_used_up = tally.day == day(self.now) && tally.begun >= by_name_per_day;
        if is_by_name && (must_wait || is_used_up) {
            return None;
        }
        let until = |seat: &Seat| self.kept.records.get(seat).map(|record| record.until);
        // The one that is free for longest: a late repetition may still look for its sign-in in the others.
        Seat::ALL
            .into_iter()
            .filter(|seat| seat.is_by_name == is_by_name)
            .filter(|seat| until(seat).is_none_or(|until| until <= self.now))
            .min_by_key(until)
    }
}

impl View {
    /// What Verify has to know of this round.
    fn hints(&self, who: &SigningIn<'_>, round: &Round, at: u32) -> Hints {
        Hints {
            round: round.clone(),
            at,
            most: self.requirements.wrong_answers(),
            is_taken: self.record(who.client_id).is_some(),
            is_first_of_day: self.kept.tally.day != day(self.now),
            strikes: self.kept.tally.by_name,
        }
    }
}

/// Days since the epoch, UTC.
fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY_SECONDS)
}

fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(now)
}

/// Makes challenges and hands their codes over to be sent.
pub struct Creator {
    sign_ins: SignIns,
    courier: Arc<dyn Courier>,
    entropy: Arc<dyn Entropy>,
    key: HashKey,
}

impl Creator {
    pub fn new(
        sign_ins: SignIns,
        courier: Arc<dyn Courier>,
        entropy: Arc<dyn Entropy>,
        key: HashKey,
    ) -> Self {
        Self { sign_ins, courier, entropy, key }
    }

    /// Makes the challenge that is next; none if none is. One read; one parcel where a code is to go out.
    pub async fn create(
        &self,
        who: &SigningIn<'_>,
        session: &[SessionItem<'_>],
    ) -> Result<Option<Created>, PortError> {
        let Some(client) = self.sign_ins.client(who.client_id) else { return Ok(None) };
        let view = self.sign_ins.view(who, client, session).await?;
        let at = u32::try_from(session.len()).unwrap_or(u32::MAX);
        match view.next(session, who) {
            Next::Begin(challenge) => self.begin(&view, who, challenge, at).map(Some),
            Next::Prove(factor, challenge) => {
                let chosen = view.record(who.client_id).and_then(|record| record.chosen);
                match (chosen.filter(|chosen| chosen.factor == factor), &challenge.last) {
                    (Some(chosen), Some(last)) => {
                        let effect =
                            view.record(who.client_id).and_then(|record| record.effects.get(&(at - 1)));
                        if matches!(effect, Some(Effect::Chose(_) | Effect::Resent)) {
                            self.hand_over(&view, who, &last.nonce, chosen).await?;
                        }
                        Ok(Some(self.code(&view, who, last, &challenge.proven, chosen, at)))
                    }
                    _ => self.begin(&view, who, challenge, at).map(Some),
                }
            }
            Next::Password | Next::NewPassword | Next::IssueTokens(_) | Next::Fail(_) => Ok(None),
        }
    }

    /// Which factor? Nothing is sent.
    fn begin(
        &self,
        view: &View,
        who: &SigningIn<'_>,
        challenge: Challenge,
        at: u32,
    ) -> Result<Created, PortError> {
        let Challenge { proven, last } = challenge;
        let requirements = &view.requirements;
        let enrolled = view.enrolled(who);
        let is_taken = view.record(who.client_id).is_some();
        let round = match last {
            // On its way: seat and generation stay.
            Some(last) if is_taken || last.seat.is_none() => Round {
                offered: match view.user() {
                    Some(_) => requirements.useful(&enrolled, &proven),
                    None => last.offered.clone(),
                },
                proven,
                ask: Ask::Begin,
                ..last
            },
            last => {
                let nonce = match last {
                    Some(last) => last.nonce,
                    None => Nonce::draw(self.entropy.as_ref())?,
                };
                let can_succeed = view.user().is_some() && requirements.can_be_met(&enrolled, &proven);
                let seat = view
                    .free_seat(&proven, self.sign_ins.settings.policy.by_name_per_day)
                    .filter(|_| can_succeed);
                if can_succeed && seat.is_none() {
                    tracing::warn!("sign-in throttled, decoy challenge issued");
                    Metric::SignInHeldBack.emit();
                }
                let offered = if can_succeed {
                    requirements.useful(&enrolled, &proven)
                } else {
                    [requirements.usual()].into()
                };
                Round {
                    nonce,
                    seat,
                    generation: view.kept.factors.generation,
                    proven,
                    offered,
                    ask: Ask::Begin,
                }
            }
        };
        let names: Vec<_> = round.offered.iter().map(|factor| factor.name()).collect();
        let public = vec![
            ("step", "begin".to_owned()),
            ("factors", names.join(",")),
            ("nonce", round.nonce.as_str().to_owned()),
        ];
        Ok(Created { public, private: view.hints(who, &round, at).write(), metadata: round.text() })
    }

    /// The proof of the factor that was chosen.
    fn code(
        &self,
        view: &View,
        who: &SigningIn<'_>,
        last: &Round,
        proven: &Proven,
        chosen: Chosen,
        at: u32,
    ) -> Created {
        let policy = &self.sign_ins.settings.policy;
        let round = Round {
            proven: proven.clone(),
            ask: Ask::Code { factor: chosen.factor, round: chosen.round },
            ..last.clone()
        };
        let left = |end: Timestamp| end.duration_since(view.now).as_secs().max(0).to_string();
        let made = view.record(who.client_id).map_or(0, |record| record.comparisons);
        let names: Vec<_> = round.offered.iter().map(|factor| factor.name()).collect();
        let mut public = vec![
            ("step", "code".to_owned()),
            ("factors", names.join(",")),
            ("factor", chosen.factor.name().to_owned()),
            ("nonce", round.nonce.as_str().to_owned()),
            ("expiresIn", left(chosen.expires_at)),
            ("attemptsLeft", view.requirements.wrong_answers().saturating_sub(made).to_string()),
        ];
        match chosen.factor {
            OwnFactor::EmailCode | OwnFactor::SmsCode => public.extend([
                ("destination", self.shown_destination(who, chosen.factor)),
                ("codeLength", policy.code_digits.to_string()),
                ("canResendIn", left(after(chosen.sent_at, policy.resend_after_seconds))),
            ]),
            OwnFactor::Totp => public.push(("codeLength", "6".to_owned())),
            OwnFactor::RecoveryCode | OwnFactor::TrustedDevice => {}
        }
        Created { public, private: view.hints(who, &round, at).write(), metadata: round.text() }
    }

    /// Hands the code over to be drawn and sent. Where nothing can come of it, a dummy takes the same way.
    async fn hand_over(
        &self,
        view: &View,
        who: &SigningIn<'_>,
        nonce: &Nonce,
        chosen: Chosen,
    ) -> Result<(), PortError> {
        let destination = match chosen.factor {
            OwnFactor::EmailCode => who.email.clone().map(Destination::Email),
            OwnFactor::SmsCode => who.phone.clone().map(Destination::Sms),
            OwnFactor::Totp | OwnFactor::RecoveryCode | OwnFactor::TrustedDevice => return Ok(()),
        };
        let parcel = match (view.user(), destination) {
            (Some(user), Some(destination)) => Parcel::Code(CodeParcel {
                nonce: nonce.as_str().to_owned(),
                round: chosen.round,
                sending: chosen.sending,
                client_id: who.client_id.to_owned(),
                to: Recipient {
                    user: user.clone(),
                    user_name: who.user_name.to_owned(),
                    destination,
                    is_verified: true,
                    locales: who.locales.iter().map(|&locale| locale.to_owned()).collect(),
                },
                expires_at: chosen.expires_at,
            }),
            _ => Parcel::Dummy,
        };
        self.courier.hand_over(&parcel).await
    }

    /// Masked. For a name that is no user's: what was typed, if it is an address, or else something that
    /// is the same whenever this name is typed.
    fn shown_destination(&self, who: &SigningIn<'_>, factor: OwnFactor) -> String {
        let invented = |from: &[u8; 2]| {
            let hash = self.key.hash("invented-destination", &[who.user_name.as_bytes(), from]);
            let bytes = data_encoding::HEXLOWER.decode(hash.as_bytes()).unwrap_or_default();
            let letter = |at: usize| char::from(b'a' + bytes.get(at).copied().unwrap_or_default() % 26);
            let digits = bytes.iter().skip(2).take(4).map(|byte| char::from(b'0' + byte % 10)).collect();
            (letter(0), letter(1), digits)
        };
        if factor == OwnFactor::SmsCode {
            let typed = PhoneNumber::parse(who.user_name).ok();
            who.phone.clone().or(typed).map_or_else(
                || {
                    let (_, _, digits): (_, _, String) = invented(b"to");
                    format!("+*******{digits}")
                },
                |number| number.to_string(),
            )
        } else {
            let typed = EmailAddress::parse(who.user_name).ok();
            who.email.clone().or(typed).map_or_else(
                || {
                    let (local, domain, _): (_, _, String) = invented(b"to");
                    format!("{local}***@{domain}***")
                },
                |address| address.to_string(),
            )
        }
    }
}

impl std::fmt::Debug for Creator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Creator").field("sign_ins", &self.sign_ins).finish_non_exhaustive()
    }
}

/// What Create tells Verify of the same round. The client never has it.
struct Hints {
    round: Round,
    /// The number of session items: with the nonce, the identity of the round.
    at: u32,
    /// Wrong answers until the sign-in ends.
    most: u32,
    /// The sign-in has its seat already.
    is_taken: bool,
    /// None was begun by name on this day.
    is_first_of_day: bool,
    /// Wrong answers in a row by name.
    strikes: u32,
}

impl Hints {
    fn write(&self) -> Vec<(&'static str, String)> {
        vec![
            ("round", self.round.text()),
            ("at", self.at.to_string()),
            ("most", self.most.to_string()),
            ("taken", self.is_taken.to_string()),
            ("first", self.is_first_of_day.to_string()),
            ("strikes", self.strikes.to_string()),
        ]
    }

    fn parse<'a>(private: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            round: Round::parse(private("round")?)?,
            at: private("at")?.parse().ok()?,
            most: private("most")?.parse().ok()?,
            is_taken: private("taken")?.parse().ok()?,
            is_first_of_day: private("first")?.parse().ok()?,
            strikes: private("strikes")?.parse().ok()?,
        })
    }
}

/// Compares answers.
pub struct Verifier {
    sign_ins: SignIns,
    seeds: Arc<dyn Seeds>,
    key: HashKey,
}

impl Verifier {
    pub fn new(sign_ins: SignIns, seeds: Arc<dyn Seeds>, key: HashKey) -> Self {
        Self { sign_ins, seeds, key }
    }

    /// Whether the answer proves a factor. One write; a second one if it does. `private` reads Create's
    /// private parameters, `named` is what the client calls its sign-in.
    pub async fn verify<'a>(
        &self,
        who: &SigningIn<'_>,
        private: impl Fn(&str) -> Option<&'a str>,
        said: &str,
        named: Option<&str>,
    ) -> Result<bool, PortError> {
        let Some(client) = self.sign_ins.client(who.client_id) else { return Ok(false) };
        let Some(hints) = Hints::parse(private) else { return Ok(false) };
        let round = &hints.round;
        let Some(said) = Said::parse(said, round.ask, |factor| round.offered.contains(&factor)) else {
            return Ok(false);
        };
        let answer = self.answer(who, &hints, &said);
        let kept = match self.sign_ins.challenges.answer(&answer).await? {
            Answered::Taken(kept) | Answered::Repeated(kept) => kept,
            Answered::Refused => return Ok(false),
        };
        let (Act::Compare(comparison), Place::User(user)) = (&answer.act, &answer.place) else {
            return Ok(false);
        };
        let Some(record) = kept.record(&round.nonce) else { return Ok(false) };
        // The same answer to the same round was right before: what it was compared with is used up.
        if record.proven.get(&hints.at) == Some(&comparison.factor) {
            return Ok(true);
        }
        let Some(spends) = self.compare(user, who.client_id, record, &kept, &said, answer.now).await? else {
            return Ok(false);
        };
        let proven = round.proven.with(comparison.factor);
        let requirements = Requirements::new(client, kept.groups.iter().map(String::as_str));
        let pass = requirements.are_met(&proven).then(|| Pass {
            client: who.client_id.to_owned(),
            is_named: named == Some(round.nonce.as_str()),
            proven,
        });
        let proof = Proof {
            user: user.clone(),
            seat: answer.seat,
            nonce: answer.nonce.clone(),
            round: hints.at,
            factor: comparison.factor,
            generation: round.generation,
            spends,
            forgives_name: !round.proven.is_anything(),
            now: answer.now,
            pass,
        };
        Ok(self.sign_ins.challenges.prove(&proof).await? != Proved::Refused)
    }

    fn answer(&self, who: &SigningIn<'_>, hints: &Hints, said: &Said) -> Answer {
        let (round, policy) = (&hints.round, &self.sign_ins.settings.policy);
        let now = self.sign_ins.clock.now();
        let is_by_name = !round.proven.is_anything();
        let asked = match round.ask {
            Ask::Begin => None,
            Ask::Code { round, .. } => Some(round),
        };
        let strike = if is_by_name {
            let next = hints.strikes.saturating_add(1);
            Strike::ByName { not_before: back_off(policy, next).map(|seconds| after(now, seconds)) }
        } else {
            Strike::Factor
        };
        let act = match (said, asked) {
            (Said::Factor(factor), _) => Act::Choose(*factor),
            (Said::Resend, Some(asked)) => {
                let wait = SignedDuration::from_secs(policy.resend_after_seconds.into());
                Act::Resend { asked, not_after: now.saturating_sub(wait).unwrap_or(now) }
            }
            (Said::Back | Said::Resend, _) => Act::Back { asked: asked.unwrap_or_default() },
            (Said::Code(..) | Said::Recovery(_) | Said::Device { .. }, asked) => Act::Compare(Comparison {
                factor: said.factor().unwrap_or(OwnFactor::EmailCode),
                asked,
                most: hints.most,
                strike,
            }),
        };
        let user = who.user.as_ref().filter(|_| round.seat.is_some());
        // What leads nowhere counts towards nothing.
        let opening = (!hints.is_taken).then_some(if is_by_name && user.is_some() {
            Opening::ByName { day: day(now), is_first: hints.is_first_of_day, most: policy.by_name_per_day }
        } else {
            Opening::Proven
        });
        Answer {
            place: user.map_or_else(|| Place::Apart(round.nonce.clone()), |user| Place::User(user.clone())),
            seat: round.seat.unwrap_or(Seat { is_by_name, index: 0 }),
            nonce: round.nonce.clone(),
            client: who.client_id.to_owned(),
            round: hints.at,
            digest: self.digest(round, hints.at, said),
            now,
            until: after(now, policy.code_seconds),
            opening,
            act,
        }
    }

    /// Tells one answer from another without keeping either.
    fn digest(&self, round: &Round, at: u32, said: &Said) -> String {
        let hash = |kind: &str, answer: &[u8]| {
            let nonce = round.nonce.as_str().as_bytes();
            self.key.hash("challenge-answer", &[nonce, &at.to_be_bytes(), kind.as_bytes(), answer])
        };
        match said {
            Said::Factor(factor) => hash("factor", factor.name().as_bytes()),
            Said::Resend => hash("resend", &[]),
            Said::Back => hash("back", &[]),
            Said::Code(factor, code) => hash(factor.name(), code.expose().as_bytes()),
            Said::Recovery(code) => hash("recovery", code.readable().as_bytes()),
            Said::Device { id, signature } => hash(id.as_str(), signature),
        }
    }

    /// What a right answer uses up; none for a wrong one.
    async fn compare(
        &self,
        user: &UserId,
        client_id: &str,
        record: &Record,
        kept: &Kept,
        said: &Said,
        now: Timestamp,
    ) -> Result<Option<Spends>, PortError> {
        match said {
            Said::Code(OwnFactor::Totp, code) => self.compare_totp(user, kept, code, now).await,
            Said::Code(_, code) => Ok(self.is_sent(record, code).then_some(Spends::Nothing)),
            Said::Recovery(code) => {
                let hash = code.hash(&self.key, user);
                let is_it = kept.factors.recovery.iter().fold(Choice::from(0), |found, kept| {
                    found | kept.as_str().as_bytes().ct_eq(hash.as_str().as_bytes())
                });
                Ok(bool::from(is_it).then_some(Spends::Recovery(hash)))
            }
            Said::Device { id, signature } => {
                let statement = DeviceStatement { nonce: record.nonce.as_str(), user, client_id };
                let device = kept.factors.trusted_device(id, now);
                let is_it = device.is_some_and(|device| device.key.verify(&statement, signature));
                Ok(is_it.then(|| Spends::Device(id.clone())))
            }
            Said::Factor(_) | Said::Resend | Said::Back => Ok(None),
        }
    }

    async fn compare_totp(
        &self,
        user: &UserId,
        kept: &Kept,
        code: &OneTimeCode,
        now: Timestamp,
    ) -> Result<Option<Spends>, PortError> {
        let sealed = kept.factors.confirmed().map(|(_, found)| self.seeds.open(user, &found.seed));
        let mut step = None;
        for seed in join_all(sealed).await {
            if let TotpMatch::Right(found) = seed?.check(code, now, kept.factors.last_step) {
                step = Some(found);
            }
        }
        Ok(step.map(Spends::Step))
    }

    /// Whether the code is one that was sent and still counts.
    fn is_sent(&self, record: &Record, code: &OneTimeCode) -> bool {
        let Some(chosen) = record.chosen else { return false };
        let counts = |sending: u32| match self.sign_ins.settings.policy.resend {
            Resend::Replace => sending == chosen.sending,
            Resend::Keep => true,
        };
        let found = (1..=chosen.sending).filter(|sending| counts(*sending)).fold(
            Choice::from(0),
            |found, sending| {
                let hash = code_hash(&self.key, &record.nonce, chosen.round, sending, code);
                let kept = record.codes.get(&(chosen.round, sending)).map(String::as_bytes);
                found | kept.unwrap_or_default().ct_eq(hash.as_bytes())
            },
        );
        found.into()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("sign_ins", &self.sign_ins).finish_non_exhaustive()
    }
}

/// What is kept of a code: bound to its challenge and its number.
pub(super) fn code_hash(
    key: &HashKey,
    nonce: &Nonce,
    round: u32,
    sending: u32,
    code: &OneTimeCode,
) -> String {
    let parts: [&[u8]; 4] =
        [nonce.as_str().as_bytes(), &round.to_be_bytes(), &sending.to_be_bytes(), code.expose().as_bytes()];
    key.hash("challenge-code", &parts)
}

/// Seconds to wait after so many wrong answers in a row.
fn back_off(policy: &CustomAuthPolicy, strikes: u32) -> Option<u32> {
    let beyond = strikes.checked_sub(FREE_STRIKES)?;
    let seconds = policy.back_off_seconds.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
    Some(seconds.min(policy.back_off_max_seconds))
}
