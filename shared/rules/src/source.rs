use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use cedar_policy::{ActionConstraint, Effect, Policy, PolicySet};
use mfa_core::{
    delivery::message::{Finding, Severity},
    kernel::RuleMessage,
    rules::RuleAction,
};
use miette::Diagnostic;

/// The permitted annotations. Any other is a misspelling: `@mesage` would have no effect.
const ANNOTATIONS: [&str; 2] = ["message", "id"];

/// One `forbid` of a file.
pub(crate) struct Rule {
    /// The path, such as `rules/20-domains.cedar`.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) message: Option<RuleMessage>,
    pub(crate) policy: Policy,
}

impl Rule {
    /// Returns file and line, such as `20-domains.cedar:3`.
    pub(crate) fn name(&self) -> String {
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        format!("{file}:{}", self.line)
    }
}

/// Reads all rules of the folder, ordered by file name and by position in the file, with all their faults.
/// Returns no rules if there is no folder.
pub(crate) fn of_folder(config_dir: &Path) -> (Vec<Rule>, Vec<Finding>) {
    let (mut rules, mut findings) = (Vec::new(), Vec::new());
    let files = match files(&config_dir.join("rules")) {
        Ok(files) => files,
        Err(fault) => {
            findings.push(error("rules".into(), None, format!("cannot be read: {fault}")));
            return (rules, findings);
        }
    };
    for path in files {
        let file = Path::new("rules").join(path.file_name().unwrap_or_default());
        if path.extension().is_none_or(|extension| extension != "cedar") {
            findings.push(error(file, None, "ignored: rules are files that end in .cedar"));
            continue;
        }
        match fs::read_to_string(&path) {
            Ok(text) => of_file(&file, &text, &mut rules, &mut findings),
            Err(fault) => findings.push(error(file, None, format!("cannot be read: {fault}"))),
        }
    }
    findings.sort();
    (rules, findings)
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        // There is no layer, or a layer without rules.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    // The listing of a folder has no order.
    files.sort();
    Ok(files)
}

fn of_file(file: &Path, text: &str, rules: &mut Vec<Rule>, findings: &mut Vec<Finding>) {
    let mut problem = |line, text: String| findings.push(error(file.to_owned(), Some(line), text));
    let parsed = match PolicySet::from_str(text) {
        Ok(parsed) => parsed,
        Err(faults) => {
            for fault in faults.iter() {
                problem(line_of(fault, text).unwrap_or(1), fault.to_string());
            }
            return;
        }
    };
    if let Some(template) = parsed.templates().next() {
        let line = text.find(template.to_cedar().as_str()).map_or(1, |place| line_at(text, place));
        problem(line, "templates are not supported: write the value instead of `?`".into());
    }
    let mut policies: Vec<_> = parsed.policies().collect();
    // The ids are `policy0`, `policy1`, … in the order of the text.
    policies.sort_by_key(|policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().ok());
    let mut read_to = 0;
    for policy in policies {
        let source = policy.to_cedar().unwrap_or_default();
        let place =
            text.get(read_to..).and_then(|rest| rest.find(&source)).map_or(read_to, |at| read_to + at);
        read_to = place + source.len();
        let line = line_at(text, place);
        if policy.effect() == Effect::Permit {
            let hint = "every request is allowed unless a rule forbids it: write `forbid … unless { … }`";
            problem(line, format!("`permit` is not a rule here; {hint}"));
        }
        for fault in unknown_actions(policy) {
            problem(line, format!("there is no action {fault}: use SignUp or SignIn"));
        }
        for (name, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
            problem(line, format!("there is no annotation @{name}: use @message"));
        }
        let message = policy.annotation("message").map(RuleMessage::parse).transpose();
        let message = message.unwrap_or_else(|fault| {
            problem(line, format!("@message {fault}"));
            None
        });
        rules.push(Rule { file: file.to_owned(), line, message, policy: policy.clone() });
    }
}

/// Finds actions that do not exist. A rule over such an action would never be evaluated.
fn unknown_actions(policy: &Policy) -> Vec<String> {
    let named = match policy.action_constraint() {
        ActionConstraint::Any => Vec::new(),
        ActionConstraint::Eq(action) => vec![action],
        ActionConstraint::In(actions) => actions,
    };
    let is_known = |action: &&cedar_policy::EntityUid| {
        action.type_name().to_string() == "Action"
            && RuleAction::ALL.iter().any(|known| known.name() == action.id().unescaped())
    };
    named.iter().filter(|action| !is_known(action)).map(ToString::to_string).collect()
}

pub(crate) fn error(file: PathBuf, line: Option<usize>, text: impl Into<String>) -> Finding {
    Finding { file, line, severity: Severity::Error, text: text.into() }
}

/// Returns the line of a fault in `text`, if the fault has one.
pub(crate) fn line_of(fault: &dyn Diagnostic, text: &str) -> Option<usize> {
    let label = fault.labels()?.next()?;
    Some(line_at(text, label.offset()))
}

fn line_at(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}
