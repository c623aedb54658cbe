//! Adapters of the core's ports to AWS.
//!
//! One item kind a file, next to the port it stands for. All clients share one HTTP client with
//! pinned trust roots and short time-outs ([`Aws`]).

mod aws;
mod table;
mod user_pool;

pub use aws::{Aws, AwsSettings};
pub use table::Table;
pub use user_pool::UserPool;
