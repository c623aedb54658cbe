//! The names a user can be found by, each at most one user's.

use crate::model::pool::Pool;
use crate::model::user::{User, UserStatus};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    kind: Kind,
    normalized: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Username,
    /// The address a user signs in with in place of a username.
    UsernameAttribute(String),
    /// A verified address beside the username.
    Alias(String),
}

impl Name {
    /// The username itself, or an address that is an alias of it.
    pub(super) fn is_username(&self) -> bool {
        matches!(self.kind, Kind::Username | Kind::UsernameAttribute(_))
    }

    pub(super) fn attribute(&self) -> &str {
        match &self.kind {
            Kind::Username => "username",
            Kind::UsernameAttribute(attribute) | Kind::Alias(attribute) => attribute,
        }
    }
}

/// Under which names `user` is to be found.
pub(super) fn names(pool: &Pool, user: &User) -> Vec<Name> {
    let mut names = vec![Name { kind: Kind::Username, normalized: pool.normalize(&user.username) }];
    // The address of a provider's user is no sign-in name: another account of the pool may have it
    // [inferred].
    if user.status == UserStatus::ExternalProvider {
        return names;
    }
    for attribute in pool.username_attributes() {
        if let Some(value) = user.attribute(attribute) {
            let kind = Kind::UsernameAttribute(attribute.clone());
            names.push(Name { kind, normalized: pool.normalize(value) });
        }
    }
    for attribute in pool.alias_attributes() {
        let counts = attribute == "preferred_username" || user.is_verified(attribute);
        if let Some(value) = user.attribute(attribute).filter(|_| counts) {
            names.push(alias(pool, attribute, value));
        }
    }
    names
}

pub(super) fn alias(pool: &Pool, attribute: &str, value: &str) -> Name {
    Name { kind: Kind::Alias(attribute.to_owned()), normalized: pool.normalize(value) }
}

/// What a name that a caller wrote may mean, the username first.
pub(super) fn candidates(pool: &Pool, name: &str) -> Vec<Name> {
    let normalized = pool.normalize(name);
    let kinds = std::iter::once(Kind::Username)
        .chain(pool.username_attributes().iter().cloned().map(Kind::UsernameAttribute))
        .chain(pool.alias_attributes().iter().cloned().map(Kind::Alias));
    kinds.map(|kind| Name { kind, normalized: normalized.clone() }).collect()
}
