//! Running custom sign-ins, in the item of the user's custom factors. A slot, the count of comparisons, a
//! factor's lock, its use and the proof must change together. So they are one condition of one write.
//!
//! A challenge slot is one attribute, `slot_n0` … `slot_p2`, that holds a map. Of the sign-in: `n` nonce, `c`
//! client, `u` expiry of the slot, `k` number of comparisons. Of the code: `f` chosen factor, `r` round that
//! asked first, `s` number of sends, `a` time of sending, `e` expiry. `t<round>` is the effect and digest of
//! an answer, and `x<round>` is the factor that it proved. `h<round>_<sending>` is the hash of a code.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shared::{
    custom_auth::{
        AnswerAction, AnswerEffect, AnswerOutcome, AnswerWrite, ChallengeSlot, ChallengeState, Challenges,
        ChosenFactor, CodeHash, Comparison, ConsumedCredential, FAILURES_TO_LOCK, FailureCounts,
        FailureScope, GrantRedemption, MAX_SEND_ATTEMPTS, NAME_ONLY_TOTP_ATTEMPTS, NAME_ONLY_TOTP_WINDOW,
        Nonce, PROOF_LIFE, Proof, ProofOutcome, Proven, REPEAT, RedeemedGrant, SlotClaim, StateKey,
        UNNAMED_PROOF_LIFE, UserSignInState,
    },
    kernel::{CustomFactor, PortError},
};

use super::{
    AttributeValue, Fault, Item, Operation, ReturnValues, Table, custom_factors, number, port_error, seconds,
    text, user_key, version,
};

const READ: &str = "dynamodb.GetItem";
const WRITE: &str = "dynamodb.UpdateItem";
/// Time for which a decoy sign-in is stored.
const DECOY_LIFE: SignedDuration = SignedDuration::from_hours(1);

#[async_trait]
impl Challenges for Table {
    async fn read(&self, state_key: &StateKey) -> Result<UserSignInState, PortError> {
        let answer = self
            .get_item()
            .key("pk", partition_key(state_key))
            .key("sk", text(custom_factors::FACTORS))
            .consistent_read()
            .send()
            .await
            .map_err(port_error(READ))?;
        answer.item.as_ref().map_or_else(|| Ok(UserSignInState::default()), read)
    }

    async fn answer(&self, answer: &AnswerWrite) -> Result<AnswerOutcome, PortError> {
        let mut write = Write::at(answer.slot);
        let (taken_by, answer_text) = (format!("#slot.t{}", answer.round_index), answer_text(answer));
        write.value(":nonce", text(answer.nonce.as_str()));
        write.value(":client", text(&answer.client));
        write.value(":now", seconds(answer.now));
        write.value(":until", seconds(answer.until));
        write.value(":said", text(&answer_text));
        write.value(":v", version());
        write.set("v = :v");
        match answer.claim {
            None => {
                write.require("#slot.n = :nonce AND #slot.c = :client");
                write.require(format!("attribute_not_exists({taken_by})"));
                write.set(format!("{taken_by} = :said"));
                write.set("#slot.u = :until");
                write_action(&mut write, &answer.action, answer.round_index + 1);
            }
            Some(ref claim) => {
                let is_free = if let SlotClaim::Identified { evicts: Some(evicted) } = claim {
                    write.value(":evicted", text(evicted.as_str()));
                    "(#slot.u <= :now OR #slot.n = :evicted)"
                } else {
                    "#slot.u <= :now"
                };
                write.require(format!("(attribute_not_exists(#slot) OR ({is_free} AND #slot.n <> :nonce))"));
                write.set("#slot = :record");
                write.value(":record", AttributeValue::M(opened(answer, &answer_text)));
                write_claim(&mut write, claim);
            }
        }
        if let AnswerAction::Compare(comparison) = &answer.action {
            write_failure(&mut write, comparison, answer.now);
        }
        if matches!(answer.state_key, StateKey::Decoy(_)) {
            write.set("#ttl = :ttl");
            write.name("#ttl", "ttl");
            write.value(":ttl", seconds(answer.now.saturating_add(DECOY_LIFE).unwrap_or(answer.now)));
        }
        match self.write(&answer.state_key, write).await? {
            Ok(item) => Ok(AnswerOutcome::Taken(read(&item)?)),
            Err(item) => {
                let is_repeated = |slot: &Item| {
                    text_of(slot, "n") == Some(answer.nonce.as_str())
                        && text_of(slot, &format!("t{}", answer.round_index)) == Some(&answer_text)
                };
                if slot_of(&item, answer.slot).is_some_and(is_repeated) {
                    return Ok(AnswerOutcome::Repeated(read(&item)?));
                }
                Ok(AnswerOutcome::Refused)
            }
        }
    }

    async fn prove(&self, proof: &Proof) -> Result<ProofOutcome, PortError> {
        let mut write = Write::at(proof.slot);
        let proves = format!("x{}", proof.round_index);
        write.value(":nonce", text(proof.nonce.as_str()));
        write.value(":factor", text(proof.factor.name()));
        write.value(":none", number(0));
        write.require("#slot.n = :nonce");
        write.require(format!("attribute_exists(#slot.t{})", proof.round_index));
        write.require(format!("attribute_not_exists(#slot.{proves})"));
        write.value(":factor_epoch", whole(proof.factor_epoch));
        write.require(if proof.factor_epoch == 0 {
            "(attribute_not_exists(factor_epoch) OR factor_epoch = :factor_epoch)"
        } else {
            "factor_epoch = :factor_epoch"
        });
        write.set(format!("#slot.{proves} = :factor"));
        write.set("#slot.k = :none");
        for attribute in ["f", "r", "s", "a", "e"] {
            write.remove(format!("#slot.{attribute}"));
        }
        let forgiven =
            CustomFactor::ALL.into_iter().filter(|factor| *factor == proof.factor || proof.forgives_all);
        for factor in forgiven {
            write.remove(failures_of(factor));
        }
        if proof.forgives_name {
            write.remove("name_only_failures");
            write.remove("name_only_not_before");
        }
        if proof.forgives_name && proof.factor == CustomFactor::Totp {
            // The answer was counted before the comparison. We take back only this one: an owner's right
            // codes must not give a stranger more guesses.
            write.value(":one", number(1));
            write.set("name_only_totp_wrong = if_not_exists(name_only_totp_wrong, :one) - :one");
        }
        let factor_epoch = write_noted_factor(&mut write, proof);
        match &proof.consumes {
            ConsumedCredential::Nothing => {}
            ConsumedCredential::Step(step) => {
                write.value(":step", whole(*step));
                write.require("(attribute_not_exists(totp_step) OR totp_step < :step)");
                write.set("totp_step = :step");
            }
            ConsumedCredential::Recovery(hash) => {
                write.value(":hash", text(hash.as_str()));
                write.value(":hashes", AttributeValue::Ss(vec![hash.as_str().to_owned()]));
                write.require("contains(recovery, :hash)");
                write.delete("recovery :hashes");
            }
            ConsumedCredential::Device(id) => {
                write.name("#device", id.as_str());
                write.require("attribute_exists(devices.#device)");
            }
        }
        if let Some(grant) = &proof.grant {
            let mut kept = Item::from([
                ("at".to_owned(), seconds(proof.now)),
                ("client".to_owned(), text(&grant.client)),
                ("nonce".to_owned(), text(proof.nonce.as_str())),
                ("named".to_owned(), AttributeValue::Bool(grant.is_named)),
                ("factor_epoch".to_owned(), whole(factor_epoch)),
                ("password".to_owned(), AttributeValue::Bool(grant.proven.password)),
                ("enrolled".to_owned(), AttributeValue::Bool(grant.proven.enrolled)),
            ]);
            for (name, factors) in [("factors", &grant.proven.custom), ("native", &grant.proven.native)] {
                if !factors.is_empty() {
                    let names = factors.iter().map(|factor| factor.name().to_owned()).collect();
                    kept.insert(name.to_owned(), AttributeValue::Ss(names));
                }
            }
            write.value(":proof", AttributeValue::M(kept));
            write.value(":now", seconds(proof.now));
            write.set("proof = :proof");
            write.set("#slot.u = :now");
        }
        match self.write(&StateKey::User(proof.user.clone()), write).await? {
            Ok(_) => Ok(ProofOutcome::Done),
            Err(item) => {
                let is_done = |slot: &Item| {
                    text_of(slot, "n") == Some(proof.nonce.as_str())
                        && text_of(slot, &proves) == Some(proof.factor.name())
                };
                Ok(if slot_of(&item, proof.slot).is_some_and(is_done) {
                    ProofOutcome::Before
                } else {
                    ProofOutcome::Refused
                })
            }
        }
    }

    async fn redeem(&self, redemption: &GrantRedemption) -> Result<Option<RedeemedGrant>, PortError> {
        let (repeat_within, most) = REPEAT;
        let before = |span: SignedDuration| {
            seconds(redemption.now.saturating_sub(span).unwrap_or(Timestamp::UNIX_EPOCH))
        };
        let mut write = Write::default();
        write.name("#at", "at");
        write.value(":client", text(&redemption.client));
        let life = if redemption.nonce.is_some() { PROOF_LIFE } else { UNNAMED_PROOF_LIFE };
        write.value(":since", before(life));
        write.value(":now", seconds(redemption.now));
        write.value(":none", number(0));
        write.value(":one", number(1));
        write.require("proof.client = :client AND proof.#at >= :since");
        write.require("(attribute_not_exists(factor_epoch) OR proof.factor_epoch = factor_epoch)");
        if let Some(nonce) = &redemption.nonce {
            write.value(":nonce", text(nonce.as_str()));
            write.value(":most", number(most));
            write.value(":lately", before(repeat_within));
            write.require("proof.nonce = :nonce");
            write.require(
                "(attribute_not_exists(proof.taken) OR (proof.taken < :most AND proof.taken_at >= :lately))",
            );
        } else {
            write.value(":no", AttributeValue::Bool(false));
            write.require("proof.named = :no AND attribute_not_exists(proof.taken)");
        }
        write.set("proof.taken = if_not_exists(proof.taken, :none) + :one");
        write.set("proof.taken_at = if_not_exists(proof.taken_at, :now)");
        write.set("last_proof = proof");
        write.name("#groups", "groups");
        if redemption.groups.is_empty() {
            write.remove("#groups");
        } else {
            write.value(":groups", AttributeValue::Ss(redemption.groups.iter().cloned().collect()));
            write.set("#groups = :groups");
        }
        match self.write(&StateKey::User(redemption.user.clone()), write).await? {
            Ok(item) => read_proof(&item).map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError> {
        let state_key = StateKey::User(code.user.clone());
        let kept = self.read(&state_key).await?;
        let slot = kept
            .challenge_states
            .iter()
            .find(|(_, record)| record.nonce == code.nonce)
            .map(|(slot, _)| *slot);
        let Some(slot) = slot else { return Ok(false) };
        let mut write = Write::at(slot);
        write.value(":nonce", text(code.nonce.as_str()));
        write.value(":round", number(code.round_index));
        write.value(":sending", number(code.send_attempt));
        write.value(":hash", text(&code.hash));
        write.require("#slot.n = :nonce AND #slot.r = :round AND #slot.s >= :sending");
        write.set(format!("#slot.h{}_{} = :hash", code.round_index, code.send_attempt));
        Ok(self.write(&state_key, write).await?.is_ok())
    }
}

/// Records that the user has a factor that counts, and stores a first authenticator. Returns the epoch of the
/// user's factors after the write.
fn write_noted_factor(write: &mut Write, proof: &Proof) -> u64 {
    write.value(":true", AttributeValue::Bool(true));
    let Some((id, first)) = &proof.enrols else {
        if proof.forgives_all {
            // The sign-in has two independent proofs.
            write.set("had_factor = :true");
        }
        return proof.factor_epoch;
    };
    let authenticators = Item::from([(id.as_str().to_owned(), custom_factors::authenticator(first))]);
    write.value(":authenticators", AttributeValue::M(authenticators));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(had_factor) OR had_factor <> :true)");
    write.set("authenticators = :authenticators, had_factor = :true");
    write.remove("devices");
    write.add("factor_epoch :one, revision :one");
    proof.factor_epoch + 1
}

/// Returns the content of a slot after the first answer of a sign-in.
fn opened(answer: &AnswerWrite, answer_text: &str) -> Item {
    let comparisons = u32::from(matches!(answer.action, AnswerAction::Compare(_)));
    let mut record = Item::from([
        ("n".to_owned(), text(answer.nonce.as_str())),
        ("c".to_owned(), text(&answer.client)),
        ("u".to_owned(), seconds(answer.until)),
        ("k".to_owned(), number(comparisons)),
        (format!("t{}", answer.round_index), text(answer_text)),
    ]);
    if let AnswerAction::Choose(factor) = answer.action {
        record.extend([
            ("f".to_owned(), text(factor.name())),
            ("r".to_owned(), number(answer.round_index + 1)),
            ("s".to_owned(), number(1)),
            ("a".to_owned(), seconds(answer.now)),
            ("e".to_owned(), seconds(answer.until)),
        ]);
    }
    record
}

/// Writes the changes of a later answer to its slot.
fn write_action(write: &mut Write, action: &AnswerAction, asks: u32) {
    match action {
        AnswerAction::Choose(factor) => {
            write.value(":factor", text(factor.name()));
            write.value(":first", number(1));
            write.value(":asks", number(asks));
            write.set(
                "#slot.f = :factor, #slot.r = :asks, #slot.s = :first, #slot.a = :now, #slot.e = :until",
            );
        }
        AnswerAction::Resend { asked, not_after } => {
            write.value(":asked", number(*asked));
            write.value(":not_after", seconds(*not_after));
            write.value(":sendings", number(MAX_SEND_ATTEMPTS));
            write.value(":one", number(1));
            write.require("#slot.r = :asked AND #slot.a <= :not_after AND #slot.s < :sendings");
            write.set("#slot.s = #slot.s + :one, #slot.a = :now, #slot.e = :until");
        }
        AnswerAction::Back { asked } => {
            write.value(":asked", number(*asked));
            write.require("#slot.r = :asked");
            for attribute in ["f", "r", "s", "a", "e"] {
                write.remove(format!("#slot.{attribute}"));
            }
        }
        AnswerAction::Compare(comparison) => {
            write.value(":one", number(1));
            write.value(":tries", number(comparison.most));
            write.require("#slot.k < :tries");
            write.set("#slot.k = #slot.k + :one");
            if let Some(asked) = comparison.asked {
                write.value(":asked", number(asked));
                write.value(":factor", text(comparison.factor.name()));
                write.require("#slot.r = :asked AND #slot.f = :factor AND #slot.e > :now");
            }
        }
    }
}

fn write_claim(write: &mut Write, claim: &SlotClaim) {
    let SlotClaim::NameOnly { day, is_first, most } = *claim else { return };
    write.value(":day", number(day));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(name_only_not_before) OR name_only_not_before <= :now)");
    if is_first {
        write.require("(attribute_not_exists(name_only_day) OR name_only_day < :day)");
        write.set("name_only_day = :day, name_only_begun = :one");
    } else {
        write.value(":most", number(most));
        write.require("name_only_day = :day AND name_only_begun < :most");
        write.set("name_only_begun = name_only_begun + :one");
    }
}

/// Counts a failure before the comparison. A right answer takes it back.
fn write_failure(write: &mut Write, comparison: &Comparison, now: Timestamp) {
    let failures = failures_of(comparison.factor);
    write.value(":lock", number(FAILURES_TO_LOCK));
    write.value(":none", number(0));
    write.value(":one", number(1));
    write.require(format!("(attribute_not_exists({failures}) OR {failures} < :lock)"));
    match comparison.failure_scope {
        FailureScope::Factor => write.set(format!("{failures} = if_not_exists({failures}, :none) + :one")),
        FailureScope::NameOnly { not_before, opens_totp_window } => {
            write.set("name_only_failures = if_not_exists(name_only_failures, :none) + :one");
            if let Some(not_before) = not_before {
                write.value(":not_before", seconds(not_before));
                write.set("name_only_not_before = :not_before");
            }
            if comparison.factor == CustomFactor::Totp {
                write_totp_window(write, opens_totp_window, now);
            }
        }
    }
}

/// Counts an answer in a TOTP window. The state that was read says whether a window is open. If that has
/// changed, the write is refused.
fn write_totp_window(write: &mut Write, opens: bool, now: Timestamp) {
    let over = now.saturating_sub(NAME_ONLY_TOTP_WINDOW).unwrap_or(Timestamp::UNIX_EPOCH);
    write.value(":window_over", seconds(over));
    if opens {
        write.value(":window_from", seconds(now));
        write.require("(attribute_not_exists(name_only_totp_since) OR name_only_totp_since <= :window_over)");
        write.set("name_only_totp_since = :window_from, name_only_totp_wrong = :one");
    } else {
        write.value(":totp_tries", number(NAME_ONLY_TOTP_ATTEMPTS));
        write.require("name_only_totp_since > :window_over AND name_only_totp_wrong < :totp_tries");
        write.set("name_only_totp_wrong = name_only_totp_wrong + :one");
    }
}

pub(super) fn failures_of(factor: CustomFactor) -> &'static str {
    match factor {
        CustomFactor::EmailCode => "failures_email",
        CustomFactor::SmsCode => "failures_sms",
        CustomFactor::Totp => "failures_totp",
        CustomFactor::RecoveryCode => "failures_recovery_code",
        CustomFactor::TrustedDevice => "failures_trusted_device",
    }
}

/// A conditional write under construction.
#[derive(Debug, Default)]
struct Write {
    set: Vec<String>,
    remove: Vec<String>,
    delete: Vec<String>,
    add: Vec<String>,
    conditions: Vec<String>,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Write {
    fn at(slot: ChallengeSlot) -> Self {
        let mut write = Self::default();
        write.name("#slot", attribute(slot));
        write
    }

    fn set(&mut self, clause: impl Into<String>) {
        self.set.push(clause.into());
    }

    fn remove(&mut self, path: impl Into<String>) {
        self.remove.push(path.into());
    }

    fn delete(&mut self, clause: &str) {
        self.delete.push(clause.to_owned());
    }

    fn add(&mut self, clause: &str) {
        self.add.push(clause.to_owned());
    }

    fn require(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    fn name(&mut self, placeholder: &str, name: impl Into<String>) {
        self.names.insert(placeholder.to_owned(), name.into());
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }

    fn put_into(self, mut update: Operation<'_>) -> Operation<'_> {
        let clauses =
            [("SET", self.set), ("REMOVE", self.remove), ("DELETE", self.delete), ("ADD", self.add)];
        let clauses = clauses.into_iter().filter(|(_, clauses)| !clauses.is_empty());
        let expression: Vec<_> =
            clauses.map(|(word, clauses)| format!("{word} {}", clauses.join(", "))).collect();
        let (expression, condition) = (expression.join(" "), self.conditions.join(" AND "));
        // DynamoDB refuses unused values.
        let is_used = |placeholder: &str| uses(&expression, placeholder) || uses(&condition, placeholder);
        for (placeholder, name) in self.names {
            update = update.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in self.values.into_iter().filter(|(placeholder, _)| is_used(placeholder)) {
            update = update.expression_attribute_values(placeholder, value);
        }
        update
            .update_expression(expression)
            .condition_expression(condition)
            .return_values(ReturnValues::AllNew)
            .item_on_condition_failure()
    }
}

/// Whether an expression contains this placeholder, and not only a longer one that begins with it.
fn uses(expression: &str, placeholder: &str) -> bool {
    expression.match_indices(placeholder).any(|(at, found)| {
        let next = expression.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
    })
}

impl Table {
    /// Returns the item after the write. If the condition failed, returns the unchanged item as an error.
    async fn write(&self, state_key: &StateKey, write: Write) -> Result<Result<Item, Item>, PortError> {
        let update =
            self.update_item().key("pk", partition_key(state_key)).key("sk", text(custom_factors::FACTORS));
        match write.put_into(update).send().await {
            Ok(updated) => Ok(Ok(updated.attributes.unwrap_or_default())),
            Err(Fault::ConditionFailed(kept)) => Ok(Err(kept.unwrap_or_default())),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }
}

fn partition_key(state_key: &StateKey) -> AttributeValue {
    match state_key {
        StateKey::User(user) => user_key(user),
        StateKey::UnknownName { shard } => text(format!("UNKNOWN#{shard:02x}")),
        StateKey::Decoy(nonce) => text(format!("CHALLENGE#{}", nonce.as_str())),
    }
}

fn attribute(slot: ChallengeSlot) -> String {
    format!("slot_{}", slot.name())
}

fn slot_of(item: &Item, slot: ChallengeSlot) -> Option<&Item> {
    item.get(&attribute(slot))?.as_m()
}

/// Returns the effect and digest of an answer.
fn answer_text(answer: &AnswerWrite) -> String {
    let effect = match answer.action.effect() {
        AnswerEffect::Chose(factor) => format!("chose {}", factor.name()),
        AnswerEffect::Resent => "resent".to_owned(),
        AnswerEffect::Back => "back".to_owned(),
        AnswerEffect::Compared(factor) => format!("compared {}", factor.name()),
    };
    format!("{effect} {}", answer.digest)
}

fn read_effect(answer_text: &str) -> Option<AnswerEffect> {
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

fn read(item: &Item) -> Result<UserSignInState, PortError> {
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

fn record(kept: &Item) -> Option<ChallengeState> {
    let rounds = |prefix: char| {
        kept.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_s()?)))
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

fn read_proof(item: &Item) -> Result<RedeemedGrant, PortError> {
    let proof = item.get("proof").and_then(|proof| proof.as_m()).ok_or_else(|| broken("proof"))?;
    let factors = |name| -> BTreeSet<CustomFactor> {
        texts(proof, name).into_iter().filter_map(CustomFactor::from_name).collect()
    };
    let is_true = |name: &str| proof.get(name).and_then(|value| value.as_bool()) == Some(&true);
    let proven = Proven {
        password: is_true("password"),
        native: factors("native"),
        custom: factors("factors"),
        enrolled: is_true("enrolled"),
    };
    Ok(RedeemedGrant { proven, at: time(proof, "at").ok_or_else(|| broken("proof"))? })
}

fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().map(String::as_str)
}

fn texts<'a>(item: &'a Item, name: &str) -> Vec<&'a str> {
    let set = item.get(name).and_then(|value| value.as_ss());
    set.into_iter().flatten().map(String::as_str).collect()
}

fn number_of<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n()?.parse().ok()
}

fn time(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(number_of(item, name)?).ok()
}

fn broken(what: &'static str) -> PortError {
    PortError::new(READ, format!("{what} can't be read"))
}

fn whole(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
