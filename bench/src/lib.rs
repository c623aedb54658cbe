//! What the measuring programs share: starts of functions, and AWS's prices.

pub mod measure;
pub mod prices;
