use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_user::GetUserOutput,
    primitives::DateTime,
    types::{
        AttributeType, DeviceRememberedStatusType, DeviceType, EmailMfaSettingsType, SmsMfaSettingsType,
        SoftwareTokenMfaSettingsType, VerifySoftwareTokenResponseType,
    },
};
use jiff::Timestamp;
use mfa_core::{
    delivery::{Channel, toll_fraud::Destination},
    factors::{
        AddressBook, AddressVerification, Contacts, NativeFactors, Profile, TotpVerification, UserPoolFault,
        devices::{DeviceId, DeviceRegistry, PoolDevice},
        enrolment::{FriendlyDeviceName, TotpSecret},
        preference::{FactorState, PreferenceChange},
    },
    kernel::{
        AccessToken, EmailAddress, OneTimeCode, PhoneNumber, PoolFactor, PortError, UserId, is_verified,
    },
};

use crate::{Aws, fault::port_error};

/// Manages a user's pool factors. Every call is made with the user's access token and is unsigned, so the
/// function needs no permission on Cognito.
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
            let is_verified = is_verified(attribute(&answer, flag));
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
                    .filter_map(|name| PoolFactor::from_cognito_name(name))
                    .collect(),
                preferred: answer.preferred_mfa_setting().and_then(PoolFactor::from_cognito_name),
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
            // The service model declares this result, but it is rare (cognito.md §4.4).
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
            // We always send both booleans, because Cognito reads an absent one as `false` (cognito.md §4.5).
            let (enabled, preferred) = (block.enabled, block.preferred);
            call = match factor {
                PoolFactor::Sms => call.sms_mfa_settings(
                    SmsMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
                PoolFactor::Totp => call.software_token_mfa_settings(
                    SoftwareTokenMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
                PoolFactor::Email => call.email_mfa_settings(
                    EmailMfaSettingsType::builder().enabled(enabled).preferred_mfa(preferred).build(),
                ),
            };
        }
        call.send().await.map_err(|fault| user_pool_fault("cognito.SetUserMFAPreference", fault))?;
        Ok(())
    }
}

/// Returns the attribute that holds a channel's address.
fn attribute_of(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "phone_number",
        Channel::Email => "email",
    }
}

#[async_trait]
impl AddressBook for UserPool {
    async fn change(&self, token: &AccessToken, to: &Destination) -> Result<bool, UserPoolFault> {
        let value = match to {
            Destination::Sms(number) => number.expose().to_owned(),
            Destination::Email(address) => address.expose(),
        };
        let attribute = AttributeType::builder().name(attribute_of(to.channel())).value(value).build();
        let attribute = attribute.map_err(|fault| PortError::new("cognito.UpdateUserAttributes", fault))?;
        let call = self.client.update_user_attributes().access_token(token.expose());
        match call.user_attributes(attribute).send().await {
            Ok(answer) => Ok(!answer.code_delivery_details_list().is_empty()),
            Err(fault) => Err(match fault.code() {
                Some("AliasExistsException") => UserPoolFault::AddressTaken,
                // `GetUser` has just accepted the token, so the app client may not write the attribute.
                Some("NotAuthorizedException" | "InvalidParameterException") => UserPoolFault::AddressFixed,
                _ => user_pool_fault("cognito.UpdateUserAttributes", fault),
            }),
        }
    }

    async fn send_code(&self, token: &AccessToken, channel: Channel) -> Result<(), UserPoolFault> {
        let call = self.client.get_user_attribute_verification_code().access_token(token.expose());
        match call.attribute_name(attribute_of(channel)).send().await {
            Ok(_) => Ok(()),
            Err(fault) => Err(match fault.code() {
                Some("InvalidParameterException") => UserPoolFault::NoAddress,
                _ => user_pool_fault("cognito.GetUserAttributeVerificationCode", fault),
            }),
        }
    }

    async fn verify(
        &self,
        token: &AccessToken,
        channel: Channel,
        code: &OneTimeCode,
    ) -> Result<AddressVerification, UserPoolFault> {
        let call = self.client.verify_user_attribute().access_token(token.expose());
        match call.attribute_name(attribute_of(channel)).code(code.expose()).send().await {
            Ok(_) => Ok(AddressVerification::Verified),
            Err(fault) => match fault.code() {
                Some("CodeMismatchException") => Ok(AddressVerification::WrongCode),
                Some("ExpiredCodeException") => Ok(AddressVerification::Expired),
                Some("AliasExistsException") => Err(UserPoolFault::AddressTaken),
                _ => Err(user_pool_fault("cognito.VerifyUserAttribute", fault)),
            },
        }
    }
}

#[async_trait]
impl DeviceRegistry for UserPool {
    async fn devices(&self, token: &AccessToken) -> Result<Vec<PoolDevice>, UserPoolFault> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let call = self.client.list_devices().access_token(token.expose()).limit(DEVICES_A_PAGE);
            let answer = call.set_pagination_token(next).send().await;
            let answer = answer.map_err(|fault| user_pool_fault("cognito.ListDevices", fault))?;
            found.extend(answer.devices().iter().filter_map(device));
            next = answer.pagination_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    async fn remember(
        &self,
        token: &AccessToken,
        id: &DeviceId,
        remember: bool,
    ) -> Result<(), UserPoolFault> {
        let status = if remember {
            DeviceRememberedStatusType::Remembered
        } else {
            DeviceRememberedStatusType::NotRemembered
        };
        let call = self.client.update_device_status().access_token(token.expose()).device_key(id.as_str());
        match call.device_remembered_status(status).send().await {
            Ok(_) => Ok(()),
            Err(fault) => Err(device_fault("cognito.UpdateDeviceStatus", fault)),
        }
    }

    async fn forget(&self, token: &AccessToken, id: &DeviceId) -> Result<(), UserPoolFault> {
        let call = self.client.forget_device().access_token(token.expose()).device_key(id.as_str());
        match call.send().await {
            Ok(_) => Ok(()),
            Err(fault) => Err(device_fault("cognito.ForgetDevice", fault)),
        }
    }
}

/// Cognito returns no more devices at once (cognito.md §5).
const DEVICES_A_PAGE: i32 = 60;

fn device(device: &DeviceType) -> Option<PoolDevice> {
    let attribute = |name| {
        let found = device.device_attributes().iter().find(|attribute| attribute.name() == name)?;
        found.value().filter(|value| !value.is_empty())
    };
    let at = |time: Option<&DateTime>| Timestamp::from_second(time?.secs()).ok();
    let created_at = at(device.device_create_date())?;
    Some(PoolDevice {
        id: DeviceId::parse(device.device_key()?).ok()?,
        name: attribute("device_name").map(str::to_owned),
        is_remembered: attribute("device_status") == Some("remembered"),
        created_at,
        last_used_at: at(device.device_last_authenticated_date()).unwrap_or(created_at),
    })
}

fn device_fault<E, R>(operation: &'static str, fault: SdkError<E, R>) -> UserPoolFault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match fault.code() {
        Some("ResourceNotFoundException" | "InvalidParameterException") => UserPoolFault::DeviceNotFound,
        _ => user_pool_fault(operation, fault),
    }
}

fn attribute<'a>(answer: &'a GetUserOutput, name: &str) -> Option<&'a str> {
    let attribute = answer.user_attributes().iter().find(|attribute| attribute.name() == name)?;
    attribute.value().filter(|value| !value.is_empty())
}

/// Whether the pool does not offer the authenticator app. `SoftwareTokenMFANotFoundException` has two
/// meanings that differ only in the text. We match a fragment of it (cognito.md §6.3).
fn is_not_offered<E: ProvideErrorMetadata, R>(fault: &SdkError<E, R>) -> bool {
    fault.message().is_some_and(|text| text.to_ascii_lowercase().contains("enabled by the userpool"))
}

/// Converts a fault (cognito.md §6.2, §6.3). Problems that the user can solve have variants of their own.
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
