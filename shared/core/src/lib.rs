//! The core of `cognito-mfa`: what the functions do, free of AWS SDKs.
//!
//! The modules are capabilities ([`sign_up`], [`sign_in`], [`delivery`], [`factors`], [`custom_auth`],
//! [`recovery`], [`admin`], [`tokens`], [`rules`], [`audit`], [`api_limits`]) over the [`kernel`]. Each has its decisions,
//! its ports and its use cases. Two shells call them: [`trigger`] for a user pool's triggers and [`http`] for
//! the APIs. [`assurance`], [`config`] and [`telemetry`] serve all of them. Dependencies run shells →
//! capabilities → kernel.

pub mod admin;
pub mod api_limits;
pub mod assurance;
pub mod audit;
pub mod config;
pub mod custom_auth;
pub mod delivery;
pub mod factors;
pub mod http;
mod init;
pub mod kernel;
pub mod recovery;
pub mod rules;
pub mod sign_in;
pub mod sign_up;
pub mod telemetry;
pub mod tokens;
pub mod trigger;

pub use init::init;
