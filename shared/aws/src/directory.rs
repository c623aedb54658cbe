use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{Client, error::ProvideErrorMetadata};
use mfa_core::{
    custom_auth::port::NativeEnrolment,
    delivery::send_request::{FoundUser, VerifiedEmails},
    kernel::{EmailAddress, PortError, UserId, is_verified},
};

use crate::{Aws, aws::LazyClient, fault::port_error};

/// Reads the profiles of a user pool with administrator rights (`cognito-idp:AdminGetUser`).
#[derive(Debug, Clone)]
pub struct Directory {
    client: LazyClient<Client>,
    user_pool_id: String,
}

impl Directory {
    pub fn new(aws: &Aws, user_pool_id: &str) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self {
            client: LazyClient::new(move || Client::from_conf(config.build())),
            user_pool_id: user_pool_id.to_owned(),
        }
    }
}

#[async_trait]
impl VerifiedEmails for Directory {
    async fn verified_email(&self, user_name: &str) -> Result<Option<FoundUser>, PortError> {
        let call = self.client.admin_get_user().user_pool_id(&self.user_pool_id).username(user_name);
        let user = match call.send().await {
            Ok(user) => user,
            Err(fault) if fault.code() == Some("UserNotFoundException") => return Ok(None),
            Err(fault) => return Err(port_error("cognito.AdminGetUser")(fault)),
        };
        let attribute = |name| user.user_attributes().iter().find(|found| found.name() == name)?.value();
        let is_verified = is_verified(attribute("email_verified"));
        let email =
            attribute("email").filter(|_| is_verified).and_then(|email| EmailAddress::parse(email).ok());
        let user = attribute("sub").and_then(|sub| UserId::parse(sub).ok());
        let locale = attribute("locale").map(str::to_owned);
        Ok(user.zip(email).map(|(user, email)| FoundUser { user, email, locale }))
    }
}

#[async_trait]
impl NativeEnrolment for Directory {
    async fn has_native_factor(&self, user_name: &str) -> Result<bool, PortError> {
        let call = self.client.admin_get_user().user_pool_id(&self.user_pool_id).username(user_name);
        match call.send().await {
            Ok(user) => Ok(!user.user_mfa_setting_list().is_empty()),
            // The user was deleted meanwhile.
            Err(fault) if fault.code() == Some("UserNotFoundException") => Ok(false),
            Err(fault) => Err(port_error("cognito.AdminGetUser")(fault)),
        }
    }
}
