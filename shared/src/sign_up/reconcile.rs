//! Compares address claims with a listing of the pool. It finds what no trigger reports: deleted users,
//! changed addresses, and users from before the installation.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{AddressKey, UniqueSettings};
use crate::kernel::{EmailAddress, PhoneNumber, UserId, is_verified};

/// A user in a listing of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    pub id: UserId,
    created: Timestamp,
    /// The address, and whether it is proven: verified, and of a confirmed account.
    email: Option<(EmailAddress, bool)>,
    phone_number: Option<(PhoneNumber, bool)>,
}

impl ListedUser {
    /// Takes `status` and `attribute` as `ListUsers` returns them.
    pub fn new<'a>(
        id: UserId,
        created: Timestamp,
        status: Option<&str>,
        attribute: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        // These users were confirmed once. UNCONFIRMED is not an account yet, and a user that an
        // administrator created has not signed in yet.
        let is_confirmed = matches!(status, Some("CONFIRMED" | "RESET_REQUIRED" | "EXTERNAL_PROVIDER"));
        let is_proven = |verified: &str| is_confirmed && is_verified(attribute(verified));
        let email = attribute("email").and_then(|email| EmailAddress::parse(email).ok());
        let phone_number = attribute("phone_number").and_then(|number| PhoneNumber::parse(number).ok());
        Self {
            id,
            created,
            email: email.map(|email| (email, is_proven("email_verified"))),
            phone_number: phone_number.map(|number| (number, is_proven("phone_number_verified"))),
        }
    }

    /// Returns the user's addresses that the policy keeps unique.
    pub fn addresses(&self, settings: &UniqueSettings) -> Vec<KnownAddress> {
        let known = |keys: Vec<AddressKey>, is_proven: bool| {
            let of_user = keys.into_iter();
            of_user.map(move |address| KnownAddress {
                address,
                user: self.id.clone(),
                created: self.created,
                is_proven,
            })
        };
        let email =
            self.email.iter().flat_map(|(email, proven)| known(settings.keys(Some(email), None), *proven));
        let number = self.phone_number.iter();
        let number = number.flat_map(|(number, proven)| known(settings.keys(None, Some(number)), *proven));
        email.chain(number).collect()
    }
}

/// An address of a user in a listing of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAddress {
    pub address: AddressKey,
    pub user: UserId,
    /// The time at which the account was created.
    pub created: Timestamp,
    /// Whether the address is verified and the account confirmed. Only such an address may be claimed.
    pub is_proven: bool,
}

/// An owned claim that the table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClaim {
    pub address: AddressKey,
    pub owner: UserId,
    pub since: Timestamp,
}

/// A claim whose owner was not in the listing with this address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleClaim {
    pub claim: StoredClaim,
    /// The user who gets the claim.
    pub heir: Option<UserId>,
}

/// Proven accounts that share an address which another account owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressConflict {
    pub address: AddressKey,
    pub owner: UserId,
    /// The accounts, oldest first.
    pub others: Vec<UserId>,
}

/// The changes that make claims and accounts agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Missing claims, each for the oldest account that has the address.
    pub missing: Vec<(AddressKey, UserId)>,
    pub stale: Vec<StaleClaim>,
    pub conflicts: Vec<AddressConflict>,
    /// Claims that are right.
    pub right: usize,
    /// Number of claims made since the listing began. The listing says nothing about them.
    pub young: usize,
}

impl Reconciliation {
    /// Plans the changes. `listed_at`: when the listing began. The plan is in the order of addresses, so that
    /// the same state gives the same plan.
    pub fn plan(known: &[KnownAddress], kept: &[StoredClaim], listed_at: Timestamp) -> Self {
        let mut candidates: HashMap<&AddressKey, Vec<&KnownAddress>> = HashMap::new();
        for address in known.iter().filter(|address| address.is_proven) {
            candidates.entry(&address.address).or_default().push(address);
        }
        for of_address in candidates.values_mut() {
            of_address.sort_by_key(|known| (known.created, known.user.as_str()));
            of_address.dedup_by_key(|known| known.user.as_str());
        }
        let has: HashSet<_> = known.iter().map(|known| (&known.address, &known.user)).collect();

        let mut plan = Self::default();
        let mut conflict = |address: &AddressKey, owner: &UserId, of_address: &[&KnownAddress]| {
            let others: Vec<_> =
                of_address.iter().map(|known| known.user.clone()).filter(|user| user != owner).collect();
            if !others.is_empty() {
                plan.conflicts.push(AddressConflict {
                    address: address.clone(),
                    owner: owner.clone(),
                    others,
                });
            }
        };
        for claim in kept {
            let of_address = candidates.remove(&claim.address).unwrap_or_default();
            if has.contains(&(&claim.address, &claim.owner)) {
                plan.right += 1;
                conflict(&claim.address, &claim.owner, &of_address);
            } else if claim.since >= listed_at {
                plan.young += 1;
            } else {
                let heir = of_address.first().map(|known| known.user.clone());
                if let Some(heir) = &heir {
                    conflict(&claim.address, heir, &of_address);
                }
                plan.stale.push(StaleClaim { claim: claim.clone(), heir });
            }
        }
        for (address, of_address) in candidates {
            if let Some(oldest) = of_address.first() {
                plan.missing.push((address.clone(), oldest.user.clone()));
                conflict(address, &oldest.user, &of_address);
            }
        }
        plan.missing.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        plan.stale.sort_by(|one, other| one.claim.address.as_str().cmp(other.claim.address.as_str()));
        plan.conflicts.sort_by(|one, other| one.address.as_str().cmp(other.address.as_str()));
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn key(name: &str) -> AddressKey {
        AddressKey::new(name.to_owned())
    }

    fn known(address: &str, name: &str, created: i64) -> KnownAddress {
        KnownAddress { address: key(address), user: user(name), created: at(created), is_proven: true }
    }

    fn kept(address: &str, name: &str, since: i64) -> StoredClaim {
        StoredClaim { address: key(address), owner: user(name), since: at(since) }
    }

    #[test]
    fn the_oldest_account_gets_a_missing_claim() {
        let unproven = KnownAddress { is_proven: false, ..known("b", "kim", 1) };
        let listed = [known("a", "sam", 30), known("a", "alex", 10), known("a", "kim", 20), unproven];
        let plan = Reconciliation::plan(&listed, &[], at(100));
        assert_eq!(plan.missing, [(key("a"), user("alex"))]);
        let conflict = AddressConflict {
            address: key("a"),
            owner: user("alex"),
            others: vec![user("kim"), user("sam")],
        };
        assert_eq!(plan.conflicts, [conflict]);
        assert!(plan.stale.is_empty());
    }

    #[test]
    fn an_owner_who_has_the_address_keeps_the_claim() {
        let owner = KnownAddress { is_proven: false, ..known("a", "sam", 30) };
        let plan = Reconciliation::plan(&[owner, known("a", "alex", 10)], &[kept("a", "sam", 1)], at(100));
        assert_eq!((plan.right, plan.missing.len(), plan.stale.len()), (1, 0, 0));
        assert_eq!(plan.conflicts.first().map(|conflict| &conflict.owner), Some(&user("sam")));
    }

    #[test]
    fn a_deleted_owners_claim_is_stale_and_goes_to_an_heir() {
        let listed = [known("a", "alex", 10), known("other", "sam", 10)];
        let claims = [kept("a", "gone", 1), kept("b", "sam", 1), kept("c", "new", 100)];
        let plan = Reconciliation::plan(&listed, &claims, at(100));
        let stale: Vec<_> =
            plan.stale.iter().map(|stale| (stale.claim.address.as_str(), stale.heir.clone())).collect();
        assert_eq!(stale, [("a", Some(user("alex"))), ("b", None)]);
        assert_eq!(plan.young, 1, "made since the listing began");
        assert_eq!(plan.missing, [(key("other"), user("sam"))]);
    }
}
