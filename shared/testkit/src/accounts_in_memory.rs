use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mfa_core::{
    factors::{
        Contacts, Profile,
        preference::{FactorState, PreferenceChange},
    },
    kernel::{EmailAddress, PhoneNumber, PoolFactor, PortError, UserId},
    recovery::{
        Password, PoolMfa, PoolRules,
        port::{Account, Accounts, PasswordOutcome, Passwords, PreferenceOutcome},
    },
};

/// The users of a pool in memory, as an administrator reaches them. Names are user names. The `sub` of each
/// user is `sub-<name>`.
#[derive(Debug)]
pub struct InMemoryAccounts(Mutex<State>);

#[derive(Debug)]
struct State {
    users: BTreeMap<String, User>,
    rules: PoolRules,
    /// Whether the pool offers `AdminDeleteSoftwareToken`.
    can_delete: bool,
    ignores_changes: bool,
    /// The number of calls that still succeed. Every later call fails.
    calls_left: Option<usize>,
    calls: Vec<&'static str>,
}

/// One user of the pool.
#[derive(Debug, Clone)]
pub struct User {
    pub account: Account,
    pub password: String,
    pub devices: usize,
    pub groups: BTreeSet<String>,
    pub sessions: usize,
    /// Passwords that the pool rejects as used before.
    pub history: BTreeSet<String>,
}

impl Default for InMemoryAccounts {
    fn default() -> Self {
        Self(Mutex::new(State {
            users: BTreeMap::new(),
            rules: PoolRules { mfa: PoolMfa::Optional, offered: PoolFactor::ALL.into(), recovery: None },
            can_delete: true,
            ignores_changes: false,
            calls_left: None,
            calls: Vec::new(),
        }))
    }
}

impl InMemoryAccounts {
    /// Adds a user with these factors on, the first of them preferred. The user has a verified e-mail
    /// address, a session and a remembered device.
    pub fn add(&self, name: &str, password: &str, factors: &[PoolFactor]) {
        // Ids are ASCII.
        let id = if name.is_ascii() { name.to_owned() } else { format!("of-{}", name.chars().count()) };
        let contacts = Contacts {
            user_name: name.to_owned(),
            email: EmailAddress::parse(&format!("{name}@example.com")).ok(),
            phone_number: PhoneNumber::parse("+12025550143").ok(),
            locale: Some("de".into()),
        };
        let profile = Profile {
            user: UserId::parse(&format!("sub-{id}")).expect("a user id"),
            account: name.to_owned(),
            contacts,
            factors: FactorState {
                enabled: factors.iter().copied().collect(),
                preferred: factors.first().copied(),
            },
        };
        let addresses = [PoolFactor::Sms, PoolFactor::Email].into();
        let account = Account {
            profile,
            status: "CONFIRMED".into(),
            is_enabled: true,
            addresses,
            modified_at: Some(jiff::Timestamp::UNIX_EPOCH),
        };
        let user = User {
            account,
            password: password.to_owned(),
            devices: 1,
            groups: BTreeSet::new(),
            sessions: 1,
            history: BTreeSet::new(),
        };
        self.lock().users.insert(name.to_owned(), user);
    }

    pub fn user(&self, name: &str) -> User {
        self.lock().users.get(name).cloned().expect("a user who was added")
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut User)) {
        change(self.lock().users.get_mut(name).expect("a user who was added"));
    }

    pub fn set_rules(&self, mfa: PoolMfa, recovery: Option<PoolFactor>, can_delete: bool) {
        let mut state = self.lock();
        state.rules = PoolRules { mfa, recovery, ..state.rules.clone() };
        state.can_delete = can_delete;
    }

    /// Makes the pool accept changes of factors without applying them.
    pub fn ignore_changes(&self) {
        self.lock().ignores_changes = true;
    }

    /// Makes every call fail after the given number of calls; `None` ends this.
    pub fn fail_after(&self, calls: Option<usize>) {
        self.lock().calls_left = calls;
    }

    /// Returns and clears the names of the calls.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, PortError> {
        let mut state = self.lock();
        if let Some(left) = &mut state.calls_left {
            *left = left.checked_sub(1).ok_or_else(|| PortError::new(operation, "told to fail"))?;
        }
        state.calls.push(operation);
        Ok(state)
    }
}

fn known<'a>(state: &'a mut State, name: &str) -> Result<&'a mut User, PortError> {
    state.users.get_mut(name).ok_or_else(|| PortError::new("accounts", "no such user"))
}

#[async_trait]
impl Accounts for InMemoryAccounts {
    async fn find(&self, user_name: &str) -> Result<Option<Account>, PortError> {
        Ok(self.call("AdminGetUser")?.users.get(user_name).map(|user| user.account.clone()))
    }

    async fn set_password(&self, user_name: &str, password: &Password) -> Result<PasswordOutcome, PortError> {
        let mut state = self.call("AdminSetUserPassword")?;
        let user = known(&mut state, user_name)?;
        let password = password.expose().to_owned();
        if password.len() < 8 || user.history.contains(&password) {
            return Ok(PasswordOutcome::Refused);
        }
        user.history.insert(password.clone());
        user.password = password;
        Ok(PasswordOutcome::Done)
    }

    async fn sign_out(&self, user_name: &str) -> Result<(), PortError> {
        known(&mut *self.call("AdminUserGlobalSignOut")?, user_name)?.sessions = 0;
        Ok(())
    }

    async fn forget_devices(&self, user_name: &str) -> Result<usize, PortError> {
        Ok(std::mem::take(&mut known(&mut *self.call("AdminForgetDevice")?, user_name)?.devices))
    }

    async fn delete_totp(&self, user_name: &str) -> Result<bool, PortError> {
        let mut state = self.call("AdminDeleteSoftwareToken")?;
        let (can_delete, ignores) = (state.can_delete, state.ignores_changes);
        let factors = &mut known(&mut state, user_name)?.account.profile.factors;
        if can_delete && !ignores {
            factors.enabled.remove(&PoolFactor::Totp);
            factors.preferred = factors.preferred.filter(|factor| *factor != PoolFactor::Totp);
        }
        Ok(can_delete)
    }

    async fn set_preference(
        &self,
        user_name: &str,
        change: &PreferenceChange,
    ) -> Result<PreferenceOutcome, PortError> {
        let mut state = self.call("AdminSetUserMFAPreference")?;
        let ignores = state.ignores_changes;
        let user = known(&mut state, user_name)?;
        let is_set_up = |factor: &PoolFactor| {
            *factor != PoolFactor::Totp || user.account.profile.factors.enabled.contains(factor)
        };
        if change.blocks.iter().any(|(factor, block)| block.enabled && !is_set_up(factor)) {
            return Ok(PreferenceOutcome::NotSetUp);
        }
        if !ignores {
            user.account.profile.factors = change.applied_to(&user.account.profile.factors);
        }
        Ok(PreferenceOutcome::Done)
    }

    async fn rules(&self) -> Result<PoolRules, PortError> {
        Ok(self.call("DescribeUserPool")?.rules.clone())
    }

    async fn groups(&self, user_name: &str) -> Result<BTreeSet<String>, PortError> {
        Ok(known(&mut *self.call("AdminListGroupsForUser")?, user_name)?.groups.clone())
    }

    async fn set_phone_number(&self, user_name: &str, number: &PhoneNumber) -> Result<(), PortError> {
        let mut state = self.call("AdminUpdateUserAttributes")?;
        known(&mut state, user_name)?.account.profile.contacts.phone_number = Some(number.clone());
        Ok(())
    }
}

#[async_trait]
impl Passwords for InMemoryAccounts {
    async fn check(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<Option<BTreeSet<PoolFactor>>, PortError> {
        let state = self.call("InitiateAuth")?;
        let user = state.users.get(user_name).filter(|user| user.account.is_enabled);
        let is_right = user.filter(|user| user.password == password.expose());
        let factors = is_right.map(|user| user.account.profile.factors.enabled.clone());
        Ok(factors.filter(|factors| !factors.is_empty()))
    }
}
