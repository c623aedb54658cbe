//! Reads libphonenumber's patterns from rlibphonenumber. The crate has no public access to them, so we read
//! its own file.

use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;
use prost::Message;
use regex_automata::{
    Anchored, MatchKind,
    dfa::{Automaton as _, dense},
    util::{primitives::StateID, start, syntax},
};
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberDesc};

/// Kinds in the order in which libphonenumber checks them, with their values in the table. It decides between
/// fixed line and mobile last, by comparing both.
const FIXED_LINE: u8 = 2;
const MOBILE: u8 = 1;
const FIXED_LINE_OR_MOBILE: u8 = 3;
const PREMIUM_RATE: u8 = 6;
const TOLL_FREE: u8 = 5;
const SHARED_COST: u8 = 7;
const VOIP: u8 = 4;
const PERSONAL_NUMBER: u8 = 8;
const PAGER: u8 = 9;
const UAN: u8 = 10;
const VOICEMAIL: u8 = 11;

pub(crate) fn read() -> Result<Vec<PhoneMetadata>> {
    let packages = MetadataCommand::new().exec()?.packages;
    let library = packages.iter().find(|package| package.name == "rlibphonenumber");
    let folder = library.and_then(|package| package.manifest_path.parent()).context("no rlibphonenumber")?;
    let file = folder.join("src/generated/metadata/metadata.bin");
    let bytes = fs::read(&file).with_context(|| format!("can't read {file}"))?;
    Ok(PhoneMetadataCollection::decode(bytes.as_slice())?.metadata)
}

/// The patterns of one region for national numbers, as an automaton.
pub(crate) struct RegionPlan {
    dfa: dense::DFA<Vec<u32>>,
    /// The meaning of each pattern of the automaton.
    meaning: Vec<Meaning>,
    same_mobile_and_fixed_line: bool,
}

struct Meaning {
    what: What,
    /// The valid lengths. If the list is empty, every length is valid.
    lengths: Vec<i32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    LeadingDigits,
    General,
    Kind(u8),
}

/// The result of a region for a national number that ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegionMatch {
    pub(crate) is_of_region: bool,
    /// The kind, or 0 for no kind.
    pub(crate) kind: u8,
}

impl RegionPlan {
    #[expect(deprecated, reason = "the library's word for fields that it moves elsewhere at run time")]
    pub(crate) fn new(metadata: &PhoneMetadata) -> Result<Self> {
        let mut patterns = Vec::new();
        let mut meaning = Vec::new();
        if let Some(leading) = metadata.leading_digits.as_deref().filter(|pattern| !is_empty(pattern)) {
            patterns.push(format!("(?:{})[0-9]*$", inner(leading)));
            meaning.push(Meaning { what: What::LeadingDigits, lengths: Vec::new() });
        }
        let mut add = |what, description: Option<&PhoneNumberDesc>| {
            let Some(description) = description else { return };
            let Some(pattern) =
                description.national_number_pattern.as_deref().filter(|pattern| !is_empty(pattern))
            else {
                return;
            };
            patterns.push(format!("(?:{})$", inner(pattern)));
            meaning.push(Meaning { what, lengths: description.possible_length.clone() });
        };
        add(What::General, metadata.general_desc.as_ref());
        for (kind, description) in [
            (PREMIUM_RATE, &metadata.premium_rate),
            (TOLL_FREE, &metadata.toll_free),
            (SHARED_COST, &metadata.shared_cost),
            (VOIP, &metadata.voip),
            (PERSONAL_NUMBER, &metadata.personal_number),
            (PAGER, &metadata.pager),
            (UAN, &metadata.uan),
            (VOICEMAIL, &metadata.voicemail),
            (FIXED_LINE, &metadata.fixed_line),
            (MOBILE, &metadata.mobile),
        ] {
            add(What::Kind(kind), description.as_ref());
        }
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(regex_automata::dfa::StartKind::Anchored),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .build_many(&patterns)
            .with_context(|| format!("the patterns of {:?}", metadata.id))?;
        let same = metadata.same_mobile_and_fixed_line_pattern.unwrap_or_default();
        Ok(Self { dfa, meaning, same_mobile_and_fixed_line: same })
    }

    pub(crate) fn start(&self) -> Result<StateID> {
        Ok(self.dfa.start_state(&start::Config::new().anchored(Anchored::Yes))?)
    }

    pub(crate) fn step(&self, state: StateID, digit: u8) -> StateID {
        self.dfa.next_state(state, b'0' + digit)
    }

    pub(crate) fn is_dead(&self, state: StateID) -> bool {
        self.dfa.is_dead_state(state)
    }

    /// Returns the same result as libphonenumber's `get_number_type_helper` and its check of the leading
    /// digits.
    pub(crate) fn said(&self, state: StateID, length: usize) -> RegionMatch {
        let end = self.dfa.next_eoi_state(state);
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        let matches = |what: What| {
            self.dfa.is_match_state(end)
                && (0..self.dfa.match_len(end)).any(|index| {
                    self.meaning.get(self.dfa.match_pattern(end, index).as_usize()).is_some_and(|meaning| {
                        meaning.what == what
                            && (meaning.lengths.is_empty() || meaning.lengths.contains(&length))
                    })
                })
        };
        let kind = if matches(What::General) { self.kind(matches) } else { 0 };
        RegionMatch { is_of_region: kind != 0 || matches(What::LeadingDigits), kind }
    }

    fn kind(&self, matches: impl Fn(What) -> bool) -> u8 {
        let special = [PREMIUM_RATE, TOLL_FREE, SHARED_COST, VOIP, PERSONAL_NUMBER, PAGER, UAN, VOICEMAIL];
        if let Some(kind) = special.into_iter().find(|kind| matches(What::Kind(*kind))) {
            return kind;
        }
        let (fixed, mobile) = (matches(What::Kind(FIXED_LINE)), matches(What::Kind(MOBILE)));
        match (fixed, mobile) {
            (true, _) if self.same_mobile_and_fixed_line => FIXED_LINE_OR_MOBILE,
            (true, true) => FIXED_LINE_OR_MOBILE,
            (true, false) => FIXED_LINE,
            (false, true) if !self.same_mobile_and_fixed_line => MOBILE,
            (false, _) => 0,
        }
    }
}

/// Removes the anchors `^(?:…)$`, which some patterns in the crate have.
fn inner(pattern: &str) -> &str {
    pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(pattern)
}

fn is_empty(pattern: &str) -> bool {
    inner(pattern).is_empty()
}
