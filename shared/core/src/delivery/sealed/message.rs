//! The message format (cognito.md §2.2, "Byte layout"), read strictly front to back.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{
    Unreadable,
    suite::{IV, Suite, TAG, verify_signature},
};

/// Cognito's messages have about 600 bytes. Longer ones than this are not read at all.
const MAX_BYTES: usize = 4096;
/// A code or a temporary password (256 characters, HTML-escaped) is far shorter.
const MAX_CONTENT: usize = 1024;
/// The maximum number of pairs in the encryption context, and of data keys.
const MAX_ENTRIES: u16 = 8;

const SIGNING_KEY: &str = "aws-crypto-public-key";
const KMS: &[u8] = b"aws-kms";

/// The bytes of a message.
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn decode(base64: &str) -> Result<Self, Unreadable> {
        if base64.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(Unreadable::TooLong);
        }
        BASE64.decode(base64.as_bytes()).map(Self).map_err(|_| Unreadable::Base64)
    }

    pub(super) fn parse(&self) -> Result<Parsed<'_>, Unreadable> {
        let mut rest = Cursor { bytes: &self.0, at: 0 };
        let version = rest.byte("the version")?;
        if version == 1 && rest.byte("the type")? != 0x80 {
            return Err(Unreadable::Unexpected("the type"));
        }
        let id = rest.array("the suite")?;
        let suite = Suite::from_id(version, id).ok_or(Unreadable::Unexpected("the suite"))?;
        let message_id = rest.take(if version == 1 { 16 } else { 32 }, "the message id")?;
        let context = context(&mut rest)?;
        let data_keys = data_keys(&mut rest)?;
        if rest.byte("the content type")? != 2 {
            return Err(Unreadable::Unexpected("the content type"));
        }
        if version == 1 {
            let reserved: [u8; 4] = rest.array("the reserved bytes")?;
            let iv_length = rest.byte("the IV length")?;
            if reserved != [0; 4] || usize::from(iv_length) != IV {
                return Err(Unreadable::Unexpected("the IV length"));
            }
        }
        let frame_length = u32::from_be_bytes(rest.array("the frame length")?);
        let commitment = if version == 1 { None } else { Some(rest.take(32, "the key commitment")?) };
        let header = rest.before();
        let header_iv = if version == 1 { rest.array("the header IV")? } else { [0; IV] };
        let header_tag = rest.take(TAG, "the header tag")?;
        let frame = frame(&mut rest, frame_length)?;
        let signed = rest.before();
        let signature = if suite.is_signed() {
            let length = rest.u16("the signature")?;
            Some(rest.take(usize::from(length), "the signature")?)
        } else {
            None
        };
        if rest.bytes.len() != rest.at {
            return Err(Unreadable::Unexpected("the end"));
        }
        if suite.is_signed() != context.contains_key(SIGNING_KEY) {
            return Err(Unreadable::Unexpected("the signing key"));
        }
        Ok(Parsed {
            suite,
            message_id,
            context,
            data_keys,
            commitment,
            header,
            header_iv,
            header_tag,
            frame,
            signed,
            signature,
        })
    }
}

/// A completely parsed message. Nothing in it is verified yet.
pub(super) struct Parsed<'a> {
    suite: Suite,
    message_id: &'a [u8],
    pub(super) context: BTreeMap<String, String>,
    data_keys: Vec<SealedKey<'a>>,
    commitment: Option<&'a [u8]>,
    header: &'a [u8],
    header_iv: [u8; IV],
    header_tag: &'a [u8],
    frame: Frame<'a>,
    signed: &'a [u8],
    signature: Option<&'a [u8]>,
}

struct SealedKey<'a> {
    provider: &'a [u8],
    /// For the provider `aws-kms`, the key's ARN.
    info: &'a [u8],
    ciphertext: &'a [u8],
}

struct Frame<'a> {
    iv: [u8; IV],
    length: u32,
    /// Ciphertext and tag.
    sealed: &'a [u8],
}

impl<'a> Parsed<'a> {
    /// The one data key that is sealed under `key_arn`.
    pub(super) fn data_key_under(&self, key_arn: &str) -> Result<&'a [u8], Unreadable> {
        let mut ours =
            self.data_keys.iter().filter(|key| key.provider == KMS && key.info == key_arn.as_bytes());
        match (ours.next(), ours.next()) {
            (Some(key), None) => Ok(key.ciphertext),
            _ => Err(Unreadable::OtherKey),
        }
    }

    /// Verifies commitment, header, frame and signature, and then returns the content.
    pub(super) fn open(&self, data_key: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let key = self.suite.content_key(data_key, self.message_id, self.commitment)?;
        key.open(self.header_iv, self.header, self.header_tag).ok_or(Unreadable::Forged("the header"))?;
        let aad = [
            self.message_id,
            b"AWSKMSEncryptionClient Final Frame",
            &1_u32.to_be_bytes(),
            &u64::from(self.frame.length).to_be_bytes(),
        ]
        .concat();
        let content =
            key.open(self.frame.iv, &aad, self.frame.sealed).ok_or(Unreadable::Forged("the frame"))?;
        if let Some(signature) = self.signature {
            let public_key = self.context.get(SIGNING_KEY).and_then(|key| BASE64.decode(key.as_bytes()).ok());
            let public_key = public_key.ok_or(Unreadable::Unexpected("the signing key"))?;
            verify_signature(&public_key, self.signed, signature)?;
        }
        Ok(content)
    }
}

fn context(rest: &mut Cursor<'_>) -> Result<BTreeMap<String, String>, Unreadable> {
    const WHAT: &str = "the encryption context";
    let length = rest.u16(WHAT)?;
    let mut pairs = Cursor { bytes: rest.take(usize::from(length), WHAT)?, at: 0 };
    let mut context = BTreeMap::new();
    let count = pairs.u16(WHAT)?;
    if count > MAX_ENTRIES {
        return Err(Unreadable::Unexpected(WHAT));
    }
    for _ in 0..count {
        let key = pairs.text(WHAT)?;
        let value = pairs.text(WHAT)?;
        // The format demands sorted, unique keys, so that a context has only one spelling.
        if context.last_key_value().is_some_and(|(last, _): (&String, _)| *last >= key) {
            return Err(Unreadable::Unexpected(WHAT));
        }
        context.insert(key, value);
    }
    if pairs.bytes.len() == pairs.at { Ok(context) } else { Err(Unreadable::Unexpected(WHAT)) }
}

fn data_keys<'a>(rest: &mut Cursor<'a>) -> Result<Vec<SealedKey<'a>>, Unreadable> {
    const WHAT: &str = "the data keys";
    let count = rest.u16(WHAT)?;
    if !(1..=MAX_ENTRIES).contains(&count) {
        return Err(Unreadable::Unexpected(WHAT));
    }
    (0..count)
        .map(|_| {
            Ok(SealedKey {
                provider: rest.field(WHAT)?,
                info: rest.field(WHAT)?,
                ciphertext: rest.field(WHAT)?,
            })
        })
        .collect()
}

/// Reads the only frame, which must be final. Codes are shorter than any frame.
fn frame<'a>(rest: &mut Cursor<'a>, frame_length: u32) -> Result<Frame<'a>, Unreadable> {
    const WHAT: &str = "the frame";
    let marker: [u8; 4] = rest.array(WHAT)?;
    let sequence = u32::from_be_bytes(rest.array(WHAT)?);
    let iv = rest.array(WHAT)?;
    let length = u32::from_be_bytes(rest.array(WHAT)?);
    let content = usize::try_from(length).unwrap_or(usize::MAX);
    if marker != [0xff; 4] || sequence != 1 || length > frame_length || content > MAX_CONTENT {
        return Err(Unreadable::Unexpected(WHAT));
    }
    Ok(Frame { iv, length, sealed: rest.take(content + TAG, WHAT)? })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Unreadable> {
        let end = self.at.checked_add(length).ok_or(Unreadable::Truncated(what))?;
        let taken = self.bytes.get(self.at..end).ok_or(Unreadable::Truncated(what))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Unreadable> {
        self.take(N, what)?.try_into().map_err(|_| Unreadable::Truncated(what))
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, Unreadable> {
        self.array(what).map(|[byte]| byte)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, Unreadable> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Reads a length of two bytes, then that number of bytes.
    fn field(&mut self, what: &'static str) -> Result<&'a [u8], Unreadable> {
        let length = self.u16(what)?;
        self.take(usize::from(length), what)
    }

    fn text(&mut self, what: &'static str) -> Result<String, Unreadable> {
        std::str::from_utf8(self.field(what)?).map(str::to_owned).map_err(|_| Unreadable::Unexpected(what))
    }

    /// Returns all bytes read so far.
    fn before(&self) -> &'a [u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }
}
