//! What one read shows of a sign-in, and what follows from it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Proven, Requirements, SigningIn,
    machine::{Challenge, FailReason, NextStep, SessionItem, next},
    port::{FAILURES_TO_LOCK, StateKey},
    private_parameters::PrivateChallengeParameters,
    round_state::{ChallengeSlot, RoundState, SlotKind},
    state::{ChallengeState, UserSignInState},
};
use crate::{
    assurance::{FactorClass, class_of},
    config::policy::{EnrolmentPolicy, FirstStep},
    kernel::{CustomFactor, UserId},
};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The state of a sign-in from one read.
pub(super) struct SignInView {
    pub(super) state_key: StateKey,
    pub(super) user_state: UserSignInState,
    pub(super) requirements: Requirements,
    pub(super) last: Option<RoundState>,
    pub(super) now: Timestamp,
}

impl SignInView {
    /// Decides the next step. Where the state machine asks for a factor, this checks that the user has a
    /// useful one or can set one up.
    pub(super) fn next(&self, session: &[SessionItem<'_>], request: &SigningIn<'_>) -> NextStep {
        let challenge_state = self.challenge_state(request.client_id);
        match next(session, challenge_state, &self.requirements, request.must_change_password) {
            NextStep::Begin(challenge) if challenge.proven.is_anything() && self.user().is_some() => {
                self.begin_or_enrol(challenge, request)
            }
            next => next,
        }
    }

    pub(super) fn begin_or_enrol(&self, challenge: Challenge, request: &SigningIn<'_>) -> NextStep {
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
    pub(super) fn has_proven_a_channel(request: &SigningIn<'_>, proven: &Proven) -> bool {
        let is_channel = |factor: &CustomFactor| class_of(*factor) == FactorClass::Channel;
        proven.methods().iter().any(is_channel) || (request.email.is_none() && request.phone.is_none())
    }

    /// Returns whether the user sets up a first authenticator in this sign-in. The policy must allow it, the
    /// user must never have had a counted factor, and the authenticator must fulfil the policy from then on.
    pub(super) fn may_enrol(&self, request: &SigningIn<'_>, proven: &Proven) -> bool {
        let mut enrolled = self.enrolled(request);
        enrolled.insert(CustomFactor::Totp);
        self.requirements.enrolment == EnrolmentPolicy::AtSignIn
            && !self.user_state.factors.has_ever_counted()
            && self.requirements.can_be_met(&enrolled, proven)
    }

    /// Returns the addresses of which the user must prove one before setting up a first factor. The proof
    /// does not count, but without it, the password alone would be enough to set one up.
    pub(super) fn channels_before_enrolment(
        &self,
        request: &SigningIn<'_>,
        proven: &Proven,
    ) -> BTreeSet<CustomFactor> {
        if Self::has_proven_a_channel(request, proven) {
            return BTreeSet::new();
        }
        let failures =
            |factor| self.user_state.failure_counts.failures.get(&factor).copied().unwrap_or_default();
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode => request.email.is_some(),
            CustomFactor::SmsCode => request.phone.is_some(),
            CustomFactor::Totp
            | CustomFactor::RecoveryCode
            | CustomFactor::TrustedDevice
            | CustomFactor::Passkey => false,
        };
        CustomFactor::ALL
            .into_iter()
            .filter(|factor| has(factor) && failures(*factor) < FAILURES_TO_LOCK)
            .collect()
    }

    /// Returns the factors that the user can prove next.
    pub(super) fn offered(&self, request: &SigningIn<'_>, proven: &Proven) -> BTreeSet<CustomFactor> {
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

    pub(super) fn challenge_state(&self, client_id: &str) -> Option<&ChallengeState> {
        let nonce = &self.last.as_ref()?.nonce;
        self.user_state.challenge_state(nonce).filter(|challenge_state| challenge_state.client == client_id)
    }

    pub(super) fn user(&self) -> Option<&UserId> {
        match &self.state_key {
            StateKey::User(user) => Some(user),
            StateKey::UnknownName { .. } | StateKey::Decoy(_) => None,
        }
    }

    /// Returns the factors that the user has and that are not locked.
    pub(super) fn enrolled(&self, request: &SigningIn<'_>) -> BTreeSet<CustomFactor> {
        let factors = &self.user_state.factors;
        let has_authenticator = factors.confirmed().next().is_some();
        // Beside a passkey too, weaker codes are no longer offered.
        let has_stronger = has_authenticator || !factors.passkeys.is_empty();
        // A passwordless client has no stronger first step than a code.
        let keep_weaker = self.requirements.keep_weaker
            || self.requirements.first_step == FirstStep::Passwordless
            || !self.can_do_without_messages();
        let offers = |factor| factors.message_codes.offers(factor, has_stronger, keep_weaker);
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode => request.email.is_some() && offers(*factor),
            CustomFactor::SmsCode => request.phone.is_some() && offers(*factor),
            CustomFactor::Totp => has_authenticator,
            CustomFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            CustomFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
            CustomFactor::Passkey => !factors.passkeys.is_empty(),
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
    pub(super) fn can_do_without_messages(&self) -> bool {
        let factors = &self.user_state.factors;
        let has = |factor: &CustomFactor| match factor {
            CustomFactor::EmailCode | CustomFactor::SmsCode => false,
            CustomFactor::Totp => factors.confirmed().next().is_some(),
            CustomFactor::RecoveryCode => !factors.recovery.is_empty() && !factors.recovery_only,
            CustomFactor::TrustedDevice => factors.trusted(self.now).next().is_some(),
            CustomFactor::Passkey => !factors.passkeys.is_empty(),
        };
        let strong = CustomFactor::ALL.into_iter().filter(has).collect();
        self.requirements.can_be_met(&strong, &Proven { password: true, ..Proven::default() })
    }

    /// Returns a slot, or `None` if the limits for sign-ins by name are reached. If no slot is free, a
    /// sign-in that has proven something takes the slot of the sign-in that is idle for longest.
    pub(super) fn free_slot(
        &self,
        proven: &Proven,
        name_only_sign_ins_per_day: u32,
    ) -> Option<ChallengeSlot> {
        let is_name_only = !proven.is_anything();
        let failure_counts = &self.user_state.failure_counts;
        let must_wait = failure_counts.not_before.is_some_and(|end| self.now < end);
        let is_used_up =
            failure_counts.day == day(self.now) && failure_counts.begun >= name_only_sign_ins_per_day;
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
    pub(super) fn parameters(
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
            passkey: None,
            evicts: round
                .slot
                .and_then(|slot| self.user_state.challenge_states.get(&slot))
                .filter(|challenge_state| self.now < challenge_state.until)
                .map(|challenge_state| challenge_state.nonce.clone()),
        }
    }
}

pub(super) fn last_round(session: &[SessionItem<'_>]) -> Option<RoundState> {
    session.last().and_then(|item| item.metadata).and_then(RoundState::parse)
}

/// Returns the key of the sign-in's state. A decoy sign-in is stored apart from the user: it must look like
/// any other, and it must not disturb a real one.
pub(super) fn state_key(user: Option<&UserId>, user_name: &str, last: Option<&RoundState>) -> StateKey {
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

/// Returns the days since the epoch, in UTC.
pub(super) fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY_SECONDS)
}

pub(super) fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(now)
}
