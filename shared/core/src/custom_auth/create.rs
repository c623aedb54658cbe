//! Create: makes challenges and queues their codes.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Proven, SignIns, SigningIn,
    enrolment::derived_seed,
    machine::{Challenge, NextStep, SessionItem},
    round_state::{Nonce, RoundPrompt, RoundState},
    state::{AnswerEffect, ChosenFactor},
    view::{SignInView, after},
};
use crate::{
    delivery::{ChallengeCode, MessageQueue, OutboundMessage, Recipient, toll_fraud::Destination},
    factors::{custom::passkey::AssertionCeremony, enrolment::otpauth_uri},
    kernel::{CustomFactor, EmailAddress, Entropy, HashKey, PhoneNumber, PortError},
    telemetry::Metric,
};

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

/// Creates challenges and queues their codes for sending.
#[derive(Debug)]
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
                        self.code(&view, request, last, &challenge.proven, chosen, round_index).map(Some)
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
                slot: view
                    .free_slot(&challenge.proven, self.sign_ins.settings.policy.name_only_sign_ins_per_day),
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
                    .free_slot(&proven, self.sign_ins.settings.policy.name_only_sign_ins_per_day)
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
    ) -> Result<CreatedChallenge, PortError> {
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
            CustomFactor::RecoveryCode | CustomFactor::TrustedDevice | CustomFactor::Passkey => {}
        }
        let mut parameters = view.parameters(request, &round, round_index);
        if chosen.factor == CustomFactor::Passkey {
            let ceremony = self.passkey(view, proven)?;
            public.push(("publicKey", ceremony.options.to_string()));
            parameters.passkey = Some(ceremony.state);
        }
        Ok(CreatedChallenge { public, private: parameters.write(), metadata: round.text() })
    }

    /// Draws the challenge of a passkey. While only a name is known, the options are alike for every name.
    fn passkey(&self, view: &SignInView, proven: &Proven) -> Result<AssertionCeremony, PortError> {
        let Some(relying_party) = &self.sign_ins.settings.relying_party else {
            return Err(PortError::new("passkey", "passkeys are off"));
        };
        let mut known =
            view.user_state.factors.passkeys.values().map(|passkey| &passkey.credential).peekable();
        if proven.is_anything() && view.user().is_some() && known.peek().is_some() {
            AssertionCeremony::begin(relying_party, known)
        } else {
            AssertionCeremony::begin_by_name(relying_party)
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
            CustomFactor::Totp
            | CustomFactor::RecoveryCode
            | CustomFactor::TrustedDevice
            | CustomFactor::Passkey => return Ok(()),
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

fn last_four(number: &PhoneNumber) -> &str {
    let digits = number.expose();
    digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
}
