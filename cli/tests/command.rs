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
factor_kinds = ["email"]
enrolment = "closed"
keep_weaker = true
[custom_auth.clients.mobile.groups.admins]
recovery_channel_counts = true
[custom_auth.clients.web.groups.admins]
factors = 2
[custom_auth.clients.desk]
factor_kinds = ["totp"]
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
fn an_unknown_country_is_found_before_a_deployment() {
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
fn help_lists_exit_codes_and_shells_can_complete() {
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
