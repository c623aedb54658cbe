//! Secure Remote Password as Cognito speaks it (cognito.md §3.7): the 3072-bit group of RFC 3526,
//! SHA-256, and a key derived with the info `Caldera Derived Key`.

use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac};
use num_bigint::BigUint;

use crate::entropy;

const N_HEX: &[u8] = b"\
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

static N: LazyLock<BigUint> = LazyLock::new(|| BigUint::parse_bytes(N_HEX, 16).unwrap_or_default());
static G: LazyLock<BigUint> = LazyLock::new(|| BigUint::from(2_u8));
static K: LazyLock<BigUint> = LazyLock::new(|| hash(&[&pad(&N), &pad(&G)]));

/// g^(d·16^i) at row i, column d−1: with these, a power of g is one multiplication a hex digit of
/// its exponent, where squaring would take four more.
static POWERS_OF_G: LazyLock<Vec<Vec<BigUint>>> = LazyLock::new(|| {
    let mut base = G.clone();
    let mut rows = Vec::with_capacity(EXPONENT_DIGITS);
    for _ in 0..EXPONENT_DIGITS {
        let row: Vec<_> =
            std::iter::successors(Some(base.clone()), |power| Some(power * &base % &*N)).take(15).collect();
        base = row.last().map(|last| last * &base % &*N).unwrap_or_default();
        rows.push(row);
    }
    rows
});

/// Of the 256-bit exponents all our powers of g have.
const EXPONENT_DIGITS: usize = 64;

/// g^exponent mod N. Its time depends on the exponent, which a service on one's own machine may.
fn power_of_g(exponent: &BigUint) -> BigUint {
    let digits = exponent.to_radix_le(16);
    if digits.len() > EXPONENT_DIGITS {
        return G.modpow(exponent, &N);
    }
    let factors = digits
        .into_iter()
        .zip(POWERS_OF_G.iter())
        .filter_map(|(digit, row)| row.get(usize::from(digit.checked_sub(1)?)));
    factors.fold(BigUint::from(1_u8), |product, factor| product * factor % &*N)
}

/// The shortest two's-complement form of a positive number: a zero byte before a set top bit.
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

/// Hex digits of any count, as clients send them.
pub(crate) fn parse_hex(hex: &str) -> Option<BigUint> {
    BigUint::parse_bytes(hex.as_bytes(), 16)
}

/// Whose secret is proven: pool and user, or device group and device.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The pool's name after `_`, or the device group's key.
    pub(crate) group: String,
    /// `USER_ID_FOR_SRP`, or the device's key.
    pub(crate) name: String,
}

/// Salt and verifier of a password, in hex.
pub(crate) fn enrol(identity: &Identity, password: &str) -> (String, String) {
    let salt = BigUint::from_bytes_be(&entropy::bytes::<16>());
    let verifier = verifier(identity, &salt, password);
    (format!("{salt:x}"), format!("{verifier:x}"))
}

/// Whether the password gives the verifier. Costs one modular exponentiation, known user or not.
pub(crate) fn password_matches(
    identity: &Identity,
    salt_hex: &str,
    verifier_hex: &str,
    password: &str,
) -> bool {
    let Some(salt) = parse_hex(salt_hex) else {
        return false;
    };
    let computed = format!("{:x}", verifier(identity, &salt, password));
    crate::model::secret::Secret::new(computed).matches(verifier_hex)
}

fn verifier(identity: &Identity, salt: &BigUint, password: &str) -> BigUint {
    let inner = sha256(&[identity.group.as_bytes(), identity.name.as_bytes(), b":", password.as_bytes()]);
    let x = hash(&[&pad(salt), inner.as_ref()]);
    power_of_g(&x)
}

/// Salt and verifier of a user who isn't there: the same at each try, and no password fits
/// (RFC 5054 §2.5.1.3).
pub(crate) fn simulate(seed: &[u8], identity: &Identity) -> (String, String) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed);
    let part = |label: &str| {
        let mut context = hmac::Context::with_key(&key);
        context.update(label.as_bytes());
        context.update(identity.group.as_bytes());
        context.update(b"\0");
        context.update(identity.name.as_bytes());
        context.sign()
    };
    let salt = part("salt");
    let salt = salt.as_ref().get(..16).unwrap_or_default();
    let verifier: Vec<u8> =
        (0_u8..12).flat_map(|index| part(&format!("verifier {index}")).as_ref().to_vec()).collect();
    let salt = BigUint::from_bytes_be(salt);
    let verifier = BigUint::from_bytes_be(&verifier) % &*N;
    (format!("{salt:x}"), format!("{verifier:x}"))
}

/// The server's half of one exchange, kept until the client's proof arrives.
#[derive(Clone)]
pub(crate) struct Exchange {
    identity: Identity,
    client_public: BigUint,
    verifier: BigUint,
    secret: BigUint,
    public: BigUint,
    salt_hex: String,
    secret_block: Vec<u8>,
}

impl Exchange {
    /// `None` if `SRP_A` is no number or a multiple of N.
    pub(crate) fn begin(identity: Identity, srp_a: &str, salt_hex: &str, verifier_hex: &str) -> Option<Self> {
        let client_public = parse_hex(srp_a)?;
        if &client_public % &*N == BigUint::ZERO {
            return None;
        }
        let verifier = parse_hex(verifier_hex)?;
        let secret = BigUint::from_bytes_be(&entropy::bytes::<32>());
        let public = (&*K * &verifier + power_of_g(&secret)) % &*N;
        let secret_block = entropy::bytes::<64>().to_vec();
        let salt_hex = salt_hex.to_owned();
        Some(Self { identity, client_public, verifier, secret, public, salt_hex, secret_block })
    }

    pub(crate) fn salt_hex(&self) -> &str {
        &self.salt_hex
    }

    pub(crate) fn srp_b(&self) -> String {
        format!("{:x}", self.public)
    }

    pub(crate) fn secret_block(&self) -> &[u8] {
        &self.secret_block
    }

    /// Checks `PASSWORD_CLAIM_SIGNATURE` in constant time.
    pub(crate) fn accepts(&self, signature: &[u8], secret_block: &[u8], timestamp: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.session_key());
        let message = [
            self.identity.group.as_bytes(),
            self.identity.name.as_bytes(),
            secret_block,
            timestamp.as_bytes(),
        ]
        .concat();
        secret_block == self.secret_block && hmac::verify(&key, &message, signature).is_ok()
    }

    fn session_key(&self) -> [u8; 16] {
        let u = hash(&[&pad(&self.client_public), &pad(&self.public)]);
        let base = &self.client_public * self.verifier.modpow(&u, &N) % &*N;
        let shared = base.modpow(&self.secret, &N);
        let salt = hmac::Key::new(hmac::HMAC_SHA256, &pad(&u));
        let extracted = hmac::sign(&salt, &pad(&shared));
        let expand = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        let expanded = hmac::sign(&expand, b"Caldera Derived Key\x01");
        let mut key = [0; 16];
        key.iter_mut().zip(expanded.as_ref()).for_each(|(to, from)| *to = *from);
        key
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::{G, N, power_of_g};
    use crate::entropy;

    #[test]
    fn the_table_gives_the_powers_of_g() {
        let random = BigUint::from_bytes_be(&entropy::bytes::<32>());
        let longest = (BigUint::from(1_u8) << 256) - 1_u8;
        let too_long = &longest + 1_u8;
        for exponent in [BigUint::ZERO, BigUint::from(1_u8), BigUint::from(16_u8), random, longest, too_long]
        {
            assert_eq!(power_of_g(&exponent), G.modpow(&exponent, &N), "{exponent:x}");
        }
    }
}
