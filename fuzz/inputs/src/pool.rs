//! The local pool's wire protocol: one call per line, `OPERATION BODY`, in turn on one pool with the user
//! Alex.
//!
//! `$POOL`, `$CLIENT` and `$SUB` are replaced by the existing ones. `$SESSION`, `$ACCESS`, `$REFRESH`,
//! `$CODE`, `$DEVICE` and `$EVENT` are replaced by the last value from an answer or a message. `$TOTP` is the
//! code of an authenticator with the last secret.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use data_encoding::BASE32_NOPAD;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use local_user_pool::{
    Config, StoreLocation, Switches, UserPools,
    ports::{
        Clock, DataKey, DataKeyFault, DataKeys, FunctionCall, FunctionFault, Functions, Message, Outbox,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

const NOW: i64 = 1_767_323_045;
/// More calls would find no further faults.
const MOST: usize = 12;

pub(crate) const USERNAME: &str = "alex";
pub(crate) const PASSWORD: &str = "Kq7-vB2.xN9_hD4+zR6";

/// The errors of API version 2016-04-18 of `cognito-idp` and its protocol.
const EXCEPTIONS: [&str; 38] = [
    "AliasExistsException",
    "CodeMismatchException",
    "DeviceKeyExistsException",
    "EnableSoftwareTokenMFAException",
    "ExpiredCodeException",
    "FeatureUnavailableInTierException",
    "GroupExistsException",
    "InvalidLambdaResponseException",
    "InvalidParameterException",
    "InvalidPasswordException",
    "InvalidUserPoolConfigurationException",
    "LimitExceededException",
    "NotAuthorizedException",
    "OperationNotEnabledException",
    "PasswordHistoryPolicyViolationException",
    "PasswordResetRequiredException",
    "RefreshTokenReuseException",
    "ResourceNotFoundException",
    "SerializationException",
    "SoftwareTokenMFANotFoundException",
    "UnauthorizedException",
    "UnexpectedLambdaException",
    "UnknownOperationException",
    "UnsupportedOperationException",
    "UnsupportedTokenTypeException",
    "UnsupportedUserStateException",
    "UserLambdaValidationException",
    "UserNotConfirmedException",
    "UserNotFoundException",
    "UserPoolAddOnNotEnabledException",
    "UsernameExistsException",
    "WebAuthnChallengeNotFoundException",
    "WebAuthnClientMismatchException",
    "WebAuthnConfigurationMissingException",
    "WebAuthnCredentialNotSupportedException",
    "WebAuthnNotEnabledException",
    "WebAuthnOriginNotAllowedException",
    "WebAuthnRelyingPartyMismatchException",
];

/// The rest of the cloud: functions return their event, keys are refused, messages are kept.
#[derive(Default)]
struct Surroundings {
    newest: Mutex<Option<Message>>,
}

#[async_trait]
impl Functions for Surroundings {
    async fn invoke(&self, call: FunctionCall) -> Result<Value, FunctionFault> {
        Ok(call.payload)
    }

    async fn invoke_async(&self, _: FunctionCall) -> Result<(), FunctionFault> {
        Ok(())
    }
}

#[async_trait]
impl DataKeys for Surroundings {
    async fn generate(&self, _: &str, _: &BTreeMap<String, String>) -> Result<DataKey, DataKeyFault> {
        Err(DataKeyFault("NotFoundException".to_owned()))
    }

    fn grant(&self, _: &str, _: &BTreeMap<String, String>) {}
}

impl Outbox for Surroundings {
    fn deliver(&self, message: Message) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }
}

impl Clock for Surroundings {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("a time")
    }
}

/// A pool with a client and a user, in the state in which each run begins. The state is a file that is
/// copied.
pub(crate) struct Template {
    runtime: Runtime,
    folder: TempDir,
    pub(crate) pool: String,
    pub(crate) client: String,
    sub: String,
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

pub(crate) static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let runtime = runtime();
    let folder = TempDir::new().expect("a folder");
    let (pools, _) = open(&runtime, &folder.path().join("template"));
    let call = |operation: &str, input: Value| {
        runtime.block_on(pools.call(operation, input)).unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    };
    let made = call(
        "CreateUserPool",
        json!({
            "PoolName": "fuzz", "AutoVerifiedAttributes": ["email"],
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"},
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"},
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false},
        }),
    );
    let pool = text(&made["UserPool"]["Id"]);
    call(
        "SetUserPoolMfaConfig",
        json!({
            "UserPoolId": pool, "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": {"Enabled": true}, "EmailMfaConfiguration": {},
            "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"}},
        }),
    );
    let flows = [
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_CUSTOM_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    ];
    let client = json!({"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": flows});
    let client = text(&call("CreateUserPoolClient", client)["UserPoolClient"]["ClientId"]);
    let attributes = json!([
        {"Name": "email", "Value": "alex@example.com"}, {"Name": "email_verified", "Value": "true"},
        {"Name": "phone_number", "Value": "+12025550123"}, {"Name": "phone_number_verified", "Value": "true"},
    ]);
    let user = json!({
        "UserPoolId": pool, "Username": USERNAME, "MessageAction": "SUPPRESS", "UserAttributes": attributes,
    });
    call("AdminCreateUser", user);
    let set = json!({"UserPoolId": pool, "Username": USERNAME, "Password": PASSWORD, "Permanent": true});
    call("AdminSetUserPassword", set);
    // The pool's keys are in the file too, because making them takes longer than all other steps.
    let parameters = json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD});
    let sign_in = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
    call("InitiateAuth", sign_in);
    let user = call("AdminGetUser", json!({"UserPoolId": pool, "Username": USERNAME}));
    let attributes = user["UserAttributes"].as_array().cloned().unwrap_or_default();
    let sub = attributes.iter().find(|attribute| attribute["Name"] == "sub").map(|sub| text(&sub["Value"]));
    let sub = sub.expect("a sub");
    // The last connection to close writes all data into the one file. A task that made keys may still have a
    // connection.
    drop((pools, runtime));
    Template { runtime: self::runtime(), folder, pool, client, sub }
});

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns a code of RFC 6238, as authenticator apps compute it.
fn authenticator_code(secret: &str) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).expect("base32");
    let step = (NOW / 30).to_be_bytes();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &step);
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes([mac[at] & 127, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

fn open(runtime: &Runtime, file: &Path) -> (Arc<UserPools>, Arc<Surroundings>) {
    let surroundings = Arc::new(Surroundings::default());
    let config = Config {
        region: "us-east-1".to_owned(),
        account_id: "111122223333".to_owned(),
        store: StoreLocation::File(file.to_owned()),
        base_url: "http://127.0.0.1:9000".to_owned(),
        functions: surroundings.clone(),
        outbox: surroundings.clone(),
        data_keys: surroundings.clone(),
        clock: surroundings.clone(),
        switches: Switches::default(),
    };
    (runtime.block_on(UserPools::open(config)).expect("pools"), surroundings)
}

/// A copy of the template's pool.
pub(crate) struct Stage {
    folder: TempDir,
    pools: Arc<UserPools>,
    surroundings: Arc<Surroundings>,
    /// The values that replace the words.
    words: BTreeMap<&'static str, String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let template = &*TEMPLATE;
        let folder = TempDir::new().expect("a folder");
        fs::copy(template.folder.path().join("template"), folder.path().join("state")).expect("a copy");
        let (pools, surroundings) = open(&template.runtime, &folder.path().join("state"));
        let mut words = BTreeMap::from([
            ("$POOL", template.pool.clone()),
            ("$CLIENT", template.client.clone()),
            ("$SUB", template.sub.clone()),
            ("$PASSWORD", PASSWORD.to_owned()),
        ]);
        for word in ["$SESSION", "$ACCESS", "$REFRESH", "$CODE", "$TOTP", "$DEVICE", "$EVENT"] {
            words.insert(word, String::new());
        }
        Self { folder, pools, surroundings, words }
    }

    /// Calls an operation. The answer must follow the protocol: JSON, or an exception of `cognito-idp`.
    pub(crate) fn call(&mut self, operation: &str, body: &str) -> Result<Value, String> {
        let body = self.words.iter().fold(body.to_owned(), |body, (word, is)| body.replace(word, is));
        let asked = format!("{operation} {body}");
        let request = Request::post("/")
            .header("host", "127.0.0.1:9000")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body));
        // A text that is no header value cannot arrive in a request.
        let Ok(request) = request else { return Err(String::new()) };
        let (status, headers, answer) = TEMPLATE.runtime.block_on(async {
            let response = self.pools.router().oneshot(request).await.expect("a router does not fail");
            let (parts, body) = response.into_parts();
            (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes())
        });
        let answer: Value =
            serde_json::from_slice(&answer).unwrap_or_else(|fault| panic!("{fault}: {asked}"));
        assert!(answer.is_object(), "{answer}: {asked}");
        let header = |headers: &HeaderMap, name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        assert_eq!(header(&headers, "content-type").as_deref(), Some("application/x-amz-json-1.1"));
        assert!(header(&headers, "x-amzn-requestid").is_some(), "{asked}");
        if status == StatusCode::OK {
            assert!(answer.get("__type").is_none(), "{answer}: {asked}");
            self.learn(&answer);
            return Ok(answer);
        }
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}: {asked}");
        let name = text(&answer["__type"]);
        assert!(EXCEPTIONS.contains(&name.as_str()), "{answer}: {asked}");
        assert_eq!(header(&headers, "x-amzn-errortype"), Some(format!("{name}:")), "{asked}");
        assert!(answer["message"].is_string(), "{answer}: {asked}");
        Err(name)
    }

    fn learn(&mut self, answer: &Value) {
        let places = [
            ("$SESSION", "/Session"),
            ("$ACCESS", "/AuthenticationResult/AccessToken"),
            ("$REFRESH", "/AuthenticationResult/RefreshToken"),
            ("$DEVICE", "/AuthenticationResult/NewDeviceMetadata/DeviceKey"),
            ("$EVENT", "/AuthEvents/0/EventId"),
        ];
        for (word, place) in places {
            if let Some(Value::String(is)) = answer.pointer(place) {
                self.words.insert(word, is.clone());
            }
        }
        if let Some(Value::String(secret)) = answer.get("SecretCode") {
            self.words.insert("$TOTP", authenticator_code(secret));
        }
        let newest = self.surroundings.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(code) = newest.and_then(|message| message.code) {
            self.words.insert("$CODE", code);
        }
    }
}

/// Returns all data of all pools, as an administrator reads it.
fn everything(pools: &UserPools) -> Vec<Value> {
    let call = |operation: &str, input: Value| {
        let answer = TEMPLATE.runtime.block_on(pools.call(operation, input));
        answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    };
    let mut found = Vec::new();
    let listed = call("ListUserPools", json!({"MaxResults": 60}));
    for pool in listed["UserPools"].as_array().cloned().unwrap_or_default() {
        let id = json!({"UserPoolId": pool["Id"]});
        for operation in
            ["DescribeUserPool", "GetUserPoolMfaConfig", "ListUsers", "ListGroups", "ListUserPoolClients"]
        {
            found.push(call(operation, id.clone()));
        }
    }
    found.push(listed);
    found
}

/// Checks that no call panics, that none gives an internal error, and that every answer follows the protocol.
/// All answered changes are kept, so that the pools are the same after a restart.
pub fn calls(bytes: &[u8]) {
    if let Some(text) = super::utf8(bytes) {
        run(text);
    }
}

/// Returns the number of successful calls.
fn run(text: &str) -> usize {
    let mut stage = Stage::new();
    let (mut has_created, mut answered) = (false, 0);
    for line in text.split('\n').take(MOST) {
        let (operation, body) = line.split_once(' ').unwrap_or((line, ""));
        // Two keys are made for each pool, in the time of a hundred other calls.
        if operation == "CreateUserPool" && std::mem::replace(&mut has_created, true) {
            continue;
        }
        answered += usize::from(stage.call(operation, body).is_ok());
    }
    let before = everything(&stage.pools);
    let (again, _) = open(&TEMPLATE.runtime, &stage.folder.path().join("state"));
    assert_eq!(before, everything(&again), "after a restart something else is there");
    answered
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::run;

    /// The initial inputs of every run get past each operation's checks.
    #[test]
    fn saved_calls_are_answered() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/pool_wire");
        for (name, least) in [
            ("sign-up", 5),
            ("authenticator", 6),
            ("sms-mfa", 5),
            ("select-mfa", 4),
            ("devices", 7),
            ("refresh", 3),
            ("forgotten", 3),
            ("attributes", 7),
            ("clients", 5),
            ("groups", 7),
            ("admin", 8),
            ("threats", 6),
        ] {
            let answered = run(&fs::read_to_string(corpus.join(name)).unwrap());
            assert!(answered >= least, "{name}: {answered}");
        }
    }
}
