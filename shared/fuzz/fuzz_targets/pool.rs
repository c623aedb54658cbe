use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use jiff::Timestamp;
use local_user_pool::ports::{
    Clock, DataKey, DataKeyFault, DataKeys, FunctionCall, FunctionFault, Functions, Message, Outbox,
};
use local_user_pool::{Config, StoreLocation, Switches, UserPools};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

struct Nothing;

#[async_trait]
impl Functions for Nothing {
    async fn invoke(&self, call: FunctionCall) -> Result<Value, FunctionFault> {
        Ok(call.payload)
    }

    async fn invoke_async(&self, _: FunctionCall) -> Result<(), FunctionFault> {
        Ok(())
    }
}

#[async_trait]
impl DataKeys for Nothing {
    async fn generate(&self, _: &str, _: &BTreeMap<String, String>) -> Result<DataKey, DataKeyFault> {
        Err(DataKeyFault("NotFoundException".to_owned()))
    }
}

impl Outbox for Nothing {
    fn deliver(&self, _: Message) {}
}

impl Clock for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_767_323_045).expect("a time")
    }
}

/// A pool with a client and the user `alex`, whose password nobody knows.
pub struct Stage {
    pub runtime: Runtime,
    pub pools: Arc<UserPools>,
    pub pool: String,
    pub client: String,
}

pub static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let config = Config {
        region: "us-east-1".to_owned(),
        account_id: "111122223333".to_owned(),
        store: StoreLocation::Memory,
        base_url: "http://127.0.0.1:9000".to_owned(),
        functions: Arc::new(Nothing),
        outbox: Arc::new(Nothing),
        data_keys: Arc::new(Nothing),
        clock: Arc::new(Nothing),
        // A lock would end the search at its first door.
        switches: Switches { lock_after_wrong_passwords: false, ..Switches::default() },
    };
    let pools = runtime.block_on(UserPools::open(config)).expect("pools");
    let call = |operation: &str, input: Value| {
        runtime.block_on(pools.call(operation, input)).unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    };
    let made = call("CreateUserPool", json!({ "PoolName": "fuzz" }));
    let pool = made["UserPool"]["Id"].as_str().expect("an id").to_owned();
    let flows =
        ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let client = json!({ "UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": flows });
    let made = call("CreateUserPoolClient", client);
    let client = made["UserPoolClient"]["ClientId"].as_str().expect("an id").to_owned();
    let user = json!({ "UserPoolId": pool, "Username": "alex", "MessageAction": "SUPPRESS" });
    call("AdminCreateUser", user);
    let password = "Kq7-vB2.xN9_hD4+zR6";
    let set = json!({ "UserPoolId": pool, "Username": "alex", "Password": password, "Permanent": true });
    call("AdminSetUserPassword", set);
    Stage { runtime, pools, pool, client }
});
