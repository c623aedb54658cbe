//! Checks that what documents refer to exists: links, anchors, cited documents and sections, named tests. Each document
//! is reachable from README.md.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Folders without text of the project.
const SKIPPED: [&str; 4] = ["target", "node_modules", "corpus", "artifacts"];
const TEXTS: [&str; 11] =
    ["rs", "js", "mjs", "py", "toml", "yaml", "json", "ftl", "cedarschema", "jinja", "md"];
/// Inline code that begins with one of these is a path.
const FOLDERS: [&str; 11] =
    ["bench", "cli", "docs", "events", "functions", "fuzz", "infra", "local", "shared", "tests", "xtask"];
/// These two files cite documents that do not exist, in their tests.
const WITHOUT_CITATIONS: [&str; 2] = ["xtask/src/prose.rs", "xtask/src/references.rs"];
/// The document whose sections are cited by number.
const COGNITO: &str = "docs/reference/cognito.md";
/// Documents here name the test of each promise.
const PROMISES: &str = "docs/security/";

/// Checks every Markdown file and every text that cites one.
pub(crate) fn check(root: &Path) -> Result<()> {
    let files = read(root, Path::new(""))?;
    let documents: HashMap<&str, Document> = files
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "md"))
        .map(|(path, text)| (path.as_str(), Document::parse(text)))
        .collect();
    let mut problems = Vec::new();
    for (path, document) in &documents {
        for (line, target) in &document.links {
            problems.extend(
                broken(root, &documents, path, target).map(|why| format!("{path}:{line}: {target}: {why}")),
            );
        }
        let missing = document.code.iter().filter(|(_, code)| is_file(code) && !root.join(code).exists());
        problems.extend(missing.map(|(line, code)| format!("{path}:{line}: {code} does not exist")));
    }
    for (path, text) in files.iter().filter(|(path, _)| !WITHOUT_CITATIONS.contains(&path.as_str())) {
        for (index, line) in text.lines().enumerate() {
            let found = uncited(&documents, line);
            problems
                .extend(found.into_iter().map(|what| format!("{path}:{}: {what} does not exist", index + 1)));
        }
    }
    problems.extend(unreachable(&documents));
    problems.extend(missing_tests(&files));
    problems.sort();
    ensure!(problems.is_empty(), "documents refer to what does not exist:\n{}", problems.join("\n"));
    Ok(())
}

/// Returns the texts below `folder` with their paths from `root`.
pub(crate) fn read(root: &Path, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in root.join(folder).read_dir().with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let path = folder.join(&name);
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) {
                files.extend(read(root, &path)?);
            }
        } else if path.extension().is_some_and(|end| TEXTS.iter().any(|text| end == *text)) {
            let text = fs::read_to_string(root.join(&path)).with_context(|| path.display().to_string())?;
            files.push((path.display().to_string(), text));
        }
    }
    Ok(files)
}

#[derive(Default)]
struct Document {
    headings: Vec<String>,
    anchors: HashSet<String>,
    /// Each link with its line.
    links: Vec<(usize, String)>,
    /// Inline code, each with its line.
    code: Vec<(usize, String)>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = || text.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
            if let Event::Code(code) = &event {
                document.code.push((line(), code.to_string()));
            }
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let heading = heading.take().unwrap_or_default();
                    document.anchors.insert(document.new_anchor(&heading));
                    document.headings.push(heading);
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((line(), dest_url.into_string()));
                }
                _ => {}
            }
        }
        document
    }

    /// Returns the anchor that GitHub gives a heading: lower case, without punctuation, numbered if it is not the first.
    fn new_anchor(&self, heading: &str) -> String {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let anchor: String =
            heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        [anchor.clone()].into_iter().chain(numbered).find(|one| !self.anchors.contains(one)).unwrap_or(anchor)
    }
}

/// Returns whether inline code is the path of a file of the project.
fn is_file(code: &str) -> bool {
    let is_path = code.chars().all(|letter| letter.is_ascii_alphanumeric() || "/-_.".contains(letter));
    let (folder, name) = (code.split('/').next(), code.rsplit('/').next());
    is_path && folder.is_some_and(|one| FOLDERS.contains(&one)) && name.is_some_and(|name| name.contains('.'))
}

/// Returns why a link leads to nothing, or `None` if it leads to something or out of the project.
fn broken(
    root: &Path,
    documents: &HashMap<&str, Document>,
    from: &str,
    target: &str,
) -> Option<&'static str> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { Some(PathBuf::from(from)) } else { resolve(from, path) };
    let Some(path) = path else { return Some("is outside the project") };
    if !root.join(&path).exists() {
        return Some("no such file");
    }
    let has_anchor = || documents.get(path.to_str()?).map(|document| document.anchors.contains(anchor));
    (!anchor.is_empty() && has_anchor() != Some(true)).then_some("no such heading")
}

/// Returns the documents to which no chain of links leads from README.md.
fn unreachable(documents: &HashMap<&str, Document>) -> Vec<String> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut next = 0;
    while let Some(from) = found.get(next).and_then(|path| path.to_str()) {
        let links = documents.get(from).map_or(&[][..], |document| &document.links);
        let targets = links.iter().filter_map(|(_, target)| resolve(from, target.split('#').next()?));
        let new: Vec<_> = targets.filter(|path| !found.contains(path)).collect();
        found.extend(new);
        next += 1;
    }
    let is_new =
        |path: &&&str| documents.contains_key("README.md") && !found.iter().any(|one| one == Path::new(path));
    documents.keys().filter(is_new).map(|path| format!("{path}: no link leads here from README.md")).collect()
}

/// Returns the path of a link in `from`, from the project's root.
fn resolve(from: &str, path: &str) -> Option<PathBuf> {
    let mut resolved = Path::new(from).parent()?.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => resolved = resolved.parent()?.to_path_buf(),
            Component::Normal(name) => resolved.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(resolved)
}

/// Returns the documents and sections that a line cites in words and that do not exist: `docs/a.md`,
/// `docs/a.md, "Section"`, `cognito.md §4.4`.
fn uncited(documents: &HashMap<&str, Document>, line: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (start, _) in line.match_indices("docs/") {
        let (before, rest) = line.split_at(start);
        let Some((name, after)) = rest.split_once(".md") else { continue };
        let name = format!("{name}.md");
        let is_path =
            name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '/' | '-' | '_' | '.'));
        if !is_path
            || before.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '/' | '-' | '_'))
        {
            continue;
        }
        let Some(document) = documents.get(name.as_str()) else {
            problems.push(name);
            continue;
        };
        let section = after.strip_prefix(", \"").and_then(|rest| rest.split_once('"'));
        problems.extend(
            section
                .filter(|(section, _)| !document.headings.iter().any(|one| one == section))
                .map(|(section, _)| format!("“{section}” of {name}")),
        );
    }
    for (start, name) in line.match_indices("cognito.md") {
        let rest = line.get(start + name.len()..).unwrap_or_default();
        let number: String = rest
            .trim_start_matches([',', ' ', '§'])
            .chars()
            .take_while(|letter| letter.is_ascii_digit() || *letter == '.')
            .collect();
        let number = number.trim_end_matches('.');
        let begins =
            |heading: &String| heading.strip_prefix(number).is_some_and(|rest| rest.starts_with([' ', '.']));
        let is_known = || documents.get(COGNITO).is_some_and(|document| document.headings.iter().any(begins));
        if !number.is_empty() && !is_known() {
            problems.push(format!("section {number} of {COGNITO}"));
        }
    }
    problems
}

/// Returns the tests that a promise names (`Test: …`, `Tests: …`) and that no source has.
fn missing_tests(files: &[(String, String)]) -> Vec<String> {
    let sources = |end: &str| -> String {
        files.iter().filter(|(path, _)| path.ends_with(end)).map(|(_, text)| text.as_str()).collect()
    };
    let (rust, scripts) = (sources(".rs"), sources(".test.js"));
    let functions: HashSet<&str> = rust
        .split("fn ")
        .skip(1)
        .filter_map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next())
        .collect();
    let mut problems = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(PROMISES)) {
        for (index, line) in text.lines().enumerate() {
            let tests = line.split_once("Test: ").or_else(|| line.split_once("Tests: "));
            let Some((_, tests)) = tests else { continue };
            let is_name = |name: &&str| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
            };
            let rust =
                tests.split('`').skip(1).step_by(2).filter(is_name).filter(|name| !functions.contains(name));
            let parts = tests
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|part| !scripts.contains(part.trim_matches(['…', ' '])));
            problems.extend(rust.chain(parts).map(|name| format!("{path}:{}: no test “{name}”", index + 1)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n[a](b.md#two-words) [c](b.md#two-words-1) ![d](../x.svg)\n\
        | [e](#a-page) |\n|---|\n| [f](https://example.com/no) |\n\n```\n[g](h.md)\n```\n";

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn problems(files: &[(&str, &str)]) -> String {
        let problems = check(project(files).path()).err().map_or_else(String::new, |error| error.to_string());
        problems.lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_documents_of_this_project_refer_to_what_exists() {
        check(crate::workspace::root()).unwrap();
    }

    #[test]
    fn links_and_anchors_that_exist_pass() {
        let other = "# B\n## Two `words`\n## Two words!\n";
        assert_eq!(problems(&[("docs/a/p.md", PAGE), ("docs/a/b.md", other), ("docs/x.svg", "")]), "");
    }

    #[test]
    fn missing_links_and_anchors_are_found_with_their_line() {
        assert_eq!(
            problems(&[
                ("docs/a/p.md", PAGE),
                ("docs/a/b.md", "## Two words\n[z](../../../y.md) [q](../p.rs#L1)"),
                ("docs/p.rs", "")
            ]),
            "docs/a/b.md:2: ../../../y.md: is outside the project\n\
             docs/a/b.md:2: ../p.rs#L1: no such heading\n\
             docs/a/p.md:3: ../x.svg: no such file\n\
             docs/a/p.md:3: b.md#two-words-1: no such heading"
        );
    }

    #[test]
    fn paths_in_code_are_files() {
        let text = "`shared/a.rs` `shared/b.rs`\n`shared/target/` `shared/<name>.rs` `/shared/c.rs` `application/d.json`\n";
        assert_eq!(
            problems(&[("docs/a.md", text), ("shared/a.rs", "")]),
            "docs/a.md:1: shared/b.rs does not exist"
        );
    }

    #[test]
    fn every_document_is_reached_from_the_readme() {
        let readme = ("README.md", "[a](docs/a.md#a)");
        let a = ("docs/a.md", "# A\n[b](b/b.md) [web](https://example.com)");
        assert_eq!(problems(&[readme, a, ("docs/b/b.md", "# B\n[a](../a.md)")]), "");
        assert_eq!(
            problems(&[readme, a, ("docs/b/b.md", ""), ("docs/c.md", "[c](c.md)")]),
            "docs/c.md: no link leads here from README.md"
        );
    }

    #[test]
    fn citations_in_sources_need_a_document_and_a_section() {
        let source = "// docs/a.md, \"One\"; docs/a.md, \"Two\"; docs/b.md; aws/docs/c.md\n// cognito.md §4.4, cognito.md 4.5\n";
        assert_eq!(
            problems(&[("x/s.rs", source), ("docs/a.md", "# One\n"), (COGNITO, "# C\n### 4.4 TOTP\n")]),
            "x/s.rs:1: docs/b.md does not exist\n\
             x/s.rs:1: “Two” of docs/a.md does not exist\n\
             x/s.rs:2: section 4.5 of docs/reference/cognito.md does not exist"
        );
    }

    #[test]
    fn a_promise_names_tests_that_exist() {
        let promise =
            "Kept. Tests: `holds_it` (`s.rs`), `lost_it` (`s.rs`), \"holds a token\", \"… a coin\".\n";
        let sources = [("s.rs", "fn holds_it() {}"), ("t/j.test.js", "test('holds a token: and more')")];
        assert_eq!(
            problems(&[("docs/security/m.md", promise), sources[0], sources[1]]),
            "docs/security/m.md:1: no test “lost_it”\ndocs/security/m.md:1: no test “… a coin”"
        );
    }
}
