//! A passkey authenticator with its browser (`WebAuthn` Level 3), written for the tests alone: everything that it
//! says can be made wrong.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const RELYING_PARTY: &str = "example.com";

pub(crate) struct PasskeyDevice {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    pub(crate) handle: String,
    pub(crate) relying_party: String,
    pub(crate) origin: String,
    pub(crate) verifies_user: bool,
    /// Of the last signature; 0 for a device without a counter.
    pub(crate) counter: u32,
    pub(crate) counts: bool,
}

fn sha256(data: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, data).as_ref().to_vec()
}

fn encode(data: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

impl PasskeyDevice {
    pub(crate) fn new() -> Self {
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id,
            handle: String::new(),
            relying_party: RELYING_PARTY.to_owned(),
            origin: format!("https://{RELYING_PARTY}"),
            verifies_user: true,
            counter: 0,
            counts: true,
        }
    }

    pub(crate) fn id(&self) -> String {
        encode(&self.id)
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let challenge = challenge.as_str().unwrap();
        format!(
            r#"{{"type":"webauthn.{kind}","challenge":"{challenge}","origin":"{}","crossOrigin":false}}"#,
            self.origin
        )
        .into_bytes()
    }

    fn authenticator_data(&self, attested: &[u8]) -> Vec<u8> {
        let flags = 1 | if self.verifies_user { 4 } else { 0 } | if attested.is_empty() { 0 } else { 0x40 };
        let mut data = sha256(self.relying_party.as_bytes());
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data.extend(attested);
        data
    }

    /// Answers `CredentialCreationOptions`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        self.handle = String::from_utf8(handle).unwrap();
        let point = self.key.public_key().as_ref();
        // ES256 on P-256: kty 2, alg -7, crv 1, x, y.
        let mut attested = vec![0; 16];
        attested.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        attested.extend(&self.id);
        attested.extend([0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20]);
        attested.extend(&point[1..33]);
        attested.extend([0x22, 0x58, 0x20]);
        attested.extend(&point[33..65]);
        let data = self.authenticator_data(&attested);
        let mut object = vec![0xA3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xA0\x68authData\x58");
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(self.client_data("create", &options["challenge"])),
                "attestationObject": encode(object),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// Answers `CREDENTIAL_REQUEST_OPTIONS`.
    pub(crate) fn get(&mut self, options: &Value) -> String {
        if self.counts {
            self.counter += 1;
        }
        let client_data = self.client_data("get", &options["challenge"]);
        let data = self.authenticator_data(&[]);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data),
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": encode(&self.handle),
            },
        })
        .to_string()
    }
}
