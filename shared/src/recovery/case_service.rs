use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

use super::{
    Account, Accounts, AttemptKind, AttemptLimiter, Case, CaseEnding, CaseKey, CasePhase, CaseSecret,
    CaseView, Cases, EscalationReason, FactorRemoval, MailWait, MailWaitIds, Password, PasswordOutcome,
    Passwords, PreferenceOutcome, RecoveryCodes, RecoveryCommand, RecoveryReply, RecoveryService,
    RecoveryStep, RecoveryWork, RedeemOutcome, RunIds, SwapOutcome, lost, plan,
};
use crate::{
    audit::{AuditAction, AuditEntry, AuditTrail, RecoveryEvent},
    config::{Environment, RecoveryPolicy},
    delivery::{
        Destination, MailedRecovery, MessageQueue, Notice, Notification, OutboundMessage, Recipient,
        RecoveryNotification,
    },
    factors::{
        Contacts,
        custom::{Change, ChangeOutcome, CustomFactorStore, RecoveryCode},
    },
    kernel::{Clock, Entropy, HashKey, PoolFactor, PortError, Refusal},
    sign_in::SignInHistory,
    telemetry::Metric,
};

/// Number of reads before we give up a change.
const MAX_RETRIES: u32 = 4;

/// The settings of [`CaseService`].
#[derive(Debug, Clone)]
pub struct RecoverySettings {
    pub policy: RecoveryPolicy,
    /// Hashes the names of cases and of unknown users.
    pub hash_key: HashKey,
    /// Hashes recovery codes.
    pub challenge_key: HashKey,
    /// Derives the mailed code and the stop token.
    pub recovery_key: HashKey,
}

impl RecoverySettings {
    /// Reads the policy, `MFA_HASH_KEY`, `MFA_CHALLENGE_KEY` and `MFA_RECOVERY_KEY`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            policy: environment.policy().recovery,
            hash_key: environment.hash_key(),
            challenge_key: environment.challenge_key(),
            recovery_key: environment.recovery_key(),
        }
    }
}

/// The ports of [`CaseService`].
#[derive(Clone)]
pub struct RecoveryPorts {
    pub cases: Arc<dyn Cases>,
    pub attempts: Arc<dyn AttemptLimiter>,
    pub codes: Arc<dyn RecoveryCodes>,
    pub passwords: Arc<dyn Passwords>,
    pub accounts: Arc<dyn Accounts>,
    pub custom: Arc<dyn CustomFactorStore>,
    pub history: Arc<dyn SignInHistory>,
    pub audit: Arc<dyn AuditTrail>,
    pub queue: Arc<dyn MessageQueue>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for RecoveryPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryPorts(..)")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Decides recovery cases and carries them out.
pub struct CaseService {
    settings: RecoverySettings,
    ports: RecoveryPorts,
}

impl CaseService {
    pub fn new(settings: RecoverySettings, ports: RecoveryPorts) -> Self {
        Self { settings, ports }
    }

    /// Opens a case. Known and unknown names, right and wrong passwords make the same calls, in sequence or
    /// in parallel. A refused attempt runs as a decoy.
    async fn open(&self, user_name: &str, password: &Password) -> Result<RecoveryReply, RecoveryFault> {
        let RecoverySettings { policy, hash_key, .. } = &self.settings;
        if !policy.open {
            return Err(Refusal::RecoveryClosed.into());
        }
        let now = self.now();
        let secret = CaseSecret::draw(self.ports.entropy.as_ref())?;
        let key = secret.key(hash_key);
        let account = self.ports.accounts.find(user_name).await?;
        let of = match &account {
            Some(account) => account.profile.user.as_str().to_owned(),
            None => hash_key.hash("recovery.name", &[user_name.trim().to_lowercase().as_bytes()]),
        };
        let attempt = AttemptKind::Password { of };
        let is_admitted = self.ports.attempts.admit(&attempt, policy.user_attempts_per_hour, now).await?;
        if !is_admitted {
            Metric::RecoveryThrottled.emit();
        }
        let account = account.filter(|_| is_admitted);
        let name = match &account {
            Some(account) => account.profile.contacts.user_name.as_str(),
            // Beyond a limit, we try the password for an unassigned name, which takes the same time.
            None => key.as_str(),
        };
        let asked = self.ports.passwords.check(name, password).await?;
        let proven = account.zip(asked);
        let life = SignedDuration::from_mins(policy.minutes.into());
        let expires_at = now.saturating_add(life).unwrap_or(now);
        let case = match &proven {
            Some((account, _)) => {
                let profile = &account.profile;
                let name = profile.contacts.user_name.clone();
                Case::open(profile.user.clone(), name, Some(secret.fingerprint(password)), expires_at)
            }
            None => Case::open(key.unassigned_user()?, String::new(), None, expires_at),
        };
        let (kept, told) = futures::join!(
            self.ports.cases.create(&key, &case),
            self.announce_opened(proven.as_ref().map(|(account, _)| account)),
        );
        kept?;
        told?;
        Ok(RecoveryReply::Opened { secret: secret.text().to_string(), view: CaseView::of(&case) })
    }

    /// Notifies the owner that a person knows the password. For a decoy case, queues a decoy.
    async fn announce_opened(&self, account: Option<&Account>) -> Result<(), PortError> {
        let Some(account) = account else { return self.ports.queue.enqueue(&OutboundMessage::Decoy).await };
        let action = AuditAction::Recovery { event: RecoveryEvent::Opened };
        let user = account.profile.user.clone();
        let entry = AuditEntry::new(self.ports.clock.as_ref(), self.ports.entropy.as_ref(), user, action)?;
        let message = match account.profile.recipient() {
            Some(to) => notice(Notice::RecoveryStarted, entry.id, entry.at, to),
            None => OutboundMessage::Decoy,
        };
        let (noted, told) =
            futures::join!(self.ports.audit.append(&entry), self.ports.queue.enqueue(&message));
        noted?;
        told
    }

    /// Begins the wait for a mailed code and notifies the owner. A repetition joins the same wait, and
    /// notifies an owner who was not notified yet. A decoy case makes the same calls and notifies no user.
    async fn mail(&self, secret: &CaseSecret, page: &str) -> Result<RecoveryReply, RecoveryFault> {
        if !self.settings.policy.email.open {
            return Err(Refusal::RecoveryClosed.into());
        }
        let now = self.now();
        let (key, case) = self.case(secret).await?;
        let case = match &case.phase {
            CasePhase::Open => {
                let is_real = self.mailbox(&key, &case, now).await?.is_some();
                let waiting = case.wait(self.wait_ids(&case, now)?, is_real, page.to_owned(), now)?;
                match self.ports.cases.swap(&key, case.revision, &waiting).await? {
                    SwapOutcome::Done => waiting,
                    SwapOutcome::Overtaken => self.read(&key).await?,
                }
            }
            _ => case,
        };
        let CasePhase::Waiting(wait) = &case.phase else { return Err(Refusal::RecoveryEnded.into()) };
        if wait.ready_at.is_some() {
            return Ok(view(&case));
        }
        self.announce(&key, &case, wait, now).await?;
        let hours = SignedDuration::from_hours(self.settings.policy.email.wait_hours.into());
        let told = case.told(hours, now)?;
        match self.ports.cases.swap(&key, case.revision, &told).await? {
            SwapOutcome::Done => Ok(view(&told)),
            SwapOutcome::Overtaken => self.look(secret).await,
        }
    }

    /// Returns the account of a case if it may be recovered by e-mail now. It needs a mailbox, no recent
    /// change, and no sign-in of the owner since the wait began.
    async fn mailbox(
        &self,
        key: &CaseKey,
        case: &Case,
        now: Timestamp,
    ) -> Result<Option<Account>, RecoveryFault> {
        // A decoy case looks up its unassigned name.
        let name = if case.fingerprint.is_some() { case.user_name.as_str() } else { key.as_str() };
        let (account, history) =
            futures::join!(self.ports.accounts.find(name), self.ports.history.history(&case.user));
        let (account, history) = (account?, history?);
        let quiet = SignedDuration::from_hours(i64::from(self.settings.policy.email.quiet_days) * 24);
        let is_quiet = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) >= quiet);
        let is_untouched = history.password_reset_at.is_none() || is_quiet(history.password_reset_at);
        let is_awaited =
            case.waits_since.is_none_or(|since| history.signed_in_at.is_none_or(|at| at < since));
        Ok(account.filter(|account| {
            let is_theirs =
                case.fingerprint.is_some() && account.profile.user == case.user && account.is_enabled;
            let has_mailbox = account.profile.contacts.email.is_some();
            is_theirs && has_mailbox && is_untouched && is_awaited && is_quiet(account.modified_at)
        }))
    }

    /// Audits the wait and notifies every verified address. A decoy case makes the same number of calls.
    async fn announce(
        &self,
        key: &CaseKey,
        case: &Case,
        wait: &MailWait,
        now: Timestamp,
    ) -> Result<(), RecoveryFault> {
        let name = if case.fingerprint.is_some() { case.user_name.as_str() } else { key.as_str() };
        let account = self.ports.accounts.find(name).await?;
        let account = account.filter(|account| wait.is_real && account.profile.user == case.user);
        let contacts = account.as_ref().map(|account| account.profile.contacts.clone()).unwrap_or_default();
        let message = |id, destination: Option<Destination>| match destination {
            None => OutboundMessage::Decoy,
            Some(destination) => OutboundMessage::Recovery(RecoveryNotification {
                notice: Notification {
                    id,
                    notice: Notice::RecoveryWaiting,
                    name: None,
                    at: now,
                    to: recipient(case, &contacts, destination),
                },
                case: key.as_str().to_owned(),
                page: wait.page.clone(),
                wait_hours: self.settings.policy.email.wait_hours,
            }),
        };
        let email = message(wait.ids.email, contacts.email.clone().map(Destination::Email));
        let sms = message(wait.ids.sms, contacts.phone_number.clone().map(Destination::Sms));
        let at = case.waits_since.unwrap_or(now);
        let noted = async {
            if account.is_some() {
                self.event(case, wait.ids.noted, RecoveryEvent::Waiting, at).await
            } else {
                Ok(())
            }
        };
        let told = async {
            self.ports.queue.enqueue(&email).await?;
            self.ports.queue.enqueue(&sms).await
        };
        let (noted, told) = futures::join!(noted, told);
        noted?;
        Ok(told?)
    }

    /// Compares a mailed code, once the wait is over. If the code is right but the account may no longer be
    /// recovered by e-mail, the case ends.
    async fn mailed_code(
        &self,
        secret: &CaseSecret,
        key: &CaseKey,
        case: Case,
        code: &RecoveryCode,
    ) -> Result<RecoveryReply, RecoveryFault> {
        let now = self.now();
        let case = self.counted(key, case, now).await?;
        let CasePhase::Waiting(wait) = &case.phase else { return Err(Refusal::RecoveryEnded.into()) };
        let most = self.settings.policy.user_attempts_per_hour;
        let is_admitted =
            self.ports.attempts.admit(&AttemptKind::Code { of: case.user.clone() }, most, now).await?;
        if !is_admitted {
            Metric::RecoveryThrottled.emit();
        }
        let mailbox = self.mailbox(key, &case, now).await?;
        let recovery_key = &self.settings.recovery_key;
        let mailed = MailedRecovery::new(recovery_key.clone(), key.as_str()).code();
        let mailed = RecoveryCode::parse(&mailed).map_err(|fault| PortError::new("recovery.code", fault))?;
        // We compare keyed hashes, so the time of the comparison reveals nothing of the code.
        let is_right = code.hash(recovery_key, &case.user) == mailed.hash(recovery_key, &case.user);
        if !(is_right && is_admitted && wait.is_real) {
            return Err(Refusal::CodeWrong.into());
        }
        let after = if mailbox.is_some() {
            case.proven(now)?
        } else {
            self.event(&case, self.wait_ids(&case, now)?.noted, RecoveryEvent::EndedByOwner, now).await?;
            case.cancel(now)?
        };
        match self.ports.cases.swap(key, case.revision, &after).await? {
            SwapOutcome::Done if mailbox.is_some() => Ok(view(&after)),
            SwapOutcome::Done => Err(Refusal::RecoveryEnded.into()),
            SwapOutcome::Overtaken => self.look(secret).await,
        }
    }

    /// Stops a case by the owner's link. The token in the link is the only proof that we ask for.
    async fn stop(&self, key: &CaseKey, stop_token: &str) -> Result<RecoveryReply, RecoveryFault> {
        let expected = MailedRecovery::new(self.settings.recovery_key.clone(), key.as_str()).stop_token();
        if !bool::from(expected.as_bytes().ct_eq(stop_token.as_bytes())) {
            return Err(Refusal::RecoveryNotFound.into());
        }
        let now = self.now();
        let mut is_noted = false;
        for _ in 0..MAX_RETRIES {
            let case = self.read(key).await?;
            if case.phase == CasePhase::Over(CaseEnding::Cancelled) {
                return Ok(view(&case));
            }
            let cancelled = case.cancel(now)?;
            // We audit before the change, and only once for all tries.
            if !is_noted {
                let action = AuditAction::Recovery { event: RecoveryEvent::Stopped };
                let entry = AuditEntry::at(now, self.ports.entropy.as_ref(), case.user.clone(), action)?;
                self.ports.audit.append(&entry).await?;
                is_noted = true;
            }
            if self.ports.cases.swap(key, case.revision, &cancelled).await? == SwapOutcome::Done {
                return Ok(view(&cancelled));
            }
        }
        Err(Refusal::TooManyRequests.into())
    }

    async fn look(&self, secret: &CaseSecret) -> Result<RecoveryReply, RecoveryFault> {
        let (_, case) = self.case(secret).await?;
        Ok(view(&case))
    }

    /// Compares a recovery code of an account whose password was right, within the limits. Everything else
    /// counts as a wrong code, after the same calls.
    async fn code(&self, secret: &CaseSecret, code: &RecoveryCode) -> Result<RecoveryReply, RecoveryFault> {
        let now = self.now();
        let (key, case) = self.case(secret).await?;
        if case.phase == CasePhase::Proven {
            // The caller repeats the request after a lost response.
            return Ok(view(&case));
        }
        if matches!(case.phase, CasePhase::Waiting(_)) {
            return self.mailed_code(secret, &key, case, code).await;
        }
        let case = self.counted(&key, case, now).await?;
        let most = self.settings.policy.user_attempts_per_hour;
        let is_admitted =
            self.ports.attempts.admit(&AttemptKind::Code { of: case.user.clone() }, most, now).await?;
        // We read this in every case, so that the calls do not tell accounts apart.
        let can_work = self.ports.custom.custom_factors(&case.user).await?.recovery_codes_work();
        let user = if is_admitted && can_work { case.user.clone() } else { key.unassigned_user()? };
        if !is_admitted {
            Metric::RecoveryThrottled.emit();
        }
        let hash = code.hash(&self.settings.challenge_key, &user);
        match self.ports.codes.redeem(&user, &hash, &key).await? {
            RedeemOutcome::Unknown => Err(Refusal::CodeWrong.into()),
            RedeemOutcome::Done => {
                let proven = case.proven(now)?;
                match self.ports.cases.swap(&key, case.revision, &proven).await? {
                    SwapOutcome::Done => Ok(view(&proven)),
                    SwapOutcome::Overtaken => self.look(secret).await,
                }
            }
        }
    }

    /// Counts the code before it is compared. Concurrent requests therefore cannot exceed the limit.
    async fn counted(&self, key: &CaseKey, case: Case, now: Timestamp) -> Result<Case, RecoveryFault> {
        let mut case = case;
        for _ in 0..MAX_RETRIES {
            let counted = case.compare(now)?;
            if self.ports.cases.swap(key, case.revision, &counted).await? == SwapOutcome::Done {
                return Ok(counted);
            }
            case = self.read(key).await?;
        }
        Err(Refusal::TooManyRequests.into())
    }

    /// Sets the new password, then removes the factor. The first accepted password counts.
    async fn finish(
        &self,
        secret: &CaseSecret,
        old: &Password,
        password: &Password,
    ) -> Result<RecoveryReply, RecoveryFault> {
        let (key, case) = self.case(secret).await?;
        if case.fingerprint.as_ref() == Some(&secret.fingerprint(password)) {
            return Err(Refusal::PasswordReused.into());
        }
        let case = match case.phase {
            CasePhase::Open | CasePhase::Waiting(_) | CasePhase::Proven => {
                let is_same = case.fingerprint.as_ref() == Some(&secret.fingerprint(old));
                self.begin(&key, &case, is_same.then_some(old)).await?
            }
            CasePhase::Over(CaseEnding::Cancelled) => return Err(Refusal::RecoveryEnded.into()),
            CasePhase::InProgress(_) | CasePhase::Over(_) => case,
        };
        Ok(view(&self.work(&key, case, Some(password)).await?))
    }

    /// Reads the account as it is now. An owner who was notified and has changed the password has ended the
    /// case. Then records the beginning, so that the work is finished even if a worker dies.
    async fn begin(&self, key: &CaseKey, case: &Case, old: Option<&Password>) -> Result<Case, RecoveryFault> {
        let now = self.now();
        let ids = self.ids(case, now)?;
        // This refuses before any call if the case may not begin.
        case.begin(BTreeSet::new(), ids, now)?;
        // In a recovery by e-mail, the owner may have signed in since the code was entered.
        if case.waits_since.is_some() && self.mailbox(key, case, now).await?.is_none() {
            return Err(Refusal::RecoveryEnded.into());
        }
        let account = self.account(case).await?.filter(|account| account.is_enabled);
        let account = account.ok_or(Refusal::RecoveryEnded)?;
        let old = old.ok_or(Refusal::PasswordWrong)?;
        let asked = self.ports.passwords.check(&case.user_name, old).await?;
        let asked = asked.ok_or(Refusal::PasswordWrong)?;
        let begun = case.begin(lost(&account.profile.factors, &asked), ids, now)?;
        match self.ports.cases.swap(key, case.revision, &begun).await? {
            SwapOutcome::Done => Ok(begun),
            SwapOutcome::Overtaken => self.read(key).await,
        }
    }

    /// Continues from the next step until the case is over, or until it needs a password that is absent.
    async fn work(
        &self,
        key: &CaseKey,
        case: Case,
        password: Option<&Password>,
    ) -> Result<Case, RecoveryFault> {
        let mut case = case;
        while let CasePhase::InProgress(work) = &case.phase {
            let mut escalation = None;
            match (work.step, password) {
                (RecoveryStep::Password, None) => return Ok(case),
                (RecoveryStep::Password, Some(password)) => self.set_password(&case, work, password).await?,
                (RecoveryStep::Sessions, _) => self.ports.accounts.sign_out(&case.user_name).await?,
                (RecoveryStep::Devices, _) => {
                    let _forgotten = self.ports.accounts.forget_devices(&case.user_name).await?;
                }
                (RecoveryStep::CustomFactors, _) => self.forget_own(&case, work).await?,
                (RecoveryStep::PoolFactor, _) => escalation = self.remove_factor(&case, work).await?,
                (RecoveryStep::Notices, _) => self.tell(&case, work).await?,
            }
            let after = case.step_done(escalation)?;
            case = match self.ports.cases.swap(key, case.revision, &after).await? {
                SwapOutcome::Done => after,
                // Another worker handles the same case. Repeated steps take effect once.
                SwapOutcome::Overtaken => self.read(key).await?,
            };
        }
        Ok(case)
    }

    async fn set_password(
        &self,
        case: &Case,
        work: &RecoveryWork,
        password: &Password,
    ) -> Result<(), RecoveryFault> {
        // Without the audit line, the recovery does not continue.
        self.note(case, work, work.ids.begun, RecoveryEvent::Begun).await?;
        if self.ports.accounts.set_password(&case.user_name, password).await? == PasswordOutcome::Done {
            return Ok(());
        }
        // The pool's password history refuses the password if a worker died after setting it.
        match self.ports.passwords.check(&case.user_name, password).await? {
            Some(_) => Ok(()),
            None => Err(Refusal::PasswordNotAccepted.into()),
        }
    }

    /// Removes named authenticators and trusted devices. The lost phone most likely held the authenticators
    /// too.
    ///
    /// A pool factor that was not lost still counts at native clients, so the note that it was on stays.
    async fn forget_own(&self, case: &Case, work: &RecoveryWork) -> Result<(), RecoveryFault> {
        let account = self.account(case).await?;
        let keeps_pool_factor =
            account.is_some_and(|account| !account.profile.factors.enabled.is_subset(&work.lost));
        for _ in 0..MAX_RETRIES {
            let seen = self.ports.custom.custom_factors(&case.user).await?;
            // The remaining recovery codes stay. They do not prevent a new first authenticator.
            let change = Change { recovery: None, begins_anew: !keeps_pool_factor, ..Change::reset() };
            if self.ports.custom.change(&case.user, seen.revision, &change).await? == ChangeOutcome::Done {
                return Ok(());
            }
        }
        Err(Refusal::FactorsChangedMeanwhile.into())
    }

    async fn remove_factor(
        &self,
        case: &Case,
        work: &RecoveryWork,
    ) -> Result<Option<EscalationReason>, RecoveryFault> {
        let Some(account) = self.account(case).await? else { return Err(Refusal::RecoveryEnded.into()) };
        Ok(remove(self.ports.accounts.as_ref(), &account, &work.lost).await?)
    }

    /// Notifies the user at every verified address and audits the result.
    async fn tell(&self, case: &Case, work: &RecoveryWork) -> Result<(), RecoveryFault> {
        let event = match work.escalation {
            None => RecoveryEvent::Recovered,
            Some(EscalationReason::NoOtherFactor) => RecoveryEvent::EscalatedNoOtherFactor,
            Some(EscalationReason::StillThere) => RecoveryEvent::EscalatedStillThere,
        };
        self.note(case, work, work.ids.ended, event).await?;
        let contacts = self.account(case).await?.map(|account| account.profile.contacts).unwrap_or_default();
        let email = contacts.email.clone().map(|email| (work.ids.email, Destination::Email(email)));
        let sms = contacts.phone_number.clone().map(|number| (work.ids.sms, Destination::Sms(number)));
        for (id, destination) in email.into_iter().chain(sms) {
            let to = recipient(case, &contacts, destination);
            self.ports.queue.enqueue(&notice(Notice::AccountRecovered, id, work.began_at, to)).await?;
        }
        match work.escalation {
            None => Metric::Recovered.emit(),
            Some(reason) => {
                tracing::warn!(reason = reason.name(), "recovery needs an operator");
                Metric::RecoveryNeedsOperator.emit();
            }
        }
        Ok(())
    }

    async fn cancel(&self, secret: &CaseSecret) -> Result<RecoveryReply, RecoveryFault> {
        let now = self.now();
        for _ in 0..MAX_RETRIES {
            let (key, case) = self.case(secret).await?;
            let cancelled = case.cancel(now)?;
            if self.ports.cases.swap(&key, case.revision, &cancelled).await? == SwapOutcome::Done {
                return Ok(view(&cancelled));
            }
        }
        Err(Refusal::TooManyRequests.into())
    }

    /// Continues a case whose worker died.
    async fn go_on(&self, key: &CaseKey) -> Result<RecoveryReply, RecoveryFault> {
        let case = self.read(key).await?;
        Ok(view(&self.work(key, case, None).await?))
    }

    async fn note(
        &self,
        case: &Case,
        work: &RecoveryWork,
        id: uuid::Uuid,
        event: RecoveryEvent,
    ) -> Result<(), PortError> {
        self.event(case, id, event, work.began_at).await
    }

    async fn event(
        &self,
        case: &Case,
        id: uuid::Uuid,
        event: RecoveryEvent,
        at: Timestamp,
    ) -> Result<(), PortError> {
        let action = AuditAction::Recovery { event };
        let entry = AuditEntry { id, user: case.user.clone(), at, action, by: None };
        self.ports.audit.append(&entry).await
    }

    /// Draws ids that sort by time, like those of the audit trail.
    fn ids(&self, case: &Case, now: Timestamp) -> Result<RunIds, PortError> {
        let id = || {
            let action = AuditAction::Recovery { event: RecoveryEvent::Begun };
            let entropy = self.ports.entropy.as_ref();
            Ok::<_, PortError>(AuditEntry::at(now, entropy, case.user.clone(), action)?.id)
        };
        Ok(RunIds { begun: id()?, ended: id()?, email: id()?, sms: id()? })
    }

    fn wait_ids(&self, case: &Case, now: Timestamp) -> Result<MailWaitIds, PortError> {
        let RunIds { begun: noted, email, sms, .. } = self.ids(case, now)?;
        Ok(MailWaitIds { noted, email, sms })
    }

    /// Returns the account of a case if it still belongs to the same user.
    async fn account(&self, case: &Case) -> Result<Option<Account>, PortError> {
        let account = self.ports.accounts.find(&case.user_name).await?;
        Ok(account.filter(|account| account.profile.user == case.user))
    }

    async fn case(&self, secret: &CaseSecret) -> Result<(CaseKey, Case), RecoveryFault> {
        let key = secret.key(&self.settings.hash_key);
        let case = self.read(&key).await?;
        Ok((key, case))
    }

    async fn read(&self, key: &CaseKey) -> Result<Case, RecoveryFault> {
        let case = self.ports.cases.read(key).await?;
        // DynamoDB deletes expired items late, so we compare the time here.
        let case = case.filter(|case| !case.is_expired(self.now()));
        case.ok_or_else(|| Refusal::RecoveryNotFound.into())
    }

    /// Returns the time in whole seconds, the precision in which times are stored.
    fn now(&self) -> Timestamp {
        let now = self.ports.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}

#[async_trait]
impl RecoveryService for CaseService {
    async fn handle(&self, command: &RecoveryCommand) -> Result<RecoveryReply, PortError> {
        let secret = |text: &str| CaseSecret::parse(text).ok_or(Refusal::RecoveryNotFound);
        let password = |text: &str| Password::parse(text).map_err(|_| Refusal::PasswordNotAccepted);
        let answer = async {
            match command {
                RecoveryCommand::Open { user_name, password: typed } => {
                    self.open(user_name, &password(typed)?).await
                }
                RecoveryCommand::Look { secret: text } => self.look(&secret(text)?).await,
                RecoveryCommand::Code { secret: text, code } => {
                    let code = RecoveryCode::parse(code).map_err(|_| Refusal::CodeWrong)?;
                    self.code(&secret(text)?, &code).await
                }
                RecoveryCommand::Mail { secret: text, page } => self.mail(&secret(text)?, page).await,
                RecoveryCommand::Stop { case, stop_token } => {
                    self.stop(&CaseKey::parse(case).ok_or(Refusal::RecoveryNotFound)?, stop_token).await
                }
                RecoveryCommand::Finish { secret: text, old_password, password: typed } => {
                    let old = Password::parse(old_password).map_err(|_| Refusal::PasswordWrong)?;
                    self.finish(&secret(text)?, &old, &password(typed)?).await
                }
                RecoveryCommand::Cancel { secret: text } => self.cancel(&secret(text)?).await,
                RecoveryCommand::Resume { key } => {
                    self.go_on(&CaseKey::parse(key).ok_or(Refusal::RecoveryNotFound)?).await
                }
            }
        };
        match answer.await {
            Ok(answer) => Ok(answer),
            Err(RecoveryFault::Refused(refusal)) => Ok(RecoveryReply::refused(refusal)),
            Err(RecoveryFault::Port(fault)) => Err(fault),
        }
    }

    async fn resume(&self, key: &CaseKey) -> Result<(), PortError> {
        self.handle(&RecoveryCommand::Resume { key: key.as_str().to_owned() }).await.map(drop)
    }
}

/// Removes the lost factors and reads back whether they are gone. Returns the reason if they are not.
pub async fn remove(
    accounts: &dyn Accounts,
    account: &Account,
    lost: &BTreeSet<PoolFactor>,
) -> Result<Option<EscalationReason>, PortError> {
    let name = &account.profile.contacts.user_name;
    let rules = accounts.rules().await?;
    let state = &account.profile.factors;
    let mut removal = plan(&rules, state, lost, &account.addresses, true);
    if removal == FactorRemoval::DeleteTotp && !accounts.delete_totp(name).await? {
        removal = plan(&rules, state, lost, &account.addresses, false);
    }
    match &removal {
        FactorRemoval::Nothing => return Ok(None),
        FactorRemoval::Escalate(reason) => return Ok(Some(*reason)),
        FactorRemoval::DeleteTotp => {}
        FactorRemoval::Change(change) => {
            if accounts.set_preference(name, change).await? == PreferenceOutcome::NotSetUp {
                return Ok(Some(EscalationReason::NoOtherFactor));
            }
        }
    }
    // Cognito answers 200 to some changes that it does not make (cognito.md §4.5).
    let after = accounts.find(name).await?.map(|account| account.profile.factors).unwrap_or_default();
    let is_gone = match &removal {
        FactorRemoval::Change(change) => change.holds_in(&after),
        _ => !after.enabled.contains(&PoolFactor::Totp),
    };
    Ok((!is_gone).then_some(EscalationReason::StillThere))
}

fn view(case: &Case) -> RecoveryReply {
    RecoveryReply::Case { view: CaseView::of(case) }
}

fn recipient(case: &Case, contacts: &Contacts, destination: Destination) -> Recipient {
    Recipient {
        user: case.user.clone(),
        user_name: case.user_name.clone(),
        destination,
        is_verified: true,
        locales: contacts.locale.iter().cloned().collect(),
    }
}

fn notice(notice: Notice, id: uuid::Uuid, at: Timestamp, to: Recipient) -> OutboundMessage {
    OutboundMessage::Notification(Notification { id, notice, name: None, at, to })
}

impl std::fmt::Debug for CaseService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseService").field("settings", &self.settings).finish_non_exhaustive()
    }
}
