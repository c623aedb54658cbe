use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{
    Client,
    types::{ProviderUserIdentifierType, UserStatusType, UserType},
};
use mfa_core::{
    kernel::{EmailAddress, PortError, is_verified},
    sign_up::{FederatedIdentity, FederatedLinks},
};

use crate::{Aws, aws::LazyClient, fault::port_error};

/// Reads accounts and links identities of a user pool (`cognito-idp:ListUsers`, `AdminLinkProviderForUser`).
#[derive(Debug, Clone)]
pub struct PoolLinks(LazyClient<Client>);

impl PoolLinks {
    pub fn new(aws: &Aws) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self(LazyClient::new(move || Client::from_conf(config.build())))
    }
}

#[async_trait]
impl FederatedLinks for PoolLinks {
    async fn accounts(&self, user_pool_id: &str, email: &EmailAddress) -> Result<Vec<String>, PortError> {
        let address = email.expose();
        // These characters belong to the syntax of the filter, so we never search for an address with them.
        if address.contains(['"', '\\']) {
            return Ok(Vec::new());
        }
        let filter = format!("email = \"{address}\"");
        let mut pages = self.0.list_users().user_pool_id(user_pool_id).filter(filter).into_paginator().send();
        let mut accounts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(port_error("cognito.ListUsers"))?;
            let found = page.users().iter().filter(|user| may_be_linked(user, email));
            accounts.extend(found.filter_map(|user| user.username().map(str::to_owned)));
            if accounts.len() > 1 {
                break;
            }
        }
        accounts.truncate(2);
        Ok(accounts)
    }

    async fn link(
        &self,
        user_pool_id: &str,
        account: &str,
        identity: &FederatedIdentity,
    ) -> Result<(), PortError> {
        let destination = ProviderUserIdentifierType::builder()
            .provider_name("Cognito")
            .provider_attribute_value(account)
            .build();
        let source = ProviderUserIdentifierType::builder()
            .provider_name(&identity.provider)
            .provider_attribute_name("Cognito_Subject")
            .provider_attribute_value(&identity.subject)
            .build();
        let call = self.0.admin_link_provider_for_user().user_pool_id(user_pool_id);
        let call = call.destination_user(destination).source_user(source);
        call.send().await.map(drop).map_err(port_error("cognito.AdminLinkProviderForUser"))
    }
}

/// Whether a user is a confirmed account of the pool's own and has the address, verified.
fn may_be_linked(user: &UserType, email: &EmailAddress) -> bool {
    let attribute = |name| user.attributes().iter().find(|found| found.name() == name)?.value();
    user.enabled()
        && user.user_status() == Some(&UserStatusType::Confirmed)
        && is_verified(attribute("email_verified"))
        && attribute("email").and_then(|text| EmailAddress::parse(text).ok()).as_ref() == Some(email)
}
