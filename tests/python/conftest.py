"""The local cloud as a contributor starts it, for clients written in Python."""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "Correct-Horse-7"

TRIGGERS = [
    "pre-sign-up",
    "post-confirmation",
    "pre-authentication",
    "post-authentication",
    "define-auth-challenge",
    "create-auth-challenge",
    "verify-auth-challenge-response",
    "pre-token-generation",
    "custom-sms-sender",
    "custom-email-sender",
]


class Cloud:
    """A running local cloud and the SDK's own clients for it."""

    def __init__(self, folder, flags):
        endpoints = folder / "endpoints.json"
        binary = os.environ.get("COGNITO_MFA_LOCAL", WORKSPACE / "target/debug/local")
        command = [binary, "--headless", "--memory", "--port", "0", "--endpoints-file", endpoints, *flags]
        self.process = subprocess.Popen(command, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("READY "), f"the cloud did not start: {line!r}"
        self.endpoints = json.loads(endpoints.read_text())
        self.seen = {}
        self.pool_id = self.endpoints["userPoolId"]
        self.native = self.endpoints["clients"]["native"]["id"]
        self.custom = self.endpoints["clients"]["custom"]["id"]

    def client(self, service, endpoint):
        return boto3.client(
            service,
            endpoint_url=self.endpoints[endpoint],
            region_name=self.endpoints["region"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"max_attempts": 1}),
        )

    @property
    def cognito(self):
        return self.client("cognito-idp", "cognito")

    def messages(self, to):
        url = f"{self.endpoints['outbox']}?to={urllib.parse.quote(to)}"
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)

    def code(self, to):
        """The code in the newest message that came since the last time this was asked.

        Custom senders are called asynchronously: a message comes a moment after the answer.
        """
        for _ in range(200):
            messages = self.messages(to)
            if len(messages) > self.seen.get(to, 0) and "code" in messages[-1]:
                self.seen[to] = len(messages)
                return messages[-1]["code"]
            time.sleep(0.025)
        raise AssertionError(f"no code was sent to {to}")

    def new_user(self, email, phone_number=None):
        """A confirmed user with verified addresses."""
        attributes = {"email": email, "email_verified": "true"}
        if phone_number:
            attributes |= {"phone_number": phone_number, "phone_number_verified": "true"}
        self.cognito.admin_create_user(
            UserPoolId=self.pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        self.cognito.admin_set_user_password(
            UserPoolId=self.pool_id, Username=email, Password=PASSWORD, Permanent=True
        )
        return email

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    running = Cloud(tmp_path_factory.mktemp("cloud"), [])
    yield running
    running.stop()


class Lambda:
    """Stands for all functions: keeps the events and answers as told by trigger source."""

    def __init__(self):
        self.events = []
        self.answers = {}
        self.arrived = threading.Condition()
        functions = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with functions.arrived:
                    functions.events.append(event)
                    functions.arrived.notify_all()
                source = event["triggerSource"]
                answer = functions.answers.get(source, lambda event: event)(event)
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def wait_for(self, source, matches=lambda _: True):
        """The newest event of a source, as soon as there is one."""
        found = lambda: [event for event in self.events if event["triggerSource"] == source and matches(event)]
        with self.arrived:
            assert self.arrived.wait_for(found, timeout=10), f"no {source} came"
            return found()[-1]

    def sources(self):
        return [event["triggerSource"] for event in self.events]


@pytest.fixture(scope="session")
def all_triggers(tmp_path_factory):
    """A cloud whose template has every trigger; all of them are answered by the test."""
    folder = tmp_path_factory.mktemp("triggers")
    resources = {
        name.title().replace("-", ""): {
            "Type": "AWS::Serverless::Function",
            "Metadata": {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}},
            "Properties": {"Timeout": 5},
        }
        for name in TRIGGERS
    }
    arn = {name.title().replace("-", ""): {"Fn::GetAtt": [name.title().replace("-", ""), "Arn"]} for name in TRIGGERS}
    sender = {
        member: {"LambdaVersion": "V1_0", "LambdaArn": arn.pop(name)}
        for member, name in [("CustomSMSSender", "CustomSmsSender"), ("CustomEmailSender", "CustomEmailSender")]
    }
    resources["Key"] = {"Type": "AWS::KMS::Key"}
    triggers = {**arn, **sender, "KMSKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    resources["Pool"] = {"Type": "AWS::Cognito::UserPool", "Properties": {"LambdaConfig": triggers}}
    template = folder / "template.yaml"
    template.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    functions = Lambda()
    running = Cloud(folder, ["--template", template, "--lambda-endpoint", functions.url])
    running.functions = functions
    yield running
    running.stop()
    functions.server.shutdown()
