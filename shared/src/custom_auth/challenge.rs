//! Define, Create and Verify: one step of a sign-in each.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::OnceCell;

use super::{
    Act, Answer, Answered, AppClient, AppClients, Ask, Challenge, Challenges, Chosen, Comparison, Effect,
    Kept, Next, Nonce, Opening, Pass, Place, Proof, Proved, Proven, Record, Requirements, Round,
    STRIKES_TO_LOCK, Seat, SessionItem, Spends, Strike, Why,
    answer::Said,
    enrolment::{Enrolments, derived_seed},
    next,
};
use crate::{
    assurance::{FactorClass, PasswordRecovery, SECOND_FACTOR_LEVEL, class_of, level},
    config::{
        AppClientPolicy, CustomAuthPolicy, Enrolment as EnrolmentPolicy, Environment, FirstStep, Resend,
    },
    delivery::{CodeParcel, Courier, Destination, Parcel, Recipient},
    factors::{
        otpauth_uri,
        own::{DeviceStatement, SealedSeed, Seeds, TotpMatch, TotpSeed},
    },
    kernel::{Clock, EmailAddress, Entropy, HashKey, OneTimeCode, OwnFactor, PhoneNumber, PortError, UserId},
    telemetry::Metric,
};

/// Wrong answers in a row by name that cost no wait.
const FREE_STRIKES: u32 = 5;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The user of the decoy seed. No pool has this `sub`.
const DECOY_USER: &str = "decoy";

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
    pub recovery: PasswordRecovery,
}

impl CustomAuthSettings {
    /// `MFA_APP_CLIENTS`, `MFA_PASSWORD_RECOVERY` and the policy.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().custom_auth;
        let list = environment.required("MFA_APP_CLIENTS");
        let clients = AppClients::parse(&list, &policy).unwrap_or_else(|problem| {
            environment.problem(problem);
            AppClients::none()
        });
        Self { policy, clients, recovery: PasswordRecovery::read(environment) }
    }

    /// Whether a custom client that begins with the password counts a code to one of these addresses.
    pub fn counts_a_channel(&self, has_email: bool, has_phone: bool) -> bool {
        self.clients.custom().any(|policy| {
            let requirements = Requirements::new(policy, [], self.recovery);
            policy.first == FirstStep::Password
                && ((has_email && requirements.counts(OwnFactor::EmailCode))
                    || (has_phone && requirements.counts(OwnFactor::SmsCode)))
        })
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
            Next::Begin(_) | Next::Prove(..) | Next::Enrol(_) => Defined::Challenge,
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
        let groups = kept.groups.iter().map(String::as_str);
        let requirements = Requirements::new(client, groups, self.settings.recovery);
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
    /// Decides what is next: the state machine's answer, and where it asks which factor, whether the user
    /// has one that will do, or sets one up.
    fn next(&self, session: &[SessionItem<'_>], who: &SigningIn<'_>) -> Next {
        let record = self.record(who.client_id);
        match next(session, record, &self.requirements, who.must_change_password) {
            Next::Begin(challenge) if challenge.proven.is_anything() && self.user().is_some() => {
                self.begin_or_enrol(challenge, who)
            }
            next => next,
        }
    }

    fn begin_or_enrol(&self, challenge: Challenge, who: &SigningIn<'_>) -> Next {
        let proven = &challenge.proven;
        if self.requirements.can_be_met(&self.enrolled(who), proven) {
            return Next::Begin(challenge);
        }
        if !self.may_enrol(who, proven) {
            return Next::Fail(Why::NoUsableFactor);
        }
        if Self::has_proven_a_channel(who, proven) {
            return Next::Enrol(challenge);
        }
        // Wrong codes that turn a channel off must not make its proof needless.
        if self.channels_before_enrolment(who, proven).is_empty() {
            return Next::Fail(Why::NoUsableFactor);
        }
        Next::Begin(challenge)
    }

    /// Whether a code to an address was entered, or the user has no address that could be proven.
    fn has_proven_a_channel(who: &SigningIn<'_>, proven: &Proven) -> bool {
        let is_channel = |factor: &OwnFactor| class_of(*factor) == FactorClass::Channel;
        proven.methods().iter().any(is_channel) || (who.email.is_none() && who.phone.is_none())
    }

    /// Whether the user sets up a first authenticator in this sign-in: the policy lets them, they never had
    /// a factor that counts, and with it they fulfil the policy from then on.
    fn may_enrol(&self, who: &SigningIn<'_>, proven: &Proven) -> bool {
        let mut enrolled = self.enrolled(who);
        enrolled.insert(OwnFactor::Totp);
        self.requirements.enrolment == EnrolmentPolicy::AtSignIn
            && !self.kept.factors.has_ever_counted()
            && self.requirements.can_be_met(&enrolled, proven)
    }

    /// Returns the addresses of which one is proven before a first factor is set up, although it does not
    /// count: a person who knows nothing but the password can't set one up.
    fn channels_before_enrolment(&self, who: &SigningIn<'_>, proven: &Proven) -> BTreeSet<OwnFactor> {
        if Self::has_proven_a_channel(who, proven) {
            return BTreeSet::new();
        }
        let strikes = |factor| self.kept.tally.failures.get(&factor).copied().unwrap_or_default();
        let has = |factor: &OwnFactor| match factor {
            OwnFactor::EmailCode => who.email.is_some(),
            OwnFactor::SmsCode => who.phone.is_some(),
            OwnFactor::Totp | OwnFactor::RecoveryCode | OwnFactor::TrustedDevice => false,
        };
        OwnFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && strikes(*factor) < STRIKES_TO_LOCK)
            .collect()
    }

    /// Returns what is offered to prove next.
    fn offered(&self, who: &SigningIn<'_>, proven: &Proven) -> BTreeSet<OwnFactor> {
        // While only a name is known, everybody is shown the same.
        if !proven.is_anything() {
            return self.requirements.offered_by_name();
        }
        let enrolled = self.enrolled(who);
        if self.requirements.can_be_met(&enrolled, proven) {
            self.requirements.useful(&enrolled, proven)
        } else {
            self.channels_before_enrolment(who, proven)
        }
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
        let has_authenticator = factors.confirmed().next().is_some();
        // A passwordless client has no stronger first step that a code could be weaker than.
        let keep_weaker = self.requirements.keep_weaker
            || self.requirements.first == FirstStep::Passwordless
            || !self.can_do_without_messages();
        let offers = |factor| factors.message_codes.offers(factor, has_authenticator, keep_weaker);
        let has = |factor: &OwnFactor| match factor {
            OwnFactor::EmailCode => who.email.is_some() && offers(*factor),
            OwnFactor::SmsCode => who.phone.is_some() && offers(*factor),
            OwnFactor::Totp => has_authenticator,
            OwnFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            OwnFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
        };
        let strikes = |factor| self.kept.tally.failures.get(&factor).copied().unwrap_or_default();
        OwnFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && strikes(*factor) < STRIKES_TO_LOCK)
            .collect()
    }

    /// Whether the user's stronger factors fulfil the policy beside the password, locked ones included: a
    /// lock must not bring weaker factors back.
    fn can_do_without_messages(&self) -> bool {
        let factors = &self.kept.factors;
        let has = |factor: &OwnFactor| match factor {
            OwnFactor::EmailCode | OwnFactor::SmsCode => false,
            OwnFactor::Totp => factors.confirmed().next().is_some(),
            OwnFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            OwnFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
        };
        let strong = OwnFactor::ALL.into_iter().filter(has).collect();
        self.requirements.can_be_met(&strong, &Proven { password: true, ..Proven::default() })
    }

    /// A seat; none if the limits for sign-ins by name are reached. A sign-in that proved something takes
    /// the seat of the one that is idle for longest if there is no free one.
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
            .filter(|seat| !is_by_name || until(seat).is_none_or(|until| until <= self.now))
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
            opens_totp_window: !self.kept.tally.has_open_totp_window(self.now),
            evicts: round
                .seat
                .and_then(|seat| self.kept.records.get(&seat))
                .filter(|record| self.now < record.until)
                .map(|record| record.nonce.clone()),
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
    issuer: String,
}

impl Creator {
    /// `issuer`: what an authenticator app calls the service.
    pub fn new(
        sign_ins: SignIns,
        courier: Arc<dyn Courier>,
        entropy: Arc<dyn Entropy>,
        key: HashKey,
        issuer: &str,
    ) -> Self {
        Self { sign_ins, courier, entropy, key, issuer: issuer.to_owned() }
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
            Next::Enrol(challenge) => self.enrol(&view, who, challenge, at).map(Some),
            Next::Password | Next::NewPassword | Next::IssueTokens(_) | Next::Fail(_) => Ok(None),
        }
    }

    /// Shows the secret of a first authenticator. The seed is derived from the salt, which lies in
    /// Cognito's session and nowhere else, so a wrong code leaves the secret as it is.
    fn enrol(
        &self,
        view: &View,
        who: &SigningIn<'_>,
        challenge: Challenge,
        at: u32,
    ) -> Result<Created, PortError> {
        let salt = if let Some(Ask::Enrol { salt }) = challenge.last.as_ref().map(|last| last.ask) {
            salt
        } else {
            let mut salt = [0; 16];
            self.entropy.fill(&mut salt)?;
            u128::from_be_bytes(salt)
        };
        let round = match challenge.last {
            Some(last) => Round {
                offered: [OwnFactor::Totp].into(),
                proven: challenge.proven,
                ask: Ask::Enrol { salt },
                ..last
            },
            None => Round {
                nonce: Nonce::draw(self.entropy.as_ref())?,
                seat: view.free_seat(&challenge.proven, self.sign_ins.settings.policy.by_name_per_day),
                generation: view.kept.factors.generation,
                offered: [OwnFactor::Totp].into(),
                proven: challenge.proven,
                ask: Ask::Enrol { salt },
            },
        };
        let Some(seed) = view.user().and_then(|user| derived_seed(&self.key, user, &round.nonce, salt))
        else {
            return Err(PortError::new("enrolment", "no seed could be derived"));
        };
        let account = who.email.as_ref().map_or_else(|| who.user_name.to_owned(), EmailAddress::expose);
        let made = view.record(who.client_id).map_or(0, |record| record.comparisons);
        let public = vec![
            ("step", "enrol".to_owned()),
            ("factors", OwnFactor::Totp.name().to_owned()),
            ("factor", OwnFactor::Totp.name().to_owned()),
            ("nonce", round.nonce.as_str().to_owned()),
            ("secret", seed.secret().expose().to_owned()),
            ("uri", otpauth_uri(&seed.secret(), &self.issuer, &account).to_string()),
            ("codeLength", "6".to_owned()),
            ("attemptsLeft", view.requirements.wrong_answers().saturating_sub(made).to_string()),
        ];
        Ok(Created { public, private: view.hints(who, &round, at).write(), metadata: round.text() })
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
        let is_taken = view.record(who.client_id).is_some();
        let round = match last {
            // On its way: seat and generation stay.
            Some(last) if is_taken || last.seat.is_none() => Round {
                offered: match view.user() {
                    Some(_) => view.offered(who, &proven),
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
                // Without a password proven, a user without a usable factor looks like an unknown name.
                let can_succeed = view.user().is_some()
                    && (proven.is_anything()
                        || requirements.can_be_met(&view.enrolled(who), &proven)
                        || view.may_enrol(who, &proven));
                let seat = view
                    .free_seat(&proven, self.sign_ins.settings.policy.by_name_per_day)
                    .filter(|_| can_succeed);
                if can_succeed && seat.is_none() {
                    tracing::warn!("sign-in throttled, decoy challenge issued");
                    Metric::ChallengeThrottled.emit();
                }
                let offered = view.offered(who, &proven);
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
                // As many stars for every number: their count would tell a real one.
                |number| format!("+*******{}", last_four(&number)),
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
    /// No window of counting wrong authenticator codes by name is open.
    opens_totp_window: bool,
    /// The sign-in that has the seat, and makes room.
    evicts: Option<Nonce>,
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
            ("opens-totp-window", self.opens_totp_window.to_string()),
            ("evicts", self.evicts.as_ref().map_or("-", Nonce::as_str).to_owned()),
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
            opens_totp_window: private("opens-totp-window")?.parse().ok()?,
            evicts: private("evicts").and_then(Nonce::parse),
        })
    }
}

/// Compares answers.
pub struct Verifier {
    sign_ins: SignIns,
    seeds: Arc<dyn Seeds>,
    decoy_seed: OnceCell<SealedSeed>,
    key: HashKey,
    enrolments: Enrolments,
}

impl Verifier {
    pub fn new(sign_ins: SignIns, seeds: Arc<dyn Seeds>, key: HashKey, enrolments: Enrolments) -> Self {
        Self { sign_ins, seeds, decoy_seed: OnceCell::new(), key, enrolments }
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
        let Act::Compare(comparison) = &answer.act else { return Ok(false) };
        let is_by_name = !round.proven.is_anything();
        let Place::User(user) = &answer.place else {
            if comparison.factor == OwnFactor::Totp {
                self.open_by_name(None).await?;
            }
            return Ok(false);
        };
        let Some(record) = kept.record(&round.nonce) else { return Ok(false) };
        // The same answer to the same round was right before: what it was compared with is used up.
        if record.proven.get(&hints.at) == Some(&comparison.factor) {
            return Ok(true);
        }
        if let Ask::Enrol { salt } = round.ask {
            return self.enrol(who, user, &answer, &hints, (&kept, &said, salt)).await;
        }
        let compared = self.compare(user, who.client_id, round, &kept, &said, answer.now).await?;
        let Some(spends) = compared else { return Ok(false) };
        let proven = round.proven.with(comparison.factor);
        let recovery = self.sign_ins.settings.recovery;
        let requirements = Requirements::new(client, kept.groups.iter().map(String::as_str), recovery);
        let has_second_factor = level(&proven.proofs(), recovery) >= SECOND_FACTOR_LEVEL;
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
            forgives_name: is_by_name,
            forgives_all: pass.is_some() && has_second_factor,
            enrols: None,
            now: answer.now,
            pass,
        };
        Ok(self.sign_ins.challenges.prove(&proof).await? != Proved::Refused)
    }

    /// Compares a code of an authenticator that is being set up, and makes it the user's first factor. The
    /// sign-in ends with it.
    async fn enrol(
        &self,
        who: &SigningIn<'_>,
        user: &UserId,
        answer: &Answer,
        hints: &Hints,
        (kept, said, salt): (&Kept, &Said, u128),
    ) -> Result<bool, PortError> {
        let round = &hints.round;
        let Said::Code(_, code) = said else { return Ok(false) };
        if kept.factors.has_ever_counted() {
            return Ok(false);
        }
        let Some(seed) = derived_seed(&self.key, user, &round.nonce, salt) else { return Ok(false) };
        let TotpMatch::Right(step) = seed.check(code, answer.now, kept.factors.last_step) else {
            return Ok(false);
        };
        let sealed = self.seeds.seal(user, &seed).await?;
        let enrols = self.enrolments.begin(user, &round.nonce, sealed, answer.now).await?;
        let proof = Proof {
            user: user.clone(),
            seat: answer.seat,
            nonce: answer.nonce.clone(),
            round: hints.at,
            factor: OwnFactor::Totp,
            generation: round.generation,
            spends: Spends::Step(step),
            forgives_name: false,
            forgives_all: false,
            enrols: Some(enrols),
            now: answer.now,
            pass: Some(Pass {
                client: who.client_id.to_owned(),
                is_named: false,
                proven: Proven { enrolled: true, ..round.proven.clone() },
            }),
        };
        let proved = self.sign_ins.challenges.prove(&proof).await?;
        if proved == Proved::Done {
            self.enrolments.tell(who, &round.nonce, answer.now).await;
        }
        Ok(proved != Proved::Refused)
    }

    /// Opens the seed of an authenticator, or a decoy seed where the name has no authenticator.
    ///
    /// A known name and an unknown one cost the same calls: one `Decrypt`, and in a new execution
    /// environment one `Encrypt` that seals the decoy.
    async fn open_by_name(
        &self,
        found: Option<(&UserId, &SealedSeed)>,
    ) -> Result<Option<TotpSeed>, PortError> {
        let decoy_user = UserId::parse(DECOY_USER)
            .map_err(|_| PortError::new("seeds", "the user of the decoy seed is invalid"))?;
        let decoy = self
            .decoy_seed
            .get_or_try_init(|| async { self.seeds.seal(&decoy_user, &TotpSeed::decoy()).await })
            .await?;
        let (user, sealed) = found.unwrap_or((&decoy_user, decoy));
        let seed = self.seeds.open(user, sealed).await?;
        Ok(found.is_some().then_some(seed))
    }

    fn answer(&self, who: &SigningIn<'_>, hints: &Hints, said: &Said) -> Answer {
        let (round, policy) = (&hints.round, &self.sign_ins.settings.policy);
        let now = self.sign_ins.clock.now();
        let is_by_name = !round.proven.is_anything();
        let asked = match round.ask {
            Ask::Begin | Ask::Enrol { .. } => None,
            Ask::Code { round, .. } => Some(round),
        };
        let strike = if is_by_name {
            let next = hints.strikes.saturating_add(1);
            Strike::ByName {
                not_before: back_off(policy, next).map(|seconds| after(now, seconds)),
                opens_totp_window: hints.opens_totp_window,
            }
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
            Opening::Proven { evicts: hints.evicts.clone() }
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
        round: &Round,
        kept: &Kept,
        said: &Said,
        now: Timestamp,
    ) -> Result<Option<Spends>, PortError> {
        let Some(record) = kept.record(&round.nonce) else { return Ok(None) };
        let is_by_name = !round.proven.is_anything();
        match said {
            Said::Code(OwnFactor::Totp, code) if is_by_name => {
                self.compare_totp_by_name(user, kept, code, now).await
            }
            Said::Code(OwnFactor::Totp, code) => self.compare_totp(user, kept, code, now).await,
            Said::Code(_, code) => Ok(self.is_sent(record, code).then_some(Spends::Nothing)),
            Said::Recovery(_) if kept.factors.recovery_only => Ok(None),
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

    /// Compares with the newest authenticator only, so that one guess is as good at any account.
    async fn compare_totp_by_name(
        &self,
        user: &UserId,
        kept: &Kept,
        code: &OneTimeCode,
        now: Timestamp,
    ) -> Result<Option<Spends>, PortError> {
        let newest = kept.factors.newest_confirmed().map(|found| (user, &found.seed));
        let Some(seed) = self.open_by_name(newest).await? else { return Ok(None) };
        Ok(match seed.check(code, now, kept.factors.last_step) {
            TotpMatch::Right(step) => Some(Spends::Step(step)),
            TotpMatch::Used | TotpMatch::Wrong => None,
        })
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

fn last_four(number: &PhoneNumber) -> &str {
    let digits = number.expose();
    digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
}

/// Seconds to wait after so many wrong answers in a row.
fn back_off(policy: &CustomAuthPolicy, strikes: u32) -> Option<u32> {
    let beyond = strikes.checked_sub(FREE_STRIKES)?;
    let seconds = policy.back_off_seconds.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
    Some(seconds.min(policy.back_off_max_seconds))
}
