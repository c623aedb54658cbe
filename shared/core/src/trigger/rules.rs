use jiff::Timestamp;

use super::Event;
use crate::{
    delivery::toll_fraud::{Country, Numbering},
    kernel::{EmailAddress, PhoneNumber, Refusal},
    rules::{Phone, RuleAction, RuleQuestion, RuleVerdict, Rules},
    telemetry::Metric,
};

/// Evaluates an operator's rules for an event.
pub(super) fn ask(
    rules: &dyn Rules,
    action: RuleAction,
    event: Event<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let refusal = match action {
        RuleAction::SignUp => Refusal::SignUpNotPossible,
        RuleAction::SignIn => Refusal::SignInNotPossible,
    };
    match rules.decide(&question(action, event, now)) {
        RuleVerdict::Passes => Ok(()),
        RuleVerdict::Refused { rule, message } => {
            tracing::info!(rule, "refused by a rule");
            Err(message.map_or(refusal, Refusal::ByRule))
        }
        RuleVerdict::Undecided { rule } => {
            tracing::error!(rule, "rule could not be evaluated, check it against the schema");
            Metric::RuleUndecided.emit();
            Err(refusal)
        }
    }
}

fn question(action: RuleAction, event: Event<'_>, now: Timestamp) -> RuleQuestion<'_> {
    let number = event.attribute("phone_number").and_then(|number| PhoneNumber::parse(number).ok());
    RuleQuestion {
        action,
        now,
        user_name: event.user_name(),
        app_client: event.client_id(),
        // The form is `<Provider>_<id>` (cognito.md §1.5).
        provider: match event.source() {
            "PreSignUp_ExternalProvider" => event.user_name().split_once('_').map(|(provider, _)| provider),
            _ => None,
        },
        email: event.attribute("email").and_then(|email| EmailAddress::parse(email).ok()),
        phone: number.map(|number| {
            let Numbering { country, kind } = Numbering::of(&number);
            Phone {
                number,
                country: country.as_ref().map(Country::code).map(str::to_owned),
                kind: kind.name(),
            }
        }),
        attributes: event.attributes().collect(),
        app_data: event.app_data(),
    }
}
