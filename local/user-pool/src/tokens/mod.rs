//! Tokens: what they say, how they are signed, and what is believed of the ones that come back.

pub(crate) mod access;
mod claims;
pub(crate) mod keys;
pub(crate) mod overrides;
pub(crate) mod refresh;

use jiff::Timestamp;

use crate::UserPools;
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::sign_in::SignIn;
use crate::model::user::User;
use crate::protocol::error::ApiError;
use overrides::Overrides;

/// Everything tokens are made of.
pub(crate) struct Grant<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) sign_in: &'a SignIn,
    pub(crate) groups: overrides::Groups,
    pub(crate) overrides: Overrides,
    pub(crate) now: Timestamp,
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
    /// Seconds the access token lives.
    pub(crate) expires_in: i64,
}

pub(crate) async fn issue(pools: &UserPools, grant: &Grant<'_>) -> Result<Tokens, ApiError> {
    let keys = pools.keys_of(&grant.pool.id).await?;
    Ok(Tokens {
        access: keys.access.sign(&claims::access(grant))?,
        id: keys.id.sign(&claims::id(grant))?,
        expires_in: grant.client.access_token_validity().as_secs(),
    })
}
