//! The texts of messages, by purpose, channel and locale.
//!
//! Sentences are Fluent, layouts are Jinja. Both are compiled in, and an operator's files in
//! `MFA_CONFIG_DIR/messages` override them (docs/operators/messages.md). A broken operator's text never keeps
//! a code from its user: we send the next best text, and a metric reports it.

mod alphabet;
mod check;
mod cognito;
mod content;
mod fault;
mod layouts;
mod locale;
mod segments;
mod sentences;

use std::path::{Path, PathBuf};

pub use check::{Finding, Severity, check};
pub use cognito::{CognitoPlaceholders, CognitoTexts};
pub use content::{Content, EmailText, SmsText};
pub use segments::{Encoding, Segments};

use jiff::SignedDuration;
use minijinja::{HtmlEscape, Value, context};
use unic_langid::LanguageIdentifier;
use zeroize::Zeroizing;

use self::{
    fault::Fault,
    layouts::{Layouts, Part},
    sentences::{Sentences, Spoken, Variables},
};
use super::Purpose;
use crate::{
    config::{Environment, policy::MessagesPolicy},
    telemetry::Metric,
};

/// The limit of SNS for one call.
const LONGEST_SMS: usize = 1_600;
/// Cognito's limit, which is far more than any client shows.
const LONGEST_SUBJECT: usize = 140;
/// The limit of a fact. The person who tried to sign in chooses some of the facts.
const LONGEST_FACT: usize = 80;
const LONGEST_LINK: usize = 2_048;

/// The texts of all messages: the built-in ones, and an operator's overrides.
///
/// Contract: a message always comes out. If an operator's text is broken, we send the built-in one, and
/// `Metric::MessageOverrideBroken` counts it.
pub struct Messages {
    policy: MessagesPolicy,
    sentences: Sentences,
    layouts: Layouts,
}

impl Messages {
    /// Reads the policy's `[messages]` and lists the files in `MFA_CONFIG_DIR/messages`. Texts are read and
    /// parsed when the first message needs them.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy().messages;
        Self::new(policy, environment.optional("MFA_CONFIG_DIR").as_ref().map(Path::new))
    }

    /// `config_dir` is the folder `MFA_CONFIG_DIR`, if there is one.
    pub fn new(policy: MessagesPolicy, config_dir: Option<&Path>) -> Self {
        let folder = config_dir.map(|folder| folder.join("messages")).unwrap_or_default();
        let (mut locales, mut layouts) = (Vec::new(), Vec::new());
        // Without the folder, the built-in texts apply. `check` reports its other files.
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(tag) = name.strip_suffix(".ftl").and_then(locale::tag) {
                locales.push((tag, entry.path()));
            } else if let Some(part) = Part::ALL.into_iter().find(|part| part.file() == name) {
                layouts.push(part);
            }
        }
        // A folder lists its files in no fixed order.
        locales.sort();
        Self::with(policy, folder, locales, layouts)
    }

    fn with(
        policy: MessagesPolicy,
        folder: PathBuf,
        locales: Vec<(LanguageIdentifier, PathBuf)>,
        layouts: Vec<Part>,
    ) -> Self {
        let sentences = Sentences::new(locales, &policy.default_locale);
        Self { policy, sentences, layouts: Layouts::new(folder, layouts) }
    }

    /// Returns the BCP 47 tags of all locales that have texts.
    pub fn locales(&self) -> impl Iterator<Item = String> {
        self.sentences.locales().iter().map(|locale| locale.tag.to_string())
    }

    /// Returns how long it makes sense to deliver a code: its validity, or a day if the policy states none.
    pub fn validity(&self, purpose: Option<Purpose>) -> SignedDuration {
        let known = purpose.map(|purpose| minutes(&self.policy, purpose)).filter(|minutes| *minutes > 0);
        known.map_or(SignedDuration::from_hours(24), |minutes| SignedDuration::from_mins(minutes.into()))
    }

    /// Composes the text message for `content`. If a phone can fill in its code, the last line binds the code
    /// to the policy's domain.
    pub fn sms(&self, content: &Content<'_>) -> SmsText {
        let (text, broken) = self.compose(&content.locales, |spoken, broken| {
            self.compose_sms(spoken, content, true, &|_, _| Ok(()), broken)
        });
        report(&broken);
        // This is never reached, because the built-in English texts always work. If they did not, the code
        // would still be sent.
        text.unwrap_or_else(|| SmsText::new(content.code.unwrap_or(&self.policy.app_name).to_owned()))
    }

    pub fn email(&self, content: &Content<'_>) -> EmailText {
        let (text, broken) = self.compose(&content.locales, |spoken, broken| {
            self.compose_email(spoken, content, None, &|_, _| Ok(()), broken)
        });
        report(&broken);
        // This is never reached either, see `sms`.
        text.unwrap_or_else(|| {
            let code = content.code.unwrap_or(&self.policy.app_name);
            EmailText {
                subject: self.policy.app_name.clone(),
                text: Zeroizing::new(code.to_owned()),
                html: Zeroizing::new(HtmlEscape(code).to_string()),
            }
        })
    }

    /// Tries the operator's texts and the built-in ones, best first. Also returns the faults of the
    /// operator's texts.
    fn compose<T>(
        &self,
        locales: &[&str],
        compose: impl Fn(Spoken<'_>, &mut Vec<Fault>) -> Result<T, Fault>,
    ) -> (Option<T>, Vec<Fault>) {
        let mut broken = Vec::new();
        let composed = self.sentences.candidates(locales).find_map(|candidate| {
            let (is_own, composed) = match candidate {
                Ok(spoken) => (spoken.is_own, compose(spoken, &mut broken)),
                Err(fault) => (true, Err(fault.clone())),
            };
            composed.map_err(|fault| broken.extend(is_own.then_some(fault))).ok()
        });
        (composed, broken)
    }

    fn compose_sms(
        &self,
        spoken: Spoken<'_>,
        content: &Content<'_>,
        with_autofill: bool,
        accept: Accept<'_>,
        broken: &mut Vec<Fault>,
    ) -> Result<SmsText, Fault> {
        let said = self.say(spoken, content)?;
        let text = spoken.say(&format!("{}-sms", content.key()), &self.variables(content))?;
        // The line for autofill is not enough, because a person does not read it.
        check_part(Part::Sms, &text, content.said_code())?;
        let autofill = content
            .bound_code()
            .filter(|_| with_autofill && !self.policy.domain.is_empty())
            .map(|code| format!("@{} #{code}", self.policy.domain))
            .unwrap_or_default();
        let validity = said.duration(spoken, "sms-validity")?;
        let caution = said.with_code(|| spoken.say("sms-caution", &self.variables(content)))?;
        let values = context! { text, autofill, validity, caution, ..said.values };
        let needed = content.said_code().into_iter().collect::<Vec<_>>();
        self.lay_out(Part::Sms, &values, &needed, accept, broken).map(SmsText::new)
    }

    fn compose_email(
        &self,
        spoken: Spoken<'_>,
        content: &Content<'_>,
        link: Option<&str>,
        accept: Accept<'_>,
        broken: &mut Vec<Fault>,
    ) -> Result<EmailText, Fault> {
        let said = self.say(spoken, content)?;
        let variables = self.variables(content);
        let say = |id: &str| spoken.say(id, &variables);
        let text_of = |name: &str| say(&format!("{}-{name}", content.key()));
        let subject = one_line(&text_of("subject")?);
        accept(Accepted::Subject, &subject)?;
        if subject.is_empty() || subject.chars().count() > LONGEST_SUBJECT {
            return Err(Fault::NotAccepted { part: "the subject", reason: "must have 1 to 140 characters" });
        }
        let (lead, note) = match link {
            Some(_) => (say("link-lead")?, say("link-note")?),
            None => (text_of("lead")?, text_of("note")?),
        };
        let preheader = match content.said_code().filter(|_| link.is_none()) {
            Some(code) => format!("{code} · {lead}"),
            None => lead.clone(),
        };
        let validity = said.duration(spoken, "email-validity")?;
        let caution = said.with_code(|| say("email-caution"))?;
        let is_password = content.purpose == Some(Purpose::AdminCreateUser);
        let values = context! {
            subject => subject.as_str(),
            preheader, lead, note, validity, is_password,
            // The link contains no code that the user could pass on.
            caution => if link.is_some() { String::new() } else { caution },
            link => link.unwrap_or_default(),
            user_label => if content.user().is_some() { say("user-name-label")? } else { String::new() },
            password_label => if is_password { say("password-label")? } else { String::new() },
            blocked => if content.is_blocked() { text_of("blocked")? } else { String::new() },
            facts => content.shown_facts(&say)?,
            buttons => content.buttons(&say)?,
            ..said.values
        };
        let needed: Vec<_> = link.or(content.said_code()).into_iter().chain(content.needed_facts()).collect();
        let text = self.lay_out(Part::EmailText, &values, &needed, accept, broken)?;
        let html = self.lay_out(Part::EmailHtml, &values, &needed, accept, broken)?;
        Ok(EmailText { subject, text: Zeroizing::new(text), html: Zeroizing::new(html) })
    }

    /// Renders sentences in the operator's layout, or else in the built-in one.
    fn lay_out(
        &self,
        part: Part,
        values: &Value,
        needed: &[&str],
        accept: Accept<'_>,
        broken: &mut Vec<Fault>,
    ) -> Result<String, Fault> {
        let checked = |text: Result<String, Fault>| {
            let text = text?;
            check_part(part, &text, needed.iter().copied())?;
            accept(Accepted::Part(part), &text)?;
            Ok(text)
        };
        if self.layouts.has_own(part) {
            match checked(self.layouts.own(part, values)) {
                Ok(text) => return Ok(text),
                Err(fault) => broken.push(fault),
            }
        }
        checked(self.layouts.built_in(part, values))
    }

    /// Returns the sentences that both channels share.
    fn say(&self, spoken: Spoken<'_>, content: &Content<'_>) -> Result<MessageValues, Fault> {
        let variables = self.variables(content);
        let user_line = match content.user() {
            Some(_) => spoken.say("user-name-line", &variables)?,
            None => String::new(),
        };
        let space = spoken.say("sentence-space", &variables)?;
        let by_policy = content.purpose.map_or(0, |purpose| minutes(&self.policy, purpose));
        let minutes = content.valid_minutes.unwrap_or(by_policy);
        let duration = match duration(minutes) {
            Some((id, count)) if content.said_code().is_some() => {
                Some(spoken.say(id, &variables.with("count", count))?)
            }
            _ => None,
        };
        let values = context! {
            app => self.policy.app_name.as_str(),
            domain => self.policy.domain.as_str(),
            lang => spoken.tag.to_string(),
            dir => spoken.direction(),
            purpose => content.key(),
            code => content.said_code().unwrap_or_default(),
            user => content.user().unwrap_or_default(),
            space, user_line,
        };
        Ok(MessageValues { values, duration, has_code: content.said_code().is_some() })
    }

    fn variables<'a>(&'a self, content: &Content<'a>) -> Variables<'a> {
        Variables::new()
            .with("app", self.policy.app_name.as_str())
            .with("domain", self.policy.domain.as_str())
            .with_some("code", content.said_code())
            .with_some("user", content.user())
    }
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// A check of a text beyond those that every text must pass.
type Accept<'a> = &'a dyn Fn(Accepted, &str) -> Result<(), Fault>;

#[derive(Clone, Copy)]
enum Accepted {
    Subject,
    Part(Part),
}

/// The values that all texts of one message share.
struct MessageValues {
    values: Value,
    /// For example "3 minutes". Absent if the message states no validity.
    duration: Option<String>,
    has_code: bool,
}

impl MessageValues {
    fn duration(&self, spoken: Spoken<'_>, id: &str) -> Result<String, Fault> {
        self.duration.as_deref().map_or_else(
            || Ok(String::new()),
            |duration| spoken.say(id, &Variables::new().with("duration", duration)),
        )
    }

    fn with_code(&self, say: impl Fn() -> Result<String, Fault>) -> Result<String, Fault> {
        if self.has_code { say() } else { Ok(String::new()) }
    }
}

/// Reports that an operator's texts have failed for a message.
fn report(broken: &[Fault]) {
    if let Some(fault) = broken.first() {
        tracing::warn!(%fault, "message override is broken, built-in text used");
        Metric::MessageOverrideBroken.emit();
    }
}

/// Checks what every text must fulfil, built in or overridden.
fn check_part<'a>(part: Part, text: &str, needed: impl IntoIterator<Item = &'a str>) -> Result<(), Fault> {
    let name = part.file();
    let is_there = |needed: &str| match part {
        Part::EmailHtml => text.contains(&HtmlEscape(needed).to_string()),
        Part::Sms | Part::EmailText => text.contains(needed),
    };
    if !needed.into_iter().all(is_there) {
        return Err(Fault::LacksCode { part: name });
    }
    if text.trim().is_empty() {
        return Err(Fault::NotAccepted { part: name, reason: "says nothing" });
    }
    if part == Part::Sms && text.chars().count() > LONGEST_SMS {
        return Err(Fault::NotAccepted { part: name, reason: "is longer than 1,600 characters" });
    }
    Ok(())
}

fn minutes(policy: &MessagesPolicy, purpose: Purpose) -> u32 {
    let validity = &policy.validity_minutes;
    match purpose {
        Purpose::SignUp => validity.sign_up,
        Purpose::ResendCode => validity.resend_code,
        Purpose::ForgotPassword => validity.forgot_password,
        Purpose::UpdateUserAttribute => validity.update_user_attribute,
        Purpose::VerifyUserAttribute => validity.verify_user_attribute,
        Purpose::AdminCreateUser => validity.admin_create_user,
        Purpose::Authentication => validity.authentication,
        Purpose::AccountTakeOverNotification | Purpose::Notice(_) => 0,
    }
}

/// Returns the name of a sentence for a duration and its number: the largest unit that is exact, but "24
/// hours" for one day.
fn duration(minutes: u32) -> Option<(&'static str, u32)> {
    const HOUR: u32 = 60;
    const DAY: u32 = 24 * HOUR;
    match minutes {
        0 => None,
        days if days % DAY == 0 && days > DAY => Some(("duration-days", days / DAY)),
        hours if hours % HOUR == 0 => Some(("duration-hours", hours / HOUR)),
        minutes => Some(("duration-minutes", minutes)),
    }
}

/// Replaces control characters by blanks. A header must be one line, and so must a fact.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|next| if next.is_control() { ' ' } else { next }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
