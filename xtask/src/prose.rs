//! Finds words in documents that the style of CONTRIBUTING.md does not allow.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Each hides who does something. Name the user, the operator, the function or the caller instead.
const BANNED: [&str; 5] = ["whoever", "nobody", "somebody", "of ours", "leads nowhere"];

/// Documents that are still to be rewritten. Remove a document from here when it is clean; never add one.
const PENDING: [&str; 3] =
    ["docs/architecture.md", "docs/reference/cold-starts.md", "docs/reference/table.md"];

/// Also read as prose: users read it.
const MESSAGES: &str = "shared/src/delivery/message/built_in/en.ftl";

/// Checks the documents at the root, those in `docs/` and the English messages.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut files = documents(root, "")?;
    let mut folders = vec!["docs/".to_owned()];
    while let Some(folder) = folders.pop() {
        files.extend(documents(root, &folder)?);
        folders.extend(subfolders(root, &folder)?);
    }
    files.push(MESSAGES.to_owned());
    let mut problems = Vec::new();
    for file in &files {
        let text = fs::read_to_string(root.join(file)).with_context(|| file.clone())?;
        let found = find(&text);
        match (PENDING.contains(&file.as_str()), found.is_empty()) {
            (true, true) => problems.push(format!("{file}: is clean, remove it from PENDING")),
            (false, false) => {
                problems.extend(found.iter().map(|(line, word)| format!("{file}:{line}: avoid “{word}”")));
            }
            (true, false) | (false, true) => {}
        }
    }
    for missing in PENDING.iter().filter(|pending| !files.iter().any(|file| file == *pending)) {
        problems.push(format!("{missing}: does not exist, remove it from PENDING"));
    }
    ensure!(problems.is_empty(), "style, see CONTRIBUTING.md:\n{}", problems.join("\n"));
    Ok(())
}

fn documents(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in root.join(folder).read_dir().with_context(|| root.join(folder).display().to_string())? {
        let name = entry?.file_name();
        if Path::new(&name).extension().is_some_and(|end| end == "md") {
            names.push(format!("{folder}{}", name.display()));
        }
    }
    names.sort();
    Ok(names)
}

fn subfolders(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in root.join(folder).read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(format!("{folder}{}/", entry.file_name().display()));
        }
    }
    Ok(names)
}

/// Returns each banned word with its line. Code, inline and in blocks, is not prose.
fn find(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`").to_lowercase();
            found.extend(BANNED.into_iter().filter(|word| has(&prose, word)).map(|word| (index + 1, word)));
        }
    }
    found
}

/// Whether `line` has `word` as a word of its own.
fn has(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        let after = rest.strip_prefix(word).unwrap_or_default();
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_words_are_found_in_prose_only() {
        let text = "Whoever has it.\nNobody's.\n```\nnobody\n```\n`somebody` and a table of\nA case of ours leads nowhere.\n";
        assert_eq!(find(text), [(1, "whoever"), (2, "nobody"), (7, "of ours"), (7, "leads nowhere")]);
        assert_eq!(find("The caller has it. A list of courses. Rows of hours."), []);
    }

    #[test]
    fn a_file_is_refused_unless_it_is_pending() {
        let root = std::env::temp_dir().join(format!("prose-{}", std::process::id()));
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for pending in PENDING {
            write(pending, "Nobody.\n");
        }
        write(MESSAGES, "a = b\n");
        write("docs/a/b/new.md", "The operator decides.\n");
        check(&root).unwrap();

        write("docs/a/b/new.md", "Fine.\nSomebody decides.\n");
        write("docs/architecture.md", "Clean.\n");
        let mut problems = check(&root).unwrap_err().to_string();
        fs::remove_file(root.join("docs/architecture.md")).unwrap();
        problems.push_str(&check(&root).unwrap_err().to_string());
        fs::remove_dir_all(&root).unwrap();
        for expected in [
            "docs/a/b/new.md:2: avoid “somebody”",
            "docs/architecture.md: is clean, remove it from PENDING",
            "docs/architecture.md: does not exist, remove it from PENDING",
        ] {
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
