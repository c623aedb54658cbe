//! Random histories of the state machines behind the ports, in memory.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use shared_testkit::{
    InMemoryTable,
    histories::{self, Telling},
};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn told(tell: impl Fn(Telling<'_>, &InMemoryTable)) {
    tell(Telling { histories: 256, runtime: &runtime() }, &InMemoryTable::default());
}

#[test]
fn requests() {
    told(|telling, table| histories::requests(telling, table));
}

#[test]
fn deliveries() {
    told(|telling, table| histories::deliveries(telling, table));
}

#[test]
fn addresses() {
    told(|telling, table| histories::addresses(telling, table));
}

#[test]
fn back_off() {
    told(|telling, table| histories::back_off(telling, table));
}

#[test]
fn custom_factors() {
    told(|telling, table| histories::custom_factors(telling, table));
}

#[test]
fn redemptions() {
    told(histories::redemptions);
}

#[test]
fn budgets() {
    told(|telling, table| histories::budgets(telling, table));
}

#[test]
fn call_counts() {
    told(|telling, table| histories::call_counts(telling, table));
}

#[test]
fn verification_requests() {
    told(|telling, table| histories::verification_requests(telling, table));
}
