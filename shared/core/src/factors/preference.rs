//! Which factors are on, and which one is preferred, by the rules of cognito.md §4.5 and §7.2. Cognito reads
//! an absent boolean as `false`, drops the preferred mark on `{Enabled: true}`, and refuses to turn off what
//! was never set up. So we read first, send both booleans, and send only blocks that change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::kernel::{PoolFactor, Refusal};

/// Amplify's words (cognito.md §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Setting {
    /// On. A preferred mark stays.
    Enabled,
    Disabled,
    /// On and preferred. The mark moves here from any other factor.
    Preferred,
    /// On, without the mark.
    NotPreferred,
}

/// The factors that are on at the pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactorState {
    pub enabled: BTreeSet<PoolFactor>,
    pub preferred: Option<PoolFactor>,
}

/// The settings that the user asks for. A factor that is absent stays as it is.
pub type PreferenceRequest = BTreeMap<PoolFactor, Setting>;

/// The entity tag of a state (RFC 9110 §8.8.3). It changes with every change through our API, and whenever
/// the pool returns another state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceTag(String);

impl PreferenceTag {
    /// `revision` is that of the user's custom factors, which every change increases.
    pub(super) fn new(state: &FactorState, revision: u64) -> Self {
        let letter = |factor| match state.setting(factor) {
            Setting::Preferred => 'P',
            Setting::Disabled => 'D',
            Setting::Enabled | Setting::NotPreferred => 'E',
        };
        let [sms, totp, email] = PoolFactor::ALL.map(letter);
        Self(format!("\"{revision}-{sms}{totp}{email}\""))
    }

    /// Returns the value of the header `ETag`, with its quotation marks.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether `If-Match` names this tag. A weak tag matches nothing (RFC 9110 §13.1.1).
    pub fn is_named_in(&self, if_match: &str) -> bool {
        if_match.split(',').any(|tag| tag.trim() == self.0)
    }
}

/// The blocks to send. If empty, the state is already as requested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreferenceChange {
    pub blocks: BTreeMap<PoolFactor, Block>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub enabled: bool,
    pub preferred: bool,
}

impl FactorState {
    /// Returns the setting of `factor` in Amplify's words.
    pub fn setting(&self, factor: PoolFactor) -> Setting {
        match self.block(factor) {
            Block { preferred: true, .. } => Setting::Preferred,
            Block { enabled: true, .. } => Setting::Enabled,
            Block { .. } => Setting::Disabled,
        }
    }

    fn block(&self, factor: PoolFactor) -> Block {
        Block { enabled: self.enabled.contains(&factor), preferred: self.preferred == Some(factor) }
    }

    /// Plans the blocks that change this state into the requested one.
    pub fn plan(&self, request: &PreferenceRequest) -> Result<PreferenceChange, Refusal> {
        let takes_the_mark = takes_the_mark(request)?;
        let target = |factor: PoolFactor| {
            let now = self.block(factor);
            match request.get(&factor) {
                Some(Setting::Preferred) => Block { enabled: true, preferred: true },
                Some(Setting::NotPreferred) => Block { enabled: true, preferred: false },
                Some(Setting::Disabled) => Block { enabled: false, preferred: false },
                Some(Setting::Enabled) => {
                    Block { enabled: true, preferred: now.preferred && takes_the_mark.is_none() }
                }
                None => Block { enabled: now.enabled, preferred: now.preferred && takes_the_mark.is_none() },
            }
        };
        let blocks = PoolFactor::ALL
            .into_iter()
            .map(|factor| (factor, target(factor)))
            .filter(|(factor, block)| *block != self.block(*factor))
            .collect();
        Ok(PreferenceChange { blocks })
    }
}

/// Returns the factor to prefer. Refuses a request that prefers two.
pub(super) fn takes_the_mark(request: &PreferenceRequest) -> Result<Option<PoolFactor>, Refusal> {
    let mut preferred = request.iter().filter(|(_, setting)| **setting == Setting::Preferred);
    let takes_the_mark = preferred.next().map(|(factor, _)| *factor);
    if preferred.next().is_some() { Err(Refusal::TwoPreferredFactors) } else { Ok(takes_the_mark) }
}

/// The one word of Amplify v5's `setPreferredMFA` (cognito.md §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum PreferredMfa {
    Totp,
    Sms,
    /// Turns every factor off.
    NoMfa,
}

impl PreferredMfa {
    /// Returns the same request in the words of Amplify v6.
    pub fn request(self) -> PreferenceRequest {
        match self {
            Self::Totp => PreferenceRequest::from([(PoolFactor::Totp, Setting::Preferred)]),
            Self::Sms => PreferenceRequest::from([(PoolFactor::Sms, Setting::Preferred)]),
            Self::NoMfa => PoolFactor::ALL.map(|factor| (factor, Setting::Disabled)).into(),
        }
    }
}

impl PreferenceChange {
    /// Returns whether `state` is what this change asked for.
    pub fn holds_in(&self, state: &FactorState) -> bool {
        self.blocks.iter().all(|(factor, block)| state.block(*factor) == *block)
    }

    /// Returns `state` after the change.
    pub fn applied_to(&self, state: &FactorState) -> FactorState {
        let mut state = state.clone();
        for (factor, block) in &self.blocks {
            if block.enabled {
                state.enabled.insert(*factor)
            } else {
                state.enabled.remove(factor)
            };
            match (block.preferred, state.preferred == Some(*factor)) {
                (true, _) => state.preferred = Some(*factor),
                (false, true) => state.preferred = None,
                (false, false) => {}
            }
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use PoolFactor::{Email, Sms, Totp};
    use Setting::{Disabled, Enabled, NotPreferred, Preferred};

    fn state(enabled: &[PoolFactor], preferred: Option<PoolFactor>) -> FactorState {
        FactorState { enabled: enabled.iter().copied().collect(), preferred }
    }

    fn request(settings: &[(PoolFactor, Setting)]) -> PreferenceRequest {
        settings.iter().copied().collect()
    }

    #[rstest]
    #[case::first_factor(&[], None, &[(Totp, Preferred)], &[(Totp, true, true)])]
    #[case::already_so(&[Totp], Some(Totp), &[(Totp, Preferred)], &[])]
    #[case::enabled_keeps_the_mark(&[Totp], Some(Totp), &[(Totp, Enabled)], &[])]
    #[case::not_preferred_drops_it(&[Totp], Some(Totp), &[(Totp, NotPreferred)], &[(Totp, true, false)])]
    #[case::never_set_up_is_off_already(&[], None, &[(Sms, Disabled)], &[])]
    #[case::off_takes_the_mark_along(&[Totp], Some(Totp), &[(Totp, Disabled)], &[(Totp, false, false)])]
    #[case::the_mark_moves(&[Sms, Totp], Some(Sms), &[(Totp, Preferred)], &[(Sms, true, false), (Totp, true, true)])]
    #[case::enabled_and_the_mark_moves(&[Sms, Totp], Some(Sms), &[(Sms, Enabled), (Totp, Preferred)], &[(Sms, true, false), (Totp, true, true)])]
    #[case::nothing_asked(&[Sms, Email], Some(Email), &[], &[])]
    fn only_what_changes_is_sent(
        #[case] enabled: &[PoolFactor],
        #[case] preferred: Option<PoolFactor>,
        #[case] settings: &[(PoolFactor, Setting)],
        #[case] blocks: &[(PoolFactor, bool, bool)],
    ) {
        let change = state(enabled, preferred).plan(&request(settings)).unwrap();
        let expected = blocks.iter().map(|(factor, enabled, preferred)| {
            (*factor, Block { enabled: *enabled, preferred: *preferred })
        });
        assert_eq!(change.blocks, expected.collect());
    }

    #[test]
    fn a_tag_is_named_by_itself_and_by_no_weak_one() {
        let tag = PreferenceTag::new(&state(&[Sms, Totp], Some(Totp)), 7);
        assert_eq!(tag.as_str(), "\"7-EPD\"");
        assert!(tag.is_named_in("\"6-EPD\" , \"7-EPD\""));
        for other in ["", "7-EPD", "W/\"7-EPD\"", "\"8-EPD\"", "\"7-PED\"", "\"7-EPD"] {
            assert!(!tag.is_named_in(other), "{other}");
        }
    }

    #[test]
    fn two_preferred_factors_are_refused() {
        let asked = request(&[(Sms, Preferred), (Totp, Preferred)]);
        assert_eq!(state(&[Sms, Totp], None).plan(&asked), Err(Refusal::TwoPreferredFactors));
    }

    fn any_setting() -> impl Strategy<Value = Option<Setting>> {
        prop_oneof![
            Just(None),
            Just(Some(Enabled)),
            Just(Some(Disabled)),
            Just(Some(Preferred)),
            Just(Some(NotPreferred))
        ]
    }

    proptest! {
        #[test]
        fn what_is_asked_is_what_comes_out(
            on in prop::array::uniform3(any::<bool>()),
            mark in prop::option::of(0..3_usize),
            settings in prop::array::uniform3(any_setting()),
        ) {
            let enabled = PoolFactor::ALL.into_iter().zip(on).filter(|(_, on)| *on).map(|(factor, _)| factor);
            let mut before = FactorState { enabled: enabled.collect(), preferred: mark.map(|index| PoolFactor::ALL[index]) };
            before.preferred = before.preferred.filter(|factor| before.enabled.contains(factor));
            let asked: PreferenceRequest =
                PoolFactor::ALL.into_iter().zip(settings).filter_map(|(factor, setting)| Some((factor, setting?))).collect();
            let Ok(change) = before.plan(&asked) else {
                prop_assert!(asked.values().filter(|setting| **setting == Preferred).count() > 1);
                return Ok(());
            };
            let after = change.applied_to(&before);
            prop_assert!(change.holds_in(&after));
            prop_assert!(after.preferred.is_none_or(|factor| after.enabled.contains(&factor)));
            for (factor, setting) in &asked {
                match setting {
                    Disabled | Preferred => prop_assert_eq!(after.setting(*factor), *setting),
                    NotPreferred => prop_assert_eq!(after.setting(*factor), Enabled),
                    Enabled => prop_assert_ne!(after.setting(*factor), Disabled),
                }
            }
            // A repeated request changes nothing.
            prop_assert_eq!(after.plan(&asked).unwrap(), PreferenceChange::default());
        }
    }
}
