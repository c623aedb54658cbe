//! Deterministic random choices.

use mfa_core::{
    delivery::toll_fraud::{NumberType, Numbering},
    kernel::PhoneNumber,
};

use crate::{DAY, Fault, HOUR, numbers::NUMBERS};

/// A generator of random numbers with a seed (xorshift64*).
#[derive(Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// Returns a number below `end`, or 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).checked_rem(end).unwrap_or_default()
    }

    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from).unwrap_or_default();
        from + i64::try_from(self.below(width)).unwrap_or_default()
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns one of the shapes, or an empty one if there is no shape.
    pub(crate) fn pick<'a>(&mut self, shapes: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(shapes.len() as u64)).unwrap_or_default();
        shapes.get(at).copied().unwrap_or_default()
    }

    /// Returns a number of this shape that can get text messages. `#` is any digit.
    ///
    /// Fails if a thousand numbers of the shape are none.
    pub(crate) fn number(&mut self, shape: &str) -> Result<PhoneNumber, Fault> {
        for _ in 0..1_000 {
            let digit = |sign| match sign {
                '#' => char::from(b'0' + u8::try_from(self.below(10)).unwrap_or_default()),
                other => other,
            };
            let digits: String = shape.chars().map(digit).collect();
            let Ok(number) = PhoneNumber::parse(&digits) else { continue };
            let kind = Numbering::of(&number).kind;
            if matches!(kind, NumberType::Mobile | NumberType::FixedLineOrMobile) {
                return Ok(number);
            }
        }
        Err(Fault::Shape(shape.to_owned()))
    }

    pub(crate) fn honest_shape(&mut self) -> &'static str {
        let mut at = self.below(NUMBERS.iter().map(|(weight, _)| weight).sum());
        let country = NUMBERS.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        self.pick(country.map(|(_, shapes)| *shapes).unwrap_or_default())
    }

    /// Returns a second of a week with quiet nights.
    pub(crate) fn of_the_week(&mut self) -> i64 {
        loop {
            let second = self.between(0, 7 * DAY);
            let hour = second % DAY / HOUR;
            let busy = if (7..22).contains(&hour) { 100 } else { 15 };
            if self.percent(busy) {
                return second;
            }
        }
    }
}
