use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_user::GetUserOutput,
    types::{
        EmailMfaSettingsType, SmsMfaSettingsType, SoftwareTokenMfaSettingsType,
        VerifySoftwareTokenResponseType,
    },
};
use shared::{
    factors::{
        Contacts, FactorState, FriendlyDeviceName, NativeFactors, PreferenceChange, Profile, TotpSecret,
        TotpVerification, UserPoolFault,
    },
    kernel::{AccessToken, EmailAddress, Factor, OneTimeCode, PhoneNumber, PortError, UserId},
};

use crate::{Aws, fault::port_error};

/// A user's own factors at Cognito. Every call is the user's, made with their access token and
/// unsigned: the function needs no right on Cognito.
#[derive(Debug, Clone)]
pub struct UserPool {
    client: Client,
}

impl UserPool {
    pub fn new(aws: &Aws) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self { client: Client::from_conf(config.build()) }
    }
}

#[async_trait]
impl NativeFactors for UserPool {
    async fn profile(&self, token: &AccessToken) -> Result<Profile, UserPoolFault> {
        let call = self.client.get_user().access_token(token.expose());
        let answer = call.send().await.map_err(|fault| user_pool_fault("cognito.GetUser", fault))?;
        let user = attribute(&answer, "sub").and_then(|sub| UserId::parse(sub).ok());
        let user = user.ok_or_else(|| PortError::new("cognito.GetUser", "the answer holds no sub"))?;
        let account = attribute(&answer, "email").or_else(|| attribute(&answer, "phone_number"));
        let verified = |name, flag| {
            let is_verified = attribute(&answer, flag) == Some("true");
            attribute(&answer, name).filter(|_| is_verified)
        };
        let email = verified("email", "email_verified").and_then(|text| EmailAddress::parse(text).ok());
        let phone_number =
            verified("phone_number", "phone_number_verified").and_then(|text| PhoneNumber::parse(text).ok());
        Ok(Profile {
            user,
            account: account.unwrap_or(answer.username()).to_owned(),
            contacts: Contacts {
                user_name: answer.username().to_owned(),
                email,
                phone_number,
                locale: attribute(&answer, "locale").map(str::to_owned),
            },
            factors: FactorState {
                enabled: answer
                    .user_mfa_setting_list()
                    .iter()
                    .filter_map(|name| Factor::from_cognito_name(name))
                    .collect(),
                preferred: answer.preferred_mfa_setting().and_then(Factor::from_cognito_name),
            },
        })
    }

    async fn associate_totp(&self, token: &AccessToken) -> Result<TotpSecret, UserPoolFault> {
        let call = self.client.associate_software_token().access_token(token.expose());
        let answer =
            call.send().await.map_err(|fault| user_pool_fault("cognito.AssociateSoftwareToken", fault))?;
        let secret = answer
            .secret_code
            .ok_or_else(|| PortError::new("cognito.AssociateSoftwareToken", "the answer holds no secret"))?;
        Ok(TotpSecret::new(secret))
    }

    async fn verify_totp(
        &self,
        token: &AccessToken,
        code: &OneTimeCode,
        device: Option<&FriendlyDeviceName>,
    ) -> Result<TotpVerification, UserPoolFault> {
        let call = self
            .client
            .verify_software_token()
            .access_token(token.expose())
            .user_code(code.expose())
            .set_friendly_device_name(device.map(|name| name.as_str().to_owned()));
        match call.send().await {
            Ok(answer) if answer.status() == Some(&VerifySoftwareTokenResponseType::Success) => {
                Ok(TotpVerification::Verified)
            }
            // Rarely seen; declared by the model (COGNITO.md §4.4).
            Ok(_) => Ok(TotpVerification::WrongCode),
            Err(fault) => match fault.code() {
                Some("EnableSoftwareTokenMFAException" | "CodeMismatchException") => {
                    Ok(TotpVerification::WrongCode)
                }
                Some("ExpiredCodeException") => Ok(TotpVerification::AlreadyUsed),
                Some("InvalidParameterException") => Ok(TotpVerification::NotStarted),
                Some("SoftwareTokenMFANotFoundException") if !is_not_offered(&fault) => {
                    Ok(TotpVerification::NotStarted)
                }
                _ => Err(user_pool_fault("cognito.VerifySoftwareToken", fault)),
            },
        }
    }

    async fn set_preference(
        &self,
        token: &AccessToken,
        change: &PreferenceChange,
    ) -> Result<(), UserPoolFault> {
        let mut call = self.client.set_user_mfa_preference().access_token(token.expose());
        for (factor, block) in &change.blocks {
            // Both booleans, always: Cognito reads an absent one as `false` (COGNITO.md §4.5).
            let (enabled, preferred) = (block.enabled, block.preferred);
            call = match factor {
                Factor::Sms => call.sms_mfa_settings(
                    SmsMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
                Factor::Totp => call.software_token_mfa_settings(
                    SoftwareTokenMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
                Factor::Email => call.email_mfa_settings(
                    EmailMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
            };
        }
        call.send().await.map_err(|fault| user_pool_fault("cognito.SetUserMFAPreference", fault))?;
        Ok(())
    }
}

fn attribute<'a>(answer: &'a GetUserOutput, name: &str) -> Option<&'a str> {
    let attribute = answer.user_attributes().iter().find(|attribute| attribute.name() == name)?;
    attribute.value().filter(|value| !value.is_empty())
}

/// `SoftwareTokenMFANotFoundException` stands for two things; only its text tells them apart, and
/// texts are matched by a fragment (COGNITO.md §6.3).
fn is_not_offered<E: ProvideErrorMetadata, R>(fault: &SdkError<E, R>) -> bool {
    fault.message().is_some_and(|text| text.to_ascii_lowercase().contains("enabled by the userpool"))
}

/// COGNITO.md §6.2, §6.3: what the user can do something about has a variant, the rest is a fault.
fn user_pool_fault<E, R>(operation: &'static str, fault: SdkError<E, R>) -> UserPoolFault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match fault.code() {
        Some(
            "NotAuthorizedException"
            | "UserNotFoundException"
            | "UserNotConfirmedException"
            | "PasswordResetRequiredException",
        ) => UserPoolFault::NotSignedIn,
        Some("SoftwareTokenMFANotFoundException") => UserPoolFault::TotpNotOffered,
        Some("InvalidParameterException") if operation == "cognito.SetUserMFAPreference" => {
            UserPoolFault::FactorNotSetUp
        }
        Some(
            "TooManyRequestsException"
            | "LimitExceededException"
            | "ThrottlingException"
            | "ConcurrentModificationException",
        ) => UserPoolFault::Throttled,
        _ => port_error(operation)(fault).into(),
    }
}
