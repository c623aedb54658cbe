//! The client's half of SRP, written from cognito.md §3.7 for the tests alone.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use num_bigint::BigUint;
use serde_json::{Value, json};

const N: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

pub(crate) const TIMESTAMP: &str = "Tue Nov 3 09:05:07 UTC 2026";

pub(crate) struct SrpClient {
    n: BigUint,
    secret: BigUint,
    public: BigUint,
}

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

fn pad(number: &BigUint) -> Vec<u8> {
    let mut hex = format!("{number:x}");
    if hex.len() % 2 == 1 {
        hex.insert(0, '0');
    }
    if hex.as_bytes()[0] >= b'8' {
        hex.insert_str(0, "00");
    }
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn h(data: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, data).as_ref().to_vec()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

impl SrpClient {
    pub(crate) fn new() -> Self {
        let mut seed = [0; 128];
        aws_lc_rs::rand::fill(&mut seed).unwrap();
        let n = number(N);
        let secret = BigUint::from_bytes_be(&seed) % &n;
        let public = BigUint::from(2_u8).modpow(&secret, &n);
        Self { n, secret, public }
    }

    pub(crate) fn srp_a(&self) -> String {
        format!("{:x}", self.public)
    }

    /// `ChallengeResponses` of `PASSWORD_VERIFIER`.
    pub(crate) fn answer(&self, pool_id: &str, challenge: &Value, password: &str) -> Value {
        let group = pool_id.split_once('_').unwrap().1;
        let user = challenge["ChallengeParameters"]["USER_ID_FOR_SRP"].as_str().unwrap();
        self.proof(group, user, challenge, password)
    }

    /// For a user in their pool or a device in its group.
    #[expect(clippy::many_single_char_names, reason = "SRP's own names")]
    pub(crate) fn proof(&self, group: &str, user: &str, challenge: &Value, password: &str) -> Value {
        let parameters = &challenge["ChallengeParameters"];
        let text = |name: &str| parameters[name].as_str().unwrap_or_else(|| panic!("{name} in {challenge}"));
        let (salt, b) = (number(text("SALT")), number(text("SRP_B")));
        let g = BigUint::from(2_u8);
        let k = BigUint::from_bytes_be(&h(&[pad(&self.n), pad(&g)].concat()));
        let u = BigUint::from_bytes_be(&h(&[pad(&self.public), pad(&b)].concat()));
        let inner = h(format!("{group}{user}:{password}").as_bytes());
        let x = BigUint::from_bytes_be(&h(&[pad(&salt), inner].concat()));
        let base = (&b + &self.n * &k - &k * g.modpow(&x, &self.n)) % &self.n;
        let shared = base.modpow(&(&self.secret + &u * &x), &self.n);
        let key = mac(&mac(&pad(&u), &pad(&shared)), b"Caldera Derived Key\x01");
        let block = STANDARD.decode(text("SECRET_BLOCK")).unwrap();
        let message = [group.as_bytes(), user.as_bytes(), &block, TIMESTAMP.as_bytes()].concat();
        json!({
            "USERNAME": text("USERNAME"),
            "PASSWORD_CLAIM_SECRET_BLOCK": text("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": STANDARD.encode(mac(&key[..16], &message)),
            "TIMESTAMP": TIMESTAMP,
        })
    }
}

/// `Salt` and `PasswordVerifier` of `ConfirmDevice`, as bytes.
pub(crate) fn device_verifier(group: &str, key: &str, password: &str, salt: &BigUint) -> (Vec<u8>, Vec<u8>) {
    let inner = h(format!("{group}{key}:{password}").as_bytes());
    let x = BigUint::from_bytes_be(&h(&[pad(salt), inner].concat()));
    (pad(salt), pad(&BigUint::from(2_u8).modpow(&x, &number(N))))
}
