//! Lambda's API beside Invoke, as far as a deployment is looked at: configuration and resource policy
//! of a function, and of the alias that it is called by. Policies are kept and shown; invocations do not
//! ask them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use local_lambda_host::{function_arn, function_name, function_qualifier};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::template::{Function, Permission};

/// The deployed functions and who may invoke them.
#[derive(Debug)]
pub struct LambdaApi {
    region: &'static str,
    account_id: &'static str,
    functions: BTreeMap<String, Function>,
    /// By function or alias, then by statement id: what permits the one does not permit the other.
    policies: RwLock<BTreeMap<Target, BTreeMap<String, Value>>>,
}

/// A function, or an alias of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    function: String,
    alias: Option<String>,
}

impl Target {
    /// A name or an ARN, with its qualifier there or beside it.
    fn new(reference: &str, qualifier: Option<String>) -> Self {
        let alias = qualifier.or_else(|| function_qualifier(reference).map(str::to_owned));
        Self {
            function: function_name(reference).to_owned(),
            alias: alias.filter(|alias| alias != "$LATEST"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Qualified {
    qualifier: Option<String>,
}

/// `AddPermission`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddPermission {
    statement_id: String,
    #[serde(flatten)]
    permission: Permission,
}

type Api = State<Arc<LambdaApi>>;

impl LambdaApi {
    pub fn new(
        region: &'static str,
        account_id: &'static str,
        functions: &[Function],
        permissions: BTreeMap<String, Permission>,
    ) -> Arc<Self> {
        let functions = functions.iter().map(|function| (function.name.clone(), function.clone())).collect();
        let api = Self { region, account_id, functions, policies: RwLock::default() };
        for (id, permission) in permissions {
            let function = permission.function_name.as_deref().unwrap_or_default();
            api.add(&Target::new(function, None), id, &permission);
        }
        Arc::new(api)
    }

    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/2015-03-31/functions/{function}/configuration", get(configuration))
            .route("/2015-03-31/functions/{function}/policy", get(policy).post(add_permission))
            .route("/2015-03-31/functions/{function}/policy/{statement}", delete(remove_permission))
            .with_state(Arc::clone(self))
    }

    fn arn(&self, target: &Target) -> String {
        let arn = function_arn(self.region, self.account_id, &target.function);
        match &target.alias {
            Some(alias) => format!("{arn}:{alias}"),
            None => arn,
        }
    }

    /// The function, if it has the alias that is asked for.
    fn find(&self, target: &Target) -> Option<&Function> {
        let function = self.functions.get(&target.function)?;
        (target.alias.is_none() || target.alias == function.alias).then_some(function)
    }

    fn add(&self, target: &Target, id: String, permission: &Permission) -> Value {
        let mut statement = json!({
            "Sid": id,
            "Effect": "Allow",
            "Principal": { "Service": permission.principal },
            "Action": permission.action,
            "Resource": self.arn(target),
        });
        let mut condition = serde_json::Map::new();
        if let Some(account) = &permission.source_account {
            condition.insert("StringEquals".to_owned(), json!({ "AWS:SourceAccount": account }));
        }
        if let Some(arn) = &permission.source_arn {
            condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
        }
        if let (false, Value::Object(statement)) = (condition.is_empty(), &mut statement) {
            statement.insert("Condition".to_owned(), condition.into());
        }
        let mut policies = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        policies.entry(target.clone()).or_default().insert(id, statement.clone());
        statement
    }
}

async fn configuration(State(api): Api, Path(function): Path<String>, asked: Query<Qualified>) -> Response {
    let target = Target::new(&function, asked.0.qualifier);
    let Some(found) = api.find(&target) else {
        return not_found(&format!("Function not found: {}", api.arn(&target)));
    };
    Json(json!({
        "FunctionName": found.name,
        "FunctionArn": api.arn(&target),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "MemorySize": found.memory_mb,
        "Timeout": found.timeout.as_secs(),
        "Environment": { "Variables": found.environment },
        "Version": if target.alias.is_some() { "1" } else { "$LATEST" },
        "State": "Active",
    }))
    .into_response()
}

async fn policy(State(api): Api, Path(function): Path<String>, asked: Query<Qualified>) -> Response {
    let target = Target::new(&function, asked.0.qualifier);
    let policies = api.policies.read().unwrap_or_else(PoisonError::into_inner);
    let Some(statements) = policies.get(&target).filter(|policy| !policy.is_empty()) else {
        return not_found("The resource you requested does not exist.");
    };
    let statements: Vec<_> = statements.values().collect();
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    Json(json!({ "Policy": policy.to_string() })).into_response()
}

async fn add_permission(
    State(api): Api,
    Path(function): Path<String>,
    asked: Query<Qualified>,
    Json(AddPermission { statement_id, permission }): Json<AddPermission>,
) -> Response {
    let target = Target::new(&function, asked.0.qualifier);
    let statement = api.add(&target, statement_id, &permission);
    (StatusCode::CREATED, Json(json!({ "Statement": statement.to_string() }))).into_response()
}

async fn remove_permission(
    State(api): Api,
    Path((function, statement)): Path<(String, String)>,
    asked: Query<Qualified>,
) -> Response {
    let target = Target::new(&function, asked.0.qualifier);
    let mut policies = api.policies.write().unwrap_or_else(PoisonError::into_inner);
    match policies.get_mut(&target).and_then(|policy| policy.remove(&statement)) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => not_found("Statement is not found in resource policy."),
    }
}

fn not_found(message: &str) -> Response {
    let headers = [("x-amzn-errortype", "ResourceNotFoundException")];
    (StatusCode::NOT_FOUND, headers, Json(json!({ "Type": "User", "Message": message }))).into_response()
}
