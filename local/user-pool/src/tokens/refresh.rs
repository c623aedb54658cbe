//! Refresh tokens: opaque; the store keeps a digest only.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;

use crate::UserPools;
use crate::entropy;
use crate::model::sign_in::SignIn;
use crate::protocol::error::ApiError;

/// A new token of a sign-in and the digest to keep of it.
pub(crate) fn make(sub: &str, origin_jti: &str) -> (String, String) {
    let secret = entropy::bytes::<48>();
    let token = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(format!("{sub}/{origin_jti}")),
        URL_SAFE_NO_PAD.encode(secret)
    );
    (token, digest_of(&secret))
}

fn digest_of(secret: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, secret).as_ref())
}

/// A refresh token that is known, and what it belongs to.
pub(crate) struct Presented {
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) digest: String,
}

impl UserPools {
    /// The sign-in a refresh token belongs to. The token may have been rotated out.
    pub(crate) fn refreshed_sign_in(&self, pool: &str, token: &str) -> Result<Presented, ApiError> {
        let invalid = || ApiError::not_authorized("Invalid Refresh Token");
        let (sub, origin_jti, secret) = parse(token).ok_or_else(invalid)?;
        if self.store.user(pool, &sub).is_none() {
            return Err(invalid());
        }
        let sign_in = self
            .store
            .sign_in(pool, &sub, &origin_jti)
            .ok_or_else(|| ApiError::not_authorized("Refresh Token has been revoked"))?;
        let digest = digest_of(&secret);
        if !sign_in.knows(&digest) {
            return Err(invalid());
        }
        if sign_in.refresh_expires <= self.now() {
            return Err(ApiError::not_authorized("Refresh Token has expired"));
        }
        Ok(Presented { sign_in, digest })
    }
}

fn parse(token: &str) -> Option<(String, String, Vec<u8>)> {
    let (sign_in, secret) = token.split_once('.')?;
    let sign_in = String::from_utf8(URL_SAFE_NO_PAD.decode(sign_in).ok()?).ok()?;
    let (sub, origin_jti) = sign_in.split_once('/')?;
    Some((sub.to_owned(), origin_jti.to_owned(), URL_SAFE_NO_PAD.decode(secret).ok()?))
}
