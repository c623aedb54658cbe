//! A user pool in this process, on Cognito's protocol, without triggers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::Timestamp;
use local_user_pool::{
    Config, StoreLocation, Switches, UserPools,
    ports::{
        Channel, Clock, DataKey, DataKeyFault, DataKeys, FunctionCall, FunctionFault, Functions, Message,
        Outbox,
    },
};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::Value;
use tokio::net::TcpListener;

pub(crate) struct Served {
    pub(crate) pools: Arc<UserPools>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) endpoint: String,
}

pub(crate) async fn serve() -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mailbox = Arc::new(Mailbox::default());
    let pools = UserPools::open(Config {
        region: "us-east-1".into(),
        account_id: "111122223333".into(),
        store: StoreLocation::Memory,
        base_url: endpoint.clone(),
        functions: Arc::new(NoFunctions),
        outbox: mailbox.clone(),
        data_keys: Arc::new(NoKeys),
        clock: Arc::new(MachineClock),
        switches: Switches::default(),
    });
    let pools = pools.await.unwrap();
    let router = pools.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { pools, mailbox, endpoint }
}

#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Vec<Message>>);

impl Mailbox {
    /// Returns the newest code by e-mail.
    pub(crate) fn last_code(&self) -> String {
        self.last_code_by(mfa_core::delivery::Channel::Email)
    }

    pub(crate) fn last_code_by(&self, channel: mfa_core::delivery::Channel) -> String {
        let channel = match channel {
            mfa_core::delivery::Channel::Email => Channel::Email,
            mfa_core::delivery::Channel::Sms => Channel::Sms,
        };
        let messages = self.0.lock().unwrap();
        messages.iter().rfind(|message| message.channel == channel).unwrap().code.clone().unwrap()
    }

    pub(crate) fn last_text(&self) -> String {
        self.0.lock().unwrap().last().unwrap().text.clone()
    }
}

impl Outbox for Mailbox {
    fn deliver(&self, message: Message) {
        self.0.lock().unwrap().push(message);
    }
}

struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// The pool has no triggers.
struct NoFunctions;

#[async_trait]
impl Functions for NoFunctions {
    async fn invoke(&self, _: FunctionCall) -> Result<Value, FunctionFault> {
        Err(FunctionFault::Invoke { code: "ResourceNotFoundException".into() })
    }
    async fn invoke_async(&self, _: FunctionCall) -> Result<(), FunctionFault> {
        Err(FunctionFault::Invoke { code: "ResourceNotFoundException".into() })
    }
}

/// The pool has no custom senders.
struct NoKeys;

#[async_trait]
impl DataKeys for NoKeys {
    async fn generate(&self, _: &str, _: &BTreeMap<String, String>) -> Result<DataKey, DataKeyFault> {
        Err(DataKeyFault("NotFoundException".into()))
    }

    fn grant(&self, _key_arn: &str, _context: &BTreeMap<String, String>) {}
}
