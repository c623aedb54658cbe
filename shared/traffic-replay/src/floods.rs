//! Five ways to pump text messages.

use std::fmt;

use mfa_core::{delivery::Purpose, kernel::PhoneNumber};

use crate::{
    Fault,
    numbers::{FAR, OWN_PREFIX, OWN_RANGE},
    seeded::Seeded,
};

/// A pattern of fraudulent requests.
pub struct Flood {
    /// The name on the command line.
    pub name: &'static str,
    pub description: &'static str,
    /// Returns the user, the number and the purpose of the n-th request.
    pub(crate) request: fn(&mut Seeded, i64) -> Result<Request, Fault>,
}

pub(crate) type Request = (String, PhoneNumber, Purpose);

impl fmt::Debug for Flood {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Flood").field(&self.name).finish()
    }
}

/// New users with new numbers in the ten thousand of one range, among honest users.
pub const ONE_RANGE: Flood = Flood {
    name: "one-range",
    description: "one range of 10^4 numbers, among honest users",
    request: |seeded, index| Ok((format!("bot-{index}"), seeded.number(OWN_RANGE)?, Purpose::SignUp)),
};

/// Ten million numbers: the busiest prefix of honest users as a whole.
pub const ONE_PREFIX: Flood = Flood {
    name: "one-prefix",
    description: "one prefix of 10^7 numbers, the busiest of honest users",
    request: |seeded, index| Ok((format!("bot-{index}"), seeded.number(OWN_PREFIX)?, Purpose::SignUp)),
};

/// Forty accounts ask for a new number in every request, from all over the world.
pub const ROTATING_NUMBERS: Flood = Flood {
    name: "rotating-numbers",
    description: "40 users with a new number in every request",
    request: |seeded, index| {
        let shape = if seeded.percent(50) { seeded.pick(FAR) } else { seeded.honest_shape() };
        Ok((format!("bot-{}", index % 40), seeded.number(shape)?, Purpose::UpdateUserAttribute))
    },
};

/// Each request has a new user, for sixty numbers of six ranges, one of them in the honest users' prefix.
pub const ROTATING_USERS: Flood = Flood {
    name: "rotating-users",
    description: "a new user in every request, 60 numbers",
    request: |_, index| {
        let ranges = ["+25261550", "+99450555", "+43664123", "+92300555", "+62812555", "+23480355"];
        let at = usize::try_from(index).unwrap_or_default() % ranges.len();
        let start = ranges.get(at).copied().unwrap_or_default();
        // Each of the sixty numbers is the same in every turn.
        let seed = u64::try_from(1 + index % 60).unwrap_or_default();
        let mut own = Seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let length = if ["+62", "+234"].iter().any(|code| start.starts_with(code)) { 14 } else { 13 };
        let shape: String = start.chars().chain(std::iter::repeat('#')).take(length).collect();
        Ok((format!("bot-{index}"), own.number(&shape)?, Purpose::SignUp))
    },
};

/// Users and numbers are new in every request, and distributed like those of honest users.
pub const EVERYTHING_ROTATES: Flood = Flood {
    name: "everything-rotates",
    description: "new users and numbers, distributed like those of honest users",
    request: |seeded, index| {
        let shape = seeded.honest_shape();
        Ok((format!("bot-{index}"), seeded.number(shape)?, Purpose::SignUp))
    },
};

pub const FLOODS: [&Flood; 5] =
    [&ONE_RANGE, &ONE_PREFIX, &ROTATING_NUMBERS, &ROTATING_USERS, &EVERYTHING_ROTATES];
