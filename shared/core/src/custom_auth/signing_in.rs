use crate::kernel::{EmailAddress, PhoneNumber, UserId};

/// The user who signs in, as a trigger's event describes them.
#[derive(Clone)]
pub struct SigningIn<'a> {
    pub client_id: &'a str,
    /// Absent if no user has the name.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    /// Verified addresses only.
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
    pub must_change_password: bool,
    /// BCP 47 tags from the client or the profile, most wanted first.
    pub locales: Vec<&'a str>,
}

impl std::fmt::Debug for SigningIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningIn").field("user", &self.user).finish_non_exhaustive()
    }
}
