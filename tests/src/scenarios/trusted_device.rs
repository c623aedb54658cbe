use anyhow::{Context as _, Result};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{accepted, text};
use crate::Cloud;
use crate::claims;

/// A browser's key, registered through the MFA API.
#[derive(Debug)]
pub(super) struct TrustedDevice {
    id: String,
    sub: String,
    key: EcdsaKeyPair,
}

impl TrustedDevice {
    /// Registers the key. The access token must be from a custom sign-in in which a code was entered just
    /// now.
    pub(super) async fn register(cloud: &Cloud, token: &str) -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let public: PublicKeyX509Der<'_> = key.public_key().as_der()?;
        let device = json!({ "name": "Laptop", "publicKey": STANDARD.encode(public.as_ref()) });
        let path = "/mfa/trusted-devices";
        let kept = accepted(path, cloud.api("POST", path, Some(token), &device).await?)?;
        Ok(Self { id: text(&kept, "/id")?, sub: text(&claims(token)?, "/sub")?, key })
    }

    /// Returns the key's answer to a challenge at an app client.
    pub(super) fn sign(&self, challenge: &Value, client: &str) -> Result<String> {
        let nonce = text(challenge, "/ChallengeParameters/nonce")?;
        let statement = ["cognito-mfa/trusted-device/1", &nonce, &self.sub, client].join("\n");
        let signature =
            self.key.sign(&SystemRandom::new(), statement.as_bytes()).ok().context("no signature")?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Ok(json!({ "device": self.id, "signature": signature }).to_string())
    }
}
