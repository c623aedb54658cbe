//! Finds words in documents that the style of docs/contributors/style.md does not allow.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::references;

/// Some hide who does something: name the user, the operator, the function or the caller. The others are riddles.
const BANNED: [&str; 9] = [
    "whoever",
    "nobody",
    "somebody",
    "anybody",
    "of ours",
    "is none",
    "goes by",
    "stands for",
    "leads nowhere",
];

/// Also read as prose: users read it.
const MESSAGES: &str = "shared/core/src/delivery/message/built_in/en.ftl";

/// These name the banned words.
const WITHOUT_COMMENTS: [&str; 1] = ["xtask/src/prose.rs"];

/// Checks every Markdown file of the project, the English messages, and comments.
pub(crate) fn check(root: &Path) -> Result<()> {
    let is_prose =
        |path: &str| path == MESSAGES || Path::new(path).extension().is_some_and(|end| end == "md");
    let mut problems = Vec::new();
    let files = references::read(root, Path::new(""))?;
    for (path, text) in files.iter().filter(|(path, _)| is_prose(path)) {
        problems.extend(find(text).iter().map(|(line, word)| format!("{path}:{line}: avoid “{word}”")));
    }
    problems.sort();
    problems.extend(comments(&files));
    ensure!(problems.is_empty(), "style, see docs/contributors/style.md:\n{}", problems.join("\n"));
    Ok(())
}

/// Returns each banned word in a comment, with its place.
fn comments(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !WITHOUT_COMMENTS.contains(&path.as_str())) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| is_comment(path, line)) {
            let line = line.to_lowercase();
            let words = BANNED.into_iter().filter(|word| has(&line, word));
            found.extend(words.map(|word| format!("{path}:{}: avoid “{word}”", index + 1)));
        }
    }
    found
}

fn is_comment(path: &str, line: &str) -> bool {
    let marks: &[&str] = match Path::new(path).extension().and_then(|end| end.to_str()) {
        Some("rs" | "js" | "mjs" | "cedar" | "cedarschema") => &["//", "* "],
        Some("py" | "toml" | "yaml" | "ftl") => &["#"],
        _ => &[],
    };
    marks.iter().any(|mark| line.trim_start().starts_with(mark))
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
    use std::fs;

    use super::*;

    #[test]
    fn banned_words_are_found_in_prose_only() {
        let text = "Whoever has it.\nNobody's.\n```\nnobody\n```\n`somebody` and a table of\nA case of ours leads nowhere.\n";
        assert_eq!(find(text), [(1, "whoever"), (2, "nobody"), (7, "of ours"), (7, "leads nowhere")]);
        assert_eq!(find("The caller has it. A list of courses. Rows of hours."), []);
    }

    #[test]
    fn banned_words_are_found_in_comments() {
        let files = [
            ("cli/src/a.rs".to_owned(), "let nobody = 1;\n/// Nobody's, whoever asks.\n".to_owned()),
            ("b/c.yaml".to_owned(), "# Fine.\na: whoever\n".to_owned()),
        ];
        assert_eq!(comments(&files), ["cli/src/a.rs:2: avoid “whoever”", "cli/src/a.rs:2: avoid “nobody”"]);
    }

    #[test]
    fn documents_in_every_folder_and_messages_are_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(MESSAGES, "a = b\n");
        write("docs/a/b/new.md", "The operator decides.\n");
        check(root.path()).unwrap();

        write("docs/a/b/new.md", "Fine.\nSomebody decides.\n");
        write("README.md", "It goes by name.\n");
        write(MESSAGES, "a = Nobody\n");
        let problems = check(root.path()).unwrap_err().to_string();
        let expected = [
            "README.md:1: avoid “goes by”",
            "docs/a/b/new.md:2: avoid “somebody”",
            "en.ftl:1: avoid “nobody”",
        ];
        assert!(expected.iter().all(|one| problems.contains(one)), "{problems}");
    }
}
