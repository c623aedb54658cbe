"""Holds the templates against SAM's own translator: what an operator changes reaches the alias `live`.

SAM publishes a version if the hash in the version's logical id changes. Run with the Python of the template tools.
"""

import copy
import logging
import os
import sys
from pathlib import Path

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
logging.disable(logging.WARNING)

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

INFRA = Path(__file__).resolve().parents[2] / "infra"
STACKS = ["triggers", "api"]
FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"


class Policies:
    """Replaces IAM's list of managed policies, which the translator loads for roles."""

    def load(self):
        return {}


def translated(stack, parameters, layer="s3://bucket/layer-1"):
    """Returns the resources that CloudFormation gets for a stack, and the ids of its functions."""
    template = yaml_parse((INFRA / f"{stack}.yaml").read_text())
    functions = []
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
    for name, resource in template["Resources"].items():
        if resource["Type"] == FUNCTION:
            functions.append(name)
        if resource["Type"] == LAYER:
            resource["Properties"]["ContentUri"] = layer
    values = {name: parameters.get(name, f"ValueOf{name}") for name in template["Parameters"]}
    result = transform(copy.deepcopy(template), values, Policies())
    return result["Resources"], functions


def versions(stack, parameters, **changed):
    """Returns the logical id of the version behind each function's alias."""
    resources, functions = translated(stack, parameters, **changed)
    found = {}
    for name in functions:
        alias = resources[f"{name}Aliaslive"]["Properties"]
        version = alias["FunctionVersion"]["Fn::GetAtt"][0]
        assert resources[version]["Type"] == "AWS::Lambda::Version", name
        found[name] = version
    return found


def expect(stack, what, before, after, same):
    assert before.keys() == after.keys() and before, stack
    wrong = [name for name in before if (before[name] == after[name]) != same]
    state = "a new version" if same else "no new version"
    assert not wrong, f"{stack}: {what}: {state} of {', '.join(wrong)}"


def main():
    count = 0
    for stack in STACKS:
        first = versions(stack, {"Revision": "a1"})
        expect(stack, "nothing changed", first, versions(stack, {"Revision": "a1"}), same=True)
        expect(stack, "another Revision", first, versions(stack, {"Revision": "b2"}), same=False)
        # `sam deploy` without our command gives no Revision. New overrides must reach the functions even
        # then.
        plain = versions(stack, {"Revision": ""})
        changed = versions(stack, {"Revision": ""}, layer="s3://bucket/layer-2")
        expect(stack, "other overrides", plain, changed, same=False)
        # Several deployments share an account.
        resources, _ = translated(stack, {"FunctionPrefix": "shop-"})
        layers = [one for one in resources.values() if one["Type"] == "AWS::Lambda::LayerVersion"]
        assert layers and all("shop-" in str(one["Properties"]["LayerName"]) for one in layers), layers
        count += len(first)
    print(f"{count} functions: each gets a new version with another Revision and with other overrides")


if __name__ == "__main__":
    sys.exit(main())
