use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

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
pub trait FederatedLinks: Send + Sync + std::fmt::Debug {
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
#[derive(Debug)]
pub struct Linking {
    providers: Vec<String>,
    links: Arc<dyn FederatedLinks>,
}

impl Linking {
    /// The attribute to which an operator maps the subject of a provider whose subjects have capitals.
    pub const SUBJECT_ATTRIBUTE: &str = "custom:provider_subject";

    pub fn new(providers: Vec<String>, links: Arc<dyn FederatedLinks>) -> Self {
        Self { providers, links }
    }

    /// Links an identity with its account. Makes two calls of the pool if there is an account, and one
    /// otherwise. Makes no call for a provider that is not listed. `mapped_subject` is the value of
    /// [`Self::SUBJECT_ATTRIBUTE`].
    pub async fn link(
        &self,
        user_pool_id: &str,
        user_name: &str,
        mapped_subject: Option<&str>,
        verified_email: Option<&EmailAddress>,
    ) -> Result<Linked, PortError> {
        let (Some(identity), Some(email)) = (self.identity(user_name, mapped_subject), verified_email) else {
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
    fn identity(&self, user_name: &str, mapped_subject: Option<&str>) -> Option<FederatedIdentity> {
        let (name, subject) = user_name.split_once('_').filter(|(_, subject)| !subject.is_empty())?;
        let is_it = |provider: &&String| *provider == name || provider.to_ascii_lowercase() == name;
        let provider = self.providers.iter().find(is_it)?;
        if subject.contains('_') {
            tracing::warn!(provider, "not linked: with two underscores the provider can't be told");
            return None;
        }
        let Some(subject) = exact_subject(user_name, subject, mapped_subject) else {
            let attribute = Self::SUBJECT_ATTRIBUTE;
            tracing::warn!(provider, "not linked: map the provider's subject to {attribute}");
            return None;
        };
        Some(FederatedIdentity { provider: provider.clone(), subject: subject.to_owned() })
    }
}

/// Returns the subject as the provider writes it, or `None` if that is unknown. Cognito compares subjects with
/// case. A case-insensitive pool writes user names in lower case, so the user name does not show a subject's capitals
/// (cognito.md §1.5).
fn exact_subject<'a>(user_name: &str, subject: &'a str, mapped: Option<&'a str>) -> Option<&'a str> {
    if let Some(mapped) = mapped {
        return Some(mapped).filter(|mapped| mapped.eq_ignore_ascii_case(subject));
    }
    let keeps_case = user_name.contains(|letter: char| letter.is_ascii_uppercase());
    (keeps_case || has_no_case(subject)).then_some(subject)
}

/// Whether a subject in lower case is the one that its provider wrote: a number as of Google and Facebook, a
/// UUID, or an id of Apple.
fn has_no_case(subject: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = subject.split('.').collect();
    let is_apple = matches!(parts[..], [team, id, number]
        if is_number(team) && is_number(number) && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_number(subject) || is_apple || (subject.len() == 36 && Uuid::try_parse(subject).is_ok())
}
