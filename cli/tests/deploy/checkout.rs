//! A checkout with a simulated `sam` and simulated AWS services.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};

const TEMPLATE: &str = "Parameters: { Revision: {}, Architecture: {}, UserPoolId: {}, AppClients: {}, AppClientIds: {}, \
                        SignInWith: {}, LogLevel: {}, EmailFrom: {}, FunctionPrefix: {} }";

/// The parameter that a first deployment needs.
const EMAIL_FROM: &str = "[prod.global.parameters]\nstack_name = \"shop\"\n[prod.deploy.parameters]\n\
                          parameter_overrides = \"EmailFrom=a@b.example\"\n";

/// Records each call, builds one function, keeps the revision as the stack would, and lists the outputs.
pub(crate) const SAM: &str = r#"echo "$@" >> asked
case "$1" in
build)
  mkdir -p .aws-sam/build/Triggers/PreSignUp; cp ../bootstrap .aws-sam/build/Triggers/PreSignUp/bootstrap
  cp template.yaml .aws-sam/build/template.yaml; echo words;;
package)
  cp template.yaml .aws-sam/packaged.yaml;;
deploy)
  for argument in "$@"; do case "$argument" in Revision=*) revision=${argument#*=};; esac; done
  case "$*" in *--no-execute-changeset*) ;; *) [ -e ../declined ] || echo "$revision" > ../revision;; esac
  echo words;;
list)
  if [ -e ../revision ]; then sed "s/\"REVISION\"/$(cat ../revision)/" ../outputs
  else echo 'Error: The input stack x does not exist on Cloudformation in the region eu-west-1' >&2; exit 1; fi;;
esac"#;

/// A `sam` and a checkout's folder for it.
pub(crate) struct Checkout {
    pub(crate) folder: tempfile::TempDir,
    endpoint: String,
}

impl Checkout {
    pub(crate) fn new() -> Self {
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
        checkout.identities(&[("b.example", "SUCCESS")]);
        checkout.changes(&[("Triggers", "Deliver", "AWS::Lambda::Function", "Modify", "False")]);
        checkout
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }

    /// Sets the outputs of the deployed stack.
    pub(crate) fn outputs(&self, more: &[(&str, &str)]) {
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
    pub(crate) fn live(&self, configuration: &Value) {
        self.write("live.json", &configuration.to_string());
    }

    /// Sets the identities of SES with their verification status.
    pub(crate) fn identities(&self, all: &[(&str, &str)]) {
        let all: serde_json::Map<_, _> =
            all.iter().map(|(name, status)| ((*name).to_owned(), json!(status))).collect();
        self.write("identities.json", &Value::Object(all).to_string());
    }

    /// Sets the changes of the next change set: nested stack, resource, type, action, replacement.
    pub(crate) fn changes(&self, all: &[(&str, &str, &str, &str, &str)]) {
        let member = |id: &str, kind: &str, action: &str, rest: &str| {
            format!(
                "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action><LogicalResourceId>{id}\
                 </LogicalResourceId><ResourceType>{kind}</ResourceType>{rest}</ResourceChange></member>"
            )
        };
        let stacks: BTreeSet<_> = all.iter().map(|change| change.0).collect();
        let nested = |stack: &&str| {
            let set = format!("<ChangeSetId>set-{stack}</ChangeSetId>");
            member(stack, "AWS::CloudFormation::Stack", "Modify", &set)
        };
        self.write("set-root.xml", &stacks.iter().map(nested).collect::<String>());
        for stack in stacks {
            let own = all.iter().filter(|change| change.0 == stack);
            let own = own.map(|(_, id, kind, action, replacement)| {
                let replacement = format!("<Replacement>{replacement}</Replacement>");
                member(id, kind, action, if *action == "Modify" { &replacement } else { "" })
            });
            self.write(&format!("set-{stack}.xml"), &own.collect::<String>());
        }
    }

    pub(crate) fn deploy(&self, flags: &[&str]) -> Output {
        let _ = fs::remove_file(self.folder.path().join("infra/asked"));
        Command::new(env!("CARGO_BIN_EXE_cognito-mfa"))
            .arg("deploy")
            .args(flags)
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display()))
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "example")])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    /// Returns the calls of `sam`, with the revision as `REVISION`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.read("infra/asked").unwrap_or_default();
        let revision = |word: &str| match word.split_once("Revision=") {
            Some((before, _)) => format!("{before}Revision=…"),
            None => word.to_owned(),
        };
        asked.lines().map(|line| line.split(' ').map(revision).collect::<Vec<_>>().join(" ")).collect()
    }

    pub(crate) fn revision(&self) -> String {
        self.read("revision").unwrap()
    }
}

/// Returns the header of a program for a processor: 0xb7 is arm64, 0x3e is x86-64.
pub(crate) fn elf(machine: u8) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    header[18] = machine;
    header
}

/// Serves what `deploy` reads from Lambda, Secrets Manager, SES and CloudFormation.
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
    let (mut status, mut kind) = ("200 OK", "application/json");
    let answer = if body.starts_with(b"Action=") {
        kind = "text/xml";
        cloudformation(&String::from_utf8(body).unwrap(), folder)
    } else if let Some((_, identity)) = head[0].split_once("/v2/email/identities/") {
        let name = identity.split(' ').next().unwrap().replace("%40", "@");
        let all: Value = serde_json::from_str(&file("identities.json")).unwrap();
        match all.get(&name).and_then(Value::as_str) {
            Some("DENIED") => {
                status = "403 Forbidden\r\nx-amzn-errortype: AccessDeniedException";
                json!({ "message": "no" }).to_string()
            }
            Some(found) => {
                json!({ "VerifiedForSendingStatus": found == "SUCCESS", "VerificationStatus": found })
                    .to_string()
            }
            None => {
                status = "404 Not Found\r\nx-amzn-errortype: NotFoundException";
                json!({ "message": "none" }).to_string()
            }
        }
    } else if head[0].starts_with("POST") {
        json!({ "VersionIdsToStages": { "v0": ["AWSPREVIOUS"], file("secret-version"): ["AWSCURRENT"] } })
            .to_string()
    } else if head[0].contains("?Qualifier=live") {
        file("live.json")
    } else {
        "{}".to_owned()
    };
    let length = answer.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{answer}")
        .ok()
}

/// Answers a call in the Query protocol, and records it.
fn cloudformation(body: &str, folder: &Path) -> String {
    let record = folder.join("cloudformation");
    let before = fs::read_to_string(&record).unwrap_or_default();
    fs::write(record, format!("{before}{body}\n")).unwrap();
    let field = |name: &str| body.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let action = field("Action").unwrap();
    let result = match action {
        "DescribeStacks" => {
            let parameter = |name: &str| {
                format!(
                    "<member><ParameterKey>{name}</ParameterKey><ParameterValue>x</ParameterValue></member>"
                )
            };
            format!(
                "<Stacks><member><StackName>shop</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
                 <StackStatus>UPDATE_COMPLETE</StackStatus><Parameters>{}{}</Parameters><Tags><member><Key>team</Key>\
                 <Value>shop</Value></member></Tags></member></Stacks>",
                parameter("SignInWith"),
                parameter("EmailFrom"),
            )
        }
        "CreateChangeSet" => "<Id>set-root</Id>".to_owned(),
        "DescribeChangeSet" => {
            let changes = fs::read_to_string(folder.join(format!("{}.xml", field("ChangeSetName").unwrap())));
            format!("<Status>CREATE_COMPLETE</Status><Changes>{}</Changes>", changes.unwrap())
        }
        _ => String::new(),
    };
    format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>")
}

pub(crate) fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
