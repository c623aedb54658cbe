use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, rules};
use crate::{
    config::policy::SignUpPolicy,
    delivery::toll_fraud::NumberRules,
    kernel::{Clock, EmailAddress, PhoneNumber, Refusal, is_verified},
    rules::{RuleAction, Rules},
    sign_up::{Availability, Candidate, Linked, Linking, UniqueAddresses, admit},
};

/// Decides who may sign up (cognito.md §1.5). The order is: policy, the operator's rules, the link of a
/// provider's user, the claim on the addresses. So a refused user reserves no address.
///
/// An administrator is responsible for the users they create, so we check only the form of the addresses.
#[derive(Debug)]
pub struct PreSignUp {
    policy: SignUpPolicy,
    rules: Option<Arc<dyn Rules>>,
    unique: Option<UniqueAddresses>,
    linking: Option<Linking>,
    numbers: Option<NumberRules>,
    clock: Arc<dyn Clock>,
}

impl PreSignUp {
    pub fn new(
        policy: SignUpPolicy,
        rules: Option<Arc<dyn Rules>>,
        unique: Option<UniqueAddresses>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { policy, rules, unique, linking: None, numbers: None, clock }
    }

    /// Links first sign-ins through an identity provider with existing accounts.
    #[must_use]
    pub fn with_linking(self, linking: Linking) -> Self {
        Self { linking: Some(linking), ..self }
    }

    /// Refuses a sign-up with a phone number as the only address if the number can't get text messages. Without
    /// a code, the user could never confirm the account.
    #[must_use]
    pub fn with_number_rules(self, numbers: NumberRules) -> Self {
        Self { numbers: Some(numbers), ..self }
    }

    /// Decides whether a user who signs up with a password can get the code that confirms the account.
    fn check_reachable(&self, event: Event<'_>) -> Result<(), Refusal> {
        if event.source() != "PreSignUp_SignUp" {
            return Ok(());
        }
        let email = event.attribute("email").and_then(|email| EmailAddress::parse(email).ok());
        if let Some(email) = email {
            return if email.can_get_mail() { Ok(()) } else { Err(Refusal::EmailNotValid) };
        }
        let number = event.attribute("phone_number").and_then(|number| PhoneNumber::parse(number).ok());
        let accepts = |number| self.numbers.as_ref().is_none_or(|numbers| numbers.accept(&number));
        if number.is_none_or(accepts) { Ok(()) } else { Err(Refusal::PhoneNumberNotUsable) }
    }

    async fn decide_for_themselves(&self, event: Event<'_>) -> Result<(), TriggerFault> {
        let now = self.clock.now();
        if let Some(rules) = &self.rules {
            rules::ask(rules.as_ref(), RuleAction::SignUp, event, now)?;
        }
        let email = event.attribute("email").and_then(|email| EmailAddress::parse(email).ok());
        if let (Some(linking), "PreSignUp_ExternalProvider") = (&self.linking, event.source()) {
            let verified = email.as_ref().filter(|_| is_verified(event.attribute("email_verified")));
            let subject = event.attribute(Linking::SUBJECT_ATTRIBUTE);
            match linking.link(event.user_pool_id(), event.user_name(), subject, verified).await? {
                // An error keeps Cognito from creating a separate user for the identity (cognito.md §1.5).
                // The next sign-in is the account's.
                Linked::Linked => return Err(Refusal::AccountLinked.into()),
                Linked::Apart => {}
            }
        }
        let Some(unique) = &self.unique else { return Ok(()) };
        let number = event.attribute("phone_number").and_then(|number| PhoneNumber::parse(number).ok());
        match unique.claim(event.user_name(), email.as_ref(), number.as_ref(), now).await? {
            Availability::Free => Ok(()),
            // The refusal is the same as for a denied domain, so it does not reveal whether the address has
            // an account.
            Availability::Taken => Err(Refusal::SignUpNotPossible.into()),
        }
    }
}

impl Trigger for PreSignUp {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let (email, phone_number) = (event.attribute("email"), event.attribute("phone_number"));
        let candidate = match event.source() {
            "PreSignUp_AdminCreateUser" => Candidate::ByAdministrator { email, phone_number },
            // Sign-up, federation and any future source get the stricter rules.
            _ => Candidate::Themselves { email, phone_number },
        };
        let admission = admit(&self.policy, candidate)?;
        // A user who is confirmed at once needs no code.
        if !admission.auto_confirm {
            self.check_reachable(event)?;
        }
        if matches!(candidate, Candidate::Themselves { .. }) {
            self.decide_for_themselves(event).await?;
        }
        let mut response = Map::new();
        if admission.auto_confirm {
            response.insert("autoConfirmUser".into(), true.into());
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        config::{Policy, load},
        kernel::SystemClock,
        trigger::answer,
    };

    fn trigger(policy: SignUpPolicy) -> PreSignUp {
        PreSignUp::new(policy, None, None, Arc::new(SystemClock))
    }

    fn event(source: &str, email: &str) -> Value {
        json!({ "triggerSource": source, "request": { "userAttributes": { "email": email } }, "response": { "autoConfirmUser": false } })
    }

    #[tokio::test]
    async fn auto_confirmation_is_answered_only_where_policy_says_so() {
        let policy = Policy::default().sign_up;
        let confirmed = |event: &Value| event["response"]["autoConfirmUser"].clone();
        let given = event("PreSignUp_SignUp", "alex@example.com");
        assert_eq!(confirmed(&answer(&trigger(policy.clone()), given.clone()).await.unwrap()), json!(false));
        let auto = trigger(SignUpPolicy { auto_confirm: true, ..policy });
        assert_eq!(confirmed(&answer(&auto, given).await.unwrap()), json!(true));
    }

    #[rstest]
    #[case::mobile("+4915123456789", true)]
    #[case::north_america("+12025550123", true)]
    #[case::land_line("+493012345678", false)]
    #[case::land_line_of_argentina("+541123450078", false)]
    #[case::national_prefix("+4407400123456", false)]
    #[case::satellite("+881612345678", false)]
    #[case::premium_rate("+4990012345678", false)]
    #[case::too_short("+49151234567", false)]
    #[tokio::test]
    async fn a_phone_number_alone_must_get_codes(#[case] number: &str, #[case] can: bool) {
        let policy = Policy::default();
        let numbers = load(&|_| None, |environment| NumberRules::read(&policy, environment)).unwrap();
        let trigger = trigger(policy.sign_up).with_number_rules(numbers);
        let refused = if can { Ok(()) } else { Err(Refusal::PhoneNumberNotUsable) };
        let event = |source: &str, more: Value| {
            let mut event = event(source, "alex@example.com");
            event["request"]["userAttributes"] = more;
            event
        };
        let alone = json!({ "phone_number": number });
        let decided = answer(&trigger, event("PreSignUp_SignUp", alone.clone())).await;
        assert_eq!(decided.map(drop), refused);
        // The code goes to the e-mail address, or no code is needed.
        let both = json!({ "phone_number": number, "email": "alex@example.com" });
        for (source, attributes) in [
            ("PreSignUp_SignUp", both),
            ("PreSignUp_AdminCreateUser", alone.clone()),
            ("PreSignUp_ExternalProvider", alone),
        ] {
            assert!(answer(&trigger, event(source, attributes)).await.is_ok(), "{source}");
        }
    }

    #[rstest]
    #[case::ascii("alex@example.com", true)]
    #[case::international_domain("alex@müller.example", true)]
    #[case::german("müller@example.com", false)]
    #[case::chinese("用户@example.com", false)]
    #[case::arabic("مثال@example.com", false)]
    #[case::accent("zoë@example.com", false)]
    #[case::decomposed("zoe\u{308}@example.com", false)]
    #[tokio::test]
    async fn an_email_address_must_get_codes(#[case] email: &str, #[case] can: bool) {
        let auto = SignUpPolicy { auto_confirm: true, ..Policy::default().sign_up };
        let confirmed = answer(&trigger(auto), event("PreSignUp_SignUp", email)).await;
        assert!(confirmed.is_ok(), "no code is needed");
        let trigger = trigger(Policy::default().sign_up);
        let refused = if can { Ok(()) } else { Err(Refusal::EmailNotValid) };
        assert_eq!(answer(&trigger, event("PreSignUp_SignUp", email)).await.map(drop), refused);
        for source in ["PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"] {
            assert!(answer(&trigger, event(source, email)).await.is_ok(), "no code is sent: {source}");
        }
    }

    #[tokio::test]
    async fn only_administrators_pass_a_closed_door() {
        let trigger = trigger(SignUpPolicy { open: false, ..Policy::default().sign_up });
        let email = "alex@example.com";
        assert!(answer(&trigger, event("PreSignUp_AdminCreateUser", email)).await.is_ok());
        for source in ["PreSignUp_SignUp", "PreSignUp_ExternalProvider", "PreSignUp_Later", ""] {
            assert_eq!(answer(&trigger, event(source, email)).await, Err(Refusal::SignUpClosed), "{source}");
        }
    }
}
