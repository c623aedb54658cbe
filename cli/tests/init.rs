//! `cognito-mfa init` without a terminal, on a copy of this repository's configuration.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

struct Infra(tempfile::TempDir);

impl Infra {
    /// Copies the files that the repository has.
    fn copied() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
        fs::create_dir_all(folder.path().join("overrides/cognito-mfa")).unwrap();
        for file in ["template.yaml", "samconfig.toml", "overrides/cognito-mfa/policy.toml"] {
            fs::copy(repository.join(file), folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).unwrap();
    }

    fn init(&self, flags: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognito-mfa"));
        command.args(["init", "--infra", self.0.path().to_str().unwrap()]).args(flags);
        command.output().unwrap()
    }

    /// Returns the added and the removed lines of a file since `before`.
    fn changes(&self, file: &str, before: &str) -> Vec<String> {
        let after = self.read(file);
        let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
        let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
        gone.chain(new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"))).collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const NEW: [&str; 8] = [
    "--email-from",
    "Müller & Söhne <No-Reply@Shop.Example>",
    "--sign-in-with",
    "phone",
    "--countries",
    "de, at,DE",
    "--origins",
    "https://app.shop.example,http://localhost:5173",
];

#[test]
fn the_answers_are_added_and_all_else_stays() {
    let infra = Infra::copied();
    let (before, policy) = (infra.read("samconfig.toml"), infra.read("overrides/cognito-mfa/policy.toml"));
    let output = infra.init(&[&NEW[..], &["--env", "dev"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(infra.changes("samconfig.toml", &before).join("\n"));
    assert_eq!(
        infra.read("overrides/cognito-mfa/policy.toml"),
        format!("{policy}\n[sms]\nallowed_countries = [\"DE\", \"AT\"]\n").trim_start_matches('\n')
    );
    assert!(stderr(&output).contains("cognito-mfa deploy --env dev --dry-run"), "{}", stderr(&output));

    // A second run finds every answer in the files, and changes nothing.
    let written = infra.read("samconfig.toml");
    let again = infra.init(&["--env", "dev"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(infra.read("samconfig.toml"), written);
}

#[test]
fn deploy_reads_what_init_writes() {
    for notation in ["", "[prod.deploy.parameters]\nparameter_overrides = { LogLevel = \"warn\" }\n"] {
        let infra = Infra::copied();
        infra.write("samconfig.toml", notation);
        let existing = [
            "--email-from",
            "The \"Shop\" <a@b.example>",
            "--user-pool",
            "eu-west-1_aBcD12345",
            "--app-clients",
            "web=1a2b,phone=3c4d",
            "--password-recovery",
            "email",
            "--countries",
            "all",
            "--origins",
            "none",
        ];
        let output = infra.init(&[&existing[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        insta::allow_duplicates! { insta::assert_json_snapshot!(result) };
        // The second run reads the file again, as `deploy` does.
        let again = infra.init(&["--json"]);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&again.stdout).unwrap(), result);
        assert!(infra.read("samconfig.toml").contains("parameters]\n"), "{}", infra.read("samconfig.toml"));
    }
}

#[test]
fn an_invalid_answer_is_refused_before_a_file_changes() {
    for (flag, value, reason) in [
        ("--email-from", "no-reply@example.com", "no-reply@example.com is only an example"),
        ("--email-from", "no address", "no address: is not an e-mail address"),
        ("--user-pool", "mine", "mine: write new, or an id such as eu-west-1_aBcD12345"),
        ("--sign-in-with", "fax", "fax: write one of email, phone, username"),
        ("--password-recovery", "email", "--password-recovery belongs to an existing pool"),
        ("--app-clients", "a=b", "--app-clients belongs to an existing pool"),
        ("--countries", "DE,XX", "\"XX\" is not a country that has phone numbers"),
        ("--origins", "http://app.example", "http://app.example: an origin begins with https://"),
        ("--origins", "https://app.example/path", "an origin ends after the host and port"),
        ("--origins", "app.example", "\"app.example\" is no origin"),
    ] {
        let infra = Infra::copied();
        let before = (infra.read("samconfig.toml"), infra.read("overrides/cognito-mfa/policy.toml"));
        let at = NEW.iter().position(|given| *given == flag);
        let mut flags = NEW.to_vec();
        match at {
            Some(at) => {
                flags.splice(at..at + 2, [flag, value]);
            }
            None => flags.extend([flag, value]),
        }
        let output = infra.init(&flags);
        assert_eq!(output.status.code(), Some(1), "{flag} {value}");
        assert!(stderr(&output).contains(reason), "{flag} {value}: {}", stderr(&output));
        let after = (infra.read("samconfig.toml"), infra.read("overrides/cognito-mfa/policy.toml"));
        assert_eq!(before, after);
    }
}

#[test]
fn an_absent_answer_is_named_by_its_flag() {
    let infra = Infra::copied();
    let output = infra.init(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("pass the answer: --email-from"), "{}", stderr(&output));

    let elsewhere = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cognito-mfa"))
        .args(["init", "--infra", elsewhere.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(stderr(&output).contains("has no template.yaml: run this command in a checkout"));
}

/// Returns a parameter of `prod` as `deploy` reads it.
fn parameter(infra: &Infra, name: &str) -> Option<String> {
    let file: toml::Table = toml::from_str(&infra.read("samconfig.toml")).unwrap();
    let overrides = file["prod"]["deploy"]["parameters"]["parameter_overrides"].as_array().unwrap().clone();
    let entries: Vec<_> =
        overrides.iter().map(|entry| entry.as_str().unwrap().split_once('=').unwrap()).collect();
    assert!(entries.iter().filter(|(found, _)| *found == name).count() < 2, "{entries:?}");
    entries.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn another_pool_leaves_nothing_of_the_one_before() {
    let infra = Infra::copied();
    let clients = |clients: &str| {
        let flags =
            ["--user-pool", "eu-west-1_aBcD12345", "--app-clients", clients, "--email-from", "a@b.example"];
        let output = infra.init(&[&flags[..], &["--countries", "all"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    clients("web=1a,phone=2b");
    let written = infra.read("samconfig.toml");
    infra.write("samconfig.toml", &written.replace("AppClientIds=1a,2b", "AppClientIds=1a,2b,9z"));
    clients("web=1a,desk=3c");
    assert_eq!(parameter(&infra, "AppClientIds").as_deref(), Some("1a,3c,9z"), "2b is listed no more");

    let output = infra.init(&["--user-pool", "new"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for name in ["UserPoolId", "AppClients", "AppClientIds"] {
        assert_eq!(parameter(&infra, name).as_deref(), Some(""), "{name}");
    }
    assert_eq!(parameter(&infra, "FunctionPrefix").as_deref(), Some("cognito-mfa-"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let infra = Infra::copied();
    let before = (infra.read("samconfig.toml"), infra.read("overrides/cognito-mfa/policy.toml"));
    let output = infra.init(&[&NEW[..], &["--dry-run"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("EmailFrom=Müller & Söhne <No-Reply@shop.example>")
    );
    assert_eq!((infra.read("samconfig.toml"), infra.read("overrides/cognito-mfa/policy.toml")), before);
}
