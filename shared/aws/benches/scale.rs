//! Measures what a sign-in costs in DynamoDB's units (`ReturnConsumedCapacity`). It compares a table with a
//! thousand users and one with a million, or the number in the argument. It fails if the costs differ.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: a failed expectation is a failed bench; figures are printed"
)]

use std::sync::Arc;

use dynoxide::{Database, ImportOptions};
use jiff::Timestamp;
use mfa_aws::{Aws, AwsSettings, Table};
use mfa_core::{
    custom_auth::DefineDecision,
    delivery::toll_fraud::GovernorSettings,
    kernel::{SystemEntropy, UserId},
    sign_in::SignInSettings,
    sign_up::UniqueSettings,
    trigger::{PostAuthentication, PostConfirmation, PreAuthentication, PreSignUp, Trigger, answer},
};
use mfa_testkit::{
    CUSTOM, CustomAuthStage, CustomSignIn, Deployed, ManualClock, NATIVE, ServedTable, Spent, TABLE,
};
use serde_json::{Value, json};

const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// Number of users written at a time.
const BATCH: usize = 20_000;
const POLICY: &str =
    "[sign_up.unique]\nemail = true\n[custom_auth.clients.custom]\nfirst_step = 'passwordless'\n";

fn main() {
    let many = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(MANY);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let costs = [FEW, many].map(|users| (users, runtime.block_on(costs(users))));
    for (users, costs) in &costs {
        println!("{users} users in the table");
        for (step, spent) in costs {
            println!("  {step:<44} {:>5.1} RCU {:>5.1} WCU", spent.read_units, spent.write_units);
        }
    }
    assert_eq!(costs[0].1, costs[1].1, "a sign-in costs more, the more users there are");
}

/// Returns the cost of each operation of a user, with `users` users in the table.
async fn costs(users: usize) -> Vec<(&'static str, Spent)> {
    let db = ServedTable::empty();
    fill(&db, users);
    let served = ServedTable::metered(db).await;
    let settings = Deployed::at(&served.endpoint, POLICY);
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
    let table = Arc::new(Table::new(&Aws::new(settings.read(AwsSettings::read)).unwrap()));
    let governor = || settings.read(GovernorSettings::read).governor(table.clone());
    let unique = || settings.read(UniqueSettings::read).map(|unique| unique.addresses(table.clone()));
    let taken = || served.spent();
    let mut costs = Vec::new();

    let policy = settings.read(|environment| environment.policy().sign_up);
    let pre_sign_up = PreSignUp::new(policy, None, unique(), clock.clone());
    run(&pre_sign_up, "PreSignUp_SignUp", "new").await;
    costs.push(("pre-sign-up, unique addresses", taken()));
    let post_confirmation = PostConfirmation::new(
        table.clone(),
        table.clone(),
        table.clone(),
        governor(),
        unique(),
        clock.clone(),
    );
    run(&post_confirmation, "PostConfirmation_ConfirmSignUp", "new").await;
    costs.push(("post-confirmation", taken()));

    let guard = settings.read(SignInSettings::read).guard(table.clone());
    run(&PreAuthentication::new(guard, None, clock.clone()), "PreAuthentication_Authentication", "user-500")
        .await;
    costs.push(("pre-authentication", taken()));
    let entropy = Arc::new(SystemEntropy);
    let post_authentication =
        PostAuthentication::new(table.clone(), governor(), table.clone(), None, clock, entropy);
    run(&post_authentication, "PostAuthentication_Authentication", "user-500").await;
    costs.push(("post-authentication", taken()));

    let stage = CustomAuthStage::new(POLICY, &table);
    let user = UserId::parse("user-500").unwrap();
    stage.token(&user, NATIVE, None).await;
    costs.push(("pre-token-generation, native client", taken()));
    let mut sign_in = CustomSignIn::without_password("user-500", Some(&user));
    sign_in.begin(&stage).await;
    sign_in.answer(&stage, "email").await;
    let code = stage.code().await.unwrap();
    assert_eq!(sign_in.answer(&stage, &code).await, DefineDecision::IssueTokens);
    costs.push(("custom challenges, an e-mail code", taken()));
    assert!(stage.token(&user, CUSTOM, None).await.is_granted());
    costs.push(("pre-token-generation, custom client", taken()));
    costs
}

async fn run(trigger: &impl Trigger, source: &str, sub: &str) {
    let event = json!({
        "triggerSource": source, "userName": sub,
        "request": { "userAttributes": {
            "sub": sub, "email": format!("{sub}@example.com"), "email_verified": "true",
        } },
        "response": {},
    });
    answer(trigger, event).await.unwrap();
}

/// Writes the items that every user leaves: the count of sign-ins, and a custom factor.
fn fill(db: &Database, users: usize) {
    db.enable_bulk_loading().unwrap();
    let users: Vec<_> = (0..users).collect();
    for batch in users.chunks(BATCH) {
        let items: Value = batch
            .iter()
            .flat_map(|user| {
                let pk = json!({ "S": format!("USER#user-{user}") });
                [
                    json!({
                        "pk": pk, "sk": { "S": "SIGN_IN" }, "v": { "N": "1" },
                        "attempts": { "N": "0" }, "last_sign_in_at": { "N": "1767300000" },
                    }),
                    json!({
                        "pk": pk, "sk": { "S": "FACTORS" }, "v": { "N": "1" },
                        "factor_epoch": { "N": "1" }, "revision": { "N": "3" },
                        "recovery": { "SS": ["0123456789abcdef0123456789abcdef"] },
                    }),
                ]
            })
            .collect();
        db.import_items(TABLE, serde_json::from_value(items).unwrap(), ImportOptions::default()).unwrap();
    }
    db.disable_bulk_loading().unwrap();
}
