"""Creates, updates and rolls back the stacks on an independent CloudFormation engine, ministack, on this machine.

The engine expands SAM only in a root stack, and has no CodeDeploy. So each stack is created as a root stack, as SAM's
translator expands it, and gets its parameters from the outputs of the others. Run with the Python of the template
tools, and with the path of `ministack` as the argument.
"""

import copy
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

from model import ABSENT, ROOT, TEMPLATES, Stack

import boto3
from botocore.config import Config

REGION = "us-east-1"
# The engine lacks these.
LACKING = ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup")
ORDER = ["Data", "Pool", "Triggers", "Api", "Protection", "Observability"]
FIRST = {"EmailFrom": "no-reply@example.org", "Tracing": "Active", "Revision": "a" * 10}
# A parameter, another value, a function that has it, and where its configuration shows it.
CHANGED = [
    ("LogLevel", "warn", "pre-sign-up", "LOG_LEVEL"),
    ("EmailFrom", "Shop <shop@example.org>", "deliver", "MFA_EMAIL_FROM"),
    ("SmsConfigurationSet", "texts", "custom-sms-sender", "MFA_SMS_CONFIGURATION_SET"),
    ("AppClients", "web=1a", "mfa-api", "MFA_APP_CLIENTS"),
]


class Engine:
    """The engine, and the stacks in it."""

    def __init__(self, program):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        environment = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "ERROR",
            "TMPDIR": self.folder.name,
        }
        begun = time.monotonic()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [Path(program).resolve()], env=environment, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        while not self.is_healthy():
            assert self.process.poll() is None, "the engine ended"
            assert time.monotonic() - begun < 60, "the engine does not answer"
            time.sleep(0.2)
        self.outputs = {}

    def is_healthy(self):
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="a",
            aws_secret_access_key="a",
            config=Config(retries={"max_attempts": 1}),
        )

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.folder.cleanup()


class Root(Stack):
    """The root stack, whose nested stacks are those in the engine."""

    def __init__(self, engine, parameters):
        super().__init__(TEMPLATES[ROOT], parameters)
        self.engine = engine

    def attribute(self, name, attribute):
        return self.engine.outputs[name][attribute.removeprefix("Outputs.")]


def prepared(stack):
    """Returns a stack's template for the engine, without the resources that it lacks.

    The engine has no list functions in conditions, so their values are constants.
    """
    template = copy.deepcopy(stack.template)
    template.pop("Transform", None)
    for name in stack.written.get("Conditions", {}):
        template["Conditions"][name] = {"Fn::Equals": ["true", "true" if stack.holds(name) else "false"]}
    resources = template["Resources"]
    # The engine lacks metric math, too.
    lacks = [name for name, one in resources.items() if one["Type"] in LACKING or "Metrics" in one.get("Properties", {})]
    for name in lacks:
        del resources[name]
    for resource in resources.values():
        resource.pop("UpdatePolicy", None)
        depends = resource.get("DependsOn", [])
        depends = [depends] if isinstance(depends, str) else depends
        resource["DependsOn"] = [one for one in depends if one in resources]
    return json.dumps(template)


def apply(engine, parameters, is_first):
    """Creates or updates every stack. Returns the number of resources."""
    cloudformation, count = engine.client("cloudformation"), 0
    root = Root(engine, parameters)
    for name in ORDER:
        call = root.written["Resources"][name]["Properties"]
        values = {key: value for key, value in root.value(call["Parameters"]).items() if value is not ABSENT}
        stack = Stack(TEMPLATES[call["Location"]], values)
        body = prepared(stack)
        # A template of this size comes from S3.
        engine.client("s3").put_object(Bucket="bucket", Key=f"{name}.json", Body=body)
        arguments = {
            "StackName": f"mfa-{name}",
            "TemplateURL": f"{engine.url}/bucket/{name}.json",
            "Parameters": [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in values.items()],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        try:
            (cloudformation.create_stack if is_first else cloudformation.update_stack)(**arguments)
        except cloudformation.exceptions.ClientError as error:
            assert "No updates are to be performed" in str(error), f"{name}: {error}"
        described = settled(cloudformation, f"mfa-{name}")
        engine.outputs[name] = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
        listed = cloudformation.describe_stack_resources(StackName=f"mfa-{name}")["StackResources"]
        count += len(listed)
    return count


def settled(cloudformation, name):
    """Waits for a stack and returns it."""
    begun = time.monotonic()
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        assert time.monotonic() - begun < 120, f"{name} is still {stack['StackStatus']}"
        time.sleep(0.2)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [one for one in events if one["ResourceStatus"].endswith("FAILED")]
        reasons = [(one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in failed]
        raise AssertionError(f"{name} is {stack['StackStatus']}: {reasons}")
    return stack


def live(engine, function):
    """Returns the variables that callers of a function get."""
    configuration = engine.client("lambda").get_function_configuration(
        FunctionName=f"cognito-mfa-{function}", Qualifier="live"
    )
    return configuration["Environment"]["Variables"]


def upload(engine):
    """Makes the code and the layer that the templates name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("bootstrap", "#!/bin/sh\n")
    s3 = engine.client("s3")
    s3.create_bucket(Bucket="bucket")
    for key in ("code", "layer"):
        s3.put_object(Bucket="bucket", Key=key, Body=archive.getvalue())


def main():
    engine = Engine(sys.argv[1])
    try:
        upload(engine)
        count = apply(engine, FIRST, is_first=True)
        for parameter, value, function, variable in CHANGED:
            before = live(engine, function)[variable]
            apply(engine, FIRST | {parameter: value, "Revision": "b" * 10}, is_first=False)
            after = live(engine, function)[variable]
            assert after != before and after.endswith(value), f"{parameter}: the alias has {after}"
            apply(engine, FIRST, is_first=False)
            back = live(engine, function)[variable]
            assert back == before, f"{parameter}, rolled back: the alias has {back}"
    finally:
        engine.stop()
    print(f"{count} resources created by ministack; {len(CHANGED)} changed parameters reached the alias, and went back")


if __name__ == "__main__":
    sys.exit(main())
