//! The keys and what is done with them: AES-256-GCM with the encryption context as additional
//! data, HMAC-SHA-256.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_user_pool::ports::{DataKey, DataKeyFault, DataKeys};
use serde::{Deserialize, Serialize};

use super::error::{KeyUsage, KmsError};
use crate::ambient::unique_id;

const KEY_LEN: usize = 32;
/// First byte of every ciphertext of this key store.
const CIPHERTEXT_VERSION: u8 = 1;
/// A key id as it stands in a ciphertext: a UUID in text.
const ID_LEN: usize = 36;

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    usage: KeyUsage,
    description: String,
    /// 32 bytes in base64.
    material: String,
    #[serde(default)]
    grants: Vec<Grant>,
}

/// Who may use a key beside those whom policies name, in the words of `ListGrants`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Grant {
    #[serde(rename = "GrantId")]
    pub id: String,
    pub grantee_principal: String,
    pub operations: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<Constraints>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Constraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_subset: Option<EncryptionContext>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_equals: Option<EncryptionContext>,
}

impl Grant {
    fn allows(&self, operation: &str, context: &EncryptionContext) -> bool {
        let constraints = self.constraints.clone().unwrap_or_default();
        let subset = constraints.encryption_context_subset.unwrap_or_default();
        let has = |(name, value): (&String, &String)| context.get(name) == Some(value);
        self.operations.iter().any(|allowed| allowed == operation)
            && subset.iter().all(has)
            && constraints.encryption_context_equals.is_none_or(|equal| equal == *context)
    }
}

/// What `DescribeKey` tells.
#[derive(Debug, Clone)]
pub struct KeyMetadata {
    pub id: String,
    pub arn: String,
    pub usage: KeyUsage,
    pub description: String,
}

/// The bytes bound to a ciphertext besides its key.
pub(crate) type EncryptionContext = BTreeMap<String, String>;

/// The account's keys.
pub struct KeyStore {
    file: Option<PathBuf>,
    account_id: String,
    arn_prefix: String,
    keys: Mutex<BTreeMap<String, Key>>,
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore(..)")
    }
}

impl KeyStore {
    /// Reads the keys back from `file`; `None` keeps them in memory.
    pub fn open(file: Option<PathBuf>, region: &str, account_id: &str) -> anyhow::Result<Self> {
        let keys = match &file {
            Some(path) if path.exists() => serde_json::from_slice(&fs::read(path)?).map_err(|error| {
                anyhow::anyhow!("{} holds no keys ({error}); start with --fresh", path.display())
            })?,
            _ => BTreeMap::new(),
        };
        let arn_prefix = format!("arn:aws:kms:{region}:{account_id}:key/");
        let account_id = account_id.to_owned();
        Ok(Self { file, account_id, arn_prefix, keys: Mutex::new(keys) })
    }

    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    pub fn create(&self, usage: KeyUsage, description: &str) -> Result<KeyMetadata, KmsError> {
        let mut material = [0_u8; KEY_LEN];
        fill(&mut material)?;
        let material = STANDARD.encode(material);
        let key = Key { usage, description: description.to_owned(), material, grants: Vec::new() };
        let id = unique_id().to_string();
        let mut keys = self.lock();
        keys.insert(id.clone(), key);
        self.save(&keys)?;
        drop(keys);
        self.describe(&id)
    }

    /// The key with this description, made if it is not there.
    pub fn ensure(&self, usage: KeyUsage, description: &str) -> Result<KeyMetadata, KmsError> {
        let found =
            self.lock().iter().find(|(_, key)| key.description == description).map(|(id, _)| id.clone());
        match found {
            Some(id) => self.describe(&id),
            None => self.create(usage, description),
        }
    }

    /// `key` is an id or an ARN.
    pub fn describe(&self, key: &str) -> Result<KeyMetadata, KmsError> {
        let (id, key) = self.find(key)?;
        let arn = format!("{}{id}", self.arn_prefix);
        Ok(KeyMetadata { id, arn, usage: key.usage, description: key.description })
    }

    /// Adds a grant; one that is there already is not made twice.
    pub fn grant(&self, key: &str, mut grant: Grant) -> Result<String, KmsError> {
        let (id, found) = self.find(key)?;
        let same = |other: &&Grant| Grant { id: grant.id.clone(), ..(*other).clone() } == grant;
        if let Some(other) = found.grants.iter().find(same) {
            return Ok(other.id.clone());
        }
        grant.id = unique_id().simple().to_string();
        let grant_id = grant.id.clone();
        let mut keys = self.lock();
        if let Some(key) = keys.get_mut(&id) {
            key.grants.push(grant);
        }
        self.save(&keys)?;
        Ok(grant_id)
    }

    pub fn grants(&self, key: &str) -> Result<Vec<Grant>, KmsError> {
        Ok(self.find(key)?.1.grants)
    }

    pub fn revoke(&self, key: &str, grant_id: &str) -> Result<(), KmsError> {
        let (id, found) = self.find(key)?;
        if !found.grants.iter().any(|grant| grant.id == grant_id) {
            return Err(KmsError::NotFound(grant_id.to_owned()));
        }
        let mut keys = self.lock();
        if let Some(key) = keys.get_mut(&id) {
            key.grants.retain(|grant| grant.id != grant_id);
        }
        self.save(&keys)
    }

    pub fn encrypt(
        &self,
        key: &str,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KmsError> {
        let (id, key) = self.find_for(key, KeyUsage::EncryptDecrypt, "Encrypt")?;
        let mut sealed = plaintext.to_vec();
        let nonce = sealing(&key)?
            .seal_in_place_append_tag(aad(context), &mut sealed)
            .map_err(|error| KmsError::Internal(error.to_string()))?;
        let mut ciphertext = vec![CIPHERTEXT_VERSION];
        ciphertext.extend_from_slice(id.as_bytes());
        ciphertext.extend_from_slice(nonce.as_ref());
        ciphertext.append(&mut sealed);
        Ok(ciphertext)
    }

    /// The plaintext and the ARN of the key; `key`, if given, must be that key.
    pub fn decrypt(
        &self,
        ciphertext: &[u8],
        context: &EncryptionContext,
        key: Option<&str>,
    ) -> Result<(Vec<u8>, String), KmsError> {
        let (id, nonce, sealed) = parts(ciphertext).ok_or(KmsError::InvalidCiphertext)?;
        if let Some(expected) = key
            && self.find(expected)?.0 != id
        {
            return Err(KmsError::IncorrectKey);
        }
        let (id, key) = self.find(id).map_err(|_| KmsError::InvalidCiphertext)?;
        let mut opened = sealed.to_vec();
        let plaintext = sealing(&key)?
            .open_in_place(nonce, aad(context), &mut opened)
            .map_err(|_| KmsError::InvalidCiphertext)?;
        Ok((plaintext.to_vec(), format!("{}{id}", self.arn_prefix)))
    }

    /// Random bytes in plain and encrypted.
    pub fn generate_data_key(
        &self,
        key: &str,
        length: usize,
        context: &EncryptionContext,
    ) -> Result<(Vec<u8>, Vec<u8>), KmsError> {
        let mut plaintext = vec![0_u8; length];
        fill(&mut plaintext)?;
        let ciphertext = self.encrypt(key, &plaintext, context)?;
        Ok((plaintext, ciphertext))
    }

    pub fn generate_mac(&self, key: &str, message: &[u8]) -> Result<Vec<u8>, KmsError> {
        let (_, key) = self.find_for(key, KeyUsage::Mac, "GenerateMac")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &material(&key)?);
        Ok(hmac::sign(&key, message).as_ref().to_vec())
    }

    pub fn verify_mac(&self, key: &str, message: &[u8], mac: &[u8]) -> Result<(), KmsError> {
        let (_, key) = self.find_for(key, KeyUsage::Mac, "VerifyMac")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &material(&key)?);
        hmac::verify(&key, message, mac).map_err(|_| KmsError::InvalidMac)
    }

    fn find(&self, key: &str) -> Result<(String, Key), KmsError> {
        let id = key.strip_prefix(&self.arn_prefix).unwrap_or(key);
        let keys = self.lock();
        let found = keys.get_key_value(id).map(|(id, key)| (id.clone(), key.clone()));
        found.ok_or_else(|| KmsError::NotFound(format!("{}{id}", self.arn_prefix)))
    }

    fn find_for(
        &self,
        key: &str,
        usage: KeyUsage,
        operation: &'static str,
    ) -> Result<(String, Key), KmsError> {
        let (id, key) = self.find(key)?;
        if key.usage != usage {
            let arn = format!("{}{id}", self.arn_prefix);
            return Err(KmsError::InvalidKeyUsage(arn, key.usage.name(), operation));
        }
        Ok((id, key))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Written beside the old file and then renamed: a crash leaves the one or the other.
    fn save(&self, keys: &BTreeMap<String, Key>) -> Result<(), KmsError> {
        let Some(path) = &self.file else { return Ok(()) };
        let write = || -> std::io::Result<()> {
            let beside = path.with_extension("new");
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&serde_json::to_vec_pretty(keys)?)?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(|error| KmsError::Internal(format!("{}: {error}", path.display())))
    }
}

/// To whom grants for custom-sender codes are given, and what for.
const COGNITO: &str = "cognito-idp.amazonaws.com";
const FOR_CODES: [&str; 2] = ["Encrypt", "GenerateDataKey"];

#[async_trait]
impl DataKeys for KeyStore {
    async fn generate(&self, key_arn: &str, context: &EncryptionContext) -> Result<DataKey, DataKeyFault> {
        let grants = self.grants(key_arn).unwrap_or_default();
        let may =
            |grant: &Grant| grant.grantee_principal == COGNITO && grant.allows("GenerateDataKey", context);
        if !grants.iter().any(may) {
            return Err(DataKeyFault(format!("AccessDeniedException: {COGNITO} has no grant on {key_arn}")));
        }
        let (plaintext, ciphertext) = self
            .generate_data_key(key_arn, KEY_LEN, context)
            .map_err(|error| DataKeyFault(format!("{}: {error}", error.code())))?;
        let plaintext = plaintext.try_into().map_err(|_| DataKeyFault("no 32 bytes".to_owned()))?;
        Ok(DataKey { plaintext, ciphertext })
    }

    fn grant(&self, key_arn: &str, context: &EncryptionContext) {
        let constraints =
            Constraints { encryption_context_subset: Some(context.clone()), encryption_context_equals: None };
        let grant = Grant {
            id: String::new(),
            grantee_principal: COGNITO.to_owned(),
            operations: FOR_CODES.map(str::to_owned).into(),
            constraints: Some(constraints),
            name: None,
        };
        if let Err(error) = Self::grant(self, key_arn, grant) {
            tracing::warn!(%error, key_arn, "no grant for custom-sender codes");
        }
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), KmsError> {
    rand::fill(bytes).map_err(|error| KmsError::Internal(error.to_string()))
}

fn material(key: &Key) -> Result<Vec<u8>, KmsError> {
    STANDARD.decode(&key.material).map_err(|error| KmsError::Internal(error.to_string()))
}

fn sealing(key: &Key) -> Result<RandomizedNonceKey, KmsError> {
    RandomizedNonceKey::new(&AES_256_GCM, &material(key)?)
        .map_err(|error| KmsError::Internal(error.to_string()))
}

/// Sorted, and each part with its length, so that no two contexts look the same.
fn aad(context: &EncryptionContext) -> Aad<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in context.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Aad::from(bytes)
}

fn parts(ciphertext: &[u8]) -> Option<(&str, Nonce, &[u8])> {
    let (&version, rest) = ciphertext.split_first()?;
    let (id, rest) = rest.split_at_checked(ID_LEN)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
    let id = std::str::from_utf8(id).ok().filter(|_| version == CIPHERTEXT_VERSION)?;
    Some((id, Nonce::try_assume_unique_for_key(nonce).ok()?, sealed))
}

#[cfg(test)]
mod tests;
