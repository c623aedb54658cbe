//! `claims reconcile` on three thousand users of the local cloud, killed on the way.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use end_to_end::Cloud;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::support::{Operator, path};

const USERS: usize = 3_000;
/// The number of last users that have the addresses of the first.
const SHARED: usize = 10;

fn email(user: usize) -> String {
    format!("User.{}@example.com", user % (USERS - SHARED))
}

struct Pool<'a> {
    cloud: &'a Cloud,
    id: String,
}

impl Pool<'_> {
    /// Creates a pool without triggers: its users exist before our functions are wired.
    async fn filled(cloud: &Cloud) -> Pool<'_> {
        let created = cloud.cognito("CreateUserPool", json!({ "PoolName": "before" })).await.unwrap();
        let pool = Pool { cloud, id: created["UserPool"]["Id"].as_str().unwrap().to_owned() };
        let add = |user| pool.add(user);
        stream::iter(0..USERS - SHARED).map(add).buffer_unordered(32).try_collect::<()>().await.unwrap();
        for user in USERS - SHARED..USERS {
            pool.add(user).await.unwrap();
        }
        pool
    }

    async fn call(&self, operation: &str, mut input: Value) -> anyhow::Result<Value> {
        input["UserPoolId"] = self.id.as_str().into();
        self.cloud.cognito(operation, input).await
    }

    /// Adds a user. Every tenth user is unconfirmed, and every tenth has an unverified address.
    async fn add(&self, user: usize) -> anyhow::Result<()> {
        let name = format!("user-{user}");
        let is_verified = user % 10 != 3;
        let created = json!({
            "Username": name, "MessageAction": "SUPPRESS",
            "UserAttributes": [
                { "Name": "email", "Value": email(user) },
                { "Name": "email_verified", "Value": is_verified.to_string() },
            ],
        });
        self.call("AdminCreateUser", created).await?;
        if user % 10 != 7 {
            let password = json!({ "Username": name, "Password": "Correct-Horse-9", "Permanent": true });
            self.call("AdminSetUserPassword", password).await?;
        }
        Ok(())
    }

    async fn sub(&self, user: usize) -> String {
        let found = self.call("AdminGetUser", json!({ "Username": format!("user-{user}") })).await.unwrap();
        let attributes = found["UserAttributes"].as_array().unwrap();
        let sub = attributes.iter().find(|attribute| attribute["Name"] == "sub").unwrap();
        sub["Value"].as_str().unwrap().to_owned()
    }
}

/// Returns the owner of every owned claim, by address.
async fn claims(cloud: &Cloud, table: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut start = Value::Null;
    loop {
        let mut scan = json!({ "TableName": table, "FilterExpression": "attribute_exists(owned_by)" });
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let page = cloud.call("dynamodb", "DynamoDB_20120810.Scan", scan).await.unwrap();
        for item in page["Items"].as_array().unwrap() {
            let part = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
            found.insert(part("pk"), part("owned_by"));
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            return found;
        }
    }
}

/// Returns the revision of the stored progress.
async fn revision(cloud: &Cloud, table: &str) -> u64 {
    let key = json!({ "pk": { "S": "RECONCILE" }, "sk": { "S": "PROGRESS" } });
    let get = json!({ "TableName": table, "Key": key });
    let found = cloud.call("dynamodb", "DynamoDB_20120810.GetItem", get).await.unwrap();
    found["Item"]["revision"]["N"].as_str().map_or(0, |revision| revision.parse().unwrap())
}

/// Runs the command and kills it once it has stored its progress this many times.
async fn kill_after(cloud: &Cloud, table: &str, operator: &Operator, arguments: &[&str], pages: u64) {
    let end = revision(cloud, table).await + pages;
    let mut command = operator.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while revision(cloud, table).await < end {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_users_are_reconciled_despite_kills() {
    let cloud = Cloud::start().await.unwrap();
    let operator = Operator::of(&cloud).with("MFA_HASH_KEY", &"k".repeat(32));
    let table = cloud.environment().unwrap()["MFA_TABLE"].clone();
    let began = Instant::now();
    let pool = Pool::filled(&cloud).await;
    println!("{USERS} users made in {:?}", began.elapsed());
    let folder = path(&operator, "config");
    fs::create_dir(&folder).unwrap();
    fs::write(format!("{folder}/policy.toml"), "[sign_up.unique]\nemail = true\n").unwrap();
    let command = ["claims", "reconcile", "--json", "--user-pool-id", &pool.id, "--table", &table];
    let with_policy = [&command[..], &["--config-dir", &folder]].concat();
    let run = |more: &[&str]| {
        let (code, result, said) = operator.run(&[&with_policy, more].concat());
        assert_eq!(code, 0, "{said}");
        serde_json::from_str::<Value>(&result).unwrap()
    };

    let (code, ..) = operator.run(&command);
    assert_eq!(code, 3, "the policy that is compiled in keeps nothing apart");

    // Of ten users eight are confirmed and have a verified address. Ten addresses belong to two accounts
    // each.
    let (proven, conflicts) = (USERS / 10 * 8 - SHARED / 10 * 8, SHARED / 10 * 8);
    let began = Instant::now();
    let dry = run(&["--dry-run"]);
    println!("dry run in {:?}: {}", began.elapsed(), dry["made"]);
    assert_eq!((&dry["outcome"], &dry["made"]), (&json!("dry-run"), &json!(proven)));
    assert_eq!(dry["accounts"].as_array().unwrap().len(), conflicts);
    assert!(claims(&cloud, &table).await.is_empty());

    let began = Instant::now();
    kill_after(&cloud, &table, &operator, &with_policy, 20).await;
    kill_after(&cloud, &table, &operator, &with_policy, 10).await;
    let half = claims(&cloud, &table).await.len();
    assert!((1_300..proven).contains(&half), "killed in the middle: {half}");
    let done = run(&[]);
    println!("imported in {:?}, killed twice: {done}", began.elapsed());
    assert_eq!((&done["users"], &done["freed"]), (&json!(USERS), &json!(0)), "no page was counted twice");
    assert_eq!(done["conflicts"], json!(conflicts));
    let imported = claims(&cloud, &table).await;
    assert_eq!(imported.len(), proven);
    let (oldest, younger) = (pool.sub(0).await, pool.sub(USERS - SHARED).await);
    assert!(imported.values().any(|owner| *owner == oldest), "the oldest account has the address");
    assert!(!imported.values().any(|owner| *owner == younger));

    // Users are deleted, and users change addresses. 0 and 1 share theirs with younger accounts.
    for user in [0, 1, 20, 21, 22] {
        pool.call("AdminDeleteUser", json!({ "Username": format!("user-{user}") })).await.unwrap();
    }
    for user in [30, 31] {
        let moved = json!([
            { "Name": "email", "Value": format!("moved.{user}@example.com") },
            { "Name": "email_verified", "Value": "true" },
        ]);
        let moved = json!({ "Username": format!("user-{user}"), "UserAttributes": moved });
        pool.call("AdminUpdateUserAttributes", moved).await.unwrap();
    }
    // A pass leaves a claim of its own second to the next pass, because claims store whole seconds.
    sleep(Duration::from_millis(1_100)).await;
    let dry = run(&["--dry-run"]);
    assert_eq!((&dry["freed"], &dry["made"]), (&json!(7), &json!(4)));
    assert_eq!(claims(&cloud, &table).await, imported, "a dry run changes nothing");
    let began = Instant::now();
    let done = run(&[]);
    println!("reconciled in {:?}: {done}", began.elapsed());
    let counts = ["users", "made", "freed", "conflicts"];
    assert_eq!(counts.map(|count| &done[count]), counts.map(|count| &dry[count]), "as in the dry run");
    let reconciled = claims(&cloud, &table).await;
    assert_eq!(reconciled.len(), proven - 5 + 2);
    assert!(reconciled.values().any(|owner| *owner == younger), "the heir");
    assert!(!reconciled.values().any(|owner| *owner == oldest));
    let again = run(&[]);
    assert_eq!((&again["freed"], &again["made"]), (&json!(0), &json!(0)));

    // Under another key no account has its claimed address.
    let wrong_key = Operator::of(&cloud).with("MFA_HASH_KEY", &"w".repeat(32));
    let (code, _, said) = wrong_key.run(&with_policy);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("MFA_HASH_KEY or sign_up.unique differs from the last pass"), "{said}");
    assert_eq!(claims(&cloud, &table).await, reconciled);

    // A forgotten user has no address.
    let forgotten = pool.sub(2).await;
    let (code, _, said) = operator.run(&["forget-user", "--yes", "--sub", &forgotten, "--table", &table]);
    assert_eq!(code, 0, "{said}");
    let left = claims(&cloud, &table).await;
    assert_eq!(left.len(), reconciled.len() - 1);
    assert!(!left.values().any(|owner| *owner == forgotten));
    cloud.stop().await.unwrap();
}
