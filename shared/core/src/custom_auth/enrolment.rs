use std::sync::Arc;

use jiff::Timestamp;

use super::{SigningIn, round_state::Nonce};
use crate::{
    audit::{AuditAction, AuditEntry, AuditTrail, FactorEvent},
    delivery::{MessageQueue, Notice, Notification, OutboundMessage, Recipient, toll_fraud::Destination},
    factors::{
        custom::{Authenticator, FactorId, SealedSeed, TotpSeed},
        enrolment::FriendlyDeviceName,
    },
    kernel::{HashKey, PortError, UserId},
    telemetry,
};

/// The name of an authenticator that the user has set up in a sign-in. The user can rename it.
const NAME: &str = "Authenticator app";

/// Derives the seed of an authenticator that the user sets up. Before the confirmation, we store nothing: the
/// salt travels in Cognito's encrypted session, and the key stays with the functions.
pub(super) fn derived_seed(key: &HashKey, user: &UserId, nonce: &Nonce, salt: u128) -> Option<TotpSeed> {
    let parts: [&[u8]; 3] = [user.as_str().as_bytes(), nonce.as_str().as_bytes(), &salt.to_be_bytes()];
    // A hash has 128 bits, so two hashes have more than the 160 bits of a seed (RFC 4226 §4, R6).
    let hashes = [key.hash("enrolment-seed-1", &parts), key.hash("enrolment-seed-2", &parts)].concat();
    let bytes = data_encoding::HEXLOWER.decode(hashes.as_bytes()).ok()?;
    TotpSeed::from_bytes(bytes.get(..20)?)
}

/// Records the set-up of a first authenticator in a sign-in, and notifies the user.
#[derive(Debug)]
pub struct SignInEnrolment {
    audit: Arc<dyn AuditTrail>,
    queue: Arc<dyn MessageQueue>,
}

impl SignInEnrolment {
    pub fn new(audit: Arc<dyn AuditTrail>, queue: Arc<dyn MessageQueue>) -> Self {
        Self { audit, queue }
    }

    /// Appends the audit line and returns the authenticator to store. The ids are derived from the sign-in,
    /// so that an event that Cognito delivers again leaves one line.
    pub(super) async fn begin(
        &self,
        user: &UserId,
        nonce: &Nonce,
        seed: SealedSeed,
        now: Timestamp,
    ) -> Result<(FactorId, Authenticator), PortError> {
        let broken = |_| PortError::new("enrolment", "a constant can't be read");
        let id = FactorId::parse(nonce.as_str()).map_err(broken)?;
        let name = FriendlyDeviceName::parse(NAME).map_err(|_| PortError::new("enrolment", "no name"))?;
        let event = FactorEvent::AuthenticatorConfirmed;
        let action = AuditAction::CustomFactor { event, id: Some(id.uuid()) };
        let entry = AuditEntry { id: line_id(nonce, now), user: user.clone(), at: now, action, by: None };
        self.audit.append(&entry).await?;
        Ok((id, Authenticator { name, seed, created_at: now, is_confirmed: true }))
    }

    /// Queues a notification to a verified address. The factor is already set up, so a fault is only reported
    /// to the operator.
    pub(super) async fn tell(&self, request: &SigningIn<'_>, nonce: &Nonce, now: Timestamp) {
        let email = request.email.clone().map(Destination::Email);
        let destination = email.or_else(|| request.phone.clone().map(Destination::Sms));
        let (Some(user), Some(destination)) = (&request.user, destination) else {
            tracing::info!("the user has no verified address to be told at");
            return;
        };
        let to = Recipient {
            user: user.clone(),
            user_name: request.user_name.to_owned(),
            destination,
            is_verified: true,
            locales: request.locales.iter().map(|&locale| locale.to_owned()).collect(),
        };
        let (id, name) = (line_id(nonce, now), Some(NAME.to_owned()));
        let message = Notification { id, notice: Notice::AuthenticatorAdded, name, at: now, to };
        if let Err(fault) = self.queue.enqueue(&OutboundMessage::Notification(message)).await {
            telemetry::dependency_failed(&fault);
        }
    }
}

/// Returns the id of the audit line. It sorts by time like all lines. Repeated deliveries of one answer in
/// the same second get the same id.
fn line_id(nonce: &Nonce, now: Timestamp) -> uuid::Uuid {
    let random = data_encoding::HEXLOWER.decode(nonce.as_str().as_bytes()).unwrap_or_default();
    let mut bytes = [0; 10];
    bytes.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
    let milliseconds = u64::try_from(now.as_second()).unwrap_or_default().saturating_mul(1_000);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_of_one_user_sign_in_and_salt() {
        let (key, other_key) = (HashKey::new(&[7; 32]), HashKey::new(&[8; 32]));
        let user = |name: &str| UserId::parse(name).unwrap();
        let nonce = |digit: &str| Nonce::parse(&digit.repeat(32)).unwrap();
        let seed = |key: &HashKey, name: &str, digit: &str, salt| {
            derived_seed(key, &user(name), &nonce(digit), salt).unwrap().expose().to_vec()
        };
        let one = seed(&key, "alex", "a", 1);
        assert_eq!(one, seed(&key, "alex", "a", 1));
        for other in [
            seed(&other_key, "alex", "a", 1),
            seed(&key, "sam", "a", 1),
            seed(&key, "alex", "b", 1),
            seed(&key, "alex", "a", 2),
        ] {
            assert_ne!(one, other);
        }
    }
}
