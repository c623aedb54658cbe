//! The parameters of the stack, from `samconfig.toml` and the command line.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::sender;

const FILE: &str = "samconfig.toml";
/// The name of the parameter that `sam build` takes. The template's default is SAM's own.
const ARCHITECTURE: &str = "Architecture";
const DEFAULT_ARCHITECTURE: &str = "arm64";
/// The roles compare this address with that of an e-mail. So it has the same form here.
const SENDER: &str = "EmailFrom";

/// Values by name. An absent parameter keeps its value in the stack, or the template's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads the parameters of an environment as `sam deploy` does. Those `given` as `NAME=VALUE` replace
    /// them.
    ///
    /// Fails at a name that `template` does not have: SAM ignores it, so a misspelt parameter would change
    /// nothing.
    pub(super) fn read(infra: &Path, environment: &str, given: &[String], template: &str) -> Result<Self> {
        let mut all = configured(&document(infra)?, environment).context(FILE)?;
        for given in given {
            let (name, value) = given.split_once('=').with_context(|| format!("{given}: not NAME=VALUE"))?;
            all.insert(name.to_owned(), value.to_owned());
        }
        if let Some(sender) = all.get_mut(SENDER)
            && let Ok(normal) = sender::normal(sender)
        {
            *sender = normal;
        }
        all.entry(ARCHITECTURE.to_owned()).or_insert_with(|| DEFAULT_ARCHITECTURE.to_owned());

        let template: serde_norway::Value = serde_norway::from_str(template).context("template.yaml")?;
        let known = |name: &str| template.get("Parameters").is_some_and(|known| known.get(name).is_some());
        let unknown: Vec<_> = all.keys().filter(|name| !known(name)).map(String::as_str).collect();
        ensure!(unknown.is_empty(), "template.yaml has no parameter {}", unknown.join(", "));
        Ok(Self(all))
    }

    pub(super) fn architecture(&self) -> &str {
        self.get(ARCHITECTURE).unwrap_or(DEFAULT_ARCHITECTURE)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the arguments for SAM. All values are quoted, because SAM splits them at blanks.
    pub(super) fn arguments(&self) -> Vec<String> {
        let quoted = |value: &str| value.replace('"', "\\\"");
        let all = self.0.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value)));
        std::iter::once("--parameter-overrides".to_owned()).chain(all).collect()
    }
}

/// Returns a setting of the environment's `deploy`, such as its Region.
pub(super) fn setting(infra: &Path, environment: &str, name: &str) -> Result<Option<String>> {
    let document = document(infra)?;
    Ok(entry(&document, environment, name).and_then(toml::Value::as_str).map(str::to_owned))
}

/// Reads `samconfig.toml`. A missing file is empty.
fn document(infra: &Path) -> Result<toml::Table> {
    let file = infra.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| file.display().to_string()),
    };
    toml::from_str(&text).with_context(|| file.display().to_string())
}

/// Returns an entry of the environment's `deploy`, or of its `global` if `deploy` has none.
fn entry<'a>(document: &'a toml::Table, environment: &str, name: &str) -> Option<&'a toml::Value> {
    let of = |command: &str| document.get(environment)?.get(command)?.get("parameters")?.get(name);
    of("deploy").or_else(|| of("global"))
}

fn configured(document: &toml::Table, environment: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if let Some(value) = entry(document, environment, "parameter_overrides") {
        collect(value, &mut found)?;
    }
    Ok(found)
}

/// Collects the values. SAM takes a text, a table, and lists of both.
fn collect(value: &toml::Value, found: &mut BTreeMap<String, String>) -> Result<()> {
    match value {
        toml::Value::String(text) => found.extend(pairs(text)?),
        toml::Value::Array(list) => {
            for item in list {
                collect(item, found)?;
            }
        }
        toml::Value::Table(table) => {
            for (name, value) in table {
                found.insert(name.clone(), plain(value).with_context(|| name.clone())?);
            }
        }
        other => bail!("parameter_overrides: {} is neither text nor list nor table", other.type_str()),
    }
    Ok(())
}

fn plain(value: &toml::Value) -> Result<String> {
    Ok(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(yes) => yes.to_string(),
        toml::Value::Array(list) => list.iter().map(plain).collect::<Result<Vec<_>>>()?.join(","),
        other => bail!("{} is no value of a parameter", other.type_str()),
    })
}

/// Parses `A=1 B="two words"`, with `\"` for a quote.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    ensure!(
        !text.contains("ParameterKey=") && !text.starts_with("file://"),
        "parameter_overrides: {text}: write NAME=VALUE"
    );
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=').with_context(|| format!("{rest}: not NAME=VALUE"))?;
        let (value, tail) = value(tail);
        pairs.push((name.trim_matches('"').to_owned(), value));
        rest = tail.trim_start();
    }
    Ok(pairs)
}

/// Splits `text` into the value at its start and the rest.
fn value(text: &str) -> (String, &str) {
    let quote = text.chars().next().filter(|first| ['"', '\''].contains(first));
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quote.is_some()));
    while let Some((at, character)) = characters.next() {
        match (character, quote) {
            // SAM removes the backslash only before these characters.
            ('\\', _) => match characters.next() {
                Some((_, escaped @ ('"' | '\'' | ' '))) => value.push(escaped),
                other => value.extend(std::iter::once('\\').chain(other.map(|(_, other)| other))),
            },
            (end, Some(quote)) if end == quote => {
                return (value, text.get(at + 1..).unwrap_or_default());
            }
            (' ' | '\n', None) => return (value, text.get(at..).unwrap_or_default()),
            (other, _) => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Parameters: { A: {}, B: {}, C: {}, Architecture: {} }";

    fn read(config: &str, given: &[&str]) -> Result<Parameters> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join(FILE), config)?;
        let given: Vec<_> = given.iter().map(|&one| one.to_owned()).collect();
        Parameters::read(folder.path(), "prod", &given, TEMPLATE)
    }

    fn all(parameters: &Parameters) -> Vec<(&str, &str)> {
        parameters.iter().filter(|(name, _)| *name != ARCHITECTURE).collect()
    }

    #[test]
    fn every_notation_of_sam_is_read() {
        for overrides in [
            r#"['A=1', 'B="two words"', 'C=']"#,
            r#"'A=1 B="two words" C=""'"#,
            r#"'A="1" B=two\ words C='"#,
            "{ A = 1, B = \"two words\", C = \"\" }",
            "[{ A = \"1\" }, \"B='two words' C=\"]",
        ] {
            let config = format!("[prod.deploy.parameters]\nparameter_overrides = {overrides}\n");
            let read = read(&config, &[]).unwrap();
            assert_eq!(all(&read), [("A", "1"), ("B", "two words"), ("C", "")], "{overrides}");
        }
        let lists = "[prod.deploy.parameters]\nparameter_overrides = { A = [\"x\", \"y\"] }\n";
        assert_eq!(all(&read(lists, &[]).unwrap()), [("A", "x,y")]);
        let file = "[prod.deploy.parameters]\nparameter_overrides = \"file://a.json\"\n";
        assert!(read(file, &[]).is_err(), "what we can't read, we do not leave out");
    }

    #[test]
    fn the_command_line_goes_before_deploy_and_deploy_before_global() {
        let config =
            "[prod.global.parameters]\nparameter_overrides = [\"A=global\", \"Architecture=x86_64\"]\n";
        let one = read(config, &["B=x=y"]).unwrap();
        assert_eq!(all(&one), [("A", "global"), ("B", "x=y")]);
        assert_eq!(one.architecture(), "x86_64");
        let config = format!("{config}[prod.deploy.parameters]\nparameter_overrides = \"A=deploy\"\n");
        let two = read(&config, &[]).unwrap();
        assert_eq!((all(&two), two.architecture()), (vec![("A", "deploy")], "arm64"));
        assert_eq!(all(&read(&config, &["A=given"]).unwrap()), [("A", "given")]);
        let folder = tempfile::tempdir().unwrap();
        let none = Parameters::read(folder.path(), "prod", &[], TEMPLATE).unwrap();
        assert_eq!(none.arguments(), ["--parameter-overrides", "Architecture=\"arm64\""]);
    }

    #[test]
    fn a_misspelt_parameter_is_refused() {
        let error = read("", &["AppClient=web=1"]).unwrap_err().to_string();
        assert_eq!(error, "template.yaml has no parameter AppClient");
        assert!(read("", &["A"]).is_err());
    }

    /// SAM's own parser uses the regular expression of `CfnParameterOverridesType`.
    #[test]
    fn values_are_quoted_as_sam_reads_them() {
        let parameters = read("", &[r#"A=The "Shop" <no-reply@example.com>"#, r"B=a\b"]).unwrap();
        let arguments = parameters.arguments();
        assert_eq!(arguments[1], r#"A="The \"Shop\" <no-reply@example.com>""#);
        assert_eq!(arguments[3], r#"B="a\b""#);
        for (argument, value) in
            [(&arguments[1], r#"The "Shop" <no-reply@example.com>"#), (&arguments[3], r"a\b")]
        {
            assert_eq!(pairs(argument).unwrap()[0].1, value);
        }
    }
}
