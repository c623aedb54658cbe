use data_encoding::BASE64URL_NOPAD;

use super::round_state::{Nonce, RoundState};

/// What Create passes to Verify of the same round. The client never receives it.
pub(super) struct PrivateChallengeParameters {
    pub(super) round: RoundState,
    /// The number of session items. Together with the nonce, it identifies the round.
    pub(super) round_index: u32,
    /// Wrong answers until the sign-in ends.
    pub(super) most: u32,
    /// Whether the sign-in already has its slot.
    pub(super) is_taken: bool,
    /// Whether no sign-in by name has begun on this day.
    pub(super) is_first_of_day: bool,
    /// Consecutive wrong answers by name.
    pub(super) failures: u32,
    /// Whether no window that counts wrong authenticator codes by name is open.
    pub(super) opens_totp_window: bool,
    /// The sign-in that has the slot and makes room.
    pub(super) evicts: Option<Nonce>,
    /// The state of the ceremony if the round asks for a passkey.
    pub(super) passkey: Option<Vec<u8>>,
}

impl PrivateChallengeParameters {
    pub(super) fn write(&self) -> Vec<(&'static str, String)> {
        let passkey = self.passkey.as_ref().map(|state| ("passkey", BASE64URL_NOPAD.encode(state)));
        let mut parameters = vec![
            ("round", self.round.text()),
            ("at", self.round_index.to_string()),
            ("most", self.most.to_string()),
            ("taken", self.is_taken.to_string()),
            ("first", self.is_first_of_day.to_string()),
            ("strikes", self.failures.to_string()),
            ("opens-totp-window", self.opens_totp_window.to_string()),
            ("evicts", self.evicts.as_ref().map_or("-", Nonce::as_str).to_owned()),
        ];
        parameters.extend(passkey);
        parameters
    }

    pub(super) fn parse<'a>(private: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            round: RoundState::parse(private("round")?)?,
            round_index: private("at")?.parse().ok()?,
            most: private("most")?.parse().ok()?,
            is_taken: private("taken")?.parse().ok()?,
            is_first_of_day: private("first")?.parse().ok()?,
            failures: private("strikes")?.parse().ok()?,
            opens_totp_window: private("opens-totp-window")?.parse().ok()?,
            passkey: private("passkey").and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok()),
            evicts: private("evicts").and_then(Nonce::parse),
        })
    }
}
