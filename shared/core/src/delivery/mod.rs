//! Sends messages to users, from an event with a sealed code or from a queued message. A request results in
//! one message, sent by the first provider that accepts it.

mod message;
mod provider_chain;
mod purpose;
mod queue;
mod queue_consumer;
mod sealed;
mod send_leases;
mod send_request;
mod sender;
mod sender_settings;
mod toll_fraud;

pub use message::{
    CognitoPlaceholders, CognitoTexts, Content, EmailText, Encoding, Finding, Messages, Segments, Severity,
    SmsText, check,
};
pub use provider_chain::{Email, Provider, ProviderChain, ProviderChainFault, ProviderFault, Sms};
pub use purpose::{Channel, Notice, Purpose};
pub use queue::{
    ChallengeCode, ChallengeCodes, InvalidOutboundMessage, MailedRecovery, MessageQueue, Notification,
    OutboundMessage, Recipient, RecoveryNotification,
};
pub use queue_consumer::QueueConsumer;
pub use sealed::{DataKeyCiphertext, DataKeys, Plaintext, Unreadable, Unseal, UnsealFault};
pub use send_leases::{DeliveryId, Lease, SendFailure, SendLeases, SendOutcome};
pub use send_request::{CodeSource, FoundUser, SendRequest, VerifiedEmails};
pub use sender::Sender;
pub use sender_settings::{ChannelProviders, SenderDependencies, SenderSettings};
pub use toll_fraud::{
    AdmissionDecision, AdmissionReceipt, AdmissionRequest, BudgetCounter, BudgetCounts, BudgetLimits,
    BudgetRefusal, BudgetScope, BudgetWindow, Budgets, Completion, CounterIncrement, Country, Credit,
    Destination, Governor, GovernorRules, GovernorSettings, LastSend, NotSent, NumberRules, NumberType,
    Numbering, Requester, Reservation, ReservationOutcome, SendHistory, TrustLevel, UnverifiedCodes,
    Withheld,
};
