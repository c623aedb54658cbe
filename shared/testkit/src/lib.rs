//! Foundations for tests of the core: ports in memory, a clock set by hand and seeded entropy. The in-memory
//! ports and the real adapters pass the same contract tests.

#![expect(clippy::expect_used, reason = "test code: a failed expectation is a failed test")]

mod accounts_in_memory;
mod challenges_in_memory;
#[cfg(feature = "tests")]
pub mod contract;
mod custom_sign_in;
mod in_memory;
mod links_in_memory;
mod message_queue_in_memory;
#[cfg(feature = "tests")]
pub mod model_tests;
mod pool_in_memory;
#[cfg(feature = "tests")]
mod sealed_codes;
mod seeds_in_memory;
#[cfg(feature = "tests")]
mod served_table;
#[cfg(feature = "tests")]
mod software_authenticator;
mod sources;

pub use accounts_in_memory::InMemoryAccounts;
pub use custom_sign_in::{CUSTOM, CustomAuthStage, CustomSignIn, NATIVE, Natives};
pub use in_memory::{InMemoryTable, Snapshot};
pub use links_in_memory::InMemoryLinks;
pub use message_queue_in_memory::InMemoryMessageQueue;
pub use pool_in_memory::InMemoryUserPool;
#[cfg(feature = "tests")]
pub use sealed_codes::{SampleDataKeys, SealedSample, foreign_samples, sealed_samples};
pub use seeds_in_memory::InMemorySeeds;
#[cfg(feature = "tests")]
pub use served_table::{Deployed, ServedTable, Spent, TABLE};
#[cfg(feature = "tests")]
pub use software_authenticator::{Said, SoftwareAuthenticator};
pub use sources::{ManualClock, SeededEntropy, TokioClock, next_delivery};
