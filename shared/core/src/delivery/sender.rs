use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Channel, ChannelProviders, Purpose, SenderDependencies,
    message::{Content, Messages},
    provider_chain::{Email, ProviderChainFault, Sms},
    sealed::{Plaintext, Unseal, UnsealFault},
    send_leases::{DeliveryId, Lease, SendFailure, SendOutcome},
    send_request::{CodeSource, FoundUser, SendRequest},
    toll_fraud::{
        AdmissionDecision, AdmissionReceipt, AdmissionRequest, Destination, Governor, NotSent, Numbering,
        Withheld,
    },
};
use crate::{
    audit::{AuditAction, AuditEntry},
    config::policy::DeliveryPolicy,
    kernel::{PortError, UserId},
    telemetry::{self, Metric},
};

/// The time of a send lease beyond the budget of a send, to store the outcome.
const NOTING: Duration = Duration::from_millis(1_500);
/// The first pause between attempts to acquire a lease that another worker holds.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Sends the messages that Cognito requests. It acquires a send lease, opens the code, asks the governor,
/// composes the text, calls a provider and stores the outcome.
///
/// A delivery that fails leaves a record with the reason, not an error. After an error, Lambda would keep the
/// event with its code in the dead-letter queue. An error only occurs if the outcome cannot be recorded.
#[derive(Debug)]
pub struct Sender {
    pub(super) dependencies: SenderDependencies,
    pub(super) user_pool_id: String,
    pub(super) unseal: Option<Unseal>,
    pub(super) governor: Governor,
    pub(super) messages: Arc<Messages>,
    pub(super) providers: ChannelProviders,
    pub(super) policy: DeliveryPolicy,
}

impl Sender {
    pub fn channel(&self) -> Channel {
        match self.providers {
            ChannelProviders::Sms(_) => Channel::Sms,
            ChannelProviders::Email(_) => Channel::Email,
        }
    }

    pub fn user_pool_id(&self) -> &str {
        &self.user_pool_id
    }

    /// Sends the message, unless another delivery of the same request already did or is doing so.
    pub async fn handle(&self, request: &SendRequest<'_>) -> Result<(), PortError> {
        let Some(HeldLease { attempt, first_seen, asked }) = self.acquire(&request.id).await? else {
            tracing::info!("duplicate delivery skipped");
            return Ok(());
        };
        // The lease begins when we ask for it.
        let deadline = asked + self.policy.budget();
        // Both must outlive a send that its deadline ends.
        let (found, receipt) = (OnceLock::new(), OnceLock::new());
        let sending = self.send(request, first_seen, deadline, &found, &receipt);
        let ended = timeout_at(deadline, sending).await.unwrap_or_else(|_| SendFailure::Unavailable.into());
        let now = self.dependencies.clock.now();
        let settling = self.dependencies.leases.complete(&request.id, attempt, ended.outcome, now);
        // We do both at once, because another worker sends the message again when the lease ends.
        let user = request.user.as_ref().or_else(|| found.get().map(|found| &found.user));
        let (settled, ()) = futures::join!(settling, self.report(user, &ended, receipt.get()));
        if let (Some(receipt), SendOutcome::Failed(_)) = (receipt.into_inner(), ended.outcome) {
            self.governor.release(receipt).await;
        }
        settled
    }

    /// Acquires the lease, or returns `None` if the message was already handled. Waits while another worker holds it.
    async fn acquire(&self, id: &DeliveryId) -> Result<Option<HeldLease>, PortError> {
        let lease = self.policy.budget() + NOTING;
        let give_up = Instant::now() + lease + NOTING;
        let mut look = FIRST_LOOK;
        loop {
            let (now, asked) = (self.dependencies.clock.now(), Instant::now());
            let until =
                now.saturating_add(SignedDuration::try_from(lease).unwrap_or_default()).unwrap_or(now);
            match self.dependencies.leases.acquire(id, now, until).await? {
                Lease::Acquired { attempt, first_seen } => {
                    return Ok(Some(HeldLease { attempt, first_seen, asked }));
                }
                Lease::Completed => return Ok(None),
                Lease::Held { .. } if Instant::now() >= give_up => {
                    return Err(PortError::new(
                        "delivery.acquire",
                        "the lease is held for longer than its maximum time",
                    ));
                }
                Lease::Held { until } => {
                    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    sleep(look.min(left.max(FIRST_LOOK))).await;
                    look = (look * 2).min(LAST_LOOK);
                }
            }
        }
    }

    async fn send(
        &self,
        request: &SendRequest<'_>,
        first_seen: Timestamp,
        deadline: Instant,
        found: &OnceLock<FoundUser>,
        receipt: &OnceLock<AdmissionReceipt>,
    ) -> SendResult {
        let now = self.dependencies.clock.now();
        let is_expired = match request.expires_at {
            Some(end) => now >= end,
            None => now.duration_since(first_seen) > self.messages.validity(request.purpose),
        };
        if is_expired {
            return SendFailure::Expired.into();
        }
        if request.user_pool_id != self.user_pool_id {
            tracing::error!("event belongs to another user pool");
            return SendFailure::Unreadable.into();
        }
        let (user, destination, is_verified) = match (&request.user, &request.destination) {
            (Some(user), Some(destination)) => (user.clone(), destination.clone(), request.is_verified),
            (Some(_), None) => return SendFailure::NoAddress.into(),
            (None, _) => match self.find(request).await {
                Ok(Some(one)) => {
                    let FoundUser { user, email, .. } = found.get_or_init(|| one);
                    (user.clone(), Destination::Email(email.clone()), true)
                }
                Ok(None) => return SendFailure::NoAddress.into(),
                Err(fault) => return unavailable(&fault).into(),
            },
        };
        let admission = AdmissionRequest {
            user,
            destination: destination.clone(),
            is_verified: is_verified && request.purpose != Some(Purpose::UpdateUserAttribute),
            // For an unknown trigger source, we assume that anonymous callers can request the message.
            purpose: request.purpose.unwrap_or(Purpose::ResendCode),
        };
        let (admitted, code) =
            futures::join!(self.admit(&request.id, &admission, receipt), self.open(request));
        match admitted {
            Ok(Some(withheld)) => {
                SendResult { outcome: SendOutcome::Refused(withheld.reason), withheld: Some(withheld) }
            }
            Ok(None) => {
                let outcome = match code {
                    Ok(code) => {
                        let locale = found.get().and_then(|found| found.locale.as_deref());
                        self.carry(request, destination, locale, code.as_ref(), deadline).await
                    }
                    Err(failure) => SendOutcome::Failed(failure),
                };
                SendResult { outcome, withheld: None }
            }
            Err(fault) => unavailable(&fault).into(),
        }
    }

    async fn find(&self, request: &SendRequest<'_>) -> Result<Option<FoundUser>, PortError> {
        match &self.dependencies.addresses {
            Some(addresses) => addresses.verified_email(request.user_name).await,
            None => Ok(None),
        }
    }

    /// Returns why the message must not be sent, or `None` if it may be. `receipt` is filled at once, because
    /// the caller may be stopped before it reads the result.
    async fn admit(
        &self,
        delivery: &DeliveryId,
        admission: &AdmissionRequest,
        receipt: &OnceLock<AdmissionReceipt>,
    ) -> Result<Option<Withheld>, PortError> {
        match self.governor.admit(delivery, admission, self.dependencies.clock.now()).await? {
            AdmissionDecision::Admitted(counted) => {
                receipt.get_or_init(|| counted);
                Ok(None)
            }
            AdmissionDecision::Withheld(withheld) => Ok(Some(withheld)),
            AdmissionDecision::DryRun(withheld) => {
                tracing::warn!("message sent although the governor would throttle it (dry run)");
                count_withheld(&withheld);
                Ok(None)
            }
        }
    }

    async fn open(&self, request: &SendRequest<'_>) -> Result<Option<Plaintext>, SendFailure> {
        match request.code {
            CodeSource::Nowhere => Ok(None),
            CodeSource::Sealed(code) => {
                let opened = self.unseal(code).await?;
                let is_password = request.purpose == Some(Purpose::AdminCreateUser);
                Ok(Some(if is_password { opened.unescaped() } else { opened }))
            }
            CodeSource::Drawn { codes, message } => match codes.draw(message).await {
                Ok(Some(code)) => Ok(Some(Plaintext::of(&code))),
                // The challenge has ended, or a newer code has replaced this one.
                Ok(None) => Err(SendFailure::Expired),
                Err(fault) => Err(unavailable(&fault)),
            },
        }
    }

    async fn unseal(&self, code: &str) -> Result<Plaintext, SendFailure> {
        let Some((unseal, keys)) = self.unseal.as_ref().zip(self.dependencies.keys.as_ref()) else {
            tracing::error!("this function cannot open sealed codes");
            return Err(SendFailure::Unreadable);
        };
        unseal.open(keys.as_ref(), code).await.map_err(|fault| match fault {
            UnsealFault::Unreadable(fault) => {
                tracing::error!(%fault, "sealed code could not be opened");
                SendFailure::Unreadable
            }
            UnsealFault::Port(fault) => unavailable(&fault),
        })
    }

    async fn carry(
        &self,
        request: &SendRequest<'_>,
        destination: Destination,
        locale: Option<&str>,
        code: Option<&Plaintext>,
        deadline: Instant,
    ) -> SendOutcome {
        // A user does not know the id that serves as the name, and signs in with the address.
        let is_id = request.user.as_ref().is_some_and(|user| user.as_str() == request.user_name);
        let address = is_id.then(|| match &destination {
            Destination::Sms(number) => number.expose().to_owned(),
            Destination::Email(address) => address.expose().clone(),
        });
        let content = Content {
            purpose: request.purpose,
            code: code.map(Plaintext::expose),
            user_name: Some(address.as_deref().unwrap_or(request.user_name)),
            locales: request.locales.iter().copied().chain(locale).collect(),
            facts: request.facts.clone(),
            valid_minutes: request.expires_at.map(|end| self.minutes_until(end)),
        };
        let sent = match (&self.providers, destination) {
            (ChannelProviders::Sms(chain), Destination::Sms(to)) => {
                let country = Numbering::of(&to).country;
                let sender_id = country.and_then(|country| self.policy.sender_id(country.code()));
                let life = request.expires_at.map_or_else(
                    || self.messages.validity(request.purpose),
                    |end| end.duration_since(self.dependencies.clock.now()),
                );
                let sms = Sms {
                    sender_id: sender_id.map(str::to_owned),
                    text: self.messages.sms(&content),
                    time_to_live: Duration::try_from(life).unwrap_or_default(),
                    to,
                };
                chain.send(&sms, deadline).await
            }
            (ChannelProviders::Email(chain), Destination::Email(to)) => {
                chain.send(&Email { to, text: self.messages.email(&content) }, deadline).await
            }
            // Each trigger only reads the address of its own channel.
            (ChannelProviders::Sms(_), Destination::Email(_))
            | (ChannelProviders::Email(_), Destination::Sms(_)) => {
                return SendOutcome::Failed(SendFailure::NoAddress);
            }
        };
        match sent {
            Ok(provider) => SendOutcome::Sent { provider },
            Err(ProviderChainFault::AddressRejected) => SendOutcome::Failed(SendFailure::AddressRejected),
            Err(ProviderChainFault::OptedOut) => SendOutcome::Failed(SendFailure::OptedOut),
            Err(ProviderChainFault::NoProvider) => SendOutcome::Failed(SendFailure::NoProvider),
        }
    }

    /// Returns the validity in whole minutes, at least one.
    fn minutes_until(&self, end: Timestamp) -> u32 {
        let seconds = end.duration_since(self.dependencies.clock.now()).as_secs();
        u32::try_from((seconds + 30) / 60).unwrap_or_default().max(1)
    }

    /// Reports the outcome to operators: a log line, a metric and, if nothing was sent, an audit line.
    async fn report(&self, user: Option<&UserId>, ended: &SendResult, receipt: Option<&AdmissionReceipt>) {
        let channel = self.channel();
        let reason = match (&ended.outcome, &ended.withheld) {
            (SendOutcome::Sent { provider }, _) => {
                tracing::info!(channel = channel.name(), provider, "message sent");
                self.count_sent(receipt);
                return;
            }
            (SendOutcome::Refused(reason), withheld) => {
                withheld.iter().for_each(count_withheld);
                reason.name()
            }
            (SendOutcome::Failed(failure), _) => {
                Metric::MessageFailed.emit();
                failure.name()
            }
        };
        tracing::warn!(channel = channel.name(), reason, "message not sent");
        // Without a user there is no audit trail to write to.
        let Some(user) = user.cloned() else { return };
        let SenderDependencies { trail, clock, entropy, .. } = &self.dependencies;
        let action = AuditAction::MessageNotSent { channel: channel.name(), reason };
        let appended = match AuditEntry::new(clock.as_ref(), entropy.as_ref(), user, action) {
            Ok(entry) => trail.append(&entry).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = appended {
            telemetry::dependency_failed(&fault);
        }
    }

    fn count_sent(&self, receipt: Option<&AdmissionReceipt>) {
        if self.channel() == Channel::Email {
            Metric::EmailSent.emit();
            return;
        }
        let origin = receipt.map(|receipt| receipt.origin.clone()).unwrap_or_default();
        Metric::SmsSent.emit_with(&origin.facts());
        if receipt.is_some_and(|receipt| receipt.is_unverified) {
            Metric::SmsSentUnverified.emit_with(&origin.facts());
        }
    }
}

fn count_withheld(withheld: &Withheld) {
    let mut facts = withheld.origin.facts();
    facts.push(("reason", withheld.reason.name()));
    facts.extend(withheld.reason.scope().map(|scope| ("scope", scope.name())));
    Metric::MessageThrottled.emit_with(&facts);
    if matches!(withheld.reason, NotSent::NothingVerified(_)) {
        Metric::LowConversion.emit_with(&facts);
    }
}

/// A send lease that we hold.
struct HeldLease {
    /// The attempt's number, from 1.
    attempt: u32,
    /// When the first attempt began.
    first_seen: Timestamp,
    /// When we asked for the lease.
    asked: Instant,
}

/// The result of an attempt.
struct SendResult {
    outcome: SendOutcome,
    withheld: Option<Withheld>,
}

impl From<SendFailure> for SendResult {
    fn from(failure: SendFailure) -> Self {
        Self { outcome: SendOutcome::Failed(failure), withheld: None }
    }
}

fn unavailable(fault: &PortError) -> SendFailure {
    telemetry::dependency_failed(fault);
    SendFailure::Unavailable
}
