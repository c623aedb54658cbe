use std::collections::BTreeSet;

use super::Proven;
use crate::kernel::{CustomFactor, Entropy, PortError};

const VERSION: &str = "2";

/// The identity of one sign-in: 128 random bits in hexadecimal. The client knows it, so it is no secret and
/// gives no permission.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce(String);

impl Nonce {
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&bytes)))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What we know of the user when a sign-in takes its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    /// Only the name is known.
    NameOnly,
    /// The password or a factor was proven.
    Identified,
}

impl SlotKind {
    /// Returns the kind of a sign-in that has proven `proven`.
    pub fn of(proven: &Proven) -> Self {
        if proven.is_anything() { Self::Identified } else { Self::NameOnly }
    }
}

/// One of the six slots for a user's running sign-ins, three of each kind. A caller who knows only the name
/// cannot take a slot of the other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChallengeSlot {
    pub kind: SlotKind,
    pub index: u8,
}

impl ChallengeSlot {
    /// Running challenges per user and kind.
    pub const COUNT: u8 = 3;

    pub const ALL: [Self; 6] = [
        Self { kind: SlotKind::NameOnly, index: 0 },
        Self { kind: SlotKind::NameOnly, index: 1 },
        Self { kind: SlotKind::NameOnly, index: 2 },
        Self { kind: SlotKind::Identified, index: 0 },
        Self { kind: SlotKind::Identified, index: 1 },
        Self { kind: SlotKind::Identified, index: 2 },
    ];

    /// Returns the stored name, such as `n0`.
    pub fn name(self) -> &'static str {
        match (self.kind, self.index) {
            (SlotKind::NameOnly, 0) => "n0",
            (SlotKind::NameOnly, 1) => "n1",
            (SlotKind::NameOnly, _) => "n2",
            (SlotKind::Identified, 0) => "p0",
            (SlotKind::Identified, 1) => "p1",
            (SlotKind::Identified, _) => "p2",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == text)
    }
}

/// The question of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundPrompt {
    /// Which factor to prove. No code is sent.
    Begin,
    /// A proof of this factor. `round_index` is the round that asked for it first, as a number of session
    /// items.
    Code { factor: CustomFactor, round_index: u32 },
    /// A code of an authenticator that the user sets up. `salt` derives its seed.
    Enrol { salt: u128 },
}

/// The state of a sign-in between rounds. Create writes it as `challengeMetadata`, Cognito stores it inside
/// its encrypted session, and Define and Create read it. The client never receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundState {
    pub nonce: Nonce,
    /// `None` for a decoy sign-in: the user is unknown, cannot fulfil the policy, or is beyond a limit. It
    /// runs to its end like any other.
    pub slot: Option<ChallengeSlot>,
    /// The user's epoch of factors when the sign-in began.
    pub factor_epoch: u64,
    /// Proofs before this round.
    pub proven: Proven,
    pub offered: BTreeSet<CustomFactor>,
    pub ask: RoundPrompt,
}

impl RoundState {
    /// Returns the compact text. Cognito's session has room for 4,096 characters (cognito.md §3.2).
    pub fn text(&self) -> String {
        // A sign-in in which a factor was set up has no further round, so `enrolled` is never written.
        let Proven { password, native, custom, enrolled: _ } = &self.proven;
        let ask = match self.ask {
            RoundPrompt::Begin => "begin".to_owned(),
            RoundPrompt::Code { factor, round_index } => format!("{}{round_index}", letter(factor)),
            RoundPrompt::Enrol { salt } => format!("n{salt:032x}"),
        };
        [
            VERSION,
            self.nonce.as_str(),
            self.slot.map_or("-", ChallengeSlot::name),
            &self.factor_epoch.to_string(),
            if *password { "p" } else { "-" },
            &letters(native),
            &letters(custom),
            &letters(&self.offered),
            &ask,
        ]
        .join(".")
    }

    /// Parses only what [`RoundState::text`] writes, and returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('.').collect();
        let [VERSION, nonce, slot, factor_epoch, password, native, custom, offered, ask] = parts.as_slice()
        else {
            return None;
        };
        let round = Self {
            nonce: Nonce::parse(nonce)?,
            slot: ChallengeSlot::parse(slot),
            factor_epoch: factor_epoch.parse().ok()?,
            proven: Proven {
                password: *password == "p",
                native: parse_letters(native)?,
                custom: parse_letters(custom)?,
                enrolled: false,
            },
            offered: parse_letters(offered)?,
            ask: parse_ask(ask)?,
        };
        // This refuses every other spelling of the same state.
        (round.text() == text).then_some(round)
    }
}

fn letter(factor: CustomFactor) -> char {
    match factor {
        CustomFactor::EmailCode => 'e',
        CustomFactor::SmsCode => 's',
        CustomFactor::Totp => 't',
        CustomFactor::RecoveryCode => 'r',
        CustomFactor::TrustedDevice => 'd',
        CustomFactor::Passkey => 'k',
    }
}

fn from_letter(text: char) -> Option<CustomFactor> {
    CustomFactor::ALL.into_iter().find(|factor| letter(*factor) == text)
}

fn letters(factors: &BTreeSet<CustomFactor>) -> String {
    if factors.is_empty() { "-".to_owned() } else { factors.iter().map(|factor| letter(*factor)).collect() }
}

fn parse_letters(text: &str) -> Option<BTreeSet<CustomFactor>> {
    if text == "-" { Some(BTreeSet::new()) } else { text.chars().map(from_letter).collect() }
}

fn parse_ask(text: &str) -> Option<RoundPrompt> {
    if text == "begin" {
        return Some(RoundPrompt::Begin);
    }
    if let Some(salt) = text.strip_prefix('n') {
        return Some(RoundPrompt::Enrol { salt: u128::from_str_radix(salt, 16).ok()? });
    }
    let mut characters = text.chars();
    let factor = characters.next().and_then(from_letter)?;
    Some(RoundPrompt::Code { factor, round_index: characters.as_str().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn factors() -> impl Strategy<Value = BTreeSet<CustomFactor>> {
        proptest::sample::subsequence(CustomFactor::ALL.to_vec(), 0..=6)
            .prop_map(|factors| factors.into_iter().collect())
    }

    prop_compose! {
        fn rounds()(
            slot in proptest::option::of(proptest::sample::select(ChallengeSlot::ALL.to_vec())),
            factor_epoch in any::<u64>(), password in any::<bool>(), native in factors(), custom in factors(),
            offered in factors(), factor in proptest::option::of(proptest::sample::select(CustomFactor::ALL.to_vec())),
            round in any::<u32>(), salt in proptest::option::of(any::<u128>()),
        ) -> RoundState {
            RoundState {
                nonce: Nonce::parse(NONCE).unwrap(), slot, factor_epoch, offered,
                proven: Proven { password, native, custom, enrolled: false },
                ask: match (factor, salt) {
                    (_, Some(salt)) => RoundPrompt::Enrol { salt },
                    (Some(factor), None) => RoundPrompt::Code { factor, round_index: round },
                    (None, None) => RoundPrompt::Begin,
                },
            }
        }
    }

    proptest! {
        #[test]
        fn a_round_comes_back_as_it_was_written(round in rounds()) {
            prop_assert_eq!(RoundState::parse(&round.text()), Some(round));
        }

        #[test]
        fn one_changed_character_is_another_round_or_none(round in rounds(), at in any::<prop::sample::Index>(), by in "[ -~]") {
            let text = round.text();
            let at = at.index(text.len());
            let changed = format!("{}{by}{}", &text[..at], &text[at + 1..]);
            if let Some(parsed) = RoundState::parse(&changed) {
                prop_assert_eq!(parsed.text(), changed);
            }
        }
    }

    #[test]
    fn text_that_we_never_write_is_refused() {
        for text in [
            "",
            "OTP-1",
            "1.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.begin",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.n1",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.n0123456789ABCDEF0123456789ABCDEF",
            "2.0123456789abcdef0123456789abcdef.n3.0.-.-.-.e.begin",
            "2.0123456789abcdef0123456789abcdef.n0.00.-.-.-.e.begin",
            "2.0123456789abcdef0123456789abcdef.n0.+0.-.-.-.e.begin",
            "2.0123456789abcdef0123456789abcdef.n0.0.x.-.-.e.begin",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.se.begin",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-..begin",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.x1",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.e01",
            "2.0123456789abcdef0123456789abcdef.n0.0.-.-.-.e.begin.",
            "2.0123456789ABCDEF0123456789abcdef.n0.0.-.-.-.e.begin",
        ] {
            assert_eq!(RoundState::parse(text), None, "{text}");
        }
    }
}
