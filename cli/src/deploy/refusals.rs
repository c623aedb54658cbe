//! The reasons to refuse a deployment before the build.

use anyhow::{Context as _, Result};
use regex::Regex;
use serde_norway::Value;

use super::parameters::Parameters;
use crate::outputs::StackOutputs;

/// The trigger whose function's name begins with `FunctionPrefix`.
const NAMED: (&str, &str) = ("PreSignUp", "pre-sign-up");
/// The Region of `CloudFront`'s certificates.
const CLOUDFRONT: &str = "us-east-1";

/// Returns every reason against the parameters. `before` is the current stack.
pub(super) fn reasons(
    before: Option<&StackOutputs>,
    parameters: &Parameters,
    template: &Value,
    region: &str,
) -> Result<Vec<String>> {
    let mut reasons = incomplete(before.is_none(), parameters);
    reasons.extend(domain(before.is_none(), parameters, region));
    reasons.extend(topic(parameters, region));
    reasons.extend(invalid(parameters, template)?);
    if let Some(before) = before {
        reasons.extend(loses_users(before, parameters));
        reasons.extend(loses_functions(before, parameters));
    }
    Ok(reasons)
}

fn given<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.get(name).filter(|value| !value.is_empty())
}

/// Returns what the template's Rules would refuse after the build. An existing stack has values for absent
/// parameters.
fn incomplete(is_first: bool, parameters: &Parameters) -> Vec<String> {
    let lacks = |name: &str| parameters.get(name).map_or(is_first, str::is_empty);
    let mut reasons = Vec::new();
    if lacks("EmailFrom") || parameters.get("EmailFrom") == Some("no-reply@example.com") {
        reasons.push(
            "EmailFrom: set it to an address whose identity is verified in SES. Otherwise no user gets a code by e-mail"
                .to_owned(),
        );
    }
    if given(parameters, "UserPoolId").is_some() {
        let missing = ["AppClients", "AppClientIds"].into_iter().filter(|name| lacks(name));
        reasons.extend(missing.map(|name| {
            format!("{name}: an existing pool needs this parameter. Without it, users get no tokens that the API accepts")
        }));
    }
    for (one, other) in [("ApiDomainName", "ApiCertificateArn"), ("ApiCertificateArn", "ApiDomainName")] {
        if given(parameters, one).is_some() && lacks(other) {
            reasons.push(format!("{other}: set it together with {one}, for the domain of the API"));
        }
    }
    reasons
}

/// Returns the reason if the certificate is in a Region where the API's domain can't use it.
fn domain(is_first: bool, parameters: &Parameters, region: &str) -> Option<String> {
    let certificate = given(parameters, "ApiCertificateArn")?;
    let found = certificate.split(':').nth(3).unwrap_or_default();
    // A running stack has the value of an absent parameter.
    let allowed = match parameters.get("ProtectApi") {
        Some("true") => vec![CLOUDFRONT],
        None if !is_first => vec![region, CLOUDFRONT],
        _ => vec![region],
    };
    (!allowed.contains(&found)).then(|| {
        format!("ApiCertificateArn: the certificate is in {found}, and must be in {}", allowed.join(" or "))
    })
}

/// Returns the reason if the alarms' topic is in another Region. CloudFormation would refuse it after the build.
fn topic(parameters: &Parameters, region: &str) -> Option<String> {
    let found = given(parameters, "AlarmTopicArn")?.split(':').nth(3)?;
    (found != region).then(|| format!("AlarmTopicArn: the topic is in {found}, and must be in {region}"))
}

/// Returns what CloudFormation would refuse after the build: values against `AllowedPattern` and
/// `AllowedValues`.
fn invalid(parameters: &Parameters, template: &Value) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for (name, value) in parameters.iter() {
        let Some(declared) = template.get("Parameters").and_then(|all| all.get(name)) else { continue };
        let text = |member: &str| declared.get(member).and_then(Value::as_str);
        let is_list = text("Type") == Some("CommaDelimitedList");
        let values: Vec<_> = if is_list { value.split(',').collect() } else { vec![value] };
        if let Some(pattern) = text("AllowedPattern") {
            let whole =
                Regex::new(&format!("^(?:{pattern})$")).with_context(|| format!("template: {name}"))?;
            // `incomplete` has said so.
            let is_said = name == "EmailFrom" && value.is_empty();
            if !is_said && values.iter().any(|value| !whole.is_match(value)) {
                let form = text("ConstraintDescription").unwrap_or(pattern);
                reasons.push(format!("{name}: {value} is not of the form: {form}"));
            }
        }
        if let Some(allowed) = declared.get("AllowedValues").and_then(Value::as_sequence) {
            let allowed: Vec<_> = allowed.iter().map(plain).collect();
            if values.iter().any(|value| !allowed.iter().any(|one| one == value)) {
                reasons.push(format!("{name}: {value} is not one of {}", allowed.join(", ")));
            }
        }
    }
    Ok(reasons)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => String::new(),
    }
}

/// Returns the reason if a deployment would lose the users or the app clients of the stack's own pool.
fn loses_users(before: &StackOutputs, parameters: &Parameters) -> Option<String> {
    if !before.makes_pool {
        return None;
    }
    if given(parameters, "UserPoolId").is_some() {
        return Some(
            "UserPoolId: this stack has made its own pool. With another pool, the stack would no longer manage it, \
             and would delete its app clients. Deploy a second stack for the other pool, with its own FunctionPrefix"
                .to_owned(),
        );
    }
    let wanted = parameters.get("SignInWith")?;
    let kept = before.sign_in_with.as_deref().filter(|kept| *kept != wanted)?;
    Some(format!(
        "SignInWith: users of the stack's pool sign in with {kept}, and a pool can't change that. With {wanted}, \
         CloudFormation would fail or create an empty pool. Deploy a second stack, with its own FunctionPrefix"
    ))
}

/// Returns the reason if a deployment would replace the functions. The pool would call functions that do not
/// exist.
fn loses_functions(before: &StackOutputs, parameters: &Parameters) -> Option<String> {
    let wanted = parameters.get("FunctionPrefix")?;
    let name = before.triggers.get(NAMED.0)?.split(':').nth(6)?;
    let kept = name.strip_suffix(NAMED.1).filter(|kept| *kept != wanted)?;
    Some(format!(
        "FunctionPrefix: the functions of this stack begin with {kept:?}. With {wanted:?} CloudFormation would replace \
         them, and every sign-in would fail during the update. Deploy a second stack instead"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender;

    fn template() -> Value {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
        serde_norway::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn names(given: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml"));
        let given: Vec<_> =
            ["EmailFrom=a@b.example"].iter().chain(given).map(|&one| one.to_owned()).collect();
        let parameters = Parameters::read(folder.path(), "prod", &given, &text.unwrap()).unwrap();
        let reasons = reasons(None, &parameters, &template(), "eu-west-1").unwrap();
        reasons.iter().map(|reason| reason.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_value_that_the_template_refuses_is_refused_before_the_build() {
        assert_eq!(names(&["LogLevel=warn", "AllowedOrigins=https://a.example,https://b.example"]), [""; 0]);
        assert_eq!(names(&["LogLevel=debug"]), ["LogLevel"]);
        assert_eq!(names(&["LogRetentionDays=8"]), ["LogRetentionDays"]);
        assert_eq!(names(&["AlarmTopicArn=alarms"]), ["AlarmTopicArn"]);
        assert_eq!(names(&["AlarmTopicArn=arn:aws:sns:eu-west-1:111122223333:alarms"]), [""; 0]);
        assert_eq!(names(&["AlarmTopicArn=arn:aws:sns:us-east-1:111122223333:alarms"]), ["AlarmTopicArn"]);
        assert_eq!(names(&["PermissionsBoundaryArn=arn:aws:iam::111122223333:policy/boundary"]), [""; 0]);
        assert_eq!(names(&["UserPoolId=x", "AppClients=a=1", "AppClientIds=1"]), ["UserPoolId"]);
    }

    #[test]
    fn a_domain_needs_a_certificate_of_its_region() {
        let certificate =
            |region: &str| format!("ApiCertificateArn=arn:aws:acm:{region}:111122223333:certificate/1a");
        let (here, far) = (certificate("eu-west-1"), certificate("us-east-1"));
        let domain = "ApiDomainName=mfa.example.com";
        assert_eq!(names(&[domain, &here]), [""; 0]);
        assert_eq!(names(&[domain, &far]), ["ApiCertificateArn"]);
        assert_eq!(names(&[domain, &far, "ProtectApi=true"]), [""; 0]);
        assert_eq!(names(&[domain, &here, "ProtectApi=true"]), ["ApiCertificateArn"]);
        assert_eq!(names(&[domain]), ["ApiCertificateArn"]);
        assert_eq!(names(&[&here]), ["ApiDomainName"]);
        for invalid in ["mfa", "MFA.example.com", "https://mfa.example.com", "mfa..example.com"] {
            assert_eq!(names(&[&format!("ApiDomainName={invalid}"), &here]), ["ApiDomainName"], "{invalid}");
        }
    }

    /// The template's pattern and the functions admit the same senders, as `deploy` writes them.
    #[test]
    fn a_sender_that_the_functions_take_is_admitted() {
        for sender in [
            "no-reply@shop.example",
            "No-Reply+x@Mail.Example.COM",
            "Acme, Inc. <no-reply@example.com>",
            "\"Acme, Inc.\" <no-reply@example.com>",
            r#"The "A" Team <a@example.com>"#,
            "a@b <no-reply@example.com>",
            "Müller & Söhne <m@Bücher.example>",
            "日本語 <jp@例え.jp>",
            "o'hara@example.com",
        ] {
            assert_eq!(names(&[&format!("EmailFrom={sender}")]), [""; 0], "{sender}");
        }
        for sender in [
            "Acme",
            "Acme no-reply@example.com",
            "no-reply@example.com>",
            "Acme <no-reply@localhost>",
            "a@example.com, b@example.com",
            "Müller <müller@example.com>",
            "A <b> <a@example.com>",
        ] {
            // The last one has a name that would mislead the roles.
            assert!(sender::normal(sender).is_err() || sender.matches('<').count() > 1, "{sender}");
            assert_eq!(names(&[&format!("EmailFrom={sender}")]), ["EmailFrom"], "{sender}");
        }
    }
}
