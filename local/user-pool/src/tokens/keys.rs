//! A pool's two RSA keys: one signs ID tokens, the other access tokens (cognito.md §8.3).

use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::protocol::error::ApiError;
use crate::store::Store;

/// The first operation that needs the keys makes or loads them; the others wait.
pub(crate) type KeyCell = Arc<OnceLock<Result<Arc<PoolKeys>, KeyFault>>>;

pub(crate) struct PoolKeys {
    pub(super) id: SigningKey,
    pub(super) access: SigningKey,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("signing keys: {0}")]
pub(crate) struct KeyFault(String);

/// PKCS #8 in base64, as they are kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredKeys {
    id: String,
    access: String,
}

pub(super) struct SigningKey {
    kid: String,
    pair: KeyPair,
}

impl PoolKeys {
    /// Loads the pool's keys or makes them, the two in parallel. Takes up to some 200 ms of
    /// computing: not for the threads that serve requests.
    pub(crate) fn load_or_make(store: &Store, pool: &str) -> Result<Arc<Self>, KeyFault> {
        let fault = |source: &dyn std::fmt::Display| KeyFault(source.to_string());
        let keys = if let Some(stored) = store.keys(pool).map_err(|error| fault(&error))? {
            Self { id: SigningKey::load(&stored.id)?, access: SigningKey::load(&stored.access)? }
        } else {
            let (id, access) = std::thread::scope(|scope| {
                let other = scope.spawn(SigningKey::make);
                (SigningKey::make(), other.join())
            });
            let keys =
                Self { id: id?, access: access.map_err(|_| KeyFault("key generation stopped".to_owned()))?? };
            let stored = StoredKeys { id: keys.id.store()?, access: keys.access.store()? };
            store.save_keys(pool, &stored).map_err(|error| fault(&error))?;
            keys
        };
        Ok(Arc::new(keys))
    }

    /// The document at `<issuer>/.well-known/jwks.json`.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.id.jwk(), self.access.jwk()]})
    }

    /// Claims of a token either key signed; `None` for any other text.
    pub(super) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")? != "RS256" {
            return None;
        }
        let kid = header.get("kid")?.as_str()?;
        let key = [&self.id, &self.access].into_iter().find(|key| key.kid == kid)?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref());
        public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

impl SigningKey {
    fn make() -> Result<Self, KeyFault> {
        KeyPair::generate(KeySize::Rsa2048).map(Self::new).map_err(|error| KeyFault(error.to_string()))
    }

    fn load(stored: &str) -> Result<Self, KeyFault> {
        let der = STANDARD.decode(stored).map_err(|error| KeyFault(error.to_string()))?;
        KeyPair::from_pkcs8(&der).map(Self::new).map_err(|error| KeyFault(error.to_string()))
    }

    fn new(pair: KeyPair) -> Self {
        let print = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        Self { kid: STANDARD.encode(print), pair }
    }

    fn store(&self) -> Result<String, KeyFault> {
        let der: Pkcs8V1Der<'static> = self.pair.as_der().map_err(|error| KeyFault(error.to_string()))?;
        Ok(STANDARD.encode(der.as_ref()))
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "alg": "RS256",
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            "kid": self.kid,
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "use": "sig",
        })
    }

    /// A compact JWS over the claims.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, ApiError> {
        let header = json!({"kid": self.kid, "alg": "RS256"}).to_string();
        let payload = serde_json::to_vec(claims).map_err(ApiError::internal)?;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(ApiError::internal)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
