//! The public recovery API. Its role can only count attempts and invoke the [`RecoveryService`].

mod page;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, header, request::Parts},
    response::Response,
    routing::{get, post},
};
use lambda_http::request::RequestContext;
use serde::{Deserialize, Serialize};

use self::page::Page;
use super::{
    Origin, Problem,
    body::{Body, EmptyBody},
    shell::with_shell,
};
use crate::{
    config::{Environment, policy::RecoveryPolicy},
    factors::custom::RecoveryCode,
    kernel::{Clock, HashKey, PortError, Refusal},
    recovery::{
        CaseSecret, CaseView, Password, RecoveryCommand, RecoveryReply, RecoveryService,
        port::{AttemptKind, AttemptLimiter},
    },
    telemetry,
};

/// What the front of the service is made from.
#[derive(Debug, Clone)]
pub struct RecoveryFront {
    policy: RecoveryPolicy,
    hash_key: HashKey,
    service: Arc<dyn RecoveryService>,
    attempts: Arc<dyn AttemptLimiter>,
    clock: Arc<dyn Clock>,
}

/// The policy and `MFA_HASH_KEY`.
#[derive(Debug)]
pub struct RecoveryFrontSettings {
    policy: RecoveryPolicy,
    hash_key: HashKey,
}

impl RecoveryFrontSettings {
    /// Reads the policy and `MFA_HASH_KEY`. Refuses a policy that would mail links to nowhere: behind `CloudFront` the
    /// API's own domain answers 404, and with it the link by which an owner ends a recovery.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().recovery;
        let is_behind = Origin::read(environment).has_a_front();
        if is_behind && policy.email.open && policy.email.api_url.is_empty() {
            environment.problem("policy.toml: recovery.email.open needs recovery.email.api_url behind CloudFront (ProtectApi)");
        }
        Self { policy, hash_key: environment.hash_key() }
    }

    pub fn front(
        self,
        service: Arc<dyn RecoveryService>,
        attempts: Arc<dyn AttemptLimiter>,
        clock: Arc<dyn Clock>,
    ) -> RecoveryFront {
        RecoveryFront { policy: self.policy, hash_key: self.hash_key, service, attempts, clock }
    }
}

/// The router, ready for `oneshot` in a test or for [`serve`](super::serve).
pub fn recovery_api(front: RecoveryFront) -> Router {
    let routes = Router::new()
        .route("/recovery", get(look).post(open))
        .route("/recovery/code", post(code))
        .route("/recovery/email", post(email))
        .route("/recovery/stop/{case}/{stopToken}", get(stop_page).post(stop))
        .route("/recovery/password", post(password))
        .route("/recovery/cancel", post(cancel))
        .with_state(front);
    with_shell(routes)
}

#[derive(Debug, Serialize)]
struct Opened {
    secret: String,
    #[serde(flatten)]
    view: CaseView,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    username: String,
    password: String,
}

/// `POST /recovery {username, password}`: the same answer whether there is such a user and the password is
/// right, or not.
async fn open(
    State(front): State<RecoveryFront>,
    Caller(address): Caller,
    Body(OpenBody { username: user_name, password }): Body<OpenBody>,
) -> Result<(StatusCode, Json<Opened>), Problem> {
    if user_name.is_empty() || user_name.len() > 128 {
        return Err(Problem::field("username"));
    }
    Password::parse(&password).map_err(|_| Problem::field("password"))?;
    front.admit(address).await?;
    match front.handle(&RecoveryCommand::Open { user_name, password }).await? {
        RecoveryReply::Opened { secret, view } => Ok((StatusCode::ACCEPTED, Json(Opened { secret, view }))),
        answer => Err(unexpected(&answer)),
    }
}

/// `GET /recovery`
async fn look(State(front): State<RecoveryFront>, Holder(secret): Holder) -> Result<Json<CaseView>, Problem> {
    front.view(&RecoveryCommand::Look { secret: text(&secret) }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: String,
}

/// `POST /recovery/code {code}`
async fn code(
    State(front): State<RecoveryFront>,
    Caller(address): Caller,
    Holder(secret): Holder,
    Body(CodeBody { code }): Body<CodeBody>,
) -> Result<Json<CaseView>, Problem> {
    RecoveryCode::parse(&code).map_err(|_| Problem::field("code"))?;
    front.admit(address).await?;
    front.view(&RecoveryCommand::Code { secret: text(&secret), code }).await
}

/// `POST /recovery/email {}`: sends a code by e-mail, which the user can enter after the wait. Accounts that
/// cannot be recovered by e-mail and unknown names get the same response.
async fn email(
    State(front): State<RecoveryFront>,
    Caller(address): Caller,
    Holder(secret): Holder,
    StopPage(page): StopPage,
    _: Body<EmptyBody>,
) -> Result<(StatusCode, Json<CaseView>), Problem> {
    front.admit(address).await?;
    let page = match front.policy.email.api_url.as_str() {
        "" => page,
        url => format!("{url}/recovery/stop"),
    };
    let view = front.view(&RecoveryCommand::Mail { secret: text(&secret), page }).await?;
    Ok((StatusCode::ACCEPTED, view))
}

/// `GET /recovery/stop/{case}/{stopToken}`: the page that the owner's link leads to. It calls no service and changes
/// nothing: programs that look links over follow them too.
async fn stop_page() -> Response {
    Page::Stop.shown(StatusCode::OK)
}

/// `POST /recovery/stop/{case}/{stopToken}`, by the page's button.
async fn stop(
    State(front): State<RecoveryFront>,
    Caller(address): Caller,
    Path((case, stop_token)): Path<(String, String)>,
) -> Response {
    let stopped = async {
        front.admit(address).await.ok()?;
        front.handle(&RecoveryCommand::Stop { case, stop_token }).await.ok()
    };
    match stopped.await {
        Some(RecoveryReply::Case { .. }) => Page::Stopped.shown(StatusCode::OK),
        Some(RecoveryReply::Refused { code })
            if [Refusal::RecoveryNotFound, Refusal::RecoveryEnded]
                .map(Refusal::code)
                .contains(&code.as_str()) =>
        {
            Page::NothingToStop.shown(StatusCode::NOT_FOUND)
        }
        _ => Page::NotStopped.shown(StatusCode::SERVICE_UNAVAILABLE),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PasswordBody {
    old_password: String,
    password: String,
}

/// `POST /recovery/password {oldPassword, password}`: may be sent again until the recovery is over.
async fn password(
    State(front): State<RecoveryFront>,
    Holder(secret): Holder,
    Body(PasswordBody { old_password, password }): Body<PasswordBody>,
) -> Result<Json<CaseView>, Problem> {
    Password::parse(&old_password).map_err(|_| Problem::field("oldPassword"))?;
    Password::parse(&password).map_err(|_| Problem::field("password"))?;
    let command = RecoveryCommand::Finish { secret: text(&secret), old_password, password };
    match front.service.handle(&command).await {
        Ok(answer) => view(answer),
        Err(fault) => {
            // The worker may have died before the end. `resume` finishes the steps that need no password.
            telemetry::dependency_failed(&fault);
            if let Err(fault) = front.service.resume(&secret.key(&front.hash_key)).await {
                telemetry::dependency_failed(&fault);
            }
            Err(Refusal::TemporarilyUnavailable.into())
        }
    }
}

/// `POST /recovery/cancel`
async fn cancel(
    State(front): State<RecoveryFront>,
    Holder(secret): Holder,
    _: Body<EmptyBody>,
) -> Result<Json<CaseView>, Problem> {
    front.view(&RecoveryCommand::Cancel { secret: text(&secret) }).await
}

impl RecoveryFront {
    /// Counts an attempt of an address before the service is called, apart from the service's own limits.
    async fn admit(&self, address: IpAddr) -> Result<(), Problem> {
        let address = self.hash_key.hash("recovery.address", &[network(address).as_bytes()]);
        let most = self.policy.address_attempts_per_hour;
        let admitted =
            self.attempts.admit(&AttemptKind::FromAddress { address }, most, self.clock.now()).await;
        match admitted {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::TooManyRequests.into()),
            Err(fault) => Err(unavailable(&fault)),
        }
    }

    async fn handle(&self, command: &RecoveryCommand) -> Result<RecoveryReply, Problem> {
        self.service.handle(command).await.map_err(|fault| unavailable(&fault))
    }

    async fn view(&self, command: &RecoveryCommand) -> Result<Json<CaseView>, Problem> {
        view(self.handle(command).await?)
    }
}

fn view(answer: RecoveryReply) -> Result<Json<CaseView>, Problem> {
    match answer {
        RecoveryReply::Case { view } => Ok(Json(view)),
        answer => Err(unexpected(&answer)),
    }
}

fn unexpected(answer: &RecoveryReply) -> Problem {
    let refusal = match answer {
        RecoveryReply::Refused { code } => Refusal::from_code(code),
        RecoveryReply::Opened { .. } | RecoveryReply::Case { .. } => None,
    };
    refusal.unwrap_or(Refusal::TemporarilyUnavailable).into()
}

fn unavailable(fault: &PortError) -> Problem {
    telemetry::dependency_failed(fault);
    Refusal::TemporarilyUnavailable.into()
}

fn text(secret: &CaseSecret) -> String {
    secret.text().to_string()
}

/// Returns one customer's network: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

/// The address that API Gateway was called from.
struct Caller(IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>() else {
            return Err(Refusal::TemporarilyUnavailable.into());
        };
        let address = context.http.source_ip.as_deref().and_then(|address| address.parse().ok());
        address.map(Self).ok_or_else(|| Refusal::TemporarilyUnavailable.into())
    }
}

/// Where the owner's link leads to: to this API, as it was called.
struct StopPage(String);

impl<S: Send + Sync> FromRequestParts<S> for StopPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>() else {
            return Err(Refusal::TemporarilyUnavailable.into());
        };
        // The address comes from API Gateway. The caller controls the header, which only adds a port on
        // loopback.
        let domain = context.domain_name.as_deref().ok_or(Refusal::TemporarilyUnavailable)?;
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_local = domain == "127.0.0.1" && host.starts_with("127.0.0.1:");
        let origin = if is_local { format!("http://{host}") } else { format!("https://{domain}") };
        // The name of a stage other than the default one is part of every path.
        let stage = context.stage.as_deref().filter(|stage| *stage != "$default");
        let stage = stage.map(|stage| format!("/{stage}")).unwrap_or_default();
        Ok(Self(format!("{origin}{stage}/recovery/stop")))
    }
}

/// The secret of a case, from `Authorization`. In the path it would reach the access log.
struct Holder(CaseSecret);

impl<S: Send + Sync> FromRequestParts<S> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = header.and_then(|header| header.strip_prefix("Bearer ")).and_then(CaseSecret::parse);
        secret.map(Self).ok_or_else(|| Refusal::RecoveryNotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_in_the_same_ipv6_network_is_the_same_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
