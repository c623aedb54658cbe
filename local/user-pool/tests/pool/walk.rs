//! Every built operation with every kind of bad input: the right exception, never an internal error.

use std::collections::BTreeMap;

use local_user_pool::ErrorCode;
use serde_json::{Map, Value, json};

use crate::support::Bench;

struct Model {
    operations: BTreeMap<String, Option<String>>,
    shapes: Map<String, Value>,
}

fn model() -> Model {
    let model: Value = serde_json::from_str(include_str!("../../src/protocol/model.json")).unwrap();
    Model {
        operations: serde_json::from_value(model["operations"].clone()).unwrap(),
        shapes: model["shapes"].as_object().unwrap().clone(),
    }
}

impl Model {
    /// A value that fits a shape, with its required members only.
    fn valid(&self, shape: &str) -> Value {
        let definition = &self.shapes[shape];
        match definition["type"].as_str().unwrap() {
            "structure" => {
                let required = definition["required"].as_array().cloned().unwrap_or_default();
                let members = required.iter().map(|name| {
                    let name = name.as_str().unwrap();
                    (name.to_owned(), self.valid(definition["members"][name].as_str().unwrap()))
                });
                Value::Object(members.collect())
            }
            "list" => json!([self.valid(definition["member"].as_str().unwrap())]),
            "map" => json!({}),
            "string" => Self::valid_text(definition),
            "integer" => json!(definition["min"].as_i64().unwrap_or(1).max(1)),
            "boolean" => json!(true),
            "blob" => json!("AQ=="),
            other => panic!("{shape} is a {other}"),
        }
    }

    fn valid_text(definition: &Value) -> Value {
        if let Some(values) = definition["enum"].as_array() {
            return values[0].clone();
        }
        let length = definition["min"].as_u64().unwrap_or(1).max(1);
        let text = match definition["pattern"].as_str().unwrap_or_default() {
            r"[\w-]+_[0-9a-zA-Z]+" => "us-east-1_Abcdefghi".to_owned(),
            r"[\w-]+_[0-9a-f-]+" => "us-east-1_abc".to_owned(),
            pattern if pattern.starts_with("^(tkn|sso)") => format!("tkn{}", "1".repeat(25)),
            pattern if pattern.starts_with("arn:") => "arn:aws:iam::111122223333:role/x".to_owned(),
            pattern if pattern.contains('@') => "a@example.com".to_owned(),
            _ => "1".repeat(usize::try_from(length).unwrap()),
        };
        json!(text)
    }

    /// A value of another JSON type than the shape wants.
    fn wrong_type(&self, shape: &str) -> Value {
        match self.shapes[shape]["type"].as_str().unwrap() {
            "structure" | "map" | "list" => json!("text"),
            "boolean" => json!("true"),
            _ => json!({"a": 1}),
        }
    }
}

async fn answer(bench: &Bench, operation: &str, input: &Value) -> Option<(ErrorCode, String)> {
    bench.call(operation, input.clone()).await.err().map(|error| (error.code, error.message))
}

fn member_path(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("'{}{rest}'", first.to_lowercase())
}

#[tokio::test]
async fn every_operation_takes_bad_input_with_the_right_exception() {
    let bench = Bench::new().await;
    let model = model();
    let mut built = 0;
    for (operation, shape) in &model.operations {
        let Some(shape) = shape else { continue };
        let probe = answer(&bench, operation, &json!([])).await;
        if probe.as_ref().is_some_and(|(code, _)| *code == ErrorCode::UnsupportedOperation) {
            continue;
        }
        built += 1;
        assert_eq!(probe.unwrap().0, ErrorCode::Serialization, "{operation} with a list");
        let valid = model.valid(shape);
        let good = answer(&bench, operation, &valid).await;
        let accepted = good.as_ref().is_none_or(|(code, text)| {
            !matches!(code, ErrorCode::InternalError | ErrorCode::Serialization)
                && !text.contains("validation error")
        });
        assert!(accepted, "{operation} {valid}: {good:?}");
        let mut unknown = valid.clone();
        unknown["NobodyKnowsThis"] = json!({"deep": [1, null]});
        let strange = answer(&bench, operation, &unknown).await;
        assert_eq!(
            strange.map(|error| error.0),
            good.map(|error| error.0),
            "{operation} with an unknown member"
        );

        let definition = &model.shapes[shape];
        for required in definition["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            for absent in [Value::Null, json!("absent")] {
                let mut input = valid.clone();
                if absent.is_null() {
                    input[name] = Value::Null;
                } else {
                    input.as_object_mut().unwrap().remove(name);
                }
                let (code, text) = answer(&bench, operation, &input).await.unwrap();
                assert_eq!(code, ErrorCode::InvalidParameter, "{operation} without {name}");
                assert!(text.contains(&member_path(name)), "{operation} without {name}: {text}");
            }
        }
        for (name, member) in definition["members"].as_object().unwrap() {
            let member = member.as_str().unwrap();
            let mut input = valid.clone();
            input[name] = model.wrong_type(member);
            let (code, text) = answer(&bench, operation, &input).await.unwrap();
            assert_eq!(code, ErrorCode::Serialization, "{operation} with {name} of a wrong type: {text}");
            if let (Some("string"), Some(max)) =
                (model.shapes[member]["type"].as_str(), model.shapes[member]["max"].as_u64())
            {
                let mut input = valid.clone();
                input[name] = json!("1".repeat(usize::try_from(max).unwrap() + 1));
                let (code, text) = answer(&bench, operation, &input).await.unwrap();
                assert_eq!(code, ErrorCode::InvalidParameter, "{operation} with {name} too long: {text}");
                assert!(text.contains(&member_path(name)), "{operation} with {name} too long: {text}");
            }
        }
    }
    assert_eq!(built, 89, "operations were walked");
}
