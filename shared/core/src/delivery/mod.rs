//! Sends messages to users, from an event with a sealed code or from a queued message. A request results in
//! one message, sent by the first provider that accepts it.

pub mod message;
pub mod provider_chain;
mod purpose;
mod queue;
mod queue_consumer;
pub mod sealed;
pub mod send_leases;
pub mod send_request;
mod sender;
mod sender_settings;
pub mod toll_fraud;

pub use purpose::{Channel, Notice, Purpose};
pub use queue::{
    ChallengeCode, ChallengeCodes, InvalidOutboundMessage, MailedRecovery, MessageQueue, Notification,
    OutboundMessage, Recipient, RecoveryNotification,
};
pub use queue_consumer::QueueConsumer;
pub use sender::Sender;
pub use sender_settings::{ChannelProviders, SenderDependencies, SenderSettings};
