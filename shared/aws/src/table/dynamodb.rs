//! The operations of DynamoDB that the table's adapters use (Amazon DynamoDB API Reference).

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};

use crate::json_protocol::{Blob, CallFault, JsonClient};

pub(super) type Item = HashMap<String, AttributeValue>;

/// A typed value. `Debug` prints only its type, because items hold hashes and sealed seeds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum AttributeValue {
    B(Blob),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "BS")]
    Bs(Vec<Blob>),
    L(Vec<AttributeValue>),
    M(Item),
    /// A number in decimal digits.
    N(String),
    #[serde(rename = "NS")]
    Ns(Vec<String>),
    #[serde(rename = "NULL")]
    Null(bool),
    S(String),
    #[serde(rename = "SS")]
    Ss(Vec<String>),
}

macro_rules! readers {
    ($($name:ident, $kind:ident, $type:ty;)*) => {
        impl AttributeValue {
            $(pub(super) fn $name(&self) -> Option<&$type> {
                match self {
                    Self::$kind(value) => Some(value),
                    _ => None,
                }
            })*
        }
    };
}

readers! {
    as_b, B, Blob;
    as_bool, Bool, bool;
    as_l, L, Vec<AttributeValue>;
    as_m, M, Item;
    as_n, N, String;
    as_s, S, String;
    as_ss, Ss, Vec<String>;
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::B(_) => "B(..)",
            Self::Bool(_) => "Bool(..)",
            Self::Bs(_) => "Bs(..)",
            Self::L(_) => "L(..)",
            Self::M(_) => "M(..)",
            Self::N(_) => "N(..)",
            Self::Ns(_) => "Ns(..)",
            Self::Null(_) => "Null(..)",
            Self::S(_) => "S(..)",
            Self::Ss(_) => "Ss(..)",
        })
    }
}

/// The attributes that an update returns.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ReturnValues {
    AllNew,
    AllOld,
    UpdatedNew,
    UpdatedOld,
}

/// The input of operations on items. Each operation uses some of these members.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    table_name: String,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    key: Item,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    item: Item,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_condition_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<String>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    expression_attribute_names: HashMap<String, String>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    expression_attribute_values: Item,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values: Option<ReturnValues>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values_on_condition_check_failure: Option<ReturnValues>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_index_forward: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    exclusive_start_key: Item,
}

/// The output of operations on items. Each operation returns some of these members.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Output {
    pub(super) attributes: Option<Item>,
    pub(super) item: Option<Item>,
    pub(super) items: Vec<Item>,
    /// The place of the next page, or `None` after the last page.
    pub(super) last_evaluated_key: Option<Item>,
}

/// The reason why an operation on items failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The condition did not hold. Holds the current item if it was requested and exists.
    ConditionFailed(Option<Item>),
    Call(CallFault),
}

impl From<CallFault> for Fault {
    fn from(fault: CallFault) -> Self {
        #[derive(Deserialize)]
        struct Details {
            #[serde(rename = "Item")]
            item: Option<Item>,
        }
        match fault {
            CallFault::Refused(refusal) if refusal.is("ConditionalCheckFailedException") => {
                Self::ConditionFailed(refusal.details().and_then(|Details { item }| item))
            }
            fault => Self::Call(fault),
        }
    }
}

/// An operation on items under construction.
#[derive(Clone)]
pub(super) struct Operation<'a> {
    client: &'a JsonClient,
    name: &'static str,
    input: Input,
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Operation<'a> {
    pub(super) fn new(client: &'a JsonClient, name: &'static str, table: &str) -> Self {
        Self { client, name, input: Input { table_name: table.to_owned(), ..Input::default() } }
    }

    pub(super) async fn send(&self) -> Result<Output, Fault> {
        Ok(self.client.call(self.name, &self.input).await?)
    }

    /// Returns the items of this page of a query or scan, and whether it is the last page. The next call
    /// returns the next page.
    pub(super) async fn next_page(&mut self) -> Result<(Vec<Item>, bool), Fault> {
        let page = self.send().await?;
        let is_last = page.last_evaluated_key.is_none();
        self.input.exclusive_start_key = page.last_evaluated_key.unwrap_or_default();
        Ok((page.items, is_last))
    }

    pub(super) fn key(mut self, name: &str, value: AttributeValue) -> Self {
        self.input.key.insert(name.to_owned(), value);
        self
    }

    pub(super) fn whole_key(mut self, key: Item) -> Self {
        self.input.key = key;
        self
    }

    pub(super) fn item(mut self, name: &str, value: AttributeValue) -> Self {
        self.input.item.insert(name.to_owned(), value);
        self
    }

    pub(super) fn whole_item(mut self, item: Item) -> Self {
        self.input.item = item;
        self
    }

    pub(super) fn update_expression(mut self, expression: impl Into<String>) -> Self {
        self.input.update_expression = Some(expression.into());
        self
    }

    pub(super) fn condition_expression(mut self, expression: impl Into<String>) -> Self {
        self.input.condition_expression = Some(expression.into());
        self
    }

    pub(super) fn key_condition_expression(mut self, expression: impl Into<String>) -> Self {
        self.input.key_condition_expression = Some(expression.into());
        self
    }

    pub(super) fn filter_expression(mut self, expression: impl Into<String>) -> Self {
        self.input.filter_expression = Some(expression.into());
        self
    }

    pub(super) fn projection_expression(mut self, expression: impl Into<String>) -> Self {
        self.input.projection_expression = Some(expression.into());
        self
    }

    pub(super) fn expression_attribute_names(
        mut self,
        placeholder: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        self.input.expression_attribute_names.insert(placeholder.into(), name.into());
        self
    }

    pub(super) fn expression_attribute_values(
        mut self,
        placeholder: impl Into<String>,
        value: AttributeValue,
    ) -> Self {
        self.input.expression_attribute_values.insert(placeholder.into(), value);
        self
    }

    pub(super) fn return_values(mut self, values: ReturnValues) -> Self {
        self.input.return_values = Some(values);
        self
    }

    /// Requests the current item if the condition does not hold.
    pub(super) fn item_on_condition_failure(mut self) -> Self {
        self.input.return_values_on_condition_check_failure = Some(ReturnValues::AllOld);
        self
    }

    pub(super) fn consistent_read(mut self) -> Self {
        self.input.consistent_read = Some(true);
        self
    }

    pub(super) fn newest_first(mut self) -> Self {
        self.input.scan_index_forward = Some(false);
        self
    }

    pub(super) fn limit(mut self, most: usize) -> Self {
        self.input.limit = Some(most);
        self
    }

    pub(super) fn exclusive_start_key(mut self, key: Item) -> Self {
        self.input.exclusive_start_key = key;
        self
    }
}

/// A statement of a batch, in `PartiQL`.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    #[serde(rename = "Statement")]
    pub(super) text: String,
    /// The values of the question marks.
    pub(super) parameters: Vec<AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) return_values_on_condition_check_failure: Option<ReturnValues>,
}

/// The result of a statement.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StatementAnswer {
    pub(super) error: Option<StatementFault>,
    pub(super) item: Option<Item>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StatementFault {
    /// The error code, such as `ConditionalCheckFailed`, `DuplicateItem` or `ThrottlingError`.
    pub(super) code: String,
    pub(super) item: Option<Item>,
}

/// Calls `BatchExecuteStatement`, in which each statement is independent.
pub(super) async fn execute(
    client: &JsonClient,
    statements: &[Statement],
) -> Result<Vec<StatementAnswer>, CallFault> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Batch<'a> {
        statements: &'a [Statement],
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Answers {
        responses: Vec<StatementAnswer>,
    }
    let Answers { responses } = client.call("BatchExecuteStatement", &Batch { statements }).await?;
    Ok(responses)
}

/// A write in a batch. We need only one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Deletion {
    delete_request: DeleteRequest,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteRequest {
    key: Item,
}

impl Deletion {
    pub(super) fn of(key: Item) -> Self {
        Self { delete_request: DeleteRequest { key } }
    }
}

/// Calls `BatchWriteItem`. Returns the deletions that are still to be done.
pub(super) async fn delete(
    client: &JsonClient,
    table: &str,
    deletions: Vec<Deletion>,
) -> Result<Vec<Deletion>, CallFault> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Batch<'a> {
        request_items: HashMap<&'a str, Vec<Deletion>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Answer {
        unprocessed_items: HashMap<String, Vec<Deletion>>,
    }
    let batch = Batch { request_items: HashMap::from([(table, deletions)]) };
    let mut answer: Answer = client.call("BatchWriteItem", &batch).await?;
    Ok(answer.unprocessed_items.remove(table).unwrap_or_default())
}
