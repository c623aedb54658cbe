//! A message of the AWS Encryption SDK, version 1, suite 0x0378: AES-256-GCM, HKDF-SHA384, signed
//! with ECDSA P-384, no key commitment: byte for byte what Cognito sends (cognito.md §2.1).

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA384, KeyType, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::entropy;
use crate::ports::{DataKeyFault, DataKeys};

const SUITE: [u8; 2] = [0x03, 0x78];
const FRAME_LENGTH: u32 = 4096;
/// The SDKs sign until the DER form has this length, so that a message's length is known before.
const SIGNATURE_LENGTH: usize = 103;

#[derive(Debug, thiserror::Error)]
pub(super) enum EncryptionFault {
    #[error(transparent)]
    DataKey(#[from] DataKeyFault),
    #[error("cryptography failed")]
    Cryptography(#[from] Unspecified),
    #[error("a field is longer than the format allows")]
    TooLong(#[from] std::num::TryFromIntError),
}

/// Encrypts under a fresh data key of `key_arn`, bound to the pool. The result is base64.
pub(super) async fn encrypt(
    keys: &dyn DataKeys,
    key_arn: &str,
    pool_id: &str,
    plaintext: &[u8],
) -> Result<String, EncryptionFault> {
    let signer = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING)?;
    let context = BTreeMap::from([
        ("aws-crypto-public-key".to_owned(), STANDARD.encode(compressed(signer.public_key().as_ref())?)),
        ("userpool-id".to_owned(), pool_id.to_owned()),
    ]);
    let data_key = keys.generate(key_arn, &context).await?;
    let message_id = entropy::bytes::<16>();
    let content_key = content_key(&data_key.plaintext, &message_id)?;

    let mut message = header(&message_id, &context, key_arn, &data_key.ciphertext)?;
    let tag = seal(&content_key, [0; 12], &message, &mut [])?;
    message.extend_from_slice(&[0; 12]);
    message.extend_from_slice(&tag);

    let sequence = 1_u32.to_be_bytes();
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(8).zip(sequence).for_each(|(to, from)| *to = from);
    let length = u32::try_from(plaintext.len())?;
    let frame_context = [
        message_id.as_slice(),
        b"AWSKMSEncryptionClient Final Frame",
        &sequence,
        &u64::from(length).to_be_bytes(),
    ]
    .concat();
    let mut body = plaintext.to_vec();
    let tag = seal(&content_key, nonce, &frame_context, &mut body)?;
    message.extend_from_slice(&u32::MAX.to_be_bytes());
    message.extend_from_slice(&sequence);
    message.extend_from_slice(&nonce);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&body);
    message.extend_from_slice(&tag);

    let signature = sign(&signer, &message)?;
    message.extend_from_slice(&u16::try_from(signature.len())?.to_be_bytes());
    message.extend_from_slice(&signature);
    Ok(STANDARD.encode(message))
}

fn header(
    message_id: &[u8; 16],
    context: &BTreeMap<String, String>,
    key_arn: &str,
    encrypted_key: &[u8],
) -> Result<Vec<u8>, EncryptionFault> {
    let mut aad = u16::try_from(context.len())?.to_be_bytes().to_vec();
    for (name, value) in context {
        push_field(&mut aad, name.as_bytes())?;
        push_field(&mut aad, value.as_bytes())?;
    }
    let mut header = vec![0x01, 0x80];
    header.extend_from_slice(&SUITE);
    header.extend_from_slice(message_id);
    push_field(&mut header, &aad)?;
    header.extend_from_slice(&1_u16.to_be_bytes());
    for field in [b"aws-kms", key_arn.as_bytes(), encrypted_key] {
        push_field(&mut header, field)?;
    }
    // Framed content, four reserved bytes, the length of an IV.
    header.extend_from_slice(&[0x02, 0, 0, 0, 0, 12]);
    header.extend_from_slice(&FRAME_LENGTH.to_be_bytes());
    Ok(header)
}

fn push_field(to: &mut Vec<u8>, field: &[u8]) -> Result<(), EncryptionFault> {
    to.extend_from_slice(&u16::try_from(field.len())?.to_be_bytes());
    to.extend_from_slice(field);
    Ok(())
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn content_key(data_key: &[u8; 32], message_id: &[u8; 16]) -> Result<LessSafeKey, Unspecified> {
    let info: [&[u8]; 2] = [&SUITE, message_id];
    let mut key = [0; 32];
    Salt::new(HKDF_SHA384, &[]).extract(data_key).expand(&info, Bytes32)?.fill(&mut key)?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?))
}

/// Encrypts in place and gives the tag.
fn seal(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], content: &mut [u8]) -> Result<Vec<u8>, Unspecified> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    Ok(key.seal_in_place_separate_tag(nonce, Aad::from(aad), content)?.as_ref().to_vec())
}

/// From X9.62's uncompressed form: a byte for the parity of Y, then X.
fn compressed(point: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let coordinates = point.strip_prefix(&[0x04]).ok_or(Unspecified)?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2).ok_or(Unspecified)?;
    let parity = y.last().ok_or(Unspecified)? & 1;
    Ok([&[0x02 | parity], x].concat())
}

fn sign(signer: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    loop {
        let signature = signer.sign(&SystemRandom::new(), message)?;
        if signature.as_ref().len() == SIGNATURE_LENGTH {
            return Ok(signature.as_ref().to_vec());
        }
    }
}
