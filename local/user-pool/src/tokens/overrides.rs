//! What a pre-token-generation function answered: V1 speaks of the ID token only, V2 and V3 of
//! both and of scopes.

use serde_json::{Map, Value, json};

use crate::model::group::Group;
use crate::protocol::error::{ApiError, ErrorCode};

#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(super) id: TokenChanges,
    pub(super) access: TokenChanges,
    /// `None`: groups stay as they are.
    pub(crate) groups: Option<Groups>,
}

#[derive(Debug, Default)]
pub(super) struct TokenChanges {
    pub(super) to_add: Map<String, Value>,
    pub(super) to_suppress: Vec<String>,
    pub(super) scopes_to_add: Vec<String>,
    pub(super) scopes_to_suppress: Vec<String>,
}

/// The groups of a token and the roles they bring.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    pub(crate) names: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) preferred_role: Option<String>,
}

impl Groups {
    /// Of a user's groups; the one with the lowest precedence comes first and gives the preferred
    /// role, unless another with the same precedence brings another role.
    pub(crate) fn of(mut groups: Vec<std::sync::Arc<Group>>) -> Self {
        groups.sort_by_key(|group| (group.precedence.unwrap_or(i64::MAX), group.name.clone()));
        let roles: Vec<_> = groups.iter().filter_map(|group| group.role_arn.clone()).collect();
        let leading = groups.iter().find(|group| group.role_arn.is_some());
        let preferred_role = leading.and_then(|leading| {
            let rivals = groups.iter().filter(|group| {
                group.precedence == leading.precedence
                    && group.role_arn.is_some()
                    && group.role_arn != leading.role_arn
            });
            if rivals.count() == 0 { leading.role_arn.clone() } else { None }
        });
        Self { names: groups.iter().map(|group| group.name.clone()).collect(), roles, preferred_role }
    }

    /// `groupConfiguration` of the event.
    pub(crate) fn configuration(&self) -> Value {
        json!({
            "groupsToOverride": self.names,
            "iamRolesToOverride": self.roles,
            "preferredRole": self.preferred_role,
        })
    }

    fn overridden(details: &Value) -> Self {
        Self {
            names: strings(details.get("groupsToOverride")),
            roles: strings(details.get("iamRolesToOverride")),
            preferred_role: details.get("preferredRole").and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// The `response` of version 1.
pub(crate) fn parse_v1(response: &Value) -> Result<Overrides, ApiError> {
    let Some(details) = non_null(response, "claimsOverrideDetails") else {
        return Ok(Overrides::default());
    };
    let id = changes(details)?;
    if id.to_add.values().any(|value| !value.is_string()) {
        return Err(unrecognizable());
    }
    Ok(Overrides { id, access: TokenChanges::default(), groups: Some(groups(details)) })
}

/// The `response` of versions 2 and 3.
pub(crate) fn parse_v2(response: &Value) -> Result<Overrides, ApiError> {
    let Some(details) = non_null(response, "claimsAndScopeOverrideDetails") else {
        return Ok(Overrides::default());
    };
    let of = |name| non_null(details, name).map_or_else(|| Ok(TokenChanges::default()), changes);
    Ok(Overrides {
        id: of("idTokenGeneration")?,
        access: of("accessTokenGeneration")?,
        groups: Some(groups(details)),
    })
}

/// A response with overrides but without groups takes the groups away (cognito.md §1.9).
fn groups(details: &Value) -> Groups {
    non_null(details, "groupOverrideDetails").map_or_else(Groups::default, Groups::overridden)
}

fn changes(details: &Value) -> Result<TokenChanges, ApiError> {
    let to_add = match non_null(details, "claimsToAddOrOverride") {
        Some(Value::Object(map)) => map.clone(),
        None => Map::new(),
        Some(_) => return Err(unrecognizable()),
    };
    let scopes_to_add = strings(details.get("scopesToAdd"));
    if scopes_to_add.iter().any(|scope| scope.contains(char::is_whitespace)) {
        return Err(unrecognizable());
    }
    Ok(TokenChanges {
        to_add,
        to_suppress: strings(details.get("claimsToSuppress")),
        scopes_to_add,
        scopes_to_suppress: strings(details.get("scopesToSuppress")),
    })
}

fn non_null<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn unrecognizable() -> ApiError {
    ApiError::new(ErrorCode::InvalidLambdaResponse, "Unrecognizable lambda output")
}
