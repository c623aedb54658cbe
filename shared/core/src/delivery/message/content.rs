use jiff::Timestamp;
use minijinja::{Value, context};
use zeroize::Zeroizing;

use super::{LONGEST_FACT, LONGEST_LINK, fault::Fault, one_line};
use crate::delivery::{Notice, Purpose};

/// The content of a message. Any of it may be secret or personal, so `Debug` prints only the purpose.
#[derive(Clone)]
pub struct Content<'a> {
    /// Absent for a source that is unknown (yet). The text is then neutral.
    pub purpose: Option<Purpose>,
    /// The code, or an administrator's temporary password for a new user, unescaped. Absent for a
    /// notification.
    pub code: Option<&'a str>,
    /// The name to sign in with. Only a message to an administrator's new user shows it.
    pub user_name: Option<&'a str>,
    /// The user's locale as BCP 47 tags, most wanted first: `clientMetadata.locale`, the attribute `locale`.
    /// Invalid tags are skipped.
    pub locales: Vec<&'a str>,
    /// Facts of a risk notification, by their names in the event (cognito.md §1.15).
    pub facts: Vec<(&'a str, &'a str)>,
    /// The validity of the code in minutes. If absent, the policy's value applies.
    pub valid_minutes: Option<u32>,
}

impl<'a> Content<'a> {
    /// Returns one sample of every message, including unknown sources with and without a code, for previews
    /// and for checks of texts. `code` is the sample code.
    pub fn samples(code: &'a str, locale: &'a str) -> Vec<Self> {
        const TIME: (&str, &str) = ("LOGIN_TIME", "2026-01-02T03:04:05Z");
        const DEVICE: (&str, &str) = ("DEVICE_NAME", "Chrome 120, Windows 10");
        let sample = |purpose, code, facts| Self {
            purpose,
            code,
            user_name: Some("alex@example.com"),
            locales: vec![locale],
            facts,
            valid_minutes: None,
        };
        let of = |purpose| match purpose {
            // An unsealed password, with every character that a layout may spoil.
            Purpose::AdminCreateUser => (Some("Tmp<9x>&Qz1!"), Vec::new()),
            Purpose::AccountTakeOverNotification => {
                let facts = vec![
                    TIME,
                    ("IP_ADDRESS", "192.0.2.10"),
                    ("CITY", "Exampleville"),
                    ("COUNTRY", "Exampleland"),
                    DEVICE,
                    ("ACCOUNT_TAKE_OVER_ACTION", "BLOCK"),
                    ("ONE_CLICK_LINK_VALID", "https://example.com/feedback?value=valid"),
                    ("ONE_CLICK_LINK_INVALID", "https://example.com/feedback?value=invalid"),
                ];
                (None, facts)
            }
            Purpose::Notice(Notice::RecoveryWaiting) => {
                let facts = vec![
                    TIME,
                    ("RECOVERY_CODE", "abcd-efgh-ijkl-mnop"),
                    ("READY_TIME", "2026-01-05T03:04:05Z"),
                    ("STOP_LINK", "https://example.com/recovery/stop?case=one"),
                ];
                (None, facts)
            }
            Purpose::Notice(_) => (None, vec![TIME, DEVICE]),
            _ => (Some(code), Vec::new()),
        };
        let known = Purpose::all().map(|purpose| {
            let (code, facts) = of(purpose);
            sample(Some(purpose), code, facts)
        });
        known.chain([sample(None, Some(code), Vec::new()), sample(None, None, Vec::new())]).collect()
    }

    /// Returns the prefix of the names of its sentences.
    pub(super) fn key(&self) -> &'static str {
        match (self.purpose, self.code) {
            (Some(Purpose::AccountTakeOverNotification), _) => "account-take-over-notification",
            (Some(Purpose::Notice(notice)), _) => notice.name(),
            // Cognito may one day send a notification without a code (cognito.md §2.3).
            (_, None) => "notice",
            (None, Some(_)) => "other",
            (Some(Purpose::SignUp), _) => "sign-up",
            (Some(Purpose::ResendCode), _) => "resend-code",
            (Some(Purpose::ForgotPassword), _) => "forgot-password",
            (Some(Purpose::UpdateUserAttribute), _) => "update-user-attribute",
            (Some(Purpose::VerifyUserAttribute), _) => "verify-user-attribute",
            (Some(Purpose::AdminCreateUser), _) => "admin-create-user",
            (Some(Purpose::Authentication), _) => "authentication",
        }
    }

    /// Returns whether the message reports an event. Such a message shows no code.
    fn is_notification(&self) -> bool {
        matches!(self.purpose, Some(Purpose::AccountTakeOverNotification | Purpose::Notice(_)))
    }

    /// Returns the code that the message must show.
    pub(super) fn said_code(&self) -> Option<&'a str> {
        self.code.filter(|_| !self.is_notification())
    }

    /// Returns a code that a phone may fill in: no temporary password, and from an unknown source only a text
    /// of digits.
    pub(super) fn bound_code(&self) -> Option<&'a str> {
        let code = self.code?;
        match self.purpose {
            Some(Purpose::AdminCreateUser | Purpose::AccountTakeOverNotification | Purpose::Notice(_)) => {
                None
            }
            Some(_) => Some(code),
            None => code.bytes().all(|byte| byte.is_ascii_digit()).then_some(code),
        }
    }

    pub(super) fn user(&self) -> Option<&'a str> {
        self.user_name.filter(|_| self.purpose == Some(Purpose::AdminCreateUser))
    }

    fn fact(&self, name: &str) -> Option<&'a str> {
        if !self.is_notification() {
            return None;
        }
        let (_, value) = self.facts.iter().find(|(known, _)| *known == name)?;
        Some(*value).filter(|value| !value.trim().is_empty())
    }

    /// Returns the facts without which a notification is useless: the code to recover, and the link to stop
    /// the recovery. A fact that we do not show unchanged is not required of a text, so that a message always
    /// comes out.
    pub(super) fn needed_facts(&self) -> impl Iterator<Item = &'a str> {
        let code = self.fact("RECOVERY_CODE").filter(|code| shown(code) == *code);
        code.into_iter().chain(self.fact("STOP_LINK").filter(|url| is_safe(url)))
    }

    pub(super) fn is_blocked(&self) -> bool {
        let is_takeover = self.purpose == Some(Purpose::AccountTakeOverNotification);
        is_takeover && self.fact("ACCOUNT_TAKE_OVER_ACTION") == Some("BLOCK")
    }

    /// Returns the present facts with their labels.
    pub(super) fn shown_facts(
        &self,
        say: &impl Fn(&str) -> Result<String, Fault>,
    ) -> Result<Vec<Value>, Fault> {
        let place: Vec<_> = ["CITY", "COUNTRY"].into_iter().filter_map(|name| self.fact(name)).collect();
        let facts = [
            ("fact-time", self.fact("LOGIN_TIME").map(time)),
            ("fact-place", (!place.is_empty()).then(|| place.join(", "))),
            ("fact-device", self.fact("DEVICE_NAME").map(str::to_owned)),
            ("fact-ip-address", self.fact("IP_ADDRESS").map(str::to_owned)),
            ("fact-recovery-code", self.fact("RECOVERY_CODE").map(str::to_owned)),
            ("fact-ready-time", self.fact("READY_TIME").map(time)),
        ];
        let present = facts.into_iter().filter_map(|(id, value)| Some((id, shown(&value?))));
        present.map(|(id, value)| Ok(context! { label => say(id)?, value })).collect()
    }

    /// Returns the links that the user can answer with.
    pub(super) fn buttons(&self, say: &impl Fn(&str) -> Result<String, Fault>) -> Result<Vec<Value>, Fault> {
        const LINKS: [(&str, &str); 3] = [
            ("link-was-me", "ONE_CLICK_LINK_VALID"),
            ("link-was-not-me", "ONE_CLICK_LINK_INVALID"),
            ("link-stop-recovery", "STOP_LINK"),
        ];
        LINKS
            .into_iter()
            .filter_map(|(id, name)| Some((id, self.fact(name).filter(|url| is_safe(url))?)))
            .map(|(id, url)| Ok(context! { label => say(id)?, url }))
            .collect()
    }
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Shortens a fact to one line of limited length. The person who tried to sign in chose the device's name.
fn shown(value: &str) -> String {
    one_line(value).chars().take(LONGEST_FACT).collect()
}

/// Formats a time in UTC, the same in every locale and clearly not local time.
fn time(value: &str) -> String {
    value
        .parse::<Timestamp>()
        .map_or_else(|_| value.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

fn is_safe(url: &str) -> bool {
    // The local cloud's API has no certificate.
    let is_secret = url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
    is_secret
        && url.len() <= LONGEST_LINK
        && url.chars().all(|next| next.is_ascii_graphic() && !matches!(next, '"' | '<' | '>' | '\''))
}

/// A text message.
#[derive(Clone)]
pub struct SmsText(Zeroizing<String>);

impl SmsText {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, for the adapter that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SmsText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmsText(..)")
    }
}

/// An e-mail, ready to send. Both parts have the same content.
#[derive(Clone)]
pub struct EmailText {
    pub subject: String,
    pub text: Zeroizing<String>,
    pub html: Zeroizing<String>,
}

impl std::fmt::Debug for EmailText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmailText(..)")
    }
}
