use std::sync::Arc;

use futures::future::try_join_all;
use jiff::Timestamp;

use super::{
    address_claims::{AddressClaim, AddressClaims, AddressKey, CandidateKey, OwnershipClaim},
    canonical::canonical,
};
use crate::{
    config::{Environment, policy::UniquePolicy},
    kernel::{EmailAddress, HashKey, PhoneNumber, PortError, UserId},
    telemetry::Metric,
};

/// The settings of [`UniqueAddresses`].
#[derive(Debug, Clone)]
pub struct UniqueSettings {
    policy: UniquePolicy,
    key: HashKey,
}

impl UniqueSettings {
    /// Reads the settings. Returns `None` if the policy keeps no addresses unique, and then reads nothing
    /// more.
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let policy = environment.policy().sign_up.unique;
        policy.is_on().then(|| Self { policy, key: environment.hash_key() })
    }

    pub fn addresses(self, claims: Arc<dyn AddressClaims>) -> UniqueAddresses {
        UniqueAddresses { settings: self, claims }
    }

    /// Returns a text that is the same for the same key and policy. It reveals nothing of the key.
    pub fn fingerprint(&self) -> String {
        self.key.hash("sign-up.fingerprint", &[format!("{:?}", self.policy).as_bytes()])
    }

    /// Returns the keys of the claims on the addresses that the policy keeps unique.
    pub fn keys(&self, email: Option<&EmailAddress>, phone_number: Option<&PhoneNumber>) -> Vec<AddressKey> {
        let email = email.filter(|_| self.policy.email).map(|email| {
            let spelling = canonical(email, self.policy);
            AddressKey::new(self.key.hash("sign-up.email", &[spelling.as_bytes()]))
        });
        let phone_number = phone_number.filter(|_| self.policy.phone_number).map(|number| {
            AddressKey::new(self.key.hash("sign-up.phone-number", &[number.expose().as_bytes()]))
        });
        email.into_iter().chain(phone_number).collect()
    }
}

/// Keeps one account per address.
#[derive(Debug)]
pub struct UniqueAddresses {
    settings: UniqueSettings,
    claims: Arc<dyn AddressClaims>,
}

/// Whether the addresses of a sign-up are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Free,
    Taken,
}

impl UniqueAddresses {
    /// Claims the addresses of a sign-up in one round trip.
    pub async fn claim(
        &self,
        user_name: &str,
        email: Option<&EmailAddress>,
        phone_number: Option<&PhoneNumber>,
        now: Timestamp,
    ) -> Result<Availability, PortError> {
        let hash = self.settings.key.hash("sign-up.candidate", &[user_name.as_bytes()]);
        let candidate = CandidateKey::new(hash);
        let keys = self.settings.keys(email, phone_number);
        let claims = keys.iter().map(|address| self.claims.claim(address, &candidate, now));
        let claims = try_join_all(claims).await?;
        if claims.contains(&AddressClaim::Unreserved) {
            Metric::AddressNotReserved.emit();
        }
        Ok(if claims.contains(&AddressClaim::Taken) { Availability::Taken } else { Availability::Free })
    }

    /// Makes the user own the claims on verified addresses. An unverified address has no owner.
    pub async fn confirm(
        &self,
        user: &UserId,
        verified_email: Option<&EmailAddress>,
        verified_phone_number: Option<&PhoneNumber>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let keys = self.settings.keys(verified_email, verified_phone_number);
        let confirmed = keys.iter().map(|address| self.claims.confirm(address, user, now));
        if try_join_all(confirmed).await?.contains(&OwnershipClaim::Conflict) {
            tracing::warn!("two accounts have the same address");
            Metric::AddressConflict.emit();
        }
        Ok(())
    }
}
