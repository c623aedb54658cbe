use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        AccountRecoverySettingType, AttributeType, EmailMfaSettingsType, RecoveryOptionNameType,
        SmsMfaSettingsType, SoftwareTokenMfaConfigType, SoftwareTokenMfaSettingsType, UserPoolMfaType,
    },
};
use jiff::Timestamp;
use mfa_core::{
    factors::{
        Contacts, Profile,
        preference::{FactorState, PreferenceChange},
    },
    kernel::{EmailAddress, PhoneNumber, PoolFactor, PortError, UserId, is_verified},
    recovery::{
        Password, PoolMfa, PoolRules,
        port::{Account, Accounts, PasswordOutcome, PreferenceOutcome},
    },
};

use crate::{Aws, aws::LazyClient, fault::port_error};

/// `AdminListDevices` returns no more devices at once.
const PAGE: i32 = 60;

/// Reaches the users of a pool with administrator rights. Every call is signed, and needs its permission.
#[derive(Debug, Clone)]
pub struct PoolAccounts {
    client: LazyClient<Client>,
    user_pool_id: String,
}

impl PoolAccounts {
    pub fn new(aws: &Aws, user_pool_id: &str) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self {
            client: LazyClient::new(move || Client::from_conf(config.build())),
            user_pool_id: user_pool_id.to_owned(),
        }
    }

    /// Returns the keys of all devices that the pool remembers of a user.
    async fn devices(&self, user_name: &str) -> Result<Vec<String>, PortError> {
        let (mut keys, mut token) = (Vec::new(), None);
        loop {
            let call = self.client.admin_list_devices().user_pool_id(&self.user_pool_id);
            let call = call.username(user_name).limit(PAGE).set_pagination_token(token);
            let page = match call.send().await {
                Ok(page) => page,
                // The pool remembers no devices.
                Err(fault) if is(&fault, &["InvalidUserPoolConfigurationException"]) => return Ok(keys),
                Err(fault) => return Err(port_error("cognito.AdminListDevices")(fault)),
            };
            keys.extend(page.devices().iter().filter_map(|device| device.device_key().map(str::to_owned)));
            token = page.pagination_token;
            if token.is_none() {
                return Ok(keys);
            }
        }
    }
}

#[async_trait]
impl Accounts for PoolAccounts {
    async fn find(&self, user_name: &str) -> Result<Option<Account>, PortError> {
        const OPERATION: &str = "cognito.AdminGetUser";
        let call = self.client.admin_get_user().user_pool_id(&self.user_pool_id).username(user_name);
        let user = match call.send().await {
            Ok(user) => user,
            // Cognito refuses the form of a name that no user can have.
            Err(fault) if is(&fault, &["UserNotFoundException", "InvalidParameterException"]) => {
                return Ok(None);
            }
            Err(fault) => return Err(port_error(OPERATION)(fault)),
        };
        let attribute = |name| {
            let attribute = user.user_attributes().iter().find(|attribute| attribute.name() == name)?;
            attribute.value().filter(|value| !value.is_empty())
        };
        let verified = |name, flag| attribute(name).filter(|_| is_verified(attribute(flag)));
        let id = attribute("sub").and_then(|sub| UserId::parse(sub).ok());
        let id = id.ok_or_else(|| PortError::new(OPERATION, "the answer holds no sub"))?;
        let enabled = user
            .user_mfa_setting_list()
            .iter()
            .filter_map(|name| PoolFactor::from_cognito_name(name))
            .collect();
        let profile = Profile {
            user: id,
            account: attribute("email").or(attribute("phone_number")).unwrap_or(user.username()).to_owned(),
            contacts: Contacts {
                user_name: user.username().to_owned(),
                email: verified("email", "email_verified").and_then(|text| EmailAddress::parse(text).ok()),
                phone_number: verified("phone_number", "phone_number_verified")
                    .and_then(|text| PhoneNumber::parse(text).ok()),
                locale: attribute("locale").map(str::to_owned),
            },
            factors: FactorState {
                enabled,
                preferred: user.preferred_mfa_setting().and_then(PoolFactor::from_cognito_name),
            },
        };
        let addresses = [(PoolFactor::Sms, "phone_number"), (PoolFactor::Email, "email")];
        let has_address = |(factor, name)| attribute(name).map(|_| factor);
        Ok(Some(Account {
            profile,
            status: user.user_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            is_enabled: user.enabled(),
            addresses: addresses.into_iter().filter_map(has_address).collect(),
            modified_at: user
                .user_last_modified_date()
                .and_then(|date| Timestamp::from_second(date.secs()).ok()),
        }))
    }

    async fn set_password(&self, user_name: &str, password: &Password) -> Result<PasswordOutcome, PortError> {
        let call = self.client.admin_set_user_password().user_pool_id(&self.user_pool_id);
        match call.username(user_name).password(password.expose()).permanent(true).send().await {
            Ok(_) => Ok(PasswordOutcome::Done),
            Err(fault)
                if is(
                    &fault,
                    &[
                        "InvalidPasswordException",
                        "PasswordHistoryPolicyViolationException",
                        "InvalidParameterException",
                    ],
                ) =>
            {
                Ok(PasswordOutcome::Refused)
            }
            Err(fault) => Err(port_error("cognito.AdminSetUserPassword")(fault)),
        }
    }

    async fn sign_out(&self, user_name: &str) -> Result<(), PortError> {
        let call = self.client.admin_user_global_sign_out().user_pool_id(&self.user_pool_id);
        call.username(user_name).send().await.map_err(port_error("cognito.AdminUserGlobalSignOut"))?;
        Ok(())
    }

    async fn forget_devices(&self, user_name: &str) -> Result<usize, PortError> {
        let keys = self.devices(user_name).await?;
        for key in &keys {
            let call = self.client.admin_forget_device().user_pool_id(&self.user_pool_id);
            match call.username(user_name).device_key(key).send().await {
                Ok(_) => {}
                // Another caller has forgotten the device meanwhile.
                Err(fault) if is(&fault, &["ResourceNotFoundException"]) => {}
                Err(fault) => return Err(port_error("cognito.AdminForgetDevice")(fault)),
            }
        }
        Ok(keys.len())
    }

    async fn delete_totp(&self, user_name: &str) -> Result<bool, PortError> {
        let call = self.client.admin_delete_software_token().user_pool_id(&self.user_pool_id);
        match call.username(user_name).send().await {
            Ok(_) => Ok(true),
            // The user has no authenticator app, or has it no longer.
            Err(fault) if is(&fault, &["ResourceNotFoundException", "SoftwareTokenMFANotFoundException"]) => {
                Ok(true)
            }
            // Some Regions do not support this yet (cognito.md §4.4), and a pool may switch it off (§6.2).
            Err(fault)
                if is(
                    &fault,
                    &[
                        "UnknownOperationException",
                        "InvalidAction",
                        "OperationNotEnabledException",
                        "UnsupportedOperationException",
                    ],
                ) =>
            {
                Ok(false)
            }
            Err(fault) => Err(port_error("cognito.AdminDeleteSoftwareToken")(fault)),
        }
    }

    async fn set_preference(
        &self,
        user_name: &str,
        change: &PreferenceChange,
    ) -> Result<PreferenceOutcome, PortError> {
        let mut call = self.client.admin_set_user_mfa_preference().user_pool_id(&self.user_pool_id);
        call = call.username(user_name);
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
        match call.send().await {
            Ok(_) => Ok(PreferenceOutcome::Done),
            Err(fault) if is(&fault, &["InvalidParameterException"]) => Ok(PreferenceOutcome::NotSetUp),
            Err(fault) => Err(port_error("cognito.AdminSetUserMFAPreference")(fault)),
        }
    }

    async fn rules(&self) -> Result<PoolRules, PortError> {
        let (pool, mfa) = tokio::join!(
            self.client.describe_user_pool().user_pool_id(&self.user_pool_id).send(),
            self.client.get_user_pool_mfa_config().user_pool_id(&self.user_pool_id).send(),
        );
        let pool = pool.map_err(port_error("cognito.DescribeUserPool"))?;
        let mfa = mfa.map_err(port_error("cognito.GetUserPoolMfaConfig"))?;
        let totp = mfa.software_token_mfa_configuration().is_some_and(SoftwareTokenMfaConfigType::enabled);
        let offered = [
            (PoolFactor::Sms, mfa.sms_mfa_configuration().is_some()),
            (PoolFactor::Totp, totp),
            (PoolFactor::Email, mfa.email_mfa_configuration().is_some()),
        ];
        let mechanisms = pool
            .user_pool()
            .and_then(|pool| pool.account_recovery_setting())
            .map(AccountRecoverySettingType::recovery_mechanisms)
            .unwrap_or_default();
        let first = mechanisms.iter().min_by_key(|mechanism| mechanism.priority());
        Ok(PoolRules {
            mfa: match mfa.mfa_configuration() {
                Some(UserPoolMfaType::On) => PoolMfa::On,
                Some(UserPoolMfaType::Optional) => PoolMfa::Optional,
                _ => PoolMfa::Off,
            },
            offered: offered
                .into_iter()
                .filter(|(_, is_offered)| *is_offered)
                .map(|(factor, _)| factor)
                .collect(),
            recovery: first.and_then(|mechanism| match mechanism.name() {
                RecoveryOptionNameType::VerifiedEmail => Some(PoolFactor::Email),
                RecoveryOptionNameType::VerifiedPhoneNumber => Some(PoolFactor::Sms),
                _ => None,
            }),
        })
    }

    async fn groups(&self, user_name: &str) -> Result<BTreeSet<String>, PortError> {
        let call = self.client.admin_list_groups_for_user().user_pool_id(&self.user_pool_id);
        let mut pages = call.username(user_name).into_paginator().send();
        let mut groups = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(port_error("cognito.AdminListGroupsForUser"))?;
            groups.extend(page.groups().iter().filter_map(|group| group.group_name().map(str::to_owned)));
        }
        Ok(groups)
    }

    async fn set_phone_number(&self, user_name: &str, number: &PhoneNumber) -> Result<(), PortError> {
        const OPERATION: &str = "cognito.AdminUpdateUserAttributes";
        let attribute = |name: &str, value: &str| {
            let built = AttributeType::builder().name(name).value(value).build();
            built.map_err(|fault| PortError::new(OPERATION, fault))
        };
        let call = self.client.admin_update_user_attributes().user_pool_id(&self.user_pool_id);
        let call = call.username(user_name).user_attributes(attribute("phone_number", number.expose())?);
        let call = call.user_attributes(attribute("phone_number_verified", "true")?);
        call.send().await.map_err(port_error(OPERATION))?;
        Ok(())
    }
}

fn is<E: ProvideErrorMetadata, R>(fault: &SdkError<E, R>, codes: &[&str]) -> bool {
    fault.code().is_some_and(|code| codes.contains(&code))
}
