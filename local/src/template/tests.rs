use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::roles::{Request, Verdict};

const TEMPLATE: &str = r#"
Parameters:
  UserPoolId: { Type: String }
  AppClientIds: { Type: CommaDelimitedList }
  AllowedOrigins: { Type: CommaDelimitedList, Default: "http://localhost:5173, https://app.example" }
  Limit: { Type: Number, Default: 5 }
  Unset: { Type: String }
Conditions:
  Small: !Equals [!Ref Limit, "5"]
  Large: !Not [!Condition Small]
Globals:
  Function:
    MemorySize: 256
    Timeout: 5
    Environment: { Variables: { LOG_LEVEL: info, SHARED: global } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
      DeletionProtectionEnabled: true
  Key: { Type: AWS::KMS::Key }
  HashKey: { Type: AWS::SecretsManager::Secret }
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: { AllowOrigins: !Ref AllowedOrigins, AllowMethods: [GET], MaxAge: 600 }
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 }
      Auth:
        DefaultAuthorizer: UserPool
        Authorizers:
          UserPool:
            JwtConfiguration:
              issuer: !Sub https://cognito-idp.${AWS::Region}.amazonaws.com/${UserPoolId}
              audience: !Ref AppClientIds
  MfaApi:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: mfa-api } }
    Properties:
      MemorySize: 512
      Environment:
        Variables:
          SHARED: own
          MFA_TABLE: !Ref Table
          TABLE_ARN: !GetAtt Table.Arn
          KEY_ARN: !GetAtt [Key, Arn]
          SENDER: !GetAtt Sender.Arn
          HASH_KEY: !Sub "{{resolve:secretsmanager:${HashKey}}}"
          LIMIT: !If [Small, !Ref Limit, !Ref AWS::NoValue]
          NOTHING: !If [Large, much, !Ref AWS::NoValue]
          JOINED: !Join ["|", !Ref AllowedOrigins]
          FIRST: !Select [0, !Split [":", "a:b"]]
          LONG_FORM: { "Fn::Sub": ["${What}-${!Kept}-${Table.Arn}", { What: !Ref UserPoolId }] }
      Events:
        Get:
          Type: HttpApi
          Properties:
            ApiId: !Ref Api
            Method: get
            Path: /mfa
            Auth: { AuthorizationScopes: [aws.cognito.signin.user.admin] }
        Open:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: GET, Path: /health, Auth: { Authorizer: NONE } }
        Nightly: { Type: Schedule, Properties: { Schedule: rate(1 day) } }
  Sender:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: custom-sms-sender } }
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: { AlarmActions: [!ImportValue elsewhere] }
"#;

const ACCOUNT: Account = Account { region: "us-east-1", id: "111122223333" };

fn given() -> Given {
    let mut given = Given::default();
    given.attribute("Key", "Arn", "arn:aws:kms:us-east-1:111122223333:key/1");
    for secret in ["HashKey", "ChallengeKey", "RecoveryKey"] {
        given.secret(secret, "generated");
    }
    given
}

fn deployed(template: &Template, mut given: Given) -> Result<Deployment, TemplateError> {
    let parameters = [
        ("UserPoolId", "us-east-1_Local"),
        ("AppClientIds", "one,two"),
        ("AppClients", "native=one,custom=two"),
        ("FunctionPrefix", ""),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    template.resolve(ACCOUNT, &parameters.into(), &mut given)
}

fn deployment(text: &str) -> Result<Deployment, TemplateError> {
    deployed(&Template::parse(text).unwrap(), given())
}

#[test]
fn variables_are_resolved_and_the_functions_own_win() {
    let functions = deployment(TEMPLATE).unwrap().functions;
    let api = functions.iter().find(|function| function.name == "mfa-api").unwrap();
    let expected = [
        ("FIRST", "a"),
        ("HASH_KEY", "generated"),
        ("JOINED", "http://localhost:5173|https://app.example"),
        ("KEY_ARN", "arn:aws:kms:us-east-1:111122223333:key/1"),
        ("LIMIT", "5"),
        ("LOG_LEVEL", "info"),
        ("LONG_FORM", "us-east-1_Local-${Kept}-arn:aws:dynamodb:us-east-1:111122223333:table/Table"),
        ("MFA_TABLE", "Table"),
        ("SENDER", "arn:aws:lambda:us-east-1:111122223333:function:custom-sms-sender"),
        ("SHARED", "own"),
        ("TABLE_ARN", "arn:aws:dynamodb:us-east-1:111122223333:table/Table"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(api.environment, BTreeMap::from(expected));
    assert_eq!((api.memory_mb, api.timeout), (512, Duration::from_secs(5)));
    let sender = functions.iter().find(|function| function.name == "custom-sms-sender").unwrap();
    assert_eq!((sender.memory_mb, sender.environment["SHARED"].as_str()), (256, "global"));
}

#[test]
fn the_api_has_the_events_as_routes() {
    let api = deployment(TEMPLATE).unwrap().api.unwrap();
    assert_eq!(
        api.routes,
        [
            Route {
                method: "GET".to_owned(),
                path: "/mfa".to_owned(),
                function: "mfa-api".to_owned(),
                authorizer: Some("UserPool".to_owned()),
                scopes: vec!["aws.cognito.signin.user.admin".to_owned()],
            },
            Route {
                method: "GET".to_owned(),
                path: "/health".to_owned(),
                function: "mfa-api".to_owned(),
                authorizer: None,
                scopes: vec![],
            },
        ]
    );
    assert_eq!(api.cors.unwrap().allow_origins, ["http://localhost:5173", "https://app.example"]);
    assert_eq!(api.throttle, Some(Throttle { rate: 50.0, burst: 100.0 }));
    let authorizer = &api.authorizers["UserPool"];
    assert_eq!(authorizer.issuer, "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Local");
    assert_eq!(authorizer.audience, ["one", "two"]);
}

#[test]
fn a_table_becomes_what_create_table_takes() {
    let tables = deployment(TEMPLATE).unwrap().tables;
    assert_eq!(
        tables,
        [Table {
            name: "Table".to_owned(),
            create: json!({
                "TableName": "Table",
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            }),
            ttl_attribute: Some("ttl".to_owned()),
        }]
    );
}

#[test]
fn what_cannot_be_resolved_is_named() {
    for (found, replacement, fault) in [
        ("!Ref Table\n", "!Ref Unset\n", "Unset has no default and no value in the local cloud"),
        ("!Ref Table\n", "!Ref Tabel\n", "Tabel has no default and no value in the local cloud"),
        ("!GetAtt Table.Arn", "!GetAtt Table.StreamArn", "the local cloud has no Table.StreamArn"),
        ("!Ref Table\n", "!ImportValue x\n", "the local cloud does not know !ImportValue"),
        ("Method: get", "Verb: get", "missing field `Method`"),
        (
            "DefaultAuthorizer: UserPool",
            "DefaultAuthorizer: Other",
            "a route names the unknown authorizer Other",
        ),
    ] {
        assert!(TEMPLATE.contains(found), "{found}");
        let error = deployment(&TEMPLATE.replace(found, replacement)).unwrap_err().to_string();
        assert!(error.contains(fault) && error.starts_with("Resources."), "{error}");
    }
}

#[test]
fn the_projects_own_template_resolves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let template = Template::read(&path).unwrap();
    let mut given = given();
    given.attribute("RecoveryClient", "ClientSecret", "hush");
    let deployment = deployed(&template, given).unwrap();
    let deployed: BTreeSet<_> = deployment.functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(deployed, template.function_names());
    let routes = deployment.api.unwrap().routes;
    assert!(routes.iter().any(|route| route.method == "GET" && route.path == "/mfa"));
}

/// The pool and the functions know each other by name and id, across three stacks.
fn stacks(folder: &Path) -> PathBuf {
    let root = "
Parameters: { Existing: { Type: String, Default: '' } }
Conditions: { MakesPool: !Equals [!Ref Existing, ''] }
Resources:
  Last:
    Type: AWS::Serverless::Application
    Properties:
      Location: functions.yaml
      Parameters:
        Pool: !If [MakesPool, !GetAtt First.Outputs.Pool, !Ref Existing]
        Secret: !If [MakesPool, !GetAtt First.Outputs.Secret, '']
  First:
    Type: AWS::Serverless::Application
    Condition: MakesPool
    Properties: { Location: pool.yaml, Parameters: { Name: define } }
Outputs:
  Pool: { Condition: MakesPool, Value: !GetAtt First.Outputs.Pool }
  Define: { Value: !GetAtt Last.Outputs.Define }
";
    let pool = "
Parameters: { Name: { Type: String } }
Resources:
  Pool:
    Type: AWS::Cognito::UserPool
    Properties: { LambdaConfig: { DefineAuthChallenge: !Sub '${Name}:live' } }
  Client: { Type: AWS::Cognito::UserPoolClient, Properties: { ClientName: recovery } }
  Secret: { Type: AWS::SecretsManager::Secret, Properties: { SecretString: !GetAtt Client.ClientSecret } }
Outputs: { Pool: { Value: !Ref Pool }, Secret: { Value: !Ref Secret } }
";
    let functions = "
Parameters: { Pool: { Type: String }, Secret: { Type: String } }
Globals: { Function: { AutoPublishAlias: live } }
Conditions: { HasSecret: !Not [!Equals [!Ref Secret, '']] }
Resources:
  Define:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: define } }
    Properties:
      FunctionName: define
      Environment:
        Variables:
          POOL: !Ref Pool
          SECRET: !If [HasSecret, !Sub '{{resolve:secretsmanager:${Secret}}}', none]
Outputs: { Define: { Value: !Ref Define.Alias } }
";
    for (name, text) in [("template.yaml", root), ("pool.yaml", pool), ("functions.yaml", functions)] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder.join("template.yaml")
}

#[test]
fn a_role_is_what_its_statements_allow() {
    let roles = |policies: &str, more: &str| {
        let function = "Type: AWS::Serverless::Function, Metadata: { BuildProperties: { Binary: sender } }";
        let text =
            format!("Resources:\n  Sender: {{ {function}, Properties: {{ Policies: {policies} }} }}\n{more}");
        deployment(&text).map(|deployment| deployment.roles)
    };
    let one = "{ Statement: [{ Effect: Allow, Action: kms:Decrypt, Resource: !Sub 'arn:${AWS::Region}' }] }";
    let other = "{ Statement: [{ Effect: Allow, Action: [sns:Publish, ses:SendEmail], Resource: '*' }] }";
    let allowed = |policies: &str, more: &str| -> Vec<_> {
        let roles = roles(policies, more).unwrap();
        let is_allowed = |action: &&str| {
            let request = Request {
                action: (*action).to_owned(),
                resources: vec!["arn:us-east-1".to_owned()],
                ..Request::default()
            };
            roles.get("sender").is_some_and(|role| role.answer(&request) != Verdict::Denied)
        };
        ["kms:Decrypt", "kms:Encrypt", "ses:SendEmail", "sns:Publish"]
            .into_iter()
            .filter(is_allowed)
            .collect()
    };
    let both = format!("[{one}, {other}]");
    assert_eq!(allowed(&both, ""), ["kms:Decrypt", "ses:SendEmail", "sns:Publish"]);
    assert_eq!(allowed("[]", ""), [""; 0]);
    let attached = |to: &str| {
        format!(
            "  More: {{ Type: AWS::IAM::Policy, Condition: Never, Properties: {{ Roles: [!Ref {to}], PolicyDocument: {other} }} }}\n"
        )
    };
    assert_eq!(allowed("[]", &attached("SenderRole")), ["ses:SendEmail", "sns:Publish"]);
    let nothing = "[{ Statement: [{ Effect: Maybe, Action: kms:Decrypt, Resource: '*' }] }]";
    for (policies, more, fault) in [
        (
            "[AWSLambdaExecute]",
            String::new(),
            "Resources.Sender.Properties.Policies: a policy without statements",
        ),
        (nothing, String::new(), "Resources.Sender.Properties.Policies: a statement that neither allows"),
        ("[]", attached("OtherRole"), "Resources.More.Properties.PolicyDocument: the role of no function"),
    ] {
        let told = roles(policies, &more).unwrap_err().to_string();
        assert!(told.starts_with(fault), "{told}");
    }
}

#[test]
fn stacks_within_give_each_other_what_they_put_out() {
    let folder = tempfile::tempdir().unwrap();
    let template = Template::read(&stacks(folder.path())).unwrap();
    assert_eq!(template.user_pools(), ["Pool"]);
    assert_eq!(template.app_clients(), [("Client".to_owned(), "recovery".to_owned())]);
    assert_eq!(template.function_names(), BTreeSet::from(["define".to_owned()]));
    let mut given = Given::default();
    given.refer("Pool", "us-east-1_Made");
    given.attribute("Client", "ClientSecret", "hush");
    let made = deployed(&template, given.clone()).unwrap();
    assert_eq!(Json::Object(made.triggers.clone()), json!({ "DefineAuthChallenge": "define:live" }));
    let environment = |deployment: &Deployment| {
        let environment = deployment.functions.first().unwrap().environment.clone();
        (environment["POOL"].clone(), environment["SECRET"].clone())
    };
    let expected = ("us-east-1_Made".to_owned(), "hush".to_owned());
    assert_eq!(environment(&made), expected);
    assert_eq!(made.functions.first().unwrap().alias.as_deref(), Some("live"));
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:define:live";
    let outputs: BTreeMap<_, _> = made
        .outputs
        .iter()
        .map(|output| (output.output_key.as_str(), output.output_value.as_str()))
        .collect();
    assert_eq!(outputs, [("Pool", "us-east-1_Made"), ("Define", arn)].into());

    // An existing pool: what depends on the condition is not there.
    let parameters = [("Existing".to_owned(), "us-east-1_Theirs".to_owned())].into();
    let attached = template.resolve(ACCOUNT, &parameters, &mut given).unwrap();
    assert_eq!(environment(&attached), ("us-east-1_Theirs".to_owned(), "none".to_owned()));
    assert!(attached.triggers.is_empty());
    assert_eq!(attached.outputs.len(), 1);
}

#[test]
fn what_is_wrong_with_stacks_within_is_named() {
    for (file, found, replacement, fault) in [
        ("pool.yaml", "!Ref Pool }", "!Ref Pond }", "First: Outputs.Pool: Pond has no default"),
        (
            "functions.yaml",
            "FunctionName: define",
            "FunctionName: x-define",
            "called x-define, and its binary",
        ),
        ("template.yaml", "First.Outputs.Secret", "First.Outputs.Sceret", "has no First.Outputs.Sceret"),
        ("template.yaml", "Location: pool.yaml", "Location: pond.yaml", "pond.yaml"),
        ("template.yaml", "Location: pool.yaml, ", "", "Resources.First: no Location of a file"),
        ("pool.yaml", "Name: { Type: String }", "Nam: { Type: String }", "Name has no default and no value"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let template = stacks(folder.path());
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(found), "{found}");
        fs::write(folder.path().join(file), text.replace(found, replacement)).unwrap();
        let mut given = Given::default();
        given.attribute("Client", "ClientSecret", "hush");
        let error = Template::read(&template).and_then(|template| deployed(&template, given));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}

/// Senders send by what the parameters name, and by nothing else of the account.
#[test]
fn the_projects_own_senders_are_held_to_their_identities() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/triggers.yaml");
    let template = Template::read(&path).unwrap();
    let phone_pool = "arn:aws:sms-voice:us-east-1:111122223333:pool/ours";
    let roles = |from: &str, origination: &str| {
        let mut parameters: BTreeMap<_, _> =
            template.section("Parameters").map(|(name, _)| (name.to_owned(), String::new())).collect();
        parameters.insert("EmailFrom".to_owned(), from.to_owned());
        parameters.insert("SmsOriginationIdentity".to_owned(), origination.to_owned());
        let mut given = Given::default();
        // The functions' secrets, which another stack makes.
        given.secret("", "generated");
        template.resolve(ACCOUNT, &parameters, &mut given).unwrap().roles
    };
    let call = |action: &str, resource: Option<&str>, from: &str| Request {
        action: action.to_owned(),
        resources: resource.into_iter().map(str::to_owned).collect(),
        context: [("ses:FromAddress".to_owned(), [from.to_owned()].into())].into(),
    };
    let identity = Some("arn:aws:ses:us-east-1:111122223333:identity/example.com");
    let topic = Some("arn:aws:sns:us-east-1:111122223333:alarms");
    let other_pool = Some("arn:aws:sms-voice:us-east-1:111122223333:pool/theirs");
    for from in ["no-reply@example.com", "Example <no-reply@example.com>"] {
        let [narrow, wide] = [phone_pool, "+12025550100"].map(|identity| roles(from, identity));
        for (roles, function, action, resource, address, expected) in [
            (&wide, "deliver", "ses:SendEmail", identity, "no-reply@example.com", true),
            (&wide, "deliver", "ses:SendEmail", identity, "ceo@example.com", false),
            (&wide, "custom-email-sender", "ses:SendEmail", identity, "no-reply@example.com", true),
            (&wide, "custom-email-sender", "ses:SendEmail", identity, "ceo@example.com", false),
            (&wide, "deliver", "sns:Publish", None, "", true),
            (&wide, "deliver", "sns:Publish", topic, "", false),
            (&wide, "custom-sms-sender", "sns:Publish", topic, "", false),
            (&wide, "deliver", "sms-voice:SendTextMessage", None, "", true),
            (&narrow, "deliver", "sms-voice:SendTextMessage", Some(phone_pool), "", true),
            (&narrow, "deliver", "sms-voice:SendTextMessage", other_pool, "", false),
            (&narrow, "custom-sms-sender", "sms-voice:SendTextMessage", None, "", false),
        ] {
            let answer = roles[function].answer(&call(action, resource, address));
            assert_eq!(answer != Verdict::Denied, expected, "{function}: {action} {resource:?} {address}");
        }
    }
}

/// Every pool that the template's parameters can make fits together (cognito.md §4.2, §4.3, §9.4).
#[test]
fn the_projects_own_pool_has_no_factor_that_recovers_passwords_and_nothing_that_its_plan_lacks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/pool.yaml");
    let template = Template::read(&path).unwrap();
    let (_, pool) = template.resources("AWS::Cognito::UserPool").next().unwrap();
    let mut seen = 0;
    for (sign_in_with, name) in
        [("username", None), ("email", Some("email")), ("phone", Some("phone_number"))]
    {
        for (plan, mfa, messages) in kinds_of_pool() {
            let parameters = [
                ("FunctionPrefix", ""),
                ("CodeKeyArn", "arn:key"),
                ("SignInWith", sign_in_with),
                ("Plan", plan),
                ("Mfa", mfa),
                ("MfaMessages", messages),
                ("RememberDevices", "false"),
                ("EmailFrom", "no-reply@example.com"),
                ("EmailIdentityArn", "arn:identity"),
                ("PermissionsBoundaryArn", ""),
            ];
            let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let scope = intrinsics::Scope::new(&template, ACCOUNT, &parameters, &Given::default()).unwrap();
            let pool = scope.resolve(pool.get("Properties").unwrap(), "Pool").unwrap().unwrap();
            let case = format!("{sign_in_with} {plan} {mfa} {messages}: {pool}");
            let texts = |pointer: &str| -> BTreeSet<&str> {
                pool.pointer(pointer)
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect()
            };
            let factors = texts("/EnabledMfas");
            let message = if messages == "sms" { "SMS_MFA" } else { "EMAIL_OTP" };
            let expected: &[&str] = if mfa == "OFF" { &[] } else { &["SOFTWARE_TOKEN_MFA", message] };
            assert_eq!(factors, expected.iter().copied().collect(), "{case}");
            let recovers = pool.pointer("/AccountRecoverySetting/RecoveryMechanisms/0/Name");
            let collides = match recovers.and_then(Json::as_str).unwrap() {
                "verified_email" => factors.contains("EMAIL_OTP"),
                _ => factors.contains("SMS_MFA"),
            };
            assert!(!collides, "{case}");
            let verified = texts("/AutoVerifiedAttributes");
            let before = texts("/UserAttributeUpdateSettings/AttributesRequireVerificationBeforeUpdate");
            assert_eq!(verified, before, "{case}");
            assert!(!factors.contains("SMS_MFA") || verified.contains("phone_number"), "{case}");
            assert!(name.is_none_or(|name| verified.contains(name)), "{case}");
            assert_eq!(texts("/UsernameAttributes"), name.into_iter().collect(), "{case}");
            let version = pool.pointer("/LambdaConfig/PreTokenGenerationConfig/LambdaVersion").unwrap();
            assert_eq!(version, if plan == "LITE" { "V1_0" } else { "V2_0" }, "{case}");
            assert_eq!(pool.get("UserPoolAddOns").is_some(), plan == "PLUS", "{case}");
            seen += 1;
        }
    }
    assert_eq!(seen, 45);
}

/// Plan, multi-factor authentication and channel; an e-mail factor on Lite is refused by the template's rules.
fn kinds_of_pool() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all = Vec::new();
    for plan in ["LITE", "ESSENTIALS", "PLUS"] {
        for state in ["OFF", "OPTIONAL", "ON"] {
            all.extend(["sms", "email"].map(|messages| (plan, state, messages)));
        }
    }
    all.retain(|(plan, _, messages)| (*plan, *messages) != ("LITE", "email"));
    all
}
