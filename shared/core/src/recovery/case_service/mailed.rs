//! Recovery by a mailed code: the wait, and the link that stops it.

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{CaseService, MAX_RETRIES, RecoveryFault, recipient, view};
use crate::{
    audit::{AuditAction, AuditEntry, RecoveryEvent},
    delivery::{
        MailedRecovery, Notice, Notification, OutboundMessage, RecoveryNotification, toll_fraud::Destination,
    },
    factors::custom::RecoveryCode,
    kernel::{PortError, Refusal},
    recovery::{
        CaseKey, CaseSecret, RecoveryReply,
        case::{Case, CaseEnding, CasePhase, MailWait},
        port::{Account, AttemptKind, SwapOutcome},
    },
    telemetry::Metric,
};

impl CaseService {
    /// Begins the wait for a mailed code and notifies the owner. A repetition joins the same wait, and
    /// notifies an owner who was not notified yet. A decoy case makes the same calls and notifies no user.
    pub(super) async fn mail(&self, secret: &CaseSecret, page: &str) -> Result<RecoveryReply, RecoveryFault> {
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
        let notified = case.owner_notified(hours, now)?;
        match self.ports.cases.swap(&key, case.revision, &notified).await? {
            SwapOutcome::Done => Ok(view(&notified)),
            SwapOutcome::Overtaken => self.look(secret).await,
        }
    }

    /// Returns the account of a case if it may be recovered by e-mail now. It needs a mailbox, no recent
    /// change, and no sign-in of the owner since the wait began.
    pub(super) async fn mailbox(
        &self,
        key: &CaseKey,
        case: &Case,
        now: Timestamp,
    ) -> Result<Option<Account>, RecoveryFault> {
        let name = case.lookup_name(key);
        let (account, history) =
            futures::join!(self.ports.accounts.find(name), self.ports.history.history(case.user()));
        let (account, history) = (account?, history?);
        let quiet = SignedDuration::from_hours(i64::from(self.settings.policy.email.quiet_days) * 24);
        let is_quiet = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) >= quiet);
        let is_untouched = history.password_reset_at.is_none() || is_quiet(history.password_reset_at);
        let is_awaited =
            case.waits_since.is_none_or(|since| history.signed_in_at.is_none_or(|at| at < since));
        Ok(account.filter(|account| {
            let is_theirs = account.profile.user == *case.user() && account.is_enabled;
            let has_mailbox = account.profile.contacts.email.is_some();
            is_theirs && has_mailbox && is_untouched && is_awaited && is_quiet(account.modified_at)
        }))
    }

    /// Audits the wait and notifies every verified address. A decoy case makes the same number of calls.
    pub(super) async fn announce(
        &self,
        key: &CaseKey,
        case: &Case,
        wait: &MailWait,
        now: Timestamp,
    ) -> Result<(), RecoveryFault> {
        let account = self.ports.accounts.find(case.lookup_name(key)).await?;
        let account = account.filter(|account| wait.is_real && account.profile.user == *case.user());
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
    pub(super) async fn mailed_code(
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
            self.ports.attempts.admit(&AttemptKind::Code { of: case.user().clone() }, most, now).await?;
        if !is_admitted {
            Metric::RecoveryThrottled.emit();
        }
        let mailbox = self.mailbox(key, &case, now).await?;
        let recovery_key = &self.settings.recovery_key;
        let mailed = MailedRecovery::new(recovery_key.clone(), key.as_str()).code();
        let mailed = RecoveryCode::parse(&mailed).map_err(|fault| PortError::new("recovery.code", fault))?;
        // We compare keyed hashes, so the time of the comparison reveals nothing of the code.
        let is_right = code.hash(recovery_key, case.user()) == mailed.hash(recovery_key, case.user());
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
    pub(super) async fn stop(&self, key: &CaseKey, stop_token: &str) -> Result<RecoveryReply, RecoveryFault> {
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
                let entry = AuditEntry::at(now, self.ports.entropy.as_ref(), case.user().clone(), action)?;
                self.ports.audit.append(&entry).await?;
                is_noted = true;
            }
            if self.ports.cases.swap(key, case.revision, &cancelled).await? == SwapOutcome::Done {
                return Ok(view(&cancelled));
            }
        }
        Err(Refusal::TooManyRequests.into())
    }
}
