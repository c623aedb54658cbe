//! Generates the core's table of phone numbers: the country and the kind of an E.164 number.
//!
//! libphonenumber's metadata are regular expressions, some 230 KB of them, and cost 40 ms and 15 MB at their
//! first use. Their result is a function of at most 15 digits. So we convert them once to two minimal
//! automata over digits, and the core walks the bytes in place. The conversion is exact: `tests/oracle.rs`
//! compares both.

mod automaton;
mod metadata;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use automaton::{Automaton, Node, Target};
use metadata::{RegionMatch, RegionPlan};
use regex_automata::util::primitives::StateID;

/// Digits of an E.164 number (ITU-T E.164 §6).
const LONGEST: usize = 15;

/// The path of the table from the workspace's root.
pub const FILE: &str = "shared/core/src/delivery/toll_fraud/numbers.bin";

/// The table and its size.
#[derive(Debug)]
pub struct NumberPlan {
    pub bytes: Vec<u8>,
    pub countries: usize,
    pub nodes: usize,
}

/// Generates the table. Its layout is:
/// - the number of countries in one byte, and their ISO 3166 codes,
/// - the offsets of both roots in three bytes each, counted from the start of their automaton,
/// - the length of the first automaton in three bytes,
/// - the automaton of countries (values: 1 + index of the country),
/// - the automaton of kinds (values as in `metadata.rs`).
pub fn generate() -> Result<NumberPlan> {
    let mut calling_codes: BTreeMap<String, Vec<(Option<u8>, RegionPlan)>> = BTreeMap::new();
    let mut countries = Vec::new();
    let mut regions = metadata::read()?;
    // Of the regions of one calling code we ask the main one first, then the others in their order.
    regions.sort_by_key(|region| !region.main_country_for_code.unwrap_or_default());
    for region in &regions {
        let code = region.country_code.context("a region without a calling code")?;
        let id = region.id.as_str();
        // The id 001 means a network without a country: satellites, international freephone.
        let country = match id.as_bytes() {
            [first, second] => {
                countries.push([*first, *second]);
                Some(u8::try_from(countries.len())?)
            }
            _ => None,
        };
        let plan = RegionPlan::new(region)?;
        calling_codes.entry(code.to_string()).or_default().push((country, plan));
    }

    let mut by_country = Automaton::default();
    let mut by_kind = Automaton::default();
    let mut roots = BTreeMap::new();
    for (code, plans) in &calling_codes {
        let starts = plans.iter().map(|(_, plan)| plan.start()).collect::<Result<Vec<_>>>()?;
        let longest = LONGEST.saturating_sub(code.len());
        let mut walk = Walk { plans, longest, known: HashMap::new(), automaton: &mut by_kind };
        let kinds = walk.target(&starts, 0, |said| decide(said).map_or(0, |(_, kind)| kind))?;
        let country = if let [(country, _)] = plans.as_slice() {
            // If a calling code has one region, all its numbers belong to that country, valid or not.
            Target::Leaf(country.unwrap_or_default())
        } else {
            let mut walk = Walk { plans, longest, known: HashMap::new(), automaton: &mut by_country };
            walk.target(&starts, 0, |said| decide(said).and_then(|(country, _)| country).unwrap_or(0))?
        };
        roots.insert(code.clone(), (country, kinds));
    }
    let country_root = root(&mut by_country, "", &|code| roots.get(code).map(|(country, _)| *country))?;
    let kind_root = root(&mut by_kind, "", &|code| roots.get(code).map(|(_, kinds)| *kinds))?;

    let country_part = by_country.encode(country_root)?;
    let kind_part = by_kind.encode(kind_root)?;
    let mut bytes = vec![u8::try_from(countries.len())?];
    bytes.extend(countries.iter().flatten());
    for number in [country_part.root, kind_part.root, u32::try_from(country_part.bytes.len())?] {
        bytes.extend(number.to_be_bytes().into_iter().skip(1));
    }
    bytes.extend(&country_part.bytes);
    bytes.extend(&kind_part.bytes);
    Ok(NumberPlan { bytes, countries: countries.len(), nodes: country_part.nodes + kind_part.nodes })
}

/// The result of each region of a calling code for a number.
type Claims = [(Option<u8>, RegionMatch)];

/// Returns the first region that claims the number, and the kind of the number there.
fn decide(said: &Claims) -> Option<(Option<u8>, u8)> {
    said.iter().find(|(_, said)| said.is_of_region).map(|(country, said)| (*country, said.kind))
}

/// Builds the nodes for the digits of calling codes, above the nodes for the numbers.
fn root(automaton: &mut Automaton, code: &str, below: &dyn Fn(&str) -> Option<Target>) -> Result<Target> {
    if let Some(target) = below(code) {
        return Ok(target);
    }
    if code.len() == 3 {
        return Ok(Target::Leaf(0));
    }
    let mut next = [Target::Leaf(0); 10];
    for (digit, target) in (0..10_u8).zip(&mut next) {
        *target = root(automaton, &format!("{code}{digit}"), below)?;
    }
    automaton.intern(Node { value: 0, next })
}

/// Walks the patterns of all regions of a calling code together.
struct Walk<'a> {
    plans: &'a [(Option<u8>, RegionPlan)],
    longest: usize,
    known: HashMap<(Vec<StateID>, usize), Target>,
    automaton: &'a mut Automaton,
}

impl Walk<'_> {
    fn target(&mut self, states: &[StateID], length: usize, value: fn(&Claims) -> u8) -> Result<Target> {
        let pairs = || self.plans.iter().zip(states);
        if pairs().all(|((_, plan), state)| plan.is_dead(*state)) {
            return Ok(Target::Leaf(0));
        }
        let key = (states.to_vec(), length);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let said: Vec<_> =
            pairs().map(|((country, plan), state)| (*country, plan.said(*state, length))).collect();
        let mut next = [Target::Leaf(0); 10];
        if length < self.longest {
            for (digit, target) in (0..10_u8).zip(&mut next) {
                let states: Vec<_> = self
                    .plans
                    .iter()
                    .zip(states)
                    .map(|((_, plan), state)| plan.step(*state, digit))
                    .collect();
                *target = self.target(&states, length + 1, value)?;
            }
        }
        let target = self.automaton.intern(Node { value: value(&said), next })?;
        self.known.insert(key, target);
        Ok(target)
    }
}
