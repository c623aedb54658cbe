use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use mfa_core::config::Policy;
use mfa_core::delivery::message::{Content, Encoding, Finding, Messages, Segments};
use minijinja::{Environment, Value, context};

use crate::check::check;
use crate::exit_status::ExitStatus;

const PAGE: &str = include_str!("preview.html.j2");

/// A media query in its two usual spellings.
const DARK: [&str; 2] = ["(prefers-color-scheme: dark)", "(prefers-color-scheme:dark)"];

/// Writes the page and prints its path.
pub(crate) fn run(config_dir: Option<&Path>, out: &Path) -> Result<ExitStatus> {
    let (policy, findings) = match config_dir {
        Some(folder) => check(folder)?,
        None => (Policy::default(), Vec::new()),
    };
    let page = page(&policy, config_dir, &findings)?;
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(out, page).with_context(|| out.display().to_string())?;
    eprintln!("{}", out.display());
    Ok(ExitStatus::Done)
}

fn page(policy: &Policy, config_dir: Option<&Path>, findings: &[Finding]) -> Result<String> {
    let mut settings = policy.messages.clone();
    if settings.domain.is_empty() {
        // The domain makes the line for autofill visible.
        settings.domain = "example.com".into();
    }
    let messages = Messages::new(settings, config_dir);
    let locales: Vec<Value> = messages
        .locales()
        .map(|tag| {
            let shown: Vec<Value> =
                Content::samples("123456", &tag).iter().map(|sample| shown(&messages, sample)).collect();
            context! { tag, messages => shown }
        })
        .collect();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let mut environment = Environment::new();
    environment.add_template("preview.html", PAGE)?;
    let page = environment.get_template("preview.html")?;
    let app = &policy.messages.app_name;
    Ok(page.render(context! { app => app.as_str(), locales, findings })?)
}

fn shown(messages: &Messages, sample: &Content<'_>) -> Value {
    let sms = messages.sms(sample);
    let segments = Segments::of(sms.expose());
    let email = messages.email(sample);
    let encoding = match segments.encoding {
        Encoding::Gsm7 => "GSM-7",
        Encoding::Ucs2 => "UCS-2",
    };
    let name = match sample.purpose {
        Some(purpose) => purpose.name(),
        None if sample.code.is_some() => "Unknown purpose, with a code",
        None => "Unknown purpose, without a code",
    };
    context! {
        name,
        sms => sms.expose(),
        encoding,
        units => segments.units,
        segments => segments.count,
        // A browser shows a page in one scheme. This page shows both, whatever the viewer's scheme.
        light => in_scheme(&email.html, "not all"),
        dark => in_scheme(&email.html, "all"),
        bytes => email.html.len(),
        subject => email.subject,
        text => email.text.as_str(),
    }
}

fn in_scheme(html: &str, media: &str) -> String {
    DARK.iter().fold(html.to_owned(), |html, query| html.replace(query, media))
}
