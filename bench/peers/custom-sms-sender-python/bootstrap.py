"""A custom SMS sender in Python: opens the code with the official AWS Encryption SDK and sends it, and nothing
besides. What `cargo xtask bench senders` compares with."""

import base64
import http.client
import json
import os

import aws_encryption_sdk
import boto3
import botocore.session
from aws_encryption_sdk.identifiers import CommitmentPolicy

REGION = os.environ["AWS_REGION"]
INVOCATION = "/2018-06-01/runtime/invocation"

# Cognito's suite, 0x0378, commits to no key (docs/reference/cognito.md, 2.1).
client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT)
session = botocore.session.get_session()
session.set_config_variable("region", REGION)
keys = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(
    key_ids=[os.environ["KMS_KEY_ARN"]], botocore_session=session
)
sms = boto3.client("pinpoint-sms-voice-v2", region_name=REGION)


def handler(event):
    request = event["request"]
    code, header = client.decrypt(source=base64.b64decode(request["code"]), key_provider=keys)
    if header.encryption_context["userpool-id"] != os.environ["USER_POOL_ID"]:
        raise ValueError("sealed for another user pool")
    sms.send_text_message(
        DestinationPhoneNumber=request["userAttributes"]["phone_number"],
        MessageBody=f"Your code is {code.decode()}.",
    )
    return event


def serve():
    host = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def call(method, path, body=None):
        host.request(method, path, body)
        response = host.getresponse()
        return response.headers, response.read()

    while True:
        headers, event = call("GET", f"{INVOCATION}/next")
        invocation = headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            answer, outcome = handler(json.loads(event)), "response"
        except Exception as fault:
            answer, outcome = {"errorType": type(fault).__name__, "errorMessage": str(fault)}, "error"
        call("POST", f"{INVOCATION}/{invocation}/{outcome}", json.dumps(answer))


serve()
