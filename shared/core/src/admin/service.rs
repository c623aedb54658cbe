use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{AdminCaller, Reason, UserItems, UserName};
use crate::{
    api_limits::{RateCounter, RateCounts, RateWindow},
    assurance::{Evidence, RECORD_LIFE, SAME_SIGN_IN, SECOND_FACTOR_LEVEL, SignInRecords},
    audit::{AdminEvent, AuditAction, AuditEntry, AuditTrail, Authority},
    config::policy::AdminPolicy,
    delivery::{MessageQueue, Notice, Notification, OutboundMessage, toll_fraud::NumberRules},
    factors::{
        FactorFault, NativeFactors, SignedIn,
        custom::{Change, ChangeOutcome, CustomFactorStore, CustomFactors, PoolFactorNote},
        preference::{FactorState, PreferenceRequest},
    },
    kernel::{Clock, Entropy, PhoneNumber, PoolFactor, PortError, Refusal, UserId},
    recovery::{
        lost,
        port::{Account, Accounts, PreferenceOutcome},
        remove,
    },
    sign_in::SignInLedger,
    telemetry,
};

/// Number of reads before we give up a change.
const MAX_RETRIES: u32 = 4;

/// The ports of [`AdminService`].
#[derive(Debug, Clone)]
pub struct AdminPorts {
    /// Called with the administrator's own token.
    pub pool: Arc<dyn NativeFactors>,
    pub accounts: Arc<dyn Accounts>,
    pub custom: Arc<dyn CustomFactorStore>,
    pub sign_ins: Arc<dyn SignInRecords>,
    pub ledger: Arc<dyn SignInLedger>,
    pub items: Arc<dyn UserItems>,
    pub audit: Arc<dyn AuditTrail>,
    pub calls: Arc<dyn RateCounts>,
    pub queue: Arc<dyn MessageQueue>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Carries out the operations of administrators.
#[derive(Debug)]
pub struct AdminService {
    policy: AdminPolicy,
    numbers: NumberRules,
    ports: AdminPorts,
}

/// A user as the API shows them to an administrator.
#[derive(Debug, Clone)]
pub struct AdminUserView {
    pub account: Account,
    pub groups: BTreeSet<String>,
    pub custom: CustomFactors,
}

impl AdminService {
    pub fn new(policy: AdminPolicy, numbers: NumberRules, ports: AdminPorts) -> Self {
        Self { policy, numbers, ports }
    }

    pub async fn find(&self, caller: &AdminCaller, name: &UserName) -> Result<AdminUserView, FactorFault> {
        let account = self.look(caller, name, AdminEvent::UserViewed).await?;
        let groups = self.ports.accounts.groups(user_name(&account)).await?;
        let custom = self.ports.custom.custom_factors(&account.profile.user).await?;
        Ok(AdminUserView { account, groups, custom })
    }

    /// Returns the user's lines of the audit trail, including the line of this look.
    pub async fn lines(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, FactorFault> {
        let account = self.look(caller, name, AdminEvent::AuditViewed).await?;
        Ok(self.ports.items.lines(&account.profile.user, from, until).await?)
    }

    /// Removes everything that a lost phone held: sessions, devices, custom factors and the pool factor.
    /// Returns the state that is read back afterwards.
    pub async fn reset_mfa(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        reason: &Reason,
    ) -> Result<FactorState, FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, AdminEvent::MfaReset, reason).await?;
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
        Ok(self.account_of(name).await?.profile.factors)
    }

    /// Turns pool factors on and off and sets the preferred one. Returns the state that is read back
    /// afterwards.
    pub async fn set_preference(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        request: &PreferenceRequest,
        reason: &Reason,
    ) -> Result<FactorState, FactorFault> {
        let account = self.target(caller, name).await?;
        let change = account.profile.factors.plan(request)?;
        if change.blocks.is_empty() {
            return Ok(account.profile.factors);
        }
        let entry = self.note(caller, &account.profile.user, AdminEvent::PreferenceChanged, reason).await?;
        self.ports.custom.revoke_devices(&account.profile.user).await?;
        let name = user_name(&account);
        if self.ports.accounts.set_preference(name, &change).await? == PreferenceOutcome::NotSetUp {
            return Err(Refusal::FactorNotSetUp.into());
        }
        self.tell(&account, &entry).await;
        let after = self.account_of(name).await?.profile.factors;
        let note = if after.enabled.is_empty() {
            PoolFactorNote::TurnedOff
        } else {
            PoolFactorNote::On(self.ports.clock.now())
        };
        self.ports.custom.note_pool_factor(&account.profile.user, note).await?;
        if change.holds_in(&after) { Ok(after) } else { Err(Refusal::FactorNotChangeable.into()) }
    }

    /// Sets the phone number of a user who is locked out because codes do not arrive. The number counts as
    /// verified, so this is a change of factors. The trust in devices ends before codes go to the new number.
    /// Refuses a number that can't get text messages.
    pub async fn set_phone_number(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        number: &PhoneNumber,
        reason: &Reason,
    ) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        if !self.numbers.accept(number) {
            return Err(Refusal::PhoneNumberNotUsable.into());
        }
        let entry = self.note(caller, &account.profile.user, AdminEvent::PhoneNumberSet, reason).await?;
        self.ports.custom.revoke_devices(&account.profile.user).await?;
        self.ports.accounts.set_phone_number(user_name(&account), number).await?;
        // The notice goes to the addresses from before the change.
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Resets the count of sign-in attempts.
    pub async fn unlock(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        reason: &Reason,
    ) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, AdminEvent::Unlocked, reason).await?;
        self.ports.ledger.reset(&account.profile.user).await?;
        self.ports.custom.forgive_failures(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Forgets remembered devices and trusted devices.
    pub async fn forget_devices(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        reason: &Reason,
    ) -> Result<(), FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &account.profile.user, AdminEvent::DevicesForgotten, reason).await?;
        self.ports.accounts.forget_devices(user_name(&account)).await?;
        self.ports.custom.revoke_devices(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(())
    }

    /// Erases all items of a user except the audit trail, which expires by itself and which no function may
    /// change. The audit line goes to the administrator's own trail, because the user is to be forgotten.
    pub async fn erase(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        reason: &Reason,
    ) -> Result<usize, FactorFault> {
        let account = self.target(caller, name).await?;
        let entry = self.note(caller, &caller.signed_in.user, AdminEvent::Erased, reason).await?;
        let erased = self.ports.items.erase(&account.profile.user).await?;
        self.tell(&account, &entry).await;
        Ok(erased)
    }

    /// Admits a caller who is an administrator now, even if the token is older. The caller must have proved a
    /// second factor in the sign-in of this token. A factor that is on now proves nothing: the caller may
    /// have turned it on with this token.
    async fn admit(&self, caller: &AdminCaller) -> Result<(), FactorFault> {
        let SignedIn { user, token, at, .. } = &caller.signed_in;
        if !self.is_group(&caller.groups) {
            return Err(Refusal::AdministratorNeeded.into());
        }
        // We ask the pool, because the token may be revoked.
        let profile = self.ports.pool.profile(token).await?;
        if profile.user != *user {
            return Err(Refusal::NotSignedIn.into());
        }
        let groups = self.ports.accounts.groups(&profile.contacts.user_name).await?;
        if !self.is_group(&groups) {
            return Err(Refusal::AdministratorNeeded.into());
        }
        if caller.says_mfa {
            return Ok(());
        }
        let proves = |evidence: &Evidence| {
            evidence.level >= SECOND_FACTOR_LEVEL && evidence.second_factor_at.is_some()
        };
        if let Some(evidence) = caller.signed_in.evidence {
            return if proves(&evidence) {
                Ok(())
            } else {
                Err(Refusal::AdministratorSecondFactorRequired.into())
            };
        }
        // A refreshed token, or a token of version V1_0, has no such claim.
        let recorded = self.recorded(user, &caller.signed_in.client_id, *at).await?;
        match (recorded.iter().any(proves), recorded.iter().all(proves)) {
            (true, true) => Ok(()),
            (true, false) => Err(Refusal::SignInAmbiguous.into()),
            (false, _) => Err(Refusal::AdministratorSecondFactorRequired.into()),
        }
    }

    /// Returns the evidence of the sign-ins that may belong to a token: those at this client, within a
    /// minute.
    async fn recorded(&self, user: &UserId, client: &str, at: Timestamp) -> Result<Vec<Evidence>, PortError> {
        let from = at.saturating_sub(SAME_SIGN_IN).unwrap_or(at);
        let until = at.saturating_add(SAME_SIGN_IN).unwrap_or(at);
        if self.ports.clock.now().duration_since(at) >= RECORD_LIFE {
            return Ok(Vec::new());
        }
        let recorded = self.ports.sign_ins.recorded(user, from, until).await?;
        Ok(recorded.into_iter().filter(|sign_in| sign_in.client == client).map(|it| it.evidence).collect())
    }

    /// Returns the user that an administrator looks at. The look is counted before the search, so that a
    /// caller cannot try names without limit. It is audited before anything is shown.
    async fn look(
        &self,
        caller: &AdminCaller,
        name: &UserName,
        event: AdminEvent,
    ) -> Result<Account, FactorFault> {
        self.admit(caller).await?;
        let looks = RateCounter::AdminReads(caller.signed_in.user.clone());
        self.count(&looks, self.policy.reads_per_hour).await?;
        let account = self.account(name).await?;
        self.write_down(caller, &account.profile.user, event, None).await?;
        Ok(account)
    }

    /// Returns the user to change, who is neither the administrator nor a protected user.
    async fn target(&self, caller: &AdminCaller, name: &UserName) -> Result<Account, FactorFault> {
        let max_age = Duration::from_secs(self.policy.max_sign_in_age_seconds.into());
        let now = self.ports.clock.now();
        if now.duration_since(caller.signed_in.at).unsigned_abs() > max_age {
            return Err(FactorFault::Stale { max_age });
        }
        self.admit(caller).await?;
        let changes = RateCounter::AdminChanges(caller.signed_in.user.clone());
        self.count(&changes, self.policy.changes_per_hour).await?;
        let account = self.account(name).await?;
        let is_self = account.profile.user == caller.signed_in.user;
        if is_self || self.policy.protects(&self.ports.accounts.groups(user_name(&account)).await?) {
            return Err(Refusal::UserProtected.into());
        }
        Ok(account)
    }

    fn is_group(&self, groups: &BTreeSet<String>) -> bool {
        self.policy.groups.iter().any(|group| groups.contains(group))
    }

    /// Counts a call in its hour. Refuses it if the hour is full.
    async fn count(&self, counter: &RateCounter, most: u32) -> Result<(), FactorFault> {
        let hour = RateWindow::hour(self.ports.clock.now());
        let is_counted = self.ports.calls.count(counter, hour.start, most).await?;
        if is_counted { Ok(()) } else { Err(FactorFault::Later { wait: hour.left }) }
    }

    async fn account(&self, name: &UserName) -> Result<Account, FactorFault> {
        self.account_of(name.as_str()).await
    }

    async fn account_of(&self, name: &str) -> Result<Account, FactorFault> {
        self.ports.accounts.find(name).await?.ok_or_else(|| Refusal::UserNotFound.into())
    }

    /// Audits an operation before it is done. Without the audit line, the operation is not done.
    async fn note(
        &self,
        caller: &AdminCaller,
        user: &UserId,
        event: AdminEvent,
        reason: &Reason,
    ) -> Result<AuditEntry, FactorFault> {
        self.write_down(caller, user, event, Some(reason)).await
    }

    async fn write_down(
        &self,
        caller: &AdminCaller,
        user: &UserId,
        event: AdminEvent,
        reason: Option<&Reason>,
    ) -> Result<AuditEntry, FactorFault> {
        let (clock, entropy) = (self.ports.clock.as_ref(), self.ports.entropy.as_ref());
        let mut entry = AuditEntry::new(clock, entropy, user.clone(), AuditAction::Admin { event })?;
        let by = Authority {
            user: caller.signed_in.user.clone(),
            reason: reason.map(|reason| reason.as_str().to_owned()),
        };
        entry.by = Some(by);
        self.ports.audit.append(&entry).await?;
        Ok(entry)
    }

    async fn forget_own(&self, user: &UserId) -> Result<(), FactorFault> {
        for _ in 0..MAX_RETRIES {
            let seen = self.ports.custom.custom_factors(user).await?;
            let change = Change::reset();
            if self.ports.custom.change(user, seen.revision, &change).await? == ChangeOutcome::Done {
                return Ok(());
            }
        }
        Err(Refusal::FactorsChangedMeanwhile.into())
    }

    /// Notifies the user. A failure does not undo the change.
    async fn tell(&self, account: &Account, entry: &AuditEntry) {
        let Some(to) = account.profile.recipient() else {
            tracing::info!("notice not sent: the user has no verified address");
            return;
        };
        let notice = Notice::ChangedByAdministrator;
        let message = OutboundMessage::Notification(Notification {
            id: entry.id,
            notice,
            name: None,
            at: entry.at,
            to,
        });
        if let Err(fault) = self.ports.queue.enqueue(&message).await {
            telemetry::dependency_failed(&fault);
        }
    }
}

fn user_name(account: &Account) -> &str {
    &account.profile.contacts.user_name
}

impl AdminUserView {
    /// Returns the pool factors that are on.
    pub fn enabled(&self) -> impl Iterator<Item = PoolFactor> {
        self.account.profile.factors.enabled.iter().copied()
    }
}
