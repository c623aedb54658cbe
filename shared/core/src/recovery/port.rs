use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{CaseKey, Password, PoolRules, case::Case};
use crate::{
    factors::{Profile, custom::RecoveryHash, preference::PreferenceChange},
    kernel::{PhoneNumber, PoolFactor, PortError, UserId},
};

/// Stores recovery cases.
///
/// Contract: `read` sees every write that was answered before. Of racing calls of `swap` with the same
/// revision exactly one succeeds, and the others change nothing. Each method is one call.
#[async_trait]
pub trait Cases: Send + Sync + std::fmt::Debug {
    /// Stores a new case. Keys are random, so the key is new.
    async fn create(&self, key: &CaseKey, case: &Case) -> Result<(), PortError>;

    async fn read(&self, key: &CaseKey) -> Result<Option<Case>, PortError>;

    /// Replaces the case whose revision is `seen` with `after`.
    async fn swap(&self, key: &CaseKey, seen: u64, after: &Case) -> Result<SwapOutcome, PortError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapOutcome {
    Done,
    /// Another write was faster. This one wrote nothing.
    Overtaken,
}

/// The kind of an attempt, and the caller or user it is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttemptKind {
    /// Requests from one network address, as a keyed hash.
    FromAddress { address: String },
    /// Passwords of one user (`sub`), or of one unknown name (keyed hash).
    Password { of: String },
    /// The recovery codes of one user.
    Code { of: UserId },
}

/// Limits attempts.
///
/// Contract: one write. Within any hour at most `most` calls are admitted, including racing calls. A refused
/// call changes nothing, so it does not extend a wait.
#[async_trait]
pub trait AttemptLimiter: Send + Sync + std::fmt::Debug {
    async fn admit(&self, attempt: &AttemptKind, most: u32, now: Timestamp) -> Result<bool, PortError>;
}

/// Redeems recovery codes.
///
/// Contract: one write compares the code and uses it up. One case uses a code: for that case the result is
/// [`RedeemOutcome::Done`] again. For every other case the code is gone.
#[async_trait]
pub trait RecoveryCodes: Send + Sync + std::fmt::Debug {
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
    /// The user does not have this code, or has it no longer.
    Unknown,
}

/// Checks passwords with `USER_PASSWORD_AUTH` at an app client that serves no other purpose.
///
/// Contract: only a challenge for a second factor shows that a password is right. The result is `None` for a
/// wrong password, an unknown or disabled user, and a user without a second factor.
#[async_trait]
pub trait Passwords: Send + Sync + std::fmt::Debug {
    /// Returns the factors that Cognito asks for or offers.
    async fn check(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<Option<BTreeSet<PoolFactor>>, PortError>;
}

/// A user of the pool as the administrator API returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub profile: Profile,
    /// Cognito's status, such as `CONFIRMED`.
    pub status: String,
    pub is_enabled: bool,
    /// Factors for which the user has an address, verified or not.
    pub addresses: BTreeSet<PoolFactor>,
    /// `UserLastModifiedDate`: the last change of any attribute or of the password.
    pub modified_at: Option<Timestamp>,
}

/// The result of setting a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOutcome {
    Done,
    /// The pool's rules refuse the password: it is too short, or was used before.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceOutcome {
    Done,
    /// The factor has no address, or was never set up.
    NotSetUp,
}

/// Reaches the users of a pool with administrator rights.
///
/// Contract: every method can be repeated with the same effect. `find` takes a user name or an alias. Every
/// other method takes the user name that `find` returns.
#[async_trait]
pub trait Accounts: Send + Sync + std::fmt::Debug {
    /// Calls `AdminGetUser`.
    async fn find(&self, user_name: &str) -> Result<Option<Account>, PortError>;

    /// Calls `AdminSetUserPassword` with a permanent password.
    async fn set_password(&self, user_name: &str, password: &Password) -> Result<PasswordOutcome, PortError>;

    /// Calls `AdminUserGlobalSignOut`.
    async fn sign_out(&self, user_name: &str) -> Result<(), PortError>;

    /// Calls `AdminListDevices` and `AdminForgetDevice`. Returns the number of devices.
    async fn forget_devices(&self, user_name: &str) -> Result<usize, PortError>;

    /// Calls `AdminDeleteSoftwareToken`. Returns false if the Region does not support it yet.
    async fn delete_totp(&self, user_name: &str) -> Result<bool, PortError>;

    /// Calls `AdminSetUserMFAPreference`.
    async fn set_preference(
        &self,
        user_name: &str,
        change: &PreferenceChange,
    ) -> Result<PreferenceOutcome, PortError>;

    /// Calls `DescribeUserPool` and `GetUserPoolMfaConfig`.
    async fn rules(&self) -> Result<PoolRules, PortError>;

    /// Calls `AdminListGroupsForUser`.
    async fn groups(&self, user_name: &str) -> Result<BTreeSet<String>, PortError>;

    /// Calls `AdminUpdateUserAttributes`. The number counts as verified.
    async fn set_phone_number(&self, user_name: &str, number: &PhoneNumber) -> Result<(), PortError>;
}
