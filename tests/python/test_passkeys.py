"""boto3 over USER_AUTH, passkeys, rotation of refresh tokens and sessions. The device is written here."""

import base64
import hashlib
import json
import os

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from conftest import PASSWORD

ORIGIN = "http://localhost:8000"
USER = "passkey@example.com"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Device:
    """An authenticator with its browser: ES256, user verification, a counter."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(32)
        self.counter = 0

    def _client_data(self, kind, challenge):
        data = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        return json.dumps(data, separators=(",", ":")).encode()

    def _data(self, relying_party, attested=b""):
        flags = 0x05 | (0x40 if attested else 0)
        head = hashlib.sha256(relying_party.encode()).digest()
        return head + bytes([flags]) + self.counter.to_bytes(4, "big") + attested

    def _answer(self, response):
        return {
            "id": encode(self.id),
            "rawId": encode(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {name: encode(value) for name, value in response.items()},
        }

    def create(self, options):
        self.handle = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        point = self.key.public_key().public_numbers()
        key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + point.x.to_bytes(32, "big")
        key += b"\x22\x58\x20" + point.y.to_bytes(32, "big")
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + key
        data = self._data(options["rp"]["id"], attested)
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
        client_data = self._client_data("create", options["challenge"])
        return self._answer({"clientDataJSON": client_data, "attestationObject": attestation})

    def get(self, options):
        self.counter += 1
        client_data = self._client_data("get", options["challenge"])
        data = self._data(options["rpId"])
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return json.dumps(
            self._answer(
                {
                    "clientDataJSON": client_data,
                    "authenticatorData": data,
                    "signature": signature,
                    "userHandle": self.handle,
                }
            )
        )


@pytest.fixture(scope="module")
def pool(cloud):
    """A pool with every first factor, and a client whose refresh tokens rotate."""
    cognito = cloud.cognito
    pool = cognito.create_user_pool(
        PoolName="passkeys",
        AutoVerifiedAttributes=["email"],
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"]}},
    )["UserPool"]["Id"]
    configuration = cognito.set_user_pool_mfa_config(
        UserPoolId=pool, WebAuthnConfiguration={"RelyingPartyId": "localhost", "UserVerification": "required"}
    )
    assert configuration["WebAuthnConfiguration"]["UserVerification"] == "required"
    cognito.set_user_pool_session_configuration(
        UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 20}
    )
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="boto3",
        ExplicitAuthFlows=["ALLOW_USER_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )["UserPoolClient"]["ClientId"]
    return pool, client


@pytest.fixture(scope="module")
def token(cloud, pool):
    """Signs up without a password; the session of the confirmation signs in."""
    cognito, (_, client) = cloud.cognito, pool
    attributes = [{"Name": "email", "Value": USER}]
    begun = cognito.sign_up(ClientId=client, Username="alex", UserAttributes=attributes)
    confirmed = cognito.confirm_sign_up(
        ClientId=client, Username="alex", ConfirmationCode=cloud.code(USER), Session=begun["Session"]
    )
    answer = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": "alex"},
        Session=confirmed["Session"],
    )
    token = answer["AuthenticationResult"]["AccessToken"]
    cognito.change_password(AccessToken=token, ProposedPassword=PASSWORD)
    return token


def begin(cloud, client, **parameters):
    return cloud.cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "alex", **parameters}
    )


def respond(cloud, client, challenge, **answers):
    return cloud.cognito.respond_to_auth_challenge(
        ClientId=client,
        ChallengeName=challenge["ChallengeName"],
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": "alex", **answers},
    )


def test_the_choice_and_each_answer(cloud, pool, token):
    _, client = pool
    offered = begin(cloud, client)
    assert offered["ChallengeName"] == "SELECT_CHALLENGE"
    assert set(offered["AvailableChallenges"]) == {"PASSWORD", "PASSWORD_SRP", "EMAIL_OTP"}
    code = respond(cloud, client, offered, ANSWER="EMAIL_OTP")
    assert respond(cloud, client, code, EMAIL_OTP_CODE=cloud.code(USER))["AuthenticationResult"]
    assert begin(cloud, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)["AuthenticationResult"]


def test_a_passkey_from_registration_to_deletion(cloud, pool, token):
    cognito, (pool_id, client), device = cloud.cognito, pool, Device()
    options = cognito.start_web_authn_registration(AccessToken=token)["CredentialCreationOptions"]
    credential = device.create(options)
    cognito.complete_web_authn_registration(AccessToken=token, Credential=credential)
    with pytest.raises(cognito.exceptions.WebAuthnChallengeNotFoundException):
        cognito.complete_web_authn_registration(AccessToken=token, Credential=credential)
    [listed] = cognito.list_web_authn_credentials(AccessToken=token)["Credentials"]
    assert listed["CredentialId"] == encode(device.id)
    factors = cognito.get_user_auth_factors(AccessToken=token)["ConfiguredUserAuthFactors"]
    assert factors == ["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"]
    same = cognito.admin_get_user_auth_factors(UserPoolId=pool_id, Username="alex")
    assert same["ConfiguredUserAuthFactors"] == factors

    challenge = begin(cloud, client, PREFERRED_CHALLENGE="WEB_AUTHN")
    asked = json.loads(challenge["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])
    answer = device.get(asked)
    assert respond(cloud, client, challenge, CREDENTIAL=answer)["AuthenticationResult"]
    # The same answer to another challenge.
    challenge = begin(cloud, client, PREFERRED_CHALLENGE="WEB_AUTHN")
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        respond(cloud, client, challenge, CREDENTIAL=answer)

    cognito.delete_web_authn_credential(AccessToken=token, CredentialId=listed["CredentialId"])
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.delete_web_authn_credential(AccessToken=token, CredentialId=listed["CredentialId"])


def test_a_refresh_token_rotates_and_is_not_reused(cloud, pool, token):
    cognito, (_, client) = cloud.cognito, pool
    signed_in = begin(cloud, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    old = signed_in["AuthenticationResult"]["RefreshToken"]
    new = cognito.get_tokens_from_refresh_token(ClientId=client, RefreshToken=old)
    assert new["AuthenticationResult"]["RefreshToken"] != old
    with pytest.raises(cognito.exceptions.RefreshTokenReuseException):
        cognito.get_tokens_from_refresh_token(ClientId=client, RefreshToken=old)


def test_sessions_are_listed_and_revoked(cloud, pool, token):
    cognito, (pool_id, client) = cloud.cognito, pool
    other = begin(cloud, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    listed = cognito.list_user_sessions(AccessToken=token)["Sessions"]
    assert [it["SessionType"] for it in listed] == ["TOKEN"] * len(listed)
    [own] = [it for it in listed if it["IsCurrentSession"]]
    with pytest.raises(ClientError):
        cognito.revoke_user_session(AccessToken=token, SessionId=own["SessionId"])
    for session in listed:
        if session != own:
            cognito.revoke_user_session(AccessToken=token, SessionId=session["SessionId"])
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.get_user(AccessToken=other["AuthenticationResult"]["AccessToken"])
    left = cognito.admin_list_user_sessions(UserPoolId=pool_id, Username="alex")["Sessions"]
    assert [it["SessionId"] for it in left] == [own["SessionId"]]
