//! Verify: compares answers.

use std::sync::Arc;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::OnceCell;

use super::{
    Proven, Requirements, SignIns, SigningIn,
    answer::Answer,
    codes::code_hash,
    enrolment::{SignInEnrolment, derived_seed},
    port::{
        AnswerAction, AnswerOutcome, AnswerWrite, Comparison, ConsumedCredential, FailureScope, Proof,
        ProofOutcome, SlotClaim, StateKey, TokenGrant,
    },
    private_parameters::PrivateChallengeParameters,
    round_state::{ChallengeSlot, RoundPrompt, RoundState, SlotKind},
    state::{ChallengeState, UserSignInState},
    view::{after, day},
};
use crate::{
    assurance::{SECOND_FACTOR_LEVEL, level},
    config::policy::{CustomAuthPolicy, Resend},
    factors::custom::{DeviceStatement, SealedSeed, Seeds, TotpCheck, TotpSeed, passkey::AssertionCeremony},
    kernel::{CustomFactor, HashKey, OneTimeCode, PortError, UserId},
};

/// Consecutive wrong answers by name that cause no wait.
const FREE_FAILURES: u32 = 5;
/// The user of the decoy seed. No user of a pool has this `sub`.
const DECOY_USER: &str = "decoy";

/// Compares answers.
#[derive(Debug)]
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
        let compared = match &answer {
            Answer::Passkey(text) => self.compare_passkey(user, &parameters, &user_state, text),
            _ => self.compare(user, request.client_id, round, &user_state, &answer, write.now).await?,
        };
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
            (Answer::Code(..) | Answer::Recovery(_) | Answer::Device { .. } | Answer::Passkey(_), asked) => {
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
                most: policy.name_only_sign_ins_per_day,
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
            Answer::Passkey(text) => hash("passkey", text.as_bytes()),
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
            Answer::Factor(_) | Answer::Resend | Answer::Back | Answer::Passkey(_) => Ok(None),
        }
    }

    /// Verifies a passkey of this user, with the challenge of this round alone.
    fn compare_passkey(
        &self,
        user: &UserId,
        parameters: &PrivateChallengeParameters,
        user_state: &UserSignInState,
        answer: &str,
    ) -> Option<ConsumedCredential> {
        let relying_party = self.sign_ins.settings.relying_party.as_ref()?;
        let (state, passkeys) = (parameters.passkey.as_ref()?, &user_state.factors.passkeys);
        let known = passkeys.values().map(|passkey| &passkey.credential);
        let right = AssertionCeremony::finish(relying_party, user, known, state, answer.as_bytes()).ok()?;
        let (id, passkey) = passkeys.iter().find(|(_, passkey)| passkey.credential.id == right.id)?;
        Some(ConsumedCredential::Passkey {
            id: id.clone(),
            seen: passkey.credential.state,
            state: right.state,
        })
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

/// Returns the seconds to wait after this number of consecutive wrong answers.
fn back_off(policy: &CustomAuthPolicy, failures: u32) -> Option<u32> {
    let beyond = failures.checked_sub(FREE_FAILURES)?;
    let seconds = policy.back_off_seconds.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
    Some(seconds.min(policy.back_off_max_seconds))
}
