//! Random histories of the state machines behind the ports, in memory.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use mfa_testkit::{
    InMemoryTable,
    model_tests::{self, ModelRun},
};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn check_model(check: impl Fn(ModelRun<'_>, &InMemoryTable)) {
    check(ModelRun { cases: 256, runtime: &runtime() }, &InMemoryTable::default());
}

#[test]
fn requests() {
    check_model(|run, table| model_tests::requests(run, table));
}

#[test]
fn deliveries() {
    check_model(|run, table| model_tests::deliveries(run, table));
}

#[test]
fn addresses() {
    check_model(|run, table| model_tests::addresses(run, table));
}

#[test]
fn back_off() {
    check_model(|run, table| model_tests::back_off(run, table));
}

#[test]
fn custom_factors() {
    check_model(|run, table| model_tests::custom_factors(run, table));
}

#[test]
fn redemptions() {
    check_model(model_tests::redemptions);
}

#[test]
fn budgets() {
    check_model(|run, table| model_tests::budgets(run, table));
}

#[test]
fn call_counts() {
    check_model(|run, table| model_tests::call_counts(run, table));
}

#[test]
fn verification_requests() {
    check_model(|run, table| model_tests::verification_requests(run, table));
}
