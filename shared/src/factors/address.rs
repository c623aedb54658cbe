use std::sync::Arc;

use async_trait::async_trait;

use super::{
    FactorChangeGuard, FactorFault, Profile, ResendCooldown, SignedIn, UserPoolFault,
    custom::CustomFactorStore,
};
use crate::{
    assurance::ChangeKind,
    audit::{AuditAction, FactorEvent},
    delivery::{Channel, Destination, Notice, Recipient},
    kernel::{AccessToken, OneTimeCode, Refusal},
    telemetry,
};

/// A user's addresses at the pool, reached with nothing but the user's access token.
///
/// Contract: `change` says whether the pool has sent a code to the new address; a code is good once.
#[async_trait]
pub trait AddressBook: Send + Sync {
    /// `UpdateUserAttributes`.
    async fn change(&self, token: &AccessToken, to: &Destination) -> Result<bool, UserPoolFault>;

    /// `GetUserAttributeVerificationCode`.
    async fn send_code(&self, token: &AccessToken, channel: Channel) -> Result<(), UserPoolFault>;

    /// `VerifyUserAttribute`.
    async fn verify(
        &self,
        token: &AccessToken,
        channel: Channel,
        code: &OneTimeCode,
    ) -> Result<AddressVerification, UserPoolFault>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressVerification {
    Verified,
    WrongCode,
    /// Or none was sent.
    Expired,
}

/// Setting up an e-mail address or a phone number, of which e-mail and SMS are made factors.
pub struct AddressService {
    access: Arc<FactorChangeGuard>,
    book: Arc<dyn AddressBook>,
    custom: Arc<dyn CustomFactorStore>,
    waits: ResendCooldown,
}

impl AddressService {
    pub fn new(
        access: Arc<FactorChangeGuard>,
        book: Arc<dyn AddressBook>,
        custom: Arc<dyn CustomFactorStore>,
        waits: ResendCooldown,
    ) -> Self {
        Self { access, book, custom, waits }
    }

    /// Puts `to` in the place of the address there was, and has a code sent to it. Before that the old
    /// address is told: a stranger's change must not be silent there. Who can't be told, because nothing
    /// was verified, is not. Not within the cool-down of the code before.
    pub async fn change(&self, caller: &SignedIn, to: &Destination) -> Result<(), FactorFault> {
        let profile = self.access.profile_for_change(caller, ChangeKind::Address).await?;
        let channel = to.channel();
        let old = match channel {
            Channel::Sms => profile.contacts.phone_number.clone().map(Destination::Sms),
            Channel::Email => profile.contacts.email.clone().map(Destination::Email),
        };
        if old.as_ref() == Some(to) {
            return Err(Refusal::AddressVerified.into());
        }
        self.waits.apart(&caller.user, channel, self.put(caller, &profile, old, to)).await
    }

    async fn put(
        &self,
        caller: &SignedIn,
        profile: &Profile,
        old: Option<Destination>,
        to: &Destination,
    ) -> Result<(), FactorFault> {
        let channel = to.channel();
        let event = match channel {
            Channel::Sms => FactorEvent::PhoneNumberChanged,
            Channel::Email => FactorEvent::EmailChanged,
        };
        let entry = self.access.note(caller, AuditAction::CustomFactor { event, id: None }).await?;
        let told = old
            .map(|destination| Recipient {
                user: profile.user.clone(),
                user_name: profile.contacts.user_name.clone(),
                destination,
                is_verified: true,
                locales: profile.contacts.locale.iter().cloned().collect(),
            })
            .or_else(|| profile.recipient());
        self.access.tell_at(told, &entry, Notice::AddressChanged, None).await?;
        self.custom.revoke_devices(&caller.user).await?;
        if !self.book.change(&caller.token, to).await? {
            self.book.send_code(&caller.token, channel).await?;
        }
        Ok(())
    }

    /// Sends another code to the address that waits for one. Not within the cool-down of the one before, which
    /// stays good.
    pub async fn send_code(&self, caller: &SignedIn, channel: Channel) -> Result<(), FactorFault> {
        self.access.profile_for_change(caller, ChangeKind::Address).await?;
        let send = async {
            let event = FactorEvent::AddressCodeSent;
            self.access.note(caller, AuditAction::CustomFactor { event, id: None }).await?;
            Ok(self.book.send_code(&caller.token, channel).await?)
        };
        self.waits.apart(&caller.user, channel, send).await
    }

    /// Verifies the address that the code was sent to.
    pub async fn verify(
        &self,
        caller: &SignedIn,
        channel: Channel,
        code: &OneTimeCode,
    ) -> Result<(), FactorFault> {
        // As it is now: its addresses are the old ones.
        let profile = self.access.profile_for_change(caller, ChangeKind::Address).await?;
        match self.book.verify(&caller.token, channel, code).await? {
            AddressVerification::Verified => {
                self.waits.arrived(&caller.user, channel).await;
                self.access.forget_remembered_devices(caller).await;
            }
            AddressVerification::WrongCode => return Err(Refusal::CodeWrong.into()),
            AddressVerification::Expired => return Err(Refusal::CodeExpired.into()),
        }
        let event = match channel {
            Channel::Sms => FactorEvent::PhoneNumberVerified,
            Channel::Email => FactorEvent::EmailVerified,
        };
        // Done already: a missing line does not undo it.
        match self.access.note(caller, AuditAction::CustomFactor { event, id: None }).await {
            Ok(entry) => self.access.tell_afterwards(&profile, &entry, Notice::AddressChanged, None).await,
            Err(fault) => telemetry::dependency_failed(&fault),
        }
        Ok(())
    }
}

impl std::fmt::Debug for AddressService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressService")
    }
}
