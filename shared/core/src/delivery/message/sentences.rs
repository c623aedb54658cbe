//! The sentences: one Fluent file per locale, compiled in, and an operator's overrides.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::{CharacterDirection, LanguageIdentifier};

use super::{fault::Fault, locale};

/// The locale for users without a better one.
pub(super) const LAST_RESORT: &str = "en";

const BUILT_IN: [(&str, &str); 7] = [
    (LAST_RESORT, include_str!("built_in/en.ftl")),
    ("de", include_str!("built_in/de.ftl")),
    ("es", include_str!("built_in/es.ftl")),
    ("fr", include_str!("built_in/fr.ftl")),
    ("ja", include_str!("built_in/ja.ftl")),
    ("pt", include_str!("built_in/pt.ftl")),
    ("zh", include_str!("built_in/zh.ftl")),
];

type Bundle = FluentBundle<Arc<FluentResource>>;

/// The sentences of all locales.
pub(super) struct Sentences {
    tags: Vec<LanguageIdentifier>,
    locales: Vec<Locale>,
    default: usize,
}

/// One locale. Its files are read and parsed when the first message asks for it.
pub(super) struct Locale {
    pub(super) tag: LanguageIdentifier,
    built_in: Option<&'static str>,
    /// The operator's file, if there is one.
    pub(super) own: Option<PathBuf>,
    parsed: OnceLock<Parsed>,
}

struct Parsed {
    built_in: Option<Bundle>,
    own: Option<Result<Bundle, Fault>>,
}

impl Sentences {
    /// `own` is an operator's files by the tags in their names.
    pub(super) fn new(own: Vec<(LanguageIdentifier, PathBuf)>, default: &str) -> Self {
        let mut locales: Vec<Locale> = BUILT_IN
            .iter()
            .filter_map(|(tag, text)| Some(Locale::new(locale::tag(tag)?, Some(text))))
            .collect();
        for (tag, file) in own {
            match locales.iter_mut().find(|locale| locale.tag == tag) {
                Some(locale) => locale.own = Some(file),
                None => locales.push(Locale { own: Some(file), ..Locale::new(tag, None) }),
            }
        }
        let tags: Vec<_> = locales.iter().map(|locale| locale.tag.clone()).collect();
        // `check` reports a default locale that does not exist.
        let default = locale::negotiate([default, LAST_RESORT], &tags).unwrap_or_default();
        Self { tags, locales, default }
    }

    pub(super) fn locales(&self) -> &[Locale] {
        &self.locales
    }

    /// Returns the candidates for a message's sentences, best first: the wanted locale, its language among
    /// the built-in ones, the default locale, English. An unusable operator's file yields an error.
    pub(super) fn candidates<'a>(
        &'a self,
        wanted: &'a [&str],
    ) -> impl Iterator<Item = Result<Spoken<'a>, &'a Fault>> {
        let best = |spoken: &[LanguageIdentifier]| locale::negotiate(wanted.iter().copied(), spoken);
        let built_in = self.tags.get(..BUILT_IN.len()).unwrap_or_default();
        let mut places = Vec::new();
        for place in [best(&self.tags), best(built_in), Some(self.default), Some(0)].into_iter().flatten() {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let locales = places.into_iter().filter_map(|place| self.locales.get(place));
        locales.flat_map(|locale| locale.own().into_iter().chain(locale.built_in().map(Ok)))
    }
}

impl Locale {
    fn new(tag: LanguageIdentifier, built_in: Option<&'static str>) -> Self {
        Self { tag, built_in, own: None, parsed: OnceLock::new() }
    }

    pub(super) fn is_built_in(&self) -> bool {
        self.built_in.is_some()
    }

    /// Returns the operator's sentences, merged over the built-in ones of the same locale.
    pub(super) fn own(&self) -> Option<Result<Spoken<'_>, &Fault>> {
        let own = self.parsed().own.as_ref()?.as_ref();
        Some(own.map(|bundle| Spoken { tag: &self.tag, bundle, is_own: true }))
    }

    fn built_in(&self) -> Option<Spoken<'_>> {
        let bundle = self.parsed().built_in.as_ref()?;
        Some(Spoken { tag: &self.tag, bundle, is_own: false })
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            let built_in = self.built_in.map(|text| resource(text.to_owned()));
            let bundle = |resources: Vec<Arc<FluentResource>>| {
                let mut bundle = Bundle::new_concurrent(vec![self.tag.clone()]);
                // Phones would show the isolating characters as boxes.
                bundle.set_use_isolating(false);
                for resource in resources {
                    bundle.add_resource_overriding(resource);
                }
                bundle
            };
            Parsed {
                own: self.own.as_deref().map(|file| {
                    let own = read(file)?;
                    Ok(bundle(built_in.clone().into_iter().chain([own]).collect()))
                }),
                built_in: built_in.map(|built_in| bundle(vec![built_in])),
            }
        })
    }
}

/// Parses a built-in file. These files have no faults; a test parses them all.
fn resource(text: String) -> Arc<FluentResource> {
    Arc::new(FluentResource::try_new(text).unwrap_or_else(|(resource, _)| resource))
}

fn read(file: &Path) -> Result<Arc<FluentResource>, Fault> {
    let text = std::fs::read_to_string(file).map_err(|_| Fault::Unreadable)?;
    match FluentResource::try_new(text) {
        Ok(resource) => Ok(Arc::new(resource)),
        Err(_) => Err(Fault::NotFluent),
    }
}

/// The sentences of one locale, an operator's or built-in.
#[derive(Clone, Copy)]
pub(super) struct Spoken<'a> {
    pub(super) tag: &'a LanguageIdentifier,
    bundle: &'a Bundle,
    pub(super) is_own: bool,
}

impl Spoken<'_> {
    /// Returns `ltr` or `rtl`, the values of HTML's `dir`.
    pub(super) fn direction(self) -> &'static str {
        match self.tag.character_direction() {
            CharacterDirection::RTL => "rtl",
            CharacterDirection::LTR | CharacterDirection::TTB => "ltr",
        }
    }

    pub(super) fn say(self, id: &str, variables: &Variables<'_>) -> Result<String, Fault> {
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        let pattern = pattern.ok_or_else(|| Fault::NoSentence { id: id.to_owned() })?;
        let mut faults = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(&variables.0), &mut faults).into_owned();
        match faults.first() {
            None => Ok(said),
            Some(fault) => Err(Fault::Sentence { id: id.to_owned(), reason: reason(fault) }),
        }
    }
}

/// Describes a fault with names of variables and messages, never with values.
fn reason(fault: &FluentError) -> String {
    match fault {
        FluentError::ResolverError(fault) => fault.to_string(),
        FluentError::Overriding { .. } | FluentError::ParserError(_) => "not usable".to_owned(),
    }
}

/// The values of a sentence's variables. Texts are inserted unchanged.
pub(super) struct Variables<'a>(FluentArgs<'a>);

impl<'a> Variables<'a> {
    pub(super) fn new() -> Self {
        Self(FluentArgs::new())
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<FluentValue<'a>>) -> Self {
        self.0.set(name, value);
        self
    }

    pub(super) fn with_some(self, name: &'static str, value: Option<&'a str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// Returns the names of all sentences, which are those of the built-in English file.
pub(super) fn built_in_sentences() -> impl Iterator<Item = &'static str> {
    let english = BUILT_IN.iter().take(1).map(|(_, text)| *text);
    english.flat_map(|text| super::check::ids(text).map(|(_, id)| id))
}
