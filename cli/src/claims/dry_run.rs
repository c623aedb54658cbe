//! The table of a dry run: it reads the claims of the real one and keeps changes in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use mfa_aws::Table;
use mfa_core::kernel::{PortError, UserId};
use mfa_core::sign_up::{
    AddressClaim, AddressClaims, AddressKey, CandidateKey, KnownAddress, OwnershipClaim, StoredClaim,
    claim_reconciler::{ClaimCursor, ClaimOutcome, ClaimScan, PassProgress},
};

/// An owned claim, and whether the pass has seen it.
#[derive(Debug)]
struct Claim {
    owner: UserId,
    since: Timestamp,
    is_seen: bool,
}

#[derive(Debug)]
pub(crate) struct DryRun(Mutex<HashMap<AddressKey, Claim>>);

impl DryRun {
    /// Reads every owned claim of the table.
    pub(crate) async fn new(table: &Table) -> Result<Self> {
        let (mut claims, mut place) = (HashMap::new(), None);
        loop {
            let (page, next) = table.owned_claims(place.as_ref()).await?;
            claims.extend(page.into_iter().map(|StoredClaim { address, owner, since }| {
                (address, Claim { owner, since, is_seen: false })
            }));
            if next.is_none() {
                return Ok(Self(Mutex::new(claims)));
            }
            place = next;
        }
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<AddressKey, Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AddressClaims for DryRun {
    async fn claim(&self, _: &AddressKey, _: &CandidateKey, _: Timestamp) -> Result<AddressClaim, PortError> {
        Err(PortError::new("claims.dry-run", "a dry run handles no sign-up"))
    }

    async fn confirm(&self, _: &AddressKey, _: &UserId, _: Timestamp) -> Result<OwnershipClaim, PortError> {
        Err(PortError::new("claims.dry-run", "a dry run handles no sign-up"))
    }

    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError> {
        let mut claims = self.claims();
        let is_theirs = claims.get(address).is_some_and(|claim| claim.owner == *owner);
        Ok(is_theirs && claims.remove(address).is_some())
    }
}

#[async_trait]
impl ClaimScan for DryRun {
    async fn progress(&self) -> Result<Option<PassProgress>, PortError> {
        Ok(None)
    }

    async fn keep(&self, _: &PassProgress, _: Option<u64>) -> Result<bool, PortError> {
        Ok(true)
    }

    async fn reconcile_claim(
        &self,
        known: &KnownAddress,
        _: Timestamp,
        now: Timestamp,
    ) -> Result<ClaimOutcome, PortError> {
        let mut claims = self.claims();
        match claims.get_mut(&known.address) {
            Some(claim) if claim.owner == known.user => {
                claim.is_seen = true;
                Ok(ClaimOutcome::Owned)
            }
            _ if !known.is_proven => Ok(ClaimOutcome::Unproven),
            Some(Claim { owner, since, .. }) => {
                Ok(ClaimOutcome::OwnedByOther { owner: owner.clone(), since: *since })
            }
            None => {
                let claim = Claim { owner: known.user.clone(), since: now, is_seen: true };
                claims.insert(known.address.clone(), claim);
                Ok(ClaimOutcome::Created)
            }
        }
    }

    async fn unseen(
        &self,
        pass: Timestamp,
        _: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        let claims = self.claims();
        let unseen = claims.iter().filter(|(_, claim)| !claim.is_seen && claim.since < pass);
        let unseen = unseen.map(|(address, Claim { owner, since, .. })| StoredClaim {
            address: address.clone(),
            owner: owner.clone(),
            since: *since,
        });
        Ok((unseen.collect(), None))
    }
}
