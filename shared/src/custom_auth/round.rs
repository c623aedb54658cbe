use std::collections::BTreeSet;

use super::Proven;
use crate::kernel::{Entropy, OwnFactor, PortError};

const VERSION: &str = "2";

/// Tells one sign-in from every other: 128 random bits in hexadecimal. Known to the client, so no secret:
/// an identity, never a permission.
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

/// One of the few places that a user's running sign-ins have: three for those of whom nothing is known
/// but a name, three for those in which something was proven before. Whoever knows no more than the name
/// can't take the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    pub is_by_name: bool,
    pub index: u8,
}

impl Seat {
    /// Live challenges a user, of each kind.
    pub const COUNT: u8 = 3;

    pub const ALL: [Self; 6] = [
        Self { is_by_name: true, index: 0 },
        Self { is_by_name: true, index: 1 },
        Self { is_by_name: true, index: 2 },
        Self { is_by_name: false, index: 0 },
        Self { is_by_name: false, index: 1 },
        Self { is_by_name: false, index: 2 },
    ];

    /// `n0` and the like.
    pub fn name(self) -> &'static str {
        match (self.is_by_name, self.index) {
            (true, 0) => "n0",
            (true, 1) => "n1",
            (true, _) => "n2",
            (false, 0) => "p0",
            (false, 1) => "p1",
            (false, _) => "p2",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|seat| seat.name() == text)
    }
}

/// What a round asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Which factor? Nothing is sent.
    Begin,
    /// A proof of this one, as begun in that round (a number of session items).
    Code { factor: OwnFactor, round: u32 },
    /// A code of an authenticator app that is being set up. `salt` is what its seed is derived from.
    Enrol { salt: u128 },
}

/// What is kept of a sign-in from round to round: Create writes it as `challengeMetadata`, Cognito keeps
/// it inside its encrypted session, and it comes back to Define and Create. The client never has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    pub nonce: Nonce,
    /// None for a sign-in that leads nowhere: of an unknown user, of one who can't fulfil the policy, or
    /// beyond a limit. It is played to its end all the same.
    pub seat: Option<Seat>,
    /// Of the user's factors, when the sign-in began.
    pub generation: u64,
    /// Before this round.
    pub proven: Proven,
    pub offered: BTreeSet<OwnFactor>,
    pub ask: Ask,
}

impl Round {
    /// Compact: Cognito's session has room for 4,096 characters (cognito.md §3.2).
    pub fn text(&self) -> String {
        // A sign-in in which a factor was set up has no further round, so `enrolled` is never written.
        let Proven { password, native, own, enrolled: _ } = &self.proven;
        let ask = match self.ask {
            Ask::Begin => "begin".to_owned(),
            Ask::Code { factor, round } => format!("{}{round}", letter(factor)),
            Ask::Enrol { salt } => format!("n{salt:032x}"),
        };
        [
            VERSION,
            self.nonce.as_str(),
            self.seat.map_or("-", Seat::name),
            &self.generation.to_string(),
            if *password { "p" } else { "-" },
            &letters(native),
            &letters(own),
            &letters(&self.offered),
            &ask,
        ]
        .join(".")
    }

    /// Strict: whatever [`Round::text`] does not write is none.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('.').collect();
        let [VERSION, nonce, seat, generation, password, native, own, offered, ask] = parts.as_slice() else {
            return None;
        };
        let round = Self {
            nonce: Nonce::parse(nonce)?,
            seat: Seat::parse(seat),
            generation: generation.parse().ok()?,
            proven: Proven {
                password: *password == "p",
                native: parse_letters(native)?,
                own: parse_letters(own)?,
                enrolled: false,
            },
            offered: parse_letters(offered)?,
            ask: parse_ask(ask)?,
        };
        // Every other way to write the same is refused with this.
        (round.text() == text).then_some(round)
    }
}

fn letter(factor: OwnFactor) -> char {
    match factor {
        OwnFactor::EmailCode => 'e',
        OwnFactor::SmsCode => 's',
        OwnFactor::Totp => 't',
        OwnFactor::RecoveryCode => 'r',
        OwnFactor::TrustedDevice => 'd',
    }
}

fn from_letter(text: char) -> Option<OwnFactor> {
    OwnFactor::ALL.into_iter().find(|factor| letter(*factor) == text)
}

fn letters(factors: &BTreeSet<OwnFactor>) -> String {
    if factors.is_empty() { "-".to_owned() } else { factors.iter().map(|factor| letter(*factor)).collect() }
}

fn parse_letters(text: &str) -> Option<BTreeSet<OwnFactor>> {
    if text == "-" { Some(BTreeSet::new()) } else { text.chars().map(from_letter).collect() }
}

fn parse_ask(text: &str) -> Option<Ask> {
    if text == "begin" {
        return Some(Ask::Begin);
    }
    if let Some(salt) = text.strip_prefix('n') {
        return Some(Ask::Enrol { salt: u128::from_str_radix(salt, 16).ok()? });
    }
    let mut characters = text.chars();
    let factor = characters.next().and_then(from_letter)?;
    Some(Ask::Code { factor, round: characters.as_str().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn factors() -> impl Strategy<Value = BTreeSet<OwnFactor>> {
        proptest::sample::subsequence(OwnFactor::ALL.to_vec(), 0..=5)
            .prop_map(|factors| factors.into_iter().collect())
    }

    prop_compose! {
        fn rounds()(
            seat in proptest::option::of(proptest::sample::select(Seat::ALL.to_vec())),
            generation in any::<u64>(), password in any::<bool>(), native in factors(), own in factors(),
            offered in factors(), factor in proptest::option::of(proptest::sample::select(OwnFactor::ALL.to_vec())),
            round in any::<u32>(), salt in proptest::option::of(any::<u128>()),
        ) -> Round {
            Round {
                nonce: Nonce::parse(NONCE).unwrap(), seat, generation, offered,
                proven: Proven { password, native, own, enrolled: false },
                ask: match (factor, salt) {
                    (_, Some(salt)) => Ask::Enrol { salt },
                    (Some(factor), None) => Ask::Code { factor, round },
                    (None, None) => Ask::Begin,
                },
            }
        }
    }

    proptest! {
        #[test]
        fn a_round_comes_back_as_it_was_written(round in rounds()) {
            prop_assert_eq!(Round::parse(&round.text()), Some(round));
        }

        #[test]
        fn one_changed_character_is_another_round_or_none(round in rounds(), at in any::<prop::sample::Index>(), by in "[ -~]") {
            let text = round.text();
            let at = at.index(text.len());
            let changed = format!("{}{by}{}", &text[..at], &text[at + 1..]);
            if let Some(parsed) = Round::parse(&changed) {
                prop_assert_eq!(parsed.text(), changed);
            }
        }
    }

    #[test]
    fn what_nobody_writes_is_refused() {
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
            assert_eq!(Round::parse(text), None, "{text}");
        }
    }
}
