//! The same texts for pools that send themselves: `custom-message` hands them to Cognito, which puts
//! code, name and link in the place of its placeholders (cognito.md §1.11).

use super::{Accepted, Content, Fault, Messages, Part, alphabet, report};
use crate::delivery::Purpose;

const LONGEST_SMS: usize = 140;
const LONGEST_EMAIL: usize = 20_000;
/// Codes of a passwordless sign-in (cognito.md §2.3).
const LONGEST_CODE: usize = 8;

/// What Cognito wants to find in its texts, as the event names it.
#[derive(Debug, Clone, Copy)]
pub struct CognitoPlaceholders<'a> {
    pub code: &'a str,
    /// For an administrator's new user.
    pub user_name: Option<&'a str>,
    /// There in real events whether the pool verifies by link or not: `messages.verify_by_link`
    /// decides.
    pub link: Option<&'a str>,
}

/// None leaves a text to the pool's own template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CognitoTexts {
    pub sms: Option<String>,
    /// Subject and message; one e-mail is one locale's.
    pub email: Option<(String, String)>,
}

impl Messages {
    /// The texts for Cognito to fill in and send, each inside Cognito's limits or left out.
    pub fn for_cognito(
        &self,
        purpose: Option<Purpose>,
        placeholders: CognitoPlaceholders<'_>,
        locales: Vec<&str>,
    ) -> CognitoTexts {
        let (texts, broken) = self.compose_for_cognito(purpose, placeholders, locales);
        report(&broken);
        texts
    }

    pub(super) fn compose_for_cognito(
        &self,
        purpose: Option<Purpose>,
        placeholders: CognitoPlaceholders<'_>,
        locales: Vec<&str>,
    ) -> (CognitoTexts, Vec<Fault>) {
        let content = Content {
            purpose,
            code: Some(placeholders.code),
            user_name: placeholders.user_name,
            locales,
            facts: Vec::new(),
            valid_minutes: None,
        };
        let link = placeholders.link.filter(|_| self.policy.verify_by_link && is_verification(purpose));
        let is_filled = |text: &str, code: &str| {
            text.contains(code) && content.user().is_none_or(|user| text.contains(user))
        };
        let accept = |what: Accepted, text: &str| match what {
            Accepted::Part(Part::Sms) => check(
                "sms.txt.j2",
                length(text, placeholders.code),
                LONGEST_SMS,
                is_filled(text, placeholders.code),
            ),
            // What Cognito sends is HTML.
            Accepted::Part(Part::EmailHtml) => check(
                "email.html.j2",
                length(text, placeholders.code),
                LONGEST_EMAIL,
                is_filled(text, link.unwrap_or(placeholders.code)),
            )
            .and_then(|()| check_alphabet("email.html.j2", text)),
            Accepted::Subject => check_alphabet("subject", text),
            Accepted::Part(Part::EmailText) => Ok(()),
        };
        let compose_sms = |with_autofill| {
            self.compose(&content.locales, |spoken, broken| {
                self.compose_sms(spoken, &content, with_autofill, &accept, broken)
            })
        };
        let (mut sms, mut broken) = compose_sms(true);
        // A long domain may take the room: rather a message without the line for autofill than none
        // of ours.
        if sms.is_none() {
            (sms, broken) = compose_sms(false);
        }
        let (email, broken_email) = self.compose(&content.locales, |spoken, broken| {
            self.compose_email(spoken, &content, link, &accept, broken)
        });
        broken.extend(broken_email);
        let texts = CognitoTexts {
            sms: sms.map(|text| text.expose().to_owned()),
            email: email.map(|email| (email.subject, email.html.to_string())),
        };
        (texts, broken)
    }
}

/// Cognito has links for these only.
fn is_verification(purpose: Option<Purpose>) -> bool {
    matches!(
        purpose,
        Some(
            Purpose::SignUp
                | Purpose::ResendCode
                | Purpose::UpdateUserAttribute
                | Purpose::VerifyUserAttribute
        )
    )
}

/// In characters, with the longest code in the placeholder's place: it must fit both ways.
fn length(text: &str, placeholder: &str) -> usize {
    let growth = LONGEST_CODE.saturating_sub(placeholder.chars().count());
    text.chars().count() + growth * text.matches(placeholder).count()
}

fn check(part: &'static str, length: usize, limit: usize, is_filled: bool) -> Result<(), Fault> {
    if !is_filled {
        return Err(Fault::NotAccepted { part, reason: "lacks a placeholder of Cognito's" });
    }
    if length > limit {
        return Err(Fault::NotAccepted { part, reason: "is longer than Cognito takes" });
    }
    Ok(())
}

fn check_alphabet(part: &'static str, text: &str) -> Result<(), Fault> {
    match alphabet::first_refused(text) {
        Some(_) => Err(Fault::NotAccepted { part, reason: "holds a character that Cognito refuses" }),
        None => Ok(()),
    }
}
