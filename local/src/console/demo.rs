//! The demo app: pages that sign up, sign in and manage factors as an app's would, and show each
//! call they make. No build step: the modules are served as they are.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;

use super::{Console, asset};
use crate::endpoints::Endpoints;

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        [$((concat!("/demo/", $name), include_str!(concat!("demo/", $name)))),*]
    };
}

const MODULES: &[(&str, &str)] = &modules![
    "account.js",
    "activity.js",
    "authenticator.js",
    "browser-key.js",
    "calls.js",
    "challenges.js",
    "cloud.js",
    "custom-challenge.js",
    "demo.js",
    "devices.js",
    "factors.js",
    "forgotten-password.js",
    "form.js",
    "lost-phone.js",
    "outbox.js",
    "named-authenticators.js",
    "own-totp.js",
    "password.js",
    "recovery-codes.js",
    "session.js",
    "sign-in.js",
    "sign-up.js",
    "srp.js",
    "trusted-devices.js",
];

pub(super) fn router(endpoints: &Endpoints) -> Router<Arc<Console>> {
    // Beside the console, the page talks only to the pool and to the API.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self' {} {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        endpoints.cognito, endpoints.api
    );
    let page = move || {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, policy),
        ];
        std::future::ready((headers, include_str!("demo/page.html")).into_response())
    };
    let style = asset("text/css; charset=utf-8", include_str!("demo/demo.css"));
    let router = Router::new().route("/demo", get(page)).route("/demo/demo.css", get(style));
    MODULES.iter().fold(router, |router, (path, script)| {
        router.route(path, get(asset("text/javascript; charset=utf-8", script)))
    })
}
