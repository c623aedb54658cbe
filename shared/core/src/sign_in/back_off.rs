use jiff::SignedDuration;

use crate::config::policy::SignInPolicy;

/// The longest wait, the same as Cognito's own (cognito.md §4.7).
const LONGEST: SignedDuration = SignedDuration::from_secs(900);

/// The waits between attempts.
///
/// ```text
/// attempts counted   1 … free   free+1   free+2   …   free+10 and more
/// the next waits        0 s       …                     900 s
///                    (after `free` 1 s, then 2, 4, 8, … 512, 900)
/// ```
///
/// Only counted attempts change the state. A refused attempt changes nothing, so a caller cannot extend a
/// lock by further attempts. A completed sign-in ends the lock. A window without a counted attempt ends it
/// too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    free: u32,
    window: SignedDuration,
}

impl BackOff {
    pub fn of(policy: &SignInPolicy) -> Self {
        Self { free: policy.free_attempts, window: SignedDuration::from_mins(policy.window_minutes.into()) }
    }

    /// Returns the number of attempts without a wait.
    pub fn free(&self) -> u32 {
        self.free
    }

    /// Returns the time without a counted attempt after which the count is reset.
    pub fn window(&self) -> SignedDuration {
        self.window
    }

    /// Returns the time after the last of `attempts` in which the next one is refused: 2^(attempts - free) s.
    pub fn wait(&self, attempts: u32) -> SignedDuration {
        let Some(step) = attempts.checked_sub(self.free) else { return SignedDuration::ZERO };
        let seconds = 1_i64.checked_shl(step).filter(|seconds| step < 63 && *seconds > 0);
        seconds.map_or(LONGEST, |seconds| SignedDuration::from_secs(seconds).min(LONGEST))
    }

    /// Returns each number of attempts that has a wait of its own, with that wait. The last wait applies to
    /// all larger numbers.
    pub fn steps(&self) -> Vec<(u32, SignedDuration)> {
        let mut steps = Vec::new();
        for attempts in self.free.. {
            let wait = self.wait(attempts);
            steps.push((attempts, wait));
            if wait == LONGEST {
                break;
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let back_off = BackOff::of(&Policy::default().sign_in);
        let waits: Vec<_> = (0..=17).map(|attempts| back_off.wait(attempts).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        for far in [68, 69, 1_000, u32::MAX] {
            assert_eq!(back_off.wait(far), LONGEST, "{far}");
        }
    }

    #[test]
    fn the_steps_are_the_waits() {
        let back_off = BackOff::of(&Policy::default().sign_in);
        let steps = back_off.steps();
        assert_eq!((steps.first().unwrap().0, steps.last().unwrap().0, steps.len()), (5, 15, 11));
        assert!(steps.iter().all(|(attempts, wait)| back_off.wait(*attempts) == *wait));
    }
}
