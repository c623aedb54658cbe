//! Adapters of the core's ports to AWS.
//!
//! There is one file for each kind of item, named like the port that it implements. All clients share one
//! HTTP client with pinned trust roots and short time-outs ([`Aws`]).

mod accounts;
mod admin;
mod aws;
mod data_keys;
mod directory;
mod fault;
mod kms;
mod message_queue;
mod mfa;
mod passwords;
mod pool_links;
mod pool_users;
mod providers;
mod reconciler;
mod recovery;
mod seeds;
mod table;
mod user_pool;

pub use accounts::PoolAccounts;
pub use admin::{AdminSettings, admin};
pub use aws::{Aws, AwsSettings};
pub use data_keys::Kms;
pub use directory::Directory;
pub use message_queue::DeliverFunction;
pub use mfa::{MfaSettings, mfa_services};
pub use passwords::{PasswordClient, PasswordSettings};
pub use pool_links::PoolLinks;
pub use pool_users::PoolListing;
pub use providers::{
    DeliverSettings, EmailSender, EmailSettings, EndUserMessaging, InvalidSender, Ses, SmsSettings, Sns,
    deliver, delivery_dependencies, email_providers, sms_providers,
};
pub use reconciler::{ReconcilerSettings, reconciler};
pub use recovery::{RecoveryApiSettings, RecoveryFunction, RecoveryWorkerSettings, recovery, recovery_front};
pub use seeds::{SeedKey, SeedSettings};
pub use table::Table;
pub use user_pool::UserPool;
