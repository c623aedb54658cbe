//! The clauses of a write: what an answer claims, changes and counts.

use jiff::Timestamp;
use mfa_core::{
    custom_auth::port::{
        AnswerAction, Comparison, FAILURES_TO_LOCK, FailureScope, MAX_SEND_ATTEMPTS, NAME_ONLY_TOTP_ATTEMPTS,
        NAME_ONLY_TOTP_WINDOW, Proof, SlotClaim,
    },
    kernel::CustomFactor,
};

use super::write::Write;
use crate::table::{AttributeValue, Item, custom_factors, number, seconds, text};

/// Records that the user has a factor that counts, and stores a first authenticator. Returns the epoch of the
/// user's factors after the write.
pub(super) fn write_noted_factor(write: &mut Write, proof: &Proof) -> u64 {
    write.value(":true", AttributeValue::Bool(true));
    let Some((id, first)) = &proof.enrols else {
        if proof.forgives_all {
            // The sign-in has two independent proofs.
            write.set("had_factor = :true");
        }
        return proof.factor_epoch;
    };
    let authenticators = Item::from([(id.as_str().to_owned(), custom_factors::authenticator(first))]);
    write.value(":authenticators", AttributeValue::M(authenticators));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(had_factor) OR had_factor <> :true)");
    write.set("authenticators = :authenticators, had_factor = :true");
    write.remove("devices");
    write.add("factor_epoch :one, revision :one");
    proof.factor_epoch + 1
}

/// Writes the changes of a later answer to its slot.
pub(super) fn write_action(write: &mut Write, action: &AnswerAction, asks: u32) {
    match action {
        AnswerAction::Choose(factor) => {
            write.value(":factor", text(factor.name()));
            write.value(":first", number(1));
            write.value(":asks", number(asks));
            write.set(
                "#slot.f = :factor, #slot.r = :asks, #slot.s = :first, #slot.a = :now, #slot.e = :until",
            );
        }
        AnswerAction::Resend { asked, not_after } => {
            write.value(":asked", number(*asked));
            write.value(":not_after", seconds(*not_after));
            write.value(":sendings", number(MAX_SEND_ATTEMPTS));
            write.value(":one", number(1));
            write.require("#slot.r = :asked AND #slot.a <= :not_after AND #slot.s < :sendings");
            write.set("#slot.s = #slot.s + :one, #slot.a = :now, #slot.e = :until");
        }
        AnswerAction::Back { asked } => {
            write.value(":asked", number(*asked));
            write.require("#slot.r = :asked");
            for attribute in ["f", "r", "s", "a", "e"] {
                write.remove(format!("#slot.{attribute}"));
            }
        }
        AnswerAction::Compare(comparison) => {
            write.value(":one", number(1));
            write.value(":tries", number(comparison.most));
            write.require("#slot.k < :tries");
            write.set("#slot.k = #slot.k + :one");
            if let Some(asked) = comparison.asked {
                write.value(":asked", number(asked));
                write.value(":factor", text(comparison.factor.name()));
                write.require("#slot.r = :asked AND #slot.f = :factor AND #slot.e > :now");
            }
        }
    }
}

pub(super) fn write_claim(write: &mut Write, claim: &SlotClaim) {
    let SlotClaim::NameOnly { day, is_first, most } = *claim else { return };
    write.value(":day", number(day));
    write.value(":one", number(1));
    write.require("(attribute_not_exists(name_only_not_before) OR name_only_not_before <= :now)");
    if is_first {
        write.require("(attribute_not_exists(name_only_day) OR name_only_day < :day)");
        write.set("name_only_day = :day, name_only_begun = :one");
    } else {
        write.value(":most", number(most));
        write.require("name_only_day = :day AND name_only_begun < :most");
        write.set("name_only_begun = name_only_begun + :one");
    }
}

/// Counts a failure before the comparison. A right answer takes it back.
pub(super) fn write_failure(write: &mut Write, comparison: &Comparison, now: Timestamp) {
    let failures = failures_of(comparison.factor);
    write.value(":lock", number(FAILURES_TO_LOCK));
    write.value(":none", number(0));
    write.value(":one", number(1));
    write.require(format!("(attribute_not_exists({failures}) OR {failures} < :lock)"));
    match comparison.failure_scope {
        FailureScope::Factor => write.set(format!("{failures} = if_not_exists({failures}, :none) + :one")),
        FailureScope::NameOnly { not_before, opens_totp_window } => {
            write.set("name_only_failures = if_not_exists(name_only_failures, :none) + :one");
            if let Some(not_before) = not_before {
                write.value(":not_before", seconds(not_before));
                write.set("name_only_not_before = :not_before");
            }
            if comparison.factor == CustomFactor::Totp {
                write_totp_window(write, opens_totp_window, now);
            }
        }
    }
}

/// Counts an answer in a TOTP window. The state that was read says whether a window is open. If that has
/// changed, the write is refused.
pub(super) fn write_totp_window(write: &mut Write, opens: bool, now: Timestamp) {
    let over = now.saturating_sub(NAME_ONLY_TOTP_WINDOW).unwrap_or(Timestamp::UNIX_EPOCH);
    write.value(":window_over", seconds(over));
    if opens {
        write.value(":window_from", seconds(now));
        write.require("(attribute_not_exists(name_only_totp_since) OR name_only_totp_since <= :window_over)");
        write.set("name_only_totp_since = :window_from, name_only_totp_wrong = :one");
    } else {
        write.value(":totp_tries", number(NAME_ONLY_TOTP_ATTEMPTS));
        write.require("name_only_totp_since > :window_over AND name_only_totp_wrong < :totp_tries");
        write.set("name_only_totp_wrong = name_only_totp_wrong + :one");
    }
}

pub(in crate::table) fn failures_of(factor: CustomFactor) -> &'static str {
    match factor {
        CustomFactor::EmailCode => "failures_email",
        CustomFactor::SmsCode => "failures_sms",
        CustomFactor::Totp => "failures_totp",
        CustomFactor::RecoveryCode => "failures_recovery_code",
        CustomFactor::TrustedDevice => "failures_trusted_device",
        CustomFactor::Passkey => "failures_passkey",
    }
}
