//! `RespondToAuthChallenge` and `AdminRespondToAuthChallenge`: the answer goes to its challenge.

use std::sync::Arc;

use serde_json::Value;

use super::{Attempt, Outcome, Stage, Subject, Turn, check_secret_hash};
use crate::UserPools;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::protocol::error::ApiError;
use crate::triggers::event::Metadata;

pub(crate) struct Response {
    pub(crate) pool: Arc<Pool>,
    pub(crate) client: Arc<Client>,
    /// `ChallengeName`.
    pub(crate) challenge: String,
    pub(crate) session: Option<String>,
    pub(crate) answers: Answers,
    pub(crate) metadata: Option<Metadata>,
}

/// `ChallengeResponses`: strings, as the protocol has checked. Unknown members are ignored.
pub(crate) struct Answers(pub(crate) Metadata);

impl Answers {
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Present and not empty.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    }

    /// Present.
    pub(super) fn present(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).ok_or_else(|| ApiError::missing(name))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
}

pub(crate) async fn respond(pools: &UserPools, response: Response) -> Result<Outcome, ApiError> {
    let Response { pool, client, challenge, session, answers, metadata } = response;
    // The secret block names the exchange as well as the session does, and pycognito sends only that.
    let block = answers.optional("PASSWORD_CLAIM_SECRET_BLOCK");
    let session = session.or_else(|| pools.sessions.of_secret_block(block?));
    let session = session.ok_or_else(|| ApiError::missing("Session"))?;
    let session = session.as_str();
    let name = answers.required("USERNAME")?;
    check_secret_hash(&client, &[name], answers.optional("SECRET_HASH"))?;
    let attempt = Attempt::clone(&*pools.sessions.peek(session, pools.now())?);
    if attempt.pool != pool.id || attempt.client != client.id || !attempt.stage.takes(&challenge) {
        return Err(ApiError::invalid_session());
    }
    let user = match &attempt.subject {
        Subject::Known { sub } => {
            let named = pools.store.find_user(&pool.id, name);
            let user = named.filter(|user| user.sub == *sub);
            Some(user.ok_or_else(ApiError::invalid_session)?)
        }
        Subject::Unknown { name: invented } => {
            let is_same = name == invented || name == pools.simulated_uuid(&pool.id, invented);
            if !is_same {
                return Err(ApiError::invalid_session());
            }
            None
        }
    };
    let mut turn = Turn { pools, pool, client, user, attempt, metadata };
    turn.take_device_key(answers.optional("DEVICE_KEY"))?;
    match turn.attempt.stage.clone() {
        Stage::Begun | Stage::SignedUp | Stage::SignUpConfirmed { .. } => Err(ApiError::invalid_session()),
        Stage::SelectChallenge(choices) => turn.answer_choice(&choices, &challenge, session, &answers).await,
        Stage::Password => turn.answer_password(session, &answers).await,
        Stage::PasswordSrp => turn.answer_srp_a(session, &answers),
        Stage::FirstCode { factor, code } => {
            turn.answer_first_code(factor, code.as_ref(), session, &answers).await
        }
        Stage::Passkey { state, is_mfa } => turn.answer_passkey(&state, is_mfa, session, &answers).await,
        Stage::PasswordVerifier(exchange) => turn.answer_password_proof(&exchange, session, &answers).await,
        Stage::NewPassword => turn.answer_new_password(session, &answers).await,
        Stage::Code { factor, code } => turn.answer_code(factor, &code, session, &answers).await,
        Stage::SoftwareToken => turn.answer_software_token(session, &answers).await,
        Stage::SelectMfa(factors) => turn.answer_selection(&factors, session, &answers).await,
        Stage::MfaSetUp(set_up) => turn.answer_set_up(&set_up, session, &answers).await,
        Stage::EmailSetUp { address, code } => {
            turn.answer_email_set_up(&address, &code, session, &answers).await
        }
        Stage::Custom { private_parameters, metadata } => {
            turn.answer_custom(private_parameters, metadata, session, &answers).await
        }
        Stage::DeviceSrp => turn.answer_device_srp(session, &answers),
        Stage::DevicePasswordVerifier(exchange) => {
            turn.answer_device_proof(&exchange, session, &answers).await
        }
    }
}
