//! Which tokens the authorizer lets through (cognito.md §8.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::access_token("GET", json!({}), 200)]
#[case::scope_granted("PUT", json!({}), 200)]
#[case::one_scope_of_several("PUT", json!({ "scope": "openid aws.cognito.signin.user.admin" }), 200)]
#[case::scope_in_scp("PUT", json!({ "scope": null, "scp": [SCOPE] }), 200)]
#[case::no_scope("PUT", json!({ "scope": null }), 403)]
#[case::other_scope("PUT", json!({ "scope": "aws.cognito.signin.user.administrator" }), 403)]
#[case::id_token_without_scope("GET", json!({ "client_id": null, "aud": CLIENT, "token_use": "id" }), 200)]
#[case::id_token_where_a_scope_is_asked("PUT", json!({ "client_id": null, "aud": CLIENT, "scope": null }), 403)]
#[case::audience_among_several("GET", json!({ "client_id": null, "aud": ["x", CLIENT] }), 200)]
#[case::other_client("GET", json!({ "client_id": "other" }), 401)]
#[case::audience_wins_over_client("GET", json!({ "aud": "other" }), 401)]
#[case::no_audience("GET", json!({ "client_id": null }), 401)]
#[case::other_issuer("GET", json!({ "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other" }), 401)]
#[case::no_issuer("GET", json!({ "iss": null }), 401)]
#[case::expires_in_a_second("GET", json!({ "exp": NOW + 1 }), 200)]
#[case::expired_now("GET", json!({ "exp": NOW }), 401)]
#[case::never_expires("GET", json!({ "exp": null }), 401)]
#[case::expiry_is_text("GET", json!({ "exp": "never" }), 401)]
#[case::not_before_now("GET", json!({ "nbf": NOW }), 200)]
#[case::not_before_later("GET", json!({ "nbf": NOW + 1 }), 401)]
#[case::issued_later("GET", json!({ "iat": NOW + 1 }), 401)]
#[tokio::test]
async fn the_authorizer_checks_claims(#[case] method: &str, #[case] change: Value, #[case] status: u16) {
    let mut claims = claims();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let request = request(method, "/mfa").header("authorization", format!("Bearer {}", signed(&claims, "k")));
    let (answered, headers, body) =
        send(&gateway(api(), &integration), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answered, status, "{body}");
    match status {
        401 => assert_eq!(body, r#"{"message":"Unauthorized"}"#),
        403 => assert_eq!(body, r#"{"message":"Forbidden"}"#),
        _ => {}
    }
    assert_eq!(headers.contains_key("www-authenticate"), status != 200);
    assert_eq!(integration.events.lock().unwrap().len(), usize::from(status == 200));
}

#[tokio::test]
async fn the_authorizer_checks_the_signature() {
    let integration = Arc::new(integration(json!({ "statusCode": 200 })));
    let router = gateway(api(), &integration);
    let good = signed(&claims(), "k");
    let mut parts = good.split('.');
    let (head, claims_part, signature) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k"}"#);
    let forged = URL_SAFE_NO_PAD.encode(claims().to_string().replace("access", "admin"));
    let symmetric = {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k".to_owned());
        let key = EncodingKey::from_secret(issuer().jwks["keys"][0]["n"].as_str().unwrap().as_bytes());
        jsonwebtoken::encode(&header, &claims(), &key).unwrap()
    };
    for (authorization, status) in [
        (good.clone(), 200),
        (format!("bearer {good}"), 200),
        (format!("Basic {good}"), 401),
        ("Bearer ".to_owned(), 401),
        (signed(&claims(), "other"), 401),
        (format!("{head}.{forged}.{signature}"), 401),
        (format!("{head}.{claims_part}."), 401),
        (format!("{none}.{claims_part}."), 401),
        (symmetric, 401),
    ] {
        let request = request("GET", "/mfa").header("authorization", authorization.clone());
        let (answered, ..) = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answered, status, "{authorization}");
    }
    let (answered, headers, _) = send(&router, request("GET", "/mfa").body(Body::empty()).unwrap()).await;
    assert_eq!((answered, headers["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
}
