//! A sign-in, from `InitiateAuth` to tokens. The states (cognito.md §3.5):
//!
//! ```text
//! USER_SRP_AUTH       → PASSWORD_VERIFIER → password proven
//! USER_PASSWORD_AUTH  → password proven
//! USER_AUTH           → SELECT_CHALLENGE or the preferred challenge:
//!     PASSWORD        → password proven
//!     PASSWORD_SRP    → PASSWORD_VERIFIER → password proven
//!     EMAIL_OTP | SMS_OTP → factors
//!     WEB_AUTHN       → factors, or done if the passkey counts as MFA
//! CUSTOM_AUTH         → Define ⇄ CUSTOM_CHALLENGE … → factors done
//! CUSTOM_AUTH + SRP   → Define → PASSWORD_VERIFIER → [factors] → Define ⇄ CUSTOM_CHALLENGE … → done
//! password proven     → [risk: refused] → [NEW_PASSWORD_REQUIRED] → factors
//! factors             → SMS_MFA | SOFTWARE_TOKEN_MFA | EMAIL_OTP | SELECT_MFA_TYPE | MFA_SETUP
//!                     | DEVICE_SRP_AUTH → DEVICE_PASSWORD_VERIFIER, or nothing → done
//! done                → [remembered device: DEVICE_SRP_AUTH …] → PostAuthentication
//!                     → PreTokenGeneration → tokens
//! ```
//! A sign-in through an identity provider is apart: `federated`.
//! Each arrow into a challenge ends a call and opens a session; the answer comes back with it.

mod auto_sign_in;
mod custom;
mod device;
pub(crate) mod factor_choice;
mod federated;
mod finish;
pub(crate) mod first_factor;
mod initiate;
mod mfa;
mod mfa_setup;
mod new_password;
mod passkey;
mod password_proof;
mod refresh;
mod respond;
mod risk;
mod secret_hash;
pub(crate) mod session;
mod user_auth;
mod user_migration;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::secret::Secret;
use crate::model::user::{Factor, User};
use crate::protocol::error::ApiError;
use crate::srp::Exchange;
use crate::triggers::event::Metadata;
use first_factor::FirstFactor;
use risk::Watched;

pub use federated::FederatedSignIn;
pub(crate) use initiate::{Initiation, initiate};
pub(crate) use mfa_setup::{SetUp, cannot_enable, no_seed, not_enabled};
pub(crate) use refresh::Refresh;
pub(crate) use respond::{Answers, Response, respond};
pub(crate) use secret_hash::check_secret_hash;
pub(crate) use user_migration::Migration;

/// What is known of a sign-in between two calls.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) pool: String,
    client: String,
    pub(crate) subject: Subject,
    flow: Flow,
    /// What the client called its device; checked to exist.
    device_key: Option<String>,
    device_proven: bool,
    watched: Watched,
    new_password_set: bool,
    /// `session` of the custom-auth triggers.
    history: Vec<ChallengeResult>,
    /// Define has said `issueTokens`.
    tokens_granted: bool,
    pub(crate) stage: Stage,
}

impl Attempt {
    fn new(pool: &Pool, client: &Client, subject: Subject, flow: Flow, watched: Watched) -> Self {
        Self {
            pool: pool.id.clone(),
            client: client.id.clone(),
            subject,
            flow,
            device_key: None,
            device_proven: false,
            watched,
            new_password_set: false,
            history: Vec::new(),
            tokens_granted: false,
            stage: Stage::Begun,
        }
    }

    /// Returns the secret block that names the open password or device exchange.
    fn secret_block(&self) -> Option<&[u8]> {
        match &self.stage {
            Stage::PasswordVerifier(exchange) | Stage::DevicePasswordVerifier(exchange) => {
                Some(exchange.secret_block())
            }
            _ => None,
        }
    }
}

/// The user who signs in. For an unknown user the sign-in continues, so that both look alike.
#[derive(Clone)]
pub(crate) enum Subject {
    Known { sub: String },
    Unknown { name: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Password,
    /// `USER_AUTH`.
    Choice,
    Custom,
}

/// The challenge that is open.
#[derive(Clone)]
pub(crate) enum Stage {
    /// None yet.
    Begun,
    /// After `SignUp`: `ConfirmSignUp` takes this session.
    SignedUp,
    /// After `ConfirmSignUp`: `InitiateAuth` takes this session. The attribute got the code.
    SignUpConfirmed {
        attribute: String,
    },
    SelectChallenge(Vec<FirstFactor>),
    Password,
    PasswordSrp,
    /// A one-time password as first factor. Without a code for an unknown user.
    FirstCode {
        factor: FirstFactor,
        code: Option<Secret>,
    },
    /// `WEB_AUTHN`.
    Passkey {
        state: Vec<u8>,
        /// Was asked for with user verification, to count as MFA.
        is_mfa: bool,
    },
    PasswordVerifier(Box<Exchange>),
    NewPassword,
    Code {
        factor: Factor,
        code: Secret,
    },
    SoftwareToken,
    SelectMfa(Vec<Factor>),
    MfaSetUp(SetUp),
    /// `MFA_SETUP`'s e-mail: the code that was sent there.
    EmailSetUp {
        address: String,
        code: Secret,
    },
    Custom {
        private_parameters: Map<String, Value>,
        metadata: Option<String>,
    },
    DeviceSrp,
    DevicePasswordVerifier(Box<Exchange>),
}

impl Stage {
    /// The challenge's name on the wire.
    fn name(&self) -> &'static str {
        match self {
            Self::Begun | Self::SignedUp | Self::SignUpConfirmed { .. } => "",
            Self::SelectChallenge(_) => "SELECT_CHALLENGE",
            Self::Password => FirstFactor::Password.as_str(),
            Self::PasswordSrp => FirstFactor::PasswordSrp.as_str(),
            Self::FirstCode { factor, .. } => factor.as_str(),
            Self::Passkey { .. } => FirstFactor::WebAuthn.as_str(),
            Self::PasswordVerifier(_) => "PASSWORD_VERIFIER",
            Self::NewPassword => "NEW_PASSWORD_REQUIRED",
            Self::Code { factor, .. } => factor.as_str(),
            Self::SoftwareToken => Factor::SoftwareToken.as_str(),
            Self::SelectMfa(_) => "SELECT_MFA_TYPE",
            Self::MfaSetUp(_) => "MFA_SETUP",
            Self::EmailSetUp { .. } => Factor::Email.as_str(),
            Self::Custom { .. } => "CUSTOM_CHALLENGE",
            Self::DeviceSrp => "DEVICE_SRP_AUTH",
            Self::DevicePasswordVerifier(_) => "DEVICE_PASSWORD_VERIFIER",
        }
    }

    /// Whether an answer with this `ChallengeName` belongs to the stage. `SELECT_CHALLENGE` also takes the name of
    /// a challenge that it offers (cognito.md §3.10).
    fn takes(&self, challenge: &str) -> bool {
        match self {
            Self::SelectChallenge(choices) if choices.iter().any(|choice| choice.as_str() == challenge) => {
                true
            }
            _ => self.name() == challenge,
        }
    }
}

/// One item of `session` in a custom-auth event.
#[derive(Clone)]
struct ChallengeResult {
    name: &'static str,
    right: bool,
    metadata: Option<String>,
}

/// What a call answers.
pub(crate) enum Outcome {
    Challenge {
        name: &'static str,
        parameters: Map<String, Value>,
        session: String,
        /// `AvailableChallenges`, of `SELECT_CHALLENGE` only.
        choices: Option<Vec<FirstFactor>>,
    },
    Tokens(Value),
}

impl Outcome {
    pub(crate) fn into_output(self) -> Value {
        match self {
            Self::Challenge { name, parameters, session, choices } => json!({
                "ChallengeName": name,
                "Session": session,
                "ChallengeParameters": parameters,
                "AvailableChallenges": choices,
            }),
            Self::Tokens(result) => json!({"AuthenticationResult": result, "ChallengeParameters": {}}),
        }
    }
}

/// One call of a sign-in: the attempt with everything it needs at hand.
struct Turn<'a> {
    pools: &'a UserPools,
    pool: Arc<Pool>,
    client: Arc<Client>,
    /// `None` for an unknown user.
    user: Option<Arc<User>>,
    attempt: Attempt,
    /// `clientMetadata` of triggers: of `RespondToAuthChallenge` only (cognito.md §1.4).
    metadata: Option<Metadata>,
}

impl Turn<'_> {
    /// The user, where only one who is there can have come this far.
    fn known_user(&self) -> Result<&Arc<User>, ApiError> {
        self.user.as_ref().ok_or_else(ApiError::wrong_credentials)
    }

    /// Sends a code of this sign-in to one of the user's addresses.
    async fn deliver_code(&self, user: &User, attribute: &str, code: &str) -> Result<(), ApiError> {
        let delivery = Delivery {
            pool: &self.pool,
            client_id: &self.client.id,
            user,
            occasion: Occasion::Authentication,
            attribute,
            secret: code,
            metadata: self.metadata.as_ref(),
        };
        delivery::deliver(self.pools, &delivery).await.map(drop)
    }

    /// `userName` of events and `USER_ID_FOR_SRP`.
    fn username(&self) -> &str {
        match (&self.user, &self.attempt.subject) {
            (Some(user), _) => &user.username,
            (None, Subject::Unknown { name }) => name,
            (None, Subject::Known { sub }) => sub,
        }
    }

    /// Sees the user as the store has them now.
    fn reload_user(&mut self) {
        if let Some(user) = &self.user {
            self.user = self.pools.store.user(&self.pool.id, &user.sub);
        }
    }

    /// Opens the challenge and ends the call.
    fn challenge(mut self, stage: Stage, parameters: Map<String, Value>) -> Outcome {
        let name = stage.name();
        let choices = match &stage {
            Stage::SelectChallenge(choices) => Some(choices.clone()),
            _ => None,
        };
        self.attempt.stage = stage;
        let validity = self.client.session_validity();
        let session = self.pools.sessions.open(self.attempt, self.pools.now(), validity);
        Outcome::Challenge { name, parameters, session, choices }
    }

    /// Parameters of a challenge, with `USER_ID_FOR_SRP`.
    fn parameters<const N: usize>(&self, pairs: [(&str, String); N]) -> Map<String, Value> {
        let mut parameters: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        parameters.insert("USER_ID_FOR_SRP".to_owned(), self.username().into());
        parameters
    }
}
