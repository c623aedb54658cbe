//! A message's counters and its correspondence, written in one request.
//!
//! `BatchExecuteStatement` is the only request of DynamoDB that holds several conditional writes which
//! stand alone: a `TransactWriteItems` conflicts on counters that all messages share and is billed twice,
//! a `BatchWriteItem` has no conditions. Its language, PartiQL, knows no upsert and no value for what is
//! missing, so a statement here goes the way that nearly every message goes, and whatever it does not
//! decide for certain is asked again by a write of its own.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeValue, BatchStatementError, BatchStatementErrorCodeEnum as Code, BatchStatementRequest,
        BatchStatementResponse, ReturnValuesOnConditionCheckFailure,
    },
};
use futures::future::join_all;
use shared::{
    delivery::{Booked, Booking, Budgets as _, Charge, Correspondence, Counts, Refused},
    kernel::PortError,
};

use super::{
    Table,
    budgets::{correspondence_key, counter_key, end_of_life, limited, read_counts, write_correspondence},
    number, port_error, seconds, user_key, version,
};

const OPERATION: &str = "dynamodb.BatchExecuteStatement";

/// What a statement did: the answer, or that it must be asked by a write of its own.
enum Answer<T> {
    Sure(T),
    AskAlone,
}

impl Table {
    pub(super) async fn book_at_once(&self, booking: &Booking<'_>) -> Result<Booked, PortError> {
        let Booking { user, channel, correspondence, charges } = *booking;
        let swap = correspondence.map(|(before, after)| {
            let key = [user_key(user), correspondence_key(channel)];
            if before.version == 0 {
                self.insert(key, write_correspondence(after))
            } else {
                self.replace(key, before, after)
            }
        });
        let statements = swap.into_iter().chain(charges.iter().map(|charge| self.charge_statement(charge)));
        let statements =
            statements.collect::<Result<Vec<_>, _>>().map_err(|fault| PortError::new(OPERATION, fault))?;
        let asked = statements.len();
        let sent = self.client.batch_execute_statement().set_statements(Some(statements)).send().await;
        let answers = sent.map_err(port_error(OPERATION))?.responses.unwrap_or_default();
        if answers.len() != asked {
            return Err(PortError::new(OPERATION, "the answer is not one for each statement"));
        }
        let mut answers = answers.into_iter();
        let swapped = correspondence.and_then(|_| answers.next()).map(swapped);
        let swapped = async {
            match (correspondence, swapped) {
                (Some((before, after)), Some(Answer::AskAlone)) => {
                    self.swap(user, channel, before, after).await
                }
                (_, Some(Answer::Sure(swapped))) => Ok(swapped),
                _ => Ok(true),
            }
        };
        let counted =
            charges.iter().zip(answers).map(async |(charge, answer)| match counted(charge, answer) {
                Answer::Sure(counted) => Ok(counted),
                Answer::AskAlone => self.charge(charge).await,
            });
        let (swapped, charges) = futures::join!(swapped, join_all(counted));
        Ok(Booked { swapped, charges })
    }

    fn charge_statement(&self, charge: &Charge) -> Result<BatchStatementRequest, BuildError> {
        let limited = limited(charge);
        let key = counter_key(&charge.counter);
        let refuses_the_first = charge.limits.refuses(&Counts::default(), charge.standing).is_some();
        if charge.opens_day && !refuses_the_first {
            let counts = limited.into_iter().map(|(count, _)| (count, number(1)));
            let life = ("ttl".to_owned(), seconds(end_of_life(charge.counter.day)));
            return self.insert(key, counts.chain([("v".to_owned(), version()), life]));
        }
        let counted: Vec<_> = limited.iter().map(|(count, _)| format!("{count} = {count} + 1")).collect();
        let room: Vec<_> = limited.iter().map(|(count, _)| format!("{count} < ?")).collect();
        BatchStatementRequest::builder()
            .statement(format!(
                r#"UPDATE "{}" SET {} WHERE pk = ? AND sk = ? AND {}"#,
                self.name,
                counted.join(", "),
                room.join(" AND ")
            ))
            .set_parameters(Some(
                key.into_iter().chain(limited.iter().map(|(_, limit)| number(*limit))).collect(),
            ))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    /// An item that is not there yet.
    fn insert(
        &self,
        [pk, sk]: [AttributeValue; 2],
        item: impl IntoIterator<Item = (String, AttributeValue)>,
    ) -> Result<BatchStatementRequest, BuildError> {
        let key = [("pk".to_owned(), pk), ("sk".to_owned(), sk)];
        let (names, values): (Vec<_>, Vec<_>) = key.into_iter().chain(item).unzip();
        let members: Vec<_> = names.iter().map(|name| format!("'{name}': ?")).collect();
        BatchStatementRequest::builder()
            .statement(format!(r#"INSERT INTO "{}" VALUE {{{}}}"#, self.name, members.join(", ")))
            .set_parameters(Some(values))
            .build()
    }

    /// The correspondence, if it is still as it was before.
    fn replace(
        &self,
        [pk, sk]: [AttributeValue; 2],
        before: &Correspondence,
        after: &Correspondence,
    ) -> Result<BatchStatementRequest, BuildError> {
        let (had, has) = (write_correspondence(before), write_correspondence(after));
        let removed: Vec<_> = had
            .keys()
            .filter(|name| !has.contains_key(*name))
            .map(|name| format!("REMOVE \"{name}\""))
            .collect();
        let (names, mut values): (Vec<_>, Vec<_>) = has.into_iter().unzip();
        let set: Vec<_> = names.iter().map(|name| format!("\"{name}\" = ?")).collect();
        values.extend([pk, sk, number(before.version)]);
        BatchStatementRequest::builder()
            .statement(format!(
                r#"UPDATE "{}" SET {} {} WHERE pk = ? AND sk = ? AND revision = ?"#,
                self.name,
                set.join(", "),
                removed.join(" ")
            ))
            .set_parameters(Some(values))
            .build()
    }
}

fn swapped(answer: BatchStatementResponse) -> Answer<bool> {
    match answer.error.as_ref().map(BatchStatementError::code) {
        None => Answer::Sure(true),
        Some(Some(Code::ConditionalCheckFailed | Code::DuplicateItem)) => Answer::Sure(false),
        Some(_) => Answer::AskAlone,
    }
}

fn counted(charge: &Charge, answer: BatchStatementResponse) -> Answer<Result<(), Refused>> {
    let Some(fault) = answer.error else { return Answer::Sure(Ok(())) };
    let is_refused = fault.code() == Some(&Code::ConditionalCheckFailed);
    let counts = fault.item().filter(|_| is_refused).map(|item| read_counts(item, charge));
    // No item: the day's first. An item with room: the hour's first.
    match counts.and_then(|counts| charge.limits.refuses(&counts, charge.standing)) {
        Some(refused) => Answer::Sure(Err(refused)),
        None => Answer::AskAlone,
    }
}
