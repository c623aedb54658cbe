//! One file an operation: its input, what it does, its output. The protocol has checked the input
//! against the service model before an operation sees it.
//!
//! To add one: a file with `operation!("Name", run)` in its group, and its line in the group's list.

mod admin;
mod clients;
mod devices;
mod groups;
mod mfa;
mod page;
mod passkeys;
mod pools;
mod profile;
mod recovery;
mod registration;
mod sessions;
mod sign_in;
mod threat_protection;

pub(crate) use registration::{PreSignUpEvent, new_username, post_confirmation, pre_sign_up};

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::UserPools;
use crate::protocol::Caller;
use crate::protocol::error::ApiError;

/// A call whose input fits the service model.
pub(crate) struct Request<'a> {
    pub(crate) pools: &'a UserPools,
    pub(crate) input: Value,
    pub(crate) caller: Caller,
}

impl Request<'_> {
    /// The input as an operation's own type. The model has checked types; what it lets through and an
    /// operation can't do without is the caller's fault all the same.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_path_to_error::deserialize(&self.input)
            .map_err(|fault| ApiError::invalid_parameter(format!("Invalid value at {}", fault.path())))
    }
}

pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Value, ApiError>> + Send + 'a>>;

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(Request<'a>) -> Answer<'a>,
}

/// Declares the file's operation: its name on the wire and its function, which takes the pools and
/// the parsed input.
macro_rules! operation {
    ($name:literal, $run:path) => {
        pub(super) const OPERATION: $crate::operations::Operation = $crate::operations::Operation {
            name: $name,
            run: |request| {
                Box::pin(async move {
                    let input = request.parse()?;
                    $run(request.pools, input).await
                })
            },
        };
    };
}
use operation;

static BY_NAME: LazyLock<HashMap<&'static str, &'static Operation>> = LazyLock::new(|| {
    let groups: [&[Operation]; 13] = [
        pools::OPERATIONS,
        clients::OPERATIONS,
        registration::OPERATIONS,
        sign_in::OPERATIONS,
        profile::OPERATIONS,
        recovery::OPERATIONS,
        mfa::OPERATIONS,
        passkeys::OPERATIONS,
        devices::OPERATIONS,
        admin::OPERATIONS,
        groups::OPERATIONS,
        sessions::OPERATIONS,
        threat_protection::OPERATIONS,
    ];
    groups.into_iter().flatten().map(|operation| (operation.name, operation)).collect()
});

/// An operation that is built.
pub(crate) fn find(name: &str) -> Option<&'static Operation> {
    BY_NAME.get(name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::BY_NAME;
    use crate::protocol::constraints;

    fn names(section: &str) -> BTreeSet<&str> {
        let quoted = section.split('`').skip(1).step_by(2);
        quoted.filter(|name| constraints::is_operation(name)).collect()
    }

    #[test]
    fn the_readme_lists_what_is_built_and_what_is_not() {
        let (_, operations) = include_str!("../../README.md").split_once("### Built").unwrap();
        let (built, not_built) = operations.split_once("### Not built").unwrap();
        assert_eq!(names(built), BY_NAME.keys().copied().collect());
        let rest = constraints::operations().filter(|name| !BY_NAME.contains_key(name));
        // InitiateAuth is named there for parameters that are not built.
        assert_eq!(names(not_built), rest.chain(["InitiateAuth"]).collect());
    }
}
