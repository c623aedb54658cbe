//! KMS' protocol: AWS JSON 1.1, `TrentService`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{KeyUsage, KmsError};
use super::key_store::{Constraints, EncryptionContext, Grant, KeyMetadata, KeyStore};

/// `GenerateDataKey` gives 1 to 1024 bytes.
const LONGEST_DATA_KEY: usize = 1024;
/// `Encrypt` takes 4096 bytes, and so do the MAC operations.
const LONGEST_MESSAGE: usize = 4096;

pub fn router(keys: Arc<KeyStore>) -> Router {
    Router::new().route("/", post(handle)).with_state(keys)
}

/// A blob on the wire: base64.
#[derive(Debug, Default)]
struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(&self.0).serialize(serializer)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateKey {
    #[serde(default)]
    description: String,
    key_usage: Option<KeyUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeKey {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: EncryptionContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    ciphertext_blob: Blob,
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: EncryptionContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: EncryptionContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateGrant {
    key_id: String,
    grantee_principal: String,
    operations: Vec<String>,
    constraints: Option<Constraints>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListGrants {
    key_id: String,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    key_id: &'a str,
    issuing_account: &'a str,
    #[serde(flatten)]
    grant: Grant,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RevokeGrant {
    key_id: String,
    grant_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mac {
    key_id: String,
    message: Blob,
    #[serde(rename = "MacAlgorithm")]
    algorithm: String,
    /// `VerifyMac` only.
    #[serde(rename = "Mac", default)]
    code: Blob,
}

async fn handle(State(keys): State<Arc<KeyStore>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix("TrentService.").unwrap_or_default();
    let (status, body) = match run(&keys, operation, &body) {
        Ok(output) => (StatusCode::OK, output),
        Err(error) => {
            let status = match error {
                KmsError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, json!({ "__type": error.code(), "message": error.to_string() }))
        }
    };
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

fn run(keys: &KeyStore, operation: &str, body: &[u8]) -> Result<Value, KmsError> {
    match operation {
        "CreateKey" => {
            let CreateKey { description, key_usage } = parse(body)?;
            let key = keys.create(key_usage.unwrap_or(KeyUsage::EncryptDecrypt), &description)?;
            Ok(metadata(keys, &key))
        }
        "DescribeKey" => {
            let DescribeKey { key_id } = parse(body)?;
            Ok(metadata(keys, &keys.describe(&key_id)?))
        }
        "Encrypt" => {
            let Encrypt { key_id, plaintext, encryption_context } = parse(body)?;
            within(plaintext.0.len(), LONGEST_MESSAGE, "plaintext")?;
            let sealed = keys.encrypt(&key_id, &plaintext.0, &encryption_context)?;
            Ok(json!({
                "CiphertextBlob": Blob(sealed),
                "KeyId": keys.describe(&key_id)?.arn,
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            }))
        }
        "Decrypt" => {
            let Decrypt { ciphertext_blob, key_id, encryption_context } = parse(body)?;
            let (plaintext, arn) =
                keys.decrypt(&ciphertext_blob.0, &encryption_context, key_id.as_deref())?;
            Ok(json!({
                "Plaintext": Blob(plaintext),
                "KeyId": arn,
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            }))
        }
        "GenerateDataKey" => {
            let GenerateDataKey { key_id, key_spec, number_of_bytes, encryption_context } = parse(body)?;
            let length = match (key_spec.as_deref(), number_of_bytes) {
                (Some("AES_256"), None) => 32,
                (Some("AES_128"), None) => 16,
                (None, Some(length)) => length,
                _ => {
                    let text = "Please specify either number of bytes or key spec.";
                    return Err(KmsError::Validation(text.to_owned()));
                }
            };
            within(length, LONGEST_DATA_KEY, "numberOfBytes")?;
            let (plaintext, sealed) = keys.generate_data_key(&key_id, length, &encryption_context)?;
            Ok(json!({
                "Plaintext": Blob(plaintext),
                "CiphertextBlob": Blob(sealed),
                "KeyId": keys.describe(&key_id)?.arn,
            }))
        }
        "CreateGrant" => {
            let CreateGrant { key_id, grantee_principal, operations, constraints, name } = parse(body)?;
            if operations.is_empty() {
                return Err(KmsError::Validation("operations must have at least one member".to_owned()));
            }
            let grant = Grant { id: String::new(), grantee_principal, operations, constraints, name };
            let grant_id = keys.grant(&key_id, grant)?;
            Ok(json!({ "GrantId": grant_id, "GrantToken": Blob(grant_id.as_bytes().to_vec()) }))
        }
        "ListGrants" => {
            let ListGrants { key_id, grant_id, grantee_principal } = parse(body)?;
            let arn = keys.describe(&key_id)?.arn;
            let mut grants = keys.grants(&key_id)?;
            grants.retain(|grant| {
                grant_id.as_ref().is_none_or(|id| *id == grant.id)
                    && grantee_principal.as_ref().is_none_or(|grantee| *grantee == grant.grantee_principal)
            });
            let account = format!("arn:aws:iam::{}:root", keys.account_id());
            let shown: Vec<_> = grants
                .into_iter()
                .map(|grant| json!(Shown { key_id: &arn, issuing_account: &account, grant }))
                .collect();
            Ok(json!({ "Grants": shown, "Truncated": false }))
        }
        "RevokeGrant" => {
            let RevokeGrant { key_id, grant_id } = parse(body)?;
            keys.revoke(&key_id, &grant_id)?;
            Ok(json!({}))
        }
        "GenerateMac" => {
            let Mac { key_id, message, algorithm, .. } = mac(body)?;
            let mac = keys.generate_mac(&key_id, &message.0)?;
            let arn = keys.describe(&key_id)?.arn;
            Ok(json!({ "Mac": Blob(mac), "KeyId": arn, "MacAlgorithm": algorithm }))
        }
        "VerifyMac" => {
            let Mac { key_id, message, algorithm, code } = mac(body)?;
            keys.verify_mac(&key_id, &message.0, &code.0)?;
            let arn = keys.describe(&key_id)?.arn;
            Ok(json!({ "MacValid": true, "KeyId": arn, "MacAlgorithm": algorithm }))
        }
        other => Err(KmsError::UnknownOperation(other.to_owned())),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, KmsError> {
    serde_json::from_slice(body).map_err(|error| KmsError::Validation(error.to_string()))
}

fn mac(body: &[u8]) -> Result<Mac, KmsError> {
    let input: Mac = parse(body)?;
    within(input.message.0.len(), LONGEST_MESSAGE, "message")?;
    if input.algorithm != "HMAC_SHA_256" {
        return Err(KmsError::Validation(format!("{} is not built in the local KMS.", input.algorithm)));
    }
    Ok(input)
}

fn within(length: usize, limit: usize, member: &str) -> Result<(), KmsError> {
    if (1..=limit).contains(&length) {
        return Ok(());
    }
    let text = format!("Value at '{member}' failed to satisfy constraint: length between 1 and {limit}");
    Err(KmsError::Validation(text))
}

fn metadata(keys: &KeyStore, key: &KeyMetadata) -> Value {
    let (spec, algorithms) = match key.usage {
        KeyUsage::EncryptDecrypt => ("SYMMETRIC_DEFAULT", "EncryptionAlgorithms"),
        KeyUsage::Mac => ("HMAC_256", "MacAlgorithms"),
    };
    let algorithm = if key.usage == KeyUsage::Mac { "HMAC_SHA_256" } else { spec };
    json!({ "KeyMetadata": {
        "AWSAccountId": keys.account_id(),
        "Arn": key.arn,
        "KeyId": key.id,
        "Description": key.description,
        "Enabled": true,
        "KeyManager": "CUSTOMER",
        "KeySpec": spec,
        "KeyState": "Enabled",
        "KeyUsage": key.usage,
        "MultiRegion": false,
        "Origin": "AWS_KMS",
        algorithms: [algorithm],
    } })
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn call(router: &Router, operation: &str, input: Value) -> (u16, Value) {
        let request = Request::post("/")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .body(Body::from(input.to_string()))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn kms(usage: &str) -> (Router, Value) {
        let router = router(Arc::new(KeyStore::open(None, "us-east-1", "111122223333").unwrap()));
        let (status, created) = call(&router, "CreateKey", json!({ "KeyUsage": usage })).await;
        assert_eq!(status, 200, "{created}");
        (router, created["KeyMetadata"]["Arn"].clone())
    }

    #[tokio::test]
    async fn a_data_key_opens_with_its_context_and_with_no_other() {
        let (router, key) = kms("ENCRYPT_DECRYPT").await;
        let context = json!({ "userpool-id": "us-east-1_Local" });
        let input = json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context });
        let (_, made) = call(&router, "GenerateDataKey", input).await;
        assert_eq!(STANDARD.decode(made["Plaintext"].as_str().unwrap()).unwrap().len(), 32);
        let input = json!({ "CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context });
        let (_, opened) = call(&router, "Decrypt", input).await;
        assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&made["Plaintext"], &key));
        let (status, refused) =
            call(&router, "Decrypt", json!({ "CiphertextBlob": made["CiphertextBlob"] })).await;
        assert_eq!((status, &refused["__type"]), (400, &json!("InvalidCiphertextException")));
    }

    #[tokio::test]
    async fn what_is_encrypted_decrypts() {
        let (router, key) = kms("ENCRYPT_DECRYPT").await;
        let (_, sealed) = call(&router, "Encrypt", json!({ "KeyId": key, "Plaintext": "c2VlZA==" })).await;
        let (_, opened) =
            call(&router, "Decrypt", json!({ "CiphertextBlob": sealed["CiphertextBlob"] })).await;
        assert_eq!(opened["Plaintext"], "c2VlZA==");
    }

    #[tokio::test]
    async fn macs_verify() {
        let (router, key) = kms("GENERATE_VERIFY_MAC").await;
        let mut input = json!({ "KeyId": key, "Message": "Y29kZQ==", "MacAlgorithm": "HMAC_SHA_256" });
        let (_, made) = call(&router, "GenerateMac", input.clone()).await;
        input["Mac"] = made["Mac"].clone();
        assert_eq!(call(&router, "VerifyMac", input.clone()).await.1["MacValid"], true);
        input["Message"] = json!("b3RoZXI=");
        assert_eq!(call(&router, "VerifyMac", input).await.1["__type"], "KMSInvalidMacException");
    }

    #[tokio::test]
    async fn refusals_have_kms_exceptions() {
        let (router, key) = kms("ENCRYPT_DECRYPT").await;
        for (operation, input, exception) in [
            ("DescribeKey", json!({ "KeyId": "none" }), "NotFoundException"),
            ("GenerateDataKey", json!({ "KeyId": key }), "ValidationException"),
            ("GenerateDataKey", json!({ "KeyId": key, "NumberOfBytes": 1025 }), "ValidationException"),
            ("Encrypt", json!({ "KeyId": key, "Plaintext": "" }), "ValidationException"),
            ("Encrypt", json!({ "KeyId": key, "Plaintext": "%" }), "ValidationException"),
            ("ListKeys", json!({}), "UnknownOperationException"),
        ] {
            let (status, refused) = call(&router, operation, input).await;
            assert_eq!((status, &refused["__type"]), (400, &json!(exception)), "{refused}");
        }
    }
}
