//! Asks a question until its answer is valid.

use anyhow::{Context as _, Result};
use dialoguer::Input;

use super::answers::Validation;

pub(super) trait Asker {
    /// Returns a valid answer. An empty answer takes the proposed one.
    fn answer(&mut self, question: &str, proposed: Option<&str>, validate: Validation) -> Result<String>;
}

/// Asks on the terminal.
#[derive(Debug)]
pub(super) struct Terminal;

impl Asker for Terminal {
    fn answer(&mut self, question: &str, proposed: Option<&str>, validate: Validation) -> Result<String> {
        let mut input = Input::<String>::new().with_prompt(question);
        if let Some(proposed) = proposed {
            input = input.default(proposed.to_owned());
        }
        let checked = input
            .validate_with(|answer: &String| validate(answer.trim()).map_err(|fault| format!("{fault:#}")));
        Ok(checked.interact_text().context("the terminal ended before the last answer")?.trim().to_owned())
    }
}
