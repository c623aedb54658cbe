//! What the command checks before it changes anything.

use std::fs;
use std::time::Duration;

use crate::checkout::{Checkout, result, said};

#[test]
fn an_update_is_reviewed_with_its_nested_stacks() {
    let checkout = Checkout::new();
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0), "the first deployment replaces nothing");
    assert_eq!(checkout.read("cloudformation"), None);

    let output = checkout.deploy(&["--yes", "--parameter", "LogLevel=warn"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("Modify Triggers/Deliver (AWS::Lambda::Function)"), "{}", said(&output));
    let calls = checkout.read("cloudformation").unwrap();
    let created = calls.lines().find(|call| call.starts_with("Action=CreateChangeSet")).unwrap();
    for part in [
        "IncludeNestedStacks=true",
        "StackName=shop",
        "ParameterKey=LogLevel&Parameters.member.",
        "ParameterValue=warn",
        "ParameterKey=SignInWith&Parameters.member.",
        "UsePreviousValue=true",
        "Tags.member.1.Key=team",
        "Capabilities.member.2=CAPABILITY_AUTO_EXPAND",
    ] {
        assert!(created.contains(part), "{part}: {created}");
    }
    assert!(
        !created.contains("ParameterKey=AppClients"),
        "the stack has no value of it, and none is given: {created}"
    );
    assert!(calls.trim_end().lines().last().unwrap().starts_with("Action=DeleteChangeSet"));
    let asked = checkout.asked();
    let package = "package --config-env prod --output-template-file .aws-sam/packaged.yaml --resolve-s3";
    assert_eq!(asked.iter().filter(|asked| *asked == package).count(), 1, "{asked:?}");

    let output = checkout.deploy(&["--dry-run", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(result(&output)["changes"][0]["path"], "Triggers/Deliver");
    assert!(!checkout.asked().iter().any(|asked| asked.starts_with("deploy")), "nothing is left");
}

#[test]
fn a_replaced_pool_table_client_or_key_is_refused_by_name() {
    let checkout = Checkout::new();
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0));
    let before = checkout.revision();
    for change in [
        ("Pool", "UserPool", "AWS::Cognito::UserPool", "Modify", "True"),
        ("Pool", "NativeClient", "AWS::Cognito::UserPoolClient", "Remove", ""),
        ("Data", "Table", "AWS::DynamoDB::Table", "Modify", "Conditional"),
        ("Data", "SeedKey", "AWS::KMS::Key", "Modify", "True"),
    ] {
        checkout.changes(&[("Triggers", "Deliver", "AWS::Lambda::Function", "Modify", "True"), change]);
        let flags = ["--yes", "--json", "--parameter", "LogLevel=warn"];
        let output = checkout.deploy(&flags);
        assert_eq!(output.status.code(), Some(3), "{change:?}: {}", said(&output));
        let path = format!("{}/{}", change.0, change.1);
        let reasons = result(&output)["reasons"].clone();
        assert_eq!(reasons.as_array().unwrap().len(), 1);
        assert!(reasons[0].as_str().unwrap().starts_with(&format!("{path}: the {}", change.2)), "{reasons}");
        assert!(!checkout.asked().iter().any(|asked| asked.starts_with("deploy")), "nothing is changed");
        assert_eq!(checkout.revision(), before);
        assert_eq!(checkout.deploy(&["--dry-run", "--parameter", "LogLevel=warn"]).status.code(), Some(3));
    }
    let output =
        checkout.deploy(&["--yes", "--parameter", "LogLevel=warn", "--allow-replacement", "Data/SeedKey"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_sender_that_ses_refuses_is_refused_before_anything_is_created() {
    let checkout = Checkout::new();
    for (identities, fault) in [
        (&[][..], "EmailFrom: SES has no identity for a@b.example in this Region"),
        (
            &[("b.example", "PENDING")],
            "EmailFrom: the SES identity b.example is not verified (status PENDING)",
        ),
    ] {
        checkout.identities(identities);
        let output = checkout.deploy(&["--yes"]);
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains(fault), "{}", said(&output));
        assert!(!checkout.asked().iter().any(|asked| asked.starts_with("build")));
    }
    checkout.identities(&[("a@b.example", "DENIED")]);
    let output = checkout.deploy(&["--yes"]);
    assert_eq!(output.status.code(), Some(1), "an unknown state is no permission");
    assert!(said(&output).contains("--skip-sender-check"), "{}", said(&output));
    assert_eq!(checkout.deploy(&["--yes", "--skip-sender-check"]).status.code(), Some(0));
    // The address of its own, and a domain above.
    for identities in [
        [("a@b.example", "SUCCESS"), ("b.example", "FAILED")],
        [("c.example", "PENDING"), ("b.example", "SUCCESS")],
    ] {
        checkout.identities(&identities);
        assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0), "{identities:?}");
    }
    let mail = ["--yes", "--parameter", "EmailFrom=Shop <a@mail.B.example>"];
    let output = checkout.deploy(&mail);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // The roles compare the address in the form of the e-mail.
    let asked = checkout.asked();
    assert!(
        asked.last().unwrap().starts_with("list")
            && asked.iter().any(|one| one.contains(r#"EmailFrom="Shop <a@mail.b.example>""#)),
        "{asked:?}"
    );
}

#[test]
fn functions_that_are_built_are_deployed_without_a_compiler() {
    let checkout = Checkout::new();
    let output = checkout.deploy(&["--yes", "--no-build"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("nothing is built"), "{}", said(&output));
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(0));

    fs::remove_file(checkout.folder.path().join("bin/cargo-lambda")).unwrap();
    assert_eq!(checkout.deploy(&["--yes"]).status.code(), Some(1));
    let output = checkout.deploy(&["--yes", "--no-build"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!checkout.asked().iter().any(|asked| asked.starts_with("build")));

    let copy = fs::metadata(checkout.folder.path().join("infra/.aws-sam/build/template.yaml")).unwrap();
    let soon = copy.modified().unwrap() + Duration::from_mins(1);
    let api = fs::File::options().append(true).open(checkout.folder.path().join("infra/api.yaml")).unwrap();
    api.set_modified(soon).unwrap();
    let output = checkout.deploy(&["--yes", "--no-build"]);
    assert!(said(&output).contains("api.yaml was changed after the build"), "{}", said(&output));
}
