"""Lists the parameters that make CloudFormation replace a resource which is to outlive its stack.

CloudFormation's own schemas, which cfn-lint carries, say which properties replace. Run with the Python of the template
tools.
"""

import sys
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from samcli.yamlhelper import yaml_parse

INFRA = Path(__file__).resolve().parents[2] / "infra"
# These are fixed when a pool is created. The schema does not say so, and reports differ: the update fails, or
# replaces the pool.
FIXED = {"AWS::Cognito::UserPool": ["AliasAttributes", "UsernameAttributes", "UsernameConfiguration"]}
EXPECTED = {
    # The pool's users sign in with the attribute that it was created for.
    "UserPool": {"SignInWith"},
    "NativeClient": {"SignInWith"},
    "CustomClient": {"SignInWith"},
    "RecoveryClient": {"SignInWith"},
    "RiskResponses": {"SignInWith"},
}


def references(value, template, found):
    """Collects the parameters and resources that a value depends on, through conditions."""
    if isinstance(value, dict):
        for name, argument in value.items():
            if name == "Ref" and isinstance(argument, str):
                found.add(argument)
            elif name == "Fn::GetAtt":
                found.add(argument[0] if isinstance(argument, list) else argument.split(".")[0])
            elif name == "Fn::Sub":
                text = argument if isinstance(argument, str) else argument[0]
                found.update(part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
            elif name == "Condition" and isinstance(argument, str):
                references(template["Conditions"][argument], template, found)
            elif name == "Fn::If":
                references(template["Conditions"][argument[0]], template, found)
            references(argument, template, found)
    elif isinstance(value, list):
        for item in value:
            references(item, template, found)


def replaced_by(name, template, root_call):
    """Returns the root template's parameters that can replace a resource."""
    resource = template["Resources"][name]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    fixed = [f"/properties/{name}" for name in FIXED.get(resource["Type"], [])]
    found = set()
    for pointer in schema.get("createOnlyProperties", []) + fixed:
        value = resource.get("Properties", {})
        for member in pointer.removeprefix("/properties/").split("/"):
            value = value.get(member, {}) if isinstance(value, dict) else {}
        references(value, template, found)
    parameters = set()
    for one in found:
        if one in template["Resources"]:
            # A replaced resource has a new id.
            parameters |= replaced_by(one, template, root_call)
        elif one in template.get("Parameters", {}):
            given = set()
            references(root_call.get(one), {"Conditions": {}}, given)
            parameters |= given
    return parameters


def main():
    root = yaml_parse((INFRA / "template.yaml").read_text())
    found, checked = {}, 0
    for call in root["Resources"].values():
        location = call["Properties"]["Location"]
        template = yaml_parse((INFRA / location).read_text())
        for name, resource in template["Resources"].items():
            if resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
                continue
            checked += 1
            parameters = replaced_by(name, template, call["Properties"]["Parameters"])
            if parameters:
                found[name] = parameters
    assert found == EXPECTED, f"replaced by parameters: {found}, expected: {EXPECTED}"
    print(f"{checked} lasting resources: only SignInWith replaces any, and deploy refuses to change it")


if __name__ == "__main__":
    sys.exit(main())
