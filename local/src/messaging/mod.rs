//! The services that bring messages to users. Here every message ends in the outbox.

mod account;
mod identities;
mod opt_outs;
mod ses;
mod sms;
mod sns;

pub use opt_outs::OptOuts;
pub use ses::router as ses;
pub use sms::router as sms;
pub(crate) use sns::query_error;
pub use sns::router as sns;
