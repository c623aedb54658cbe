//! Two readers of sealed codes behind one trait: ours and AWS's own. The test compares their results, and the
//! benchmark compares them in the same small sender.

#[cfg(feature = "official")]
mod official;
mod own;
mod sender;

#[cfg(feature = "official")]
pub use official::Official;
pub use own::{Kms, Own};
pub use sender::{Reader, Settings, serve};
