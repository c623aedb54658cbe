//! `cognito-mfa deploy` with a `sam` and an AWS whose answers the test sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};

const TEMPLATE: &str = "Parameters: { Revision: {}, Architecture: {}, UserPoolId: {}, AppClients: {}, AppClientIds: {}, \
                        SignInWith: {}, LogLevel: {}, EmailFrom: {} }";

/// The parameter that a first deployment needs.
const EMAIL_FROM: &str = "[prod.deploy.parameters]\nparameter_overrides = \"EmailFrom=a@b.example\"\n";

/// Records each call, builds one function, keeps the revision as the stack would, and lists the outputs.
const SAM: &str = r#"echo "$@" >> asked
case "$1" in
build)
  mkdir -p .aws-sam/build/Triggers/PreSignUp; cp ../bootstrap .aws-sam/build/Triggers/PreSignUp/bootstrap; echo words;;
deploy)
  for argument in "$@"; do case "$argument" in Revision=*) revision=${argument#*=};; esac; done
  case "$*" in *--no-execute-changeset*) ;; *) [ -e ../declined ] || echo "$revision" > ../revision;; esac
  echo words;;
list)
  if [ -e ../revision ]; then sed "s/\"REVISION\"/$(cat ../revision)/" ../outputs
  else echo 'Error: The input stack x does not exist on Cloudformation in the region eu-west-1' >&2; exit 1; fi;;
esac"#;

/// A `sam` and a checkout's folder for it.
struct Checkout {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Checkout {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("infra/overrides/cognito-mfa")).unwrap();
        fs::create_dir(at("bin")).unwrap();
        fs::write(at("infra/overrides/cognito-mfa/policy.toml"), "").unwrap();
        fs::write(at("infra/template.yaml"), TEMPLATE).unwrap();
        fs::write(at("infra/samconfig.toml"), EMAIL_FROM).unwrap();
        for template in ["api.yaml", ".checkov.yaml"] {
            fs::write(at("infra").join(template), "").unwrap();
        }
        fs::write(at("bootstrap"), elf(0xb7)).unwrap();
        for (name, script) in [("sam", SAM), ("cargo-lambda", "")] {
            fs::write(at("bin").join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(at("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let endpoint = serve(folder.path());
        let checkout = Self { folder, endpoint };
        checkout.outputs(&[]);
        checkout.live(&json!({}));
        checkout.write("secret-version", "v1");
        checkout
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }

    /// Sets the outputs of the deployed stack.
    fn outputs(&self, more: &[(&str, &str)]) {
        let function = |name: &str| format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}:live");
        let mut all = json!([
            { "OutputKey": "TriggerPreSignUp", "OutputValue": function("pre-sign-up") },
            { "OutputKey": "FunctionDeliver", "OutputValue": function("deliver") },
            { "OutputKey": "Revision", "OutputValue": "REVISION" },
        ]);
        for (name, value) in more {
            all.as_array_mut().unwrap().push(json!({ "OutputKey": name, "OutputValue": value }));
        }
        self.write("outputs", &all.to_string());
    }

    /// Sets what the alias of each function runs. `$LATEST` runs `{}`.
    fn live(&self, configuration: &Value) {
        self.write("live.json", &configuration.to_string());
    }

    fn deploy(&self, flags: &[&str]) -> Output {
        let _ = fs::remove_file(self.folder.path().join("infra/asked"));
        Command::new(env!("CARGO_BIN_EXE_cognito-mfa"))
            .arg("deploy")
            .args(flags)
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display()))
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "example")])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    /// Returns the calls of `sam`, with the revision as `REVISION`.
    fn asked(&self) -> Vec<String> {
        let asked = self.read("infra/asked").unwrap_or_default();
        let revision = |word: &str| match word.split_once("Revision=") {
            Some((before, _)) => format!("{before}Revision=…"),
            None => word.to_owned(),
        };
        asked.lines().map(|line| line.split(' ').map(revision).collect::<Vec<_>>().join(" ")).collect()
    }

    fn revision(&self) -> String {
        self.read("revision").unwrap()
    }
}

/// Returns the header of a program for a processor: 0xb7 is arm64, 0x3e is x86-64.
fn elf(machine: u8) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    header[18] = machine;
    header
}

/// Serves what `deploy` reads from Lambda and Secrets Manager.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let folder = folder.clone();
            thread::spawn(move || while answer(&stream, &folder).is_some() {});
        }
    });
    endpoint
}

fn answer(mut stream: &TcpStream, folder: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let length =
        head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let answer = if head[0].starts_with("POST") {
        json!({ "VersionIdsToStages": { "v0": ["AWSPREVIOUS"], file("secret-version"): ["AWSCURRENT"] } })
            .to_string()
    } else if head[0].contains("?Qualifier=live") {
        file("live.json")
    } else {
        "{}".to_owned()
    };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
    )
    .ok()
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn deploy_validates_builds_deploys_and_keeps_the_outputs() {
    let checkout = Checkout::new();
    checkout.write(
        "infra/samconfig.toml",
        "[dev.deploy.parameters]\nparameter_overrides = [\"LogLevel=warn\", \"EmailFrom=a@b.example\"]\n",
    );
    let flags = [
        "--yes",
        "--env",
        "dev",
        "--region",
        "eu-west-1",
        "--parameter",
        "EmailFrom=The \"A\" <a@b.example>",
    ];
    let output = checkout.deploy(&[&flags[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let list = "list stack-outputs --output json --config-env dev --region eu-west-1";
    let parameters =
        r#"--parameter-overrides Architecture="arm64" EmailFrom="The \"A\" <a@b.example>" LogLevel="warn""#;
    let expected = [
        "validate --lint --template-file template.yaml --config-env dev".to_owned(),
        "validate --lint --template-file api.yaml --config-env dev".to_owned(),
        list.to_owned(),
        format!("build --config-env dev {parameters}"),
        format!(
            "deploy --config-env dev --no-confirm-changeset --no-fail-on-empty-changeset --region eu-west-1 \
             {parameters} Revision=…"
        ),
        list.to_owned(),
    ];
    assert_eq!(checkout.asked(), expected);
    assert_eq!(result(&output)["outcome"], "deployed");
    let kept: Value = serde_json::from_str(&checkout.read("outputs.json").unwrap()).unwrap();
    assert_eq!(result(&output)["outputs"], kept);
    assert!(said(&output).contains("the alias live of all 2 functions runs this revision"));
}

#[test]
fn whatever_changes_gives_another_revision_and_nothing_else_does() {
    let checkout = Checkout::new();
    checkout.outputs(&[("Secrets", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hash")]);
    let deploy = |flags: &[&str]| {
        let output = checkout.deploy(&[&["--yes"], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        checkout.revision()
    };
    // The first deployment makes the secrets.
    deploy(&[]);
    let first = deploy(&[]);
    assert_eq!(deploy(&[]), first, "nothing changed");
    let parameter = deploy(&["--parameter", "LogLevel=warn"]);
    checkout.write("infra/overrides/cognito-mfa/policy.toml", "[sign_up]\nopen = false\n");
    let policy = deploy(&[]);
    checkout.write("secret-version", "v2");
    let secret = deploy(&[]);
    let all = std::collections::BTreeSet::from([first, parameter, policy, secret]);
    assert_eq!(all.len(), 4);
}

#[test]
fn an_alias_that_runs_something_else_is_told_and_is_no_success() {
    let checkout = Checkout::new();
    checkout.live(
        &json!({ "Environment": { "Variables": { "MFA_ORIGIN_SECRET": "" } }, "Layers": [{ "Arn": "l:1" }] }),
    );
    let output = checkout.deploy(&["--yes", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(result(&output)["outcome"], "stale");
    let what = "the alias live of PreSignUp has an earlier state of MFA_ORIGIN_SECRET, the overrides (layer)";
    assert!(said(&output).contains(what), "{}", said(&output));
    assert!(said(&output).contains("the alias live of Deliver"));
}

#[test]
fn a_change_set_that_is_declined_changes_no_file() {
    let checkout = Checkout::new();
    checkout.write("outputs.json", "of before");
    checkout.write("declined", "");
    let output = checkout.deploy(&["--yes", "--json"]);
    assert_eq!((output.status.code(), result(&output)["outcome"].as_str()), (Some(3), Some("refused")));
    assert!(said(&output).contains("nothing was deployed"));
    assert_eq!(checkout.read("outputs.json").unwrap(), "of before");

    // The stack was deployed before.
    checkout.write("revision", "\"0a\"");
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(3));
    assert_eq!(checkout.read("outputs.json").unwrap(), "of before");
}

#[test]
fn a_dry_run_makes_a_change_set_and_no_change() {
    let checkout = Checkout::new();
    let output = checkout.deploy(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let asked = checkout.asked();
    assert_eq!(asked.len(), 5);
    assert!(asked[4].starts_with("deploy --config-env prod --no-execute-changeset --parameter-overrides "));
    assert_eq!((checkout.read("outputs.json"), checkout.read("revision")), (None, None));
}

/// `sam deploy` reads the architecture here. `sam build` has to get it too.
#[test]
fn the_architecture_reaches_the_build_and_is_held_against_its_functions() {
    let checkout = Checkout::new();
    checkout.write(
        "infra/samconfig.toml",
        "[prod.deploy.parameters]\nparameter_overrides = \"Architecture=\\\"x86_64\\\" EmailFrom=a@b.example\"\n",
    );
    let output = checkout.deploy(&["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    let what = "PreSignUp/bootstrap is built for arm64, and the parameter Architecture is x86_64";
    assert!(said(&output).contains(what), "{}", said(&output));
    let asked = checkout.asked();
    assert_eq!(
        asked.last().unwrap(),
        r#"build --config-env prod --parameter-overrides Architecture="x86_64" EmailFrom="a@b.example""#
    );

    fs::write(checkout.folder.path().join("bootstrap"), elf(0x3e)).unwrap();
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0));
}

#[test]
fn a_stack_keeps_the_pool_that_it_made() {
    let checkout = Checkout::new();
    checkout.outputs(&[("NativeClientId", "1a"), ("SignInWith", "email")]);
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0));
    for (parameter, reason) in [
        ("UserPoolId=eu-west-1_other", "UserPoolId: this stack has made its own pool"),
        (
            "SignInWith=username",
            "SignInWith: users of the stack's pool sign in with email, which a pool can't change. With username,",
        ),
    ] {
        let output = checkout.deploy(&["--yes", "--parameter", parameter]);
        assert_eq!(output.status.code(), Some(3), "{parameter}");
        assert!(said(&output).contains(reason), "{}", said(&output));
        assert!(!checkout.asked().iter().any(|asked| asked.starts_with("build")), "before anything is built");
    }
    for parameter in ["UserPoolId=", "SignInWith=email"] {
        assert_eq!(
            checkout.deploy(&["--yes", "--parameter", parameter]).status.code(),
            Some(0),
            "{parameter}"
        );
    }
}

/// The command refuses what the template's Rules refuse, and before any build.
#[test]
fn what_would_reach_no_user_is_refused() {
    let checkout = Checkout::new();
    let refused = |flags: &[&str]| -> Vec<String> {
        let output = checkout.deploy(&[&["--yes", "--json"], flags].concat());
        assert_eq!(output.status.code(), Some(3), "{flags:?}: {}", said(&output));
        assert!(!checkout.asked().iter().any(|asked| asked.starts_with("build")));
        let reasons = result(&output)["reasons"].as_array().unwrap().clone();
        reasons.iter().map(|reason| reason.as_str().unwrap().split(':').next().unwrap().to_owned()).collect()
    };
    for address in ["EmailFrom=", "EmailFrom=no-reply@example.com"] {
        assert_eq!(refused(&["--parameter", address]), ["EmailFrom"]);
    }
    let pool = ["--parameter", "UserPoolId=eu-west-1_other"];
    assert_eq!(refused(&pool), ["AppClients", "AppClientIds"]);
    assert_eq!(refused(&[&pool[..], &["--parameter", "AppClients=web=1"]].concat()), ["AppClientIds"]);
    checkout.write("infra/samconfig.toml", "");
    assert_eq!(refused(&[]), ["EmailFrom"]);

    let complete = ["AppClients=web=1", "AppClientIds=1", "EmailFrom=a@b.example"];
    let complete: Vec<_> = complete.iter().flat_map(|one| ["--parameter", *one]).collect();
    let output = checkout.deploy(&[&["--yes"], &pool[..], &complete].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // The stack has the values now.
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0));
    assert_eq!(refused(&["--parameter", "EmailFrom="]), ["EmailFrom"]);
}

#[test]
fn nothing_is_deployed_where_something_is_wrong() {
    let checkout = Checkout::new();
    let policy = "infra/overrides/cognito-mfa/policy.toml";
    checkout.write(policy, "[sign_up]\nopne = true\n");
    let output = checkout.deploy(&["--yes"]);
    assert_eq!(output.status.code(), Some(3));
    let found = "policy.toml:2: error: sign_up.opne is not a key of the policy";
    assert!(said(&output).contains(found), "{}", said(&output));
    assert!(checkout.asked().is_empty());
    checkout.write(policy, "");

    let output = checkout.deploy(&["--yes", "--parameter", "LogLvel=warn"]);
    assert!(said(&output).contains("template.yaml has no parameter LogLvel"), "{}", said(&output));
    assert!(checkout.asked().is_empty());

    assert_eq!(checkout.deploy(&[]).status.code(), Some(1), "there is no terminal to ask at");
    assert!(checkout.asked().is_empty());

    for (fails, what) in
        [("build", "sam build: exit status: 7"), ("list", "sam list stack-outputs: exit status: 7")]
    {
        let failing = format!("#!/bin/sh\n[ \"$1\" = {fails} ] && exit 7\n{SAM}\n");
        checkout.write("bin/sam", &failing);
        let output = checkout.deploy(&["--yes"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(what), "{}", said(&output));
        assert_eq!(checkout.read("revision"), None);
    }
    fs::remove_file(checkout.folder.path().join("bin/sam")).unwrap();
    assert!(said(&checkout.deploy(&["--yes"])).contains("pip install aws-sam-cli"));
}
