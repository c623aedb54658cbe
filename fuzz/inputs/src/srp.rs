//! A sign-in of Alex at the local pool by SRP, one parameter per line. The first two are `SRP_A` (`*K` is
//! K·N, `*K+R` a little more, `!` a right one) and the client's password. The other lines replace values of
//! the answer: the claim, the secret block, the time.

use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64;
use num_bigint::BigUint;
use serde_json::{Value, json};

use crate::pool::{PASSWORD, Stage, TEMPLATE, USERNAME};

/// The 3072-bit group of RFC 3526.
const N: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";
/// The client's secret a. It need not be a good one.
const SECRET: &str = "5f6c2d83a1b94e07c8d21f3540697b8e9a0c1d2e3f405162738495a6b7c8d9e0";
const TIMESTAMP: &str = "Fri Jan 2 03:04:05 UTC 2026";

static GROUP: LazyLock<(BigUint, BigUint)> = LazyLock::new(|| {
    let n = number(N);
    let public = BigUint::from(2_u8).modpow(&number(SECRET), &n);
    (n, public)
});

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).expect("hexadecimal")
}

/// Parses digits only, as SRP uses them. A library accepts more forms.
fn strict(hex: &str) -> Option<BigUint> {
    let is_hex = !hex.is_empty() && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| number(hex))
}

fn pad(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    digest::digest(&digest::SHA256, &parts.concat()).as_ref().to_vec()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

/// Returns the claim of a client with this password (cognito.md §3.7).
fn claim(challenge: &Value, password: &str, block: &[u8], timestamp: &str) -> Vec<u8> {
    let (n, public) = &*GROUP;
    let parameters = &challenge["ChallengeParameters"];
    let text = |name: &str| parameters[name].as_str().unwrap_or_else(|| panic!("no {name}: {challenge}"));
    let (salt, server) = (number(text("SALT")), number(text("SRP_B")));
    let (pool, user) = (TEMPLATE.pool.split_once('_').expect("an id").1, text("USER_ID_FOR_SRP"));
    let two = BigUint::from(2_u8);
    let k = BigUint::from_bytes_be(&hash(&[&pad(n), &pad(&two)]));
    let u = BigUint::from_bytes_be(&hash(&[&pad(public), &pad(&server)]));
    let inner = hash(&[pool.as_bytes(), user.as_bytes(), b":", password.as_bytes()]);
    let x = BigUint::from_bytes_be(&hash(&[&pad(&salt), &inner]));
    let base = (&server + n * &k - &k * two.modpow(&x, n)) % n;
    let shared = base.modpow(&(number(SECRET) + &u * &x), n);
    let key = mac(&mac(&pad(&u), &pad(&shared)), b"Caldera Derived Key\x01");
    mac(&key[..16], &[pool.as_bytes(), user.as_bytes(), block, timestamp.as_bytes()].concat())
}

/// Checks that a client signs in exactly if it has the password and answers correctly. A client whose A is 0
/// modulo N never signs in. Such an A would reveal the key.
pub fn sign_in(bytes: &[u8]) {
    let Some(text) = super::utf8(bytes) else { return };
    let (n, public) = &*GROUP;
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (first, password) = (line(), line());
    let srp_a = match (first, first.strip_prefix('*')) {
        ("!", _) => format!("{public:x}"),
        (_, Some(multiple)) => {
            let (times, more) = multiple.split_once('+').unwrap_or((multiple, "0"));
            let (Some(times), Some(more)) = (strict(times), strict(more)) else { return };
            format!("{:x}", n * times + more)
        }
        (text, None) => text.to_owned(),
    };
    let mut stage = Stage::new();
    let begin = json!({
        "ClientId": TEMPLATE.client, "AuthFlow": "USER_SRP_AUTH",
        "AuthParameters": {"USERNAME": USERNAME, "SRP_A": srp_a},
    });
    let is_zero = strict(&srp_a).is_some_and(|public| public % n == BigUint::ZERO);
    let challenge = match stage.call("InitiateAuth", &begin.to_string()) {
        Ok(challenge) => challenge,
        Err(refusal) => {
            assert!(first != "!", "a right A was refused: {refusal}");
            return;
        }
    };
    assert!(!is_zero, "an A that is 0 modulo N was taken: {first}");
    assert_eq!(challenge["ChallengeName"], "PASSWORD_VERIFIER");

    let own = challenge["ChallengeParameters"]["SECRET_BLOCK"].as_str().unwrap_or_default();
    let (claimed, block, timestamp) = (line(), line(), line());
    let block = if block.is_empty() { own } else { block };
    let timestamp = if timestamp.is_empty() { TIMESTAMP } else { timestamp };
    let password = if password == "!" { PASSWORD } else { password };
    let right = BASE64.decode(block.as_bytes()).map(|block| claim(&challenge, password, &block, timestamp));
    let right = BASE64.encode(&right.unwrap_or_default());
    let signature = if claimed.is_empty() { &right } else { claimed };
    let answer = json!({
        "ClientId": TEMPLATE.client, "ChallengeName": "PASSWORD_VERIFIER", "Session": challenge["Session"],
        "ChallengeResponses": {
            "USERNAME": USERNAME, "PASSWORD_CLAIM_SIGNATURE": signature, "PASSWORD_CLAIM_SECRET_BLOCK": block,
            "TIMESTAMP": timestamp,
        },
    });
    let answered = stage.call("RespondToAuthChallenge", &answer.to_string());
    // Another A than the one whose secret is known gives another key.
    let is_own = strict(&srp_a).is_some_and(|sent| sent % n == *public);
    let is_right = password == PASSWORD && *signature == right && block == own;
    assert!(answered.is_err() || (is_own && is_right), "somebody got on without the password: {text}");
    if first == "!" && is_right && timestamp == TIMESTAMP {
        assert!(answered.is_ok(), "a right claim was refused: {answered:?}");
    }
    // A failed client must start again, and only a right answer succeeds.
    let again = stage.call("RespondToAuthChallenge", &answer.to_string());
    assert!(again.is_err(), "the same session served twice: {text}");
}
