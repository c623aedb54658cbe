//! Texts for pools that send messages themselves. `custom-message` returns them to Cognito, which replaces
//! its placeholders with code, name and link (cognito.md §1.11).

use super::{Accepted, Content, Fault, Messages, Part, alphabet, report};
use crate::delivery::Purpose;

const LONGEST_SMS: usize = 140;
const LONGEST_EMAIL: usize = 20_000;
/// The longest code, that of a passwordless sign-in (cognito.md §2.3).
const LONGEST_CODE: usize = 8;

/// The placeholders that Cognito requires in its texts, as the event names them.
#[derive(Debug, Clone, Copy)]
pub struct CognitoPlaceholders<'a> {
    pub code: &'a str,
    /// Present for a new user whom an administrator creates.
    pub user_name: Option<&'a str>,
    /// Present in real events whether the pool verifies by link or not. So `messages.verify_by_link` decides.
    pub link: Option<&'a str>,
}

/// Texts for Cognito. An absent text means that Cognito uses the pool's own template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CognitoTexts {
    pub sms: Option<String>,
    /// Subject and message, both in the same locale.
    pub email: Option<(String, String)>,
}

impl Messages {
    /// Composes the texts that Cognito completes and sends. A text beyond Cognito's limits is absent.
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
            // Cognito sends its e-mails as HTML.
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
        // A long domain may leave too little room. A message without the line for autofill is better than the
        // pool's template.
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

/// Returns whether Cognito can verify by link for this purpose.
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

/// Returns the length in characters with the longest code in the placeholder's place. The text must fit both
/// with the placeholder and with the code.
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
