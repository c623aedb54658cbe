//! What a call names: its actions, the resources and the values of condition keys, read from the request as each
//! service reads it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{LEADING_KEYS, Request};

const FULL_TABLE_SCAN: &str = "dynamodb:FullTableScan";

/// What names are completed with.
#[derive(Debug, Default)]
pub struct World {
    pub region: &'static str,
    pub account_id: &'static str,
    /// Table → the attribute of its partition key.
    pub partition_keys: BTreeMap<String, String>,
}

/// A call before it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// As signatures and IAM's actions name it.
    pub service: &'a str,
    pub operation: &'a str,
    pub path: &'a str,
    pub body: &'a Bytes,
}

impl World {
    /// One request for each action that the call needs; none for a batch that can't be read.
    pub fn requests(&self, call: Call<'_>) -> Vec<Request> {
        let body = serde_json::from_slice(call.body).unwrap_or_default();
        let mut requests = match (call.service, call.operation) {
            ("dynamodb", "BatchExecuteStatement") => self.statements(&body),
            ("dynamodb", operation) => vec![self.of_table(operation, &body)],
            (_, operation) => {
                vec![Request { action: operation.to_owned(), ..self.of_service(call, &body) }]
            }
        };
        for request in &mut requests {
            request.action = format!("{}:{}", call.service, request.action);
        }
        requests
    }

    fn of_service(&self, call: Call<'_>, body: &Value) -> Request {
        let member = |name: &str| body.get(name).and_then(Value::as_str);
        let arn = |text: &str| text.starts_with("arn:").then(|| text.to_owned());
        let mut request = Request::default();
        match call.service {
            "kms" => {
                request.resources.extend(member("KeyId").and_then(arn));
                let context = body.get("EncryptionContext").and_then(Value::as_object);
                for (name, value) in context.into_iter().flatten() {
                    set(&mut request, &format!("kms:EncryptionContext:{name}"), value.as_str());
                }
            }
            "cognito-idp" => {
                let pool = member("UserPoolId").map(|id| self.arn("cognito-idp", &format!("userpool/{id}")));
                request.resources.extend(pool);
            }
            "lambda" => {
                let function =
                    call.path.strip_suffix("/invocations").and_then(|path| path.rsplit('/').next());
                let function = function.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
                request.resources.extend(function.map(|name| {
                    arn(&name).unwrap_or_else(|| self.arn("lambda", &format!("function:{name}")))
                }));
            }
            "ses" => {
                if let Some(from) = member("FromEmailAddress") {
                    let from =
                        from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>'));
                    request.resources.push(self.arn("ses", &format!("identity/{from}")));
                    set(&mut request, "ses:FromAddress", Some(from));
                }
                let set_name = member("ConfigurationSetName");
                request
                    .resources
                    .extend(set_name.map(|name| self.arn("ses", &format!("configuration-set/{name}"))));
            }
            "sms-voice" => request.resources.extend(member("OriginationIdentity").and_then(arn)),
            "sns" => {
                let form = url::form_urlencoded::parse(call.body);
                let topic = form.filter(|(name, _)| name == "TopicArn" || name == "TargetArn");
                request.resources.extend(topic.map(|(_, arn)| arn.into_owned()));
            }
            _ => {}
        }
        request
    }

    fn of_table(&self, operation: &str, body: &Value) -> Request {
        let mut request = Request { action: operation.to_owned(), ..Request::default() };
        let own = body.get("TableName").and_then(Value::as_str).map(|table| (table, vec![body]));
        let of_batch = body.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
        let of_batch = of_batch.map(|(table, writes)| {
            let writes = writes.as_array().into_iter().flatten();
            let writes = writes.filter_map(|write| write.get("PutRequest").or(write.get("DeleteRequest")));
            (table.as_str(), writes.collect())
        });
        for (table, inputs) in own.into_iter().chain(of_batch) {
            request.resources.push(self.arn("dynamodb", &format!("table/{table}")));
            let Some(key) = self.partition_keys.get(table) else { continue };
            for input in inputs {
                set(&mut request, LEADING_KEYS, partition(input, key));
            }
        }
        request
    }

    /// By the first word of each statement; statements of one kind are one request.
    fn statements(&self, body: &Value) -> Vec<Request> {
        let mut requests = BTreeMap::<_, Request>::new();
        for statement in body.get("Statements").and_then(Value::as_array).into_iter().flatten() {
            let text = statement.get("Statement").and_then(Value::as_str).unwrap_or_default();
            let verb = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            let action = match verb.as_str() {
                "INSERT" => "PartiQLInsert",
                "UPDATE" => "PartiQLUpdate",
                "DELETE" => "PartiQLDelete",
                _ => "PartiQLSelect",
            };
            let table = text.split('"').nth(1).unwrap_or_default();
            let request = requests.entry(action).or_default();
            action.clone_into(&mut request.action);
            let arn = self.arn("dynamodb", &format!("table/{table}"));
            if !request.resources.contains(&arn) {
                request.resources.push(arn);
            }
            let key = self.partition_keys.get(table);
            let partition = key.and_then(|key| named_partition(text, statement, key));
            if partition.is_none() && action == "PartiQLSelect" {
                set(request, FULL_TABLE_SCAN, Some("true"));
            }
            set(request, LEADING_KEYS, partition);
        }
        requests.into_values().collect()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account_id)
    }
}

fn set(request: &mut Request, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        request.context.entry(key.to_owned()).or_default().insert(value.to_owned());
    }
}

/// The partition of an item, of a key, or of a query's condition.
fn partition<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    let of_item = ["Key", "Item"].iter().find_map(|part| input.get(part)?.get(key));
    let of_query = || {
        let condition = input.get("KeyConditionExpression")?.as_str()?;
        let (_, rest) = condition.split_once(&format!("{key} = "))?;
        let placeholder = rest.split([' ', ')']).next()?;
        input.get("ExpressionAttributeValues")?.get(placeholder)
    };
    of_item.or_else(of_query)?.get("S")?.as_str()
}

/// The partition that a `PartiQL` statement names by a parameter.
fn named_partition<'a>(text: &str, statement: &'a Value, key: &str) -> Option<&'a str> {
    let clauses = [format!(" {key} = ?"), format!("'{key}': ?")];
    let at = clauses.iter().find_map(|clause| text.find(clause))?;
    let parameter = text.get(..at)?.matches('?').count();
    statement.get("Parameters")?.get(parameter)?.get("S")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:1:table/Table";

    fn requests(service: &str, operation: &str, path: &str, body: String) -> Vec<Request> {
        let keys = [("Table".to_owned(), "pk".to_owned())].into();
        let world = World { region: "us-east-1", account_id: "1", partition_keys: keys };
        world.requests(Call { service, operation, path, body: &body.into() })
    }

    fn request(action: &str, resource: &str, context: &[(&str, &str)]) -> Request {
        let mut request = Request { action: action.to_owned(), ..Request::default() };
        request.resources.extend(Some(resource).filter(|arn| !arn.is_empty()).map(str::to_owned));
        for (key, value) in context {
            set(&mut request, key, Some(value));
        }
        request
    }

    #[test]
    fn an_operation_of_a_table_names_its_partitions() {
        let text = |value: &str| json!({ "S": value });
        let key = json!({ "pk": text("USER#1"), "sk": text("FACTORS") });
        let query = json!({
            "TableName": "Table", "KeyConditionExpression": "pk = :pk AND sk < :before",
            "ExpressionAttributeValues": { ":pk": text("USER#1"), ":before": text("x") },
        });
        let batch = json!({ "RequestItems": { "Table": [{ "DeleteRequest": { "Key": key } }] } });
        let user = [(LEADING_KEYS, "USER#1")];
        for (operation, body, context) in [
            ("GetItem", json!({ "TableName": "Table", "Key": key }), &user[..]),
            ("PutItem", json!({ "TableName": "Table", "Item": key }), &user),
            ("Query", query, &user),
            ("BatchWriteItem", batch, &user),
            ("Scan", json!({ "TableName": "Table" }), &[]),
        ] {
            let expected = request(&format!("dynamodb:{operation}"), TABLE, context);
            assert_eq!(requests("dynamodb", operation, "/", body.to_string()), [expected]);
        }
    }

    #[test]
    fn a_statement_names_its_partition_by_a_parameter() {
        let statement = |text: &str, parameters: &[&str]| {
            let parameters: Vec<_> = parameters.iter().map(|value| json!({ "S": value })).collect();
            json!({ "Statement": text, "Parameters": parameters })
        };
        let batch = json!({ "Statements": [
            statement(r#"SELECT * FROM "Table" WHERE pk = ? AND sk = ?"#, &["USER#1", "CODES"]),
            statement(r#"SELECT d FROM "Table" WHERE pk = ? AND sk = ?"#, &["SENT#1", "x"]),
            statement(r#"UPDATE "Table" SET "a" = ? WHERE pk = ? AND sk = ?"#, &["a", "USER#2", "x"]),
            statement(r#"INSERT INTO "Table" VALUE {'pk': ?, 'sk': ?}"#, &["SENT#2", "x"]),
        ] });
        let found = requests("dynamodb", "BatchExecuteStatement", "/", batch.to_string());
        let expected = [
            request("dynamodb:PartiQLInsert", TABLE, &[(LEADING_KEYS, "SENT#2")]),
            request("dynamodb:PartiQLSelect", TABLE, &[(LEADING_KEYS, "USER#1"), (LEADING_KEYS, "SENT#1")]),
            request("dynamodb:PartiQLUpdate", TABLE, &[(LEADING_KEYS, "USER#2")]),
        ];
        assert_eq!(found, expected);
        let scan = json!({ "Statements": [statement(r#"SELECT * FROM "Table" WHERE d = ?"#, &["1"])] });
        let found = requests("dynamodb", "BatchExecuteStatement", "/", scan.to_string());
        assert_eq!(found, [request("dynamodb:PartiQLSelect", TABLE, &[(FULL_TABLE_SCAN, "true")])]);
    }

    #[test]
    fn other_services_name_what_has_an_arn() {
        let key = "arn:aws:kms:us-east-1:1:key/k";
        let encrypted = json!({ "KeyId": key, "EncryptionContext": { "userpool-id": "p" } }).to_string();
        let mail = json!({ "FromEmailAddress": "Example <no-reply@example.com>" }).to_string();
        let alias = "arn:aws:lambda:us-east-1:1:function:deliver:live";
        let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Adeliver%3Alive/invocations";
        let number = json!({ "OriginationIdentity": "+12025550100" }).to_string();
        let pool = "arn:aws:sms-voice:us-east-1:1:pool/p";
        for (service, operation, path, body, expected) in [
            (
                "kms",
                "Decrypt",
                "/",
                encrypted,
                request("kms:Decrypt", key, &[("kms:EncryptionContext:userpool-id", "p")]),
            ),
            (
                "cognito-idp",
                "AdminGetUser",
                "/",
                json!({ "UserPoolId": "p" }).to_string(),
                request("cognito-idp:AdminGetUser", "arn:aws:cognito-idp:us-east-1:1:userpool/p", &[]),
            ),
            ("lambda", "InvokeFunction", path, "{}".to_owned(), request("lambda:InvokeFunction", alias, &[])),
            (
                "ses",
                "SendEmail",
                "/",
                mail,
                request(
                    "ses:SendEmail",
                    "arn:aws:ses:us-east-1:1:identity/no-reply@example.com",
                    &[("ses:FromAddress", "no-reply@example.com")],
                ),
            ),
            ("sms-voice", "SendTextMessage", "/", number, request("sms-voice:SendTextMessage", "", &[])),
            (
                "sms-voice",
                "SendTextMessage",
                "/",
                json!({ "OriginationIdentity": pool }).to_string(),
                request("sms-voice:SendTextMessage", pool, &[]),
            ),
            (
                "sns",
                "Publish",
                "/",
                "Action=Publish&PhoneNumber=%2B1".to_owned(),
                request("sns:Publish", "", &[]),
            ),
            (
                "sns",
                "Publish",
                "/",
                "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3At".to_owned(),
                request("sns:Publish", "arn:aws:sns:us-east-1:1:t", &[]),
            ),
        ] {
            assert_eq!(requests(service, operation, path, body), [expected]);
        }
    }
}
