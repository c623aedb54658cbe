//! Recovery cases. Everything except the use of a code is under `RECOVERY#`, so the role of the public API
//! can be restricted to that prefix.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    factors::custom::RecoveryHash,
    kernel::{PoolFactor, PortError, UserId},
    recovery::{
        CaseKey, PasswordFingerprint,
        case::{
            Case, CaseEnding, CasePhase, CaseSubject, EscalationReason, MailWait, MailWaitIds, RecoveryStep,
            RecoveryWork, RunIds,
        },
        port::{AttemptKind, AttemptLimiter, Cases, RecoveryCodes, RedeemOutcome, SwapOutcome},
    },
};

use super::{
    AttributeValue, ConditionalWriteError as _, Item, OnFailure, Table, WriteToken, condition_failed,
    custom_factors::FACTORS, milliseconds, number, port_error, seconds, text, user_key, version, whole,
};

const READ: &str = "dynamodb.GetItem";
const PUT: &str = "dynamodb.PutItem";
const UPDATE: &str = "dynamodb.UpdateItem";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[async_trait]
impl Cases for Table {
    async fn create(&self, key: &CaseKey, case: &Case) -> Result<(), PortError> {
        let put = self.put_item().set_item(Some(item(key, case)));
        put.send().await.map_err(port_error(PUT))?;
        Ok(())
    }

    async fn read(&self, key: &CaseKey) -> Result<Option<Case>, PortError> {
        let answer = self
            .get_item()
            .key("pk", case_key(key))
            .key("sk", text("CASE"))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error(READ))?;
        let case = answer
            .item
            .as_ref()
            .map(|item| read(item).ok_or_else(|| PortError::new(READ, "the recovery can't be read")));
        case.transpose()
    }

    async fn swap(&self, key: &CaseKey, seen: u64, after: &Case) -> Result<SwapOutcome, PortError> {
        // A retry after a lost response recognizes its own write by this token.
        let write_token = WriteToken::new();
        let put = self
            .put_item()
            .set_item(Some(item(key, after)))
            .item("changed_by", write_token.value())
            .condition_expression("revision = :seen")
            .expression_attribute_values(":seen", AttributeValue::N(seen.to_string()));
        match put.return_values_on_condition_check_failure(OnFailure::AllOld).send().await {
            Ok(_) => Ok(SwapOutcome::Done),
            Err(fault) if write_token.wrote(fault.kept_item(), "changed_by") => Ok(SwapOutcome::Done),
            Err(fault) if condition_failed(&fault) => Ok(SwapOutcome::Overtaken),
            Err(fault) => Err(port_error(PUT)(fault)),
        }
    }
}

#[async_trait]
impl AttemptLimiter for Table {
    /// Stores the times of the last `most` tries, `t1` the latest. A further try is admitted if the oldest of
    /// them is an hour old.
    async fn admit(&self, attempt: &AttemptKind, most: u32, now: Timestamp) -> Result<bool, PortError> {
        let most = most.max(1);
        let shifted =
            (2..=most).rev().map(|place| format!("t{place} = if_not_exists(t{}, :never)", place - 1));
        let set: Vec<_> = shifted.chain(["t1 = :now, v = :v, #ttl = :ttl".to_owned()]).collect();
        let updated = self
            .update_item()
            .key("pk", attempts_key(attempt))
            .key("sk", text("ATTEMPTS"))
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression(format!("attribute_not_exists(t{most}) OR t{most} <= :hour_ago"))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":hour_ago", milliseconds(now.saturating_sub(HOUR).unwrap_or(now)))
            .expression_attribute_values(":ttl", seconds(now.saturating_add(HOUR).unwrap_or(now)))
            .expression_attribute_values(":v", version());
        let updated = if most > 1 {
            updated.expression_attribute_values(":never", milliseconds(Timestamp::MIN))
        } else {
            updated
        };
        match updated.send().await {
            Ok(_) => Ok(true),
            Err(fault) if condition_failed(&fault) => Ok(false),
            Err(fault) => Err(port_error(UPDATE)(fault)),
        }
    }
}

#[async_trait]
impl RecoveryCodes for Table {
    /// Uses the item of the user's custom factors, which holds the codes. The case that used the last code is
    /// stored beside them.
    async fn redeem(
        &self,
        user: &UserId,
        hash: &RecoveryHash,
        case: &CaseKey,
    ) -> Result<RedeemOutcome, PortError> {
        let spent = self
            .update_item()
            .key("pk", user_key(user))
            .key("sk", text(FACTORS))
            .condition_expression("contains(recovery, :hash)")
            .update_expression("SET recovered_with = :hash, recovered_by = :case DELETE recovery :hashes")
            .expression_attribute_values(":hash", text(hash.as_str()))
            .expression_attribute_values(":hashes", AttributeValue::Ss(vec![hash.as_str().to_owned()]))
            .expression_attribute_values(":case", text(case.as_str()))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match spent {
            Ok(_) => Ok(RedeemOutcome::Done),
            Err(fault) if condition_failed(&fault) => {
                let refused = fault.kept_item();
                let is = |name, value| {
                    refused.as_ref().and_then(|item| text_of(item, name)).is_some_and(|kept| kept == value)
                };
                let is_mine = is("recovered_with", hash.as_str()) && is("recovered_by", case.as_str());
                Ok(if is_mine { RedeemOutcome::Done } else { RedeemOutcome::Unknown })
            }
            Err(fault) => Err(port_error(UPDATE)(fault)),
        }
    }
}

fn case_key(key: &CaseKey) -> AttributeValue {
    text(format!("RECOVERY#{}", key.as_str()))
}

fn attempts_key(attempt: &AttemptKind) -> AttributeValue {
    text(match attempt {
        AttemptKind::FromAddress { address } => format!("RECOVERY#ADDRESS#{address}"),
        AttemptKind::Password { of } => format!("RECOVERY#PASSWORD#{of}"),
        AttemptKind::Code { of } => format!("RECOVERY#CODE#{}", of.as_str()),
    })
}

fn item(key: &CaseKey, case: &Case) -> Item {
    let mut item = Item::from([
        ("pk".to_owned(), case_key(key)),
        ("sk".to_owned(), text("CASE")),
        ("v".to_owned(), version()),
        ("ttl".to_owned(), seconds(case.expires_at)),
        ("revision".to_owned(), AttributeValue::N(case.revision.to_string())),
        ("user".to_owned(), text(case.user().as_str())),
        ("user_name".to_owned(), text(case.user_name())),
        ("comparisons".to_owned(), number(case.comparisons)),
    ]);
    if let Some(since) = case.waits_since {
        item.insert("waits_since".to_owned(), seconds(since));
    }
    if let CaseSubject::Account { fingerprint, .. } = &case.subject {
        item.insert("password_fingerprint".to_owned(), text(fingerprint.as_str()));
    }
    let phase = match &case.phase {
        CasePhase::Open => "open",
        CasePhase::Waiting(wait) => {
            item.insert("wait".to_owned(), AttributeValue::M(wait_item(wait)));
            "waiting"
        }
        CasePhase::Proven => "proven",
        CasePhase::InProgress(work) => {
            item.insert("work".to_owned(), AttributeValue::M(work_item(work)));
            "in-progress"
        }
        CasePhase::Over(CaseEnding::Recovered) => "recovered",
        CasePhase::Over(CaseEnding::NeedsOperator(reason)) => {
            item.insert("reason".to_owned(), text(reason.name()));
            "needs-operator"
        }
        CasePhase::Over(CaseEnding::Cancelled) => "cancelled",
    };
    item.insert("phase".to_owned(), text(phase));
    item
}

fn wait_item(wait: &MailWait) -> Item {
    let MailWaitIds { noted, email, sms } = wait.ids;
    let mut item = Item::from([
        ("is_real".to_owned(), AttributeValue::Bool(wait.is_real)),
        ("page".to_owned(), text(&wait.page)),
    ]);
    for (name, id) in [("noted", noted), ("email", email), ("sms", sms)] {
        item.insert(name.to_owned(), text(id.to_string()));
    }
    if let Some(at) = wait.ready_at {
        item.insert("ready_at".to_owned(), seconds(at));
    }
    item
}

fn work_item(work: &RecoveryWork) -> Item {
    let RunIds { begun, ended, email, sms } = work.ids;
    let mut item = Item::from([
        ("step".to_owned(), text(work.step.name())),
        ("lost".to_owned(), factors(&work.lost)),
        ("began_at".to_owned(), seconds(work.began_at)),
    ]);
    for (name, id) in [("begun", begun), ("ended", ended), ("email", email), ("sms", sms)] {
        item.insert(name.to_owned(), text(id.to_string()));
    }
    if let Some(reason) = work.escalation {
        item.insert("reason".to_owned(), text(reason.name()));
    }
    item
}

fn read(item: &Item) -> Option<Case> {
    let phase = match text_of(item, "phase")? {
        "open" => CasePhase::Open,
        "waiting" => CasePhase::Waiting(read_wait(item.get("wait")?.as_m().ok()?)?),
        "proven" => CasePhase::Proven,
        "in-progress" => CasePhase::InProgress(read_work(item.get("work")?.as_m().ok()?)?),
        "recovered" => CasePhase::Over(CaseEnding::Recovered),
        "needs-operator" => {
            CasePhase::Over(CaseEnding::NeedsOperator(read_reason(text_of(item, "reason")?)?))
        }
        "cancelled" => CasePhase::Over(CaseEnding::Cancelled),
        _ => return None,
    };
    Some(Case {
        revision: whole(item, "revision")?,
        subject: read_subject(item)?,
        phase,
        comparisons: whole(item, "comparisons")?,
        expires_at: Timestamp::from_second(whole(item, "ttl")?).ok()?,
        waits_since: time(item, "waits_since").ok()?,
    })
}

fn read_subject(item: &Item) -> Option<CaseSubject> {
    let user = UserId::parse(text_of(item, "user")?).ok()?;
    let name = text_of(item, "user_name")?.to_owned();
    Some(match text_of(item, "password_fingerprint").map(PasswordFingerprint::from_stored) {
        Some(fingerprint) => CaseSubject::Account { user, name, fingerprint },
        None => CaseSubject::Decoy { user },
    })
}

fn read_wait(item: &Item) -> Option<MailWait> {
    let id = |name| uuid::Uuid::try_parse(text_of(item, name)?).ok();
    Some(MailWait {
        is_real: *item.get("is_real")?.as_bool().ok()?,
        ids: MailWaitIds { noted: id("noted")?, email: id("email")?, sms: id("sms")? },
        page: text_of(item, "page")?.to_owned(),
        ready_at: time(item, "ready_at").ok()?,
    })
}

/// Reads a time. Returns `None` if it is absent, and an error if the value is no time.
fn time(item: &Item, name: &str) -> Result<Option<Timestamp>, jiff::Error> {
    match item.get(name) {
        None => Ok(None),
        Some(_) => Timestamp::from_second(whole(item, name).unwrap_or(i64::MAX)).map(Some),
    }
}

fn read_work(item: &Item) -> Option<RecoveryWork> {
    let id = |name| uuid::Uuid::try_parse(text_of(item, name)?).ok();
    let step = text_of(item, "step")?;
    Some(RecoveryWork {
        step: RecoveryStep::ALL.into_iter().find(|known| known.name() == step)?,
        lost: read_factors(item, "lost")?,
        ids: RunIds { begun: id("begun")?, ended: id("ended")?, email: id("email")?, sms: id("sms")? },
        began_at: Timestamp::from_second(whole(item, "began_at")?).ok()?,
        escalation: match text_of(item, "reason") {
            Some(reason) => Some(read_reason(reason)?),
            None => None,
        },
    })
}

fn read_reason(name: &str) -> Option<EscalationReason> {
    EscalationReason::ALL.into_iter().find(|reason| reason.name() == name)
}

fn factors(factors: &BTreeSet<PoolFactor>) -> AttributeValue {
    AttributeValue::L(factors.iter().map(|factor| text(factor.cognito_name())).collect())
}

fn read_factors(item: &Item, name: &str) -> Option<BTreeSet<PoolFactor>> {
    let names = item.get(name)?.as_l().ok()?;
    names.iter().map(|name| PoolFactor::from_cognito_name(name.as_s().ok()?)).collect()
}

fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
