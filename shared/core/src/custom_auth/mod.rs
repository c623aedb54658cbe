//! Custom challenges: real MFA where Cognito offers none, with custom factors.
//!
//! [`next`] is the pure state machine; its module's docs have a diagram. The [`Nonce`], which the first round
//! draws, identifies a sign-in. Two things survive between rounds: a [`RoundState`] inside Cognito's session,
//! which the client can't read, and a [`ChallengeState`] in the table, beside the user's custom factors. So
//! one read gives a step all it needs, and each atomic change is one write on one item.

mod answer;
mod clients;
mod codes;
mod create;
mod define;
mod enrolment;
mod machine;
mod port;
mod private_parameters;
mod requirement;
mod round_state;
mod settings;
mod signing_in;
mod state;
mod strength;
mod token_gate;
mod verify;
mod view;

pub use codes::DrawnCodes;
pub use create::{ChallengeCreator, CreatedChallenge};
pub use define::{DefineDecision, SignIns};
pub use enrolment::SignInEnrolment;
pub use machine::{Challenge, FailReason, MAX_ROUNDS, NextStep, SessionItem, next};
pub use port::{
    AnswerAction, AnswerOutcome, AnswerWrite, Challenges, CodeHash, Comparison, ConsumedCredential,
    FAILURES_TO_LOCK, FailureScope, GrantRedemption, MAX_SEND_ATTEMPTS, NAME_ONLY_TOTP_ATTEMPTS,
    NAME_ONLY_TOTP_WINDOW, NativeEnrolment, PROOF_LIFE, Proof, ProofOutcome, REPEAT, RedeemedGrant,
    SlotClaim, StateKey, TokenGrant, UNNAMED_PROOF_LIFE,
};
pub use requirement::{AppClient, AppClients, Proven, Requirements};
pub use round_state::{ChallengeSlot, Nonce, RoundPrompt, RoundState, SlotKind};
pub use settings::CustomAuthSettings;
pub use signing_in::SigningIn;
pub use state::{AnswerEffect, ChallengeState, ChosenFactor, FailureCounts, UserSignInState};
pub use strength::{Weakness, weaknesses};
pub use token_gate::{NativeSteps, TokenDecision, TokenGate, TokenGranted, TokenKind, TokenRequest};
pub use verify::AnswerVerifier;
