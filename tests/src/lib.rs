//! What the end-to-end tests in Rust stand on: the functions as they are built, the sample events,
//! and a local cloud for the functions' dependencies.

mod cloud;
mod events;
mod functions;
pub mod gradual;
pub mod journeys;
pub mod measure;
pub mod people;
pub mod prices;
pub mod processes;
mod sealed_events;
mod stacks;

pub use cloud::{Called, Cloud, claims};
pub use events::{SampleEvent, sample_events};
pub use functions::{Function, binary, functions, workspace};
pub use sealed_events::{SealedEvents, roomy_policy};
pub use stacks::{Stack, stacks};
