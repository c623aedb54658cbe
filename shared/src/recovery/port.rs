use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Case, CaseKey, Password, PoolRules};
use crate::{
    factors::{PreferenceChange, Profile, custom::RecoveryHash},
    kernel::{PhoneNumber, PoolFactor, PortError, UserId},
};

/// Stores cases.
///
/// Contract: `read` sees every write that was answered before. Of racing calls of `swap` that saw the same
/// revision one is done, and the others change nothing. Each method is one call.
#[async_trait]
pub trait Cases: Send + Sync {
    /// Keeps a new case. Keys are random: there is none of this key.
    async fn create(&self, key: &CaseKey, case: &Case) -> Result<(), PortError>;

    async fn read(&self, key: &CaseKey) -> Result<Option<Case>, PortError>;

    /// Puts `after` in the place of the case whose revision is `seen`.
    async fn swap(&self, key: &CaseKey, seen: u64, after: &Case) -> Result<SwapOutcome, PortError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapOutcome {
    Done,
    /// Another write was faster. Nothing is written.
    Overtaken,
}

/// What is attempted, and by which caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttemptKind {
    /// Any request from one address, as a keyed hash.
    FromAddress { address: String },
    /// Passwords of one user, or of one name that is no user's: `sub` or keyed hash.
    Password { of: String },
    /// Recovery codes of one user.
    Code { of: UserId },
}

/// Limits attempts.
///
/// Contract: one write. Within any hour at most `most` calls are admitted, however many race; one that is
/// not admitted changes nothing, and so extends no wait.
#[async_trait]
pub trait AttemptLimiter: Send + Sync {
    async fn admit(&self, attempt: &AttemptKind, most: u32, now: Timestamp) -> Result<bool, PortError>;
}

/// Redeems recovery codes.
///
/// Contract: one write, which compares and uses up. A code is used by one case: for that case it is
/// [`RedeemOutcome::Done`] again, for every other one it is gone.
#[async_trait]
pub trait RecoveryCodes: Send + Sync {
    async fn redeem(
        &self,
        user: &UserId,
        hash: &RecoveryHash,
        case: &CaseKey,
    ) -> Result<RedeemOutcome, PortError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedeemOutcome {
    Done,
    /// The user has no such code, or no longer.
    Unknown,
}

/// Checks passwords at an app client that is for nothing else: `USER_PASSWORD_AUTH`.
///
/// Contract: only a challenge of a second factor tells that a password is right. Wrong passwords, unknown
/// and disabled users and users without a second factor are all None.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The factors that Cognito asks for, or gives the choice of.
    async fn check(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<Option<BTreeSet<PoolFactor>>, PortError>;
}

/// A user of the pool, as an administrator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub profile: Profile,
    /// Cognito's word for it: `CONFIRMED` and so on.
    pub status: String,
    pub is_enabled: bool,
    /// Factors that the user has an address for, verified or not.
    pub addresses: BTreeSet<PoolFactor>,
    /// `UserLastModifiedDate`: an address, a password or whatever else of the user was changed then.
    pub modified_at: Option<Timestamp>,
}

/// What the pool let us do with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOutcome {
    Done,
    /// Not by the pool's rules: too short, used before.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceOutcome {
    Done,
    /// The factor has nothing to deliver to, or was never set up.
    NotSetUp,
}

/// A user pool's users, as an administrator reaches them.
///
/// Contract: every method can be repeated, and then does what it did. `find` takes a user name or an alias;
/// everything else the user name that it gives.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// `AdminGetUser`.
    async fn find(&self, user_name: &str) -> Result<Option<Account>, PortError>;

    /// `AdminSetUserPassword`, permanently.
    async fn set_password(&self, user_name: &str, password: &Password) -> Result<PasswordOutcome, PortError>;

    /// `AdminUserGlobalSignOut`.
    async fn sign_out(&self, user_name: &str) -> Result<(), PortError>;

    /// `AdminListDevices` and `AdminForgetDevice`; how many there were.
    async fn forget_devices(&self, user_name: &str) -> Result<usize, PortError>;

    /// `AdminDeleteSoftwareToken`; false where the Region does not know it yet.
    async fn delete_totp(&self, user_name: &str) -> Result<bool, PortError>;

    /// `AdminSetUserMFAPreference`.
    async fn set_preference(
        &self,
        user_name: &str,
        change: &PreferenceChange,
    ) -> Result<PreferenceOutcome, PortError>;

    /// `DescribeUserPool` and `GetUserPoolMfaConfig`.
    async fn rules(&self) -> Result<PoolRules, PortError>;

    /// `AdminListGroupsForUser`.
    async fn groups(&self, user_name: &str) -> Result<BTreeSet<String>, PortError>;

    /// `AdminUpdateUserAttributes`: the number counts as verified.
    async fn set_phone_number(&self, user_name: &str, number: &PhoneNumber) -> Result<(), PortError>;
}
