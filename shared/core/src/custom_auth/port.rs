use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{
    Proven,
    round_state::{ChallengeSlot, Nonce},
    state::{AnswerEffect, UserSignInState},
};
use crate::{
    factors::custom::{Authenticator, FactorId, RecoveryHash, TotpStep},
    kernel::{CustomFactor, PortError, UserId},
};

/// Consecutive wrong answers, each beside another proven factor, that turn a factor off. It stays off until a
/// sign-in with another factor succeeds.
pub const FAILURES_TO_LOCK: u32 = 100;
/// Wrong authenticator codes that are compared by name alone in one [`NAME_ONLY_TOTP_WINDOW`].
///
/// Each comparison accepts three of a million codes, of one authenticator. Any 365 days touch at most two
/// windows, so the chance of a right guess is at most 2 × 16 × 3 / 1,000,000 < 1 / 10,000.
pub const NAME_ONLY_TOTP_ATTEMPTS: u32 = 16;
/// The length of one window for [`NAME_ONLY_TOTP_ATTEMPTS`].
pub const NAME_ONLY_TOTP_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The maximum number of codes for one choice of a factor.
pub const MAX_SEND_ATTEMPTS: u32 = 5;
/// A proof must be redeemed within this time.
pub const PROOF_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// The time within which a proof must be redeemed if the client does not name its sign-in. Such a proof
/// cannot be distinguished from another sign-in of the same user at the same client. One call of the client
/// runs both Verify and the last gate, so this is long enough for Cognito's repetitions.
pub const UNNAMED_PROOF_LIFE: SignedDuration = SignedDuration::from_secs(15);
/// How long, and how often in all, a client that names its sign-in may redeem a proof again. Cognito may
/// deliver one event up to three times (cognito.md §1.1).
pub const REPEAT: (SignedDuration, u32) = (SignedDuration::from_secs(10), 3);
/// The key of a sign-in's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StateKey {
    /// The item of the user's custom factors.
    User(UserId),
    /// An unknown name: one of 256 keys without an item, so that known and unknown names both cost a read.
    UnknownName { shard: u8 },
    /// A decoy sign-in, stored under its nonce.
    Decoy(Nonce),
}

/// A client's answer to a round. The write counts it before any comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerWrite {
    pub state_key: StateKey,
    pub slot: ChallengeSlot,
    pub nonce: Nonce,
    /// App client id.
    pub client: String,
    pub round_index: u32,
    /// Keyed hash of the answer.
    pub digest: String,
    pub now: Timestamp,
    /// The slot is taken, and a code for the chosen factor is valid, until this time.
    pub until: Timestamp,
    /// The first answer of a sign-in takes the slot.
    pub claim: Option<SlotClaim>,
    pub action: AnswerAction,
}

/// The effect of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerAction {
    /// The next round, `round + 1`, asks for this factor.
    Choose(CustomFactor),
    /// Requests another code of the factor that round `asked` asked for first. It is refused if the last code
    /// was sent after `not_after`, or if [`MAX_SEND_ATTEMPTS`] codes were sent.
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

/// A comparison that follows the write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub factor: CustomFactor,
    /// The round that asked for the factor first. Absent if the answer to "which factor?" is already a proof.
    pub asked: Option<u32>,
    /// The maximum number of comparisons since the last proof.
    pub most: u32,
    pub failure_scope: FailureScope,
}

/// The count that a wrong answer adds to. A right answer takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// Sign-ins of which we only know a name. None begins before `not_before`. `opens_totp_window` says that
    /// no [`NAME_ONLY_TOTP_WINDOW`] was open when the sign-in was read.
    NameOnly { not_before: Option<Timestamp>, opens_totp_window: bool },
    /// The factor itself, because another one was proven.
    Factor,
}

/// The limit that taking a slot counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotClaim {
    /// Sign-ins by name per UTC day (days since the epoch). `is_first` says that the count read was absent or
    /// of another day.
    NameOnly { day: i64, is_first: bool, most: u32 },
    /// `evicts` is the sign-in that has the slot and makes room if all slots were taken. So a person with the
    /// password cannot lock the owner out by holding all slots.
    Identified { evicts: Option<Nonce> },
}

/// The result of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The answer was accepted and counted; this is the new state.
    Taken(UserSignInState),
    /// The same answer to the same round was accepted before.
    Repeated(UserSignInState),
    /// The answer was not accepted. Another answer was accepted, the tries are used up, or the code has
    /// expired. Or another sign-in has the slot, the factor is locked, or a limit is reached.
    Refused,
}

/// A right answer. It resets the count of wrong answers with the same factor, and with `forgives_all` those
/// with every factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub user: UserId,
    pub slot: ChallengeSlot,
    pub nonce: Nonce,
    pub round_index: u32,
    pub factor: CustomFactor,
    /// The user's epoch of factors when the sign-in began. If it has changed, the proof is refused.
    pub factor_epoch: u64,
    pub consumes: ConsumedCredential,
    /// Whether the count of wrong answers by name is reset.
    pub forgives_name: bool,
    /// Whether two independent proofs were made. Then the counts of all factors are reset, and the user is
    /// recorded as having a counted factor.
    pub forgives_all: bool,
    /// The user's first authenticator, which this answer sets up. The same write makes the authenticator
    /// count and ends every sign-in that began with the earlier factors.
    pub enrols: Option<(FactorId, Authenticator)>,
    pub now: Timestamp,
    /// Present if this proof completes the policy. Then the slot is free.
    pub grant: Option<TokenGrant>,
}

/// What a right answer uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumedCredential {
    Nothing,
    Step(TotpStep),
    Recovery(RecoveryHash),
    /// Consumes nothing, but the device must still exist.
    Device(FactorId),
    /// Replaces the passkey's state (counter and flags) that was `seen`. A change of it meanwhile refuses the proof.
    Passkey {
        id: FactorId,
        seen: [u8; 7],
        state: [u8; 7],
    },
}

/// What the last gate needs for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// App client id.
    pub client: String,
    pub proven: Proven,
    /// Whether the client named its sign-in with this answer. If so, the redemption must name it too.
    pub is_named: bool,
}

/// The result of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOutcome {
    Done,
    /// The same round has already proven the same factor.
    Before,
    /// The factor was changed, the code was used meanwhile, or the sign-in is over.
    Refused,
}

/// A request to redeem a proof for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRedemption {
    pub user: UserId,
    /// App client id.
    pub client: String,
    /// The client's name for its sign-in.
    pub nonce: Option<Nonce>,
    /// The user's groups now. They are stored for the next sign-in.
    pub groups: BTreeSet<String>,
    pub now: Timestamp,
}

/// A proof that allows tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemedGrant {
    pub proven: Proven,
    /// When the last factor was proven.
    pub at: Timestamp,
}

/// The stored hash of a challenge's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeHash {
    pub user: UserId,
    pub nonce: Nonce,
    pub round_index: u32,
    pub send_attempt: u32,
    pub hash: String,
}

/// Stores running sign-ins.
///
/// Contract: `read` is one consistent read. Every other method is one conditional write; only `keep_code`
/// looks for the slot before. Of racing answers to one round, one is accepted. Together they are never
/// compared more often than `most`. Of racing proofs, one succeeds. A proof is redeemed by one request for
/// tokens, or by up to three that name it.
#[async_trait]
pub trait Challenges: Send + Sync + std::fmt::Debug {
    async fn read(&self, state_key: &StateKey) -> Result<UserSignInState, PortError>;

    async fn answer(&self, answer: &AnswerWrite) -> Result<AnswerOutcome, PortError>;

    async fn prove(&self, proof: &Proof) -> Result<ProofOutcome, PortError>;

    /// Returns what was proven if tokens may be issued for it: at this client, recently, and once.
    async fn redeem(&self, redemption: &GrantRedemption) -> Result<Option<RedeemedGrant>, PortError>;

    /// Stores the hash, in the place of an earlier hash for the same send attempt. Returns false if the
    /// sign-in no longer waits for the code.
    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError>;
}

/// Reads whether a user has a pool factor.
#[async_trait]
pub trait NativeEnrolment: Send + Sync + std::fmt::Debug {
    async fn has_native_factor(&self, user_name: &str) -> Result<bool, PortError>;
}
