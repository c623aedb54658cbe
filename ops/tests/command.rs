//! The command as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cognito-mfa")).args(arguments).output().unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for below in ["messages", "rules"] {
        fs::create_dir(folder.path().join(below)).unwrap();
    }
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn checked(folder: &Path) -> (bool, String) {
    let output = command(&["check", folder.to_str().unwrap()]);
    let found = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), found.replace(folder.to_str().unwrap(), "DIR"))
}

#[test]
fn check_says_every_problem_with_its_file_and_line() {
    let folder = folder(&[
        ("policy.toml", "[messages]\napp_name = \"The Shop\"\ndomain = \"Shop\"\n[sign_up]\nopne = true\n"),
        ("messages/de.ftl", "sign-up-sms = Hallo\n\nauthentication-lead = { $nam }\n"),
        ("messages/email.html.j2", "<p>\n{{ cod }}\n</p>\n"),
        ("policy.tml", ""),
        (
            "rules/10-careless.cedar",
            "forbid (principal, action, resource)\nwhen { context.emailDomian == \"a\" };\n",
        ),
    ]);
    let (passes, found) = checked(folder.path());
    assert!(!passes);
    insta::assert_snapshot!(found, @r#"
    DIR/messages/de.ftl:1: error: sign-up-sms does not contain { $code } unchanged
    DIR/messages/de.ftl:3: error: authentication-lead: Unknown variable: $nam
    DIR/messages/email.html.j2:2: error: undefined value: {{ cod }}
    DIR/policy.tml: error: ignored: only policy.toml, messages/ and rules/ are read
    DIR/policy.toml:3: error: messages.domain: "Shop" is not a domain in lower-case ASCII
    DIR/policy.toml:5: error: sign_up.opne is not a key of the policy
    DIR/rules/10-careless.cedar:2: error: attribute `emailDomian` in context for Action::"SignIn" not found
    DIR/rules/10-careless.cedar:2: error: attribute `emailDomian` in context for Action::"SignUp" not found
    "#);
}

#[test]
fn a_warning_is_no_failure() {
    let folder = folder(&[(
        "messages/en.ftl",
        "authentication-sms = { $code } – “{ $app }”, your code for signing in, Alex\n",
    )]);
    let (passes, found) = checked(folder.path());
    assert!(passes, "{found}");
    insta::assert_snapshot!(
        found,
        @"DIR/messages/en.ftl:1: warning: en, authentication: the text message takes 2 segments (Ucs2, 89 units with an 8-digit code)"
    );
}

#[test]
fn check_says_what_a_policy_makes_weak_or_impossible() {
    let policy = r#"
[custom_auth.clients.custom]
recovery_channel_counts = true
[custom_auth.clients.mobile]
kinds = ["email"]
enrolment = "closed"
keep_weaker = true
[custom_auth.clients.mobile.groups.admins]
recovery_channel_counts = true
[custom_auth.clients.web.groups.admins]
factors = 2
[custom_auth.clients.desk]
kinds = ["totp"]
enrolment = "closed"
"#;
    let (passes, found) = checked(folder(&[("policy.toml", policy)]).path());
    assert!(passes, "warnings only: {found}");
    insta::assert_snapshot!(found, @r#"
    DIR/policy.toml:3: warning: custom_auth.clients.custom.recovery_channel_counts: a code to the channel that resets the password counts beside it, so a mailbox can be enough
    DIR/policy.toml:4: warning: custom_auth.clients.mobile: no user can sign in: too few kinds count, and a trusted device comes after a sign-in (if MFA_PASSWORD_RECOVERY is email or email,sms)
    DIR/policy.toml:9: warning: custom_auth.clients.mobile.groups.admins.recovery_channel_counts: a code to the channel that resets the password counts beside it, so a mailbox can be enough
    DIR/policy.toml:10: warning: custom_auth.clients.web.groups.admins: a user who sets up an authenticator can't sign in again without other factors: set keep_weaker, or count totp and ask for fewer factors (if MFA_PASSWORD_RECOVERY is email or sms or none)
    DIR/policy.toml:10: warning: custom_auth.clients.web.groups.admins: a user without an authenticator can't sign in here, and can't set one up here (if MFA_PASSWORD_RECOVERY is email,sms)
    DIR/policy.toml:12: warning: custom_auth.clients.desk: a user without an authenticator can't sign in here, and can't set one up here
    "#);
}

#[test]
fn a_country_that_is_none_is_found_before_the_senders_fail_at_it() {
    let folder = folder(&[("policy.toml", "[sms]\nallowed_countries = [\"DE\", \"XX\"]\n")]);
    let (passes, found) = checked(folder.path());
    assert!(!passes);
    assert!(found.contains("sms.allowed_countries: \"XX\""), "{found}");
}

#[test]
fn a_folder_that_is_not_there_is_no_good_folder() {
    assert!(!checked(Path::new("/nonexistent/overrides")).0);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(checked(empty.path()), (true, String::new()));
}

#[test]
fn help_tells_the_exit_codes_and_a_shell_can_complete() {
    let help = command(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for told in
        ["attach", "detach", "doctor", "unlock", "audit", "forget-user", "3  refused, nothing was changed"]
    {
        assert!(help.contains(told), "{told}: {help}");
    }
    let completions = String::from_utf8(command(&["completions", "bash"]).stdout).unwrap();
    assert!(completions.contains("complete -F") && completions.contains("--stack-outputs"));
    assert_eq!(command(&["attach"]).status.code(), Some(2), "arguments are missing");
}

#[test]
fn preview_shows_every_message_in_every_locale() {
    let folder = folder(&[
        ("policy.toml", "[messages]\napp_name = \"The <Shop>\"\n"),
        ("messages/de.ftl", "sign-up-sms = { $code } für { $app }\n"),
        ("messages/email.txt.j2", "{{ broken }}"),
    ]);
    let page = folder.path().join("out/index.html");
    let output = command(&[
        "preview",
        "--config-dir",
        folder.path().to_str().unwrap(),
        "--out",
        page.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<iframe").count(), 7 * 24 * 2);
    assert_eq!(page.matches("class=\"bubble\"").count(), 7 * 24);
    assert!(page.contains("123456 für The &lt;Shop&gt;") && !page.contains("<Shop>"));
    assert!(page.contains("messages&#x2f;email.txt.j2:1: error: undefined value"));
    // Self-contained.
    for outside in [" src=", "<link", "@import", "url(", "http:"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// A `sam` that notes what it is asked, and a checkout's folder for it.
struct Sam {
    folder: tempfile::TempDir,
}

impl Sam {
    fn new(policy: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let overrides = folder.path().join("infra/overrides/cognito-mfa");
        fs::create_dir_all(&overrides).unwrap();
        fs::write(overrides.join("policy.toml"), policy).unwrap();
        for template in ["api.yaml", "template.yaml", ".checkov.yaml"] {
            fs::write(folder.path().join("infra").join(template), "").unwrap();
        }
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, script) in [("sam", script), ("cargo-lambda", "")] {
            let program = bin.join(name);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    fn deploy(&self, flags: &[&str]) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        Command::new(env!("CARGO_BIN_EXE_cognito-mfa"))
            .arg("deploy")
            .args(flags)
            .current_dir(self.folder.path())
            .env("PATH", path)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("infra/asked")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

const ANSWERS: &str = r#"echo "$@" >> asked
if [ "$1" = list ]; then echo '[{"OutputKey":"TriggerPreSignUp","OutputValue":"arn:a"}]'; else echo words; fi"#;

#[test]
fn deploy_validates_builds_deploys_and_keeps_the_outputs() {
    let sam = Sam::new("", ANSWERS);
    let output = sam.deploy(&["--yes", "--env", "dev", "--region", "eu-west-1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = [
        "validate --lint --template-file template.yaml --config-env dev",
        "validate --lint --template-file api.yaml --config-env dev",
        "build --config-env dev",
        "deploy --config-env dev --no-confirm-changeset --no-fail-on-empty-changeset --region eu-west-1",
        "list stack-outputs --output json --config-env dev --region eu-west-1",
    ];
    assert_eq!(sam.asked(), asked);
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("nothing but the result");
    assert_eq!(result["outcome"], "deployed");
    let kept = fs::read_to_string(sam.folder.path().join("outputs.json")).unwrap();
    assert_eq!(result["outputs"], serde_json::from_str::<serde_json::Value>(&kept).unwrap());
}

#[test]
fn a_dry_run_makes_a_change_set_and_no_change() {
    let sam = Sam::new("", ANSWERS);
    let output = sam.deploy(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    let asked = [
        "validate --lint --template-file template.yaml --config-env prod",
        "validate --lint --template-file api.yaml --config-env prod",
        "build --config-env prod",
        "deploy --config-env prod --no-execute-changeset",
    ];
    assert_eq!(sam.asked(), asked);
    assert!(!sam.folder.path().join("outputs.json").exists());
}

#[test]
fn nothing_is_deployed_where_something_is_wrong() {
    let broken = Sam::new("[sign_up]\nopne = true\n", ANSWERS);
    let output = broken.deploy(&["--yes"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("policy.toml:2: error: sign_up.opne is not a key of the policy"), "{said}");
    assert!(broken.asked().is_empty());

    let failing = Sam::new("", r#"echo "$1" >> asked; [ "$1" != build ]"#);
    let output = failing.deploy(&["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(failing.asked(), ["validate", "validate", "build"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("sam build: exit status: 1"));

    let nobody = Sam::new("", ANSWERS);
    assert_eq!(nobody.deploy(&[]).status.code(), Some(1), "nobody is there to be asked");
    assert!(nobody.asked().is_empty());
    fs::remove_file(nobody.folder.path().join("bin/sam")).unwrap();
    let output = nobody.deploy(&["--yes"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("pip install aws-sam-cli"));
}
