//! The three steps of a sign-in: Define, Create and Verify.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::OnceCell;

use super::{
    AnswerAction, AnswerEffect, AnswerOutcome, AnswerWrite, AppClient, AppClients, Challenge, ChallengeSlot,
    ChallengeState, Challenges, ChosenFactor, Comparison, ConsumedCredential, FAILURES_TO_LOCK, FailReason,
    FailureScope, NextStep, Nonce, Proof, ProofOutcome, Proven, Requirements, RoundPrompt, RoundState,
    SessionItem, SlotClaim, SlotKind, StateKey, TokenGrant, UserSignInState,
    answer::Answer,
    enrolment::{SignInEnrolment, derived_seed},
    next,
};
use crate::{
    assurance::{FactorClass, PasswordRecovery, SECOND_FACTOR_LEVEL, class_of, level},
    config::{AppClientPolicy, CustomAuthPolicy, EnrolmentPolicy, Environment, FirstStep, Resend},
    delivery::{ChallengeCode, Destination, MessageQueue, OutboundMessage, Recipient},
    factors::{
        custom::{DeviceStatement, SealedSeed, Seeds, TotpCheck, TotpSeed},
        otpauth_uri,
    },
    kernel::{
        Clock, CustomFactor, EmailAddress, Entropy, HashKey, OneTimeCode, PhoneNumber, PortError, UserId,
    },
    telemetry::Metric,
};

/// Consecutive wrong answers by name that cause no wait.
const FREE_FAILURES: u32 = 5;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The user of the decoy seed. No user of a pool has this `sub`.
const DECOY_USER: &str = "decoy";

/// The user who signs in, as a trigger's event describes them.
#[derive(Clone)]
pub struct SigningIn<'a> {
    pub client_id: &'a str,
    /// Absent if no user has the name.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    /// Verified addresses only.
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
    pub must_change_password: bool,
    /// BCP 47 tags from the client or the profile, most wanted first.
    pub locales: Vec<&'a str>,
}

impl std::fmt::Debug for SigningIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningIn").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The decision of Define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefineDecision {
    Password,
    NewPassword,
    Challenge,
    IssueTokens,
    Fail,
}

/// The response of Create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedChallenge {
    /// Parameters that the client receives.
    pub public: Vec<(&'static str, String)>,
    /// Parameters that only Verify receives, in this round.
    pub private: Vec<(&'static str, String)>,
    /// State for later rounds.
    pub metadata: String,
}

/// The settings of custom challenges that a function needs.
#[derive(Debug, Clone)]
pub struct CustomAuthSettings {
    pub policy: CustomAuthPolicy,
    pub clients: AppClients,
    pub recovery: PasswordRecovery,
}

impl CustomAuthSettings {
    /// Reads `MFA_APP_CLIENTS`, `MFA_PASSWORD_RECOVERY` and the policy.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().custom_auth;
        let list = environment.required("MFA_APP_CLIENTS");
        let clients = AppClients::parse(&list, &policy).unwrap_or_else(|problem| {
            environment.problem(problem);
            AppClients::none()
        });
        Self { policy, clients, recovery: PasswordRecovery::read(environment) }
    }

    /// Returns whether a custom client that begins with the password counts a code to one of these addresses.
    pub fn counts_a_channel(&self, has_email: bool, has_phone: bool) -> bool {
        self.clients.custom().any(|policy| {
            let requirements = Requirements::new(policy, [], self.recovery);
            policy.first == FirstStep::Password
                && ((has_email && requirements.counts(CustomFactor::EmailCode))
                    || (has_phone && requirements.counts(CustomFactor::SmsCode)))
        })
    }
}

/// Decides the steps of custom sign-ins.
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

    /// Decides the next step, with one read.
    pub async fn define(
        &self,
        request: &SigningIn<'_>,
        session: &[SessionItem<'_>],
    ) -> Result<DefineDecision, PortError> {
        let Some(client) = self.client(request.client_id) else {
            tracing::warn!("app client has no custom challenges");
            return Ok(DefineDecision::Fail);
        };
        let view = self.view(request, client, session).await?;
        Ok(match view.next(session, request) {
            NextStep::Password => DefineDecision::Password,
            NextStep::NewPassword => DefineDecision::NewPassword,
            NextStep::Begin(_) | NextStep::Prove(..) | NextStep::Enrol(_) => DefineDecision::Challenge,
            // Without a slot, no answer was ever compared.
            NextStep::IssueTokens(_) if view.user().is_none() => DefineDecision::Fail,
            NextStep::IssueTokens(_) => DefineDecision::IssueTokens,
            NextStep::Fail(why) => {
                tracing::info!(why = why.name(), "custom sign-in ended");
                DefineDecision::Fail
            }
        })
    }

    /// Reads the state of a sign-in at this point of its session.
    async fn view(
        &self,
        request: &SigningIn<'_>,
        client: &AppClientPolicy,
        session: &[SessionItem<'_>],
    ) -> Result<SignInView, PortError> {
        let last = last_round(session);
        let state_key = state_key(request.user.as_ref(), request.user_name, last.as_ref());
        let user_state = self.challenges.read(&state_key).await?;
        let groups = user_state.groups.iter().map(String::as_str);
        let requirements = Requirements::new(client, groups, self.settings.recovery);
        Ok(SignInView { state_key, user_state, requirements, last, now: self.clock.now() })
    }
}

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIns").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn last_round(session: &[SessionItem<'_>]) -> Option<RoundState> {
    session.last().and_then(|item| item.metadata).and_then(RoundState::parse)
}

/// Returns the key of the sign-in's state. A decoy sign-in is stored apart from the user: it must look like
/// any other, and it must not disturb a real one.
fn state_key(user: Option<&UserId>, user_name: &str, last: Option<&RoundState>) -> StateKey {
    use sha2::{Digest, Sha256};
    match (user, last) {
        (Some(user), None | Some(RoundState { slot: Some(_), .. })) => StateKey::User(user.clone()),
        (_, Some(round)) => StateKey::Decoy(round.nonce.clone()),
        (None, None) => {
            let shard = Sha256::digest(user_name.as_bytes()).first().copied().unwrap_or_default();
            StateKey::UnknownName { shard }
        }
    }
}

/// The state of a sign-in from one read.
struct SignInView {
    state_key: StateKey,
    user_state: UserSignInState,
    requirements: Requirements,
    last: Option<RoundState>,
    now: Timestamp,
}

impl SignInView {
    /// Decides the next step. Where the state machine asks for a factor, this checks that the user has a
    /// useful one or can set one up.
    fn next(&self, session: &[SessionItem<'_>], request: &SigningIn<'_>) -> NextStep {
        let challenge_state = self.challenge_state(request.client_id);
        match next(session, challenge_state, &self.requirements, request.must_change_password) {
            NextStep::Begin(challenge) if challenge.proven.is_anything() && self.user().is_some() => {
                self.begin_or_enrol(challenge, request)
            }
            next => next,
        }
    }

    fn begin_or_enrol(&self, challenge: Challenge, request: &SigningIn<'_>) -> NextStep {
        let proven = &challenge.proven;
        if self.requirements.can_be_met(&self.enrolled(request), proven) {
            return NextStep::Begin(challenge);
        }
        if !self.may_enrol(request, proven) {
            return NextStep::Fail(FailReason::NoUsableFactor);
        }
        if Self::has_proven_a_channel(request, proven) {
            return NextStep::Enrol(challenge);
        }
        // Wrong codes can turn a channel off. This must not make the proof of a channel unnecessary.
        if self.channels_before_enrolment(request, proven).is_empty() {
            return NextStep::Fail(FailReason::NoUsableFactor);
        }
        NextStep::Begin(challenge)
    }

    /// Returns whether the user entered a code to an address, or has no address to prove.
    fn has_proven_a_channel(request: &SigningIn<'_>, proven: &Proven) -> bool {
        let is_channel = |factor: &CustomFactor| class_of(*factor) == FactorClass::Channel;
        proven.methods().iter().any(is_channel) || (request.email.is_none() && request.phone.is_none())
    }

    /// Returns whether the user sets up a first authenticator in this sign-in. The policy must allow it, the
    /// user must never have had a counted factor, and the authenticator must fulfil the policy from then on.
    fn may_enrol(&self, request: &SigningIn<'_>, proven: &Proven) -> bool {
        let mut enrolled = self.enrolled(request);
        enrolled.insert(CustomFactor::Totp);
        self.requirements.enrolment == EnrolmentPolicy::AtSignIn
            && !self.user_state.factors.has_ever_counted()
            && self.requirements.can_be_met(&enrolled, proven)
    }

    /// Returns the addresses of which the user must prove one before setting up a first factor. The proof
    /// does not count, but without it, the password alone would be enough to set one up.
    fn channels_before_enrolment(&self, request: &SigningIn<'_>, proven: &Proven) -> BTreeSet<CustomFactor> {
        if Self::has_proven_a_channel(request, proven) {
            return BTreeSet::new();
        }
        let failures =
            |factor| self.user_state.failure_counts.failures.get(&factor).copied().unwrap_or_default();
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode => request.email.is_some(),
            CustomFactor::SmsCode => request.phone.is_some(),
            CustomFactor::Totp | CustomFactor::RecoveryCode | CustomFactor::TrustedDevice => false,
        };
        CustomFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && failures(*factor) < FAILURES_TO_LOCK)
            .collect()
    }

    /// Returns the factors that the user can prove next.
    fn offered(&self, request: &SigningIn<'_>, proven: &Proven) -> BTreeSet<CustomFactor> {
        // While we only know a name, every caller sees the same factors.
        if !proven.is_anything() {
            return self.requirements.offered_by_name();
        }
        let enrolled = self.enrolled(request);
        if self.requirements.can_be_met(&enrolled, proven) {
            self.requirements.useful(&enrolled, proven)
        } else {
            self.channels_before_enrolment(request, proven)
        }
    }

    fn challenge_state(&self, client_id: &str) -> Option<&ChallengeState> {
        let nonce = &self.last.as_ref()?.nonce;
        self.user_state.challenge_state(nonce).filter(|challenge_state| challenge_state.client == client_id)
    }

    fn user(&self) -> Option<&UserId> {
        match &self.state_key {
            StateKey::User(user) => Some(user),
            StateKey::UnknownName { .. } | StateKey::Decoy(_) => None,
        }
    }

    /// Returns the factors that the user has and that are not locked.
    fn enrolled(&self, request: &SigningIn<'_>) -> BTreeSet<CustomFactor> {
        let factors = &self.user_state.factors;
        let has_authenticator = factors.confirmed().next().is_some();
        // A passwordless client has no stronger first step than a code.
        let keep_weaker = self.requirements.keep_weaker
            || self.requirements.first == FirstStep::Passwordless
            || !self.can_do_without_messages();
        let offers = |factor| factors.message_codes.offers(factor, has_authenticator, keep_weaker);
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode => request.email.is_some() && offers(*factor),
            CustomFactor::SmsCode => request.phone.is_some() && offers(*factor),
            CustomFactor::Totp => has_authenticator,
            CustomFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            CustomFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
        };
        let failures =
            |factor| self.user_state.failure_counts.failures.get(&factor).copied().unwrap_or_default();
        CustomFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && failures(*factor) < FAILURES_TO_LOCK)
            .collect()
    }

    /// Returns whether the user's stronger factors fulfil the policy beside the password. Locked factors
    /// count here: a lock must not bring weaker factors back.
    fn can_do_without_messages(&self) -> bool {
        let factors = &self.user_state.factors;
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode | CustomFactor::SmsCode => false,
            CustomFactor::Totp => factors.confirmed().next().is_some(),
            CustomFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            CustomFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
        };
        let strong = CustomFactor::ALL.into_iter().filter(has).collect();
        self.requirements.can_be_met(&strong, &Proven { password: true, ..Proven::default() })
    }

    /// Returns a slot, or `None` if the limits for sign-ins by name are reached. If no slot is free, a
    /// sign-in that has proven something takes the slot of the sign-in that is idle for longest.
    fn free_seat(&self, proven: &Proven, by_name_per_day: u32) -> Option<ChallengeSlot> {
        let is_name_only = !proven.is_anything();
        let failure_counts = &self.user_state.failure_counts;
        let must_wait = failure_counts.not_before.is_some_and(|end| self.now < end);
        let is_used_up = failure_counts.day == day(self.now) && failure_counts.begun >= by_name_per_day;
        if is_name_only && (must_wait || is_used_up) {
            return None;
        }
        let until = |slot: &ChallengeSlot| {
            self.user_state.challenge_states.get(slot).map(|challenge_state| challenge_state.until)
        };
        // We take the slot that is free for longest: a late repetition may still look for its sign-in in the
        // others.
        ChallengeSlot::ALL
            .into_iter()
            .filter(|slot| slot.kind == SlotKind::of(proven))
            .filter(|slot| !is_name_only || until(slot).is_none_or(|until| until <= self.now))
            .min_by_key(until)
    }
}

impl SignInView {
    /// Returns what Verify must know about this round.
    fn parameters(
        &self,
        request: &SigningIn<'_>,
        round: &RoundState,
        round_index: u32,
    ) -> PrivateChallengeParameters {
        PrivateChallengeParameters {
            round: round.clone(),
            round_index,
            most: self.requirements.wrong_answers(),
            is_taken: self.challenge_state(request.client_id).is_some(),
            is_first_of_day: self.user_state.failure_counts.day != day(self.now),
            failures: self.user_state.failure_counts.by_name,
            opens_totp_window: !self.user_state.failure_counts.has_open_totp_window(self.now),
            evicts: round
                .slot
                .and_then(|slot| self.user_state.challenge_states.get(&slot))
                .filter(|challenge_state| self.now < challenge_state.until)
                .map(|challenge_state| challenge_state.nonce.clone()),
        }
    }
}

/// Returns the days since the epoch, in UTC.
fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY_SECONDS)
}

fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(now)
}

/// Creates challenges and queues their codes for sending.
pub struct ChallengeCreator {
    sign_ins: SignIns,
    queue: Arc<dyn MessageQueue>,
    entropy: Arc<dyn Entropy>,
    key: HashKey,
    issuer: String,
}

impl ChallengeCreator {
    /// `issuer` is the name that authenticator apps show for the service.
    pub fn new(
        sign_ins: SignIns,
        queue: Arc<dyn MessageQueue>,
        entropy: Arc<dyn Entropy>,
        key: HashKey,
        issuer: &str,
    ) -> Self {
        Self { sign_ins, queue, entropy, key, issuer: issuer.to_owned() }
    }

    /// Creates the next challenge, or returns `None` if the sign-in has no further one. Costs one read, and
    /// one message if the challenge sends a code.
    pub async fn create(
        &self,
        request: &SigningIn<'_>,
        session: &[SessionItem<'_>],
    ) -> Result<Option<CreatedChallenge>, PortError> {
        let Some(client) = self.sign_ins.client(request.client_id) else { return Ok(None) };
        let view = self.sign_ins.view(request, client, session).await?;
        let round_index = u32::try_from(session.len()).unwrap_or(u32::MAX);
        match view.next(session, request) {
            NextStep::Begin(challenge) => self.begin(&view, request, challenge, round_index).map(Some),
            NextStep::Prove(factor, challenge) => {
                let chosen = view
                    .challenge_state(request.client_id)
                    .and_then(|challenge_state| challenge_state.chosen);
                match (chosen.filter(|chosen| chosen.factor == factor), &challenge.last) {
                    (Some(chosen), Some(last)) => {
                        let effect = view
                            .challenge_state(request.client_id)
                            .and_then(|challenge_state| challenge_state.effects.get(&(round_index - 1)));
                        if matches!(effect, Some(AnswerEffect::Chose(_) | AnswerEffect::Resent)) {
                            self.enqueue_code(&view, request, &last.nonce, chosen).await?;
                        }
                        Ok(Some(self.code(&view, request, last, &challenge.proven, chosen, round_index)))
                    }
                    _ => self.begin(&view, request, challenge, round_index).map(Some),
                }
            }
            NextStep::Enrol(challenge) => self.enrol(&view, request, challenge, round_index).map(Some),
            NextStep::Password | NextStep::NewPassword | NextStep::IssueTokens(_) | NextStep::Fail(_) => {
                Ok(None)
            }
        }
    }

    /// Shows the secret of a first authenticator. The seed is derived from the salt, which only Cognito's
    /// session holds, so a wrong code does not change the secret.
    fn enrol(
        &self,
        view: &SignInView,
        request: &SigningIn<'_>,
        challenge: Challenge,
        round_index: u32,
    ) -> Result<CreatedChallenge, PortError> {
        let salt = if let Some(RoundPrompt::Enrol { salt }) = challenge.last.as_ref().map(|last| last.ask) {
            salt
        } else {
            let mut salt = [0; 16];
            self.entropy.fill(&mut salt)?;
            u128::from_be_bytes(salt)
        };
        let round = match challenge.last {
            Some(last) => RoundState {
                offered: [CustomFactor::Totp].into(),
                proven: challenge.proven,
                ask: RoundPrompt::Enrol { salt },
                ..last
            },
            None => RoundState {
                nonce: Nonce::draw(self.entropy.as_ref())?,
                slot: view.free_seat(&challenge.proven, self.sign_ins.settings.policy.by_name_per_day),
                factor_epoch: view.user_state.factors.factor_epoch,
                offered: [CustomFactor::Totp].into(),
                proven: challenge.proven,
                ask: RoundPrompt::Enrol { salt },
            },
        };
        let Some(seed) = view.user().and_then(|user| derived_seed(&self.key, user, &round.nonce, salt))
        else {
            return Err(PortError::new("enrolment", "no seed could be derived"));
        };
        let account =
            request.email.as_ref().map_or_else(|| request.user_name.to_owned(), EmailAddress::expose);
        let made =
            view.challenge_state(request.client_id).map_or(0, |challenge_state| challenge_state.comparisons);
        let public = vec![
            ("step", "enrol".to_owned()),
            ("factors", CustomFactor::Totp.name().to_owned()),
            ("factor", CustomFactor::Totp.name().to_owned()),
            ("nonce", round.nonce.as_str().to_owned()),
            ("secret", seed.secret().expose().to_owned()),
            ("uri", otpauth_uri(&seed.secret(), &self.issuer, &account).to_string()),
            ("codeLength", "6".to_owned()),
            ("attemptsLeft", view.requirements.wrong_answers().saturating_sub(made).to_string()),
        ];
        Ok(CreatedChallenge {
            public,
            private: view.parameters(request, &round, round_index).write(),
            metadata: round.text(),
        })
    }

    /// Asks which factor the user wants to prove. No code is sent.
    fn begin(
        &self,
        view: &SignInView,
        request: &SigningIn<'_>,
        challenge: Challenge,
        round_index: u32,
    ) -> Result<CreatedChallenge, PortError> {
        let Challenge { proven, last } = challenge;
        let requirements = &view.requirements;
        let is_taken = view.challenge_state(request.client_id).is_some();
        let round = match last {
            // The sign-in already runs, so its slot and its epoch of factors stay.
            Some(last) if is_taken || last.slot.is_none() => RoundState {
                offered: match view.user() {
                    Some(_) => view.offered(request, &proven),
                    None => last.offered.clone(),
                },
                proven,
                ask: RoundPrompt::Begin,
                ..last
            },
            last => {
                let nonce = match last {
                    Some(last) => last.nonce,
                    None => Nonce::draw(self.entropy.as_ref())?,
                };
                // Without a proven password, a user without a usable factor looks like an unknown name.
                let can_succeed = view.user().is_some()
                    && (proven.is_anything()
                        || requirements.can_be_met(&view.enrolled(request), &proven)
                        || view.may_enrol(request, &proven));
                let slot = view
                    .free_seat(&proven, self.sign_ins.settings.policy.by_name_per_day)
                    .filter(|_| can_succeed);
                if can_succeed && slot.is_none() {
                    tracing::warn!("sign-in throttled, decoy challenge issued");
                    Metric::ChallengeThrottled.emit();
                }
                let offered = view.offered(request, &proven);
                RoundState {
                    nonce,
                    slot,
                    factor_epoch: view.user_state.factors.factor_epoch,
                    proven,
                    offered,
                    ask: RoundPrompt::Begin,
                }
            }
        };
        let names: Vec<_> = round.offered.iter().map(|factor| factor.name()).collect();
        let public = vec![
            ("step", "begin".to_owned()),
            ("factors", names.join(",")),
            ("nonce", round.nonce.as_str().to_owned()),
        ];
        Ok(CreatedChallenge {
            public,
            private: view.parameters(request, &round, round_index).write(),
            metadata: round.text(),
        })
    }

    /// Asks for the proof of the chosen factor.
    fn code(
        &self,
        view: &SignInView,
        request: &SigningIn<'_>,
        last: &RoundState,
        proven: &Proven,
        chosen: ChosenFactor,
        round_index: u32,
    ) -> CreatedChallenge {
        let policy = &self.sign_ins.settings.policy;
        let round = RoundState {
            proven: proven.clone(),
            ask: RoundPrompt::Code { factor: chosen.factor, round_index: chosen.round_index },
            ..last.clone()
        };
        let left = |end: Timestamp| end.duration_since(view.now).as_secs().max(0).to_string();
        let made =
            view.challenge_state(request.client_id).map_or(0, |challenge_state| challenge_state.comparisons);
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
            CustomFactor::EmailCode | CustomFactor::SmsCode => public.extend([
                ("destination", self.shown_destination(request, chosen.factor)),
                ("codeLength", policy.code_digits.to_string()),
                ("canResendIn", left(after(chosen.sent_at, policy.resend_after_seconds))),
            ]),
            CustomFactor::Totp => public.push(("codeLength", "6".to_owned())),
            CustomFactor::RecoveryCode | CustomFactor::TrustedDevice => {}
        }
        CreatedChallenge {
            public,
            private: view.parameters(request, &round, round_index).write(),
            metadata: round.text(),
        }
    }

    /// Queues the code; it is drawn later, just before it is sent. A sign-in that cannot succeed queues a
    /// decoy, so that both take the same way.
    async fn enqueue_code(
        &self,
        view: &SignInView,
        request: &SigningIn<'_>,
        nonce: &Nonce,
        chosen: ChosenFactor,
    ) -> Result<(), PortError> {
        let destination = match chosen.factor {
            CustomFactor::EmailCode => request.email.clone().map(Destination::Email),
            CustomFactor::SmsCode => request.phone.clone().map(Destination::Sms),
            CustomFactor::Totp | CustomFactor::RecoveryCode | CustomFactor::TrustedDevice => return Ok(()),
        };
        let message = match (view.user(), destination) {
            (Some(user), Some(destination)) => OutboundMessage::ChallengeCode(ChallengeCode {
                nonce: nonce.as_str().to_owned(),
                round_index: chosen.round_index,
                send_attempt: chosen.send_attempt,
                client_id: request.client_id.to_owned(),
                to: Recipient {
                    user: user.clone(),
                    user_name: request.user_name.to_owned(),
                    destination,
                    is_verified: true,
                    locales: request.locales.iter().map(|&locale| locale.to_owned()).collect(),
                },
                expires_at: chosen.expires_at,
            }),
            _ => OutboundMessage::Decoy,
        };
        self.queue.enqueue(&message).await
    }

    /// Returns the masked destination. For an unknown name, this is the typed text if it is an address, else
    /// an invented destination that depends only on the name.
    fn shown_destination(&self, request: &SigningIn<'_>, factor: CustomFactor) -> String {
        let invented = |from: &[u8; 2]| {
            let hash = self.key.hash("invented-destination", &[request.user_name.as_bytes(), from]);
            let bytes = data_encoding::HEXLOWER.decode(hash.as_bytes()).unwrap_or_default();
            let letter = |at: usize| char::from(b'a' + bytes.get(at).copied().unwrap_or_default() % 26);
            let digits = bytes.iter().skip(2).take(4).map(|byte| char::from(b'0' + byte % 10)).collect();
            (letter(0), letter(1), digits)
        };
        if factor == CustomFactor::SmsCode {
            let typed = PhoneNumber::parse(request.user_name).ok();
            request.phone.clone().or(typed).map_or_else(
                || {
                    let (_, _, digits): (_, _, String) = invented(b"to");
                    format!("+*******{digits}")
                },
                // Every number shows the same count of stars, because the count would reveal a real number.
                |number| format!("+*******{}", last_four(&number)),
            )
        } else {
            let typed = EmailAddress::parse(request.user_name).ok();
            request.email.clone().or(typed).map_or_else(
                || {
                    let (local, domain, _): (_, _, String) = invented(b"to");
                    format!("{local}***@{domain}***")
                },
                |address| address.to_string(),
            )
        }
    }
}

impl std::fmt::Debug for ChallengeCreator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChallengeCreator").field("sign_ins", &self.sign_ins).finish_non_exhaustive()
    }
}

/// What Create passes to Verify of the same round. The client never receives it.
struct PrivateChallengeParameters {
    round: RoundState,
    /// The number of session items. Together with the nonce, it identifies the round.
    round_index: u32,
    /// Wrong answers until the sign-in ends.
    most: u32,
    /// Whether the sign-in already has its slot.
    is_taken: bool,
    /// Whether no sign-in by name has begun on this day.
    is_first_of_day: bool,
    /// Consecutive wrong answers by name.
    failures: u32,
    /// Whether no window that counts wrong authenticator codes by name is open.
    opens_totp_window: bool,
    /// The sign-in that has the slot and makes room.
    evicts: Option<Nonce>,
}

impl PrivateChallengeParameters {
    fn write(&self) -> Vec<(&'static str, String)> {
        vec![
            ("round", self.round.text()),
            ("at", self.round_index.to_string()),
            ("most", self.most.to_string()),
            ("taken", self.is_taken.to_string()),
            ("first", self.is_first_of_day.to_string()),
            ("strikes", self.failures.to_string()),
            ("opens-totp-window", self.opens_totp_window.to_string()),
            ("evicts", self.evicts.as_ref().map_or("-", Nonce::as_str).to_owned()),
        ]
    }

    fn parse<'a>(private: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            round: RoundState::parse(private("round")?)?,
            round_index: private("at")?.parse().ok()?,
            most: private("most")?.parse().ok()?,
            is_taken: private("taken")?.parse().ok()?,
            is_first_of_day: private("first")?.parse().ok()?,
            failures: private("strikes")?.parse().ok()?,
            opens_totp_window: private("opens-totp-window")?.parse().ok()?,
            evicts: private("evicts").and_then(Nonce::parse),
        })
    }
}

/// Compares answers.
pub struct AnswerVerifier {
    sign_ins: SignIns,
    seeds: Arc<dyn Seeds>,
    decoy_seed: OnceCell<SealedSeed>,
    key: HashKey,
    enrolments: SignInEnrolment,
}

impl AnswerVerifier {
    pub fn new(sign_ins: SignIns, seeds: Arc<dyn Seeds>, key: HashKey, enrolments: SignInEnrolment) -> Self {
        Self { sign_ins, seeds, decoy_seed: OnceCell::new(), key, enrolments }
    }

    /// Returns whether the answer proves a factor. Costs one write, and a second one if it does. `private`
    /// reads Create's private parameters; `named` is the client's name for its sign-in.
    pub async fn verify<'a>(
        &self,
        request: &SigningIn<'_>,
        private: impl Fn(&str) -> Option<&'a str>,
        answer: &str,
        named: Option<&str>,
    ) -> Result<bool, PortError> {
        let Some(client) = self.sign_ins.client(request.client_id) else { return Ok(false) };
        let Some(parameters) = PrivateChallengeParameters::parse(private) else { return Ok(false) };
        let round = &parameters.round;
        let Some(answer) = Answer::parse(answer, round.ask, |factor| round.offered.contains(&factor)) else {
            return Ok(false);
        };
        let write = self.answer_write(request, &parameters, &answer);
        let user_state = match self.sign_ins.challenges.answer(&write).await? {
            AnswerOutcome::Taken(user_state) | AnswerOutcome::Repeated(user_state) => user_state,
            AnswerOutcome::Refused => return Ok(false),
        };
        let AnswerAction::Compare(comparison) = &write.action else { return Ok(false) };
        let is_name_only = !round.proven.is_anything();
        let StateKey::User(user) = &write.state_key else {
            if comparison.factor == CustomFactor::Totp {
                self.open_for_name(None).await?;
            }
            return Ok(false);
        };
        let Some(challenge_state) = user_state.challenge_state(&round.nonce) else { return Ok(false) };
        // The same answer to the same round was right before, and its credential is used up.
        if challenge_state.proven.get(&parameters.round_index) == Some(&comparison.factor) {
            return Ok(true);
        }
        if let RoundPrompt::Enrol { salt } = round.ask {
            return self.enrol(request, user, &write, &parameters, (&user_state, &answer, salt)).await;
        }
        let compared = self.compare(user, request.client_id, round, &user_state, &answer, write.now).await?;
        let Some(consumes) = compared else { return Ok(false) };
        let proven = round.proven.with(comparison.factor);
        let recovery = self.sign_ins.settings.recovery;
        let requirements = Requirements::new(client, user_state.groups.iter().map(String::as_str), recovery);
        let has_second_factor = level(&proven.proofs(), recovery) >= SECOND_FACTOR_LEVEL;
        let grant = requirements.are_met(&proven).then(|| TokenGrant {
            client: request.client_id.to_owned(),
            is_named: named == Some(round.nonce.as_str()),
            proven,
        });
        let proof = Proof {
            user: user.clone(),
            slot: write.slot,
            nonce: write.nonce.clone(),
            round_index: parameters.round_index,
            factor: comparison.factor,
            factor_epoch: round.factor_epoch,
            consumes,
            forgives_name: is_name_only,
            forgives_all: grant.is_some() && has_second_factor,
            enrols: None,
            now: write.now,
            grant,
        };
        Ok(self.sign_ins.challenges.prove(&proof).await? != ProofOutcome::Refused)
    }

    /// Compares a code of the authenticator that the user sets up, and stores the authenticator as the first
    /// factor. This ends the sign-in.
    async fn enrol(
        &self,
        request: &SigningIn<'_>,
        user: &UserId,
        write: &AnswerWrite,
        parameters: &PrivateChallengeParameters,
        (user_state, answer, salt): (&UserSignInState, &Answer, u128),
    ) -> Result<bool, PortError> {
        let round = &parameters.round;
        let Answer::Code(_, code) = answer else { return Ok(false) };
        if user_state.factors.has_ever_counted() {
            return Ok(false);
        }
        let Some(seed) = derived_seed(&self.key, user, &round.nonce, salt) else { return Ok(false) };
        let TotpCheck::Right(step) = seed.check(code, write.now, user_state.factors.last_step) else {
            return Ok(false);
        };
        let sealed = self.seeds.seal(user, &seed).await?;
        let enrols = self.enrolments.begin(user, &round.nonce, sealed, write.now).await?;
        let proof = Proof {
            user: user.clone(),
            slot: write.slot,
            nonce: write.nonce.clone(),
            round_index: parameters.round_index,
            factor: CustomFactor::Totp,
            factor_epoch: round.factor_epoch,
            consumes: ConsumedCredential::Step(step),
            forgives_name: false,
            forgives_all: false,
            enrols: Some(enrols),
            now: write.now,
            grant: Some(TokenGrant {
                client: request.client_id.to_owned(),
                is_named: false,
                proven: Proven { enrolled: true, ..round.proven.clone() },
            }),
        };
        let proved = self.sign_ins.challenges.prove(&proof).await?;
        if proved == ProofOutcome::Done {
            self.enrolments.tell(request, &round.nonce, write.now).await;
        }
        Ok(proved != ProofOutcome::Refused)
    }

    /// Opens the seed of an authenticator, or a decoy seed where the name has no authenticator.
    ///
    /// A known name and an unknown one cost the same calls: one `Decrypt`, and in a new execution
    /// environment one `Encrypt` that seals the decoy.
    async fn open_for_name(
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

    fn answer_write(
        &self,
        request: &SigningIn<'_>,
        parameters: &PrivateChallengeParameters,
        answer: &Answer,
    ) -> AnswerWrite {
        let (round, policy) = (&parameters.round, &self.sign_ins.settings.policy);
        let now = self.sign_ins.clock.now();
        let is_name_only = !round.proven.is_anything();
        let asked = match round.ask {
            RoundPrompt::Begin | RoundPrompt::Enrol { .. } => None,
            RoundPrompt::Code { round_index, .. } => Some(round_index),
        };
        let failure_scope = if is_name_only {
            let next = parameters.failures.saturating_add(1);
            FailureScope::NameOnly {
                not_before: back_off(policy, next).map(|seconds| after(now, seconds)),
                opens_totp_window: parameters.opens_totp_window,
            }
        } else {
            FailureScope::Factor
        };
        let action = match (answer, asked) {
            (Answer::Factor(factor), _) => AnswerAction::Choose(*factor),
            (Answer::Resend, Some(asked)) => {
                let wait = SignedDuration::from_secs(policy.resend_after_seconds.into());
                AnswerAction::Resend { asked, not_after: now.saturating_sub(wait).unwrap_or(now) }
            }
            (Answer::Back | Answer::Resend, _) => AnswerAction::Back { asked: asked.unwrap_or_default() },
            (Answer::Code(..) | Answer::Recovery(_) | Answer::Device { .. }, asked) => {
                AnswerAction::Compare(Comparison {
                    factor: answer.factor().unwrap_or(CustomFactor::EmailCode),
                    asked,
                    most: parameters.most,
                    failure_scope,
                })
            }
        };
        let user = request.user.as_ref().filter(|_| round.slot.is_some());
        // A decoy sign-in counts towards no limit.
        let claim = (!parameters.is_taken).then_some(if is_name_only && user.is_some() {
            SlotClaim::NameOnly {
                day: day(now),
                is_first: parameters.is_first_of_day,
                most: policy.by_name_per_day,
            }
        } else {
            SlotClaim::Identified { evicts: parameters.evicts.clone() }
        });
        AnswerWrite {
            state_key: user
                .map_or_else(|| StateKey::Decoy(round.nonce.clone()), |user| StateKey::User(user.clone())),
            slot: round.slot.unwrap_or(ChallengeSlot { kind: SlotKind::of(&round.proven), index: 0 }),
            nonce: round.nonce.clone(),
            client: request.client_id.to_owned(),
            round_index: parameters.round_index,
            digest: self.digest(round, parameters.round_index, answer),
            now,
            until: after(now, policy.code_seconds),
            claim,
            action,
        }
    }

    /// Returns a keyed hash that distinguishes answers without storing them.
    fn digest(&self, round: &RoundState, round_index: u32, answer: &Answer) -> String {
        let hash = |kind: &str, text: &[u8]| {
            let nonce = round.nonce.as_str().as_bytes();
            self.key.hash("challenge-answer", &[nonce, &round_index.to_be_bytes(), kind.as_bytes(), text])
        };
        match answer {
            Answer::Factor(factor) => hash("factor", factor.name().as_bytes()),
            Answer::Resend => hash("resend", &[]),
            Answer::Back => hash("back", &[]),
            Answer::Code(factor, code) => hash(factor.name(), code.expose().as_bytes()),
            Answer::Recovery(code) => hash("recovery", code.readable().as_bytes()),
            Answer::Device { id, signature } => hash(id.as_str(), signature),
        }
    }

    /// Returns what a right answer uses up, or `None` for a wrong answer.
    async fn compare(
        &self,
        user: &UserId,
        client_id: &str,
        round: &RoundState,
        user_state: &UserSignInState,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Option<ConsumedCredential>, PortError> {
        let Some(challenge_state) = user_state.challenge_state(&round.nonce) else { return Ok(None) };
        let is_name_only = !round.proven.is_anything();
        match answer {
            Answer::Code(CustomFactor::Totp, code) if is_name_only => {
                self.compare_totp_name_only(user, user_state, code, now).await
            }
            Answer::Code(CustomFactor::Totp, code) => self.compare_totp(user, user_state, code, now).await,
            Answer::Code(_, code) => {
                Ok(self.is_sent(challenge_state, code).then_some(ConsumedCredential::Nothing))
            }
            Answer::Recovery(_) if user_state.factors.recovery_only => Ok(None),
            Answer::Recovery(code) => {
                let hash = code.hash(&self.key, user);
                let is_it = user_state.factors.recovery.iter().fold(Choice::from(0), |found, stored| {
                    found | stored.as_str().as_bytes().ct_eq(hash.as_str().as_bytes())
                });
                Ok(bool::from(is_it).then_some(ConsumedCredential::Recovery(hash)))
            }
            Answer::Device { id, signature } => {
                let statement = DeviceStatement { nonce: challenge_state.nonce.as_str(), user, client_id };
                let device = user_state.factors.trusted_device(id, now);
                let is_it = device.is_some_and(|device| device.key.verify(&statement, signature));
                Ok(is_it.then(|| ConsumedCredential::Device(id.clone())))
            }
            Answer::Factor(_) | Answer::Resend | Answer::Back => Ok(None),
        }
    }

    /// Compares with the newest authenticator only, so that a guess has the same chance at every account.
    async fn compare_totp_name_only(
        &self,
        user: &UserId,
        user_state: &UserSignInState,
        code: &OneTimeCode,
        now: Timestamp,
    ) -> Result<Option<ConsumedCredential>, PortError> {
        let newest = user_state.factors.newest_confirmed().map(|found| (user, &found.seed));
        let Some(seed) = self.open_for_name(newest).await? else { return Ok(None) };
        Ok(match seed.check(code, now, user_state.factors.last_step) {
            TotpCheck::Right(step) => Some(ConsumedCredential::Step(step)),
            TotpCheck::Used | TotpCheck::Wrong => None,
        })
    }

    async fn compare_totp(
        &self,
        user: &UserId,
        user_state: &UserSignInState,
        code: &OneTimeCode,
        now: Timestamp,
    ) -> Result<Option<ConsumedCredential>, PortError> {
        let sealed = user_state.factors.confirmed().map(|(_, found)| self.seeds.open(user, &found.seed));
        let mut step = None;
        for seed in join_all(sealed).await {
            if let TotpCheck::Right(found) = seed?.check(code, now, user_state.factors.last_step) {
                step = Some(found);
            }
        }
        Ok(step.map(ConsumedCredential::Step))
    }

    /// Returns whether we sent this code and it is still valid.
    fn is_sent(&self, challenge_state: &ChallengeState, code: &OneTimeCode) -> bool {
        let Some(chosen) = challenge_state.chosen else { return false };
        let counts = |send_attempt: u32| match self.sign_ins.settings.policy.resend {
            Resend::Replace => send_attempt == chosen.send_attempt,
            Resend::Keep => true,
        };
        let found = (1..=chosen.send_attempt).filter(|send_attempt| counts(*send_attempt)).fold(
            Choice::from(0),
            |found, send_attempt| {
                let hash =
                    code_hash(&self.key, &challenge_state.nonce, chosen.round_index, send_attempt, code);
                let user_state =
                    challenge_state.codes.get(&(chosen.round_index, send_attempt)).map(String::as_bytes);
                found | user_state.unwrap_or_default().ct_eq(hash.as_bytes())
            },
        );
        found.into()
    }
}

impl std::fmt::Debug for AnswerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerVerifier").field("sign_ins", &self.sign_ins).finish_non_exhaustive()
    }
}

/// Returns the hash that we store of a code. It is bound to the challenge and to the number of the code.
pub(super) fn code_hash(
    key: &HashKey,
    nonce: &Nonce,
    round_index: u32,
    send_attempt: u32,
    code: &OneTimeCode,
) -> String {
    let parts: [&[u8]; 4] = [
        nonce.as_str().as_bytes(),
        &round_index.to_be_bytes(),
        &send_attempt.to_be_bytes(),
        code.expose().as_bytes(),
    ];
    key.hash("challenge-code", &parts)
}

fn last_four(number: &PhoneNumber) -> &str {
    let digits = number.expose();
    digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
}

/// Returns the seconds to wait after this number of consecutive wrong answers.
fn back_off(policy: &CustomAuthPolicy, failures: u32) -> Option<u32> {
    let beyond = failures.checked_sub(FREE_FAILURES)?;
    let seconds = policy.back_off_seconds.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
    Some(seconds.min(policy.back_off_max_seconds))
}
