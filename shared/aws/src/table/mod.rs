//! The single DynamoDB table with `pk`, `sk`, `ttl`, and the schema version `v` on every item. Old and new
//! functions run side by side during a deployment, so they need the version.
//!
//! | pk | sk | what |
//! |---|---|---|
//! | `USER#<sub>` | `SIGN_UP` | when the sign-up was confirmed |
//! | `USER#<sub>`, `UNKNOWN#<shard or hash>` | `SIGN_IN` | attempts since the last completed sign-in |
//! | `USER#<sub>` | `FACTORS` | all of a user's own factors |
//! | `USER#<sub>` | `ADMIN_SIGN_IN#<second>#<word>` | whether an administrator was asked for a second factor |
//! | `ADDRESS#<hash>` | `CLAIM` | whose an address is, or who holds it for the moment |
//! | `RECONCILE` | `PROGRESS` | how far the reconciliation of those claims is |
//! | `AUDIT#<sub>` | `<uuid v7>` | one line of the audit trail |
//! | `USER#<sub>`, `CHALLENGE#<nonce>` | `FACTORS` | running sign-ins by custom challenges, what is counted of them, the proof |
//! | `RECOVERY#<hash>` | `CASE` | the recovery of an account |
//! | `RECOVERY#<kind>#<name or hash>` | `ATTEMPTS` | the last attempts of an address, a user's password, a user's codes |
//! | `DELIVERY#<hash>` | `CLAIM` | who handles a message, and how it ended |
//! | `USER#<sub>` | `CODES#<channel>` | cool-down, verified since when, codes not entered yet |
//! | `USER#<sub>` | `REQUEST#<hash>` | a request with an idempotency key, and how it ended |
//! | `USER#<sub>`, `CALLS#<hash>` | `CALLS#<minute>` | changes asked for in a minute |
//! | `USER#<sub>` | `ADMIN_READS#<hour>`, `ADMIN_CHANGES#<hour>` | what an administrator asked for in an hour |
//! | `USER#<sub>` | `ADDRESS_CODE#<channel>` | when a code to an address was asked for last |
//! | `USER#<sub>` | `DEVICE_LABELS` | what a user calls the devices that the pool remembers |
//! | `SENT#<channel>#<scope>#<name>#<shard>` | `<day>` | messages of a day and of each of its hours |

mod address_claims;
mod api_limits;
mod audit_trail;
mod budgets;
mod challenges;
mod claim_scan;
mod confirmed_users;
mod custom_factors;
mod device_labels;
mod operator;
mod recoveries;
mod reservation;
mod send_leases;
mod sign_in_ledger;
mod sign_in_records;
mod verification_requests;

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::builders::DeleteItemFluentBuilder,
        get_item::builders::GetItemFluentBuilder,
        put_item::{PutItemError, builders::PutItemFluentBuilder},
        query::builders::QueryFluentBuilder,
        scan::builders::ScanFluentBuilder,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure},
};
use jiff::{SignedDuration, Timestamp};
use mfa_core::kernel::UserId;

use crate::{Aws, fault::port_error};

const SCHEMA_VERSION: &str = "1";

type Item = HashMap<String, AttributeValue>;

/// The adapter of every port that stores state.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    /// Time for which lines of the audit trail are kept, or `None` for ever.
    audit_retention: Option<SignedDuration>,
}

impl Table {
    pub fn new(aws: &Aws) -> Self {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.dynamodb.clone());
        Self {
            client: Client::from_conf(config.build()),
            name: aws.settings.table.clone(),
            audit_retention: aws.settings.audit_retention,
        }
    }

    fn get_item(&self) -> GetItemFluentBuilder {
        self.client.get_item().table_name(&self.name)
    }

    fn put_item(&self) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.name)
    }

    fn update_item(&self) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name)
    }

    fn delete_item(&self) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&self.name)
    }

    fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    fn scan(&self) -> ScanFluentBuilder {
        self.client.scan().table_name(&self.name)
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

fn version() -> AttributeValue {
    AttributeValue::N(SCHEMA_VERSION.into())
}

fn user_key(user: &UserId) -> AttributeValue {
    text(format!("USER#{}", user.as_str()))
}

/// Converts to seconds since the epoch. TTL needs them, and they are precise enough for most attributes.
fn seconds(at: Timestamp) -> AttributeValue {
    number(at.as_second())
}

/// Converts to milliseconds since the epoch, where seconds are too coarse: leases, back-offs.
fn milliseconds(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

fn whole<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The id of a writer. If a response is lost, the retry recognizes its own write by this token.
struct WriteToken(String);

impl WriteToken {
    fn new() -> Self {
        Self(fastrand::u64(..).to_string())
    }

    fn value(&self) -> AttributeValue {
        text(&self.0)
    }

    /// Whether this writer wrote the item that failed the condition.
    fn wrote(&self, kept: Option<&Item>, attribute: &str) -> bool {
        kept.and_then(|item| item.get(attribute)?.as_s().ok())
            .is_some_and(|write_token| *write_token == self.0)
    }
}

/// Whether a fault is a condition that did not hold.
fn condition_failed<E: ProvideErrorMetadata>(fault: &SdkError<E>) -> bool {
    fault.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

/// An error of a conditional write.
trait ConditionalWriteError {
    /// Returns the item that failed the condition, if the request asked for it and the item exists.
    fn kept_item(&self) -> Option<&Item>;
}

impl ConditionalWriteError for SdkError<UpdateItemError> {
    fn kept_item(&self) -> Option<&Item> {
        match self.as_service_error()? {
            UpdateItemError::ConditionalCheckFailedException(refusal) => refusal.item(),
            _ => None,
        }
    }
}

impl ConditionalWriteError for SdkError<PutItemError> {
    fn kept_item(&self) -> Option<&Item> {
        match self.as_service_error()? {
            PutItemError::ConditionalCheckFailedException(refusal) => refusal.item(),
            _ => None,
        }
    }
}
