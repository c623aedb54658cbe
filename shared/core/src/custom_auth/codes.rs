use std::sync::Arc;

use async_trait::async_trait;

use super::{
    port::{Challenges, CodeHash},
    round_state::Nonce,
};
use crate::{
    delivery::{ChallengeCode, ChallengeCodes},
    kernel::{Entropy, HashKey, OneTimeCode, PortError},
};

/// Draws the codes of challenges and stores a keyed hash of each. The code itself is only in its message.
pub struct DrawnCodes {
    challenges: Arc<dyn Challenges>,
    entropy: Arc<dyn Entropy>,
    key: HashKey,
    digits: usize,
}

impl DrawnCodes {
    /// `digits` is the policy's `code_digits`.
    pub fn new(challenges: Arc<dyn Challenges>, entropy: Arc<dyn Entropy>, key: HashKey, digits: u8) -> Self {
        Self { challenges, entropy, key, digits: digits.into() }
    }
}

#[async_trait]
impl ChallengeCodes for DrawnCodes {
    async fn draw(&self, message: &ChallengeCode) -> Result<Option<OneTimeCode>, PortError> {
        let Some(nonce) = Nonce::parse(&message.nonce) else { return Ok(None) };
        let code = OneTimeCode::draw(self.entropy.as_ref(), self.digits)?;
        let hash = code_hash(&self.key, &nonce, message.round_index, message.send_attempt, &code);
        let kept = CodeHash {
            user: message.to.user.clone(),
            nonce,
            round_index: message.round_index,
            send_attempt: message.send_attempt,
            hash,
        };
        Ok(self.challenges.keep_code(&kept).await?.then_some(code))
    }
}

impl std::fmt::Debug for DrawnCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrawnCodes").field("digits", &self.digits).finish_non_exhaustive()
    }
}

/// Returns the hash that we store of a code. It is bound to the challenge and to the number of the code.
pub(super) fn code_hash(
    key: &HashKey,
    nonce: &Nonce,
    round_index: u32,
    send_attempt: u32,
    code: &OneTimeCode,
) -> String {
    let parts: [&[u8]; 4] = [
        nonce.as_str().as_bytes(),
        &round_index.to_be_bytes(),
        &send_attempt.to_be_bytes(),
        code.expose().as_bytes(),
    ];
    key.hash("challenge-code", &parts)
}
