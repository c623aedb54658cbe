//! Custom challenges: real MFA where Cognito has none, with factors that are ours.
//!
//! [`next`] is the pure state machine; its diagram is in its module's docs. A sign-in's identity is the
//! [`Nonce`] that its first round draws; what survives between rounds is a [`Round`] inside Cognito's
//! session, which the client can't read, and a [`Record`] in the table, beside the user's own factors:
//! one read tells a step everything, and whatever must be atomic is one write on one item.

mod answer;
mod challenge;
mod clients;
mod codes;
mod enrolment;
mod gate;
mod machine;
mod port;
mod record;
mod requirement;
mod round;
mod strength;

pub use challenge::{Created, Creator, CustomAuthSettings, Defined, SignIns, SigningIn, Verifier};
pub use codes::DrawnCodes;
pub use enrolment::Enrolments;
pub use gate::{Admitted, Gate, LastGate, NativeSteps, TokenKind, TokenRequest};
pub use machine::{Challenge, MOST_ROUNDS, Next, SessionItem, Why, next};
pub use port::{
    Act, Answer, Answered, Challenges, CodeHash, Comparison, MOST_SENDINGS, NAME_ONLY_TOTP_TRIES,
    NAME_ONLY_TOTP_WINDOW, NativeEnrolment, Opening, PROOF_LIFE, Pass, Place, Proof, Proved, REPEAT,
    Redeemed, Redemption, STRIKES_TO_LOCK, Spends, Strike, UNNAMED_PROOF_LIFE,
};
pub use record::{Chosen, Effect, Kept, Record, Tally};
pub use requirement::{AppClient, AppClients, Proven, Requirements};
pub use round::{Ask, Nonce, Round, Seat};
pub use strength::{Weakness, weaknesses};
