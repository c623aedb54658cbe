use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    custom_auth::{Challenges, Creator, CustomAuthSettings, LastGate, NativeEnrolment, SignIns, Verifier},
    delivery::Courier,
    factors::own::Seeds,
    kernel::{Clock, Entropy, HashKey, PortError},
};

fn key() -> HashKey {
    HashKey::new("k".repeat(64).as_bytes())
}

pub fn creator(sign_ins: SignIns, courier: Arc<dyn Courier>, entropy: Arc<dyn Entropy>) -> Creator {
    Creator::new(sign_ins, courier, entropy, key())
}

pub fn verifier(sign_ins: SignIns, seeds: Arc<dyn Seeds>) -> Verifier {
    Verifier::new(sign_ins, seeds, key())
}

/// No user has a factor of Cognito's.
struct NoNatives;

#[async_trait]
impl NativeEnrolment for NoNatives {
    async fn has_native_factor(&self, _: &str) -> Result<bool, PortError> {
        Ok(false)
    }
}

pub fn last_gate(
    settings: CustomAuthSettings,
    challenges: Arc<dyn Challenges>,
    clock: Arc<dyn Clock>,
) -> LastGate {
    LastGate::new(settings, challenges, Arc::new(NoNatives), clock)
}
