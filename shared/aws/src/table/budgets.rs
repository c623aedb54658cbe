use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use mfa_core::{
    delivery::{
        Channel,
        send_leases::DeliveryId,
        toll_fraud::{
            BudgetCounter, BudgetCounts, BudgetRefusal, Budgets, CounterIncrement, Credit, IncrementOutcome,
            LastSend, Reservation, ReservationOutcome, SendHistory, TrustLevel, UnverifiedCodes,
        },
    },
    kernel::{PortError, UserId},
};

use super::{
    AttributeValue, ConditionalWriteError as _, Item, OnFailure, ReturnValue, Table, UpdateItemFluentBuilder,
    condition_failed, number, port_error, seconds, text, user_key, version, whole,
};

/// A day's counters are kept until the day after the next. Late credits and operators need them.
const COUNTER_LIFE: SignedDuration = SignedDuration::from_hours(72);
/// After this time without a code, a number must become established again.
const HISTORY_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

#[async_trait]
impl Budgets for Table {
    async fn history(&self, user: &UserId, channel: Channel) -> Result<SendHistory, PortError> {
        let found = self
            .get_item()
            .key("pk", user_key(user))
            .key("sk", history_key(channel))
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error("dynamodb.GetItem"))?;
        Ok(found.item.as_ref().map(read_history).unwrap_or_default())
    }

    async fn read(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
        self.read_in_one_request(user, channel, hour, counters).await
    }

    async fn swap_history(
        &self,
        user: &UserId,
        channel: Channel,
        before: &SendHistory,
        after: &SendHistory,
    ) -> Result<bool, PortError> {
        let mut put = self
            .put_item()
            .set_item(Some(write_history(after)))
            .item("pk", user_key(user))
            .item("sk", history_key(channel));
        put = if before.version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("revision = :before")
                .expression_attribute_values(":before", number(before.version))
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(fault) if condition_failed(&fault) => Ok(false),
            Err(fault) => Err(port_error("dynamodb.PutItem")(fault)),
        }
    }

    async fn record_completion(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_unverified_codes: bool,
    ) -> Result<Option<UnverifiedCodes>, PortError> {
        let removal = if takes_unverified_codes { " REMOVE debt_to, debt_day, debt_codes" } else { "" };
        let updated = self
            .update_item()
            .key("pk", user_key(user))
            .key("sk", history_key(channel))
            .update_expression(format!("SET completed_at = :at, v = :v ADD revision :one{removal}"))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match updated {
            Ok(updated) => Ok(updated
                .attributes
                .as_ref()
                .filter(|_| takes_unverified_codes)
                .and_then(read_unverified_codes)),
            Err(fault) if condition_failed(&fault) => Ok(None),
            Err(fault) => Err(port_error("dynamodb.UpdateItem")(fault)),
        }
    }

    async fn reserve(&self, reservation: &Reservation<'_>) -> Result<ReservationOutcome, PortError> {
        self.reserve_in_one_request(reservation).await
    }

    async fn release_increment(&self, increment: &CounterIncrement) -> Result<(), PortError> {
        let given = self.count(increment, -1).condition_expression("attribute_exists(pk)").send().await;
        match given {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error("dynamodb.UpdateItem")(fault)),
        }
    }

    async fn credit(&self, credit: &Credit) -> Result<(), PortError> {
        let codes = i64::from(credit.codes);
        let repaid = self
            .counter_item(&credit.counter)
            .update_expression("ADD owed :repaid")
            .condition_expression("owed >= :least")
            .expression_attribute_values(":repaid", number(-codes))
            .expression_attribute_values(":least", number(codes - i64::from(credit.max_credit)))
            .send()
            .await;
        match repaid {
            Ok(_) => Ok(()),
            // Nothing was charged, or the credit is at its limit.
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error("dynamodb.UpdateItem")(fault)),
        }
    }
}

impl Table {
    /// Counts one message unless the limits refuse it. A missing counter is created.
    pub(super) async fn increment(
        &self,
        increment: &CounterIncrement,
    ) -> Result<IncrementOutcome, PortError> {
        let mut update = self.count(increment, 1);
        let mut room = Vec::new();
        for (index, Count { name, limit, .. }) in counts_of(increment).into_iter().enumerate() {
            let below = format!("{name} < :limit{index}");
            // An absent counter is 0, which a limit of 0 refuses.
            let is_room =
                if limit > 0 { format!("(attribute_not_exists({name}) OR {below})") } else { below };
            room.push(is_room);
            update = update.expression_attribute_values(format!(":limit{index}"), number(limit));
        }
        let updated = update
            .condition_expression(room.join(" AND "))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(IncrementOutcome::Counted),
            Err(fault) if condition_failed(&fault) => {
                let kept = fault.kept_item();
                let counts = kept.map(|item| read_counts(item, increment.hour)).unwrap_or_default();
                let refused = increment.limits.refuses(&counts, increment.trust);
                Ok(IncrementOutcome::Refused(refused.unwrap_or(BudgetRefusal::UsedUp)))
            }
            Err(fault) => Err(port_error("dynamodb.UpdateItem")(fault)),
        }
    }

    fn counter_item(&self, counter: &BudgetCounter) -> UpdateItemFluentBuilder {
        let [pk, sk] = counter_key(counter);
        self.update_item().key("pk", pk).key("sk", sk)
    }

    /// Adds `one` to every attribute for the increment's level of trust.
    fn count(&self, increment: &CounterIncrement, one: i64) -> UpdateItemFluentBuilder {
        let added: Vec<_> = counts_of(increment).iter().map(|count| format!("{} :one", count.name)).collect();
        self.counter_item(&increment.counter)
            .update_expression(format!("SET v = :v, #ttl = :ttl ADD {}", added.join(", ")))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":ttl", seconds(end_of_life(increment.counter.day)))
            .expression_attribute_values(":one", number(one))
    }
}

pub(super) fn counter_key(counter: &BudgetCounter) -> [AttributeValue; 2] {
    let BudgetCounter { channel, scope, name, shard, day } = counter;
    [text(format!("SENT#{}#{}#{name}#{shard}", channel.name(), scope.name())), text(day.to_string())]
}

/// An attribute of a counter that counts an increment.
pub(super) struct Count {
    pub name: String,
    pub limit: u32,
    pub seen: i64,
}

/// Returns the attributes that count an increment of this level of trust.
pub(super) fn counts_of(increment: &CounterIncrement) -> Vec<Count> {
    let (limits, seen) = (&increment.limits, increment.seen.unwrap_or_default());
    let count = |name: String, limit, seen| Count { name, limit, seen };
    let mut counts = vec![
        count("d".to_owned(), limits.per_day, seen.day.into()),
        count(hour(increment.hour), limits.per_hour, seen.hour.into()),
    ];
    if increment.trust < TrustLevel::Established {
        counts.extend([
            count("od".to_owned(), limits.open_per_day, seen.open_day.into()),
            count(open_hour(increment.hour), limits.open_per_hour, seen.open_hour.into()),
        ]);
    }
    if increment.trust == TrustLevel::Unverified {
        counts.push(count("owed".to_owned(), limits.unverified, seen.unverified));
    }
    counts
}

pub(super) fn hour(at: u8) -> String {
    format!("h{at:02}")
}

pub(super) fn open_hour(at: u8) -> String {
    format!("oh{at:02}")
}

pub(super) fn end_of_life(day: Date) -> Timestamp {
    let start = day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).unwrap_or_default();
    start.saturating_add(COUNTER_LIFE).unwrap_or(start)
}

pub(super) fn history_key(channel: Channel) -> AttributeValue {
    text(format!("CODES#{}", channel.name()))
}

fn words(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn moment(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(whole(item, name)?).ok()
}

pub(super) fn read_counts(item: &Item, at: u8) -> BudgetCounts {
    BudgetCounts {
        day: whole(item, "d").unwrap_or_default(),
        open_day: whole(item, "od").unwrap_or_default(),
        hour: whole(item, &hour(at)).unwrap_or_default(),
        open_hour: whole(item, &open_hour(at)).unwrap_or_default(),
        unverified: whole(item, "owed").unwrap_or_default(),
    }
}

fn read_unverified_codes(item: &Item) -> Option<UnverifiedCodes> {
    Some(UnverifiedCodes {
        destination: words(item, "debt_to")?,
        day: words(item, "debt_day")?.parse().ok()?,
        codes: whole(item, "debt_codes")?,
    })
}

pub(super) fn read_history(item: &Item) -> SendHistory {
    let sent = |at, streak, by| {
        let delivery = words(item, by).map(DeliveryId::from_stored);
        Some(LastSend { at: moment(item, at)?, streak: whole(item, streak)?, delivery })
    };
    SendHistory {
        version: whole(item, "revision").unwrap_or_default(),
        verified: words(item, "verified_to").zip(moment(item, "verified_since")),
        anonymous: sent("anonymous_at", "anonymous_streak", "anonymous_by"),
        authenticated: sent("authenticated_at", "authenticated_streak", "authenticated_by"),
        completed_at: moment(item, "completed_at"),
        unverified_codes: read_unverified_codes(item),
    }
}

pub(super) fn write_history(kept: &SendHistory) -> Item {
    let mut item = Item::from([("revision".into(), number(kept.version)), ("v".into(), version())]);
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    if let Some((destination, since)) = &kept.verified {
        set("verified_to", text(destination));
        set("verified_since", seconds(*since));
    }
    let mut set_sent = |sent: &Option<LastSend>, [when, target, by]: [&str; 3]| {
        let Some(LastSend { at, streak, delivery }) = sent else { return };
        set(when, seconds(*at));
        set(target, number(*streak));
        if let Some(delivery) = delivery {
            set(by, text(delivery.as_str()));
        }
    };
    set_sent(&kept.anonymous, ["anonymous_at", "anonymous_streak", "anonymous_by"]);
    set_sent(&kept.authenticated, ["authenticated_at", "authenticated_streak", "authenticated_by"]);
    if let Some(at) = kept.completed_at {
        set("completed_at", seconds(at));
    }
    if let Some(UnverifiedCodes { destination, day, codes }) = &kept.unverified_codes {
        set("debt_to", text(destination));
        set("debt_day", text(day.to_string()));
        set("debt_codes", number(*codes));
    }
    if let Some(last) = kept.last_sent_at() {
        set("ttl", seconds(last.saturating_add(HISTORY_LIFE).unwrap_or(last)));
    }
    item
}
