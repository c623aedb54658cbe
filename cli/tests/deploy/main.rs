//! `cognito-mfa deploy` with a `sam` and an AWS whose answers the test sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where its own steps do")]

mod checkout;
mod review;

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::checkout::{Checkout, SAM, elf, result, said};

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
    let all = BTreeSet::from([first, parameter, policy, secret]);
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
        ("FunctionPrefix=shop-", "FunctionPrefix: the functions of this stack begin with \"\""),
        (
            "SignInWith=username",
            "SignInWith: users of the stack's pool sign in with email, and a pool can't change that. With username,",
        ),
    ] {
        let output = checkout.deploy(&["--yes", "--parameter", parameter]);
        assert_eq!(output.status.code(), Some(3), "{parameter}");
        assert!(said(&output).contains(reason), "{}", said(&output));
        assert!(!checkout.asked().iter().any(|asked| asked.starts_with("build")), "before anything is built");
    }
    for parameter in ["UserPoolId=", "SignInWith=email", "FunctionPrefix="] {
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
    checkout.write("infra/samconfig.toml", "[prod.global.parameters]\nstack_name = \"shop\"\n");
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
