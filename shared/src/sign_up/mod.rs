//! Who may sign up, and what is kept of it.

mod admission;
mod confirmation;

pub use admission::{Admission, Candidate, admit};
pub use confirmation::{ConfirmedUsers, Recorded};
