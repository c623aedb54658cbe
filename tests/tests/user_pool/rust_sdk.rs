//! The AWS SDK for Rust reads every answer of the local pool. The story of one pool calls each operation
//! through the SDK's own model.

use std::{collections::BTreeSet, fs, path::Path};

use aws_sdk_cognitoidentityprovider::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::{
        AccountTakeoverActionType, AccountTakeoverActionsType, AccountTakeoverEventActionType,
        AccountTakeoverRiskConfigurationType, AdvancedSecurityModeType, AttributeDataType, AttributeType,
        AuthFactorType, AuthFlowType, ChallengeNameType, DeliveryMediumType, DeviceConfigurationType,
        DeviceRememberedStatusType, DeviceSecretVerifierConfigType, EventResponseType, ExplicitAuthFlowsType,
        FeedbackValueType, MessageActionType, MfaOptionType, NotifyConfigurationType, NotifyEmailType,
        ProviderUserIdentifierType, RiskLevelType, SchemaAttributeType, SignInPolicyType,
        SoftwareTokenMfaConfigType, SoftwareTokenMfaSettingsType, UserPoolAddOnsType, UserPoolMfaType,
        UserPoolPolicyType, UserPoolTierType, UsernameAttributeType, VerifiedAttributeType,
        WebAuthnConfigurationType,
    },
};
use aws_smithy_types::Document;
use local_user_pool::{SignInRisk, Switches};
use mfa_core::kernel::{Clock as _, SystemClock};
use serde_json::Value;

use crate::{
    passkey_device::{PasskeyDevice, RELYING_PARTY},
    pool,
};

const PASSWORD: &str = "Correct-Horse-7";

/// Calls an operation, expects success, and notes that it was called.
macro_rules! call {
    ($story:ident, $operation:ident $(, $member:ident($($value:expr),+))* $(,)?) => {{
        $story.called.insert(stringify!($operation).replace('_', ""));
        let answer = Box::pin($story.client.$operation()$(.$member($($value),+))*.send()).await;
        answer.unwrap_or_else(|fault| {
            std::panic::resume_unwind(Box::new(format!("{}: {fault:?}", stringify!($operation))))
        })
    }};
}

struct Story {
    client: Client,
    called: BTreeSet<String>,
}

fn attribute(name: &str, value: &str) -> AttributeType {
    AttributeType::builder().name(name).value(value).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_read_by_the_sdk() {
    let served = pool::serve().await;
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&served.endpoint)
        .build();
    let mut story = Story { client: Client::from_conf(config), called: BTreeSet::new() };
    let (pool, client) = pools(&mut story).await;
    users(&mut story, &served.mailbox, &pool, &client).await;
    groups(&mut story, &pool).await;
    factors(&mut story, &pool, &client).await;
    passkeys(&mut story, &pool, &client).await;
    devices(&mut story, &pool, &client).await;
    administration(&mut story, &pool, &client).await;
    protection(&mut story, &served).await;
    ends(&mut story, &pool, &client).await;

    let built = built();
    assert!(built.len() > 60, "{}", built.len());
    let missing: Vec<_> = built.iter().filter(|name| !story.called.contains(&name.to_lowercase())).collect();
    assert_eq!(missing, NEWER_THAN_THE_SDK, "built, but not called here");
}

/// Operations that this version of the SDK does not have. boto3 calls them (`tests/python/test_passkeys.py`).
const NEWER_THAN_THE_SDK: [&str; 8] = [
    "AdminListUserSessions",
    "AdminRevokeUserSession",
    "GetUserPoolClientSessionConfiguration",
    "GetUserPoolSessionConfiguration",
    "ListUserSessions",
    "RevokeUserSession",
    "SetUserPoolClientSessionConfiguration",
    "SetUserPoolSessionConfiguration",
];

/// Returns the operations that the pool's README lists as built. A test of the pool compares it with the
/// code.
fn built() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/user-pool/README.md");
    let text = fs::read_to_string(file).unwrap();
    let table = text.split("### Built").nth(1).unwrap().split("### Not built").next().unwrap();
    table.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

async fn pools(story: &mut Story) -> (String, String) {
    let first_factors = SignInPolicyType::builder()
        .allowed_first_auth_factors(AuthFactorType::Password)
        .allowed_first_auth_factors(AuthFactorType::WebAuthn)
        .build();
    let relying_party = WebAuthnConfigurationType::builder().relying_party_id(RELYING_PARTY).build();
    let created = call!(
        story,
        create_user_pool,
        pool_name("story"),
        policies(UserPoolPolicyType::builder().sign_in_policy(first_factors).build()),
        username_attributes(UsernameAttributeType::Email),
        auto_verified_attributes(VerifiedAttributeType::Email),
        device_configuration(
            DeviceConfigurationType::builder()
                .challenge_required_on_new_device(true)
                .device_only_remembered_on_user_prompt(true)
                .build()
        )
    );
    let pool = created.user_pool.unwrap().id.unwrap();
    let custom = SchemaAttributeType::builder().name("team").attribute_data_type(AttributeDataType::String);
    call!(story, add_custom_attributes, user_pool_id(&pool), custom_attributes(custom.mutable(true).build()));
    call!(
        story,
        set_user_pool_mfa_config,
        user_pool_id(&pool),
        mfa_configuration(UserPoolMfaType::Optional),
        software_token_mfa_configuration(SoftwareTokenMfaConfigType::builder().enabled(true).build()),
        web_authn_configuration(relying_party)
    );
    let mfa = call!(story, get_user_pool_mfa_config, user_pool_id(&pool));
    assert_eq!(mfa.mfa_configuration, Some(UserPoolMfaType::Optional));
    let described = call!(story, describe_user_pool, user_pool_id(&pool)).user_pool.unwrap();
    assert!(described.schema_attributes().iter().any(|attribute| attribute.name() == Some("custom:team")));
    let listed = call!(story, list_user_pools, max_results(10));
    assert_eq!(listed.user_pools().len(), 1);

    let client = call!(
        story,
        create_user_pool_client,
        user_pool_id(&pool),
        client_name("app"),
        explicit_auth_flows(ExplicitAuthFlowsType::AllowUserPasswordAuth),
        explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth),
        explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth)
    );
    let client = client.user_pool_client.unwrap().client_id.unwrap();
    let described = call!(story, describe_user_pool_client, user_pool_id(&pool), client_id(&client));
    let flows = described.user_pool_client.unwrap().explicit_auth_flows.unwrap();
    call!(
        story,
        update_user_pool_client,
        user_pool_id(&pool),
        client_id(&client),
        client_name("renamed"),
        set_explicit_auth_flows(Some(flows))
    );
    let listed = call!(story, list_user_pool_clients, user_pool_id(&pool));
    assert_eq!(listed.user_pool_clients().first().unwrap().client_name(), Some("renamed"));

    let other = call!(story, create_user_pool, pool_name("other")).user_pool.unwrap().id.unwrap();
    call!(story, update_user_pool, user_pool_id(&other));
    let spare = call!(story, create_user_pool_client, user_pool_id(&other), client_name("spare"));
    let spare = spare.user_pool_client.unwrap().client_id.unwrap();
    call!(story, delete_user_pool_client, user_pool_id(&other), client_id(spare));
    call!(story, delete_user_pool, user_pool_id(other));
    (pool, client)
}

const ALEX: &str = "alex@example.com";

async fn users(story: &mut Story, mailbox: &pool::Mailbox, pool: &str, client: &str) {
    call!(
        story,
        sign_up,
        client_id(client),
        username(ALEX),
        password(PASSWORD),
        user_attributes(attribute("email", ALEX))
    );
    call!(story, resend_confirmation_code, client_id(client), username(ALEX));
    let code = mailbox.last_code();
    call!(story, confirm_sign_up, client_id(client), username(ALEX), confirmation_code(code));

    let token = sign_in(story, client, ALEX, PASSWORD).await.access;
    let me = call!(story, get_user, access_token(&token));
    assert!(me.user_attributes().iter().any(|attribute| attribute.name() == "sub"));
    call!(
        story,
        update_user_attributes,
        access_token(&token),
        user_attributes(attribute("email", "alex.new@example.com")),
        user_attributes(attribute("custom:team", "blue"))
    );
    call!(story, delete_user_attributes, access_token(&token), user_attribute_names("custom:team"));
    let sent =
        call!(story, get_user_attribute_verification_code, access_token(&token), attribute_name("email"));
    assert_eq!(sent.code_delivery_details.unwrap().delivery_medium, Some(DeliveryMediumType::Email));
    let code = mailbox.last_code();
    call!(story, verify_user_attribute, access_token(&token), attribute_name("email"), code(code));
    let another = "Another-Horse-7";
    call!(
        story,
        change_password,
        access_token(&token),
        previous_password(PASSWORD),
        proposed_password(another)
    );
    let alex = "alex.new@example.com";
    call!(story, forgot_password, client_id(client), username(alex));
    let code = mailbox.last_code();
    call!(
        story,
        confirm_forgot_password,
        client_id(client),
        username(alex),
        confirmation_code(code),
        password(PASSWORD)
    );
    call!(
        story,
        admin_update_user_attributes,
        user_pool_id(pool),
        username(alex),
        user_attributes(attribute("email", ALEX)),
        user_attributes(attribute("email_verified", "true"))
    );
}

struct Tokens {
    access: String,
    refresh: String,
    device: String,
}

async fn sign_in(story: &mut Story, client: &str, user: &str, password: &str) -> Tokens {
    let answer = call!(
        story,
        initiate_auth,
        client_id(client),
        auth_flow(AuthFlowType::UserPasswordAuth),
        auth_parameters("USERNAME", user),
        auth_parameters("PASSWORD", password)
    );
    let result = answer.authentication_result.unwrap();
    Tokens {
        access: result.access_token.unwrap(),
        refresh: result.refresh_token.unwrap(),
        device: result.new_device_metadata.unwrap().device_key.unwrap(),
    }
}

async fn groups(story: &mut Story, pool: &str) {
    call!(story, create_group, user_pool_id(pool), group_name("admins"));
    call!(story, update_group, user_pool_id(pool), group_name("admins"), description("they may"));
    let group = call!(story, get_group, user_pool_id(pool), group_name("admins")).group.unwrap();
    assert_eq!(group.description.as_deref(), Some("they may"));
    call!(story, admin_add_user_to_group, user_pool_id(pool), username(ALEX), group_name("admins"));
    assert_eq!(call!(story, list_groups, user_pool_id(pool)).groups().len(), 1);
    let members = call!(story, list_users_in_group, user_pool_id(pool), group_name("admins"));
    assert_eq!(members.users().len(), 1);
    let of_alex = call!(story, admin_list_groups_for_user, user_pool_id(pool), username(ALEX));
    assert_eq!(of_alex.groups().len(), 1);
    call!(story, admin_remove_user_from_group, user_pool_id(pool), username(ALEX), group_name("admins"));
    call!(story, delete_group, user_pool_id(pool), group_name("admins"));
}

/// Returns the code of an authenticator app, `steps` time steps from now.
fn totp(secret: &str, steps: u64) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let seconds = u64::try_from(SystemClock.now().as_second()).unwrap();
    totp_rs::Builder::new().with_secret(seed).build().unwrap().generate(seconds + 30 * steps).to_string()
}

async fn factors(story: &mut Story, pool: &str, client: &str) {
    let token = sign_in(story, client, ALEX, PASSWORD).await.access;
    let secret = call!(story, associate_software_token, access_token(&token)).secret_code.unwrap();
    call!(story, verify_software_token, access_token(&token), user_code(totp(&secret, 0)));
    let on = SoftwareTokenMfaSettingsType::builder().enabled(true).preferred_mfa(true).build();
    call!(story, set_user_mfa_preference, access_token(&token), software_token_mfa_settings(on.clone()));
    let challenge = call!(
        story,
        initiate_auth,
        client_id(client),
        auth_flow(AuthFlowType::UserPasswordAuth),
        auth_parameters("USERNAME", ALEX),
        auth_parameters("PASSWORD", PASSWORD)
    );
    assert_eq!(challenge.challenge_name, Some(ChallengeNameType::SoftwareTokenMfa));
    let answered = call!(
        story,
        respond_to_auth_challenge,
        client_id(client),
        challenge_name(ChallengeNameType::SoftwareTokenMfa),
        set_session(challenge.session),
        challenge_responses("USERNAME", ALEX),
        challenge_responses("SOFTWARE_TOKEN_MFA_CODE", totp(&secret, 1))
    );
    assert!(answered.authentication_result.is_some());

    let off = SoftwareTokenMfaSettingsType::builder().enabled(false).preferred_mfa(false).build();
    call!(
        story,
        admin_set_user_mfa_preference,
        user_pool_id(pool),
        username(ALEX),
        software_token_mfa_settings(off)
    );
    call!(story, admin_delete_software_token, user_pool_id(pool), username(ALEX));
    call!(
        story,
        admin_update_user_attributes,
        user_pool_id(pool),
        username(ALEX),
        user_attributes(attribute("phone_number", "+12025550123"))
    );
    let by_sms =
        MfaOptionType::builder().delivery_medium(DeliveryMediumType::Sms).attribute_name("phone_number");
    call!(story, set_user_settings, access_token(&token), mfa_options(by_sms.clone().build()));
    call!(story, set_user_settings, access_token(&token), set_mfa_options(Some(vec![])));
    call!(story, admin_set_user_settings, user_pool_id(pool), username(ALEX), set_mfa_options(Some(vec![])));
}

async fn passkeys(story: &mut Story, pool: &str, client: &str) {
    let token = sign_in(story, client, ALEX, PASSWORD).await.access;
    let options =
        call!(story, start_web_authn_registration, access_token(&token)).credential_creation_options;
    let credential = document(&PasskeyDevice::new().create(&value(&options)));
    call!(story, complete_web_authn_registration, access_token(&token), credential(credential));
    let factors =
        call!(story, get_user_auth_factors, access_token(&token)).configured_user_auth_factors.unwrap();
    assert!(factors.contains(&AuthFactorType::WebAuthn), "{factors:?}");
    let factors = call!(story, admin_get_user_auth_factors, user_pool_id(pool), username(ALEX));
    assert!(factors.configured_user_auth_factors().contains(&AuthFactorType::WebAuthn), "{factors:?}");
    let listed = call!(story, list_web_authn_credentials, access_token(&token)).credentials;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let passkey = listed.first().unwrap();
    assert_eq!(passkey.relying_party_id, RELYING_PARTY);
    call!(story, delete_web_authn_credential, access_token(&token), credential_id(&passkey.credential_id));
}

/// Converts the SDK's untyped JSON.
fn value(document: &Document) -> Value {
    match document {
        Document::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), value(member))).collect()
        }
        Document::Array(entries) => entries.iter().map(value).collect(),
        Document::Number(number) => number.to_f64_lossy().into(),
        Document::String(text) => text.clone().into(),
        Document::Bool(is) => (*is).into(),
        Document::Null => Value::Null,
    }
}

fn document(value: &Value) -> Document {
    match value {
        Value::Object(members) => {
            Document::Object(members.iter().map(|(name, member)| (name.clone(), document(member))).collect())
        }
        Value::Array(entries) => Document::Array(entries.iter().map(document).collect()),
        Value::String(text) => Document::String(text.clone()),
        Value::Bool(is) => Document::Bool(*is),
        // A passkey's answer has no numbers.
        Value::Null | Value::Number(_) => Document::Null,
    }
}

async fn devices(story: &mut Story, pool: &str, client: &str) {
    for by_user in [true, false] {
        let tokens = sign_in(story, client, ALEX, PASSWORD).await;
        let verifier = DeviceSecretVerifierConfigType::builder()
            .password_verifier(data_encoding::BASE64.encode(&[7; 256]))
            .salt(data_encoding::BASE64.encode(Blob::new([1; 16]).as_ref()));
        let confirmed = call!(
            story,
            confirm_device,
            access_token(&tokens.access),
            device_key(&tokens.device),
            device_name("laptop"),
            device_secret_verifier_config(verifier.build())
        );
        assert!(confirmed.user_confirmation_necessary);
        let (token, device) = (&tokens.access, &tokens.device);
        let remembered = DeviceRememberedStatusType::Remembered;
        if by_user {
            call!(
                story,
                update_device_status,
                access_token(token),
                device_key(device),
                device_remembered_status(remembered)
            );
            let read = call!(story, get_device, access_token(token), device_key(device)).device.unwrap();
            assert!(read.device_create_date.is_some());
            assert_eq!(call!(story, list_devices, access_token(token)).devices().len(), 1);
            call!(story, forget_device, access_token(token), device_key(device));
        } else {
            call!(
                story,
                admin_update_device_status,
                user_pool_id(pool),
                username(ALEX),
                device_key(device),
                device_remembered_status(remembered)
            );
            call!(story, admin_get_device, user_pool_id(pool), username(ALEX), device_key(device));
            let listed = call!(story, admin_list_devices, user_pool_id(pool), username(ALEX));
            assert_eq!(listed.devices().len(), 1);
            call!(story, admin_forget_device, user_pool_id(pool), username(ALEX), device_key(device));
        }
    }
}

async fn administration(story: &mut Story, pool: &str, client: &str) {
    const SAM: &str = "sam@example.com";
    let created = call!(
        story,
        admin_create_user,
        user_pool_id(pool),
        username(SAM),
        temporary_password("Temporary-9"),
        message_action(MessageActionType::Suppress),
        user_attributes(attribute("email", SAM)),
        user_attributes(attribute("email_verified", "true")),
        user_attributes(attribute("custom:team", "red"))
    );
    assert!(created.user.unwrap().user_create_date.is_some());
    let challenge = call!(
        story,
        admin_initiate_auth,
        user_pool_id(pool),
        client_id(client),
        auth_flow(AuthFlowType::AdminUserPasswordAuth),
        auth_parameters("USERNAME", SAM),
        auth_parameters("PASSWORD", "Temporary-9")
    );
    assert_eq!(challenge.challenge_name, Some(ChallengeNameType::NewPasswordRequired));
    let answered = call!(
        story,
        admin_respond_to_auth_challenge,
        user_pool_id(pool),
        client_id(client),
        challenge_name(ChallengeNameType::NewPasswordRequired),
        set_session(challenge.session),
        challenge_responses("USERNAME", SAM),
        challenge_responses("NEW_PASSWORD", PASSWORD)
    );
    assert!(answered.authentication_result.is_some());
    call!(
        story,
        admin_set_user_password,
        user_pool_id(pool),
        username(SAM),
        password(PASSWORD),
        permanent(true)
    );
    call!(
        story,
        admin_delete_user_attributes,
        user_pool_id(pool),
        username(SAM),
        user_attribute_names("custom:team")
    );
    call!(story, admin_disable_user, user_pool_id(pool), username(SAM));
    let read = call!(story, admin_get_user, user_pool_id(pool), username(SAM));
    assert!(!read.enabled);
    call!(story, admin_enable_user, user_pool_id(pool), username(SAM));
    call!(story, admin_reset_user_password, user_pool_id(pool), username(SAM));
    let found = call!(story, list_users, user_pool_id(pool), filter(format!("email = \"{SAM}\"")));
    assert_eq!(found.users().len(), 1);
    let provider = |name: &str, attribute: &str, value: &str| {
        ProviderUserIdentifierType::builder()
            .provider_name(name)
            .provider_attribute_name(attribute)
            .provider_attribute_value(value)
            .build()
    };
    call!(
        story,
        admin_link_provider_for_user,
        user_pool_id(pool),
        destination_user(provider("Cognito", "Username", SAM)),
        source_user(provider("Google", "Cognito_Subject", "1234"))
    );
    call!(story, admin_delete_user, user_pool_id(pool), username(SAM));

    let unconfirmed = "kim@example.com";
    call!(
        story,
        sign_up,
        client_id(client),
        username(unconfirmed),
        password(PASSWORD),
        user_attributes(attribute("email", unconfirmed))
    );
    call!(story, admin_confirm_sign_up, user_pool_id(pool), username(unconfirmed));
}

/// Uses a separate pool, because threat protection needs another plan.
async fn protection(story: &mut Story, served: &pool::Served) {
    let add_ons = UserPoolAddOnsType::builder().advanced_security_mode(AdvancedSecurityModeType::Enforced);
    let created = call!(
        story,
        create_user_pool,
        pool_name("protected"),
        user_pool_tier(UserPoolTierType::Plus),
        user_pool_add_ons(add_ons.build().unwrap())
    );
    let pool = created.user_pool.unwrap().id.unwrap();
    let flow = ExplicitAuthFlowsType::AllowUserPasswordAuth;
    let client = call!(
        story,
        create_user_pool_client,
        user_pool_id(&pool),
        client_name("app"),
        explicit_auth_flows(flow)
    );
    let client = client.user_pool_client.unwrap().client_id.unwrap();
    let email = attribute("email", ALEX);
    let suppress = MessageActionType::Suppress;
    call!(
        story,
        admin_create_user,
        user_pool_id(&pool),
        username("alex"),
        user_attributes(email),
        message_action(suppress)
    );
    call!(
        story,
        admin_set_user_password,
        user_pool_id(&pool),
        username("alex"),
        password(PASSWORD),
        permanent(true)
    );

    let tell = AccountTakeoverActionType::builder().notify(true);
    let tell = tell.event_action(AccountTakeoverEventActionType::NoAction).build().unwrap();
    let mail =
        NotifyEmailType::builder().subject("New sign-in").text_body("{feedback-token}").build().unwrap();
    let sender = "arn:aws:ses:us-east-1:111122223333:identity/no-reply@example.com";
    let notify = NotifyConfigurationType::builder().source_arn(sender).no_action_email(mail).build().unwrap();
    let takeover = AccountTakeoverRiskConfigurationType::builder()
        .actions(AccountTakeoverActionsType::builder().low_action(tell).build())
        .notify_configuration(notify)
        .build();
    let set = call!(
        story,
        set_risk_configuration,
        user_pool_id(&pool),
        account_takeover_risk_configuration(takeover.clone())
    );
    assert_eq!(set.risk_configuration().unwrap().account_takeover_risk_configuration(), Some(&takeover));
    let described = call!(story, describe_risk_configuration, user_pool_id(&pool));
    assert_eq!(described.risk_configuration, set.risk_configuration);

    served.pools.set_switches(Switches { sign_in_risk: SignInRisk::Low, ..Switches::default() });
    call!(
        story,
        initiate_auth,
        client_id(client),
        auth_flow(AuthFlowType::UserPasswordAuth),
        auth_parameters("USERNAME", "alex"),
        auth_parameters("PASSWORD", PASSWORD)
    );
    served.pools.set_switches(Switches::default());
    let listed = call!(story, admin_list_user_auth_events, user_pool_id(&pool), username("alex"));
    let [event] = listed.auth_events() else { std::panic::resume_unwind(Box::new(format!("{listed:?}"))) };
    assert_eq!(event.event_response(), Some(&EventResponseType::Pass));
    assert_eq!(event.event_risk().unwrap().risk_level(), Some(&RiskLevelType::Low));
    let id = event.event_id().unwrap();
    call!(
        story,
        admin_update_auth_event_feedback,
        user_pool_id(&pool),
        username("alex"),
        event_id(id),
        feedback_value(FeedbackValueType::Valid)
    );
    call!(
        story,
        update_auth_event_feedback,
        user_pool_id(&pool),
        username("alex"),
        event_id(id),
        feedback_token(served.mailbox.last_text()),
        feedback_value(FeedbackValueType::Invalid)
    );
    let listed = call!(story, admin_list_user_auth_events, user_pool_id(&pool), username("alex"));
    let feedback = listed.auth_events().first().unwrap().event_feedback().unwrap();
    assert_eq!(feedback.feedback_value(), &FeedbackValueType::Invalid);
    call!(story, delete_user_pool, user_pool_id(pool));
}

async fn ends(story: &mut Story, pool: &str, client: &str) {
    let tokens = sign_in(story, client, ALEX, PASSWORD).await;
    let refreshed = call!(
        story,
        get_tokens_from_refresh_token,
        client_id(client),
        refresh_token(&tokens.refresh),
        device_key(&tokens.device)
    );
    assert!(refreshed.authentication_result.unwrap().access_token.is_some());
    call!(story, revoke_token, client_id(client), token(&tokens.refresh));
    let token = sign_in(story, client, ALEX, PASSWORD).await.access;
    call!(story, global_sign_out, access_token(token));
    call!(story, admin_user_global_sign_out, user_pool_id(pool), username(ALEX));
    let token = sign_in(story, client, ALEX, PASSWORD).await.access;
    call!(story, delete_user, access_token(token));
}
