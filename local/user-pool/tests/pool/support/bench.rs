//! The pool under test and everything around it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use local_user_pool::ports::{
    Clock, DataKey, DataKeyFault, DataKeys, FunctionCall, FunctionFault, Functions, Message, Outbox,
};
use local_user_pool::{ApiError, Config, ErrorCode, StoreLocation, Switches, UserPools};
use serde_json::{Value, json};

use super::SrpClient;

pub(crate) const USERNAME: &str = "alex";
pub(crate) const PASSWORD: &str = "Correct-horse-7";
pub(crate) const EMAIL: &str = "alex@example.com";
pub(crate) const PHONE: &str = "+12025550123";
pub(crate) const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/test";

pub(crate) struct ManualClock(Mutex<Timestamp>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

type Handler = Arc<dyn Fn(Value) -> Result<Value, FunctionFault> + Send + Sync>;

/// A function is a closure from event to answer; a function without a closure returns the event unchanged.
#[derive(Default)]
pub(crate) struct FakeFunctions {
    handlers: Mutex<HashMap<String, Handler>>,
    pub(crate) calls: Mutex<Vec<FunctionCall>>,
    /// Functions that never answer.
    pub(crate) hanging: Mutex<Vec<String>>,
}

#[async_trait]
impl Functions for FakeFunctions {
    async fn invoke(&self, call: FunctionCall) -> Result<Value, FunctionFault> {
        let (function, event) = (call.function_arn.clone(), call.payload.clone());
        self.calls.lock().unwrap().push(call);
        if self.hanging.lock().unwrap().contains(&function) {
            std::future::pending::<()>().await;
        }
        let handler = self.handlers.lock().unwrap().get(&function).cloned();
        match handler {
            Some(handler) => handler(event),
            None => Ok(event),
        }
    }

    async fn invoke_async(&self, call: FunctionCall) -> Result<(), FunctionFault> {
        self.calls.lock().unwrap().push(call);
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct FakeOutbox(pub(crate) Mutex<Vec<Message>>);

impl Outbox for FakeOutbox {
    fn deliver(&self, message: Message) {
        self.0.lock().unwrap().push(message);
    }
}

/// Gives a fixed key and keeps what it was asked for.
#[derive(Default)]
pub(crate) struct FakeDataKeys(pub(crate) Mutex<Vec<(String, BTreeMap<String, String>)>>);

pub(crate) const DATA_KEY: [u8; 32] = [7; 32];

#[async_trait]
impl DataKeys for FakeDataKeys {
    async fn generate(
        &self,
        key_arn: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, DataKeyFault> {
        if key_arn != KEY_ARN {
            return Err(DataKeyFault("NotFoundException".to_owned()));
        }
        self.0.lock().unwrap().push((key_arn.to_owned(), context.clone()));
        Ok(DataKey { plaintext: DATA_KEY, ciphertext: vec![1, 2, 3] })
    }

    fn grant(&self, _key_arn: &str, _context: &BTreeMap<String, String>) {}
}

pub(crate) struct Bench {
    pub(crate) pools: Arc<UserPools>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) functions: Arc<FakeFunctions>,
    pub(crate) outbox: Arc<FakeOutbox>,
    pub(crate) data_keys: Arc<FakeDataKeys>,
    pub(crate) pool: String,
    pub(crate) client: String,
}

/// The code of the newest message to an address.
pub(crate) fn code_of(bench: &Bench, to: &str) -> String {
    let outbox = bench.outbox.0.lock().unwrap();
    let newest = outbox.iter().rev().find(|message| message.to == to);
    newest.unwrap_or_else(|| panic!("no message to {to}")).code.clone().unwrap()
}

impl Bench {
    pub(crate) async fn bare(store: StoreLocation) -> Self {
        let clock = Arc::new(ManualClock(Mutex::new("2026-11-03T09:05:07Z".parse().unwrap())));
        let functions = Arc::new(FakeFunctions::default());
        let outbox = Arc::new(FakeOutbox::default());
        let data_keys = Arc::new(FakeDataKeys::default());
        let config = Config {
            region: "us-east-1".to_owned(),
            account_id: "111122223333".to_owned(),
            store,
            base_url: "http://127.0.0.1:9000".to_owned(),
            functions: functions.clone(),
            outbox: outbox.clone(),
            data_keys: data_keys.clone(),
            clock: clock.clone(),
            switches: Switches::default(),
        };
        let pools = UserPools::open(config).await.unwrap();
        Self { pools, clock, functions, outbox, data_keys, pool: String::new(), client: String::new() }
    }

    /// With a pool and a client; `pool` and `client` are added to their settings.
    pub(crate) async fn with(pool: Value, client: Value) -> Self {
        let mut bench = Self::bare(StoreLocation::Memory).await;
        bench.pool = bench.make_pool(pool).await;
        bench.client = bench.make_client(client).await;
        bench
    }

    pub(crate) async fn new() -> Self {
        Self::with(json!({}), json!({})).await
    }

    pub(crate) async fn make_pool(&self, settings: Value) -> String {
        let base = json!({
            "PoolName": "test",
            "AutoVerifiedAttributes": ["email"],
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"},
            "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"},
        });
        let made = self.ok("CreateUserPool", merged(base, settings)).await;
        made["UserPool"]["Id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn make_client(&self, settings: Value) -> String {
        let base = json!({
            "UserPoolId": self.pool,
            "ClientName": "app",
            "PreventUserExistenceErrors": "ENABLED",
            "ExplicitAuthFlows": [
                "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            ],
        });
        let made = self.ok("CreateUserPoolClient", merged(base, settings)).await;
        made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    }

    /// All three factors.
    pub(crate) async fn set_mfa(&self, state: &str) {
        self.ok(
            "SetUserPoolMfaConfig",
            json!({
                "UserPoolId": self.pool,
                "MfaConfiguration": state,
                "SoftwareTokenMfaConfiguration": {"Enabled": true},
                "EmailMfaConfiguration": {},
                "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111122223333:role/sms"}},
            }),
        )
        .await;
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.pools.call(operation, input).await
    }

    pub(crate) async fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    pub(crate) async fn refused(&self, operation: &str, input: Value) -> (ErrorCode, String) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation} answered {answer}"),
            Err(error) => (error.code, error.message),
        }
    }

    /// A confirmed user with e-mail and phone.
    pub(crate) async fn add_user(&self) -> String {
        let signed_up = self
            .ok(
                "SignUp",
                json!({
                    "ClientId": self.client,
                    "Username": USERNAME,
                    "Password": PASSWORD,
                    "UserAttributes": [
                        {"Name": "email", "Value": EMAIL},
                        {"Name": "phone_number", "Value": PHONE},
                    ],
                }),
            )
            .await;
        let code = code_of(self, EMAIL);
        self.ok(
            "ConfirmSignUp",
            json!({"ClientId": self.client, "Username": USERNAME, "ConfirmationCode": code}),
        )
        .await;
        signed_up["UserSub"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn initiate(&self, flow: &str, parameters: Value) -> Result<Value, ApiError> {
        let input = json!({"ClientId": self.client, "AuthFlow": flow, "AuthParameters": parameters});
        self.call("InitiateAuth", input).await
    }

    pub(crate) async fn with_password(&self) -> Result<Value, ApiError> {
        self.initiate("USER_PASSWORD_AUTH", json!({"USERNAME": USERNAME, "PASSWORD": PASSWORD})).await
    }

    pub(crate) async fn with_srp(&self, username: &str, password: &str) -> Result<Value, ApiError> {
        let client = SrpClient::new();
        let parameters = json!({"USERNAME": username, "SRP_A": client.srp_a()});
        let challenge = self.initiate("USER_SRP_AUTH", parameters).await?;
        let answers = client.answer(&self.pool, &challenge, password);
        self.respond(&challenge, answers).await
    }

    /// Answers a challenge; `USERNAME` is added.
    pub(crate) async fn respond(&self, challenge: &Value, answers: Value) -> Result<Value, ApiError> {
        let answers = merged(json!({"USERNAME": USERNAME}), answers);
        let input = json!({
            "ClientId": self.client,
            "ChallengeName": challenge["ChallengeName"],
            "Session": challenge["Session"],
            "ChallengeResponses": answers,
        });
        self.call("RespondToAuthChallenge", input).await
    }

    /// The access token of a password sign-in without MFA.
    pub(crate) async fn access_token(&self) -> String {
        access_token(&self.with_password().await.unwrap())
    }

    /// A verified authenticator, switched on; its secret.
    pub(crate) async fn enrol_totp(&self, token: &str) -> String {
        let secret = self.ok("AssociateSoftwareToken", json!({"AccessToken": token})).await;
        let secret = secret["SecretCode"].as_str().unwrap().to_owned();
        let code = super::totp(&secret, self.seconds(), 0);
        self.ok("VerifySoftwareToken", json!({"AccessToken": token, "UserCode": code})).await;
        self.ok(
            "SetUserMFAPreference",
            json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}}),
        )
        .await;
        secret
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.clock.now().as_second()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Installs a function; gives its ARN.
    pub(crate) fn function(
        &self,
        name: &str,
        handler: impl Fn(Value) -> Result<Value, FunctionFault> + Send + Sync + 'static,
    ) -> String {
        let arn = arn(name);
        self.functions.handlers.lock().unwrap().insert(arn.clone(), Arc::new(handler));
        arn
    }

    /// Trigger sources in the order they were invoked.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.functions.calls.lock().unwrap().iter().map(|call| call.trigger_source.clone()).collect()
    }

    /// The event a trigger source got last.
    pub(crate) fn event(&self, source: &str) -> Value {
        let calls = self.functions.calls.lock().unwrap();
        let call = calls.iter().rev().find(|call| call.trigger_source == source);
        call.unwrap_or_else(|| panic!("{source} was not invoked")).payload.clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.functions.calls.lock().unwrap().clear();
    }
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:111122223333:function:{name}")
}

pub(crate) fn access_token(answer: &Value) -> String {
    answer["AuthenticationResult"]["AccessToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// `response` of an event, changed.
pub(crate) fn answering(mut event: Value, response: Value) -> Value {
    event["response"] = merged(event["response"].clone(), response);
    event
}

pub(crate) fn merged(base: Value, more: Value) -> Value {
    match (base, more) {
        (Value::Object(mut all), Value::Object(more)) => {
            all.extend(more);
            Value::Object(all)
        }
        other => panic!("two objects, not {other:?}"),
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
        .unwrap()
}
