//! Finds problems in an operator's texts before they are deployed, by composing every message.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use fluent_bundle::FluentResource;
use unic_langid::LanguageIdentifier;

use super::{
    CognitoPlaceholders, Content, Messages, Segments, alphabet,
    fault::Fault,
    layouts::Part,
    locale,
    sentences::{Locale, built_in_sentences},
};
use crate::{config::policy::MessagesPolicy, delivery::Purpose};

/// Codes have up to eight digits (cognito.md §2.3). A text that fits with this code fits with all.
const LONGEST_CODE: &str = "12345678";

/// A problem to fix, or a fact to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the folder `MFA_CONFIG_DIR`.
    pub file: PathBuf,
    pub line: Option<usize>,
    pub severity: Severity,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The operator's text does not work, so we would send the built-in one.
    Error,
    /// The text works, but may cost more or look different than intended.
    Warning,
}

/// Prints `messages/de.ftl:12: error: …`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, " {severity}: {}", self.text)
    }
}

/// Composes every message in every locale with the files of `config_dir/messages`.
pub fn check(policy: &MessagesPolicy, config_dir: &Path) -> Vec<Finding> {
    let mut findings = Findings { config_dir, found: BTreeSet::new() };
    let (locales, layouts) = findings.files();
    let folder = config_dir.join("messages");
    let of = |locales: &[_], layouts: &[_]| {
        Messages::with(policy.clone(), folder.clone(), locales.to_vec(), layouts.to_vec())
    };

    // Sentences are tried with the built-in layouts, and each layout with the built-in sentences. So a fault is
    // reported in its own file.
    let sentences = of(&locales, &[]);
    for locale in sentences.sentences.locales().iter().filter(|locale| locale.own.is_some()) {
        findings.sentences(&sentences, locale);
    }
    for part in layouts.iter().copied() {
        findings.layout(&of(&[], &[part]), part);
    }

    let together = of(&locales, &layouts);
    for locale in together.sentences.locales() {
        findings.lengths(&together, locale, &layouts);
    }
    let default = &policy.default_locale;
    let tags: Vec<_> = together.sentences.locales().iter().map(|locale| locale.tag.clone()).collect();
    if locale::negotiate([default.as_str()], &tags).is_none() {
        let text = format!("messages.default_locale: no texts in {default:?}");
        findings.add("policy.toml".into(), None, Severity::Error, text);
    }
    findings.found.into_iter().collect()
}

struct Findings<'a> {
    config_dir: &'a Path,
    found: BTreeSet<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, file: PathBuf, line: Option<usize>, severity: Severity, text: impl Into<String>) {
        self.found.insert(Finding { file, line, severity, text: text.into() });
    }

    /// Returns the files that are texts, and reports all others.
    fn files(&mut self) -> (Vec<(LanguageIdentifier, PathBuf)>, Vec<Part>) {
        let (mut locales, mut layouts) = (Vec::new(), Vec::new());
        let folder = self.config_dir.join("messages");
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(fault) => {
                if fault.kind() != std::io::ErrorKind::NotFound {
                    self.add("messages".into(), None, Severity::Error, format!("cannot be read: {fault}"));
                }
                return (locales, layouts);
            }
        };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let text = name.to_string_lossy();
            let part = Part::ALL.into_iter().find(|part| part.file() == text);
            let tag = text.strip_suffix(".ftl").and_then(locale::tag);
            match (part, tag) {
                (Some(part), _) => layouts.push(part),
                (None, Some(tag)) => locales.push((tag, folder.join(&name))),
                (None, None) => {
                    let names = Part::ALL.map(Part::file).join(", ");
                    let told = format!("ignored: name it <BCP 47 tag>.ftl, {names}");
                    self.add(Path::new("messages").join(&name), None, Severity::Error, told);
                }
            }
        }
        locales.sort();
        layouts.sort();
        (locales, layouts)
    }

    fn sentences(&mut self, messages: &Messages, locale: &Locale) {
        let Some(path) = &locale.own else { return };
        let file = path.strip_prefix(self.config_dir).unwrap_or(path).to_owned();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) => return self.add(file, None, Severity::Error, format!("cannot be read: {fault}")),
        };
        if let Err((_, faults)) = FluentResource::try_new(text.clone()) {
            for fault in faults {
                let line = line_at(&text, fault.pos.start);
                self.add(file.clone(), Some(line), Severity::Error, format!("not Fluent: {fault}"));
            }
            return;
        }
        self.names(&file, &text, locale);
        self.alphabet(&file, &text);
        let Some(Ok(spoken)) = locale.own() else { return };
        let mut faults = BTreeSet::new();
        for content in Content::samples(LONGEST_CODE, &locale.tag.to_string()) {
            let sms = messages.compose_sms(spoken, &content, false, &|_, _| Ok(()), &mut Vec::new());
            let email = messages.compose_email(spoken, &content, None, &|_, _| Ok(()), &mut Vec::new());
            let key = content.key();
            if let Ok(email) = &email
                && content.said_code().is_some_and(|code| email.subject.contains(code))
            {
                let id = format!("{key}-subject");
                let told = format!("{id}: mail servers log subjects, so keep the code out");
                self.add(file.clone(), line_of(&text, &id), Severity::Warning, told);
            }
            for fault in [sms.err(), email.err()].into_iter().flatten() {
                let (id, told) = match fault {
                    Fault::NoSentence { id } => {
                        let told = format!("lacks {id}, and there is no built-in text in this locale");
                        (id, told)
                    }
                    Fault::Sentence { id, reason } => (id.clone(), format!("{id}: {reason}")),
                    Fault::LacksCode { .. } => {
                        let id = format!("{key}-sms");
                        (id.clone(), format!("{id} does not contain {{ $code }} unchanged"))
                    }
                    other => (format!("{key}-subject"), format!("{key}: {other}")),
                };
                faults.insert((line_of(&text, &id), told));
            }
        }
        // A sentence elsewhere can refer to a broken one here, but that is no fault of its own.
        let is_located = faults.iter().any(|(line, _)| line.is_some());
        for (line, told) in faults {
            if line.is_some() || !is_located || !locale.is_built_in() {
                self.add(file.clone(), line, Severity::Error, told);
            }
        }
    }

    /// Reports sentences that are not used, and duplicates.
    fn names(&mut self, file: &Path, text: &str, locale: &Locale) {
        let known: BTreeSet<_> = built_in_sentences().collect();
        let mut seen = BTreeSet::new();
        for (line, id) in ids(text) {
            if !known.contains(id) {
                let told = format!("unknown sentence {id}; names of your own begin with a hyphen");
                self.add(file.to_owned(), Some(line), Severity::Error, told);
            } else if !seen.insert(id) {
                self.add(file.to_owned(), Some(line), Severity::Error, format!("{id} is defined twice"));
            }
        }
        if !locale.is_built_in() {
            for id in known.difference(&seen) {
                let told = format!("lacks {id}, and there is no built-in text in this locale");
                self.add(file.to_owned(), None, Severity::Error, told);
            }
        }
    }

    /// Reports each line with a character that Cognito refuses in an e-mail. Custom senders deliver it.
    fn alphabet(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let Some(refused) = alphabet::first_refused(line) else { continue };
            let told = format!(
                "U+{:04X}: Cognito refuses this character in e-mails; custom-message would use another text",
                u32::from(refused)
            );
            self.add(file.to_owned(), Some(index + 1), Severity::Warning, told);
        }
    }

    fn layout(&mut self, messages: &Messages, part: Part) {
        let file = Path::new("messages").join(part.file());
        let text = fs::read_to_string(self.config_dir.join(&file)).unwrap_or_default();
        if part == Part::EmailHtml {
            self.alphabet(&file, &text);
        }
        for tag in messages.locales() {
            for content in Content::samples(LONGEST_CODE, &tag) {
                let mut broken = Vec::new();
                let spoken = messages.sentences.candidates(&content.locales).find_map(Result::ok);
                let Some(spoken) = spoken else { continue };
                // A result that fails even so is not the fault of this layout.
                let _ = messages.compose_sms(spoken, &content, true, &|_, _| Ok(()), &mut broken);
                let email = messages.compose_email(spoken, &content, None, &|_, _| Ok(()), &mut broken);
                for fault in broken {
                    let (line, told) = match fault {
                        Fault::Layout { line, reason, detail, .. } => {
                            let place = detail.or_else(|| {
                                text.lines().nth(line?.checked_sub(1)?).map(str::trim).map(str::to_owned)
                            });
                            (line, place.map_or(reason.clone(), |place| format!("{reason}: {place}")))
                        }
                        Fault::LacksCode { .. } => (None, "does not show {{ code }} unchanged".to_owned()),
                        Fault::NotAccepted { reason, .. } => (None, reason.to_owned()),
                        other => (None, other.to_string()),
                    };
                    self.add(file.clone(), line, Severity::Error, told);
                }
                if let (Part::EmailHtml, Ok(email)) = (part, email) {
                    let outside = ["src=", "url(", "<link", "<script", "@import"];
                    for found in outside.into_iter().filter(|found| email.html.contains(found)) {
                        let told = format!("{found} may load remote content, which many clients block");
                        self.add(file.clone(), None, Severity::Warning, told);
                    }
                }
            }
        }
    }

    /// Reports texts that cost more than one segment, or that Cognito would refuse.
    fn lengths(&mut self, messages: &Messages, locale: &Locale, layouts: &[Part]) {
        let tag = locale.tag.to_string();
        let own = locale.own.as_deref().map(|path| path.strip_prefix(self.config_dir).unwrap_or(path));
        let text = locale.own.as_deref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        for content in Content::samples(LONGEST_CODE, &tag) {
            let key = content.key();
            let line = line_of(&text, &format!("{key}-sms"));
            let file = match (own, line) {
                (Some(own), Some(_)) => own.to_owned(),
                _ if layouts.contains(&Part::Sms) => Path::new("messages").join(Part::Sms.file()),
                (Some(own), None) => own.to_owned(),
                (None, _) => "policy.toml".into(),
            };
            let is_password = content.purpose == Some(Purpose::AdminCreateUser);
            let (sms, _) = messages.compose(&content.locales, |spoken, broken| {
                messages.compose_sms(spoken, &content, true, &|_, _| Ok(()), broken)
            });
            let Some(sms) = sms else { continue };
            let segments = Segments::of(sms.expose());
            if segments.count > 1 && !is_password {
                let told = format!(
                    "{tag}, {key}: the text message takes {} segments ({:?}, {} units with an 8-digit code)",
                    segments.count, segments.encoding, segments.units
                );
                self.add(file.clone(), line, Severity::Warning, told);
            }
            // Cognito does not send this message, or it shows no code.
            if content.said_code().is_none() || content.purpose.is_none() {
                continue;
            }
            let placeholders = CognitoPlaceholders {
                code: "{####}",
                user_name: is_password.then_some("{username}"),
                // The link is available here. The policy decides whether a text must show it.
                link: Some("{##Link##}"),
            };
            let (texts, faults) = messages.compose_for_cognito(content.purpose, placeholders, vec![&tag]);
            // All other faults are reported as errors of their own file.
            let by_link = messages.policy.verify_by_link;
            for fault in faults {
                let reason = match fault {
                    Fault::NotAccepted { part, reason } => format!("{part} {reason}"),
                    Fault::LacksCode { part } if by_link && part != Part::Sms.file() => {
                        format!("{part} does not show {{{{ link }}}}")
                    }
                    _ => continue,
                };
                let told = format!("{tag}, {key}: custom-message would not use it: {reason}");
                self.add(file.clone(), line, Severity::Warning, told);
            }
            for (is_there, what) in [(texts.sms.is_some(), "text message"), (texts.email.is_some(), "e-mail")]
            {
                if !is_there {
                    let told =
                        format!("{tag}, {key}: custom-message leaves the {what} to the pool's template");
                    self.add(file.clone(), line, Severity::Warning, told);
                }
            }
        }
    }
}

/// Returns the ids of a Fluent file's messages, with their lines. Continued lines are indented, terms begin
/// with a hyphen, and comments with a hash.
pub(super) fn ids(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let (id, _) = line.split_once('=')?;
        let id = id.trim_end();
        let is_message = id.starts_with(|first: char| first.is_ascii_alphabetic());
        is_message.then_some((index + 1, id))
    })
}

fn line_of(text: &str, id: &str) -> Option<usize> {
    ids(text).find(|(_, found)| *found == id).map(|(line, _)| line)
}

fn line_at(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}
