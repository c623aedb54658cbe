//! Opens a case and proves it with a recovery code.

use jiff::{SignedDuration, Timestamp};

use super::{CaseService, MAX_RETRIES, RecoveryFault, RecoverySettings, notice, view};
use crate::{
    audit::{AuditAction, AuditEntry, RecoveryEvent},
    delivery::{Notice, OutboundMessage},
    factors::custom::RecoveryCode,
    kernel::{PortError, Refusal},
    recovery::{
        CaseKey, CaseSecret, CaseView, Password, RecoveryReply,
        case::{Case, CasePhase, CaseSubject},
        port::{Account, AttemptKind, RedeemOutcome, SwapOutcome},
    },
    telemetry::Metric,
};

impl CaseService {
    /// Opens a case. Known and unknown names, right and wrong passwords make the same calls, in sequence or
    /// in parallel. A refused attempt runs as a decoy.
    pub(super) async fn open(
        &self,
        user_name: &str,
        password: &Password,
    ) -> Result<RecoveryReply, RecoveryFault> {
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
        let subject = match &proven {
            Some((account, _)) => CaseSubject::Account {
                user: account.profile.user.clone(),
                name: account.profile.contacts.user_name.clone(),
                fingerprint: secret.fingerprint(password),
            },
            None => CaseSubject::Decoy { user: key.unassigned_user()? },
        };
        let case = Case::open(subject, expires_at);
        let (kept, told) = futures::join!(
            self.ports.cases.create(&key, &case),
            self.announce_opened(proven.as_ref().map(|(account, _)| account)),
        );
        kept?;
        told?;
        Ok(RecoveryReply::Opened { secret: secret.text().to_string(), view: CaseView::of(&case) })
    }

    /// Notifies the owner that a person knows the password. For a decoy case, queues a decoy.
    pub(super) async fn announce_opened(&self, account: Option<&Account>) -> Result<(), PortError> {
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

    /// Compares a recovery code of an account whose password was right, within the limits. Everything else
    /// counts as a wrong code, after the same calls.
    pub(super) async fn code(
        &self,
        secret: &CaseSecret,
        code: &RecoveryCode,
    ) -> Result<RecoveryReply, RecoveryFault> {
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
            self.ports.attempts.admit(&AttemptKind::Code { of: case.user().clone() }, most, now).await?;
        // We read this in every case, so that the calls do not tell accounts apart.
        let can_work = self.ports.custom.custom_factors(case.user()).await?.recovery_codes_work();
        let user = if is_admitted && can_work { case.user().clone() } else { key.unassigned_user()? };
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
    pub(super) async fn counted(
        &self,
        key: &CaseKey,
        case: Case,
        now: Timestamp,
    ) -> Result<Case, RecoveryFault> {
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
}
