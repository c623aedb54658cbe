use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mfa_core::{
    kernel::{EmailAddress, PortError},
    sign_up::{FederatedIdentity, FederatedLinks},
};

/// Accounts that may be linked, and the links made so far.
#[derive(Debug, Default)]
pub struct InMemoryLinks {
    accounts: Vec<(String, EmailAddress)>,
    links: Mutex<Vec<(String, FederatedIdentity)>>,
}

impl InMemoryLinks {
    /// Builds accounts that may be linked, from user names and verified addresses.
    pub fn with(accounts: &[(&str, &str)]) -> Self {
        let account = |(name, address): &(&str, &str)| {
            ((*name).to_owned(), EmailAddress::parse(address).expect("an address"))
        };
        Self { accounts: accounts.iter().map(account).collect(), links: Mutex::default() }
    }

    /// Returns the account and the identity of each link.
    pub fn links(&self) -> Vec<(String, FederatedIdentity)> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl FederatedLinks for InMemoryLinks {
    async fn accounts(&self, _: &str, email: &EmailAddress) -> Result<Vec<String>, PortError> {
        let found = self.accounts.iter().filter(|(_, address)| address == email);
        Ok(found.map(|(name, _)| name.clone()).take(2).collect())
    }

    async fn link(&self, _: &str, account: &str, identity: &FederatedIdentity) -> Result<(), PortError> {
        if self.accounts.iter().all(|(name, _)| name != account) {
            return Err(PortError::new("cognito.AdminLinkProviderForUser", "no such account"));
        }
        let link = (account.to_owned(), identity.clone());
        self.links.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        Ok(())
    }
}
