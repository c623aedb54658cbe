use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use url::Url;

/// Runs Amazon Cognito, Lambda, API Gateway, DynamoDB, KMS and the messaging services of this
/// project on this machine, with the functions and routes of the SAM template.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Args {
    /// Print one line, `READY <path of the endpoints file>`, when everything is up
    #[arg(long)]
    pub headless: bool,

    /// First of the consecutive ports; 0 takes any free ones
    #[arg(long, value_name = "N", default_value_t = 9100)]
    pub port: u16,

    /// Forget the pool, its users, the table and the keys of earlier runs
    #[arg(long)]
    pub fresh: bool,

    /// Keep everything in memory only
    #[arg(long)]
    pub memory: bool,

    /// The pool's multi-factor authentication
    #[arg(long, value_enum, default_value_t)]
    pub mfa: Mfa,

    /// What users sign in with
    #[arg(long, value_enum, default_value_t)]
    pub sign_in_with: SignInWith,

    /// Invoke functions through this URL, such as a running `cargo lambda watch`, instead of
    /// starting them here
    #[arg(long, value_name = "URL")]
    pub lambda_endpoint: Option<Url>,

    /// Where the state of all services is kept
    #[arg(long, value_name = "DIR", default_value = "target/local/state")]
    pub state_dir: PathBuf,

    /// Where the endpoints are written, in JSON
    #[arg(long, value_name = "FILE", default_value = "target/local/endpoints.json")]
    pub endpoints_file: PathBuf,

    /// The SAM template
    #[arg(long, value_name = "FILE", default_value = "infra/template.yaml")]
    pub template: PathBuf,

    /// What functions find under /opt when they are deployed: the operator's overrides, as the folder
    /// that `MFA_CONFIG_DIR` names
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,

    /// Folder of the functions' binaries; by default the one this program is in
    #[arg(long, value_name = "DIR")]
    pub functions_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mfa {
    Off,
    #[default]
    Optional,
    On,
}

impl Mfa {
    /// As Cognito writes it.
    pub fn configuration(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Optional => "OPTIONAL",
            Self::On => "ON",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignInWith {
    Username,
    #[default]
    Email,
    Phone,
}

impl std::fmt::Display for SignInWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::Email => "email",
            Self::Phone => "phone",
        })
    }
}
