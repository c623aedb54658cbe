//! CloudFormation's intrinsic functions, as far as what exists locally can answer them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};
use serde_norway::Value as Yaml;

use super::{Template, TemplateError};

/// Where a template is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    pub region: &'static str,
    pub id: &'static str,
}

/// What there is of a template's resources, by logical id; of its stacks too, so that an id is one
/// resource's in all of them.
#[derive(Debug, Clone, Default)]
pub struct Given {
    references: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

impl Given {
    /// What `!Ref resource` gives.
    pub fn refer(&mut self, resource: &str, value: &str) {
        self.references.insert(resource.to_owned(), value.to_owned());
    }

    /// What `!GetAtt resource.attribute` gives.
    pub fn attribute(&mut self, resource: &str, attribute: &str, value: &str) {
        self.attributes.insert(format!("{resource}.{attribute}"), value.to_owned());
    }

    /// What `{{resolve:secretsmanager:resource}}` gives.
    pub fn secret(&mut self, resource: &str, value: &str) {
        self.secrets.insert(resource.to_owned(), value.to_owned());
    }
}

/// What `Ref`, `Sub` and `GetAtt` find in one stack: pseudo parameters, parameters, resources.
#[derive(Debug)]
pub(super) struct Scope {
    references: BTreeMap<String, Json>,
    attributes: BTreeMap<String, Json>,
    conditions: BTreeMap<String, bool>,
    secrets: BTreeMap<String, String>,
}

type Resolved = Result<Option<Json>, TemplateError>;

impl Scope {
    /// A function is referred to by its binary's name; any other resource that is not given by its logical
    /// id.
    pub(super) fn new(
        template: &Template,
        account: Account,
        parameters: &BTreeMap<String, String>,
        given: &Given,
    ) -> Result<Self, TemplateError> {
        let mut scope = Self {
            references: BTreeMap::new(),
            attributes: BTreeMap::new(),
            conditions: BTreeMap::new(),
            secrets: given.secrets.clone(),
        };
        let Account { region, id: account_id } = account;
        for (name, value) in [
            ("AWS::Region", region),
            ("AWS::AccountId", account_id),
            ("AWS::Partition", "aws"),
            ("AWS::URLSuffix", "amazonaws.com"),
            ("AWS::StackName", "local"),
            ("AWS::StackId", "local"),
        ] {
            scope.refer(name, value);
        }
        for (name, parameter) in template.section("Parameters") {
            let is_list = parameter
                .get("Type")
                .and_then(Yaml::as_str)
                .is_some_and(|kind| kind == "CommaDelimitedList" || kind.starts_with("List<"));
            let value = parameters.get(name).cloned().or_else(|| parameter.get("Default").and_then(scalar));
            // Without a value it is an error only where something refers to it.
            let Some(value) = value else { continue };
            let value = if is_list {
                value.split(',').map(|item| Json::String(item.trim().to_owned())).collect()
            } else {
                Json::String(value)
            };
            scope.references.insert(name.to_owned(), value);
        }
        let binaries = template.binaries();
        for (id, resource) in template.section("Resources") {
            let kind = resource.get("Type").and_then(Yaml::as_str).unwrap_or_default();
            let name = binaries.get(id).map_or(id, String::as_str);
            let arn = match kind {
                "AWS::Serverless::Function" => {
                    format!("arn:aws:lambda:{region}:{account_id}:function:{name}")
                }
                "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:{region}:{account_id}:table/{name}"),
                _ => {
                    let service = kind.split("::").nth(1).unwrap_or_default().to_ascii_lowercase();
                    format!("arn:aws:{service}:{region}:{account_id}:{name}")
                }
            };
            scope.refer(id, name);
            if let Some(alias) = alias(template, resource) {
                scope.refer(&format!("{id}.Alias"), &format!("{arn}:{alias}"));
            }
            scope.attribute(id, "Arn", &arn);
            if kind == "AWS::SQS::Queue" {
                scope.attribute(id, "QueueName", name);
            }
        }
        let ids: BTreeSet<_> = template.section("Resources").map(|(id, _)| id).collect();
        let references = given.references.iter().filter(|(id, _)| ids.contains(id.as_str()));
        scope.references.extend(references.map(|(id, value)| (id.clone(), value.as_str().into())));
        scope
            .attributes
            .extend(given.attributes.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))));
        for (name, condition) in template.section("Conditions") {
            let holds = scope.condition(condition, &format!("Conditions.{name}"))?;
            scope.conditions.insert(name.to_owned(), holds);
        }
        Ok(scope)
    }

    /// What `!Ref name` gives.
    fn refer(&mut self, name: &str, value: &str) {
        self.references.insert(name.to_owned(), Json::String(value.to_owned()));
    }

    /// What `!GetAtt resource.attribute` gives.
    pub(super) fn attribute(&mut self, resource: &str, attribute: &str, value: &str) {
        self.attributes.insert(format!("{resource}.{attribute}"), Json::String(value.to_owned()));
    }

    /// `text`, or the secret that it refers to.
    pub(super) fn dereference(&self, text: String, place: &str) -> Result<String, TemplateError> {
        let Some(reference) = text.strip_prefix("{{resolve:").and_then(|text| text.strip_suffix("}}")) else {
            return Ok(text);
        };
        let id = reference.strip_prefix("secretsmanager:");
        let secret = id.and_then(|id| self.secrets.get(id.strip_suffix(":SecretString").unwrap_or(id)));
        secret
            .cloned()
            .ok_or_else(|| TemplateError::content(place, format!("the local cloud has no {reference}")))
    }

    /// Whether a resource or an output is there: by its `Condition`, if it has one.
    pub(super) fn has(&self, member: &Yaml, place: &str) -> Result<bool, TemplateError> {
        match member.get("Condition").and_then(Yaml::as_str) {
            Some(condition) => self.named_condition(condition, place),
            None => Ok(true),
        }
    }

    /// `value` without intrinsic functions; `None` for `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Yaml, place: &str) -> Resolved {
        match value {
            Yaml::Tagged(tagged) => {
                let tag = tagged.tag.to_string();
                self.call(tag.trim_start_matches('!'), &tagged.value, place)
            }
            Yaml::Mapping(mapping) => {
                if let (1, Some((Yaml::String(name), argument))) = (mapping.len(), mapping.iter().next()) {
                    if name == "Ref" || name == "Condition" {
                        return self.call(name, argument, place);
                    }
                    if let Some(function) = name.strip_prefix("Fn::") {
                        return self.call(function, argument, place);
                    }
                }
                let mut object = Map::new();
                for (name, member) in mapping {
                    let name = scalar(name)
                        .ok_or_else(|| TemplateError::content(place, "a name that is no text"))?;
                    if let Some(member) = self.resolve(member, &format!("{place}.{name}"))? {
                        object.insert(name, member);
                    }
                }
                Ok(Some(Json::Object(object)))
            }
            Yaml::Sequence(items) => {
                let items = items.iter().filter_map(|item| self.resolve(item, place).transpose());
                Ok(Some(Json::Array(items.collect::<Result<_, _>>()?)))
            }
            plain => serde_json::to_value(plain)
                .map(Some)
                .map_err(|error| TemplateError::content(place, error.to_string())),
        }
    }

    fn call(&self, function: &str, argument: &Yaml, place: &str) -> Resolved {
        let arguments = || match argument {
            Yaml::Sequence(items) => Ok(items.as_slice()),
            _ => Err(TemplateError::content(place, format!("!{function} takes a list"))),
        };
        match function {
            "Ref" => match argument.as_str() {
                Some("AWS::NoValue") => Ok(None),
                Some(name) => self.reference(name, place).cloned().map(Some),
                None => Err(TemplateError::content(place, "!Ref takes a name")),
            },
            "GetAtt" => {
                let name = match argument {
                    Yaml::Sequence(parts) => {
                        parts.iter().filter_map(Yaml::as_str).collect::<Vec<_>>().join(".")
                    }
                    other => other.as_str().unwrap_or_default().to_owned(),
                };
                self.get_attribute(&name, place).cloned().map(Some)
            }
            "Sub" => self.substitute(argument, place),
            "Join" => {
                let [Yaml::String(delimiter), list] = arguments()? else {
                    return Err(TemplateError::content(place, "!Join takes a delimiter and a list"));
                };
                let items = self.texts(list, place)?;
                Ok(Some(Json::String(items.join(delimiter))))
            }
            "Split" => {
                let [Yaml::String(delimiter), text] = arguments()? else {
                    return Err(TemplateError::content(place, "!Split takes a delimiter and a text"));
                };
                let text = self.text(text, place)?;
                Ok(Some(text.split(delimiter.as_str()).map(|part| Json::String(part.to_owned())).collect()))
            }
            "Select" => {
                let [index, list] = arguments()? else {
                    return Err(TemplateError::content(place, "!Select takes an index and a list"));
                };
                let index: usize = self.text(index, place)?.parse().unwrap_or(usize::MAX);
                let item = self.texts(list, place)?.into_iter().nth(index);
                let item = item.ok_or_else(|| TemplateError::content(place, "!Select past the end"))?;
                Ok(Some(Json::String(item)))
            }
            "If" => {
                let [Yaml::String(condition), yes, no] = arguments()? else {
                    return Err(TemplateError::content(place, "!If takes a condition and two values"));
                };
                let chosen = if self.named_condition(condition, place)? { yes } else { no };
                self.resolve(chosen, place)
            }
            other => Err(TemplateError::content(place, format!("the local cloud does not know !{other}"))),
        }
    }

    fn substitute(&self, argument: &Yaml, place: &str) -> Resolved {
        let (text, own) = match argument {
            Yaml::String(text) => (text.as_str(), None),
            Yaml::Sequence(parts) => match parts.as_slice() {
                [Yaml::String(text), Yaml::Mapping(own)] => (text.as_str(), Some(own)),
                _ => return Err(TemplateError::content(place, "!Sub takes a text and a map")),
            },
            _ => return Err(TemplateError::content(place, "!Sub takes a text")),
        };
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) =
                after.split_once('}').ok_or_else(|| TemplateError::content(place, "!Sub with an open ${"))?;
            result.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                result.extend(["${", literal, "}"]);
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                result.push_str(&self.text(value, place)?);
            } else if name.contains('.') {
                result.push_str(&text_of(self.get_attribute(name, place)?));
            } else {
                result.push_str(&text_of(self.reference(name, place)?));
            }
            rest = tail;
        }
        result.push_str(rest);
        Ok(Some(Json::String(result)))
    }

    pub(super) fn condition(&self, condition: &Yaml, place: &str) -> Result<bool, TemplateError> {
        let (function, argument) = match condition {
            Yaml::Tagged(tagged) => (tagged.tag.to_string(), &tagged.value),
            Yaml::Mapping(mapping) => match mapping.iter().next() {
                Some((Yaml::String(name), argument)) => (name.clone(), argument),
                _ => return Err(TemplateError::content(place, "no condition")),
            },
            _ => return Err(TemplateError::content(place, "no condition")),
        };
        let function = function.trim_start_matches('!').trim_start_matches("Fn::");
        if function == "Condition" {
            return self.named_condition(argument.as_str().unwrap_or_default(), place);
        }
        let Yaml::Sequence(arguments) = argument else {
            return Err(TemplateError::content(place, format!("!{function} takes a list")));
        };
        match (function, arguments.as_slice()) {
            ("Equals", [left, right]) => Ok(self.resolve(left, place)? == self.resolve(right, place)?),
            ("Not", [inner]) => Ok(!self.condition(inner, place)?),
            ("And", all) => all.iter().try_fold(true, |holds, one| Ok(holds & self.condition(one, place)?)),
            ("Or", any) => any.iter().try_fold(false, |holds, one| Ok(holds | self.condition(one, place)?)),
            _ => Err(TemplateError::content(place, format!("the local cloud does not know !{function}"))),
        }
    }

    fn named_condition(&self, name: &str, place: &str) -> Result<bool, TemplateError> {
        let condition = self.conditions.get(name).copied();
        condition.ok_or_else(|| TemplateError::content(place, format!("no condition {name} above it")))
    }

    fn reference(&self, name: &str, place: &str) -> Result<&Json, TemplateError> {
        self.references.get(name).ok_or_else(|| {
            TemplateError::content(place, format!("{name} has no default and no value in the local cloud"))
        })
    }

    fn get_attribute(&self, name: &str, place: &str) -> Result<&Json, TemplateError> {
        self.attributes
            .get(name)
            .ok_or_else(|| TemplateError::content(place, format!("the local cloud has no {name}")))
    }

    fn text(&self, value: &Yaml, place: &str) -> Result<String, TemplateError> {
        Ok(self.resolve(value, place)?.as_ref().map(text_of).unwrap_or_default())
    }

    fn texts(&self, value: &Yaml, place: &str) -> Result<Vec<String>, TemplateError> {
        match self.resolve(value, place)? {
            Some(Json::Array(items)) => Ok(items.iter().map(text_of).collect()),
            _ => Err(TemplateError::content(place, "not a list")),
        }
    }
}

/// The alias that SAM publishes each version of a function under, its own or the template's.
pub(super) fn alias<'a>(template: &'a Template, resource: &'a Yaml) -> Option<&'a str> {
    let own = resource.get("Properties").and_then(|properties| properties.get("AutoPublishAlias"));
    let globals = template.document.get("Globals").and_then(|globals| globals.get("Function"));
    own.or_else(|| globals.and_then(|globals| globals.get("AutoPublishAlias")))?.as_str()
}

/// As CloudFormation writes a value into a text.
pub(super) fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
