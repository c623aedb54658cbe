use std::sync::Arc;

use async_trait::async_trait;

use crate::kernel::{EmailAddress, PortError};

/// A user at an identity provider.
#[derive(Clone, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// The pool's name of the provider.
    pub provider: String,
    /// The provider's id of the user.
    pub subject: String,
}

impl std::fmt::Debug for FederatedIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FederatedIdentity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Links identities of providers with accounts of the pool.
///
/// Contract: `accounts` returns the user names of the pool's own accounts (never a provider's) that are
/// confirmed, enabled, and have this exact e-mail address, verified. It returns two at most. After `link` the
/// identity signs in as the account.
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

/// The result of an identity's first sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// The identity is linked. From its next sign-in on it signs in as the account.
    Linked,
    /// The identity is a separate user. Its provider is not listed, its address is not verified, or the
    /// address does not belong to exactly one account.
    Apart,
}

/// Decides which providers' identities are linked, and links them.
pub struct Linking {
    providers: Vec<String>,
    links: Arc<dyn FederatedLinks>,
}

impl Linking {
    pub fn new(providers: Vec<String>, links: Arc<dyn FederatedLinks>) -> Self {
        Self { providers, links }
    }

    /// Links an identity with its account. Makes two calls of the pool if there is an account, and one
    /// otherwise. Makes no call for a provider that is not listed.
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

    /// Reads `<Provider>_<subject>` (cognito.md §1.5). A second underscore could belong to the name of an
    /// unlisted provider, so an identity with two is not linked. A case-insensitive pool writes the provider
    /// in lower case.
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
