use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::toll_fraud::NotSent;
use crate::kernel::PortError;

/// The identity of one request by Cognito to send a message, the same for every delivery of it. Lambda
/// retries failed deliveries, and delivers at least once (cognito.md §1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// `request` distinguishes requests. It is the sealed code, which differs each time even for the same
    /// code, or the `EVENT_ID` of a notification.
    pub fn new(user_pool_id: &str, user_name: &str, source: &str, request: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [user_pool_id, user_name, source, request] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(data_encoding::HEXLOWER.encode(&hash.finalize()))
    }

    /// Wraps an id from the table.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The state of a send lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The caller holds the lease, for attempt `attempt` (from 1) since `first_seen`.
    Acquired { attempt: u32, first_seen: Timestamp },
    /// Another worker holds the lease. If it does not complete the lease by `until`, it is considered dead.
    Held { until: Timestamp },
    /// The delivery has an outcome.
    Completed,
}

/// The outcome of a delivery. It contains no address and no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    Sent { provider: &'static str },
    Refused(NotSent),
    Failed(SendFailure),
}

/// Why a message that should have been sent was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFailure {
    /// The code had already expired when we got the delivery.
    Expired,
    /// The sealed code can't be opened.
    Unreadable,
    /// KMS or the table did not answer.
    Unavailable,
    /// The event names no address.
    NoAddress,
    /// The provider says that the address can't be reached.
    AddressRejected,
    /// The owner of the address wants no messages.
    OptedOut,
    /// No provider answered in time.
    NoProvider,
}

impl SendFailure {
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Unreadable => "unreadable",
            Self::Unavailable => "unavailable",
            Self::NoAddress => "no-address",
            Self::AddressRejected => "address-rejected",
            Self::OptedOut => "opted-out",
            Self::NoProvider => "no-provider",
        }
    }
}

/// Leases deliveries, so that one worker at a time handles each.
///
/// Contract: each call is one conditional write. Of `n` racing workers, one acquires the lease, and the
/// others see it held. A lease that was not completed can be acquired again from `until` on, with the next
/// number. A completed one is never acquired again. Only a late success still changes its outcome.
#[async_trait]
pub trait SendLeases: Send + Sync + std::fmt::Debug {
    /// Acquires the lease for `id` from `now` to `until`.
    async fn acquire(&self, id: &DeliveryId, now: Timestamp, until: Timestamp) -> Result<Lease, PortError>;

    /// Stores the outcome for the holder of attempt `attempt`. If the worker has lost the lease meanwhile,
    /// only [`SendOutcome::Sent`] counts.
    async fn complete(
        &self,
        id: &DeliveryId,
        attempt: u32,
        outcome: SendOutcome,
        now: Timestamp,
    ) -> Result<(), PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_identified_by_pool_user_source_and_request() {
        let id = |parts: [&str; 4]| DeliveryId::new(parts[0], parts[1], parts[2], parts[3]);
        let one = id(["pool", "alex", "CustomSMSSender_SignUp", "AYAD"]);
        assert_eq!(one, id(["pool", "alex", "CustomSMSSender_SignUp", "AYAD"]));
        for other in [
            ["loop", "alex", "CustomSMSSender_SignUp", "AYAD"],
            ["pool", "sam", "CustomSMSSender_SignUp", "AYAD"],
            ["pool", "alex", "CustomSMSSender_ResendCode", "AYAD"],
            ["pool", "alex", "CustomSMSSender_SignUp", "AYAE"],
            ["poola", "lex", "CustomSMSSender_SignUp", "AYAD"],
        ] {
            assert_ne!(one, id(other));
        }
    }
}
