use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{AnswerEffect, ChallengeSlot, Nonce, Proven, UserSignInState};
use crate::{
    factors::custom::{Authenticator, FactorId, RecoveryHash, TotpStep},
    kernel::{CustomFactor, PortError, UserId},
};

/// Wrong answers in a row, each beside another proven factor, after which a factor is off until a
/// sign-in with another one succeeds.
pub const FAILURES_TO_LOCK: u32 = 100;
/// Wrong authenticator codes that are compared by name alone in one [`NAME_ONLY_TOTP_WINDOW`].
///
/// Each comparison accepts three of a million codes, of one authenticator. Any 365 days touch at most two
/// windows, so they have a chance of at most 2 × 16 × 3 / 1,000,000 < 1 / 10,000.
pub const NAME_ONLY_TOTP_ATTEMPTS: u32 = 16;
/// One window of that count.
pub const NAME_ONLY_TOTP_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Codes that may be sent for one choice of a factor.
pub const MAX_SEND_ATTEMPTS: u32 = 5;
/// A proof must be redeemed within this time.
pub const PROOF_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// The same for one whose sign-in the client does not name: nothing then tells it from another sign-in of
/// the same user at the same client. Verify and the last gate are asked in one call of the client's, so
/// this is long enough for Cognito's repetitions.
pub const UNNAMED_PROOF_LIFE: SignedDuration = SignedDuration::from_secs(15);
/// How long, and how often in all, a proof may be redeemed again by a client that names its sign-in:
/// Cognito may deliver one event up to three times (cognito.md §1.1).
pub const REPEAT: (SignedDuration, u32) = (SignedDuration::from_secs(10), 3);
/// The key of a sign-in's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StateKey {
    /// The item of the user's custom factors.
    User(UserId),
    /// Nowhere yet, for a name that is no user's: one of 256 places where nothing ever is, so that both
    /// take a read.
    UnknownName { shard: u8 },
    /// A decoy sign-in, stored under its nonce.
    Decoy(Nonce),
}

/// A client's answer to a round. It is counted before anything is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerWrite {
    pub state_key: StateKey,
    pub slot: ChallengeSlot,
    pub nonce: Nonce,
    /// App client id.
    pub client: String,
    pub round_index: u32,
    /// Keyed hash of what was answered.
    pub digest: String,
    pub now: Timestamp,
    /// Until then the slot is taken, and a code for what is chosen is good.
    pub until: Timestamp,
    /// The first answer of a sign-in takes the slot.
    pub claim: Option<SlotClaim>,
    pub action: AnswerAction,
}

/// What an answer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerAction {
    /// The next round, `round + 1`, asks for this factor.
    Choose(CustomFactor),
    /// Of the factor that is asked for since `asked`: refused if the last code was sent after
    /// `not_after`, or [`MAX_SEND_ATTEMPTS`] were.
    Resend {
        asked: u32,
        not_after: Timestamp,
    },
    Back {
        asked: u32,
    },
    Compare(Comparison),
}

impl AnswerAction {
    pub fn effect(&self) -> AnswerEffect {
        match self {
            Self::Choose(factor) => AnswerEffect::Chose(*factor),
            Self::Resend { .. } => AnswerEffect::Resent,
            Self::Back { .. } => AnswerEffect::Back,
            Self::Compare(comparison) => AnswerEffect::Compared(comparison.factor),
        }
    }
}

/// A comparison that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub factor: CustomFactor,
    /// The round that asked first; none for what is answered to "which factor?" at once.
    pub asked: Option<u32>,
    /// Comparisons since something was proven last.
    pub most: u32,
    pub failure_scope: FailureScope,
}

/// Against what a wrong answer counts. It is taken back if the answer is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// Sign-ins of which nothing is known but a name: none begins before then. `opens_totp_window`: no
    /// window of [`NAME_ONLY_TOTP_WINDOW`] was open when the sign-in was read.
    NameOnly { not_before: Option<Timestamp>, opens_totp_window: bool },
    /// The factor itself, because another was proven.
    Factor,
}

/// What taking a slot counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotClaim {
    /// Sign-ins by name a UTC day (days since the epoch). `is_first` says what was read: another day's
    /// count, or none.
    NameOnly { day: i64, is_first: bool, most: u32 },
    /// `evicts`: the sign-in that has the slot and makes room, if all slots were taken. A person with the
    /// password can't keep the owner out by holding them.
    Identified { evicts: Option<Nonce> },
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// Taken and counted; this is what there is now.
    Taken(UserSignInState),
    /// The same answer to the same round was taken before.
    Repeated(UserSignInState),
    /// Not taken: another answer was, the tries are used up, the code has run out, the slot is another
    /// sign-in's, the factor is locked, or a limit is reached.
    Refused,
}

/// A right answer. Wrong ones with the same factor are forgiven, and with `forgives_all` those with every
/// factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub user: UserId,
    pub slot: ChallengeSlot,
    pub nonce: Nonce,
    pub round_index: u32,
    pub factor: CustomFactor,
    /// Of the user's factors, when the sign-in began: if it is another now, nothing is proven.
    pub factor_epoch: u64,
    pub consumes: ConsumedCredential,
    /// Whether wrong answers by name are forgiven.
    pub forgives_name: bool,
    /// Two independent proofs were made: wrong answers with every factor are forgiven, and the user is noted
    /// to have a factor that counts.
    pub forgives_all: bool,
    /// The first authenticator of the user, set up by this answer. Everything that needs no second write
    /// happens in this one: it counts from now on, and what was begun with the factors of before is over.
    pub enrols: Option<(FactorId, Authenticator)>,
    pub now: Timestamp,
    /// All that the policy asks for is proven with this: the slot is free.
    pub grant: Option<TokenGrant>,
}

/// What a right answer uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumedCredential {
    Nothing,
    Step(TotpStep),
    Recovery(RecoveryHash),
    /// Nothing, but the device must still be there.
    Device(FactorId),
}

/// What the last gate asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// App client id.
    pub client: String,
    pub proven: Proven,
    /// The client named its sign-in with this answer, so the redemption must name it too.
    pub is_named: bool,
}

/// What became of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOutcome {
    Done,
    /// The same round has proven the same before.
    Before,
    /// The factor was changed, the code used meanwhile, or the sign-in is over.
    Refused,
}

/// A request for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRedemption {
    pub user: UserId,
    /// App client id.
    pub client: String,
    /// As the client names its sign-in.
    pub nonce: Option<Nonce>,
    /// The user's groups now; they are kept for the next sign-in.
    pub groups: BTreeSet<String>,
    pub now: Timestamp,
}

/// A proof that tokens are issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemedGrant {
    pub proven: Proven,
    /// When the last factor was proven.
    pub at: Timestamp,
}

/// The code of a challenge, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeHash {
    pub user: UserId,
    pub nonce: Nonce,
    pub round_index: u32,
    pub send_attempt: u32,
    pub hash: String,
}

/// Keeps running sign-ins.
///
/// Contract: `read` is one consistent read. Every other method is one conditional write, but
/// `keep_code`, which looks for the slot before. Of racing answers to one round one is taken; together
/// they are never compared more often than `most`. Of racing proofs one is done. A proof is redeemed by
/// one request for tokens, or by up to three that name it.
#[async_trait]
pub trait Challenges: Send + Sync {
    async fn read(&self, state_key: &StateKey) -> Result<UserSignInState, PortError>;

    async fn answer(&self, answer: &AnswerWrite) -> Result<AnswerOutcome, PortError>;

    async fn prove(&self, proof: &Proof) -> Result<ProofOutcome, PortError>;

    /// What was proven, if tokens may be issued for it: at this client, lately, once.
    async fn redeem(&self, redemption: &GrantRedemption) -> Result<Option<RedeemedGrant>, PortError>;

    /// Keeps the hash in the place of one of the same sending. False where the sign-in no longer waits
    /// for it.
    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError>;
}

/// Tells whether a user has a second factor of Cognito's own.
#[async_trait]
pub trait NativeEnrolment: Send + Sync {
    async fn has_native_factor(&self, user_name: &str) -> Result<bool, PortError>;
}
