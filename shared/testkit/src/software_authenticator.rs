//! An authenticator for tests: makes attestations and assertions, right ones and wrong ones.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD as B64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One passkey with its key pair.
#[derive(Debug)]
pub struct SoftwareAuthenticator {
    pub id: Vec<u8>,
    pair: EcdsaKeyPair,
}

/// What an authenticator puts into its answer. A test changes one member.
#[derive(Debug, Clone)]
pub struct Said {
    pub kind: &'static str,
    pub challenge: String,
    pub origin: &'static str,
    pub cross_origin: bool,
    pub relying_party: &'static str,
    /// `UP` is 1, `UV` is 4, `BE` is 8, `BS` is 16.
    pub flags: u8,
    pub counter: u32,
    pub handle: Option<String>,
    pub breaks_signature: bool,
}

impl Said {
    /// Returns what an honest authenticator says to these options.
    pub fn to(options: &Value, kind: &'static str, handle: Option<String>) -> Self {
        Self {
            kind,
            challenge: options.get("challenge").and_then(Value::as_str).expect("a challenge").to_owned(),
            origin: "https://login.example.com",
            cross_origin: false,
            relying_party: "example.com",
            flags: 1 | 4 | 8,
            counter: 1,
            handle,
            breaks_signature: false,
        }
    }

    fn client_data(&self) -> Vec<u8> {
        let data = json!({
            "type": self.kind, "challenge": self.challenge, "origin": self.origin,
            "crossOrigin": self.cross_origin,
        });
        serde_json::to_vec(&data).expect("JSON")
    }

    fn authenticator_data(&self, extra: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.relying_party).to_vec();
        data.push(self.flags | extra);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

impl SoftwareAuthenticator {
    /// Draws a key. `id` fills the credential's id.
    pub fn new(id: u8) -> Self {
        Self {
            id: vec![id; 32],
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
        }
    }

    /// Returns an attestation without a statement (`none`).
    pub fn register(&self, said: &Said) -> Value {
        let mut data = said.authenticator_data(0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("a short id").to_be_bytes());
        data.extend(&self.id);
        let (_, point) = self.pair.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(32);
        // COSE_Key: kty EC2, alg ES256, crv P-256, x, y.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(x);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(y);
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).expect("a short id"));
        object.extend(&data);
        json!({
            "id": B64.encode(&self.id), "rawId": B64.encode(&self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": B64.encode(&said.client_data()),
                "attestationObject": B64.encode(&object),
                "transports": ["internal"],
            },
        })
    }

    /// Returns an assertion.
    pub fn assert(&self, said: &Said) -> Value {
        let (client_data, data) = (said.client_data(), said.authenticator_data(0));
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let mut signature = self.pair.sign(&SystemRandom::new(), &signed).expect("signs").as_ref().to_vec();
        if said.breaks_signature {
            *signature.last_mut().expect("bytes") ^= 1;
        }
        let mut response = json!({
            "clientDataJSON": B64.encode(&client_data),
            "authenticatorData": B64.encode(&data),
            "signature": B64.encode(&signature),
        });
        if let (Some(handle), Some(members)) = (&said.handle, response.as_object_mut()) {
            members.insert("userHandle".to_owned(), handle.clone().into());
        }
        json!({
            "id": B64.encode(&self.id), "rawId": B64.encode(&self.id), "type": "public-key",
            "clientExtensionResults": {}, "response": response,
        })
    }
}
