use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::{
    config::SupportPolicy,
    custom_auth::NativeEnrolment,
    kernel::{Clock, OwnFactor, PortError, UserId},
};

/// What is noted of an administrator's sign-in is known for so long.
pub(super) const MEMORY: SignedDuration = SignedDuration::from_hours(24);
/// How far a note may be from `auth_time`: the pool and the trigger have a clock each.
pub(super) const SAME_SIGN_IN: SignedDuration = SignedDuration::from_secs(60);

/// Keeps how administrators signed in.
///
/// Contract: `note` is one write, and can be repeated; of racing notes none is lost. `noted` is one read,
/// and sees every write that was answered before.
#[async_trait]
pub trait AdministratorSignIns: Send + Sync {
    async fn note(&self, user: &UserId, sign_in: &NotedSignIn) -> Result<(), PortError>;

    /// Those from `from` to `until`, both included, by the second.
    async fn noted(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<NotedSignIn>, PortError>;
}

/// One sign-in of an administrator, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedSignIn {
    pub at: Timestamp,
    /// A second factor was asked for in it.
    pub second_factor: SecondFactor,
    pub forget_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecondFactor {
    Asked,
    NotAsked,
}

/// What the last gate saw of a sign-in.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub user: &'a UserId,
    pub user_name: &'a str,
    /// The groups that go into the tokens.
    pub groups: &'a BTreeSet<String>,
    /// What custom challenges proved; none at a native client.
    pub methods: Option<&'a BTreeSet<OwnFactor>>,
    /// A way in that Cognito asks for a second factor wherever one is on: by password, not on a
    /// remembered device, not through another identity provider.
    pub asks_wherever_one_is_on: bool,
}

/// Notes, while an administrator signs in, whether they were asked for a second factor. Tokens do not say
/// (COGNITO.md §8.3), and what is on later may have been turned on with the very token that is to be
/// judged: Cognito tells nobody when that was.
pub struct Witness {
    groups: Vec<String>,
    natives: Arc<dyn NativeEnrolment>,
    sign_ins: Arc<dyn AdministratorSignIns>,
    clock: Arc<dyn Clock>,
}

impl Witness {
    pub fn new(
        policy: &SupportPolicy,
        natives: Arc<dyn NativeEnrolment>,
        sign_ins: Arc<dyn AdministratorSignIns>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { groups: policy.groups.clone(), natives, sign_ins, clock }
    }

    /// Of everybody else nothing is asked and nothing noted. An error keeps the tokens from being issued:
    /// a sign-in without a note would go unseen beside another one with a factor.
    pub async fn see(&self, seen: &Seen<'_>) -> Result<(), PortError> {
        if !self.groups.iter().any(|group| seen.groups.contains(group)) {
            return Ok(());
        }
        let is_asked = match seen.methods {
            Some(methods) => methods.iter().any(|factor| factor.is_code()),
            None => seen.asks_wherever_one_is_on && self.natives.has_native_factor(seen.user_name).await?,
        };
        let now = self.clock.now();
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let sign_in = NotedSignIn {
            at,
            second_factor: if is_asked { SecondFactor::Asked } else { SecondFactor::NotAsked },
            forget_at: at.saturating_add(MEMORY).unwrap_or(at),
        };
        self.sign_ins.note(seen.user, &sign_in).await
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("groups", &self.groups).finish_non_exhaustive()
    }
}
