use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_sdk_cognitoidentityprovider::{
    Client,
    error::ProvideErrorMetadata,
    types::{AuthFlowType, ChallengeNameType},
};
use mfa_core::{
    config::{Environment, RecoveryClient},
    kernel::{PoolFactor, PortError},
    recovery::{Password, port::Passwords},
};

use crate::{Aws, aws::LazyClient, fault::port_error};

const OPERATION: &str = "cognito.InitiateAuth";

/// The app client at which passwords are checked, and its secret.
#[derive(Clone)]
pub struct PasswordSettings {
    client_id: String,
    secret: String,
}

impl PasswordSettings {
    /// Reads `MFA_RECOVERY_CLIENT` and `MFA_RECOVERY_CLIENT_SECRET`. Returns `None` if neither is set, and
    /// then accounts cannot be recovered.
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let client = RecoveryClient::read(environment);
        let secret = environment.optional("MFA_RECOVERY_CLIENT_SECRET");
        match (client.id(), secret) {
            (Some(id), Some(secret)) => Some(Self { client_id: id.to_owned(), secret }),
            (None, None) => None,
            _ => {
                environment
                    .problem("MFA_RECOVERY_CLIENT and MFA_RECOVERY_CLIENT_SECRET must be set together");
                None
            }
        }
    }
}

/// Prints no secret.
impl std::fmt::Debug for PasswordSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordSettings").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Checks passwords with `USER_PASSWORD_AUTH` at a client that serves no other purpose. Its challenges are
/// never answered.
#[derive(Debug, Clone)]
pub struct PasswordClient {
    client: LazyClient<Client>,
    settings: PasswordSettings,
}

impl PasswordClient {
    pub fn new(aws: &Aws, settings: PasswordSettings) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), settings }
    }

    /// Computes the secret hash (cognito.md §3.3).
    fn secret_hash(&self, user_name: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.settings.secret.as_bytes());
        let tag = hmac::sign(&key, format!("{user_name}{}", self.settings.client_id).as_bytes());
        data_encoding::BASE64.encode(tag.as_ref())
    }
}

#[async_trait]
impl Passwords for PasswordClient {
    async fn check(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<Option<BTreeSet<PoolFactor>>, PortError> {
        let call = self
            .client
            .initiate_auth()
            .auth_flow(AuthFlowType::UserPasswordAuth)
            .client_id(&self.settings.client_id)
            .auth_parameters("USERNAME", user_name)
            .auth_parameters("PASSWORD", password.expose())
            .auth_parameters("SECRET_HASH", self.secret_hash(user_name));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(fault) => {
                return match fault.code() {
                    // The password is wrong, or the user is unknown, disabled, unconfirmed or must reset it.
                    // Our token gate may have refused tokens because Cognito asked for no factor. The name or
                    // password may have an impossible form.
                    Some(
                        "NotAuthorizedException"
                        | "UserNotFoundException"
                        | "UserNotConfirmedException"
                        | "PasswordResetRequiredException"
                        | "UserLambdaValidationException"
                        | "InvalidParameterException",
                    ) => Ok(None),
                    _ => Err(port_error(OPERATION)(fault)),
                };
            }
        };
        let parameter = |name: &str| answer.challenge_parameters().and_then(|all| all.get(name));
        Ok(match answer.challenge_name() {
            Some(ChallengeNameType::SmsMfa) => Some([PoolFactor::Sms].into()),
            Some(ChallengeNameType::EmailOtp) => Some([PoolFactor::Email].into()),
            Some(ChallengeNameType::SoftwareTokenMfa) => Some([PoolFactor::Totp].into()),
            Some(ChallengeNameType::SelectMfaType) => {
                // The parameter is a list in a text (cognito.md §3.4).
                let names = parameter("MFAS_CAN_CHOOSE").and_then(|text| serde_json::from_str(text).ok());
                let names: Vec<String> = names.unwrap_or_default();
                Some(names.iter().filter_map(|name| PoolFactor::from_cognito_name(name)).collect())
            }
            // Another challenge, such as a new password or the set-up of a factor, implies no second factor.
            _ => None,
        })
    }
}
