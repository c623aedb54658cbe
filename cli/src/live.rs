//! Checks whether the alias `live`, which every caller uses, runs the deployed version.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use crate::aws::{Aws, Service};

/// The members of a function's configuration that a deployment changes, with the operator's names for them.
const MEMBERS: [(&str, &str); 7] = [
    ("/CodeSha256", "the code"),
    ("/Layers", "the overrides (layer)"),
    ("/Description", "the revision"),
    ("/MemorySize", "the memory"),
    ("/Timeout", "the timeout"),
    ("/Architectures", "the architecture"),
    ("/TracingConfig/Mode", "tracing"),
];

/// Reads the configuration of a function: of the version or alias in its ARN, or of `$LATEST`.
pub(crate) async fn configuration(aws: &Aws, arn: &str, latest: bool) -> Result<Value> {
    aws.get(Service::Lambda, "GetFunctionConfiguration", &path(arn, latest)).await
}

pub(crate) fn path(arn: &str, latest: bool) -> String {
    let mut parts = arn.split(':').skip(6);
    let name = parts.next().unwrap_or(arn);
    let qualifier = parts.next().filter(|_| !latest);
    let qualifier = qualifier.map(|alias| format!("?Qualifier={alias}")).unwrap_or_default();
    format!("/2015-03-31/functions/{name}/configuration{qualifier}")
}

/// Returns the names of the differences in the live version. It never returns a value, because variables can
/// be secrets.
pub(crate) fn stale(latest: &Value, live: &Value) -> Vec<String> {
    // A layer's size is an output, its ARN is a setting.
    let member = |configuration: &Value, pointer: &str| match configuration.pointer(pointer) {
        Some(Value::Array(layers)) if pointer == "/Layers" => {
            layers.iter().map(|layer| layer.get("Arn").cloned().unwrap_or_default()).collect()
        }
        other => other.cloned().unwrap_or_default(),
    };
    let variables = |configuration: &Value| {
        configuration
            .pointer("/Environment/Variables")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (new, old) = (variables(latest), variables(live));
    let names: BTreeSet<_> = new.keys().chain(old.keys()).collect();
    let changed = names.into_iter().filter(|name| new.get(*name) != old.get(*name)).map(ToString::to_string);
    let members = MEMBERS.iter().filter(|(pointer, _)| member(latest, pointer) != member(live, pointer));
    changed.chain(members.map(|(_, what)| (*what).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_and_no_value_is_shown() {
        let configuration = |secret: &str, layer: &str| {
            json!({
                "Environment": { "Variables": { "MFA_HASH_KEY": secret, "LOG_LEVEL": "info" } },
                "Layers": [{ "Arn": layer, "CodeSize": layer.len() }],
                "CodeSha256": "a", "Version": secret, "LastModified": layer,
            })
        };
        let live = configuration("old", "layer:1");
        assert_eq!(stale(&configuration("old", "layer:1"), &live), [""; 0]);
        assert_eq!(stale(&configuration("new", "layer:1"), &live), ["MFA_HASH_KEY"]);
        assert_eq!(stale(&configuration("old", "layer:2"), &live), ["the overrides (layer)"]);
        let mut code = configuration("old", "layer:1");
        code["CodeSha256"] = json!("b");
        code["Description"] = json!("2");
        assert_eq!(stale(&code, &live), ["the code", "the revision"]);
        assert_eq!(stale(&json!({}), &json!({ "Environment": { "Variables": { "A": "1" } } })), ["A"]);
    }

    #[test]
    fn the_alias_is_asked_for_by_its_name() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:shop-deliver:live";
        assert_eq!(path(arn, false), "/2015-03-31/functions/shop-deliver/configuration?Qualifier=live");
        assert_eq!(path(arn, true), "/2015-03-31/functions/shop-deliver/configuration");
    }
}
