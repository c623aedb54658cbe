use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    custom_auth::{
        port::{
            AnswerAction, AnswerOutcome, AnswerWrite, Challenges, CodeHash, Comparison, ConsumedCredential,
            FAILURES_TO_LOCK, FailureScope, GrantRedemption, MAX_SEND_ATTEMPTS, NAME_ONLY_TOTP_ATTEMPTS,
            PROOF_LIFE, Proof, ProofOutcome, REPEAT, RedeemedGrant, SlotClaim, StateKey, TokenGrant,
            UNNAMED_PROOF_LIFE,
        },
        state::{ChallengeState, ChosenFactor, UserSignInState},
    },
    factors::custom::LastProof,
    kernel::{CustomFactor, PortError},
};

use crate::InMemoryTable;

/// The state of one user's sign-ins, without the custom factors.
#[derive(Debug, Default, Clone)]
pub(crate) struct SignInState {
    kept: UserSignInState,
    /// Digests of the answers, by nonce and round.
    digests: Vec<(String, u32, String)>,
    proof: Option<Held>,
}

impl SignInState {
    /// Clears the counts of wrong answers of every factor, and the count by name.
    pub(crate) fn forgive(&mut self) {
        let failure_counts = &mut self.kept.failure_counts;
        failure_counts.failures.clear();
        (failure_counts.by_name, failure_counts.not_before, failure_counts.name_only_totp) = (0, None, None);
    }

    /// Clears the counts of wrong answers of these factors.
    pub(crate) fn forgive_factors(&mut self, factors: &BTreeSet<CustomFactor>) {
        self.kept.failure_counts.failures.retain(|factor, _| !factors.contains(factor));
        if factors.contains(&CustomFactor::Totp) {
            self.kept.failure_counts.name_only_totp = None;
        }
    }
}

/// A proof that waits for its tokens.
#[derive(Debug, Clone)]
struct Held {
    grant: TokenGrant,
    nonce: String,
    factor_epoch: u64,
    at: Timestamp,
    taken: u32,
    taken_at: Timestamp,
}

#[async_trait]
impl Challenges for InMemoryTable {
    async fn read(&self, state_key: &StateKey) -> Result<UserSignInState, PortError> {
        self.sign_ins(state_key, |state| state.kept.clone())
    }

    async fn answer(&self, answer: &AnswerWrite) -> Result<AnswerOutcome, PortError> {
        self.sign_ins(&answer.state_key, |state| {
            let digest = (answer.nonce.as_str().to_owned(), answer.round_index, answer.digest.clone());
            let is_ours = |challenge_state: &&mut ChallengeState| challenge_state.nonce == answer.nonce;
            if state.kept.challenge_states.get_mut(&answer.slot).as_ref().is_some_and(is_ours)
                && state.digests.contains(&digest)
            {
                return AnswerOutcome::Repeated(state.kept.clone());
            }
            if take(&mut state.kept, answer).is_none() {
                return AnswerOutcome::Refused;
            }
            state.digests.push(digest);
            AnswerOutcome::Taken(state.kept.clone())
        })
    }

    async fn prove(&self, proof: &Proof) -> Result<ProofOutcome, PortError> {
        self.sign_ins(&StateKey::User(proof.user.clone()), |state| {
            let kept = &mut state.kept;
            let Some(challenge_state) = kept
                .challenge_states
                .get_mut(&proof.slot)
                .filter(|challenge_state| challenge_state.nonce == proof.nonce)
            else {
                return ProofOutcome::Refused;
            };
            if let Some(factor) = challenge_state.proven.get(&proof.round_index) {
                return if *factor == proof.factor { ProofOutcome::Before } else { ProofOutcome::Refused };
            }
            let is_there = match &proof.consumes {
                ConsumedCredential::Nothing => true,
                ConsumedCredential::Step(step) => kept.factors.last_step.is_none_or(|last| last < *step),
                ConsumedCredential::Recovery(hash) => kept.factors.recovery.contains(hash),
                ConsumedCredential::Device(id) => kept.factors.devices.contains_key(id),
                ConsumedCredential::Passkey { id, seen, .. } => {
                    kept.factors.passkeys.get(id).is_some_and(|passkey| passkey.credential.state == *seen)
                }
            };
            let is_answered = challenge_state.effects.contains_key(&proof.round_index);
            let may_enrol = proof.enrols.is_none() || !kept.factors.had_factor;
            if !is_there || !is_answered || !may_enrol || kept.factors.factor_epoch != proof.factor_epoch {
                return ProofOutcome::Refused;
            }
            challenge_state.proven.insert(proof.round_index, proof.factor);
            (challenge_state.comparisons, challenge_state.chosen) = (0, None);
            kept.failure_counts.failures.retain(|factor, _| *factor != proof.factor && !proof.forgives_all);
            if proof.forgives_name {
                (kept.failure_counts.by_name, kept.failure_counts.not_before) = (0, None);
                if let (CustomFactor::Totp, Some((_, wrong))) =
                    (proof.factor, &mut kept.failure_counts.name_only_totp)
                {
                    *wrong = wrong.saturating_sub(1);
                }
            }
            kept.factors.had_factor |= proof.forgives_all;
            if let Some((id, first)) = &proof.enrols {
                let factors = &mut kept.factors;
                factors.authenticators = [(id.clone(), first.clone())].into();
                factors.devices.clear();
                factors.had_factor = true;
                (factors.factor_epoch, factors.revision) = (factors.factor_epoch + 1, factors.revision + 1);
            }
            match &proof.consumes {
                ConsumedCredential::Step(step) => kept.factors.last_step = Some(*step),
                ConsumedCredential::Recovery(hash) => {
                    kept.factors.recovery.remove(hash);
                }
                ConsumedCredential::Passkey { id, state, .. } => {
                    if let Some(passkey) = kept.factors.passkeys.get_mut(id) {
                        passkey.credential.state = *state;
                    }
                    kept.factors.revision += 1;
                }
                ConsumedCredential::Nothing | ConsumedCredential::Device(_) => {}
            }
            if let Some(grant) = &proof.grant {
                challenge_state.until = proof.now;
                state.proof = Some(Held {
                    grant: grant.clone(),
                    nonce: proof.nonce.as_str().to_owned(),
                    factor_epoch: kept.factors.factor_epoch,
                    at: proof.now,
                    taken: 0,
                    taken_at: proof.now,
                });
            }
            ProofOutcome::Done
        })
    }

    async fn redeem(&self, redemption: &GrantRedemption) -> Result<Option<RedeemedGrant>, PortError> {
        let (repeat_within, most) = REPEAT;
        self.sign_ins(&StateKey::User(redemption.user.clone()), |state| {
            let factor_epoch = state.kept.factors.factor_epoch;
            let held = state.proof.as_mut().filter(|held| {
                let life = if redemption.nonce.is_some() { PROOF_LIFE } else { UNNAMED_PROOF_LIFE };
                held.grant.client == redemption.client
                    && redemption.now.duration_since(held.at) <= life
                    && held.factor_epoch == factor_epoch
                    && match &redemption.nonce {
                        Some(nonce) => {
                            let is_repeated = held.taken < most
                                && redemption.now.duration_since(held.taken_at) <= repeat_within;
                            held.nonce == nonce.as_str() && (held.taken == 0 || is_repeated)
                        }
                        None => !held.grant.is_named && held.taken == 0,
                    }
            })?;
            if held.taken == 0 {
                held.taken_at = redemption.now;
            }
            held.taken += 1;
            state.kept.groups.clone_from(&redemption.groups);
            state.kept.factors.last_proof = Some(LastProof {
                at: held.at,
                factors: held.grant.proven.custom.clone(),
                native: held.grant.proven.native.clone(),
                client: held.grant.client.clone(),
            });
            Some(RedeemedGrant { proven: held.grant.proven.clone(), at: held.at })
        })
    }

    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError> {
        self.sign_ins(&StateKey::User(code.user.clone()), |state| {
            let mut challenge_states = state.kept.challenge_states.values_mut();
            let Some(challenge_state) =
                challenge_states.find(|challenge_state| challenge_state.nonce == code.nonce)
            else {
                return false;
            };
            let waits = challenge_state.chosen.is_some_and(|chosen| {
                chosen.round_index == code.round_index && chosen.send_attempt >= code.send_attempt
            });
            if waits {
                challenge_state.codes.insert((code.round_index, code.send_attempt), code.hash.clone());
            }
            waits
        })
    }
}

impl InMemoryTable {
    fn sign_ins<T>(
        &self,
        state_key: &StateKey,
        work: impl FnOnce(&mut SignInState) -> T,
    ) -> Result<T, PortError> {
        let mut state = self.state()?;
        state.calls += 1;
        let mut sign_ins = state.sign_ins.remove(state_key).unwrap_or_default();
        if let StateKey::User(user) = state_key {
            sign_ins.kept.factors = state.custom_factors.get(user).cloned().unwrap_or_default();
        }
        let outcome = work(&mut sign_ins);
        if let StateKey::User(user) = state_key {
            state.custom_factors.insert(user.clone(), sign_ins.kept.factors.clone());
        }
        state.sign_ins.insert(state_key.clone(), sign_ins);
        Ok(outcome)
    }
}

/// Applies the answer's action. Returns `None` if the rules refuse it.
fn take(kept: &mut UserSignInState, answer: &AnswerWrite) -> Option<()> {
    if let AnswerAction::Compare(comparison) = &answer.action
        && kept
            .failure_counts
            .failures
            .get(&comparison.factor)
            .is_some_and(|failures| *failures >= FAILURES_TO_LOCK)
    {
        return None;
    }
    if let AnswerAction::Compare(comparison) = &answer.action {
        may_guess(kept, answer, comparison)?;
    }
    if let Some(claim) = &answer.claim {
        let present = kept.challenge_states.get(&answer.slot);
        let evicted = if let SlotClaim::Identified { evicts } = claim { evicts.as_ref() } else { None };
        let is_free = present.is_none_or(|challenge_state| {
            (challenge_state.until <= answer.now || Some(&challenge_state.nonce) == evicted)
                && challenge_state.nonce != answer.nonce
        });
        is_free.then(|| open(kept, answer, claim))??;
    } else {
        let present = kept.challenge_states.get(&answer.slot)?;
        let is_ours = present.nonce == answer.nonce && present.client == answer.client;
        (is_ours && !present.effects.contains_key(&answer.round_index)).then_some(())?;
    }
    let challenge_state = kept.challenge_states.get_mut(&answer.slot)?;
    act(challenge_state, answer)?;
    challenge_state.effects.insert(answer.round_index, answer.action.effect());
    challenge_state.until = answer.until;
    if let AnswerAction::Compare(comparison) = &answer.action {
        failure_scope(kept, comparison, answer.now);
    }
    Some(())
}

/// Returns `None` if no further authenticator code by name may be compared in this window.
fn may_guess(kept: &UserSignInState, answer: &AnswerWrite, comparison: &Comparison) -> Option<()> {
    let FailureScope::NameOnly { opens_totp_window, .. } = comparison.failure_scope else { return Some(()) };
    if comparison.factor != CustomFactor::Totp {
        return Some(());
    }
    let is_open = kept.failure_counts.has_open_totp_window(answer.now);
    let is_left = kept.failure_counts.name_only_totp.is_none_or(|(_, wrong)| wrong < NAME_ONLY_TOTP_ATTEMPTS);
    (is_open != opens_totp_window && (opens_totp_window || is_left)).then_some(())
}

fn open(kept: &mut UserSignInState, answer: &AnswerWrite, claim: &SlotClaim) -> Option<()> {
    if let SlotClaim::NameOnly { day, is_first, most } = *claim {
        let failure_counts = &mut kept.failure_counts;
        let may = failure_counts.not_before.is_none_or(|end| end <= answer.now)
            && if is_first {
                failure_counts.day < day
            } else {
                failure_counts.day == day && failure_counts.begun < most
            };
        may.then_some(())?;
        failure_counts.begun = if is_first { 1 } else { failure_counts.begun + 1 };
        failure_counts.day = day;
    }
    let challenge_state = ChallengeState {
        nonce: answer.nonce.clone(),
        client: answer.client.clone(),
        until: answer.until,
        comparisons: 0,
        chosen: None,
        effects: std::collections::BTreeMap::new(),
        proven: std::collections::BTreeMap::new(),
        codes: std::collections::BTreeMap::new(),
    };
    kept.challenge_states.insert(answer.slot, challenge_state);
    Some(())
}

fn act(challenge_state: &mut ChallengeState, answer: &AnswerWrite) -> Option<()> {
    let chosen = ChosenFactor {
        factor: mfa_core::kernel::CustomFactor::EmailCode,
        round_index: answer.round_index + 1,
        send_attempt: 1,
        sent_at: answer.now,
        expires_at: answer.until,
    };
    match &answer.action {
        AnswerAction::Choose(factor) => {
            challenge_state.chosen = Some(ChosenFactor { factor: *factor, ..chosen });
        }
        AnswerAction::Resend { asked, not_after } => {
            let before = challenge_state.chosen.filter(|before| before.round_index == *asked)?;
            (before.sent_at <= *not_after && before.send_attempt < MAX_SEND_ATTEMPTS).then_some(())?;
            let (send_attempt, factor, round_index) =
                (before.send_attempt + 1, before.factor, before.round_index);
            challenge_state.chosen = Some(ChosenFactor { send_attempt, factor, round_index, ..chosen });
        }
        AnswerAction::Back { asked } => {
            challenge_state.chosen.filter(|before| before.round_index == *asked)?;
            challenge_state.chosen = None;
        }
        AnswerAction::Compare(comparison) => {
            (challenge_state.comparisons < comparison.most).then_some(())?;
            if let Some(asked) = comparison.asked {
                let before = challenge_state.chosen?;
                let is_asked = before.round_index == asked && before.factor == comparison.factor;
                (is_asked && answer.now < before.expires_at).then_some(())?;
            }
            challenge_state.comparisons += 1;
        }
    }
    Some(())
}

fn failure_scope(kept: &mut UserSignInState, comparison: &Comparison, now: Timestamp) {
    match comparison.failure_scope {
        FailureScope::Factor => *kept.failure_counts.failures.entry(comparison.factor).or_default() += 1,
        FailureScope::NameOnly { not_before, opens_totp_window } => {
            kept.failure_counts.by_name += 1;
            kept.failure_counts.not_before = not_before.or(kept.failure_counts.not_before);
            if comparison.factor == CustomFactor::Totp {
                let before = kept.failure_counts.name_only_totp.filter(|_| !opens_totp_window);
                kept.failure_counts.name_only_totp =
                    before.map(|(since, wrong)| (since, wrong + 1)).or(Some((now, 1)));
            }
        }
    }
}
