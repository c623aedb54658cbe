//! Running custom sign-ins, in the item of the user's custom factors. A slot, the count of comparisons, a
//! factor's lock, its use and the proof must change together. So they are one condition of one write.
//!
//! A challenge slot is one attribute, `slot_n0` … `slot_p2`, that holds a map. Of the sign-in: `n` nonce, `c`
//! client, `u` expiry of the slot, `k` number of comparisons. Of the code: `f` chosen factor, `r` round that
//! asked first, `s` number of sends, `a` time of sending, `e` expiry. `t<round>` is the effect and digest of
//! an answer, and `x<round>` is the factor that it proved. `h<round>_<sending>` is the hash of a code.

mod clauses;
mod item;
mod write;

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    custom_auth::{
        port::{
            AnswerAction, AnswerOutcome, AnswerWrite, Challenges, CodeHash, ConsumedCredential,
            GrantRedemption, PROOF_LIFE, Proof, ProofOutcome, REPEAT, RedeemedGrant, SlotClaim, StateKey,
            UNNAMED_PROOF_LIFE,
        },
        round_state::ChallengeSlot,
        state::UserSignInState,
    },
    kernel::{CustomFactor, PortError},
};

pub(super) use self::clauses::failures_of;
use self::{
    clauses::{write_action, write_claim, write_failure, write_noted_factor},
    item::{answer_text, read, read_proof, slot_of, text_of},
    write::Write,
};
use super::{
    AttributeValue, ConditionalWriteError as _, Item, Table, condition_failed, custom_factors, number,
    port_error, seconds, text, user_key, version,
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
            .consistent_read(true)
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
            WriteOutcome::Written(item) => Ok(AnswerOutcome::Taken(read(&item)?)),
            WriteOutcome::ConditionFailed(item) => {
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
            ConsumedCredential::Passkey { id, seen, state } => {
                write.name("#passkey", id.as_str());
                write.name("#state", "state");
                write.value(":seen_state", AttributeValue::B(Blob::new(*seen)));
                write.value(":new_state", AttributeValue::B(Blob::new(*state)));
                write.value(":one", number(1));
                write.require("passkeys.#passkey.#state = :seen_state");
                write.set("passkeys.#passkey.#state = :new_state");
                // A change through the API that read the earlier state must read again.
                write.add("revision :one");
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
            WriteOutcome::Written(_) => Ok(ProofOutcome::Done),
            WriteOutcome::ConditionFailed(item) => {
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
            WriteOutcome::Written(item) => read_proof(&item).map(Some),
            WriteOutcome::ConditionFailed(_) => Ok(None),
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
        Ok(matches!(self.write(&state_key, write).await?, WriteOutcome::Written(_)))
    }
}

/// The result of a conditional write, with the item as it is stored now.
enum WriteOutcome {
    Written(Item),
    ConditionFailed(Item),
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

impl Table {
    async fn write(&self, state_key: &StateKey, write: Write) -> Result<WriteOutcome, PortError> {
        let update =
            self.update_item().key("pk", partition_key(state_key)).key("sk", text(custom_factors::FACTORS));
        match write.put_into(update).send().await {
            Ok(updated) => Ok(WriteOutcome::Written(updated.attributes.unwrap_or_default())),
            Err(fault) if condition_failed(&fault) => {
                Ok(WriteOutcome::ConditionFailed(fault.kept_item().cloned().unwrap_or_default()))
            }
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

fn whole(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
