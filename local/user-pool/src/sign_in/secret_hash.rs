//! `SECRET_HASH`: Base64(HMAC-SHA256(client secret, USERNAME ‖ `ClientId`)).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::client::Client;
use crate::protocol::error::ApiError;

/// Whether the hash is right for one of the names; no hash is right for a client without a secret.
pub(crate) fn check_secret_hash(client: &Client, names: &[&str], hash: Option<&str>) -> Result<(), ApiError> {
    let refused = |text: String| Err(ApiError::not_authorized(text));
    match (&client.secret, hash) {
        (None, None) => Ok(()),
        (None, Some(_)) => refused(format!(
            "Client {} is not configured for secret but secret hash was received",
            client.id
        )),
        (Some(_), None) => refused(format!(
            "Client {} is configured with secret but SECRET_HASH was not received",
            client.id
        )),
        (Some(secret), Some(hash)) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            let tag = STANDARD.decode(hash).unwrap_or_default();
            let fits = |name: &&str| {
                hmac::verify(
                    &key,
                    [name.as_bytes(), client.id.as_bytes()].concat().as_slice(),
                    &tag,
                )
                .is_ok()
            };
            if names.iter().any(fits) {
                return Ok(());
            }
            refused(format!("Unable to verify secret hash for client {}", client.id))
        }
    }
}
