//! Custom challenges: real MFA where Cognito has none, with factors that are ours.
//!
//! [`next`] is the pure state machine; its diagram is in its module's docs. A sign-in's identity is the
//! [`Nonce`] that its first round draws; what survives between rounds is a [`RoundState`] inside Cognito's
//! session, which the client can't read, and a [`ChallengeState`] in the table, beside the user's own factors:
//! one read tells a step everything, and whatever must be atomic is one write on one item.

mod answer;
mod challenge;
mod clients;
mod codes;
mod enrolment;
mod machine;
mod port;
mod requirement;
mod round_state;
mod state;
mod strength;
mod token_gate;

pub use challenge::{
    AnswerVerifier, ChallengeCreator, CreatedChallenge, CustomAuthSettings, DefineDecision, SignIns,
    SigningIn,
};
pub use codes::DrawnCodes;
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
pub use state::{AnswerEffect, ChallengeState, ChosenFactor, FailureCounts, UserSignInState};
pub use strength::{Weakness, weaknesses};
pub use token_gate::{NativeSteps, TokenDecision, TokenGate, TokenGranted, TokenKind, TokenRequest};
