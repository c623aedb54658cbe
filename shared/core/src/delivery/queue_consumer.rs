use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    ChallengeCode, ChallengeCodes, Channel, MailedRecovery, Notification, OutboundMessage, Purpose,
    Recipient, RecoveryNotification, Sender,
    send_leases::DeliveryId,
    send_request::{CodeSource, SendRequest},
};
use crate::kernel::{HashKey, PortError};

/// Sends queued messages through the channel of their address. Like all messages, they need a send lease and
/// the governor's permission.
#[derive(Debug)]
pub struct QueueConsumer {
    sms: Sender,
    email: Sender,
    codes: Option<Arc<dyn ChallengeCodes>>,
    recoveries: Option<HashKey>,
}

impl QueueConsumer {
    pub fn new(sms: Sender, email: Sender) -> Self {
        Self { sms, email, codes: None, recoveries: None }
    }

    /// Also sends codes of custom challenges.
    #[must_use]
    pub fn with_codes(self, codes: Arc<dyn ChallengeCodes>) -> Self {
        Self { codes: Some(codes), ..self }
    }

    /// Also sends notices of recoveries by e-mail. `key` is `MFA_RECOVERY_KEY`.
    #[must_use]
    pub fn with_recoveries(self, key: HashKey) -> Self {
        Self { recoveries: Some(key), ..self }
    }

    /// Sends the message, unless another delivery of it already did or is doing so.
    pub async fn handle(&self, message: &OutboundMessage) -> Result<(), PortError> {
        match message {
            OutboundMessage::ChallengeCode(message) => self.code(message).await,
            OutboundMessage::Notification(message) => self.notice(message, &[]).await,
            OutboundMessage::Recovery(message) => self.recovery(message).await,
            OutboundMessage::Decoy => Ok(()),
        }
    }

    async fn code(&self, message: &ChallengeCode) -> Result<(), PortError> {
        let ChallengeCode { nonce, round_index, send_attempt, to, expires_at, .. } = message;
        let Some(codes) = &self.codes else {
            return Err(PortError::new("deliver.code", "this function draws no codes"));
        };
        let sender = self.sender(to);
        let request = SendRequest {
            code: CodeSource::Drawn { codes: codes.as_ref(), message },
            expires_at: Some(*expires_at),
            ..request(sender, to, Purpose::Authentication, &format!("{nonce}/{round_index}/{send_attempt}"))
        };
        sender.handle(&request).await
    }

    /// Sends the notice. Its code and link only go to the mailbox.
    async fn recovery(&self, message: &RecoveryNotification) -> Result<(), PortError> {
        let RecoveryNotification { notice, case, page, wait_hours } = message;
        let Some(key) = &self.recoveries else {
            return Err(PortError::new("deliver.recovery", "this function tells of no recoveries"));
        };
        if notice.to.destination.channel() == Channel::Sms {
            return self.notice(notice, &[]).await;
        }
        let mailed = MailedRecovery::new(key.clone(), case);
        let (code, link) = (mailed.code(), mailed.link(page));
        let ready = notice.at.saturating_add(SignedDuration::from_hours((*wait_hours).into()));
        let ready = ready.map(|at| at.to_string()).unwrap_or_default();
        self.notice(notice, &[("RECOVERY_CODE", &code), ("READY_TIME", &ready), ("STOP_LINK", &link)]).await
    }

    async fn notice(&self, message: &Notification, more: &[(&str, &str)]) -> Result<(), PortError> {
        let sender = self.sender(&message.to);
        let at = message.at.to_string();
        let name = message.name.as_deref().map(|name| ("DEVICE_NAME", name));
        let purpose = Purpose::Notice(message.notice);
        let request = SendRequest {
            facts: name
                .into_iter()
                .chain([("LOGIN_TIME", at.as_str())])
                .chain(more.iter().copied())
                .collect(),
            ..request(sender, &message.to, purpose, &message.id.to_string())
        };
        sender.handle(&request).await
    }

    fn sender(&self, to: &Recipient) -> &Sender {
        match to.destination.channel() {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// `identity` distinguishes the message from all others of this purpose to this user.
fn request<'a>(sender: &'a Sender, to: &'a Recipient, purpose: Purpose, identity: &str) -> SendRequest<'a> {
    SendRequest {
        id: DeliveryId::new(sender.user_pool_id(), to.user.as_str(), purpose.name(), identity),
        user_pool_id: sender.user_pool_id(),
        purpose: Some(purpose),
        user: Some(to.user.clone()),
        user_name: &to.user_name,
        destination: Some(to.destination.clone()),
        is_verified: to.is_verified,
        code: CodeSource::Nowhere,
        expires_at: None,
        locales: to.locales.iter().map(String::as_str).collect(),
        facts: Vec::new(),
    }
}
