//! Running sign-ins, in the item of the user's own factors: whatever must hold together (a seat, the count
//! of comparisons, a factor's lock, its use, the proof) is then one condition of one write.
//!
//! A seat is one attribute, `seat_n0` … `seat_p2`, with a map: `n` nonce, `c` client, `u` taken until, `k`
//! comparisons; `f` the factor that was chosen, `r` the round that asked first, `s` sendings, `a` sent at,
//! `e` good until; `t<round>` effect and digest of an answer, `x<round>` the factor that it proved,
//! `h<round>_<sending>` the hash of a code.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shared::{
    custom_auth::{
        Act, Answer, Answered, Challenges, Chosen, CodeHash, Comparison, Effect, Kept, MOST_SENDINGS,
        NAME_ONLY_TOTP_TRIES, NAME_ONLY_TOTP_WINDOW, Nonce, Opening, PROOF_LIFE, Place, Proof, Proved,
        Proven, REPEAT, Record, Redeemed, Redemption, STRIKES_TO_LOCK, Seat, Spends, Strike, Tally,
        UNNAMED_PROOF_LIFE,
    },
    kernel::{OwnFactor, PortError},
};

use super::{
    AttributeValue, Fault, Item, Operation, ReturnValues, Table, number, own_factors, port_error, seconds,
    text, user_key, version,
};

const READ: &str = "dynamodb.GetItem";
const WRITE: &str = "dynamodb.UpdateItem";
/// Sign-ins that lead nowhere are kept for an hour.
const APART_LIFE: SignedDuration = SignedDuration::from_hours(1);

#[async_trait]
impl Challenges for Table {
    async fn read(&self, place: &Place) -> Result<Kept, PortError> {
        let answer = self
            .get_item()
            .key("pk", place_key(place))
            .key("sk", text(own_factors::FACTORS))
            .consistent_read()
            .send()
            .await
            .map_err(port_error(READ))?;
        answer.item.as_ref().map_or_else(|| Ok(Kept::default()), read)
    }

    async fn answer(&self, answer: &Answer) -> Result<Answered, PortError> {
        let mut write = Write::at(answer.seat);
        let (taken_by, said) = (format!("#seat.t{}", answer.round), said(answer));
        write.value(":nonce", text(answer.nonce.as_str()));
        write.value(":client", text(&answer.client));
        write.value(":now", seconds(answer.now));
        write.value(":until", seconds(answer.until));
        write.value(":said", text(&said));
        write.value(":v", version());
        write.set("v = :v");
        match answer.opening {
            None => {
                write.require("#seat.n = :nonce AND #seat.c = :client");
                write.require(format!("attribute_not_exists({taken_by})"));
                write.set(format!("{taken_by} = :said"));
                write.set("#seat.u = :until");
                write_act(&mut write, &answer.act, answer.round + 1);
            }
            Some(ref opening) => {
                let is_free = if let Opening::Proven { evicts: Some(evicted) } = opening {
                    write.value(":evicted", text(evicted.as_str()));
                    "(#seat.u <= :now OR #seat.n = :evicted)"
                } else {
                    "#seat.u <= :now"
                };
                write.require(format!("(attribute_not_exists(#seat) OR ({is_free} AND #seat.n <> :nonce))"));
                write.set("#seat = :record");
                write.value(":record", AttributeValue::M(opened(answer, &said)));
                write_opening(&mut write, opening);
            }
        }
        if let Act::Compare(comparison) = &answer.act {
            write_strike(&mut write, comparison, answer.now);
        }
        if matches!(answer.place, Place::Apart(_)) {
            write.set("#ttl = :ttl");
            write.name("#ttl", "ttl");
            write.value(":ttl", seconds(answer.now.saturating_add(APART_LIFE).unwrap_or(answer.now)));
        }
        match self.write(&answer.place, write).await? {
            Ok(item) => Ok(Answered::Taken(read(&item)?)),
            Err(item) => {
                let is_repeated = |seat: &Item| {
                    text_of(seat, "n") == Some(answer.nonce.as_str())
                        && text_of(seat, &format!("t{}", answer.round)) == Some(&said)
                };
                if seat_of(&item, answer.seat).is_some_and(is_repeated) {
                    return Ok(Answered::Repeated(read(&item)?));
                }
                Ok(Answered::Refused)
            }
        }
    }

    async fn prove(&self, proof: &Proof) -> Result<Proved, PortError> {
        let mut write = Write::at(proof.seat);
        let proves = format!("x{}", proof.round);
        write.value(":nonce", text(proof.nonce.as_str()));
        write.value(":factor", text(proof.factor.name()));
        write.value(":none", number(0));
        write.require("#seat.n = :nonce");
        write.require(format!("attribute_exists(#seat.t{})", proof.round));
        write.require(format!("attribute_not_exists(#seat.{proves})"));
        write.value(":generation", whole(proof.generation));
        write.require(if proof.generation == 0 {
            "(attribute_not_exists(generation) OR generation = :generation)"
        } else {
            "generation = :generation"
        });
        write.set(format!("#seat.{proves} = :factor"));
        write.set("#seat.k = :none");
        for attribute in ["f", "r", "s", "a", "e"] {
            write.remove(format!("#seat.{attribute}"));
        }
        let forgiven =
            OwnFactor::ALL.into_iter().filter(|factor| *factor == proof.factor || proof.forgives_all);
        for factor in forgiven {
            write.remove(failures_of(factor));
        }
        if proof.forgives_name {
            write.remove("by_name_failures");
            write.remove("by_name_not_before");
        }
        if proof.forgives_name && proof.factor == OwnFactor::Totp {
            // Counted before it was compared. Only this one is taken back: an owner's right codes must not
            // give a stranger more guesses.
            write.value(":one", number(1));
            write.set("by_name_totp_wrong = if_not_exists(by_name_totp_wrong, :one) - :one");
        }
        let generation = write_noted_factor(&mut write, proof);
        match &proof.spends {
            Spends::Nothing => {}
            Spends::Step(step) => {
                write.value(":step", whole(*step));
                write.require("(attribute_not_exists(totp_step) OR totp_step < :step)");
                write.set("totp_step = :step");
            }
            Spends::Recovery(hash) => {
                write.value(":hash", text(hash.as_str()));
                write.value(":hashes", AttributeValue::Ss(vec![hash.as_str().to_owned()]));
                write.require("contains(recovery, :hash)");
                write.delete("recovery :hashes");
            }
            Spends::Device(id) => {
                write.name("#device", id.as_str());
                write.require("attribute_exists(devices.#device)");
            }
        }
        if let Some(pass) = &proof.pass {
            let mut kept = Item::from([
                ("at".to_owned(), seconds(proof.now)),
                ("client".to_owned(), text(&pass.client)),
                ("nonce".to_owned(), text(proof.nonce.as_str())),
                ("named".to_owned(), AttributeValue::Bool(pass.is_named)),
                ("generation".to_owned(), whole(generation)),
                ("password".to_owned(), AttributeValue::Bool(pass.proven.password)),
                ("enrolled".to_owned(), AttributeValue::Bool(pass.proven.enrolled)),
            ]);
            for (name, factors) in [("factors", &pass.proven.own), ("native", &pass.proven.native)] {
                if !factors.is_empty() {
                    let names = factors.iter().map(|factor| factor.name().to_owned()).collect();
                    kept.insert(name.to_owned(), AttributeValue::Ss(names));
                }
            }
            write.value(":proof", AttributeValue::M(kept));
            write.value(":now", seconds(proof.now));
            write.set("proof = :proof");
            write.set("#seat.u = :now");
        }
        match self.write(&Place::User(proof.user.clone()), write).await? {
            Ok(_) => Ok(Proved::Done),
            Err(item) => {
                let is_done = |seat: &Item| {
                    text_of(seat, "n") == Some(proof.nonce.as_str())
                        && text_of(seat, &proves) == Some(proof.factor.name())
                };
                Ok(if seat_of(&item, proof.seat).is_some_and(is_done) {
                    Proved::Before
                } else {
                    Proved::Refused
                })
            }
        }
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Option<Redeemed>, PortError> {
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
        write.require("(attribute_not_exists(generation) OR proof.generation = generation)");
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
        match self.write(&Place::User(redemption.user.clone()), write).await? {
            Ok(item) => read_proof(&item).map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn keep_code(&self, code: &CodeHash) -> Result<bool, PortError> {
        let place = Place::User(code.user.clone());
        let kept = self.read(&place).await?;
        let seat = kept.records.iter().find(|(_, record)| record.nonce == code.nonce).map(|(seat, _)| *seat);
        let Some(seat) = seat else { return Ok(false) };
        let mut write = Write::at(seat);
        write.value(":nonce", text(code.nonce.as_str()));
        write.value(":round", number(code.round));
        write.value(":sending", number(code.sending));
        write.value(":hash", text(&code.hash));
        write.require("#seat.n = :nonce AND #seat.r = :round AND #seat.s >= :sending");
        write.set(format!("#seat.h{}_{} = :hash", code.round, code.sending));
        Ok(self.write(&place, write).await?.is_ok())
    }
}

/// Notes that the user has a factor that counts, and keeps a first authenticator. Returns the generation of
/// the user's factors afterwards.
fn write_noted_factor(write: &mut Write, proof: &Proof) -> u64 {
    write.value(":true", AttributeValue::Bool(true));
    let Some((id, first)) = &proof.enrols else {
        if proof.forgives_all {
            // Two independent proofs.
            write.set("had_factor = :true");
        }
        return proof.generation;
    };
    let authenticators = Item::from([(id.as_str().to_owned(), own_factors::authenticator(first))]);
    write.value(":authenticators", AttributeValue::M(authenticators));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(had_factor) OR had_factor <> :true)");
    write.set("authenticators = :authenticators, had_factor = :true");
    write.remove("devices");
    write.add("generation :one, revision :one");
    proof.generation + 1
}

/// What the first answer of a sign-in puts into its seat.
fn opened(answer: &Answer, said: &str) -> Item {
    let comparisons = u32::from(matches!(answer.act, Act::Compare(_)));
    let mut record = Item::from([
        ("n".to_owned(), text(answer.nonce.as_str())),
        ("c".to_owned(), text(&answer.client)),
        ("u".to_owned(), seconds(answer.until)),
        ("k".to_owned(), number(comparisons)),
        (format!("t{}", answer.round), text(said)),
    ]);
    if let Act::Choose(factor) = answer.act {
        record.extend([
            ("f".to_owned(), text(factor.name())),
            ("r".to_owned(), number(answer.round + 1)),
            ("s".to_owned(), number(1)),
            ("a".to_owned(), seconds(answer.now)),
            ("e".to_owned(), seconds(answer.until)),
        ]);
    }
    record
}

/// What a later answer changes in its seat.
fn write_act(write: &mut Write, act: &Act, asks: u32) {
    match act {
        Act::Choose(factor) => {
            write.value(":factor", text(factor.name()));
            write.value(":first", number(1));
            write.value(":asks", number(asks));
            write.set(
                "#seat.f = :factor, #seat.r = :asks, #seat.s = :first, #seat.a = :now, #seat.e = :until",
            );
        }
        Act::Resend { asked, not_after } => {
            write.value(":asked", number(*asked));
            write.value(":not_after", seconds(*not_after));
            write.value(":sendings", number(MOST_SENDINGS));
            write.value(":one", number(1));
            write.require("#seat.r = :asked AND #seat.a <= :not_after AND #seat.s < :sendings");
            write.set("#seat.s = #seat.s + :one, #seat.a = :now, #seat.e = :until");
        }
        Act::Back { asked } => {
            write.value(":asked", number(*asked));
            write.require("#seat.r = :asked");
            for attribute in ["f", "r", "s", "a", "e"] {
                write.remove(format!("#seat.{attribute}"));
            }
        }
        Act::Compare(comparison) => {
            write.value(":one", number(1));
            write.value(":tries", number(comparison.most));
            write.require("#seat.k < :tries");
            write.set("#seat.k = #seat.k + :one");
            if let Some(asked) = comparison.asked {
                write.value(":asked", number(asked));
                write.value(":factor", text(comparison.factor.name()));
                write.require("#seat.r = :asked AND #seat.f = :factor AND #seat.e > :now");
            }
        }
    }
}

fn write_opening(write: &mut Write, opening: &Opening) {
    let Opening::ByName { day, is_first, most } = *opening else { return };
    write.value(":day", number(day));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(by_name_not_before) OR by_name_not_before <= :now)");
    if is_first {
        write.require("(attribute_not_exists(by_name_day) OR by_name_day < :day)");
        write.set("by_name_day = :day, by_name_begun = :one");
    } else {
        write.value(":most", number(most));
        write.require("by_name_day = :day AND by_name_begun < :most");
        write.set("by_name_begun = by_name_begun + :one");
    }
}

/// Counted before it is compared, and taken back if it was right.
fn write_strike(write: &mut Write, comparison: &Comparison, now: Timestamp) {
    let failures = failures_of(comparison.factor);
    write.value(":lock", number(STRIKES_TO_LOCK));
    write.value(":none", number(0));
    write.value(":one", number(1));
    write.require(format!("(attribute_not_exists({failures}) OR {failures} < :lock)"));
    match comparison.strike {
        Strike::Factor => write.set(format!("{failures} = if_not_exists({failures}, :none) + :one")),
        Strike::ByName { not_before, opens_totp_window } => {
            write.set("by_name_failures = if_not_exists(by_name_failures, :none) + :one");
            if let Some(not_before) = not_before {
                write.value(":not_before", seconds(not_before));
                write.set("by_name_not_before = :not_before");
            }
            if comparison.factor == OwnFactor::Totp {
                write_totp_window(write, opens_totp_window, now);
            }
        }
    }
}

/// What was read says whether a window is open. Where that is no longer so, the answer is refused.
fn write_totp_window(write: &mut Write, opens: bool, now: Timestamp) {
    let over = now.saturating_sub(NAME_ONLY_TOTP_WINDOW).unwrap_or(Timestamp::UNIX_EPOCH);
    write.value(":window_over", seconds(over));
    if opens {
        write.value(":window_from", seconds(now));
        write.require("(attribute_not_exists(by_name_totp_since) OR by_name_totp_since <= :window_over)");
        write.set("by_name_totp_since = :window_from, by_name_totp_wrong = :one");
    } else {
        write.value(":totp_tries", number(NAME_ONLY_TOTP_TRIES));
        write.require("by_name_totp_since > :window_over AND by_name_totp_wrong < :totp_tries");
        write.set("by_name_totp_wrong = by_name_totp_wrong + :one");
    }
}

pub(super) fn failures_of(factor: OwnFactor) -> &'static str {
    match factor {
        OwnFactor::EmailCode => "failures_email",
        OwnFactor::SmsCode => "failures_sms",
        OwnFactor::Totp => "failures_totp",
        OwnFactor::RecoveryCode => "failures_recovery_code",
        OwnFactor::TrustedDevice => "failures_trusted_device",
    }
}

/// One conditional write in the making.
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
    fn at(seat: Seat) -> Self {
        let mut write = Self::default();
        write.name("#seat", attribute(seat));
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
        // DynamoDB refuses values that are not used.
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

/// Whether an expression holds this placeholder, and not just a longer one that begins with it.
fn uses(expression: &str, placeholder: &str) -> bool {
    expression.match_indices(placeholder).any(|(at, found)| {
        let next = expression.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
    })
}

impl Table {
    /// The item as it is now, or, where the condition did not hold, as it is.
    async fn write(&self, place: &Place, write: Write) -> Result<Result<Item, Item>, PortError> {
        let update = self.update_item().key("pk", place_key(place)).key("sk", text(own_factors::FACTORS));
        match write.put_into(update).send().await {
            Ok(updated) => Ok(Ok(updated.attributes.unwrap_or_default())),
            Err(Fault::ConditionFailed(kept)) => Ok(Err(kept.unwrap_or_default())),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }
}

fn place_key(place: &Place) -> AttributeValue {
    match place {
        Place::User(user) => user_key(user),
        Place::Nobody { shard } => text(format!("UNKNOWN#{shard:02x}")),
        Place::Apart(nonce) => text(format!("CHALLENGE#{}", nonce.as_str())),
    }
}

fn attribute(seat: Seat) -> String {
    format!("seat_{}", seat.name())
}

fn seat_of(item: &Item, seat: Seat) -> Option<&Item> {
    item.get(&attribute(seat))?.as_m()
}

/// Effect and digest of an answer.
fn said(answer: &Answer) -> String {
    let effect = match answer.act.effect() {
        Effect::Chose(factor) => format!("chose {}", factor.name()),
        Effect::Resent => "resent".to_owned(),
        Effect::Back => "back".to_owned(),
        Effect::Compared(factor) => format!("compared {}", factor.name()),
    };
    format!("{effect} {}", answer.digest)
}

fn read_effect(said: &str) -> Option<Effect> {
    let mut words = said.split(' ');
    let (effect, factor) = (words.next()?, words.next());
    let factor = factor.and_then(OwnFactor::from_name);
    match effect {
        "chose" => factor.map(Effect::Chose),
        "compared" => factor.map(Effect::Compared),
        "resent" => Some(Effect::Resent),
        "back" => Some(Effect::Back),
        _ => None,
    }
}

fn read(item: &Item) -> Result<Kept, PortError> {
    let mut records = BTreeMap::new();
    for seat in Seat::ALL {
        if let Some(kept) = seat_of(item, seat) {
            records.insert(seat, record(kept).ok_or_else(|| broken("a seat"))?);
        }
    }
    let failures = OwnFactor::ALL
        .into_iter()
        .filter_map(|factor| Some((factor, number_of(item, failures_of(factor))?)))
        .collect();
    Ok(Kept {
        factors: own_factors::read(item)?,
        groups: texts(item, "groups").into_iter().map(ToOwned::to_owned).collect(),
        records,
        tally: Tally {
            by_name: number_of(item, "by_name_failures").unwrap_or_default(),
            not_before: time(item, "by_name_not_before"),
            day: number_of(item, "by_name_day").unwrap_or_default(),
            begun: number_of(item, "by_name_begun").unwrap_or_default(),
            failures,
            name_only_totp: time(item, "by_name_totp_since")
                .map(|since| (since, number_of(item, "by_name_totp_wrong").unwrap_or_default())),
        },
    })
}

fn record(kept: &Item) -> Option<Record> {
    let rounds = |prefix: char| {
        kept.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_s()?)))
    };
    let chosen = || {
        Some(Chosen {
            factor: OwnFactor::from_name(text_of(kept, "f")?)?,
            round: number_of(kept, "r")?,
            sending: number_of(kept, "s")?,
            sent_at: time(kept, "a")?,
            expires_at: time(kept, "e")?,
        })
    };
    Some(Record {
        nonce: Nonce::parse(text_of(kept, "n")?)?,
        client: text_of(kept, "c")?.to_owned(),
        until: time(kept, "u")?,
        comparisons: number_of(kept, "k")?,
        chosen: chosen(),
        effects: rounds('t').filter_map(|(at, said)| Some((at.parse().ok()?, read_effect(said)?))).collect(),
        proven: rounds('x')
            .filter_map(|(at, factor)| Some((at.parse().ok()?, OwnFactor::from_name(factor)?)))
            .collect(),
        codes: rounds('h')
            .filter_map(|(at, hash)| {
                let (round, sending) = at.split_once('_')?;
                Some(((round.parse().ok()?, sending.parse().ok()?), hash.clone()))
            })
            .collect(),
    })
}

fn read_proof(item: &Item) -> Result<Redeemed, PortError> {
    let proof = item.get("proof").and_then(|proof| proof.as_m()).ok_or_else(|| broken("proof"))?;
    let factors = |name| -> BTreeSet<OwnFactor> {
        texts(proof, name).into_iter().filter_map(OwnFactor::from_name).collect()
    };
    let is_true = |name: &str| proof.get(name).and_then(|value| value.as_bool()) == Some(&true);
    let proven = Proven {
        password: is_true("password"),
        native: factors("native"),
        own: factors("factors"),
        enrolled: is_true("enrolled"),
    };
    Ok(Redeemed { proven, at: time(proof, "at").ok_or_else(|| broken("proof"))? })
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
