//! Foundations of the end-to-end tests in Rust: the built functions, the sample events, and a local cloud
//! with the functions' dependencies. The tests of `cli` and the benchmarks use it too.

mod cloud;
mod events;
mod functions;
pub mod personas;
pub mod processes;
pub mod rolling_deploy;
pub mod scenarios;
mod sealed_events;
mod stacks;

pub use cloud::{Called, Cloud, claims};
pub use events::{SampleEvent, sample_events};
pub use functions::{Function, binary, functions, workspace};
pub use sealed_events::{SealedEvents, roomy_policy};
pub use stacks::{Stack, stacks};
