use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use local_lambda_host::FunctionSpec;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::functions::{Function, binary, workspace};

/// A local cloud in memory, for what functions depend on: a table and a user pool.
#[derive(Debug)]
pub struct Cloud {
    process: Child,
    endpoints: Value,
    table: String,
}

impl Cloud {
    /// Starts the `local` binary of this build and waits until it is ready.
    pub async fn start() -> Result<Self> {
        let mut process = Command::new(binary("local")?)
            .args(["--headless", "--memory", "--port", "0"])
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
        let endpoints: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let table = only_table(text(&endpoints, "dynamodb")?).await?;
        Ok(Self { process, endpoints, table })
    }

    /// The variables that let a deployed function find this cloud.
    pub fn environment(&self) -> Result<BTreeMap<String, String>> {
        let variables = [
            ("AWS_ENDPOINT_URL_DYNAMODB", text(&self.endpoints, "dynamodb")?),
            ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", text(&self.endpoints, "cognito")?),
            ("AWS_REGION", text(&self.endpoints, "region")?),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("MFA_TABLE", &self.table),
        ];
        Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// A function for a [`LambdaHost`](local_lambda_host::LambdaHost), from a binary of its own.
    pub fn function(&self, function: &Function, command: &Path) -> Result<FunctionSpec> {
        let mut spec = FunctionSpec::new(function.name, command);
        spec.environment = self.environment()?;
        Ok(spec)
    }

    /// Ends it and waits for the end.
    pub async fn stop(mut self) -> Result<()> {
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

async fn only_table(dynamodb: &str) -> Result<String> {
    let answer: Value = reqwest::Client::new()
        .post(dynamodb)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00")
        .json(&json!({}))
        .send()
        .await?
        .json()
        .await?;
    let name = answer.pointer("/TableNames/0").and_then(Value::as_str);
    Ok(name.with_context(|| format!("no table: {answer}"))?.to_owned())
}
