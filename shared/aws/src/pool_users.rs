use async_trait::async_trait;
use aws_sdk_cognitoidentityprovider::{Client, operation::list_users::ListUsersError, types::UserType};
use aws_types::SdkConfig;
use jiff::Timestamp;
use mfa_core::{
    kernel::{PortError, UserId},
    sign_up::{
        ListedUser,
        claim_reconciler::{PoolUsers, UsersPage},
    },
};

use crate::{Aws, fault::port_error};

const LIST: &str = "cognito.ListUsers";
/// `ListUsers` returns no more users at once.
const PAGE: i32 = 60;

/// Lists the users of a pool (`cognito-idp:ListUsers`).
#[derive(Debug, Clone)]
pub struct PoolListing {
    client: Client,
    user_pool_id: String,
}

impl PoolListing {
    pub fn new(aws: &Aws, user_pool_id: String) -> Self {
        let mut config = aws_sdk_cognitoidentityprovider::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.cognito.clone());
        Self { client: Client::from_conf(config.build()), user_pool_id }
    }

    /// Creates the listing for an operator, with the operator's credentials and endpoint.
    pub fn of_operator(config: &SdkConfig, user_pool_id: String) -> Self {
        Self { client: Client::new(config), user_pool_id }
    }
}

#[async_trait]
impl PoolUsers for PoolListing {
    async fn page(&self, place: Option<&str>) -> Result<Option<UsersPage>, PortError> {
        let call = self.client.list_users().user_pool_id(&self.user_pool_id).limit(PAGE);
        let page = match call.set_pagination_token(place.map(str::to_owned)).send().await {
            Ok(page) => page,
            Err(fault) => {
                let service = fault.as_service_error();
                let is_refused = service.is_some_and(ListUsersError::is_invalid_parameter_exception);
                return if is_refused && place.is_some() { Ok(None) } else { Err(port_error(LIST)(fault)) };
            }
        };
        let users = page.users().iter().map(listed).collect::<Result<_, _>>()?;
        Ok(Some(UsersPage { users, next: page.pagination_token().map(str::to_owned) }))
    }

    async fn find(&self, user: &UserId) -> Result<Option<ListedUser>, PortError> {
        // These characters belong to the syntax of the filter. No `sub` has them.
        if user.as_str().contains(['"', '\\']) {
            return Ok(None);
        }
        let filter = format!("sub = \"{}\"", user.as_str());
        let call = self.client.list_users().user_pool_id(&self.user_pool_id).filter(filter).limit(1);
        let found = call.send().await.map_err(port_error(LIST))?;
        found.users().first().map(listed).transpose()
    }
}

fn listed(user: &UserType) -> Result<ListedUser, PortError> {
    let unreadable = || PortError::new(LIST, "a user without a sub or a date");
    let attribute = |name: &str| user.attributes().iter().find(|found| found.name() == name)?.value();
    let id = attribute("sub").and_then(|sub| UserId::parse(sub).ok()).ok_or_else(unreadable)?;
    let created = user.user_create_date().and_then(|date| date.to_millis().ok());
    let created = created.and_then(|at| Timestamp::from_millisecond(at).ok()).ok_or_else(unreadable)?;
    let status = user.user_status().map(aws_sdk_cognitoidentityprovider::types::UserStatusType::as_str);
    Ok(ListedUser::new(id, created, status, attribute))
}
