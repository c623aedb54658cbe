use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, signing_in};
use crate::custom_auth::ChallengeCreator;

/// Creates the next custom challenge (cognito.md §1.13).
#[derive(Debug)]
pub struct CreateAuthChallenge(ChallengeCreator);

impl CreateAuthChallenge {
    pub fn new(creator: ChallengeCreator) -> Self {
        Self(creator)
    }
}

impl Trigger for CreateAuthChallenge {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let created = self.0.create(&signing_in(event), &event.session()).await?;
        // Define asked for a challenge, but the state has changed since. Without parameters no answer is
        // right, and then Define ends the sign-in.
        let Some(created) = created else { return Ok(Map::new()) };
        let texts = |parameters: Vec<(&str, String)>| {
            Value::Object(parameters.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect())
        };
        Ok(Map::from_iter([
            ("publicChallengeParameters".to_owned(), texts(created.public)),
            ("privateChallengeParameters".to_owned(), texts(created.private)),
            ("challengeMetadata".to_owned(), created.metadata.into()),
        ]))
    }
}
