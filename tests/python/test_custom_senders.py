"""Codes for custom senders open with the official AWS Encryption SDK over the local KMS."""

import base64
import html

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.identifiers import CommitmentPolicy

from conftest import PASSWORD


@pytest.fixture
def unseal(all_triggers, monkeypatch):
    """Plaintext and encryption context of an event's code."""
    region = all_triggers.endpoints["region"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", all_triggers.endpoints["kms"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    pool = all_triggers.cognito.describe_user_pool(UserPoolId=all_triggers.pool_id)["UserPool"]
    provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[pool["LambdaConfig"]["KMSKeyID"]])
    # The policy of Cognito's own sample: the suite commits to no key (docs/reference/cognito.md, 2.1).
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
    )

    def open_code(event):
        sealed = base64.b64decode(event["request"]["code"])
        assert sealed[:4] == bytes([1, 0x80, 0x03, 0x78])
        plaintext, header = client.decrypt(source=sealed, key_provider=provider)
        assert header.encryption_context["userpool-id"] == all_triggers.pool_id
        assert set(header.encryption_context) == {"userpool-id", "aws-crypto-public-key"}
        return plaintext.decode()

    return open_code


def of(address):
    return lambda event: address in event["request"]["userAttributes"].values()


def test_the_code_of_a_sign_up_by_mail(all_triggers, unseal):
    cognito, user = all_triggers.cognito, "sealed@example.com"
    cognito.sign_up(
        ClientId=all_triggers.native,
        Username=user,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": user}],
    )
    event = all_triggers.functions.wait_for("CustomEmailSender_SignUp", of(user))
    assert event["request"]["type"] == "customEmailSenderRequestV1"
    assert "response" not in event
    cognito.confirm_sign_up(ClientId=all_triggers.native, Username=user, ConfirmationCode=unseal(event))
    assert all_triggers.messages(user) == [], "Cognito sends nothing itself where a custom sender does"


def test_the_code_of_a_second_factor_by_sms(all_triggers, unseal):
    cognito, phone = all_triggers.cognito, "+12025550123"
    user = all_triggers.new_user("by-sms@example.com", phone)
    cognito.admin_set_user_mfa_preference(
        UserPoolId=all_triggers.pool_id, Username=user, SMSMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    challenge = cognito.initiate_auth(
        ClientId=all_triggers.native,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
    )
    assert challenge["ChallengeName"] == "SMS_MFA"
    event = all_triggers.functions.wait_for("CustomSMSSender_Authentication", of(phone))
    assert event["request"]["type"] == "customSMSSenderRequestV1"
    answered = cognito.respond_to_auth_challenge(
        ClientId=all_triggers.native,
        ChallengeName="SMS_MFA",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": user, "SMS_MFA_CODE": unseal(event)},
    )
    assert answered["AuthenticationResult"]["AccessToken"]


def test_a_temporary_password_is_escaped(all_triggers, unseal):
    user = "escaped@example.com"
    all_triggers.cognito.admin_create_user(
        UserPoolId=all_triggers.pool_id,
        Username=user,
        TemporaryPassword="Tmp<9x>&Qz1!",
        UserAttributes=[{"Name": "email", "Value": user}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    plaintext = unseal(all_triggers.functions.wait_for("CustomEmailSender_AdminCreateUser", of(user)))
    assert "<" not in plaintext and html.unescape(plaintext) == "Tmp<9x>&Qz1!"


def test_the_order_of_a_password_sign_in(all_triggers):
    user = all_triggers.new_user("order@example.com")
    del all_triggers.functions.events[:]
    all_triggers.cognito.initiate_auth(
        ClientId=all_triggers.native,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
        ClientMetadata={"app": "7"},
    )
    assert all_triggers.functions.sources() == [
        "PreAuthentication_Authentication",
        "PostAuthentication_Authentication",
        "TokenGeneration_Authentication",
    ]
    before, after, token = all_triggers.functions.events
    assert before["request"]["validationData"] == {"app": "7"}
    assert "app" not in (after["request"].get("clientMetadata") or {})
    assert token["response"] == {"claimsOverrideDetails": None}


def test_the_order_of_a_custom_sign_in(all_triggers):
    def define(event):
        session = event["request"]["session"]
        right = bool(session) and session[-1]["challengeResult"]
        event["response"] = {
            "challengeName": None if right else "CUSTOM_CHALLENGE",
            "issueTokens": right,
            "failAuthentication": False,
        }
        return event

    def create(event):
        event["response"] = {
            "publicChallengeParameters": {"hint": "blue"},
            "privateChallengeParameters": {"answer": "sky"},
            "challengeMetadata": "round",
        }
        return event

    def verify(event):
        private = event["request"]["privateChallengeParameters"]
        event["response"] = {"answerCorrect": event["request"]["challengeAnswer"] == private["answer"]}
        return event

    functions, cognito = all_triggers.functions, all_triggers.cognito
    functions.answers |= {
        "DefineAuthChallenge_Authentication": define,
        "CreateAuthChallenge_Authentication": create,
        "VerifyAuthChallengeResponse_Authentication": verify,
    }
    user = all_triggers.new_user("custom@example.com")
    del functions.events[:]
    challenge = cognito.initiate_auth(
        ClientId=all_triggers.custom, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": user}
    )
    for answer in ["sea", "sky"]:
        assert challenge["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert challenge["ChallengeParameters"]["hint"] == "blue"
        assert "answer" not in challenge["ChallengeParameters"]
        challenge = cognito.respond_to_auth_challenge(
            ClientId=all_triggers.custom,
            ChallengeName="CUSTOM_CHALLENGE",
            Session=challenge["Session"],
            ChallengeResponses={"USERNAME": user, "ANSWER": answer},
        )
    assert challenge["AuthenticationResult"]["AccessToken"]
    round_trip = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"]
    expected = [*round_trip, *round_trip, "DefineAuthChallenge", "PostAuthentication", "TokenGeneration"]
    assert functions.sources() == [f"{name}_Authentication" for name in expected]
    last = functions.events[-3]["request"]["session"]
    assert [(item["challengeName"], item["challengeResult"], item["challengeMetadata"]) for item in last] == [
        ("CUSTOM_CHALLENGE", False, "round"),
        ("CUSTOM_CHALLENGE", True, "round"),
    ]
