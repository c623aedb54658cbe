//! The layouts: the Jinja templates around the sentences, compiled in or an operator's.

use std::path::PathBuf;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, default_auto_escape_callback};

use super::fault::Fault;

/// A text part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Sms,
    EmailText,
    EmailHtml,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Sms, Self::EmailText, Self::EmailHtml];

    /// Returns the name of the layout's file. The ending before `.j2` decides whether values are escaped.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Sms => "sms.txt.j2",
            Self::EmailText => "email.txt.j2",
            Self::EmailHtml => "email.html.j2",
        }
    }

    fn built_in(self) -> (&'static str, &'static str) {
        match self {
            Self::Sms => ("built-in/sms.txt.j2", include_str!("built_in/sms.txt.j2")),
            Self::EmailText => ("built-in/email.txt.j2", include_str!("built_in/email.txt.j2")),
            Self::EmailHtml => ("built-in/email.html.j2", include_str!("built_in/email.html.j2")),
        }
    }
}

/// Layouts by name. An operator's layout has its file name, a built-in one the prefix `built-in/`, so that an
/// operator's can extend the built-in one. A layout is compiled at its first use.
pub(super) struct Layouts {
    environment: Environment<'static>,
    own: Vec<Part>,
}

impl Layouts {
    /// `own` lists the parts that have a file in `folder`.
    pub(super) fn new(folder: PathBuf, own: Vec<Part>) -> Self {
        // The built-in layouts need no filters and functions. Setting them up would add 0.05 ms to a cold
        // start.
        let mut environment = if own.is_empty() { Environment::empty() } else { Environment::new() };
        environment.set_auto_escape_callback(default_auto_escape_callback);
        // A misspelt variable must be a fault, not a gap in the message.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_reload(false);
        let files = own.clone();
        environment.set_loader(move |name| {
            if let Some(part) = Part::ALL.into_iter().find(|part| part.built_in().0 == name) {
                return Ok(Some(part.built_in().1.to_owned()));
            }
            let Some(part) = files.iter().find(|part| part.file() == name) else { return Ok(None) };
            std::fs::read_to_string(folder.join(part.file()))
                .map(Some)
                .map_err(|_| Error::new(ErrorKind::InvalidOperation, "can't be read as UTF-8 text"))
        });
        Self { environment, own }
    }

    pub(super) fn has_own(&self, part: Part) -> bool {
        self.own.contains(&part)
    }

    pub(super) fn own(&self, part: Part, context: &Value) -> Result<String, Fault> {
        self.render(part.file(), context)
    }

    pub(super) fn built_in(&self, part: Part, context: &Value) -> Result<String, Fault> {
        self.render(part.built_in().0, context)
    }

    fn render(&self, name: &str, context: &Value) -> Result<String, Fault> {
        self.environment.get_template(name).and_then(|layout| layout.render(context)).map_err(|error| {
            Fault::Layout {
                layout: error.name().unwrap_or(name).to_owned(),
                line: error.line(),
                reason: error.kind().to_string(),
                detail: error.detail().map(str::to_owned),
            }
        })
    }
}
