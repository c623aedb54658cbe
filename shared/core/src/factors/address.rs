use std::sync::Arc;

use async_trait::async_trait;

use super::{
    FactorChangeGuard, FactorFault, Profile, ResendCooldown, SignedIn, UserPoolFault,
    custom::CustomFactorStore,
};
use crate::{
    assurance::ChangeKind,
    audit::{AuditAction, FactorEvent},
    delivery::{
        Channel, Notice, Recipient,
        toll_fraud::{Destination, NumberRules},
    },
    kernel::{AccessToken, OneTimeCode, Refusal},
    telemetry,
};

/// Changes and verifies a user's addresses at the pool, with only the user's access token.
///
/// Contract: `change` returns whether the pool has sent a code to the new address. A code is valid once.
#[async_trait]
pub trait AddressBook: Send + Sync + std::fmt::Debug {
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
    /// The code has expired, or the pool sent no code.
    Expired,
}

/// Sets up the e-mail address and the phone number that codes are sent to.
#[derive(Debug)]
pub struct AddressService {
    access: Arc<FactorChangeGuard>,
    book: Arc<dyn AddressBook>,
    custom: Arc<dyn CustomFactorStore>,
    waits: ResendCooldown,
    numbers: NumberRules,
}

impl AddressService {
    pub fn new(
        access: Arc<FactorChangeGuard>,
        book: Arc<dyn AddressBook>,
        custom: Arc<dyn CustomFactorStore>,
        waits: ResendCooldown,
        numbers: NumberRules,
    ) -> Self {
        Self { access, book, custom, waits, numbers }
    }

    /// Replaces the address and sends a code to the new one. First, a notice goes to the old address, so that
    /// its owner learns of a stranger's change. A user without a verified address gets no notice. Refuses
    /// addresses that can't get messages, and requests within the cool-down of the last code.
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
        match to {
            Destination::Sms(number) if !self.numbers.accept(number) => {
                return Err(Refusal::PhoneNumberNotUsable.into());
            }
            Destination::Email(address) if !address.can_get_mail() => {
                return Err(Refusal::EmailNotValid.into());
            }
            Destination::Sms(_) | Destination::Email(_) => {}
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

    /// Sends another code to the unverified address. The code before stays valid. Refuses requests within its
    /// cool-down.
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
        // Read before the verification, so its addresses are still the old ones.
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
        // The address is already verified, and a missing line does not undo that.
        match self.access.note(caller, AuditAction::CustomFactor { event, id: None }).await {
            Ok(entry) => self.access.tell_afterwards(&profile, &entry, Notice::AddressChanged, None).await,
            Err(fault) => telemetry::dependency_failed(&fault),
        }
        Ok(())
    }
}
