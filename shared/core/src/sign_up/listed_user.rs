//! The users of the pool and their addresses, as the reconciliation of address claims reads them.

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

impl KnownAddress {
    /// Whether this account is older than the other. Of accounts of one moment the `sub` decides.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        (self.created, self.user.as_str()) < (other.created, other.user.as_str())
    }
}

/// An owned claim that the table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClaim {
    pub address: AddressKey,
    pub owner: UserId,
    pub since: Timestamp,
}
