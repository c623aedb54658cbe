//! Custom senders: who gets the code, and the message it travels in.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA384, KeyType, Salt};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_user_pool::ErrorCode;
use serde_json::{Value, json};

use crate::support::bench::{DATA_KEY, EMAIL, KEY_ARN, PHONE, arn};
use crate::support::{Bench, PASSWORD, USERNAME};

async fn bench(key: &str) -> Bench {
    let lambda = json!({
        "CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": arn("email")},
        "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": arn("sms")},
        "CustomMessage": arn("message"),
        "KMSKeyID": key,
    });
    Bench::with(json!({"LambdaConfig": lambda}), json!({})).await
}

fn sign_up(bench: &Bench) -> Value {
    json!({
        "ClientId": bench.client, "Username": USERNAME, "Password": PASSWORD,
        "UserAttributes": [{"Name": "email", "Value": EMAIL}],
        "ClientMetadata": {"locale": "de"},
    })
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Reads fields off the front of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> usize {
        usize::from(u16::from_be_bytes(self.take(2).try_into().unwrap()))
    }

    fn field(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length)
    }
}

fn open(key: &LessSafeKey, nonce: &[u8], aad: &[u8], content: &[u8], tag: &[u8]) -> Vec<u8> {
    let mut sealed = [content, tag].concat();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    key.open_in_place(nonce, Aad::from(aad), &mut sealed).unwrap().to_vec()
}

/// A reader of cognito.md §2.2, strict about everything §2.1 says. Gives context and plaintext.
pub(crate) fn decrypt(code: &str) -> (Vec<(String, String)>, String) {
    assert!(code.starts_with("AYAD"));
    let message = STANDARD.decode(code).unwrap();
    let mut reader = Reader(&message);
    assert_eq!(reader.take(4), [0x01, 0x80, 0x03, 0x78]);
    let id = reader.take(16);
    let mut aad = Reader(reader.field());
    let pairs = aad.number();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let context: Vec<_> = (0..pairs).map(|_| (text(aad.field()), text(aad.field()))).collect();
    assert!(aad.0.is_empty());
    assert_eq!(reader.number(), 1);
    assert_eq!((text(reader.field()), text(reader.field())), ("aws-kms".to_owned(), KEY_ARN.to_owned()));
    assert_eq!(reader.field(), [1, 2, 3]);
    assert_eq!(reader.take(10), [0x02, 0, 0, 0, 0, 12, 0, 0, 0x10, 0]);
    let header = &message[..message.len() - reader.0.len()];

    let info: [&[u8]; 2] = [&[0x03, 0x78], id];
    let mut key = [0; 32];
    Salt::new(HKDF_SHA384, &[]).extract(&DATA_KEY).expand(&info, Bytes(32)).unwrap().fill(&mut key).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let nonce = reader.take(12);
    assert_eq!(nonce, [0; 12]);
    open(&key, nonce, header, &[], reader.take(16));

    assert_eq!(reader.take(8), [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1]);
    let nonce = reader.take(12);
    assert_eq!(nonce, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let length = u32::from_be_bytes(reader.take(4).try_into().unwrap());
    let frame =
        [id, b"AWSKMSEncryptionClient Final Frame", &1_u32.to_be_bytes(), &u64::from(length).to_be_bytes()]
            .concat();
    let (body, tag) = (reader.take(length as usize), reader.take(16));
    let plaintext = open(&key, nonce, &frame, body, tag);

    let signed = &message[..message.len() - reader.0.len()];
    let signature = reader.field();
    assert_eq!(signature.len(), 103);
    assert!(reader.0.is_empty());
    let public = STANDARD.decode(&context[0].1).unwrap();
    let public = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, &public).unwrap();
    public.verify_sig(signed, signature).unwrap();
    (context, text(&plaintext))
}

#[tokio::test]
async fn a_code_goes_to_the_sender_as_an_encryption_sdk_message() {
    let bench = bench(KEY_ARN).await;
    bench.ok("SignUp", sign_up(&bench)).await;
    assert!(bench.outbox.0.lock().unwrap().is_empty());
    assert_eq!(bench.sources(), ["CustomEmailSender_SignUp"], "and no CustomMessage");
    let event = bench.event("CustomEmailSender_SignUp");
    assert!(event.get("response").is_none());
    let request = &event["request"];
    assert_eq!(request["type"], "customEmailSenderRequestV1");
    assert_eq!(request["clientMetadata"], json!({"locale": "de"}));
    assert_eq!(request["userAttributes"]["email"], EMAIL);
    let (context, code) = decrypt(request["code"].as_str().unwrap());
    assert_eq!(
        context.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["aws-crypto-public-key", "userpool-id"]
    );
    assert_eq!(context[1].1, bench.pool);
    let asked = bench.data_keys.0.lock().unwrap().clone();
    assert_eq!(asked, [(KEY_ARN.to_owned(), context.into_iter().collect())]);
    let confirm = json!({"ClientId": bench.client, "Username": USERNAME, "ConfirmationCode": code});
    bench.ok("ConfirmSignUp", confirm).await;
}

#[tokio::test]
async fn sms_codes_go_to_the_other_sender() {
    let bench = bench(KEY_ARN).await;
    bench.set_mfa("ON").await;
    let user = json!({"UserPoolId": bench.pool, "Username": USERNAME});
    let phone = json!([{"Name": "phone_number", "Value": PHONE}]);
    let create = json!({"UserPoolId": bench.pool, "Username": USERNAME, "UserAttributes": phone, "MessageAction": "SUPPRESS"});
    bench.ok("AdminCreateUser", create).await;
    let password = json!({"Password": PASSWORD, "Permanent": true});
    bench.ok("AdminSetUserPassword", crate::support::bench::merged(user, password)).await;
    let challenge = bench.with_password().await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SMS_MFA");
    let request = bench.event("CustomSMSSender_Authentication")["request"].clone();
    assert_eq!(
        (&request["type"], &request["clientMetadata"]),
        (&json!("customSMSSenderRequestV1"), &Value::Null)
    );
    let (_, code) = decrypt(request["code"].as_str().unwrap());

    bench.respond(&challenge, json!({"SMS_MFA_CODE": code})).await.unwrap();
}

#[tokio::test]
async fn a_temporary_password_is_escaped() {
    let bench = bench(KEY_ARN).await;
    bench
        .ok(
            "AdminCreateUser",
            json!({
                "UserPoolId": bench.pool, "Username": USERNAME, "TemporaryPassword": "Tmp<9x>&Qz1!",
                "UserAttributes": [{"Name": "email", "Value": EMAIL}], "DesiredDeliveryMediums": ["EMAIL"],
            }),
        )
        .await;
    let event = bench.event("CustomEmailSender_AdminCreateUser");
    let (_, code) = decrypt(event["request"]["code"].as_str().unwrap());
    assert_eq!(code, "Tmp&lt;9x&gt;&amp;Qz1!");
    assert_eq!(event["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
}

#[tokio::test]
async fn a_key_that_is_not_there_fails_the_operation() {
    let bench = bench("arn:aws:kms:us-east-1:111122223333:key/gone").await;
    assert_eq!(bench.refused("SignUp", sign_up(&bench)).await.0, ErrorCode::InvalidUserPoolConfiguration);
}
