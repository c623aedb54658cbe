"""pycognito: SRP, tokens and MFA of a client that is no SDK's."""

import json
import time
import urllib.request

import pyotp
import pytest
from pycognito import Cognito
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from conftest import PASSWORD


@pytest.fixture
def user(cloud, monkeypatch):
    jwks = f"{cloud.endpoints['cognito'].rstrip('/')}/{cloud.pool_id}/.well-known/jwks.json"
    with urllib.request.urlopen(jwks) as answer:
        monkeypatch.setenv("COGNITO_JWKS", json.dumps(json.load(answer)))
    # As an argument it would also be taken for the issuer.
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", cloud.endpoints["cognito"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    def make(username):
        return Cognito(
            cloud.pool_id,
            cloud.native,
            user_pool_region=cloud.endpoints["region"],
            username=username,
        )

    return make


def test_register_sign_in_and_second_factor(cloud, user):
    name = "pycognito@example.com"
    registering = user(name)
    registering.set_base_attributes(email=name)
    registering.register(name, PASSWORD)
    registering.confirm_sign_up(cloud.code(name), username=name)

    signed_in = user(name)
    signed_in.authenticate(password=PASSWORD)
    assert signed_in.access_claims["token_use"] == "access"
    assert signed_in.id_claims["email"] == name

    now = int(time.time())
    totp = pyotp.TOTP(signed_in.associate_software_token())
    assert signed_in.verify_software_token(totp.at(now), "phone")
    signed_in.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    again = user(name)
    with pytest.raises(SoftwareTokenMFAChallengeException) as challenge:
        again.authenticate(password=PASSWORD)
    again.respond_to_software_token_mfa_challenge(totp.at(now + 30), challenge.value.get_tokens())
    assert again.access_claims["username"] == signed_in.access_claims["username"]
    again.check_token(renew=False)

    with pytest.raises(again.client.exceptions.NotAuthorizedException):
        user(name).authenticate(password="Wrong-Horse-7")
