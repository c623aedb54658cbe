use std::sync::Arc;

use async_trait::async_trait;

use crate::kernel::{EmailAddress, PortError};

/// A user as an identity provider knows them.
#[derive(Clone, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// As the pool calls the provider.
    pub provider: String,
    /// The provider's own name for them.
    pub subject: String,
}

impl std::fmt::Debug for FederatedIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FederatedIdentity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Links identities of providers with accounts of the pool.
///
/// Contract: `accounts` gives the user names of the pool's own accounts (never a provider's) that are
/// confirmed, enabled, and have this very e-mail address, verified; two at most. After `link` the identity
/// signs in as the account.
#[async_trait]
pub trait FederatedLinks: Send + Sync {
    async fn accounts(&self, user_pool_id: &str, email: &EmailAddress) -> Result<Vec<String>, PortError>;

    async fn link(
        &self,
        user_pool_id: &str,
        account: &str,
        identity: &FederatedIdentity,
    ) -> Result<(), PortError>;
}

/// What became of an identity's first sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// From its next sign-in on it is the account.
    Linked,
    /// It is a user of its own: its provider is not on the list, its address is not verified, or it is not
    /// exactly one account's.
    Apart,
}

/// Which providers' identities are linked.
pub struct Linking {
    providers: Vec<String>,
    links: Arc<dyn FederatedLinks>,
}

impl Linking {
    pub fn new(providers: Vec<String>, links: Arc<dyn FederatedLinks>) -> Self {
        Self { providers, links }
    }

    /// Two calls of the pool where there is an account, one where there is none, and none for a provider
    /// that is not on the list.
    pub async fn link(
        &self,
        user_pool_id: &str,
        user_name: &str,
        verified_email: Option<&EmailAddress>,
    ) -> Result<Linked, PortError> {
        let (Some(identity), Some(email)) = (self.identity(user_name), verified_email) else {
            return Ok(Linked::Apart);
        };
        // With two accounts the owner is ambiguous.
        let accounts = self.links.accounts(user_pool_id, email).await?;
        let [account] = accounts.as_slice() else { return Ok(Linked::Apart) };
        self.links.link(user_pool_id, account, &identity).await?;
        Ok(Linked::Linked)
    }

    /// Reads `<Provider>_<subject>` (cognito.md §1.5). A second underscore could be part of the name of a provider that is
    /// not listed, so an identity with two is linked with no account. A pool without case writes the provider in lower
    /// case.
    fn identity(&self, user_name: &str) -> Option<FederatedIdentity> {
        let (name, subject) = user_name.split_once('_').filter(|(_, subject)| !subject.is_empty())?;
        let is_it = |provider: &&String| *provider == name || provider.to_ascii_lowercase() == name;
        let provider = self.providers.iter().find(is_it)?;
        if subject.contains('_') {
            tracing::warn!(provider, "not linked: with two underscores the provider can't be told");
            return None;
        }
        Some(FederatedIdentity { provider: provider.clone(), subject: subject.to_owned() })
    }
}

impl std::fmt::Debug for Linking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Linking").field("providers", &self.providers).finish_non_exhaustive()
    }
}
