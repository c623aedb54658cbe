//! The endpoints file: what tools and scripts rely on. Its keys stay as they are.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Table};
use serde::{Deserialize, Serialize};

use crate::lock::lock;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoints {
    pub cognito: String,
    pub api: String,
    pub lambda: String,
    pub dynamodb: String,
    pub kms: String,
    pub sns: String,
    pub sms: String,
    pub ses: String,
    pub outbox: String,
    pub console: String,
    pub region: String,
    #[serde(rename = "userPoolId")]
    pub user_pool_id: String,
    pub clients: Clients,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Clients {
    pub native: Client,
    pub custom: Client,
    pub server: Client,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Client {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Omits the secret.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reserves an endpoints file for this process, so that two local clouds never overwrite each other's. The
/// reservation ends when the returned file is dropped.
pub fn reserve(path: &Path) -> Result<File> {
    let taken =
        format!("another local cloud uses {}; choose another file with --endpoints-file", path.display());
    // Each start replaces the endpoints file, so that file cannot hold the lock.
    lock(&path.with_extension("lock"), &taken)
}

impl Endpoints {
    pub fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            // Renamed into place, so that a process that waits for the file never reads half of it.
            let beside = path.with_extension("new");
            fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
            fs::rename(&beside, path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// What a person wants to know at the start: where things are, and what to do first.
    pub fn greeting(&self, sign_in_name: &str) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        let demo = format!("{}/demo", self.console);
        for (name, value) in [
            ("Demo app", &demo),
            ("Console", &self.console),
            ("Outbox", &self.outbox),
            ("Cognito", &self.cognito),
            ("HTTP API", &self.api),
            ("Lambda", &self.lambda),
            ("DynamoDB", &self.dynamodb),
            ("KMS", &self.kms),
            ("SNS", &self.sns),
            ("SMS", &self.sms),
            ("SES", &self.ses),
            ("User pool", &self.user_pool_id),
            ("Client, native", &self.clients.native.id),
            ("Client, custom", &self.clients.custom.id),
            ("Client, server", &self.clients.server.id),
        ] {
            table.add_row([Cell::new(name), Cell::new(value)]);
        }
        let attribute = if sign_in_name.starts_with('+') { "phone_number" } else { "email" };
        let address = if sign_in_name.contains(['@', '+']) { sign_in_name } else { "ada@example.com" };
        let mut text = format!(
            "\n{table}\n\nBegin with the demo app, or sign a first user up by hand; the code comes to the console:\n\n"
        );
        let _infallible = write!(
            text,
            "  curl {cognito} -H 'Content-Type: application/x-amz-json-1.1' \\\n    \
             -H 'X-Amz-Target: AWSCognitoIdentityProviderService.SignUp' \\\n    \
             -d '{{\"ClientId\":\"{client}\",\"Username\":\"{sign_in_name}\",\"Password\":\"Correct-h0rse\",\
             \"UserAttributes\":[{{\"Name\":\"{attribute}\",\"Value\":\"{address}\"}}]}}'\n\n\
             Ctrl-C stops everything.\n",
            cognito = self.cognito,
            client = self.clients.native.id,
        );
        text
    }
}
