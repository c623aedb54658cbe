//! The client's half of SRP, from cognito.md §3.7. It is independent of the pool's own code, so that a fault
//! in one shows.

use std::collections::HashMap;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use serde_json::{Value, json};

const N_HEX: &[u8] = b"\
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

const TIMESTAMP: &str = "Tue Nov 3 09:05:07 UTC 2026";

static N: LazyLock<BigUint> = LazyLock::new(|| BigUint::parse_bytes(N_HEX, 16).unwrap_or_default());
static G: LazyLock<BigUint> = LazyLock::new(|| BigUint::from(2_u8));
static K: LazyLock<BigUint> = LazyLock::new(|| hash(&[&pad(&N), &pad(&G)]));

/// A client with as little arithmetic as the server permits, so that the load is the server's. Its secret has
/// 256 bits, the least that RFC 5054 §2.5.3 allows, and serves all its sign-ins. It keeps what it computed
/// for a user. Neither saves the server any work.
pub(crate) struct SrpClient {
    secret: BigUint,
    public: BigUint,
    /// x → g^x, by user and salt.
    verifiers: HashMap<BigUint, BigUint>,
}

impl SrpClient {
    pub(crate) fn new() -> Result<Self> {
        let mut seed = [0; 32];
        rand::fill(&mut seed).context("no random bytes")?;
        let secret = BigUint::from_bytes_be(&seed);
        let public = G.modpow(&secret, &N);
        Ok(Self { secret, public, verifiers: HashMap::new() })
    }

    pub(crate) fn srp_a(&self) -> String {
        format!("{:x}", self.public)
    }

    /// Returns `ChallengeResponses` for the parameters of a `PASSWORD_VERIFIER` challenge.
    pub(crate) fn answer(&mut self, user_pool_id: &str, parameters: &Value, password: &str) -> Result<Value> {
        let text =
            |name: &str| parameters.get(name).and_then(Value::as_str).with_context(|| format!("no {name}"));
        let number = |name: &str| {
            BigUint::parse_bytes(text(name)?.as_bytes(), 16).with_context(|| format!("{name} is no number"))
        };
        let (_, pool) = user_pool_id.split_once('_').context("no pool id")?;
        let (user, block) = (text("USER_ID_FOR_SRP")?, text("SECRET_BLOCK")?);
        let (salt, b) = (number("SALT")?, number("SRP_B")?);
        let u = hash(&[&pad(&self.public), &pad(&b)]);
        let inner = sha256(&[pool.as_bytes(), user.as_bytes(), b":", password.as_bytes()]);
        let x = hash(&[&pad(&salt), inner.as_ref()]);
        let exponent = &self.secret + &u * &x;
        let verifier = self.verifiers.entry(x).or_insert_with_key(|x| G.modpow(x, &N));
        let base = (b + &*N * &*K - &*K * &*verifier) % &*N;
        let shared = base.modpow(&exponent, &N);
        let key = mac(mac(&pad(&u), &[&pad(&shared)]).as_ref(), &[b"Caldera Derived Key\x01"]);
        let key = key.as_ref().get(..16).unwrap_or_default();
        let secret_block = STANDARD.decode(block).context("SECRET_BLOCK")?;
        let signature = mac(key, &[pool.as_bytes(), user.as_bytes(), &secret_block, TIMESTAMP.as_bytes()]);
        Ok(json!({
            "USERNAME": user,
            "PASSWORD_CLAIM_SECRET_BLOCK": block,
            "PASSWORD_CLAIM_SIGNATURE": STANDARD.encode(signature),
            "TIMESTAMP": TIMESTAMP,
        }))
    }
}

/// Returns the shortest two's-complement form of a positive number: a zero byte before a set top bit.
fn pad(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

fn hash(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(sha256(parts).as_ref())
}

fn sha256(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}
