use async_trait::async_trait;
use jiff::Timestamp;
use mfa_core::{
    kernel::{PortError, UserId},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, DAY, KnownAddress, OwnershipClaim,
        RESERVATION_TIME, RESERVATIONS_PER_DAY, StoredClaim,
        claim_reconciler::{ClaimCursor, ClaimOutcome, ClaimScan, PassProgress},
    },
};

use super::InMemoryTable;

#[derive(Debug, Default, Clone)]
pub(super) struct Address {
    pub(super) owner: Option<UserId>,
    /// The time from which the owner has the address.
    pub(super) since: Timestamp,
    /// The last reconciliation pass that saw the claim.
    pub(super) seen: Option<Timestamp>,
    pub(super) holder: Option<(CandidateKey, Timestamp)>,
    pub(super) holds: Vec<Timestamp>,
}

#[async_trait]
impl AddressClaims for InMemoryTable {
    async fn claim(
        &self,
        address: &AddressKey,
        candidate: &CandidateKey,
        now: Timestamp,
    ) -> Result<AddressClaim, PortError> {
        let mut state = self.state()?;
        let address = state.addresses.entry(address.clone()).or_default();
        if address.owner.is_some() {
            return Ok(AddressClaim::Taken);
        }
        if let Some((holder, until)) = &address.holder
            && now < *until
        {
            return Ok(if holder == candidate { AddressClaim::Reserved } else { AddressClaim::Taken });
        }
        address.holds.retain(|hold| *hold > now.saturating_sub(DAY).expect("in range"));
        if address.holds.len() >= RESERVATIONS_PER_DAY {
            return Ok(AddressClaim::Unreserved);
        }
        address.holds.push(now);
        address.holder = Some((candidate.clone(), now.saturating_add(RESERVATION_TIME).expect("in range")));
        Ok(AddressClaim::Reserved)
    }

    async fn confirm(
        &self,
        address: &AddressKey,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<OwnershipClaim, PortError> {
        let mut state = self.state()?;
        let address = state.addresses.entry(address.clone()).or_default();
        match &address.owner {
            Some(known) if known != owner => return Ok(OwnershipClaim::Conflict),
            Some(_) => {}
            None => {
                *address = Address { owner: Some(owner.clone()), since: now, ..Address::default() };
            }
        }
        Ok(OwnershipClaim::Owned)
    }

    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let is_theirs = state.addresses.get(address).is_some_and(|kept| kept.owner.as_ref() == Some(owner));
        if is_theirs {
            state.addresses.remove(address);
        }
        Ok(is_theirs)
    }
}

#[async_trait]
impl ClaimScan for InMemoryTable {
    async fn progress(&self) -> Result<Option<PassProgress>, PortError> {
        Ok(self.state()?.reconciliation.clone())
    }

    async fn keep(&self, progress: &PassProgress, after: Option<u64>) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let is_last = state.reconciliation.as_ref().map(|kept| kept.revision) == after;
        if is_last {
            state.reconciliation = Some(progress.clone());
        }
        Ok(is_last)
    }

    async fn reconcile_claim(
        &self,
        known: &KnownAddress,
        pass: Timestamp,
        now: Timestamp,
    ) -> Result<ClaimOutcome, PortError> {
        let mut state = self.state()?;
        if !known.is_proven {
            let Some(address) = state.addresses.get_mut(&known.address) else {
                return Ok(ClaimOutcome::Unproven);
            };
            let is_theirs = address.owner.as_ref() == Some(&known.user);
            address.seen = if is_theirs { Some(pass) } else { address.seen };
            return Ok(if is_theirs { ClaimOutcome::Owned } else { ClaimOutcome::Unproven });
        }
        let address = state.addresses.entry(known.address.clone()).or_default();
        match &address.owner {
            Some(owner) if *owner != known.user => {
                Ok(ClaimOutcome::OwnedByOther { owner: owner.clone(), since: address.since })
            }
            Some(_) => {
                address.seen = Some(pass);
                Ok(ClaimOutcome::Owned)
            }
            None => {
                let owner = Some(known.user.clone());
                *address = Address { owner, since: now, seen: Some(pass), ..Address::default() };
                Ok(ClaimOutcome::Created)
            }
        }
    }

    async fn unseen(
        &self,
        pass: Timestamp,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        /// Small, so that a few claims fill several pages.
        const PAGE: usize = 4;
        let state = self.state()?;
        let mut claims: Vec<_> = state.addresses.iter().collect();
        claims.sort_by_key(|(key, _)| key.as_str());
        claims.retain(|(key, _)| after.is_none_or(|after| key.as_str() > after.pk.as_str()));
        let next = claims
            .get(PAGE - 1)
            .filter(|_| claims.len() > PAGE)
            .map(|(key, _)| ClaimCursor { pk: key.as_str().to_owned(), sk: String::new() });
        claims.truncate(PAGE);
        let is_unseen =
            |address: &Address| address.since < pass && address.seen.is_none_or(|seen| seen < pass);
        let unseen = claims.into_iter().filter(|(_, address)| is_unseen(address));
        let kept = unseen.filter_map(|(key, address)| {
            Some(StoredClaim { address: key.clone(), owner: address.owner.clone()?, since: address.since })
        });
        Ok((kept.collect(), next))
    }
}
