use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::*;

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

fn scope(template: &Template) -> Scope {
    let parameters = BTreeMap::from([
        ("UserPoolId".to_owned(), "us-east-1_Local".to_owned()),
        ("AppClientIds".to_owned(), "one,two".to_owned()),
        ("AppClients".to_owned(), "native=one,custom=two".to_owned()),
    ]);
    let mut scope = Scope::new(template, "us-east-1", "111122223333", &parameters).unwrap();
    scope.attribute("Key", "Arn", "arn:aws:kms:us-east-1:111122223333:key/1");
    scope.secret("HashKey", "generated");
    scope
}

fn deployment(text: &str) -> Result<Deployment, TemplateError> {
    let template = Template::parse(text).unwrap();
    template.resolve(&scope(&template))
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
        ("DefaultAuthorizer: UserPool", "DefaultAuthorizer: Other", "a route asks for the authorizer Other"),
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
    let deployment = template.resolve(&scope(&template)).unwrap();
    let deployed: BTreeSet<_> = deployment.functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(deployed, template.function_names());
    let routes = deployment.api.unwrap().routes;
    assert!(routes.iter().any(|route| route.method == "GET" && route.path == "/mfa"));
}

#[test]
fn a_key_is_given_out_if_an_output_is_its_arn() {
    let keys = |outputs: &str| {
        let text = format!(
            "Parameters:\n  Pool: {{ Type: String }}\nResources:\n  Inner: {{ Type: AWS::KMS::Key }}\n  Outer: {{ Type: AWS::KMS::Key }}\n{outputs}"
        );
        Template::parse(&text).unwrap().keys_given_out().unwrap()
    };
    assert_eq!(keys(""), <[&str; 0]>::default());
    for value in ["!GetAtt Outer.Arn", "{ \"Fn::GetAtt\": [Outer, Arn] }", "!Sub \"${Outer.Arn}\""] {
        assert_eq!(keys(&format!("Outputs:\n  Key: {{ Value: {value} }}\n")), ["Outer"], "{value}");
    }
    assert_eq!(keys("Outputs:\n  Key: { Value: !Sub \"of ${Outer.Arn}\" }\n"), <[&str; 0]>::default());
    let beside = "Outputs:\n  Api: { Value: !Ref Pool }\n  Key: { Value: !GetAtt Outer.Arn }\n";
    assert_eq!(keys(beside), ["Outer"], "an output that can't be resolved yet");
}
