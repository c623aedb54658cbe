//! Sets the new password and removes what the lost phone held.

use std::collections::BTreeSet;

use super::{CaseService, MAX_RETRIES, RecoveryFault, notice, recipient, view};
use crate::{
    audit::RecoveryEvent,
    delivery::{Notice, toll_fraud::Destination},
    factors::custom::{Change, ChangeOutcome},
    kernel::{PoolFactor, PortError, Refusal},
    recovery::{
        CaseKey, CaseSecret, FactorRemoval, Password, RecoveryReply,
        case::{Case, CaseEnding, CasePhase, EscalationReason, RecoveryStep, RecoveryWork},
        lost, plan,
        port::{Account, Accounts, PasswordOutcome, PreferenceOutcome, SwapOutcome},
    },
    telemetry::Metric,
};

impl CaseService {
    /// Sets the new password, then removes the factor. The first accepted password counts.
    pub(super) async fn finish(
        &self,
        secret: &CaseSecret,
        old: &Password,
        password: &Password,
    ) -> Result<RecoveryReply, RecoveryFault> {
        let (key, case) = self.case(secret).await?;
        if case.was_opened_with(&secret.fingerprint(password)) {
            return Err(Refusal::PasswordReused.into());
        }
        let case = match case.phase {
            CasePhase::Open | CasePhase::Waiting(_) | CasePhase::Proven => {
                let is_same = case.was_opened_with(&secret.fingerprint(old));
                self.begin(&key, &case, is_same.then_some(old)).await?
            }
            CasePhase::Over(CaseEnding::Cancelled) => return Err(Refusal::RecoveryEnded.into()),
            CasePhase::InProgress(_) | CasePhase::Over(_) => case,
        };
        Ok(view(&self.work(&key, case, Some(password)).await?))
    }

    /// Reads the account as it is now. An owner who was notified and has changed the password has ended the
    /// case. Then records the beginning, so that the work is finished even if a worker dies.
    pub(super) async fn begin(
        &self,
        key: &CaseKey,
        case: &Case,
        old: Option<&Password>,
    ) -> Result<Case, RecoveryFault> {
        let now = self.now();
        let ids = self.ids(case, now)?;
        // This refuses before any call if the case may not begin.
        case.begin(BTreeSet::new(), ids, now)?;
        // In a recovery by e-mail, the owner may have signed in since the code was entered.
        if case.waits_since.is_some() && self.mailbox(key, case, now).await?.is_none() {
            return Err(Refusal::RecoveryEnded.into());
        }
        let account = self.account(case).await?.filter(|account| account.is_enabled);
        let account = account.ok_or(Refusal::RecoveryEnded)?;
        let old = old.ok_or(Refusal::PasswordWrong)?;
        let asked = self.ports.passwords.check(case.user_name(), old).await?;
        let asked = asked.ok_or(Refusal::PasswordWrong)?;
        let begun = case.begin(lost(&account.profile.factors, &asked), ids, now)?;
        match self.ports.cases.swap(key, case.revision, &begun).await? {
            SwapOutcome::Done => Ok(begun),
            SwapOutcome::Overtaken => self.read(key).await,
        }
    }

    /// Continues from the next step until the case is over, or until it needs a password that is absent.
    pub(super) async fn work(
        &self,
        key: &CaseKey,
        case: Case,
        password: Option<&Password>,
    ) -> Result<Case, RecoveryFault> {
        let mut case = case;
        while let CasePhase::InProgress(work) = &case.phase {
            let mut escalation = None;
            match (work.step, password) {
                (RecoveryStep::Password, None) => return Ok(case),
                (RecoveryStep::Password, Some(password)) => self.set_password(&case, work, password).await?,
                (RecoveryStep::Sessions, _) => self.ports.accounts.sign_out(case.user_name()).await?,
                (RecoveryStep::Devices, _) => {
                    let _forgotten = self.ports.accounts.forget_devices(case.user_name()).await?;
                }
                (RecoveryStep::CustomFactors, _) => self.forget_own(&case, work).await?,
                (RecoveryStep::PoolFactor, _) => escalation = self.remove_factor(&case, work).await?,
                (RecoveryStep::Notices, _) => self.tell(&case, work).await?,
            }
            let after = case.step_done(escalation)?;
            case = match self.ports.cases.swap(key, case.revision, &after).await? {
                SwapOutcome::Done => after,
                // Another worker handles the same case. Repeated steps take effect once.
                SwapOutcome::Overtaken => self.read(key).await?,
            };
        }
        Ok(case)
    }

    pub(super) async fn set_password(
        &self,
        case: &Case,
        work: &RecoveryWork,
        password: &Password,
    ) -> Result<(), RecoveryFault> {
        // Without the audit line, the recovery does not continue.
        self.note(case, work, work.ids.begun, RecoveryEvent::Begun).await?;
        if self.ports.accounts.set_password(case.user_name(), password).await? == PasswordOutcome::Done {
            return Ok(());
        }
        // The pool's password history refuses the password if a worker died after setting it.
        match self.ports.passwords.check(case.user_name(), password).await? {
            Some(_) => Ok(()),
            None => Err(Refusal::PasswordNotAccepted.into()),
        }
    }

    /// Removes named authenticators, passkeys and trusted devices. The lost phone most likely held the
    /// authenticators and passkeys too.
    ///
    /// A pool factor that was not lost still counts at native clients. So the note that it was on stays, and with
    /// it the need to prove this factor before a new first authenticator.
    pub(super) async fn forget_own(&self, case: &Case, work: &RecoveryWork) -> Result<(), RecoveryFault> {
        let account = self.account(case).await?;
        let keeps_pool_factor =
            account.is_some_and(|account| !account.profile.factors.enabled.is_subset(&work.lost));
        for _ in 0..MAX_RETRIES {
            let seen = self.ports.custom.custom_factors(case.user()).await?;
            // The remaining recovery codes stay. They do not prevent a new first authenticator.
            let change = Change { recovery: None, begins_anew: !keeps_pool_factor, ..Change::reset() };
            if self.ports.custom.change(case.user(), seen.revision, &change).await? == ChangeOutcome::Done {
                return Ok(());
            }
        }
        Err(Refusal::FactorsChangedMeanwhile.into())
    }

    pub(super) async fn remove_factor(
        &self,
        case: &Case,
        work: &RecoveryWork,
    ) -> Result<Option<EscalationReason>, RecoveryFault> {
        let Some(account) = self.account(case).await? else { return Err(Refusal::RecoveryEnded.into()) };
        Ok(remove(self.ports.accounts.as_ref(), &account, &work.lost).await?)
    }

    /// Notifies the user at every verified address and audits the result.
    pub(super) async fn tell(&self, case: &Case, work: &RecoveryWork) -> Result<(), RecoveryFault> {
        let event = match work.escalation {
            None => RecoveryEvent::Recovered,
            Some(EscalationReason::NoOtherFactor) => RecoveryEvent::EscalatedNoOtherFactor,
            Some(EscalationReason::StillThere) => RecoveryEvent::EscalatedStillThere,
        };
        self.note(case, work, work.ids.ended, event).await?;
        let contacts = self.account(case).await?.map(|account| account.profile.contacts).unwrap_or_default();
        let email = contacts.email.clone().map(|email| (work.ids.email, Destination::Email(email)));
        let sms = contacts.phone_number.clone().map(|number| (work.ids.sms, Destination::Sms(number)));
        for (id, destination) in email.into_iter().chain(sms) {
            let to = recipient(case, &contacts, destination);
            self.ports.queue.enqueue(&notice(Notice::AccountRecovered, id, work.began_at, to)).await?;
        }
        match work.escalation {
            None => Metric::Recovered.emit(),
            Some(reason) => {
                tracing::warn!(reason = reason.name(), "recovery needs an operator");
                Metric::RecoveryNeedsOperator.emit();
            }
        }
        Ok(())
    }
}

/// Removes the lost factors and reads back whether they are gone. Returns the reason if they are not.
pub async fn remove(
    accounts: &dyn Accounts,
    account: &Account,
    lost: &BTreeSet<PoolFactor>,
) -> Result<Option<EscalationReason>, PortError> {
    let name = &account.profile.contacts.user_name;
    let rules = accounts.rules().await?;
    let state = &account.profile.factors;
    let mut removal = plan(&rules, state, lost, &account.addresses, true);
    if removal == FactorRemoval::DeleteTotp && !accounts.delete_totp(name).await? {
        removal = plan(&rules, state, lost, &account.addresses, false);
    }
    match &removal {
        FactorRemoval::Nothing => return Ok(None),
        FactorRemoval::Escalate(reason) => return Ok(Some(*reason)),
        FactorRemoval::DeleteTotp => {}
        FactorRemoval::Change(change) => {
            if accounts.set_preference(name, change).await? == PreferenceOutcome::NotSetUp {
                return Ok(Some(EscalationReason::NoOtherFactor));
            }
        }
    }
    // Cognito answers 200 to some changes that it does not make (cognito.md §4.5).
    let after = accounts.find(name).await?.map(|account| account.profile.factors).unwrap_or_default();
    let is_gone = match &removal {
        FactorRemoval::Change(change) => change.holds_in(&after),
        _ => !after.enabled.contains(&PoolFactor::Totp),
    };
    Ok((!is_gone).then_some(EscalationReason::StillThere))
}
