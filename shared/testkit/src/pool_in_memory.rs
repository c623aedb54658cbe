use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mfa_core::{
    delivery::{Channel, toll_fraud::Destination},
    factors::{
        AddressBook, AddressVerification, Contacts, NativeFactors, Profile, TotpVerification, UserPoolFault,
        devices::{DeviceId, DeviceRegistry, PoolDevice},
        enrolment::{FriendlyDeviceName, TotpSecret},
        preference::{FactorState, PreferenceChange},
    },
    kernel::{AccessToken, EmailAddress, OneTimeCode, PoolFactor, PortError, UserId},
};

/// One user of a pool, in memory. [`InMemoryUserPool::CODE`] is always the right TOTP code.
#[derive(Debug)]
pub struct InMemoryUserPool {
    user: UserId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a test, each independent of the others")]
struct State {
    factors: FactorState,
    revoked: bool,
    /// The number of secrets handed out so far.
    associated: u32,
    verified: bool,
    code_used: bool,
    ignores_preferences: bool,
    failing: bool,
    calls: Vec<&'static str>,
    /// The address that waits for its code.
    waiting: Option<Destination>,
    devices: Vec<PoolDevice>,
}

impl InMemoryUserPool {
    pub const CODE: &str = "492039";

    pub fn new(user: UserId) -> Self {
        Self { user, state: Mutex::default() }
    }

    /// Turns `factors` on, the first of them preferred.
    #[must_use]
    pub fn with_factors(self, factors: &[PoolFactor]) -> Self {
        {
            let mut state = self.lock();
            state.factors = FactorState {
                enabled: factors.iter().copied().collect::<BTreeSet<_>>(),
                preferred: factors.first().copied(),
            };
            state.verified = factors.contains(&PoolFactor::Totp);
        }
        self
    }

    /// Sets factors as a direct call of `SetUserMFAPreference` at Cognito does, without the MFA API.
    pub fn set_factors(&self, factors: &[PoolFactor]) {
        let mut state = self.lock();
        state.factors.enabled = factors.iter().copied().collect();
        state.factors.preferred = factors.first().copied();
    }

    /// Revokes all tokens, as `GlobalSignOut` does.
    pub fn revoke(&self) {
        self.lock().revoked = true;
    }

    /// Makes the pool accept preferences without applying them, as a pool with MFA required does.
    pub fn ignore_preferences(&self) {
        self.lock().ignores_preferences = true;
    }

    /// Makes every later call fail, as if Cognito were unreachable.
    pub fn fail(&self) {
        self.lock().failing = true;
    }

    /// Adds a device, as `ConfirmDevice` does.
    pub fn add_device(&self, device: PoolDevice) {
        self.lock().devices.push(device);
    }

    pub fn factors(&self) -> FactorState {
        self.lock().factors.clone()
    }

    /// Returns the calls so far, by Cognito's names.
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, UserPoolFault> {
        let mut state = self.lock();
        state.calls.push(operation);
        if state.failing {
            return Err(PortError::new(operation, "told to fail at arn:aws:canary").into());
        }
        if state.revoked { Err(UserPoolFault::NotSignedIn) } else { Ok(state) }
    }
}

#[async_trait]
impl AddressBook for InMemoryUserPool {
    async fn change(&self, _: &AccessToken, to: &Destination) -> Result<bool, UserPoolFault> {
        let mut state = self.call("UpdateUserAttributes")?;
        state.waiting = Some(to.clone());
        // The pool verifies e-mail addresses by itself, and phone numbers on request.
        Ok(to.channel() == Channel::Email)
    }

    async fn send_code(&self, _: &AccessToken, channel: Channel) -> Result<(), UserPoolFault> {
        let state = self.call("GetUserAttributeVerificationCode")?;
        let is_waiting = state.waiting.as_ref().is_some_and(|waiting| waiting.channel() == channel);
        if is_waiting { Ok(()) } else { Err(UserPoolFault::NoAddress) }
    }

    async fn verify(
        &self,
        _: &AccessToken,
        channel: Channel,
        code: &OneTimeCode,
    ) -> Result<AddressVerification, UserPoolFault> {
        let mut state = self.call("VerifyUserAttribute")?;
        if state.waiting.as_ref().is_none_or(|waiting| waiting.channel() != channel) {
            return Ok(AddressVerification::Expired);
        }
        if code.expose() != Self::CODE {
            return Ok(AddressVerification::WrongCode);
        }
        state.waiting = None;
        Ok(AddressVerification::Verified)
    }
}

#[async_trait]
impl DeviceRegistry for InMemoryUserPool {
    async fn devices(&self, _: &AccessToken) -> Result<Vec<PoolDevice>, UserPoolFault> {
        Ok(self.call("ListDevices")?.devices.clone())
    }

    async fn remember(&self, _: &AccessToken, id: &DeviceId, remember: bool) -> Result<(), UserPoolFault> {
        let mut state = self.call("UpdateDeviceStatus")?;
        let device = state.devices.iter_mut().find(|device| device.id == *id);
        device.ok_or(UserPoolFault::DeviceNotFound)?.is_remembered = remember;
        Ok(())
    }

    async fn forget(&self, _: &AccessToken, id: &DeviceId) -> Result<(), UserPoolFault> {
        let mut state = self.call("ForgetDevice")?;
        let before = state.devices.len();
        state.devices.retain(|device| device.id != *id);
        if state.devices.len() < before { Ok(()) } else { Err(UserPoolFault::DeviceNotFound) }
    }
}

#[async_trait]
impl NativeFactors for InMemoryUserPool {
    async fn profile(&self, _: &AccessToken) -> Result<Profile, UserPoolFault> {
        let factors = self.call("GetUser")?.factors.clone();
        let contacts = Contacts {
            user_name: "alex".into(),
            email: EmailAddress::parse("alex@example.com").ok(),
            phone_number: None,
            locale: Some("de".into()),
        };
        Ok(Profile { user: self.user.clone(), account: "alex@example.com".into(), contacts, factors })
    }

    async fn associate_totp(&self, _: &AccessToken) -> Result<TotpSecret, UserPoolFault> {
        let mut state = self.call("AssociateSoftwareToken")?;
        state.associated += 1;
        (state.verified, state.code_used) = (false, false);
        Ok(TotpSecret::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".into()))
    }

    async fn verify_totp(
        &self,
        _: &AccessToken,
        code: &OneTimeCode,
        _: Option<&FriendlyDeviceName>,
    ) -> Result<TotpVerification, UserPoolFault> {
        let mut state = self.call("VerifySoftwareToken")?;
        if state.associated == 0 {
            return Ok(TotpVerification::NotStarted);
        }
        if code.expose() != Self::CODE {
            return Ok(TotpVerification::WrongCode);
        }
        if state.code_used {
            return Ok(TotpVerification::AlreadyUsed);
        }
        (state.verified, state.code_used) = (true, true);
        Ok(TotpVerification::Verified)
    }

    async fn set_preference(&self, _: &AccessToken, change: &PreferenceChange) -> Result<(), UserPoolFault> {
        let mut state = self.call("SetUserMFAPreference")?;
        let turns_totp_on = change.blocks.get(&PoolFactor::Totp).is_some_and(|block| block.enabled);
        if turns_totp_on && !state.verified {
            return Err(UserPoolFault::FactorNotSetUp);
        }
        if !state.ignores_preferences {
            state.factors = change.applied_to(&state.factors);
        }
        Ok(())
    }
}
