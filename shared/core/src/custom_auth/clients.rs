use super::{AppClient, CustomAuthSettings};
use crate::{assurance::ClientKind, config::policy::EnrolmentPolicy, factors::AppClientDirectory};

impl AppClientDirectory for CustomAuthSettings {
    fn kind(&self, client_id: &str) -> ClientKind {
        match self.clients.find(client_id) {
            None => ClientKind::Unknown,
            Some(AppClient::Native) => ClientKind::Native,
            Some(AppClient::Custom(policy)) => {
                ClientKind::Custom { may_enrol: policy.enrolment == EnrolmentPolicy::AtSignIn }
            }
        }
    }

    fn counts_a_channel(&self, has_email: bool, has_phone: bool) -> bool {
        Self::counts_a_channel(self, has_email, has_phone)
    }
}
