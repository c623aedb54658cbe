//! An authenticator for tests: makes attestations and assertions, right ones and wrong ones.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD as B64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(super) struct SoftwareAuthenticator {
    pub(super) id: Vec<u8>,
    pair: EcdsaKeyPair,
}

/// What an authenticator puts into its answer. A test changes one member.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) kind: &'static str,
    pub(super) challenge: String,
    pub(super) origin: &'static str,
    pub(super) cross_origin: bool,
    pub(super) relying_party: &'static str,
    /// `UP` is 1, `UV` is 4, `BE` is 8, `BS` is 16.
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) handle: Option<String>,
    pub(super) breaks_signature: bool,
}

impl Said {
    /// Returns what an honest authenticator says to these options.
    pub(super) fn to(options: &Value, kind: &'static str, handle: Option<String>) -> Self {
        Self {
            kind,
            challenge: options["challenge"].as_str().unwrap().to_owned(),
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
        serde_json::to_vec(&data).unwrap()
    }

    fn authenticator_data(&self, extra: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.relying_party).to_vec();
        data.push(self.flags | extra);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

impl SoftwareAuthenticator {
    pub(super) fn new(id: u8) -> Self {
        Self { id: vec![id; 32], pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap() }
    }

    /// Returns an attestation without a statement (`none`).
    pub(super) fn register(&self, said: &Said) -> Value {
        let mut data = said.authenticator_data(0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.pair.public_key().as_ref();
        // COSE_Key: kty EC2, alg ES256, crv P-256, x, y.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..]);
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).unwrap());
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

    pub(super) fn assert(&self, said: &Said) -> Value {
        let (client_data, data) = (said.client_data(), said.authenticator_data(0));
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let mut signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        if said.breaks_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let mut response = json!({
            "clientDataJSON": B64.encode(&client_data),
            "authenticatorData": B64.encode(&data),
            "signature": B64.encode(&signature),
        });
        if let Some(handle) = &said.handle {
            response["userHandle"] = handle.clone().into();
        }
        json!({
            "id": B64.encode(&self.id), "rawId": B64.encode(&self.id), "type": "public-key",
            "clientExtensionResults": {}, "response": response,
        })
    }
}
