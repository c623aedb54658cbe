use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    ChallengeCodes, Channel, CodeParcel, CodeSource, DeliveryId, Dispatch, MailedRecovery, NoticeParcel,
    Parcel, Purpose, Recipient, RecoveryParcel, SendRequest,
};
use crate::kernel::{HashKey, PortError};

/// Sends what is in a parcel, by the channel of its address: claimed, governed, worded and handed to a
/// provider as everything else is.
#[derive(Debug)]
pub struct Deliver {
    sms: Dispatch,
    email: Dispatch,
    codes: Option<CodesOf>,
    recoveries: Option<HashKey>,
}

/// Prints nothing: the port has no state of interest.
struct CodesOf(Arc<dyn ChallengeCodes>);

impl std::fmt::Debug for CodesOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeCodes")
    }
}

impl Deliver {
    pub fn new(sms: Dispatch, email: Dispatch) -> Self {
        Self { sms, email, codes: None, recoveries: None }
    }

    /// Also sends codes of custom challenges.
    #[must_use]
    pub fn with_codes(self, codes: Arc<dyn ChallengeCodes>) -> Self {
        Self { codes: Some(CodesOf(codes)), ..self }
    }

    /// Also tells of recoveries by e-mail. `key`: `MFA_RECOVERY_KEY`.
    #[must_use]
    pub fn with_recoveries(self, key: HashKey) -> Self {
        Self { recoveries: Some(key), ..self }
    }

    /// Sends it, unless another delivery of the same parcel did or does.
    pub async fn handle(&self, parcel: &Parcel) -> Result<(), PortError> {
        match parcel {
            Parcel::Code(parcel) => self.code(parcel).await,
            Parcel::Notice(parcel) => self.notice(parcel, &[]).await,
            Parcel::Recovery(parcel) => self.recovery(parcel).await,
            Parcel::Dummy => Ok(()),
        }
    }

    async fn code(&self, parcel: &CodeParcel) -> Result<(), PortError> {
        let CodeParcel { nonce, round, sending, to, expires_at, .. } = parcel;
        let Some(CodesOf(codes)) = &self.codes else {
            return Err(PortError::new("deliver.code", "this function draws no codes"));
        };
        let dispatch = self.dispatch(to);
        let request = SendRequest {
            code: CodeSource::Drawn { codes: codes.as_ref(), parcel },
            expires_at: Some(*expires_at),
            ..request(dispatch, to, Purpose::Authentication, &format!("{nonce}/{round}/{sending}"))
        };
        dispatch.handle(&request).await
    }

    /// Code and link go to the mailbox, and nowhere else.
    async fn recovery(&self, parcel: &RecoveryParcel) -> Result<(), PortError> {
        let RecoveryParcel { notice, case, page, wait_hours } = parcel;
        let Some(key) = &self.recoveries else {
            return Err(PortError::new("deliver.recovery", "this function tells of no recoveries"));
        };
        if notice.to.destination.channel() == Channel::Sms {
            return self.notice(notice, &[]).await;
        }
        let mailed = MailedRecovery::new(key.clone(), case);
        let (code, link) = (mailed.code(), mailed.link(page));
        let ready = notice.at.saturating_add(SignedDuration::from_hours((*wait_hours).into()));
        let ready = ready.map(|at| at.to_string()).unwrap_or_default();
        self.notice(notice, &[("RECOVERY_CODE", &code), ("READY_TIME", &ready), ("STOP_LINK", &link)]).await
    }

    async fn notice(&self, parcel: &NoticeParcel, more: &[(&str, &str)]) -> Result<(), PortError> {
        let dispatch = self.dispatch(&parcel.to);
        let at = parcel.at.to_string();
        let name = parcel.name.as_deref().map(|name| ("DEVICE_NAME", name));
        let purpose = Purpose::Notice(parcel.notice);
        let request = SendRequest {
            facts: name
                .into_iter()
                .chain([("LOGIN_TIME", at.as_str())])
                .chain(more.iter().copied())
                .collect(),
            ..request(dispatch, &parcel.to, purpose, &parcel.id.to_string())
        };
        dispatch.handle(&request).await
    }

    fn dispatch(&self, to: &Recipient) -> &Dispatch {
        match to.destination.channel() {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// `identity` tells the message from every other of this purpose to this user.
fn request<'a>(
    dispatch: &'a Dispatch,
    to: &'a Recipient,
    purpose: Purpose,
    identity: &str,
) -> SendRequest<'a> {
    SendRequest {
        id: DeliveryId::new(dispatch.user_pool_id(), to.user.as_str(), purpose.name(), identity),
        user_pool_id: dispatch.user_pool_id(),
        purpose: Some(purpose),
        user: Some(to.user.clone()),
        user_name: &to.user_name,
        destination: Some(to.destination.clone()),
        is_verified: to.is_verified,
        code: CodeSource::Nowhere,
        expires_at: None,
        locales: to.locales.iter().map(String::as_str).collect(),
        facts: Vec::new(),
    }
}
