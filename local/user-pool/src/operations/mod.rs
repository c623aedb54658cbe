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
mod pools;
mod profile;
mod recovery;
mod registration;
mod sign_in;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::UserPools;
use crate::protocol::Caller;
use crate::protocol::error::{ApiError, ErrorCode};

/// A call whose input fits the service model.
pub(crate) struct Request<'a> {
    pub(crate) pools: &'a UserPools,
    pub(crate) input: Value,
    pub(crate) caller: Caller,
}

impl Request<'_> {
    /// The input as an operation's own type. What the model lets through and the type doesn't is a
    /// fault of the caller's all the same.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_path_to_error::deserialize(&self.input).map_err(|fault| {
            ApiError::new(
                ErrorCode::Serialization,
                format!("{} is not of the expected form", fault.path()),
            )
        })
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
    let groups: [&[Operation]; 10] = [
        pools::OPERATIONS,
        clients::OPERATIONS,
        registration::OPERATIONS,
        sign_in::OPERATIONS,
        profile::OPERATIONS,
        recovery::OPERATIONS,
        mfa::OPERATIONS,
        devices::OPERATIONS,
        admin::OPERATIONS,
        groups::OPERATIONS,
    ];
    groups
        .into_iter()
        .flatten()
        .map(|operation| (operation.name, operation))
        .collect()
});

/// An operation that is built.
pub(crate) fn find(name: &str) -> Option<&'static Operation> {
    BY_NAME.get(name).copied()
}
