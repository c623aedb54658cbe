//! The providers that send messages to users. A new provider is a file here, a line in [`sms_providers`] or
//! [`email_providers`], and its name in `DeliveryPolicy::check`.

mod email_sender;
mod end_user_messaging;
mod ses;
mod sns;

use std::sync::Arc;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use mfa_core::{
    config::{Environment, policy::DeliveryPolicy},
    custom_auth::DrawnCodes,
    delivery::{
        ChannelProviders, QueueConsumer, SenderDependencies, SenderSettings,
        provider_chain::{Email, Provider, ProviderChain, Sms},
        sealed::DataKeys,
    },
    kernel::{HashKey, SystemClock, SystemEntropy},
};

pub use self::{
    email_sender::{EmailSender, InvalidSender},
    end_user_messaging::EndUserMessaging,
    ses::Ses,
    sns::Sns,
};
use crate::{Aws, Kms, Table};

/// Returns settings without retries and time-outs, because the chain of providers counts tries and time
/// itself. We disable them explicitly, because absent settings default to those of all clients. The time-out
/// of an attempt would then end a try as a retryable fault. The chain would not see that the provider hangs.
fn single_try() -> (RetryConfig, TimeoutConfig) {
    (RetryConfig::disabled(), TimeoutConfig::disabled())
}

/// Whether the service has accepted the message despite a fault. Its status was a success, but the rest of
/// its response, the message's id, was unreadable or did not arrive. A second request would send the message
/// twice.
fn is_taken<E>(fault: &SdkError<E, HttpResponse>) -> bool {
    fault.raw_response().is_some_and(|answer| answer.status().is_success())
}

/// The settings of text messages: `MFA_SMS_ORIGINATION_IDENTITY` (phone number, pool or sender id),
/// `MFA_SMS_CONFIGURATION_SET`. AWS chooses if they are not set.
#[derive(Debug, Clone, Default)]
pub struct SmsSettings {
    pub origination_identity: Option<String>,
    pub configuration_set: Option<String>,
}

impl SmsSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            origination_identity: environment.optional("MFA_SMS_ORIGINATION_IDENTITY"),
            configuration_set: environment.optional("MFA_SMS_CONFIGURATION_SET"),
        }
    }
}

/// The settings of e-mails: `MFA_EMAIL_FROM`, `MFA_EMAIL_CONFIGURATION_SET`.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// An address of a verified identity, with an optional name: `Example <no-reply@example.com>`. It is
    /// absent if it is invalid, and then the function does not start.
    pub from: Option<EmailSender>,
    pub configuration_set: Option<String>,
}

impl EmailSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let from = environment.required("MFA_EMAIL_FROM");
        let parsed = EmailSender::parse(&from);
        if let Err(fault) = &parsed
            && !from.is_empty()
        {
            environment.problem(format!("MFA_EMAIL_FROM {fault}"));
        }
        Self { from: parsed.ok(), configuration_set: environment.optional("MFA_EMAIL_CONFIGURATION_SET") }
    }
}

/// Returns the dependencies of the senders of both channels.
pub fn delivery_dependencies(aws: &Aws) -> SenderDependencies {
    dependencies_at(&Arc::new(Table::new(aws)), Some(Arc::new(Kms::new(aws))))
}

fn dependencies_at(table: &Arc<Table>, keys: Option<Arc<dyn DataKeys>>) -> SenderDependencies {
    SenderDependencies {
        leases: table.clone(),
        keys,
        budgets: table.clone(),
        addresses: None,
        trail: table.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

/// The settings of `deliver`: both channels, without keys for sealed codes.
#[derive(Debug)]
pub struct DeliverSettings {
    sender: SenderSettings,
    sms: SmsSettings,
    email: EmailSettings,
    challenge_key: HashKey,
    recovery_key: HashKey,
}

impl DeliverSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            sender: SenderSettings::read_for_queue(environment),
            sms: SmsSettings::read(environment),
            email: EmailSettings::read(environment),
            challenge_key: environment.challenge_key(),
            recovery_key: environment.recovery_key(),
        }
    }
}

/// Creates the consumer that sends messages by both channels and draws the codes of custom challenges.
pub fn deliver(aws: &Aws, settings: &DeliverSettings) -> QueueConsumer {
    let table = Arc::new(Table::new(aws));
    let dependencies = dependencies_at(&table, None);
    let (policy, entropy) = (&settings.sender.policy.delivery, &dependencies.entropy);
    let sms =
        ProviderChain::new(sms_providers(aws, &settings.sms, policy), policy.sms.clone(), entropy.clone());
    let email = ProviderChain::new(
        email_providers(aws, &settings.email, policy),
        policy.email.clone(),
        entropy.clone(),
    );
    let sender = |providers| settings.sender.sender(dependencies.clone(), providers);
    let digits = settings.sender.policy.custom_auth.code_digits;
    let codes = DrawnCodes::new(table, entropy.clone(), settings.challenge_key.clone(), digits);
    QueueConsumer::new(sender(ChannelProviders::Sms(sms)), sender(ChannelProviders::Email(email)))
        .with_codes(Arc::new(codes))
        .with_recoveries(settings.recovery_key.clone())
}

/// Returns the providers of `delivery.sms.providers` in that order.
pub fn sms_providers(
    aws: &Aws,
    settings: &SmsSettings,
    policy: &DeliveryPolicy,
) -> Vec<Arc<dyn Provider<Sms>>> {
    policy
        .sms
        .providers
        .iter()
        .filter_map(|name| -> Option<Arc<dyn Provider<Sms>>> {
            match name.as_str() {
                EndUserMessaging::NAME => Some(Arc::new(EndUserMessaging::new(aws, settings.clone()))),
                Sns::NAME => Some(Arc::new(Sns::new(aws, settings.clone()))),
                _ => None,
            }
        })
        .collect()
}

/// Returns the providers of `delivery.email.providers` in that order.
pub fn email_providers(
    aws: &Aws,
    settings: &EmailSettings,
    policy: &DeliveryPolicy,
) -> Vec<Arc<dyn Provider<Email>>> {
    policy
        .email
        .providers
        .iter()
        .filter(|name| *name == Ses::NAME)
        .map(|_| -> Arc<dyn Provider<Email>> { Arc::new(Ses::new(aws, settings.clone())) })
        .collect()
}
