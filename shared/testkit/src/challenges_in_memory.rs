use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use shared::{
    custom_auth::{
        Act, Answer, Answered, Challenges, Chosen, CodeHash, Comparison, Kept, MOST_SENDINGS,
        NAME_ONLY_TOTP_TRIES, Opening, PROOF_LIFE, Pass, Place, Proof, Proved, REPEAT, Record, Redeemed,
        Redemption, STRIKES_TO_LOCK, Spends, Strike, UNNAMED_PROOF_LIFE,
    },
    factors::own::LastProof,
    kernel::{OwnFactor, PortError},
};

use crate::InMemoryTable;

/// What is kept of sign-ins at one place, beside the user's own factors.
#[derive(Debug, Default, Clone)]
pub(crate) struct SignInState {
    kept: Kept,
    /// Digests of the answers by nonce and round.
    digests: Vec<(String, u32, String)>,
    proof: Option<Held>,
}

impl SignInState {
    /// Forgives wrong answers with every factor, and by name.
    pub(crate) fn forgive(&mut self) {
        let tally = &mut self.kept.tally;
        tally.failures.clear();
        (tally.by_name, tally.not_before, tally.name_only_totp) = (0, None, None);
    }

    /// Forgives wrong answers with these factors.
    pub(crate) fn forgive_factors(&mut self, factors: &BTreeSet<OwnFactor>) {
        self.kept.tally.failures.retain(|factor, _| !factors.contains(factor));
        if factors.contains(&OwnFactor::Totp) {
            self.kept.tally.name_only_totp = None;
        }
    }
}

/// A proof that waits for the last gate.
#[derive(Debug, Clone)]
struct Held {
    pass: Pass,
    nonce: String,
    generation: u64,
    at: Timestamp,
    taken: u32,
    taken_at: Timestamp,
}

#[async_trait]
impl Challenges for InMemoryTable {
    async fn read(&self, place: &Place) -> Result<Kept, PortError> {
        self.sign_ins(place, |state| state.kept.clone())
    }

    async fn answer(&self, answer: &Answer) -> Result<Answered, PortError> {
        self.sign_ins(&answer.place, |state| {
            let digest = (answer.nonce.as_str().to_owned(), answer.round, answer.digest.clone());
            let is_ours = |record: &&mut Record| record.nonce == answer.nonce;
            if state.kept.records.get_mut(&answer.seat).as_ref().is_some_and(is_ours)
                && state.digests.contains(&digest)
            {
                return Answered::Repeated(state.kept.clone());
            }
            if take(&mut state.kept, answer).is_none() {
                return Answered::Refused;
            }
            state.digests.push(digest);
            Answered::Taken(state.kept.clone())
        })
    }

    async fn prove(&self, proof: &Proof) -> Result<Proved, PortError> {
        self.sign_ins(&Place::User(proof.user.clone()), |state| {
            let kept = &mut state.kept;
            let Some(record) = kept.records.get_mut(&proof.seat).filter(|record| record.nonce == proof.nonce)
            else {
                return Proved::Refused;
            };
            if let Some(factor) = record.proven.get(&proof.round) {
                return if *factor == proof.factor { Proved::Before } else { Proved::Refused };
            }
            let is_there = match &proof.spends {
                Spends::Nothing => true,
                Spends::Step(step) => kept.factors.last_step.is_none_or(|last| last < *step),
                Spends::Recovery(hash) => kept.factors.recovery.contains(hash),
                Spends::Device(id) => kept.factors.devices.contains_key(id),
            };
            let is_answered = record.effects.contains_key(&proof.round);
            let may_enrol = proof.enrols.is_none() || !kept.factors.had_factor;
            if !is_there || !is_answered || !may_enrol || kept.factors.generation != proof.generation {
                return Proved::Refused;
            }
            record.proven.insert(proof.round, proof.factor);
            (record.comparisons, record.chosen) = (0, None);
            kept.tally.failures.retain(|factor, _| *factor != proof.factor && !proof.forgives_all);
            if proof.forgives_name {
                (kept.tally.by_name, kept.tally.not_before) = (0, None);
                if let (OwnFactor::Totp, Some((_, wrong))) = (proof.factor, &mut kept.tally.name_only_totp) {
                    *wrong = wrong.saturating_sub(1);
                }
            }
            kept.factors.had_factor |= proof.forgives_all;
            if let Some((id, first)) = &proof.enrols {
                let factors = &mut kept.factors;
                factors.authenticators = [(id.clone(), first.clone())].into();
                factors.devices.clear();
                factors.had_factor = true;
                (factors.generation, factors.revision) = (factors.generation + 1, factors.revision + 1);
            }
            match &proof.spends {
                Spends::Step(step) => kept.factors.last_step = Some(*step),
                Spends::Recovery(hash) => {
                    kept.factors.recovery.remove(hash);
                }
                Spends::Nothing | Spends::Device(_) => {}
            }
            if let Some(pass) = &proof.pass {
                record.until = proof.now;
                state.proof = Some(Held {
                    pass: pass.clone(),
                    nonce: proof.nonce.as_str().to_owned(),
                    generation: kept.factors.generation,
                    at: proof.now,
                    taken: 0,
                    taken_at: proof.now,
                });
            }
            Proved::Done
        })
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Option<Redeemed>, PortError> {
        let (repeat_within, most) = REPEAT;
        self.sign_ins(&Place::User(redemption.user.clone()), |state| {
            let generation = state.kept.factors.generation;
            let held = state.proof.as_mut().filter(|held| {
                let life = if redemption.nonce.is_some() { PROOF_LIFE } else { UNNAMED_PROOF_LIFE };
                held.pass.client == redemption.client
                    && redemption.now.duration_since(held.at) <= life
                    && held.generation == generation
                    && match &redemption.nonce {
                        Some(nonce) => {
                            let is_repeated = held.taken < most
                                && redemption.now.duration_since(held.taken_at) <= repeat_within;
                            held.nonce == nonce.as_str() && (held.taken == 0 || is_repeated)
                        }
                        None => !held.pass.is_named && held.taken == 0,
                    }
            })?;
            if held.taken == 0 {
                held.taken_at = redemption.now;
            }
            held.taken += 1;
            state.kept.groups.clone_from(&redemption.groups);
            state.kept.factors.last_proof = Some(LastProof {
                at: held.at,
                factors: held.pass.proven.own.clone(),
                native: held.pass.proven.native.clone(),
                client: held.pass.client.clone(),
            });
            Some(Redeemed { proven: held.pass.proven.clone(), at: held.at })
        })
    }

    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError> {
        self.sign_ins(&Place::User(code.user.clone()), |state| {
            let mut records = state.kept.records.values_mut();
            let Some(record) = records.find(|record| record.nonce == code.nonce) else { return false };
            let waits = record
                .chosen
                .is_some_and(|chosen| chosen.round == code.round && chosen.sending >= code.sending);
            if waits {
                record.codes.insert((code.round, code.sending), code.hash.clone());
            }
            waits
        })
    }
}

impl InMemoryTable {
    fn sign_ins<T>(&self, place: &Place, work: impl FnOnce(&mut SignInState) -> T) -> Result<T, PortError> {
        let mut state = self.state()?;
        state.calls += 1;
        let mut sign_ins = state.sign_ins.remove(place).unwrap_or_default();
        if let Place::User(user) = place {
            sign_ins.kept.factors = state.own_factors.get(user).cloned().unwrap_or_default();
        }
        let outcome = work(&mut sign_ins);
        if let Place::User(user) = place {
            state.own_factors.insert(user.clone(), sign_ins.kept.factors.clone());
        }
        state.sign_ins.insert(place.clone(), sign_ins);
        Ok(outcome)
    }
}

/// Does what the answer does; none if it may not.
fn take(kept: &mut Kept, answer: &Answer) -> Option<()> {
    if let Act::Compare(comparison) = &answer.act
        && kept.tally.failures.get(&comparison.factor).is_some_and(|failures| *failures >= STRIKES_TO_LOCK)
    {
        return None;
    }
    if let Act::Compare(comparison) = &answer.act {
        may_guess(kept, answer, comparison)?;
    }
    if let Some(opening) = &answer.opening {
        let seated = kept.records.get(&answer.seat);
        let evicted = if let Opening::Proven { evicts } = opening { evicts.as_ref() } else { None };
        let is_free = seated.is_none_or(|record| {
            (record.until <= answer.now || Some(&record.nonce) == evicted) && record.nonce != answer.nonce
        });
        is_free.then(|| open(kept, answer, opening))??;
    } else {
        let seated = kept.records.get(&answer.seat)?;
        let is_ours = seated.nonce == answer.nonce && seated.client == answer.client;
        (is_ours && !seated.effects.contains_key(&answer.round)).then_some(())?;
    }
    let record = kept.records.get_mut(&answer.seat)?;
    act(record, answer)?;
    record.effects.insert(answer.round, answer.act.effect());
    record.until = answer.until;
    if let Act::Compare(comparison) = &answer.act {
        strike(kept, comparison, answer.now);
    }
    Some(())
}

/// Whether one more authenticator code by name may be compared; none if it may not.
fn may_guess(kept: &Kept, answer: &Answer, comparison: &Comparison) -> Option<()> {
    let Strike::ByName { opens_totp_window, .. } = comparison.strike else { return Some(()) };
    if comparison.factor != OwnFactor::Totp {
        return Some(());
    }
    let is_open = kept.tally.has_open_totp_window(answer.now);
    let is_left = kept.tally.name_only_totp.is_none_or(|(_, wrong)| wrong < NAME_ONLY_TOTP_TRIES);
    (is_open != opens_totp_window && (opens_totp_window || is_left)).then_some(())
}

fn open(kept: &mut Kept, answer: &Answer, opening: &Opening) -> Option<()> {
    if let Opening::ByName { day, is_first, most } = *opening {
        let tally = &mut kept.tally;
        let may = tally.not_before.is_none_or(|end| end <= answer.now)
            && if is_first { tally.day < day } else { tally.day == day && tally.begun < most };
        may.then_some(())?;
        tally.begun = if is_first { 1 } else { tally.begun + 1 };
        tally.day = day;
    }
    let record = Record {
        nonce: answer.nonce.clone(),
        client: answer.client.clone(),
        until: answer.until,
        comparisons: 0,
        chosen: None,
        effects: std::collections::BTreeMap::new(),
        proven: std::collections::BTreeMap::new(),
        codes: std::collections::BTreeMap::new(),
    };
    kept.records.insert(answer.seat, record);
    Some(())
}

fn act(record: &mut Record, answer: &Answer) -> Option<()> {
    let chosen = Chosen {
        factor: shared::kernel::OwnFactor::EmailCode,
        round: answer.round + 1,
        sending: 1,
        sent_at: answer.now,
        expires_at: answer.until,
    };
    match &answer.act {
        Act::Choose(factor) => record.chosen = Some(Chosen { factor: *factor, ..chosen }),
        Act::Resend { asked, not_after } => {
            let before = record.chosen.filter(|before| before.round == *asked)?;
            (before.sent_at <= *not_after && before.sending < MOST_SENDINGS).then_some(())?;
            let (sending, factor, round) = (before.sending + 1, before.factor, before.round);
            record.chosen = Some(Chosen { sending, factor, round, ..chosen });
        }
        Act::Back { asked } => {
            record.chosen.filter(|before| before.round == *asked)?;
            record.chosen = None;
        }
        Act::Compare(comparison) => {
            (record.comparisons < comparison.most).then_some(())?;
            if let Some(asked) = comparison.asked {
                let before = record.chosen?;
                let is_asked = before.round == asked && before.factor == comparison.factor;
                (is_asked && answer.now < before.expires_at).then_some(())?;
            }
            record.comparisons += 1;
        }
    }
    Some(())
}

fn strike(kept: &mut Kept, comparison: &Comparison, now: Timestamp) {
    match comparison.strike {
        Strike::Factor => *kept.tally.failures.entry(comparison.factor).or_default() += 1,
        Strike::ByName { not_before, opens_totp_window } => {
            kept.tally.by_name += 1;
            kept.tally.not_before = not_before.or(kept.tally.not_before);
            if comparison.factor == OwnFactor::Totp {
                let before = kept.tally.name_only_totp.filter(|_| !opens_totp_window);
                kept.tally.name_only_totp =
                    before.map(|(since, wrong)| (since, wrong + 1)).or(Some((now, 1)));
            }
        }
    }
}
