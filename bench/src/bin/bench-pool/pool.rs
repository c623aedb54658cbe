//! One user pool with one app client, over the wire protocol. Every server has the same.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::srp::SrpClient;

/// Neither server checks signatures. The form gives the Region.
const UNCHECKED_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=00";
const PASSWORD: &str = "Correct-Horse-9";
const WRONG_PASSWORD: &str = "Correct-Horse-8";

/// Connections to one server; a connection is kept open between requests.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    http: reqwest::Client,
    endpoint: String,
}

impl Connection {
    /// Returns a separate connection.
    pub(crate) fn new(endpoint: &str) -> Result<Self> {
        let http = reqwest::Client::builder().pool_max_idle_per_host(1).build()?;
        Ok(Self { http, endpoint: endpoint.to_owned() })
    }

    /// Returns the answer to an operation, or the error's type.
    async fn call(&self, operation: &str, input: &Value) -> Result<Result<Value, String>> {
        let response = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", UNCHECKED_SIGNATURE)
            .body(input.to_string())
            .send()
            .await?;
        let (status, body) = (response.status(), response.bytes().await?);
        let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        if status.is_success() {
            return Ok(Ok(body));
        }
        let name = body.get("__type").and_then(Value::as_str);
        Ok(Err(name.with_context(|| format!("{operation}: {status} {body}"))?.to_owned()))
    }

    async fn succeed(&self, operation: &str, input: &Value) -> Result<Value> {
        match self.call(operation, input).await? {
            Ok(answer) => Ok(answer),
            Err(error) => bail!("{operation}: {error}"),
        }
    }
}

/// A pool without triggers and without MFA, so that only the sign-in is measured.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    endpoint: String,
    id: String,
    client_id: String,
}

impl Pool {
    pub(crate) async fn create(endpoint: &str) -> Result<Self> {
        let connection = Connection::new(endpoint)?;
        let pool = connection.succeed("CreateUserPool", &json!({ "PoolName": "bench" })).await?;
        let id = text(&pool, "/UserPool/Id")?;
        let client = json!({
            "UserPoolId": id,
            "ClientName": "bench",
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        });
        let client = connection.succeed("CreateUserPoolClient", &client).await?;
        let client_id = text(&client, "/UserPoolClient/ClientId")?;
        Ok(Self { endpoint: endpoint.to_owned(), id, client_id })
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::new(&self.endpoint)
    }

    /// Adds a user who can sign in at once.
    pub(crate) async fn add_user(&self, connection: &Connection, index: usize) -> Result<()> {
        let name = user_name(index);
        let user = json!({
            "UserPoolId": self.id, "Username": name, "MessageAction": "SUPPRESS",
            "UserAttributes": [
                { "Name": "email", "Value": format!("{name}@example.com") },
                { "Name": "email_verified", "Value": "true" },
            ],
        });
        connection.succeed("AdminCreateUser", &user).await?;
        let password =
            json!({ "UserPoolId": self.id, "Username": name, "Password": PASSWORD, "Permanent": true });
        connection.succeed("AdminSetUserPassword", &password).await?;
        Ok(())
    }

    /// Starts `USER_SRP_AUTH` and returns the challenge.
    pub(crate) async fn challenge(
        &self,
        connection: &Connection,
        user: usize,
        srp: &SrpClient,
    ) -> Result<Value> {
        let input = json!({
            "ClientId": self.client_id, "AuthFlow": "USER_SRP_AUTH",
            "AuthParameters": { "USERNAME": user_name(user), "SRP_A": srp.srp_a() },
        });
        let challenge = connection.succeed("InitiateAuth", &input).await?;
        let name = challenge.get("ChallengeName").and_then(Value::as_str);
        ensure!(name == Some("PASSWORD_VERIFIER"), "challenge {name:?}");
        Ok(challenge)
    }

    /// Computes the client's answer: the whole body of the second request.
    pub(crate) fn proof(&self, srp: &mut SrpClient, challenge: &Value) -> Result<Value> {
        self.proof_of(srp, challenge, PASSWORD)
    }

    fn proof_of(&self, srp: &mut SrpClient, challenge: &Value, password: &str) -> Result<Value> {
        let parameters = challenge.get("ChallengeParameters").context("no parameters")?;
        let mut proof = json!({
            "ClientId": self.client_id,
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": srp.answer(&self.id, parameters, password)?,
        });
        // Only some servers return a session here. Clients send it back.
        if let (Some(session), Some(proof)) = (challenge.get("Session"), proof.as_object_mut()) {
            proof.insert("Session".to_owned(), session.clone());
        }
        Ok(proof)
    }

    /// Completes `USER_SRP_AUTH`: exchanges the proof for tokens.
    pub(crate) async fn prove(&self, connection: &Connection, proof: &Value) -> Result<()> {
        let answer = connection.succeed("RespondToAuthChallenge", proof).await?;
        for token in ["IdToken", "AccessToken", "RefreshToken"] {
            text(&answer, &format!("/AuthenticationResult/{token}"))?;
        }
        Ok(())
    }

    /// Checks that a wrong password fails. The speed of a server that accepts any password means nothing.
    pub(crate) async fn refuses_a_wrong_password(&self) -> Result<()> {
        let connection = self.connect()?;
        let mut srp = SrpClient::new()?;
        let challenge = self.challenge(&connection, 0, &srp).await?;
        let proof = self.proof_of(&mut srp, &challenge, WRONG_PASSWORD)?;
        let answer = connection.call("RespondToAuthChallenge", &proof).await?;
        let refused = answer.is_err_and(|error| error.ends_with("NotAuthorizedException"));
        ensure!(refused, "a wrong password was not refused");
        Ok(())
    }
}

fn user_name(index: usize) -> String {
    format!("user-{index:05}")
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in an answer"))?.to_owned())
}
