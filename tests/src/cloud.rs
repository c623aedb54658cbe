use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_lambda_host::FunctionSpec;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::functions::{Function, binary, workspace};

/// The local services accept any credentials and check only their form.
const UNCHECKED_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/service/aws4_request, SignedHeaders=host, Signature=00";

/// A local cloud in memory with the functions' dependencies: a table and a user pool.
#[derive(Debug)]
pub struct Cloud {
    process: Child,
    endpoints: Value,
    stack_outputs: Value,
    table: String,
    code_key: String,
    pub(crate) http: reqwest::Client,
}

/// The number of calls of an action.
#[derive(Debug, Clone, Deserialize)]
pub struct Called {
    pub calls: u64,
    pub denied: u64,
    /// The patterns of the role that the calls' partitions matched.
    pub partitions: BTreeSet<String>,
}

/// The client of the sample events. It is native, so that most functions have nothing to do, and no sample
/// needs a sign-in before it.
const APP_CLIENTS: &str = "native=1example23456789exampleab";

/// The hash key of functions that are started beside the cloud's own.
const HASH_KEY: &str = "0123456789abcdef0123456789abcdef";
const CHALLENGE_KEY: &str = "123456789abcdef0123456789abcdef0";
const RECOVERY_KEY: &str = "23456789abcdef0123456789abcdef01";

impl Cloud {
    /// Starts the `local` binary of this build and waits until it is ready.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts the cloud with more flags of `local --help`.
    pub async fn start_with(flags: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("endpoints.json");
        let mut process = Command::new(binary("local")?)
            .args(["--headless", "--memory", "--port", "0", "--endpoints-file"])
            .arg(&file)
            .args(flags)
            .current_dir(workspace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let path = loop {
            let line = lines.next_line().await?.context("`local` ended before it was ready")?;
            if let Some(path) = line.strip_prefix("READY ") {
                break workspace().join(path);
            }
        };
        let endpoints: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let outputs = std::fs::read(path.with_file_name("stack-outputs.json"))?;
        let stack_outputs = serde_json::from_slice(&outputs)?;
        let http = reqwest::Client::new();
        let table = only_table(&http, text(&endpoints, "dynamodb")?).await?;
        let mut cloud = Self { process, endpoints, stack_outputs, table, code_key: String::new(), http };
        cloud.code_key = cloud.code_key().await?;
        Ok(cloud)
    }

    /// Returns the variables by which a deployed function finds this cloud.
    pub fn environment(&self) -> Result<BTreeMap<String, String>> {
        let variables = [
            ("AWS_REGION", text(&self.endpoints, "region")?),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("MFA_TABLE", &self.table),
            ("MFA_USER_POOL_ID", text(&self.endpoints, "userPoolId")?),
            ("MFA_CODE_KEY_ARN", &self.code_key),
            // Any key works here.
            ("MFA_SEED_KEY_ARN", &self.code_key),
            ("MFA_DELIVER_FUNCTION", "deliver:live"),
            ("MFA_RECOVERY_FUNCTION", "recovery-worker:live"),
            ("MFA_PASSWORD_RECOVERY", "email"),
            ("MFA_APP_CLIENTS", APP_CLIENTS),
            ("MFA_HASH_KEY", HASH_KEY),
            ("MFA_CHALLENGE_KEY", CHALLENGE_KEY),
            ("MFA_RECOVERY_KEY", RECOVERY_KEY),
            ("MFA_EMAIL_FROM", "no-reply@example.com"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(self.service_urls()?.into_iter().chain(variables).collect())
    }

    /// Returns the variables that direct every AWS SDK to this cloud.
    fn service_urls(&self) -> Result<BTreeMap<String, String>> {
        let services = [
            ("COGNITO_IDENTITY_PROVIDER", "cognito"),
            ("DYNAMODB", "dynamodb"),
            ("KMS", "kms"),
            ("LAMBDA", "lambda"),
            ("PINPOINT_SMS_VOICE_V2", "sms"),
            ("SESV2", "ses"),
            ("SNS", "sns"),
        ];
        let url = |(variable, service): (&str, &str)| {
            Ok((format!("AWS_ENDPOINT_URL_{variable}"), text(&self.endpoints, service)?.to_owned()))
        };
        services.into_iter().map(url).collect()
    }

    /// Returns the variables for a [`LambdaHost`](local_lambda_host::LambdaHost), which gives each function
    /// its own key. The key identifies the function in counts of calls.
    pub fn environment_of_function(&self) -> Result<BTreeMap<String, String>> {
        let mut environment = self.environment()?;
        environment
            .retain(|name, _| !["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name.as_str()));
        Ok(environment)
    }

    /// Returns a function for a [`LambdaHost`](local_lambda_host::LambdaHost), from the given binary.
    pub fn function(&self, function: &Function, command: &Path) -> Result<FunctionSpec> {
        let mut spec = FunctionSpec::new(function.name, command);
        spec.environment = self.environment_of_function()?;
        // The samples of custom challenges need a custom client.
        if function.events.contains("AuthChallenge") {
            spec.environment.insert("MFA_APP_CLIENTS".into(), APP_CLIENTS.replace("native", "custom"));
        }
        Ok(spec)
    }

    /// Returns the number of AWS calls that a function has made so far.
    pub async fn calls(&self, function: &str) -> Result<f64> {
        let called = self.called().await?;
        let actions = called.get(function).into_iter().flatten();
        let calls: u64 = actions.map(|(_, called)| called.calls).sum();
        Ok(u32::try_from(calls)?.into())
    }

    /// Returns a function as the template deploys it here, from the given binary.
    pub async fn deployed(&self, function: &Function, command: &Path) -> Result<FunctionSpec> {
        let path = format!("/2015-03-31/functions/{}/configuration", function.name);
        let mut deployed = self.request("lambda", "GET", &path, String::new()).await?;
        let mut spec = FunctionSpec::new(function.name, command);
        let variables = deployed.pointer_mut("/Environment/Variables").context("no variables")?.take();
        spec.environment = serde_json::from_value(variables)?;
        spec.environment.extend(self.service_urls()?);
        let seconds = deployed.get("Timeout").and_then(Value::as_u64);
        spec.timeout = Duration::from_secs(seconds.context("no time-out")?);
        Ok(spec)
    }

    /// Returns a value of the endpoints file: a service's URL, or `userPoolId`.
    pub fn endpoint(&self, name: &str) -> Result<&str> {
        text(&self.endpoints, name)
    }

    /// Returns the outputs of the deployed stack, as `sam list stack-outputs` prints them.
    pub fn stack_outputs(&self) -> &Value {
        &self.stack_outputs
    }

    /// Returns the ARN of the key under which the pool seals codes for custom senders.
    pub async fn code_key(&self) -> Result<String> {
        let pool = json!({ "UserPoolId": self.endpoint("userPoolId")? });
        let described = self.cognito("DescribeUserPool", pool).await?;
        let key = described.pointer("/UserPool/LambdaConfig/KMSKeyID").and_then(Value::as_str);
        Ok(key.context("the pool has no custom sender")?.to_owned())
    }

    /// Signs up a user whose name is a phone number. The pool sends the code there.
    pub async fn sign_up(&self, phone_number: &str) -> Result<()> {
        let client = self.endpoints.pointer("/clients/native/id").context("no client")?;
        let user = json!({
            "ClientId": client, "Username": phone_number, "Password": "Correct-Horse-9",
            "UserAttributes": [{ "Name": "phone_number", "Value": phone_number }],
        });
        self.cognito("SignUp", user).await.map(drop)
    }

    /// Returns the codes of the messages to an address, newest last. A message without a code gives an empty
    /// text.
    pub async fn codes(&self, to: &str) -> Result<Vec<String>> {
        Ok(self.messages(to).await?.into_iter().map(|(_, code)| code).collect())
    }

    /// Returns the time and the code of each message to an address, newest last. The outbox forgets old
    /// messages.
    pub async fn messages(&self, to: &str) -> Result<Vec<(String, String)>> {
        let of = |message: &Value, name: &str| {
            message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let messages = self.outbox(to).await?;
        Ok(messages.iter().map(|message| (of(message, "at"), of(message, "code"))).collect())
    }

    /// Returns the messages to an address as the outbox keeps them.
    pub async fn outbox(&self, to: &str) -> Result<Vec<Value>> {
        let mut outbox = Url::parse(self.endpoint("outbox")?)?;
        outbox.query_pairs_mut().append_pair("to", to);
        Ok(self.http.get(outbox).send().await?.json().await?)
    }

    /// Returns API Gateway's event for a `GET` by a user of this cloud who has just signed in.
    pub async fn signed_in_request(&self, path: &str) -> Result<Value> {
        let sample = workspace().join("events/apigw-http-v2.access-token.json");
        let mut event: Value = serde_json::from_slice(&std::fs::read(sample)?)?;
        let token = self.access_token().await?;
        let replacements = [
            ("/routeKey", format!("GET {path}").into()),
            ("/rawPath", path.into()),
            ("/headers/authorization", format!("Bearer {token}").into()),
            ("/requestContext/routeKey", format!("GET {path}").into()),
            ("/requestContext/http/method", "GET".into()),
            ("/requestContext/http/path", path.into()),
            ("/requestContext/authorizer/jwt/claims", claims(&token)?),
        ];
        for (pointer, value) in replacements {
            *event.pointer_mut(pointer).with_context(|| format!("no {pointer} in the sample"))? = value;
        }
        Ok(event)
    }

    /// Posts as a signed-in user.
    pub async fn post_as(&self, url: &str, token: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(url).bearer_auth(token).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Requests JSON from a URL with a token.
    pub async fn get_as(&self, url: &str, token: &str) -> Result<Value> {
        let request = self.http.get(url).bearer_auth(token);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Returns the access token of a new user, alex@example.com.
    pub async fn access_token(&self) -> Result<String> {
        let client = self.endpoints.pointer("/clients/native/id").context("no client")?;
        let (address, password) = ("alex@example.com", "Correct-Horse-9");
        self.cognito(
            "SignUp",
            json!({
                "ClientId": client, "Username": address, "Password": password,
                "UserAttributes": [{ "Name": "email", "Value": address }],
            }),
        )
        .await?;
        let code = self.first_code(address).await?;
        let confirmation = json!({ "ClientId": client, "Username": address, "ConfirmationCode": code });
        self.cognito("ConfirmSignUp", confirmation).await?;
        let sign_in = json!({
            "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": address, "PASSWORD": password },
        });
        let tokens = self.cognito("InitiateAuth", sign_in).await?;
        Ok(tokens
            .pointer("/AuthenticationResult/AccessToken")
            .and_then(Value::as_str)
            .context("no token")?
            .into())
    }

    /// Returns the first code to `address`. It waits, because custom senders are called asynchronously.
    pub async fn first_code(&self, address: &str) -> Result<String> {
        for _ in 0..200 {
            if let Some(code) = self.codes(address).await?.into_iter().next() {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("no code came to {address}")
    }

    /// Calls an operation of Cognito's API.
    pub async fn cognito(&self, operation: &str, parameters: Value) -> Result<Value> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        call(&self.http, text(&self.endpoints, "cognito")?, "1.1", &target, &parameters).await
    }

    /// Returns the name of the functions' table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Adds an empty table like the functions' table.
    pub async fn add_table(&self, name: &str) -> Result<()> {
        let key = |name: &str, role: &str| json!({ "AttributeName": name, "KeyType": role });
        let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "AttributeDefinitions": [text("pk"), text("sk")],
        });
        self.call("dynamodb", "DynamoDB_20120810.CreateTable", table).await.map(drop)
    }

    /// Deletes every item of the functions' table.
    pub async fn empty_table(&self) -> Result<()> {
        for item in self.items(&self.table).await? {
            let key = json!({ "pk": item.get("pk"), "sk": item.get("sk") });
            let delete = json!({ "TableName": self.table, "Key": key });
            self.call("dynamodb", "DynamoDB_20120810.DeleteItem", delete).await?;
        }
        Ok(())
    }

    /// Returns every item of a table, as DynamoDB writes it.
    pub async fn items(&self, table: &str) -> Result<Vec<Value>> {
        let (mut items, mut asked) = (Vec::new(), json!({ "TableName": table }));
        loop {
            let mut page = self.call("dynamodb", "DynamoDB_20120810.Scan", asked.clone()).await?;
            let found = page.get_mut("Items").and_then(Value::as_array_mut).context("no items")?;
            items.append(found);
            let Some(last) = page.get("LastEvaluatedKey") else { return Ok(items) };
            asked = json!({ "TableName": table, "ExclusiveStartKey": last });
        }
    }

    /// Calls an operation of another service with a JSON protocol, such as `DynamoDB_20120810.PutItem` at
    /// `dynamodb`.
    pub async fn call(&self, service: &str, target: &str, parameters: Value) -> Result<Value> {
        call(&self.http, self.endpoint(service)?, "1.0", target, &parameters).await
    }

    /// Calls a service that has paths. The answer's status must be a success.
    pub async fn request(&self, service: &str, method: &str, path: &str, body: String) -> Result<Value> {
        let url = format!("{}{path}", self.endpoint(service)?);
        let request = self.http.request(method.parse()?, &url);
        let response = request.header("content-type", "application/json").body(body).send().await?;
        ensure!(response.status().is_success(), "{method} {url}: {}", response.status());
        let answer = response.bytes().await?;
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
    }

    /// Returns the id of an app client: `native`, `custom` or `server`.
    pub fn client(&self, name: &str) -> Result<&str> {
        let id = self.endpoints.pointer(&format!("/clients/{name}/id")).and_then(Value::as_str);
        id.with_context(|| format!("no client {name}"))
    }

    /// Returns the id of the cloud's process, or `None` once it has ended.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns each function's calls so far: the number by action, and how often its role denied it.
    pub async fn called(&self) -> Result<BTreeMap<String, BTreeMap<String, Called>>> {
        let seen = self.request("console", "GET", "/api/calls", String::new()).await?;
        Ok(serde_json::from_value(seen)?)
    }

    /// Ends the cloud and waits for its end. Fails if a role denied a function's call, even if the function
    /// handled it.
    pub async fn stop(mut self) -> Result<()> {
        let called = self.called().await?;
        let of = |(function, actions): (&String, &BTreeMap<String, Called>)| {
            let denied = actions.iter().filter(|(_, called)| called.denied > 0);
            denied.map(|(action, _)| format!("{function}: {action}")).collect::<Vec<_>>()
        };
        let denied: Vec<_> = called.iter().flat_map(of).collect();
        ensure!(denied.is_empty(), "denied by roles: {denied:?}");
        if let Some(id) = self.process.id() {
            kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
        }
        let status = self.process.wait().await?;
        ensure!(status.success(), "`local` ended with {status}");
        Ok(())
    }
}

fn text<'a>(endpoints: &'a Value, name: &str) -> Result<&'a str> {
    endpoints.get(name).and_then(Value::as_str).with_context(|| format!("no `{name}` among the endpoints"))
}

/// Calls an AWS service by its JSON protocol.
async fn call(
    http: &reqwest::Client,
    endpoint: &str,
    version: &str,
    target: &str,
    body: &Value,
) -> Result<Value> {
    let response = http
        .post(endpoint)
        .header("content-type", format!("application/x-amz-json-{version}"))
        .header("x-amz-target", target)
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", UNCHECKED_SIGNATURE)
        .body(body.to_string())
        .send()
        .await?;
    let (status, answer) = (response.status(), response.bytes().await?);
    ensure!(status.is_success(), "{target}: {status} {}", String::from_utf8_lossy(&answer));
    Ok(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? })
}

async fn only_table(http: &reqwest::Client, dynamodb: &str) -> Result<String> {
    let answer = call(http, dynamodb, "1.0", "DynamoDB_20120810.ListTables", &json!({})).await?;
    let name = answer.pointer("/TableNames/0").and_then(Value::as_str);
    Ok(name.with_context(|| format!("no table: {answer}"))?.to_owned())
}

/// Returns the claims of a token as API Gateway passes them on: every value is a text (cognito.md §8.2).
pub fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("not a token")?;
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let texts = claims.into_iter().map(|(name, value)| match value {
        Value::String(_) => (name, value),
        other => (name, other.to_string().into()),
    });
    Ok(Value::Object(texts.collect()))
}
