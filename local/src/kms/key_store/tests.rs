use super::*;

fn context(value: &str) -> EncryptionContext {
    BTreeMap::from([("userpool-id".to_owned(), value.to_owned())])
}

fn store() -> (KeyStore, String) {
    let store = KeyStore::open(None, "us-east-1", "111122223333").unwrap();
    let key = store.create(KeyUsage::EncryptDecrypt, "codes").unwrap();
    (store, key.arn)
}

#[test]
fn what_was_encrypted_opens_with_the_same_context_only() {
    let (store, arn) = store();
    let sealed = store.encrypt(&arn, b"seed", &context("a")).unwrap();
    assert_eq!(store.decrypt(&sealed, &context("a"), None).unwrap(), (b"seed".to_vec(), arn));
    assert_eq!(store.decrypt(&sealed, &context("b"), None), Err(KmsError::InvalidCiphertext));
    assert_eq!(store.decrypt(&sealed, &BTreeMap::new(), None), Err(KmsError::InvalidCiphertext));
    assert_ne!(
        sealed,
        store
            .encrypt(&store.decrypt(&sealed, &context("a"), None).unwrap().1, b"seed", &context("a"))
            .unwrap()
    );
}

#[test]
fn another_key_or_a_changed_byte_opens_nothing() {
    let (store, arn) = store();
    let other = store.create(KeyUsage::EncryptDecrypt, "other").unwrap().arn;
    let sealed = store.encrypt(&arn, b"seed", &context("a")).unwrap();
    assert_eq!(store.decrypt(&sealed, &context("a"), Some(&other)), Err(KmsError::IncorrectKey));
    for at in [0, 5, 40, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(store.decrypt(&changed, &context("a"), None), Err(KmsError::InvalidCiphertext));
    }
    assert_eq!(store.decrypt(b"", &context("a"), None), Err(KmsError::InvalidCiphertext));
}

#[test]
fn keys_outlive_the_process_and_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kms.json");
    let first = KeyStore::open(Some(file.clone()), "us-east-1", "111122223333").unwrap();
    let arn = first.ensure(KeyUsage::EncryptDecrypt, "codes").unwrap().arn;
    let sealed = first.encrypt(&arn, b"seed", &context("a")).unwrap();
    let second = KeyStore::open(Some(file.clone()), "us-east-1", "111122223333").unwrap();
    assert_eq!(second.decrypt(&sealed, &context("a"), None).unwrap().0, b"seed");
    assert_eq!(second.ensure(KeyUsage::EncryptDecrypt, "codes").unwrap().arn, arn);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn cognito_makes_data_keys_by_its_grant_and_for_its_pool_only() {
    let (store, arn) = store();
    let pool = context("us-east-1_a");
    assert!(store.generate(&arn, &pool).await.is_err(), "no grant yet");
    DataKeys::grant(&store, &arn, &pool);
    DataKeys::grant(&store, &arn, &pool);
    assert!(store.generate(&arn, &pool).await.is_ok());
    assert!(store.generate(&arn, &context("us-east-1_b")).await.is_err(), "another pool");
    let grants = store.grants(&arn).unwrap();
    assert_eq!(grants.len(), 1, "asked for twice, given once");
    store.revoke(&arn, &grants[0].id).unwrap();
    assert!(store.generate(&arn, &pool).await.is_err(), "revoked");
    assert_eq!(store.revoke(&arn, &grants[0].id).unwrap_err().code(), "NotFoundException");
    DataKeys::grant(&store, "arn:aws:kms:us-east-1:111122223333:key/none", &pool);
}

#[test]
fn macs_verify_and_usages_are_kept_apart() {
    let (store, arn) = store();
    let mac_key = store.create(KeyUsage::Mac, "macs").unwrap().arn;
    let mac = store.generate_mac(&mac_key, b"code").unwrap();
    assert_eq!(store.verify_mac(&mac_key, b"code", &mac), Ok(()));
    assert_eq!(store.verify_mac(&mac_key, b"other", &mac), Err(KmsError::InvalidMac));
    assert_eq!(store.generate_mac(&arn, b"code").unwrap_err().code(), "InvalidKeyUsageException");
    assert_eq!(store.encrypt(&mac_key, b"x", &context("a")).unwrap_err().code(), "InvalidKeyUsageException");
}
