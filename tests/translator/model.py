"""Models what CloudFormation and SAM make of the templates in infra/, without AWS.

SAM's own translator expands the templates. This module evaluates the intrinsic functions and the nested stacks.
CloudFormation's schemas, which cfn-lint carries, say which properties replace a resource.
"""

import copy
import hashlib
import json
import logging
import os
import re
from pathlib import Path

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
logging.disable(logging.WARNING)

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

INFRA = Path(__file__).resolve().parents[2] / "infra"
PSEUDO = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "cognito-mfa",
}
# A pool keeps these from its creation. The schema does not say so, and reports differ: the update fails, or replaces
# the pool.
FIXED = {"AWS::Cognito::UserPool": ["AliasAttributes", "UsernameAttributes", "UsernameConfiguration"]}
# SAM decides by these values what it makes. It copies all others.
DECISIVE = ("AllowedOrigins", "FunctionPrefix", "Revision", "Tracing", "Deployment")
# These settings belong to a function, not to its versions.
UNVERSIONED = ("FunctionName", "ReservedConcurrentExecutions", "Tags")
ABSENT = object()
translations = {}
fixed_properties = {}


class Policies:
    """Replaces IAM's list of managed policies, which the translator loads for roles."""

    def load(self):
        return {}


def read(name):
    """Returns a template of infra/ as written."""
    return yaml_parse((INFRA / name).read_text())


def translated(template, parameters):
    """Returns a template as CloudFormation gets it from SAM."""
    if not any(one["Type"] == "AWS::Serverless::Function" for one in template["Resources"].values()):
        return template
    decisive = {name: parameters[name] for name in DECISIVE if name in parameters}
    key = (id(template), json.dumps(decisive))
    if key not in translations:
        written, template = template, copy.deepcopy(template)
        template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::LayerVersion":
                resource["Properties"]["ContentUri"] = "s3://bucket/layer"
        values = {name: decisive.get(name, f"<<{name}>>") for name in template["Parameters"]}
        expanded = transform(template, values, Policies())
        inlined = re.findall(r"<<(\w+)>>", json.dumps(expanded["Resources"]))
        assert not inlined, f"SAM reads values that DECISIVE lacks: {inlined}"
        # An id is unique only while its object exists.
        translations[key] = (written, expanded)
    return translations[key][1]


def fixed(kind):
    """Returns pointers to the properties whose change replaces a resource of this type."""
    if kind not in fixed_properties:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        pointers = schema.get("createOnlyProperties", []) + schema.get("conditionalCreateOnlyProperties", [])
        pointers += [f"/properties/{name}" for name in FIXED.get(kind, [])]
        fixed_properties[kind] = [pointer.removeprefix("/properties/").split("/") for pointer in pointers]
    return fixed_properties[kind]


class Stack:
    """A stack with given values of its parameters."""

    def __init__(self, template, parameters, path=""):
        self.path = path
        self.parameters = {}
        for name, declared in template.get("Parameters", {}).items():
            value = parameters.get(name, declared.get("Default"))
            assert value is not None, f"{path}{name} has no value"
            is_list = declared["Type"] == "CommaDelimitedList" and isinstance(value, str)
            self.parameters[name] = value.split(",") if is_list else value
        self.written = template
        self.template = translated(template, self.parameters)
        self.known = {}

    def holds(self, name):
        return self.value(self.written["Conditions"][name])

    def exists(self, name):
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.holds(condition)

    def properties(self, name):
        if name not in self.known:
            self.known[name] = self.value(self.template["Resources"][name].get("Properties", {}))
        return self.known[name]

    def identity(self, name):
        """Returns a physical id, which changes exactly if the resource is replaced."""
        key = ("identity", name)
        if key not in self.known:
            self.known[key] = self.new_identity(name)
        return self.known[key]

    def new_identity(self, name):
        assert self.exists(name), f"{self.path}{name} is referred to and absent"
        resource, values = self.template["Resources"][name], []
        written = resource.get("Properties", {})
        for pointer in fixed(resource["Type"]):
            value = written
            for member in pointer:
                value = value.get(member, None) if isinstance(value, dict) else None
            values.append(self.value(value))
        digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.path}{name}#{digest[:8]}"

    def nested(self, name):
        key = ("nested", name)
        if key not in self.known:
            call = self.written["Resources"][name]["Properties"]
            self.known[key] = Stack(
                TEMPLATES[call["Location"]], self.value(call["Parameters"]), f"{self.path}{name}/"
            )
        return self.known[key]

    def output(self, name):
        return self.value(self.template["Outputs"][name]["Value"])

    def refer(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name == "AWS::NoValue":
            return ABSENT
        if name in self.parameters:
            return self.parameters[name]
        return self.identity(name)

    def attribute(self, name, attribute):
        if self.written["Resources"].get(name, {}).get("Type") == "AWS::Serverless::Application":
            assert self.exists(name), f"{self.path}{name} is referred to and absent"
            return self.nested(name).output(attribute.removeprefix("Outputs."))
        # These are real ids and addresses in AWS; the templates split them.
        return f"https://{self.identity(name)}.{attribute}"

    def substitute(self, argument):
        text, own = argument if isinstance(argument, list) else (argument, {})

        def replace(match):
            name = match.group(1)
            if name in own:
                return str(self.value(own[name]))
            if "." in name and name not in self.parameters:
                return str(self.attribute(*name.split(".", 1)))
            return str(self.refer(name))

        return re.sub(r"\$\{([^!}]+)\}", replace, text)

    def value(self, value):
        """Evaluates intrinsic functions."""
        if isinstance(value, list):
            return [item for item in map(self.value, value) if item is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.refer(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name == "Fn::GetAtt":
                return self.attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            if name == "Fn::Sub":
                return self.substitute(argument)
            if name == "Fn::If":
                condition, yes, no = argument
                return self.value(yes if self.holds(condition) else no)
            if name.startswith("Fn::"):
                return FUNCTIONS[name](*self.value(argument))
        members = {name: self.value(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not ABSENT}

    def resources(self):
        """Yields path, type, physical id, properties and whether the resource outlives its stack.

        Resources of nested stacks are included.
        """
        for name, resource in self.template["Resources"].items():
            if not self.exists(name):
                continue
            if resource["Type"] == "AWS::Serverless::Application":
                yield from self.nested(name).resources()
            else:
                lasts = resource.get("DeletionPolicy", "Delete").startswith("Retain")
                # SAM keeps every version and every layer.
                lasts = lasts and not resource["Type"].startswith("AWS::Lambda::")
                yield f"{self.path}{name}", resource["Type"], self.identity(name), self.properties(name), lasts

    def refusals(self):
        """Returns what the Rules say against the parameters."""
        found = []
        for rule in self.written.get("Rules", {}).values():
            if not self.value(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})):
                continue
            found += [one["AssertDescription"] for one in rule["Assertions"] if not self.value(one["Assert"])]
        return found


FUNCTIONS = {
    "Fn::Join": lambda by, parts: by.join(map(str, parts)),
    "Fn::Split": lambda by, text: text.split(by),
    "Fn::Select": lambda at, parts: parts[int(at)],
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Not": lambda one: not one,
    "Fn::And": lambda *all_of: all(all_of),
    "Fn::Or": lambda *one_of: any(one_of),
    "Fn::Contains": lambda texts, text: text in texts,
}
ROOT = "template.yaml"
TEMPLATES = {path.name: read(path.name) for path in INFRA.glob("*.yaml") if not path.name.startswith(".")}


evaluations = {}


def evaluated(root, parameters):
    """Returns what the Rules refuse, or else the resources."""
    nested = [id(TEMPLATES[name]) for name in sorted(TEMPLATES)]
    key = json.dumps([id(root), nested, parameters], sort_keys=True)
    if key not in evaluations:
        stack = Stack(root, parameters)
        refusals = stack.refusals()
        resources = {} if refusals else {path: tuple(rest) for path, *rest in stack.resources()}
        # An id is unique only while its object exists.
        evaluations[key] = (refusals, resources, root, dict(TEMPLATES))
    return evaluations[key][:2]


class Deployment:
    """What is in an account after a deployment: the resources, and what each alias `live` runs."""

    def __init__(self, parameters, before=None, root=None):
        self.refusals, self.resources = evaluated(root or TEMPLATES[ROOT], parameters)
        # The configuration of each function, and what its callers get: the version's id and its configuration.
        self.newest, self.live = {}, {}
        for path, (kind, _, alias, _) in self.resources.items():
            if kind != "AWS::Lambda::Alias":
                continue
            name = path.removesuffix("Aliaslive")
            version = alias["FunctionVersion"]
            versioned = {
                member: value
                for member, value in self.resources[name][2].items()
                if member not in UNVERSIONED
            }
            self.newest[name] = versioned
            # CloudFormation publishes a version when its resource is created, and never again.
            earlier = before.live.get(name) if before else None
            is_same = earlier is not None and earlier[0] == version
            self.live[name] = earlier if is_same else (version, versioned)

    def stale(self):
        """Returns the functions whose callers get other settings than those deployed."""
        return sorted(name for name, (_, running) in self.live.items() if running != self.newest[name])
