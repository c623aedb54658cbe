use serde::Deserialize;
use unic_langid::LanguageIdentifier;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessagesPolicy {
    pub app_name: String,
    /// ASCII, in lower case. If empty, text messages have no line for autofill.
    pub domain: String,
    /// A BCP 47 tag.
    pub default_locale: String,
    pub verify_by_link: bool,
    pub validity_minutes: MessageValidity,
}

/// The validity of codes in minutes, by purpose. With 0, a message does not state it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessageValidity {
    pub sign_up: u32,
    pub resend_code: u32,
    pub forgot_password: u32,
    pub update_user_attribute: u32,
    pub verify_user_attribute: u32,
    pub admin_create_user: u32,
    pub authentication: u32,
}

impl MessagesPolicy {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let name = &self.app_name;
        if name.trim() != name || !(1..=40).contains(&name.chars().count()) || name.contains(char::is_control)
        {
            problems.push("messages.app_name must have 1 to 40 characters, and no blank at its ends".into());
        }
        if !self.domain.is_empty()
            && idna::domain_to_ascii_strict(&self.domain).ok().as_ref() != Some(&self.domain)
        {
            let domain = &self.domain;
            problems.push(format!("messages.domain: {domain:?} is not a domain in lower-case ASCII"));
        }
        if self.default_locale.parse::<LanguageIdentifier>().is_err() {
            let locale = &self.default_locale;
            problems.push(format!("messages.default_locale: {locale:?} is not a BCP 47 tag"));
        }
        let validity = &self.validity_minutes;
        for (key, minutes) in [
            ("sign_up", validity.sign_up),
            ("resend_code", validity.resend_code),
            ("forgot_password", validity.forgot_password),
            ("update_user_attribute", validity.update_user_attribute),
            ("verify_user_attribute", validity.verify_user_attribute),
            ("admin_create_user", validity.admin_create_user),
            ("authentication", validity.authentication),
        ] {
            // Cognito's longest validity is that of a temporary password: 365 days.
            if minutes > 365 * 24 * 60 {
                problems.push(format!("messages.validity_minutes.{key} must be at most a year"));
            }
        }
    }
}
