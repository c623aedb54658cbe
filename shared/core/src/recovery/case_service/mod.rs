mod completion;
mod mailed;
mod open;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::recovery::{
    CaseKey, CaseSecret, CaseView, Password, RecoveryCommand, RecoveryReply, RecoveryService,
    case::{Case, MailWaitIds, RecoveryWork, RunIds},
    port::{Account, Accounts, AttemptLimiter, Cases, Passwords, RecoveryCodes, SwapOutcome},
};
use crate::{
    audit::{AuditAction, AuditEntry, AuditTrail, RecoveryEvent},
    config::{Environment, policy::RecoveryPolicy},
    delivery::{MessageQueue, Notice, Notification, OutboundMessage, Recipient, toll_fraud::Destination},
    factors::{
        Contacts,
        custom::{CustomFactorStore, RecoveryCode},
    },
    kernel::{Clock, Entropy, HashKey, PortError, Refusal},
    sign_in::SignInHistory,
};

pub use completion::remove;

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
#[derive(Debug, Clone)]
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

#[derive(Debug, thiserror::Error)]
pub enum RecoveryFault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Decides recovery cases and carries them out.
#[derive(Debug)]
pub struct CaseService {
    settings: RecoverySettings,
    ports: RecoveryPorts,
}

impl CaseService {
    pub fn new(settings: RecoverySettings, ports: RecoveryPorts) -> Self {
        Self { settings, ports }
    }

    async fn look(&self, secret: &CaseSecret) -> Result<RecoveryReply, RecoveryFault> {
        let (_, case) = self.case(secret).await?;
        Ok(view(&case))
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
        let entry = AuditEntry { id, user: case.user().clone(), at, action, by: None };
        self.ports.audit.append(&entry).await
    }

    /// Draws ids that sort by time, like those of the audit trail.
    fn ids(&self, case: &Case, now: Timestamp) -> Result<RunIds, PortError> {
        let id = || {
            let action = AuditAction::Recovery { event: RecoveryEvent::Begun };
            let entropy = self.ports.entropy.as_ref();
            Ok::<_, PortError>(AuditEntry::at(now, entropy, case.user().clone(), action)?.id)
        };
        Ok(RunIds { begun: id()?, ended: id()?, email: id()?, sms: id()? })
    }

    fn wait_ids(&self, case: &Case, now: Timestamp) -> Result<MailWaitIds, PortError> {
        let RunIds { begun: noted, email, sms, .. } = self.ids(case, now)?;
        Ok(MailWaitIds { noted, email, sms })
    }

    /// Returns the account of a case if it still belongs to the same user.
    async fn account(&self, case: &Case) -> Result<Option<Account>, PortError> {
        let account = self.ports.accounts.find(case.user_name()).await?;
        Ok(account.filter(|account| account.profile.user == *case.user()))
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

fn view(case: &Case) -> RecoveryReply {
    RecoveryReply::Case { view: CaseView::of(case) }
}

fn recipient(case: &Case, contacts: &Contacts, destination: Destination) -> Recipient {
    Recipient {
        user: case.user().clone(),
        user_name: case.user_name().to_owned(),
        destination,
        is_verified: true,
        locales: contacts.locale.iter().cloned().collect(),
    }
}

fn notice(notice: Notice, id: uuid::Uuid, at: Timestamp, to: Recipient) -> OutboundMessage {
    OutboundMessage::Notification(Notification { id, notice, name: None, at, to })
}
