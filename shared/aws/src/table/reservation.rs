//! Reads a message's counters and history in one request, and writes them in another.
//!
//! `BatchExecuteStatement` is the only request of DynamoDB with several independent conditional writes. A
//! `TransactWriteItems` conflicts on counters that all messages share and is billed twice, and a
//! `BatchWriteItem` has no conditions. Its language, `PartiQL`, has no upsert and no default for a missing
//! value. So each statement relies on the values that were read a moment before. If its result is uncertain,
//! we repeat it as a write of its own.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        BatchStatementError, BatchStatementErrorCodeEnum as ErrorCode, BatchStatementRequest,
        BatchStatementResponse, builders::BatchStatementRequestBuilder,
    },
};
use futures::future::join_all;
use mfa_core::{
    delivery::{
        Channel,
        toll_fraud::{
            BudgetCounter, BudgetCounts, Budgets as _, CounterIncrement, IncrementOutcome, Reservation,
            ReservationOutcome, SendHistory,
        },
    },
    kernel::{PortError, UserId},
};

use super::{
    AttributeValue, OnFailure, Table,
    budgets::{
        Count, counter_key, counts_of, end_of_life, history_key, hour, open_hour, read_counts, read_history,
        write_history,
    },
    number, port_error, seconds, user_key, version,
};

const OPERATION: &str = "dynamodb.BatchExecuteStatement";

/// The result of a statement: certain, or to be repeated as a write of its own.
enum Answer<T> {
    Sure(T),
    AskAlone,
}

impl Table {
    pub(super) async fn reserve_in_one_request(
        &self,
        reservation: &Reservation<'_>,
    ) -> Result<ReservationOutcome, PortError> {
        let Reservation { user, channel, history, increments } = *reservation;
        let swap = history.map(|(before, after)| {
            let key = [user_key(user), history_key(channel)];
            if before.version == 0 {
                self.insert(key, write_history(after))
            } else {
                self.replace(key, before, after)
            }
        });
        let counting = increments.iter().map(|increment| self.increment_statement(increment));
        let answers = self.execute(swap.into_iter().chain(counting)).await?;
        let mut answers = answers.into_iter();
        let swapped = history.and_then(|_| answers.next()).map(|answer| swapped(&answer));
        let swapped = async {
            match (history, swapped) {
                (Some((before, after)), Some(Answer::AskAlone)) => {
                    self.swap_history(user, channel, before, after).await
                }
                (_, Some(Answer::Sure(swapped))) => Ok(swapped),
                _ => Ok(true),
            }
        };
        let counted = increments.iter().zip(answers).map(async |(increment, answer)| {
            match counted(increment, answer) {
                Answer::Sure(counted) => Ok(counted),
                Answer::AskAlone => self.increment(increment).await,
            }
        });
        let (swapped, increments) = futures::join!(swapped, join_all(counted));
        Ok(ReservationOutcome { swapped, increments })
    }

    /// Reads the values that the governor needs before it counts a message.
    pub(super) async fn read_in_one_request(
        &self,
        user: &UserId,
        channel: Channel,
        at: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
        let select = |what: &str, key: [AttributeValue; 2]| {
            statement(format!(r#"SELECT {what} FROM "{}" WHERE pk = ? AND sk = ?"#, self.name), key.into())
        };
        // A swap relies on this read, so it is consistent. Counters have conditions of their own, so a read
        // at half the price is enough.
        let history = select("*", [user_key(user), history_key(channel)]).consistent_read(true);
        let counts = format!("d, od, owed, {}, {}", hour(at), open_hour(at));
        let counters = counters.iter().map(|counter| select(&counts, counter_key(counter)));
        let answers = self.execute([history].into_iter().chain(counters)).await?;
        found(answers, at)
    }

    /// Executes the statements. Returns one result for each.
    async fn execute(
        &self,
        statements: impl Iterator<Item = BatchStatementRequestBuilder>,
    ) -> Result<Vec<BatchStatementResponse>, PortError> {
        let statements: Result<Vec<BatchStatementRequest>, BuildError> =
            statements.map(BatchStatementRequestBuilder::build).collect();
        let statements = statements.map_err(|fault| PortError::new(OPERATION, fault))?;
        let asked = statements.len();
        let batch = self.client.batch_execute_statement().set_statements(Some(statements));
        let answers = batch.send().await.map_err(port_error(OPERATION))?.responses.unwrap_or_default();
        if answers.len() != asked {
            return Err(PortError::new(OPERATION, "the answer is not one for each statement"));
        }
        Ok(answers)
    }

    fn increment_statement(&self, increment: &CounterIncrement) -> BatchStatementRequestBuilder {
        let (key, counts) = (counter_key(&increment.counter), counts_of(increment));
        // If a limit does not permit a first message, a missing counter must refuse.
        let has_room = counts.iter().all(|count| count.limit > 0);
        if increment.seen.is_none() && has_room {
            let counts = counts.into_iter().map(|count| (count.name, number(1)));
            let life = ("ttl".to_owned(), seconds(end_of_life(increment.counter.day)));
            return self.insert(key, counts.chain([("v".to_owned(), version()), life]));
        }
        let (mut set, mut room, mut values) = (Vec::new(), Vec::new(), Vec::from(key));
        for Count { name, limit, seen } in counts {
            if seen == 0 && has_room {
                set.push(format!("{name} = 1"));
                room.push(format!("{name} IS MISSING"));
            } else {
                set.push(format!("{name} = {name} + 1"));
                room.push(format!("{name} < ?"));
                values.push(number(limit));
            }
        }
        let update = format!(
            r#"UPDATE "{}" SET {} WHERE pk = ? AND sk = ? AND {}"#,
            self.name,
            set.join(", "),
            room.join(" AND ")
        );
        statement(update, values).return_values_on_condition_check_failure(OnFailure::AllOld)
    }

    /// Returns a statement that creates an item. The statement fails if the item exists.
    fn insert(
        &self,
        [pk, sk]: [AttributeValue; 2],
        item: impl IntoIterator<Item = (String, AttributeValue)>,
    ) -> BatchStatementRequestBuilder {
        let key = [("pk".to_owned(), pk), ("sk".to_owned(), sk)];
        let (names, values): (Vec<_>, Vec<_>) = key.into_iter().chain(item).unzip();
        let members: Vec<_> = names.iter().map(|name| format!("'{name}': ?")).collect();
        statement(format!(r#"INSERT INTO "{}" VALUE {{{}}}"#, self.name, members.join(", ")), values)
    }

    /// Returns a statement that replaces the history if it has not changed.
    fn replace(
        &self,
        [pk, sk]: [AttributeValue; 2],
        before: &SendHistory,
        after: &SendHistory,
    ) -> BatchStatementRequestBuilder {
        let (had, has) = (write_history(before), write_history(after));
        let removed: Vec<_> = had
            .keys()
            .filter(|name| !has.contains_key(*name))
            .map(|name| format!("REMOVE \"{name}\""))
            .collect();
        let (names, mut values): (Vec<_>, Vec<_>) = has.into_iter().unzip();
        let set: Vec<_> = names.iter().map(|name| format!("\"{name}\" = ?")).collect();
        values.extend([pk, sk, number(before.version)]);
        let update = format!(
            r#"UPDATE "{}" SET {} {} WHERE pk = ? AND sk = ? AND revision = ?"#,
            self.name,
            set.join(", "),
            removed.join(" ")
        );
        statement(update, values)
    }
}

/// Creates a statement in `PartiQL`, with the values of its question marks.
fn statement(text: String, values: Vec<AttributeValue>) -> BatchStatementRequestBuilder {
    BatchStatementRequest::builder().statement(text).set_parameters(Some(values))
}

/// Returns the error code of a statement, or an empty one.
fn code(fault: &BatchStatementError) -> &str {
    fault.code().map_or("", ErrorCode::as_str)
}

/// Reads the history and the counters from the results. A counter that could not be read counts as not seen,
/// because its write has a condition of its own. A flood throttles exactly the counters that all users share.
fn found(
    answers: Vec<BatchStatementResponse>,
    at: u8,
) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
    let mut answers = answers.into_iter();
    let history = match answers.next() {
        Some(BatchStatementResponse { error: Some(fault), .. }) => {
            return Err(PortError::new(OPERATION, code(&fault).to_owned()));
        }
        read => read.and_then(|answer| answer.item).as_ref().map(read_history).unwrap_or_default(),
    };
    let counts = answers.map(|answer| answer.item.map(|item| read_counts(&item, at))).collect();
    Ok((history, counts))
}

fn swapped(answer: &BatchStatementResponse) -> Answer<bool> {
    match answer.error.as_ref().map(BatchStatementError::code) {
        None => Answer::Sure(true),
        Some(Some(ErrorCode::ConditionalCheckFailed | ErrorCode::DuplicateItem)) => Answer::Sure(false),
        Some(_) => Answer::AskAlone,
    }
}

fn counted(increment: &CounterIncrement, answer: BatchStatementResponse) -> Answer<IncrementOutcome> {
    let Some(fault) = answer.error else { return Answer::Sure(IncrementOutcome::Counted) };
    let is_refused = fault.code == Some(ErrorCode::ConditionalCheckFailed);
    let counts = fault.item.as_ref().filter(|_| is_refused).map(|item| read_counts(item, increment.hour));
    // Without an item it is the day's first message. With room in the item it is the hour's first.
    match counts.and_then(|counts| increment.limits.refuses(&counts, increment.trust)) {
        Some(refused) => Answer::Sure(IncrementOutcome::Refused(refused)),
        None => Answer::AskAlone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(item: &[(&str, i64)]) -> BatchStatementResponse {
        let item = item.iter().map(|(name, value)| ((*name).to_owned(), number(*value))).collect();
        BatchStatementResponse::builder().set_item(Some(item)).build()
    }

    fn throttled() -> BatchStatementResponse {
        let fault = BatchStatementError::builder().code(ErrorCode::ThrottlingError).build();
        BatchStatementResponse::builder().error(fault).build()
    }

    #[test]
    fn a_throttled_counter_is_unseen_a_throttled_history_a_fault() {
        let read = answer(&[("revision", 3)]);
        let (kept, seen) = found(vec![read, throttled(), answer(&[("d", 7), ("h09", 2)])], 9).unwrap();
        assert_eq!(kept.version, 3);
        assert_eq!(seen, [None, Some(BudgetCounts { day: 7, hour: 2, ..BudgetCounts::default() })]);
        let fault = found(vec![throttled(), answer(&[("d", 7)])], 9).unwrap_err();
        assert!(fault.chain().contains("ThrottlingError"), "{}", fault.chain());
    }
}
