use std::collections::BTreeMap;

use anyhow::Result;
use mfa_core::config::Policy;
use serde_json::{Value, json};

use crate::aws::{Aws, Service, is_refused_as};
use crate::live;
use crate::outputs::StackOutputs;
use crate::pool::{Client, PoolState, at, current_triggers, texts};
use crate::progress::Progress;
use crate::sender;

/// The facts that the checks use. A fact that AWS refused is `None` and named in `unread`.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) state: PoolState,
    pub(crate) outputs: StackOutputs,
    pub(crate) policy: Policy,
    /// The functions of the triggers, by trigger.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The functions other than triggers, by name.
    pub(crate) others: BTreeMap<String, Function>,
    pub(crate) table: Option<Table>,
    /// `KeyMetadata` of the pool's key.
    pub(crate) key: Option<Found>,
    /// `ListGrants` of that key.
    pub(crate) grants: Option<Found>,
    /// `DescribeAccountAttributes` and `DescribeSpendLimits` of End User Messaging.
    pub(crate) sms: Option<Value>,
    pub(crate) spending: Option<Value>,
    /// `GetAccount` of SES.
    pub(crate) email: Option<Value>,
    /// Why SES does not send from the functions' sender.
    pub(crate) sender_fault: Option<String>,
    pub(crate) unread: Vec<String>,
}

/// A resource that exists or is absent.
#[derive(Debug)]
pub(crate) enum Found {
    Here(Value),
    Missing,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) arn: String,
    /// Statements of its resource policy; empty without a policy.
    pub(crate) statements: Option<Vec<Value>>,
    pub(crate) configuration: Option<Found>,
    /// The configuration of `$LATEST`, which the last deployment wrote.
    pub(crate) latest: Option<Found>,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) time_to_live: Option<Found>,
    pub(crate) backups: Option<Found>,
}

impl Facts {
    pub(crate) async fn gather(
        aws: &Aws,
        id: &str,
        outputs: StackOutputs,
        policy: Policy,
        progress: &Progress,
    ) -> Result<Self> {
        let state = PoolState::read(aws, id, progress).await?;
        let mut reader = Reader { aws, progress, unread: Vec::new() };
        let mut functions = BTreeMap::new();
        for (trigger, arn) in &outputs.triggers {
            functions.insert(trigger.clone(), reader.function(arn).await);
        }
        let mut others = BTreeMap::new();
        for (name, arn) in &outputs.functions {
            others.insert(name.clone(), reader.configurations(arn).await);
        }
        let mut table = None;
        if let Some(name) = &outputs.table {
            let asked = json!({ "TableName": name });
            table = Some(Table {
                name: name.clone(),
                time_to_live: reader.call(Service::DynamoDb, "DescribeTimeToLive", &asked).await,
                backups: reader.call(Service::DynamoDb, "DescribeContinuousBackups", &asked).await,
            });
        }
        let (mut key, mut grants) = (None, None);
        if let Some(arn) = state.pool.get("LambdaConfig").and_then(|config| config.get("KMSKeyID")) {
            let asked = json!({ "KeyId": arn });
            key = reader.call(Service::Kms, "DescribeKey", &asked).await;
            grants = reader.pages(Service::Kms, "ListGrants", &asked, "Grants").await;
        }
        let here = |found: Option<Found>| match found {
            Some(Found::Here(value)) => Some(value),
            _ => None,
        };
        let sms = here(reader.call(Service::Sms, "DescribeAccountAttributes", &json!({})).await);
        let spending = here(reader.call(Service::Sms, "DescribeSpendLimits", &json!({})).await);
        let email = here(reader.get(Service::Ses, "GetAccount", "/v2/email/account").await);
        let sender = functions.values().chain(others.values()).find_map(sender_of);
        let sender_fault = match sender {
            Some(sender) => reader.sender_fault(&sender).await,
            None => None,
        };
        let unread = reader.unread;
        Ok(Self {
            state,
            outputs,
            policy,
            functions,
            others,
            table,
            key,
            grants,
            sms,
            spending,
            email,
            sender_fault,
            unread,
        })
    }

    pub(crate) fn pool(&self, pointer: &str) -> Option<&Value> {
        at(&self.state.pool, pointer)
    }

    pub(crate) fn pool_text(&self, pointer: &str) -> Option<&str> {
        self.pool(pointer)?.as_str()
    }

    pub(crate) fn pool_list(&self, pointer: &str) -> Vec<&str> {
        texts(self.pool(pointer))
    }

    pub(crate) fn mfa(&self, pointer: &str) -> Option<&Value> {
        at(&self.state.mfa, pointer)
    }

    /// Returns `OFF`, `OPTIONAL` or `ON`.
    pub(crate) fn mfa_state(&self) -> &str {
        self.mfa("/MfaConfiguration").and_then(Value::as_str).unwrap_or("OFF")
    }

    pub(crate) fn triggers(&self) -> BTreeMap<String, String> {
        current_triggers(&self.state.pool)
    }

    /// Returns an environment variable by trigger, for the readable functions that have it.
    pub(crate) fn variables(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.functions.iter().filter_map(move |(trigger, function)| {
            let Some(Found::Here(configuration)) = &function.configuration else { return None };
            let value = configuration.pointer("/Environment/Variables")?.get(name)?.as_str()?;
            Some((trigger.as_str(), value))
        })
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = Client<'_>> {
        self.state.app_clients()
    }

    /// Returns a sentence with the name of each client for which `wrong` holds.
    pub(crate) fn clients_that(&self, sentence: &str, wrong: impl Fn(&Client<'_>) -> bool) -> Vec<String> {
        self.clients()
            .filter(|client| wrong(client))
            .map(|client| format!("client {} ({}) {sentence}", client.name(), client.id))
            .collect()
    }
}

/// Returns the sender of e-mails that a function has.
fn sender_of(function: &Function) -> Option<String> {
    let Some(Found::Here(configuration)) = &function.configuration else { return None };
    Some(configuration.pointer("/Environment/Variables")?.get(sender::VARIABLE)?.as_str()?.to_owned())
}

struct Reader<'a> {
    aws: &'a Aws,
    progress: &'a Progress,
    unread: Vec<String>,
}

impl Reader<'_> {
    async fn function(&mut self, arn: &str) -> Function {
        let mut parts = arn.split(':').skip(6);
        let name = parts.next().unwrap_or(arn);
        // An alias has its own permissions, and refers to a version with its own configuration.
        let qualifier = parts.next().map(|alias| format!("?Qualifier={alias}")).unwrap_or_default();
        let base = format!("/2015-03-31/functions/{name}");
        let policy = self.get(Service::Lambda, "GetPolicy", &format!("{base}/policy{qualifier}")).await;
        let statements = policy.map(|policy| match policy {
            Found::Missing => Vec::new(),
            // The policy is JSON in a text.
            Found::Here(policy) => policy
                .get("Policy")
                .and_then(|text| {
                    serde_json::from_str::<Value>(text.as_str()?).ok()?.get("Statement").cloned()
                })
                .and_then(|statements| statements.as_array().cloned())
                .unwrap_or_default(),
        });
        Function { statements, ..self.configurations(arn).await }
    }

    /// Reads the function without its resource policy.
    async fn configurations(&mut self, arn: &str) -> Function {
        const OPERATION: &str = "GetFunctionConfiguration";
        let configuration = self.get(Service::Lambda, OPERATION, &live::path(arn, false)).await;
        let latest = self.get(Service::Lambda, OPERATION, &live::path(arn, true)).await;
        Function { arn: arn.to_owned(), statements: None, configuration, latest }
    }

    async fn call(&mut self, service: Service, operation: &str, input: &Value) -> Option<Found> {
        self.progress.show(operation);
        let answer = self.aws.call(service, operation, input).await;
        self.found(operation, answer)
    }

    /// Reads every page of a KMS list into one list.
    async fn pages(&mut self, service: Service, operation: &str, input: &Value, list: &str) -> Option<Found> {
        let (mut all, mut asked) = (Vec::new(), input.clone());
        loop {
            let Found::Here(page) = self.call(service, operation, &asked).await? else {
                return Some(Found::Missing);
            };
            all.extend(page.get(list).and_then(Value::as_array).cloned().unwrap_or_default());
            match (page.get("NextMarker"), &mut asked) {
                (Some(marker), Value::Object(asked)) if !marker.is_null() => {
                    asked.insert("Marker".to_owned(), marker.clone());
                }
                _ => return Some(Found::Here(all.into())),
            }
        }
    }

    async fn get(&mut self, service: Service, operation: &str, path: &str) -> Option<Found> {
        self.progress.show(operation);
        let answer = self.aws.get(service, operation, path).await;
        self.found(operation, answer)
    }

    async fn sender_fault(&mut self, sender: &str) -> Option<String> {
        self.progress.show("GetEmailIdentity");
        match sender::fault(self.aws, sender).await {
            Ok(fault) => fault,
            Err(error) => {
                self.unread.push(format!("{error:#}"));
                None
            }
        }
    }

    fn found(&mut self, operation: &str, answer: Result<Value>) -> Option<Found> {
        match answer {
            Ok(value) => Some(Found::Here(value)),
            Err(error)
                if ["ResourceNotFoundException", "NotFoundException", "TableNotFoundException"]
                    .iter()
                    .any(|code| is_refused_as(&error, code)) =>
            {
                Some(Found::Missing)
            }
            Err(error) => {
                self.unread.push(format!("{operation}: {error:#}"));
                None
            }
        }
    }
}
