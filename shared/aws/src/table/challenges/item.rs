//! What is read from a stored item.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mfa_core::{
    custom_auth::{
        Proven,
        port::{AnswerWrite, RedeemedGrant},
        round_state::{ChallengeSlot, Nonce},
        state::{AnswerEffect, ChallengeState, ChosenFactor, FailureCounts, UserSignInState},
    },
    kernel::{CustomFactor, PortError},
};

use super::{READ, attribute, clauses::failures_of};
use crate::table::{Item, custom_factors};

pub(super) fn slot_of(item: &Item, slot: ChallengeSlot) -> Option<&Item> {
    item.get(&attribute(slot))?.as_m().ok()
}

/// Returns the effect and digest of an answer.
pub(super) fn answer_text(answer: &AnswerWrite) -> String {
    let effect = match answer.action.effect() {
        AnswerEffect::Chose(factor) => format!("chose {}", factor.name()),
        AnswerEffect::Resent => "resent".to_owned(),
        AnswerEffect::Back => "back".to_owned(),
        AnswerEffect::Compared(factor) => format!("compared {}", factor.name()),
    };
    format!("{effect} {}", answer.digest)
}

pub(super) fn read_effect(answer_text: &str) -> Option<AnswerEffect> {
    let mut words = answer_text.split(' ');
    let (effect, factor) = (words.next()?, words.next());
    let factor = factor.and_then(CustomFactor::from_name);
    match effect {
        "chose" => factor.map(AnswerEffect::Chose),
        "compared" => factor.map(AnswerEffect::Compared),
        "resent" => Some(AnswerEffect::Resent),
        "back" => Some(AnswerEffect::Back),
        _ => None,
    }
}

pub(super) fn read(item: &Item) -> Result<UserSignInState, PortError> {
    let mut challenge_states = BTreeMap::new();
    for slot in ChallengeSlot::ALL {
        if let Some(kept) = slot_of(item, slot) {
            challenge_states.insert(slot, record(kept).ok_or_else(|| broken("a slot"))?);
        }
    }
    let failures = CustomFactor::ALL
        .into_iter()
        .filter_map(|factor| Some((factor, number_of(item, failures_of(factor))?)))
        .collect();
    Ok(UserSignInState {
        factors: custom_factors::read(item)?,
        groups: texts(item, "groups").into_iter().map(ToOwned::to_owned).collect(),
        challenge_states,
        failure_counts: FailureCounts {
            by_name: number_of(item, "name_only_failures").unwrap_or_default(),
            not_before: time(item, "name_only_not_before"),
            day: number_of(item, "name_only_day").unwrap_or_default(),
            begun: number_of(item, "name_only_begun").unwrap_or_default(),
            failures,
            name_only_totp: time(item, "name_only_totp_since")
                .map(|since| (since, number_of(item, "name_only_totp_wrong").unwrap_or_default())),
        },
    })
}

pub(super) fn record(kept: &Item) -> Option<ChallengeState> {
    let rounds = |prefix: char| {
        kept.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_s().ok()?)))
    };
    let chosen = || {
        Some(ChosenFactor {
            factor: CustomFactor::from_name(text_of(kept, "f")?)?,
            round_index: number_of(kept, "r")?,
            send_attempt: number_of(kept, "s")?,
            sent_at: time(kept, "a")?,
            expires_at: time(kept, "e")?,
        })
    };
    Some(ChallengeState {
        nonce: Nonce::parse(text_of(kept, "n")?)?,
        client: text_of(kept, "c")?.to_owned(),
        until: time(kept, "u")?,
        comparisons: number_of(kept, "k")?,
        chosen: chosen(),
        effects: rounds('t')
            .filter_map(|(at, answer_text)| Some((at.parse().ok()?, read_effect(answer_text)?)))
            .collect(),
        proven: rounds('x')
            .filter_map(|(at, factor)| Some((at.parse().ok()?, CustomFactor::from_name(factor)?)))
            .collect(),
        codes: rounds('h')
            .filter_map(|(at, hash)| {
                let (round, send_attempt) = at.split_once('_')?;
                Some(((round.parse().ok()?, send_attempt.parse().ok()?), hash.clone()))
            })
            .collect(),
    })
}

pub(super) fn read_proof(item: &Item) -> Result<RedeemedGrant, PortError> {
    let proof = item.get("proof").and_then(|proof| proof.as_m().ok()).ok_or_else(|| broken("proof"))?;
    let factors = |name| -> BTreeSet<CustomFactor> {
        texts(proof, name).into_iter().filter_map(CustomFactor::from_name).collect()
    };
    let is_true = |name: &str| proof.get(name).and_then(|value| value.as_bool().ok()) == Some(&true);
    let proven = Proven {
        password: is_true("password"),
        native: factors("native"),
        custom: factors("factors"),
        enrolled: is_true("enrolled"),
    };
    Ok(RedeemedGrant { proven, at: time(proof, "at").ok_or_else(|| broken("proof"))? })
}

pub(super) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn texts<'a>(item: &'a Item, name: &str) -> Vec<&'a str> {
    let set = item.get(name).and_then(|value| value.as_ss().ok());
    set.into_iter().flatten().map(String::as_str).collect()
}

pub(super) fn number_of<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn time(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(number_of(item, name)?).ok()
}

pub(super) fn broken(what: &'static str) -> PortError {
    PortError::new(READ, format!("{what} can't be read"))
}
