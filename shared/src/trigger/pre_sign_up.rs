use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::{
    config::SignUpPolicy,
    sign_up::{Candidate, admit},
};

/// Decides who may sign up (COGNITO.md §1.5).
#[derive(Debug)]
pub struct PreSignUp {
    policy: SignUpPolicy,
}

impl PreSignUp {
    pub fn new(policy: SignUpPolicy) -> Self {
        Self { policy }
    }
}

impl Trigger for PreSignUp {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let (email, phone_number) = (event.attribute("email"), event.attribute("phone_number"));
        let candidate = match event.source() {
            "PreSignUp_AdminCreateUser" => Candidate::ByAdministrator { email, phone_number },
            // Sign-up, federation, and whatever source comes later: the stricter rules.
            _ => Candidate::Themselves { email, phone_number },
        };
        let admission = admit(&self.policy, candidate)?;
        let mut response = Map::new();
        if admission.auto_confirm {
            response.insert("autoConfirmUser".into(), true.into());
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{config::Policy, kernel::Refusal, trigger::answer};

    fn event(source: &str, email: &str) -> Value {
        json!({ "triggerSource": source, "request": { "userAttributes": { "email": email } }, "response": { "autoConfirmUser": false } })
    }

    #[tokio::test]
    async fn auto_confirmation_is_answered_only_where_policy_says_so() {
        let policy = Policy::default().sign_up;
        let confirmed = |event: &Value| event["response"]["autoConfirmUser"].clone();
        let given = event("PreSignUp_SignUp", "alex@example.com");
        assert_eq!(
            confirmed(&answer(&PreSignUp::new(policy.clone()), given.clone()).await.unwrap()),
            json!(false)
        );
        let auto = PreSignUp::new(SignUpPolicy { auto_confirm: true, ..policy });
        assert_eq!(confirmed(&answer(&auto, given).await.unwrap()), json!(true));
    }

    #[tokio::test]
    async fn only_administrators_pass_a_closed_door() {
        let trigger = PreSignUp::new(SignUpPolicy { open: false, ..Policy::default().sign_up });
        let email = "alex@example.com";
        assert!(answer(&trigger, event("PreSignUp_AdminCreateUser", email)).await.is_ok());
        for source in ["PreSignUp_SignUp", "PreSignUp_ExternalProvider", "PreSignUp_Later", ""] {
            assert_eq!(answer(&trigger, event(source, email)).await, Err(Refusal::SignUpClosed), "{source}");
        }
    }
}
