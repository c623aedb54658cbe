//! Custom challenges: real MFA where Cognito offers none, with custom factors.
//!
//! [`machine::next`] is the pure state machine; its module's docs have a diagram. The [`Nonce`](round_state::Nonce), which the first round
//! draws, identifies a sign-in. Two things survive between rounds: a [`RoundState`](round_state::RoundState) inside Cognito's session,
//! which the client can't read, and a [`ChallengeState`](state::ChallengeState) in the table, beside the user's custom factors. So
//! one read gives a step all it needs, and each atomic change is one write on one item.

mod answer;
mod clients;
mod codes;
mod create;
mod define;
mod enrolment;
pub mod machine;
pub mod port;
mod private_parameters;
mod requirement;
pub mod round_state;
mod settings;
mod signing_in;
pub mod state;
mod strength;
pub mod token_gate;
mod verify;
mod view;

pub use codes::DrawnCodes;
pub use create::{ChallengeCreator, CreatedChallenge};
pub use define::{DefineDecision, SignIns};
pub use enrolment::SignInEnrolment;
pub use requirement::{AppClient, AppClients, Proven, Requirements};
pub use settings::CustomAuthSettings;
pub use signing_in::SigningIn;
pub use strength::{Weakness, weaknesses};
pub use verify::AnswerVerifier;
