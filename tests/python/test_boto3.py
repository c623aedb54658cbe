"""boto3: the SDK's own models read every answer."""

import base64
import json
import time
import urllib.request

import pyotp
import pytest
from botocore.exceptions import ClientError

from conftest import PASSWORD


def code_of(fault):
    return fault.value.response["Error"]["Code"]


def sign_in(cloud, username, password=PASSWORD):
    return cloud.cognito.initiate_auth(
        ClientId=cloud.native,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": password},
    )


def test_sign_up_totp_and_sign_in(cloud):
    cognito, user = cloud.cognito, "sign-up@example.com"
    signed_up = cognito.sign_up(
        ClientId=cloud.native,
        Username=user,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": user}],
    )
    assert signed_up["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    with pytest.raises(ClientError) as fault:
        sign_in(cloud, user)
    assert code_of(fault) == "UserNotConfirmedException"
    cognito.confirm_sign_up(
        ClientId=cloud.native, Username=user, ConfirmationCode=cloud.code(user)
    )
    with pytest.raises(ClientError) as fault:
        sign_in(cloud, user, "Wrong-Horse-7")
    assert code_of(fault) == "NotAuthorizedException"
    assert fault.value.response["Error"]["Message"] == "Incorrect username or password."

    token = sign_in(cloud, user)["AuthenticationResult"]["AccessToken"]
    seed = cognito.associate_software_token(AccessToken=token)["SecretCode"]
    totp = pyotp.TOTP(seed)
    with pytest.raises(ClientError) as fault:
        cognito.verify_software_token(AccessToken=token, UserCode="000000")
    assert code_of(fault) == "EnableSoftwareTokenMFAException"
    now = int(time.time())
    assert cognito.verify_software_token(AccessToken=token, UserCode=totp.at(now))["Status"] == "SUCCESS"
    cognito.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    assert cognito.get_user(AccessToken=token)["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"

    challenge = sign_in(cloud, user)
    assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    answered = cognito.respond_to_auth_challenge(
        ClientId=cloud.native,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": user, "SOFTWARE_TOKEN_MFA_CODE": totp.at(now + 30)},
    )
    tokens = answered["AuthenticationResult"]
    # The pool tracks devices: a refresh names the device key that it was given
    # (docs/reference/cognito.md, 3.8).
    device = tokens["NewDeviceMetadata"]["DeviceKey"]
    refreshed = cognito.initiate_auth(
        ClientId=cloud.native,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"], "DEVICE_KEY": device},
    )
    cognito.global_sign_out(AccessToken=refreshed["AuthenticationResult"]["AccessToken"])
    with pytest.raises(ClientError) as fault:
        cognito.get_user(AccessToken=token)
    assert code_of(fault) == "NotAuthorizedException"


def test_a_temporary_password_must_be_changed(cloud):
    cognito, user = cloud.cognito, "invited@example.com"
    cognito.admin_create_user(
        UserPoolId=cloud.pool_id,
        Username=user,
        TemporaryPassword="Temporary-9",
        UserAttributes=[{"Name": "email", "Value": user}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    challenge = sign_in(cloud, user, "Temporary-9")
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answered = cognito.respond_to_auth_challenge(
        ClientId=cloud.native,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": user, "NEW_PASSWORD": PASSWORD},
    )
    assert answered["AuthenticationResult"]["AccessToken"]
    found = cognito.admin_get_user(UserPoolId=cloud.pool_id, Username=user)
    assert found["UserStatus"] == "CONFIRMED"


def test_a_forgotten_password_is_reset_with_a_code(cloud):
    cognito, user = cloud.cognito, cloud.new_user("forgot@example.com")
    cognito.forgot_password(ClientId=cloud.native, Username=user)
    with pytest.raises(ClientError) as fault:
        cognito.confirm_forgot_password(
            ClientId=cloud.native, Username=user, ConfirmationCode="000000", Password="Another-Horse-7"
        )
    assert code_of(fault) == "CodeMismatchException"
    code = cloud.code(user)
    cognito.confirm_forgot_password(
        ClientId=cloud.native, Username=user, ConfirmationCode=code, Password="Another-Horse-7"
    )
    assert "AuthenticationResult" in sign_in(cloud, user, "Another-Horse-7")
    with pytest.raises(ClientError):
        sign_in(cloud, user)


def test_groups_are_in_the_token(cloud):
    cognito, user = cloud.cognito, cloud.new_user("grouped@example.com")
    cognito.create_group(UserPoolId=cloud.pool_id, GroupName="admins", Precedence=1)
    cognito.admin_add_user_to_group(UserPoolId=cloud.pool_id, Username=user, GroupName="admins")
    listed = cognito.admin_list_groups_for_user(UserPoolId=cloud.pool_id, Username=user)
    assert [group["GroupName"] for group in listed["Groups"]] == ["admins"]
    token = sign_in(cloud, user)["AuthenticationResult"]["AccessToken"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["cognito:groups"] == ["admins"]


def test_users_are_found_by_filter_and_by_page(cloud):
    cognito = cloud.cognito
    for number in range(5):
        cloud.new_user(f"listed-{number}@example.com")
    pages = cognito.get_paginator("list_users").paginate(
        UserPoolId=cloud.pool_id, Filter='email ^= "listed-"', PaginationConfig={"PageSize": 2}
    )
    found = [user for page in pages for user in page["Users"]]
    assert len(found) == 5
    one = cognito.list_users(UserPoolId=cloud.pool_id, Filter='email = "listed-3@example.com"')
    assert len(one["Users"]) == 1


def test_update_user_pool_resets_what_is_not_sent(cloud):
    cognito = cloud.cognito
    created = cognito.create_user_pool(
        PoolName="other",
        AutoVerifiedAttributes=["email"],
        LambdaConfig={"PreSignUp": "arn:aws:lambda:us-east-1:111122223333:function:pre-sign-up"},
    )["UserPool"]
    cognito.update_user_pool(UserPoolId=created["Id"], PoolName="other")
    described = cognito.describe_user_pool(UserPoolId=created["Id"])["UserPool"]
    assert described["LambdaConfig"] == {}
    assert described.get("AutoVerifiedAttributes", []) == []
    cognito.delete_user_pool(UserPoolId=created["Id"])
    with pytest.raises(ClientError) as fault:
        cognito.describe_user_pool(UserPoolId=created["Id"])
    assert code_of(fault) == "ResourceNotFoundException"


def test_kms_binds_the_encryption_context(cloud):
    kms = cloud.client("kms", "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"seed", EncryptionContext={"user": "alex"})["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"user": "alex"})
    assert opened["Plaintext"] == b"seed"
    for blob, context in [(sealed, {"user": "sam"}), (sealed, {}), (sealed[:-1] + bytes([sealed[-1] ^ 1]), {"user": "alex"})]:
        with pytest.raises(ClientError) as fault:
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        assert code_of(fault) == "InvalidCiphertextException"


def test_messages_of_every_provider_reach_the_outbox(cloud):
    phone = "+12025550100"
    cloud.client("sns", "sns").publish(PhoneNumber=phone, Message="by SNS")
    cloud.client("pinpoint-sms-voice-v2", "sms").send_text_message(
        DestinationPhoneNumber=phone, MessageBody="by End User Messaging"
    )
    assert [message["text"] for message in cloud.messages(phone)] == ["by SNS", "by End User Messaging"]
    cloud.client("sesv2", "ses").send_email(
        FromEmailAddress="no-reply@example.com",
        Destination={"ToAddresses": ["mail@example.com"]},
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "by SES"}}}},
    )
    [mail] = cloud.messages("mail@example.com")
    assert mail["channel"] == "email" and "by SES" in mail["text"]


def test_whoever_opted_out_gets_no_message(cloud):
    phone = "+12025550177"
    sms, sns = cloud.client("pinpoint-sms-voice-v2", "sms"), cloud.client("sns", "sns")
    sms.put_opted_out_number(OptOutListName="Default", OptedOutNumber=phone)
    with pytest.raises(ClientError) as fault:
        sms.send_text_message(DestinationPhoneNumber=phone, MessageBody="unwanted")
    assert code_of(fault) == "ConflictException"
    assert fault.value.response["Reason"] == "DESTINATION_PHONE_NUMBER_OPTED_OUT"
    sns.publish(PhoneNumber=phone, Message="unwanted")
    assert cloud.messages(phone) == []
    sms.delete_opted_out_number(OptOutListName="Default", OptedOutNumber=phone)
    sms.send_text_message(DestinationPhoneNumber=phone, MessageBody="wanted")
    assert [message["text"] for message in cloud.messages(phone)] == ["wanted"]


def test_a_service_that_answers_rubbish_is_a_fault_that_can_be_switched_on(cloud):
    console, kms = cloud.endpoints["console"].rstrip("/"), cloud.client("kms", "kms")

    def switch(fault):
        body = json.dumps({"delayMs": 0, "failure": fault}).encode()
        request = urllib.request.Request(
            f"{console}/api/faults/kms", data=body, method="PUT", headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request).close()

    switch("malformed")
    # boto3 drops the member without an error.
    assert "KeyMetadata" not in kms.create_key()
    switch(None)
    assert kms.create_key()["KeyMetadata"]["KeyId"]
