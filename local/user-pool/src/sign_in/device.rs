//! Remembered devices (cognito.md §5): a device's own SRP, in place of a code or after all factors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::password_proof::accepts;
use super::respond::Answers;
use super::{Flow, Outcome, Stage, Turn};
use crate::model::device::Device;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::srp::{Exchange, Identity};

impl Turn<'_> {
    /// A key that names no device of the user's fails the sign-in; clients then forget it and begin
    /// again. For an unknown user nothing is revealed.
    pub(super) fn take_device_key(&mut self, key: Option<&str>) -> Result<(), ApiError> {
        let (Some(key), Some(user)) = (key, &self.user) else {
            return Ok(());
        };
        if self.pool.settings.device_configuration.is_none() {
            return Ok(());
        }
        if !is_device_key(key) {
            return Err(ApiError::invalid_parameter("Invalid device key given."));
        }
        if !user.devices.contains_key(key) {
            return Err(ApiError::new(ErrorCode::ResourceNotFound, "Device does not exist."));
        }
        self.attempt.device_key = Some(key.to_owned());
        Ok(())
    }

    fn remembered_device(&self) -> Option<&Device> {
        self.pool.settings.device_configuration.as_ref()?;
        let device = self.user.as_ref()?.devices.get(self.attempt.device_key.as_ref()?)?;
        device.remembered.then_some(device)
    }

    pub(super) fn device_stands_for_mfa(&self) -> bool {
        let configuration = self.pool.settings.device_configuration;
        configuration.is_some_and(|configuration| configuration.challenge_required_on_new_device)
            && self.remembered_device().is_some()
    }

    pub(super) async fn ask_device_or_finish(self) -> Result<Outcome, ApiError> {
        if !self.attempt.device_proven && self.remembered_device().is_some() {
            return Ok(self.ask_device());
        }
        self.finish().await
    }

    pub(super) fn ask_device(self) -> Outcome {
        let mut parameters = self.parameters([]);
        parameters.insert("USERNAME".to_owned(), self.username().into());
        self.challenge(Stage::DeviceSrp, parameters)
    }

    pub(super) fn answer_device_srp(self, session: &str, answers: &Answers) -> Result<Outcome, ApiError> {
        let srp_a = answers.required("SRP_A")?;
        let key = answers.required("DEVICE_KEY")?;
        let device = self.remembered_device().filter(|device| device.key == key);
        let device =
            device.ok_or_else(|| ApiError::new(ErrorCode::ResourceNotFound, "Device does not exist."))?;
        let identity = Identity { group: device.group_key.clone(), name: device.key.clone() };
        let exchange = Exchange::begin(identity, srp_a, &device.salt, &device.verifier)
            .ok_or_else(|| ApiError::invalid_parameter("Invalid SRP_A"))?;
        self.pools.sessions.consume(session, self.pools.now())?;
        let parameters = self.parameters([
            ("SALT", exchange.salt_hex().to_owned()),
            ("SRP_B", exchange.srp_b()),
            ("SECRET_BLOCK", STANDARD.encode(exchange.secret_block())),
            ("DEVICE_KEY", key.to_owned()),
            ("USERNAME", self.username().to_owned()),
        ]);
        Ok(self.challenge(Stage::DevicePasswordVerifier(Box::new(exchange)), parameters))
    }

    pub(super) async fn answer_device_proof(
        mut self,
        exchange: &Exchange,
        session: &str,
        answers: &Answers,
    ) -> Result<Outcome, ApiError> {
        let signature = answers.required("PASSWORD_CLAIM_SIGNATURE")?;
        let secret_block = answers.required("PASSWORD_CLAIM_SECRET_BLOCK")?;
        let timestamp = answers.required("TIMESTAMP")?;
        let now = self.pools.now();
        self.pools.sessions.consume(session, now)?;
        if !accepts(exchange, signature, secret_block, timestamp) {
            return Err(ApiError::wrong_credentials());
        }
        let sub = self.known_user()?.sub.clone();
        let key = self.attempt.device_key.clone().unwrap_or_default();
        self.pools.store.update_user(&self.pool.id, &sub, |user| {
            let device = user.devices.get_mut(&key).ok_or_else(ApiError::invalid_session)?;
            device.last_authenticated = now;
            Ok(())
        })?;
        self.reload_user();
        self.attempt.device_proven = true;
        self.remember("DEVICE_SRP_AUTH", true, None);
        self.remember("DEVICE_PASSWORD_VERIFIER", true, None);
        let stood_for_mfa = !self.attempt.tokens_granted;
        match self.attempt.flow {
            Flow::Custom if stood_for_mfa && self.pools.switches().define_after_mfa => self.define().await,
            Flow::Custom | Flow::Password | Flow::Choice => self.finish().await,
        }
    }
}

/// `[\w-]+_[0-9a-f-]+`, at most 55 characters.
fn is_device_key(key: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    key.len() <= 55
        && key.rsplit_once('_').is_some_and(|(region, id)| {
            !region.is_empty()
                && region.chars().all(word)
                && !id.is_empty()
                && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'))
        })
}
