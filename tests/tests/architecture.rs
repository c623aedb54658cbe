//! The invariants of docs/architecture.md that Cargo alone does not enforce.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failed expectation is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .exec()
        .unwrap()
}

/// Returns the names of all packages that `package` is built from, without development dependencies.
fn built_from(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let nodes: BTreeMap<_, _> =
        metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.workspace_packages().into_iter().find(|found| found.name == package);
    let mut waiting = vec![&start.unwrap_or_else(|| panic!("no package {package}")).id];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        let node = nodes.get(id).unwrap();
        for dependency in &node.deps {
            let built = dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development);
            if built && seen.insert(&dependency.pkg) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter()
        .map(|id| metadata.packages.iter().find(|found| found.id == *id).unwrap().name.to_string())
        .collect()
}

fn members(metadata: &Metadata, folder: &str) -> Vec<String> {
    let folder = root().join(folder);
    let within = |path: &Path| path.starts_with(&folder);
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| within(package.manifest_path.as_std_path()))
        .map(|package| package.name.to_string())
        .collect()
}

#[test]
fn the_core_has_no_aws_sdk_in_its_tree() {
    const SDK: [&str; 5] = ["aws-sdk-", "aws-config", "aws-smithy-", "aws-runtime", "mfa-aws"];
    let tree = built_from(&metadata(), "mfa-core");
    let sdk: Vec<_> = tree.iter().filter(|name| SDK.iter().any(|prefix| name.starts_with(prefix))).collect();
    assert!(sdk.is_empty(), "{sdk:?}");
}

#[test]
fn the_local_cloud_never_imports_the_core() {
    let metadata = metadata();
    let local = members(&metadata, "local");
    assert!(local.len() >= 3, "{local:?}");
    for package in local {
        let tree = built_from(&metadata, &package);
        let ours: Vec<_> = tree.iter().filter(|name| name.starts_with("mfa-")).collect();
        assert!(ours.is_empty(), "{package} is built from {ours:?}");
    }
}

#[test]
fn a_function_is_built_from_the_core_and_adapters_only() {
    let metadata = metadata();
    let functions = members(&metadata, "functions");
    assert!(functions.len() >= 5, "{functions:?}");
    let ours: BTreeSet<String> =
        metadata.workspace_packages().into_iter().map(|package| package.name.to_string()).collect();
    for function in functions {
        for part in built_from(&metadata, &function).intersection(&ours) {
            let is_core = ["mfa-core", "mfa-aws", "mfa-rules"].contains(&part.as_str());
            assert!(is_core, "{function} is built from {part}");
        }
    }
}

/// The engine is the largest part of a function, so only functions that evaluate rules contain it.
#[test]
fn only_pre_authentication_and_pre_sign_up_contain_the_rules() {
    let metadata = metadata();
    let carries = |package: &String| built_from(&metadata, package).contains("cedar-policy");
    let functions: Vec<_> = members(&metadata, "functions").into_iter().filter(carries).collect();
    assert_eq!(functions, ["pre-authentication", "pre-sign-up"]);
    assert!(!carries(&"mfa-core".to_owned()) && !carries(&"mfa-aws".to_owned()));
}

/// A test makes the OpenAPI document, so no function contains the generator.
#[test]
fn no_deployed_function_contains_the_openapi_generator() {
    let metadata = metadata();
    for function in members(&metadata, "functions") {
        assert!(!built_from(&metadata, &function).contains("utoipa"), "{function}");
    }
}

/// Functions call AWS with the SDK's clients (decision 003). Only the operator's command signs requests itself.
#[test]
fn only_the_operators_command_signs_requests_itself() {
    let mut signers = BTreeSet::new();
    for folder in ["cli", "functions", "shared"] {
        sources(&root().join(folder), &mut |path, code| {
            if code.contains("aws_sigv4") {
                signers.insert(path.strip_prefix(root()).unwrap().to_owned());
            }
        });
    }
    assert_eq!(signers.into_iter().collect::<Vec<_>>(), [Path::new("cli/src/json_client.rs")]);
}

/// The text of an operator's rule is shown to users unchanged, so only the reader of rules makes one.
#[test]
fn only_the_reader_of_rules_makes_messages_of_rules() {
    let mut makers = BTreeSet::new();
    for folder in ["cli", "functions", "shared"] {
        sources(&root().join(folder), &mut |path, code| {
            if code.contains("RuleMessage::parse") || code.contains("parse::<RuleMessage>") {
                makers.insert(path.strip_prefix(root()).unwrap().to_owned());
            }
        });
    }
    assert_eq!(makers.into_iter().collect::<Vec<_>>(), [Path::new("shared/rules/src/source.rs")]);
}

/// Visits the code, without tests, of every Rust file below a folder.
fn sources(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            visit(&path, text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

#[test]
fn the_main_of_a_function_is_thin() {
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let main = function.unwrap().path().join("src/main.rs");
        let lines = fs::read_to_string(&main).unwrap().lines().count();
        assert!(lines <= 30, "{} has {lines} lines", main.display());
    }
}

/// Inside the core: shells → capabilities → kernel, and capabilities only side by side.
#[test]
fn the_modules_of_the_core_depend_downwards() {
    const KERNEL: &[&str] = &["kernel"];
    const SUPPORT: &[&str] = &["assurance", "config", "telemetry"];
    const CAPABILITIES: &[&str] = &[
        "admin",
        "audit",
        "api_limits",
        "custom_auth",
        "delivery",
        "factors",
        "recovery",
        "rules",
        "sign_in",
        "sign_up",
        "tokens",
    ];
    const SHELLS: &[&str] = &["http", "trigger"];
    // The audit trail, messages, the queue, custom factors, accounts and attempts are reached through their
    // ports.
    const THROUGH_PORTS: &[(&str, &str)] = &[
        ("factors", "audit"),
        ("factors", "delivery"),
        ("delivery", "audit"),
        ("custom_auth", "delivery"),
        ("custom_auth", "audit"),
        ("custom_auth", "factors"),
        ("recovery", "audit"),
        ("recovery", "delivery"),
        ("recovery", "factors"),
        ("recovery", "sign_in"),
        ("admin", "audit"),
        ("admin", "api_limits"),
        ("admin", "custom_auth"),
        ("admin", "delivery"),
        ("admin", "factors"),
        ("admin", "recovery"),
        ("admin", "sign_in"),
    ];

    let source = root().join("shared/core/src");
    let modules: BTreeSet<String> = fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> =
        [KERNEL, SUPPORT, CAPABILITIES, SHELLS].concat().into_iter().map(str::to_owned).collect();
    assert_eq!(modules, known, "a new module needs a place here and in docs/architecture.md");

    let is = |group: &[&str], module: &str| group.contains(&module);
    for module in &modules {
        for used in uses(&source.join(module), &modules) {
            let allowed = used == *module
                || is(SHELLS, module) && !is(SHELLS, &used)
                || is(CAPABILITIES, module) && (is(KERNEL, &used) || is(SUPPORT, &used))
                || is(SUPPORT, module) && (is(KERNEL, &used) || is(SUPPORT, &used))
                || THROUGH_PORTS.contains(&(module.as_str(), used.as_str()));
            assert!(allowed, "{module} uses {used}");
        }
    }
}

/// Returns the modules that the code (not the tests) of one module names after `crate::`.
fn uses(module: &Path, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(module).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(uses(&path, modules));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for after in code.split("crate::").skip(1) {
                // For `crate::{a::…, b::…}`, every word that starts a line or follows the brace.
                let statement =
                    if after.starts_with('{') { after.split(';').next().unwrap_or_default() } else { after };
                let first = |text: &str| {
                    text.trim_start()
                        .split(|next: char| !next.is_alphanumeric() && next != '_')
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                };
                let mut names = vec![first(statement.trim_start_matches('{'))];
                if statement.starts_with('{') {
                    names.extend(
                        modules.iter().filter(|module| statement.contains(&format!("{module}::"))).cloned(),
                    );
                }
                found.extend(names.into_iter().filter(|name| modules.contains(name)));
            }
        }
    }
    found
}

/// A name has one meaning: a reader finds one type by it, whatever module it is in.
#[test]
fn no_two_exported_types_of_the_core_have_one_name() {
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    sources(&root().join("shared/core/src"), &mut |path, code| {
        for name in exported(code, &["struct", "enum", "trait", "type"]) {
            places.entry(name).or_default().push(path.strip_prefix(root()).unwrap().to_owned());
        }
    });
    assert!(places.len() > 300, "{} types were found", places.len());
    let shared: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

/// A module of the core exports few names. Other names are reached by the path of their part.
#[test]
fn a_module_of_the_core_exports_at_most_25_names() {
    const MOST: usize = 25;

    for entry in fs::read_dir(root().join("shared/core/src")).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(face) = fs::read_to_string(folder.join("mod.rs")) else { continue };
        let names = face_of(&face);
        assert!(names.len() <= MOST, "{} exports {} names: {names:?}", folder.display(), names.len());
    }
}

/// Returns the names of a file's public items of these kinds. Items of inner modules, tests among them, are indented.
fn exported(code: &str, kinds: &[&str]) -> Vec<String> {
    let name_of = |line: &str| {
        let item = line.strip_prefix("pub ")?;
        let item = item.strip_prefix("async ").unwrap_or(item);
        let (kind, rest) = item.split_once(' ')?;
        let name = rest.split(|next: char| !next.is_alphanumeric() && next != '_').next()?;
        kinds.contains(&kind).then(|| name.to_owned())
    };
    code.lines().filter_map(name_of).collect()
}

/// Returns every name that a module exports: its own public items and what it re-exports.
fn face_of(code: &str) -> BTreeSet<String> {
    let own = exported(code, &["struct", "enum", "trait", "type", "fn", "const", "static", "mod"]);
    let reexports = code.split("\npub use ").skip(1).flat_map(|rest| {
        let statement = rest.split(';').next().unwrap_or_default();
        let names = statement.split_once('{').map_or(statement, |(_, names)| names);
        names
            .split([',', '}'])
            .map(|name| name.rsplit([' ', ':']).next().unwrap_or_default().trim().to_owned())
            .collect::<Vec<_>>()
    });
    own.into_iter().chain(reexports).filter(|name| !name.is_empty()).collect()
}
