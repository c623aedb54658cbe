//! The OpenAPI document of the API, `infra/openapi.json`. A test makes it, so no function contains
//! the generator. A function serves the file. Schemathesis compares it with the API (`tests/python`).

use std::collections::BTreeMap;

use expect_test::expect_file;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, OpenApi};

use super::{
    activity, addresses, authenticators, message_codes, overview, passkeys, preference, recovery_codes,
    remembered_devices, totp, trusted_devices,
};
use crate::{http::Problem, kernel::Refusal};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub(super) struct DevicePath {
    /// The pool's name for the device.
    #[param(example = "us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789a")]
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub(super) struct IdPath {
    /// The id of one of the user's authenticators or devices.
    #[param(pattern = "^[0-9a-f]{32}$")]
    id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "MFA API",
        description = "Lets a signed-in user manage their own factors. Errors are problem documents (RFC 9457). Branch on `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "1"
    ),
    paths(
        activity::list,
        addresses::change_email,
        addresses::send_email_code,
        addresses::verify_email,
        addresses::change_phone_number,
        addresses::send_phone_number_code,
        addresses::verify_phone_number,
        remembered_devices::list,
        remembered_devices::change,
        remembered_devices::forget,
        remembered_devices::forget_others,
        authenticators::list,
        authenticators::start,
        authenticators::verify,
        authenticators::rename,
        authenticators::remove,
        message_codes::get,
        message_codes::put,
        overview::get,
        passkeys::list,
        passkeys::start,
        passkeys::verify,
        passkeys::rename,
        passkeys::remove,
        preference::get,
        preference::put,
        recovery_codes::left,
        recovery_codes::replace,
        totp::start,
        totp::verify,
        trusted_devices::list,
        trusted_devices::register,
        trusted_devices::rename,
        trusted_devices::remove,
    ),
    components(schemas(Problem))
)]
struct Document;

/// The statuses of refusals, each with its meaning.
const REFUSED: [(&str, &str); 11] = [
    ("400", "The body is not JSON, or a header is wrong"),
    ("401", "The user is not signed in, signed in too long ago for a change, or proved no second factor"),
    ("403", "The token lacks the scope"),
    ("404", "The id does not exist"),
    ("409", "The current state does not allow the change"),
    ("412", "The preference has changed since it was read"),
    ("413", "Too large"),
    ("415", "No `application/json`"),
    ("422", "A field is missing or not valid"),
    ("429", "Too many requests"),
    ("503", "The service is temporarily unavailable"),
];

fn refused(status: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/Refused{status}") })
}

fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap();
    let codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    let schemas = &mut document["components"]["schemas"];
    schemas["Problem"]["properties"]["code"]["enum"] = json!(codes);
    // RFC 7517, A.1.
    schemas["PublicKey"]["example"] = json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    schemas["GatewayMessage"] = json!({
        "type": "object",
        "description": "A response of API Gateway itself, without a call of the function.",
        "required": ["message"],
        "properties": { "message": { "type": "string" } },
    });
    let responses = REFUSED.map(|(status, text)| (format!("Refused{status}"), problem_or_message(text)));
    document["components"]["responses"] = Value::Object(responses.into_iter().collect());
    document["components"]["securitySchemes"] = json!({
        "accessToken": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "An access token with the scope `aws.cognito.signin.user.admin`.",
        },
    });
    document["security"] = json!([{ "accessToken": [] }]);
    document["servers"] = json!([{
        "url": "https://{api}.execute-api.{region}.amazonaws.com",
        "variables": { "api": { "default": "example" }, "region": { "default": "us-east-1" } },
    }]);
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        for (method, operation) in item.as_object_mut().unwrap() {
            complete(method, operation);
        }
    }
    document["paths"]["/openapi.json"] = json!({
        "get": {
            "operationId": "getDocument",
            "summary": "Returns this document.",
            "security": [],
            "responses": {
                "200": { "description": "OpenAPI 3.1", "content": { "application/json": { "schema": { "type": "object" } } } },
                "429": refused("429"),
            },
        },
    });
    document
}

/// What every operation has, and what follows from its form.
fn complete(method: &str, operation: &mut Value) {
    let operation = operation.as_object_mut().unwrap();
    operation.remove("tags");
    let is_change = method != "get";
    let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
    let (names_one, has_condition) = (has("id"), has("If-Match"));
    let has_body = operation.contains_key("requestBody");
    let mut refusals = vec!["401", "403", "429", "503"];
    if has("limit") {
        refusals.push("400");
    }
    if names_one {
        refusals.push("404");
    }
    if method == "post" {
        let key = json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Use the same key for every retry of a request. Within a day, the request then runs only once.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,128}$" },
        });
        operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut().unwrap().push(key);
    }
    let responses = operation["responses"].as_object_mut().unwrap();
    if has_condition {
        refusals.push("412");
    }
    if is_change {
        refusals.push("409");
    }
    if has_body {
        refusals.extend(["400", "413", "415", "422"]);
    }
    responses.extend(refusals.into_iter().map(|status| (status.to_owned(), refused(status))));
    let sorted: BTreeMap<_, _> = std::mem::take(responses).into_iter().collect();
    *responses = sorted.into_iter().collect::<Map<_, _>>();
}

fn problem_or_message(description: &str) -> Value {
    let schema = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    json!({
        "description": description,
        "content": {
            "application/problem+json": schema("Problem"),
            "application/json": schema("GatewayMessage"),
        },
    })
}

/// `UPDATE_EXPECT=1`, or `cargo xtask generate`, writes it anew.
#[test]
fn the_document_is_what_the_code_says() {
    let written = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    expect_file!["../../../../../infra/openapi.json"].assert_eq(&written);
}
