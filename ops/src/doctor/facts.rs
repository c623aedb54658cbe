use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value, json};
use shared::config::Policy;

use crate::aws::{Aws, Service, is_refused_as};
use crate::outputs::StackOutputs;
use crate::pool::{PoolState, current_triggers};
use crate::progress::Progress;

/// What the checks look at. What AWS would not tell is `None` and stands in `unread`.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) state: PoolState,
    pub(crate) outputs: StackOutputs,
    pub(crate) policy: Policy,
    /// By trigger.
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) table: Option<Table>,
    /// `KeyMetadata` of the key in the pool.
    pub(crate) key: Option<Found>,
    /// `ListGrants` of that key.
    pub(crate) grants: Option<Found>,
    /// `DescribeAccountAttributes` and `DescribeSpendLimits` of End User Messaging.
    pub(crate) sms: Option<Value>,
    pub(crate) spending: Option<Value>,
    /// `GetAccount` of SES.
    pub(crate) email: Option<Value>,
    pub(crate) unread: Vec<String>,
}

/// Something that is there, or is not.
#[derive(Debug)]
pub(crate) enum Found {
    Here(Value),
    Missing,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) arn: String,
    /// Statements of its resource policy; none if it has no policy.
    pub(crate) statements: Option<Vec<Value>>,
    pub(crate) configuration: Option<Found>,
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
        let unread = reader.unread;
        Ok(Self { state, outputs, policy, functions, table, key, grants, sms, spending, email, unread })
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

    /// `OFF`, `OPTIONAL`, `ON`.
    pub(crate) fn mfa_state(&self) -> &str {
        self.mfa("/MfaConfiguration").and_then(Value::as_str).unwrap_or("OFF")
    }

    pub(crate) fn triggers(&self) -> BTreeMap<String, String> {
        current_triggers(&self.state.pool)
    }

    /// A variable of the environment, by trigger, of the functions that have it and could be read.
    pub(crate) fn variables(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.functions.iter().filter_map(move |(trigger, function)| {
            let Some(Found::Here(configuration)) = &function.configuration else { return None };
            let value = configuration.pointer("/Environment/Variables")?.get(name)?.as_str()?;
            Some((trigger.as_str(), value))
        })
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = Client<'_>> {
        self.state.clients.iter().map(|(id, settings)| Client { id, settings })
    }

    /// Names of the clients for which `wrong` holds, each in a sentence.
    pub(crate) fn clients_that(&self, sentence: &str, wrong: impl Fn(&Client<'_>) -> bool) -> Vec<String> {
        self.clients()
            .filter(|client| wrong(client))
            .map(|client| format!("client {} ({}) {sentence}", client.name(), client.id))
            .collect()
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    settings: &'a Map<String, Value>,
}

impl<'a> Client<'a> {
    pub(crate) fn name(&self) -> &'a str {
        self.text("ClientName").unwrap_or("without name")
    }

    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.settings.get(member)?.as_str()
    }

    pub(crate) fn number(&self, member: &str) -> Option<i64> {
        self.settings.get(member)?.as_i64()
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<&'a Value> {
        at(self.settings, pointer)
    }

    /// As Cognito takes them: unset means refresh, SRP and custom (cognito.md §3.1).
    pub(crate) fn flows(&self) -> Vec<&'a str> {
        let flows = texts(self.settings.get("ExplicitAuthFlows"));
        if flows.is_empty() {
            vec!["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]
        } else {
            flows
        }
    }

    pub(crate) fn has_flow(&self, flow: &str) -> bool {
        self.flows().contains(&flow)
    }

    pub(crate) fn signs_in_by_challenges(&self) -> bool {
        self.has_flow("ALLOW_CUSTOM_AUTH") || self.has_flow("CUSTOM_AUTH_FLOW_ONLY")
    }

    /// Whether users sign in without custom challenges.
    pub(crate) fn signs_in_natively(&self) -> bool {
        const FLOWS: [&str; 6] = [
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_USER_AUTH",
            "ADMIN_NO_SRP_AUTH",
            "USER_PASSWORD_AUTH",
        ];
        FLOWS.iter().any(|flow| self.has_flow(flow)) && !self.only_checks_passwords()
    }

    /// As the client of recoveries does: no user signs in with it.
    pub(crate) fn only_checks_passwords(&self) -> bool {
        self.flows() == ["ALLOW_USER_PASSWORD_AUTH"]
    }

    /// The life of a token in seconds, if it was set.
    pub(crate) fn validity(&self, member: &str, token: &str, default_unit: &str) -> Option<i64> {
        let unit = self.get(&format!("/TokenValidityUnits/{token}")).and_then(Value::as_str);
        let seconds = match unit.unwrap_or(default_unit) {
            "seconds" => 1,
            "minutes" => 60,
            "hours" => 3_600,
            _ => 86_400,
        };
        Some(self.number(member)? * seconds)
    }
}

fn at<'a>(members: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (name, rest) =
        pointer.strip_prefix('/')?.split_once('/').map_or((pointer.get(1..)?, ""), |parts| parts);
    let member = members.get(name)?;
    if rest.is_empty() { Some(member) } else { member.pointer(&format!("/{rest}")) }
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
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
        // An alias has permissions of its own, and stands for a version with its own configuration.
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
        let path = format!("{base}/configuration{qualifier}");
        let configuration = self.get(Service::Lambda, "GetFunctionConfiguration", &path).await;
        Function { arn: arn.to_owned(), statements, configuration }
    }

    async fn call(&mut self, service: Service, operation: &str, input: &Value) -> Option<Found> {
        self.progress.say(operation);
        let answer = self.aws.call(service, operation, input).await;
        self.found(operation, answer)
    }

    /// Every page of a list of KMS's, as one.
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
        self.progress.say(operation);
        let answer = self.aws.get(service, operation, path).await;
        self.found(operation, answer)
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
