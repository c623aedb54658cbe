use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    AdministratorSignIns, Claims, Reason, SecondFactor, UserItems,
    witness::{MEMORY, SAME_SIGN_IN},
};
use crate::{
    audit::{Action, AuditTrail, Authority, Entry, SupportEvent},
    config::SupportPolicy,
    delivery::{Courier, Notice, NoticeParcel, Parcel},
    factors::{
        FactorFault, FactorState, NativeFactors, PreferenceRequest, SignedIn,
        own::{Change, Changed, OwnFactorStore, OwnFactors},
    },
    kernel::{Clock, Entropy, Factor, PhoneNumber, PortError, Refusal, UserId},
    recovery::{Account, Accounts, PreferenceSet, lost, remove},
    sign_in::SignInLedger,
    telemetry,
};

/// Looks at what is kept before a change is given up.
const LOOKS: u32 = 4;

/// What [`Support`] reaches.
#[derive(Clone)]
pub struct SupportPorts {
    /// With the administrator's own token.
    pub pool: Arc<dyn NativeFactors>,
    pub accounts: Arc<dyn Accounts>,
    pub own: Arc<dyn OwnFactorStore>,
    pub sign_ins: Arc<dyn AdministratorSignIns>,
    pub ledger: Arc<dyn SignInLedger>,
    pub items: Arc<dyn UserItems>,
    pub audit: Arc<dyn AuditTrail>,
    pub courier: Arc<dyn Courier>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for SupportPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SupportPorts(..)")
    }
}

/// What an administrator can do.
#[derive(Debug)]
pub struct Support {
    policy: SupportPolicy,
    ports: SupportPorts,
}

/// A user, as an administrator is shown them.
#[derive(Debug, Clone)]
pub struct Found {
    pub account: Account,
    pub groups: BTreeSet<String>,
    pub own: OwnFactors,
}

impl Support {
    pub fn new(policy: SupportPolicy, ports: SupportPorts) -> Self {
        Self { policy, ports }
    }

    pub async fn find(&self, caller: &Claims, name: &str) -> Result<Found, FactorFault> {
        self.admit(caller).await?;
        let account = self.account(name).await?;
        let groups = self.ports.accounts.groups(user_name(&account)).await?;
        let own = self.ports.own.own_factors(&account.profile.user).await?;
        Ok(Found { account, groups, own })
    }

    /// The user's lines of the audit trail.
    pub async fn lines(
        &self,
        caller: &Claims,
        name: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, FactorFault> {
        self.admit(caller).await?;
        let account = self.account(name).await?;
        Ok(self.ports.items.lines(&account.profile.user, from, until).await?)
    }

    /// Takes away what a lost phone held: sessions, devices, everything of ours, and the pool's factor.
    /// What is left afterwards is read back.
    pub async fn reset_mfa(
        &self,
        caller: &Claims,
        name: &str,
        reason: &Reason,
    ) -> Result<FactorState, FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, SupportEvent::MfaReset, reason).await?;
        let name = user_name(&account);
        self.ports.accounts.sign_out(name).await?;
        self.ports.accounts.forget_devices(name).await?;
        self.forget_own(&account.profile.user).await?;
        let lost = lost(&account.profile.factors, &BTreeSet::new());
        let handed_over = if lost.is_empty() {
            None
        } else {
            remove(self.ports.accounts.as_ref(), &account, &lost).await?
        };
        self.tell(&account, &entry).await;
        if handed_over.is_some() {
            return Err(Refusal::FactorNotChangeable.into());
        }
        Ok(self.account(name).await?.profile.factors)
    }

    /// Turns factors on and off and moves the preferred mark; what holds afterwards is read back.
    pub async fn set_preference(
        &self,
        caller: &Claims,
        name: &str,
        request: &PreferenceRequest,
        reason: &Reason,
    ) -> Result<FactorState, FactorFault> {
        let account = self.target(caller, name).await?;
        let change = account.profile.factors.plan(request)?;
        if change.blocks.is_empty() {
            return Ok(account.profile.factors);
        }
        let entry = self.note(caller, &account.profile.user, SupportEvent::PreferenceChanged, reason).await?;
        self.ports.own.revoke_devices(&account.profile.user).await?;
        let name = user_name(&account);
        if self.ports.accounts.set_preference(name, &change).await? == PreferenceSet::NotSetUp {
            return Err(Refusal::FactorNotSetUp.into());
        }
        self.tell(&account, &entry).await;
        let after = self.account(name).await?.profile.factors;
        if change.holds_in(&after) { Ok(after) } else { Err(Refusal::FactorNotChangeable.into()) }
    }

    /// For a user who is locked out because codes go nowhere. The number counts as verified.
    pub async fn set_phone_number(
        &self,
        caller: &Claims,
        name: &str,
        number: &PhoneNumber,
        reason: &Reason,
    ) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, SupportEvent::PhoneNumberSet, reason).await?;
        self.ports.accounts.set_phone_number(user_name(&account), number).await?;
        // At the addresses from before.
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Starts the count of sign-in attempts anew.
    pub async fn unlock(&self, caller: &Claims, name: &str, reason: &Reason) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, SupportEvent::Unlocked, reason).await?;
        self.ports.ledger.reset(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Devices that Cognito remembers, and those that we trust.
    pub async fn forget_devices(
        &self,
        caller: &Claims,
        name: &str,
        reason: &Reason,
    ) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, SupportEvent::DevicesForgotten, reason).await?;
        self.ports.accounts.forget_devices(user_name(&account)).await?;
        self.ports.own.revoke_devices(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Erases all that we hold on a user, apart from the audit trail: that ends by itself, and no function
    /// has the right. It is written down in the administrator's own trail: the user is to be forgotten.
    pub async fn erase(&self, caller: &Claims, name: &str, reason: &Reason) -> Result<usize, FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &caller.signed_in.user, SupportEvent::Erased, reason).await?;
        let erased = self.ports.items.erase(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(erased)
    }

    /// Whoever asks is an administrator now, whatever the token says of before, and was asked for a second
    /// factor when this token's sign-in was made. A factor that is on now proves nothing: it may have been
    /// turned on with this token.
    async fn admit(&self, caller: &Claims) -> Result<(), FactorFault> {
        let SignedIn { user, token, at, .. } = &caller.signed_in;
        if !self.is_group(&caller.groups) {
            return Err(Refusal::AdministratorNeeded.into());
        }
        // The pool's word for the token: it may be revoked.
        let profile = self.ports.pool.profile(token).await?;
        if profile.user != *user {
            return Err(Refusal::NotSignedIn.into());
        }
        let groups = self.ports.accounts.groups(&profile.contacts.user_name).await?;
        if !self.is_group(&groups) {
            return Err(Refusal::AdministratorNeeded.into());
        }
        let is_asked = caller.says_mfa || self.was_asked(user, *at).await?;
        if is_asked { Ok(()) } else { Err(Refusal::SecondFactorNeeded.into()) }
    }

    /// Nothing noted, or anything of that time without a second factor, is a no: which of two sign-ins at
    /// once a token is of can't be told.
    async fn was_asked(&self, user: &UserId, at: Timestamp) -> Result<bool, PortError> {
        let now = self.ports.clock.now();
        let from = at.saturating_sub(SAME_SIGN_IN).unwrap_or(at);
        let until = at.saturating_add(SAME_SIGN_IN).unwrap_or(at);
        if now.duration_since(at) >= MEMORY {
            return Ok(false);
        }
        let noted = self.ports.sign_ins.noted(user, from, until).await?;
        Ok(!noted.is_empty() && noted.iter().all(|noted| noted.second_factor == SecondFactor::Asked))
    }

    /// The user whom a change is for: nobody who could make it.
    async fn target(&self, caller: &Claims, name: &str) -> Result<Account, FactorFault> {
        let max_age = Duration::from_secs(self.policy.max_sign_in_age_seconds.into());
        let now = self.ports.clock.now();
        if now.duration_since(caller.signed_in.at).unsigned_abs() > max_age {
            return Err(FactorFault::Stale { max_age });
        }
        self.admit(caller).await?;
        let account = self.account(name).await?;
        let is_self = account.profile.user == caller.signed_in.user;
        if is_self || self.is_group(&self.ports.accounts.groups(user_name(&account)).await?) {
            return Err(Refusal::UserProtected.into());
        }
        Ok(account)
    }

    fn is_group(&self, groups: &BTreeSet<String>) -> bool {
        self.policy.groups.iter().any(|group| groups.contains(group))
    }

    async fn account(&self, name: &str) -> Result<Account, FactorFault> {
        self.ports.accounts.find(name).await?.ok_or_else(|| Refusal::UserNotFound.into())
    }

    /// Before the change: what can't be written down is not done.
    async fn note(
        &self,
        caller: &Claims,
        user: &UserId,
        event: SupportEvent,
        reason: &Reason,
    ) -> Result<Entry, FactorFault> {
        let (clock, entropy) = (self.ports.clock.as_ref(), self.ports.entropy.as_ref());
        let mut entry = Entry::new(clock, entropy, user.clone(), Action::Support { event })?;
        let by = Authority { user: caller.signed_in.user.clone(), reason: reason.as_str().to_owned() };
        entry.by = Some(by);
        self.ports.audit.append(&entry).await?;
        Ok(entry)
    }

    async fn forget_own(&self, user: &UserId) -> Result<(), FactorFault> {
        for _ in 0..LOOKS {
            let seen = self.ports.own.own_factors(user).await?;
            if seen.authenticators.is_empty() && seen.recovery.is_empty() && seen.devices.is_empty() {
                return Ok(());
            }
            let change = Change {
                authenticators: Some([].into()),
                devices: Some([].into()),
                recovery: Some([].into()),
                is_new_generation: true,
                ..Change::default()
            };
            if self.ports.own.change(user, seen.revision, &change).await? == Changed::Done {
                return Ok(());
            }
        }
        Err(Refusal::FactorsChangedMeanwhile.into())
    }

    /// A notice that is not taken does not undo what is done.
    async fn tell(&self, account: &Account, entry: &Entry) {
        let Some(to) = account.profile.recipient() else {
            tracing::info!("notice not sent: the user has no verified address");
            return;
        };
        let notice = Notice::ChangedBySupport;
        let parcel = Parcel::Notice(NoticeParcel { id: entry.id, notice, name: None, at: entry.at, to });
        if let Err(fault) = self.ports.courier.hand_over(&parcel).await {
            telemetry::dependency_failed(&fault);
        }
    }
}

fn user_name(account: &Account) -> &str {
    &account.profile.contacts.user_name
}

impl Found {
    /// The pool's factors that are on.
    pub fn enabled(&self) -> impl Iterator<Item = Factor> {
        self.account.profile.factors.enabled.iter().copied()
    }
}
