//! The HTTP API of a template, with its routes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_norway::Value as Yaml;

use super::intrinsics::Scope;
use super::sam::{present, typed};
use super::{Template, TemplateError};

/// The `AWS::Serverless::HttpApi` with all its routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    pub routes: Vec<Route>,
    pub cors: Option<Cors>,
    /// Per route, as HTTP APIs apply `DefaultRouteSettings`.
    pub throttle: Option<Throttle>,
    pub authorizers: BTreeMap<String, JwtAuthorizer>,
}

/// A function's event of type `HttpApi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Upper case, or `ANY`.
    pub method: String,
    /// `/mfa/{id}` or `/{proxy+}`.
    pub path: String,
    pub function: String,
    /// Name of the authorizer, or `None` for a route without one.
    pub authorizer: Option<String>,
    pub scopes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Throttle {
    /// Requests per second.
    #[serde(rename = "ThrottlingRateLimit")]
    pub rate: f64,
    #[serde(rename = "ThrottlingBurstLimit")]
    pub burst: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cors {
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    /// Seconds.
    pub max_age: Option<u32>,
    pub allow_credentials: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JwtAuthorizer {
    pub issuer: String,
    pub audience: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthorizerProperties {
    jwt_configuration: JwtAuthorizer,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ApiAuth {
    default_authorizer: Option<String>,
    authorizers: BTreeMap<String, AuthorizerProperties>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ApiProperties {
    cors_configuration: Option<Cors>,
    default_route_settings: Option<Throttle>,
    auth: ApiAuth,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EventAuth {
    authorizer: Option<String>,
    authorization_scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventProperties {
    method: String,
    path: String,
    #[serde(default)]
    auth: EventAuth,
}

pub(super) fn api(
    template: &Template,
    scope: &Scope,
    events: &[(String, &Yaml, String)],
) -> Result<Option<Api>, TemplateError> {
    let mut apis = present(template, scope, "AWS::Serverless::HttpApi")?.into_iter();
    let Some((id, resource)) = apis.next() else {
        return Ok(None);
    };
    if apis.next().is_some() {
        return Err(TemplateError::content("Resources", "more than one AWS::Serverless::HttpApi"));
    }
    let place = format!("Resources.{id}.Properties");
    let properties: ApiProperties = match resource.get("Properties") {
        Some(properties) => typed(scope, properties, &place)?,
        None => ApiProperties::default(),
    };
    let mut routes = Vec::new();
    for (function, event, place) in events {
        if event.get("Type").and_then(Yaml::as_str) != Some("HttpApi") {
            continue;
        }
        let Some(properties_of_event) = event.get("Properties") else {
            continue;
        };
        let event: EventProperties = typed(scope, properties_of_event, place)?;
        // `NONE` opens a route in spite of the API's default.
        let authorizer = event.auth.authorizer.or_else(|| properties.auth.default_authorizer.clone());
        routes.push(Route {
            method: event.method.to_ascii_uppercase(),
            path: event.path,
            function: function.clone(),
            authorizer: authorizer.filter(|name| name != "NONE"),
            scopes: event.auth.authorization_scopes,
        });
    }
    let authorizers = properties.auth.authorizers;
    let unknown = routes
        .iter()
        .filter_map(|route| route.authorizer.as_ref())
        .find(|name| !authorizers.contains_key(*name));
    if let Some(name) = unknown {
        return Err(TemplateError::content(place, format!("a route names the unknown authorizer {name}")));
    }
    Ok(Some(Api {
        routes,
        cors: properties.cors_configuration,
        throttle: properties.default_route_settings,
        authorizers: authorizers
            .into_iter()
            .map(|(name, authorizer)| (name, authorizer.jwt_configuration))
            .collect(),
    }))
}
