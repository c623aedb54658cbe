//! Which factor Cognito asks for after the first one (cognito.md §4.3), as a function of the pool's
//! and the user's settings alone.

use crate::model::pool::{MfaState, Pool};
use crate::model::user::{Factor, User};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Tokens.
    Nothing,
    Ask(Factor),
    /// `SELECT_MFA_TYPE`.
    Select(Vec<Factor>),
    /// `MFA_SETUP`.
    SetUp(Vec<Factor>),
    /// The pool demands a factor the user can't have.
    Impossible,
}

/// What the choice depends on.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    pub(crate) pool: MfaState,
    pub(crate) offered: Vec<Factor>,
    /// Switched on for the user.
    pub(crate) active: Vec<Factor>,
    pub(crate) preferred: Option<Factor>,
    pub(crate) software_token: bool,
    /// Factors whose address the user has, verified or not.
    pub(crate) reachable: Vec<Factor>,
    /// Whose address account recovery uses first: no MFA goes there.
    pub(crate) recovery: Option<Factor>,
    /// See `Switches::recovery_address_only_fails`.
    pub(crate) recovery_address_only_fails: bool,
}

impl Situation {
    pub(crate) fn of(pool: &Pool, user: &User, recovery_address_only_fails: bool) -> Self {
        let has_address =
            |factor: &Factor| factor.attribute().is_some_and(|name| user.attribute(name).is_some());
        let recovery = pool.primary_recovery_attribute();
        Self {
            pool: pool.mfa.state,
            offered: Factor::ALL.into_iter().filter(|factor| pool.offers(*factor)).collect(),
            active: user.mfa.enabled.iter().copied().collect(),
            preferred: user.mfa.preferred,
            software_token: user.has_software_token() || user.mfa.enabled.contains(&Factor::SoftwareToken),
            reachable: Factor::ALL.into_iter().filter(has_address).collect(),
            recovery: Factor::ALL
                .into_iter()
                .find(|factor| recovery.is_some() && factor.attribute() == recovery),
            recovery_address_only_fails,
        }
    }

    /// TOTP stays usable when the pool drops it; an address needs the pool's support and a value.
    fn is_usable(&self, factor: Factor) -> bool {
        match factor {
            Factor::SoftwareToken => self.software_token,
            Factor::Sms | Factor::Email => self.offered.contains(&factor) && self.reachable.contains(&factor),
        }
    }

    fn is_eligible(&self, factor: Factor) -> bool {
        factor != Factor::SoftwareToken && self.is_usable(factor) && self.recovery != Some(factor)
    }
}

pub(crate) fn choose(situation: &Situation) -> Choice {
    match situation.pool {
        MfaState::Off => Choice::Nothing,
        MfaState::Optional => when_optional(situation),
        MfaState::On => when_required(situation),
    }
}

/// What a risky sign-in is asked for (cognito.md §4.9): as always. If that is nothing, any
/// factor of the user. `Nothing` if the user has no factor.
pub(crate) fn choose_despite_preference(situation: &Situation) -> Choice {
    match (choose(situation), situation.pool) {
        (Choice::Nothing, MfaState::Optional) => {}
        (choice, _) => return choice,
    }
    let has = |factor: &Factor| match factor {
        Factor::SoftwareToken => situation.software_token,
        Factor::Sms | Factor::Email => situation.is_eligible(*factor),
    };
    let factors: Vec<_> = Factor::ALL.into_iter().filter(has).collect();
    match factors.as_slice() {
        [] => Choice::Nothing,
        [only] => Choice::Ask(*only),
        _ => Choice::Select(factors),
    }
}

fn when_optional(situation: &Situation) -> Choice {
    let active: Vec<_> =
        situation.active.iter().copied().filter(|factor| situation.is_usable(*factor)).collect();
    match (active.as_slice(), situation.preferred) {
        ([], _) => Choice::Nothing,
        ([only], _) => Choice::Ask(*only),
        (several, Some(preferred)) if several.contains(&preferred) => Choice::Ask(preferred),
        _ => Choice::Select(active),
    }
}

fn when_required(situation: &Situation) -> Choice {
    if let Some(preferred) = situation.preferred.filter(|factor| situation.is_usable(*factor)) {
        return Choice::Ask(preferred);
    }
    let addresses: Vec<_> = Factor::ALL.into_iter().filter(|factor| situation.is_eligible(*factor)).collect();
    if situation.software_token {
        return if addresses.is_empty() {
            Choice::Ask(Factor::SoftwareToken)
        } else {
            Choice::Select(
                Factor::ALL
                    .into_iter()
                    .filter(|factor| *factor == Factor::SoftwareToken || addresses.contains(factor))
                    .collect(),
            )
        };
    }
    match addresses.as_slice() {
        [only] => return Choice::Ask(*only),
        [_, ..] => return Choice::Select(addresses),
        [] => {}
    }
    let only_for_recovery = situation.recovery.is_some_and(|factor| situation.is_usable(factor));
    if only_for_recovery && situation.recovery_address_only_fails {
        return Choice::Impossible;
    }
    let can_set_up: Vec<_> =
        situation.offered.iter().copied().filter(|factor| situation.recovery != Some(*factor)).collect();
    if can_set_up.is_empty() { Choice::Impossible } else { Choice::SetUp(can_set_up) }
}

#[cfg(test)]
mod tests;
