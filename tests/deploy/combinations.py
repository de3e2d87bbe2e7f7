"""The template as each combination of its parameters makes it.

CloudFormation's conditions and rules, as far as the template uses them. What is left when they are
decided is a template without any.
"""

import itertools
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

# A value for each parameter that is empty unless it is used.
EXAMPLES = {
    "AlarmEmail": "on-call@example.com",
    "EmailConfigurationSet": "sign-in",
    "EmailFrom": "Example <sign-in@example.com>",
    "EmailIdentity": "example.com",
    "EmailTemplate": "SignInCode",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "SmsCountries": "US,CA",
    "SmsEntityId": "1101456789012345678",
    "SmsTemplateId": "1107161234567890123",
    "UserPoolId": "us-east-1_abcDEF123",
}


class _Loader(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": "x"} and `!Sub x` as {"Fn::Sub": "x"}."""


def _tag(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tag)


def load(path=TEMPLATE):
    """The template, its tags as the functions that they stand for."""
    return yaml.load(path.read_text(), _Loader)


def values(template, name):
    """The values of a parameter that may make a difference."""
    parameter = template["Parameters"][name]
    if "AllowedValues" in parameter:
        return parameter["AllowedValues"]
    return [parameter["Default"], EXAMPLES[name]]


def _is_call(value):
    return isinstance(value, dict) and len(value) == 1


def references(value):
    """The names that `value` refers to by Ref or Condition, with those that it spells out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("Ref", "Condition") and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def parameters_of(template, condition):
    """The parameters that decide `condition`."""
    for name in references(template["Conditions"][condition]):
        if name in template["Parameters"]:
            yield name
        else:
            yield from parameters_of(template, name)


def switches(template):
    """The parameters that switch resources on or off, and those that switch parts of them."""
    resources = template["Resources"].values()
    of_resources = {r["Condition"] for r in resources if "Condition" in r}
    whole = {name for c in of_resources for name in parameters_of(template, c)}
    every = {name for c in template["Conditions"] for name in parameters_of(template, c)}
    return sorted(whole), sorted(every - whole)


def holds(template, value, given):
    """Decides a condition function."""
    if not _is_call(value):
        raise ValueError(f"not a condition: {value}")
    ((name, inner),) = value.items()
    match name:
        case "Condition":
            return holds(template, template["Conditions"][inner], given)
        case "Fn::Equals":
            first, second = (str(given[v["Ref"]]) if _is_call(v) else str(v) for v in inner)
            return first == second
        case "Fn::Not":
            return not holds(template, inner[0], given)
        case "Fn::And":
            return all(holds(template, each, given) for each in inner)
        case "Fn::Or":
            return any(holds(template, each, given) for each in inner)
    raise ValueError(f"not a condition: {name}")


def refusal(template, given):
    """Why the template's rules refuse these parameters; None if they do not."""
    for rule in template["Rules"].values():
        if holds(template, rule["RuleCondition"], given):
            for assertion in rule["Assertions"]:
                if not holds(template, assertion["Assert"], given):
                    return assertion["AssertDescription"]
    return None


def defaults(template):
    """The defaults, with a value for each parameter that is needed."""
    given = {name: p.get("Default") for name, p in template["Parameters"].items()}
    return {**given, **{name: EXAMPLES[name] for name in ("SmsCountries", "EmailFrom", "EmailIdentity")}}


def combinations(template, names, base):
    """Every combination of the parameters `names` over `base` that the rules allow."""
    for chosen in itertools.product(*(values(template, name) for name in names)):
        given = {**base, **dict(zip(names, chosen))}
        if refusal(template, given) is None:
            yield given


_NOTHING = object()


def _decided(template, value, given):
    if _is_call(value):
        ((name, inner),) = value.items()
        if name == "Fn::If":
            condition, then, otherwise = inner
            met = holds(template, {"Condition": condition}, given)
            return _decided(template, then if met else otherwise, given)
        if value == {"Ref": "AWS::NoValue"}:
            return _NOTHING
    if isinstance(value, dict):
        decided = {name: _decided(template, inner, given) for name, inner in value.items()}
        return {name: inner for name, inner in decided.items() if inner is not _NOTHING}
    if isinstance(value, list):
        decided = [_decided(template, inner, given) for inner in value]
        return [inner for inner in decided if inner is not _NOTHING]
    return value


def made(template, given):
    """The template that these parameters make: no condition and no rule is left in it, and the
    parameters are the defaults."""
    kept = {name: part for name, part in template.items() if name not in ("Conditions", "Rules")}
    kept["Parameters"] = {
        name: {**part, "Default": given[name]} for name, part in template["Parameters"].items()
    }
    for section in ("Resources", "Outputs"):
        kept[section] = {}
        for name, part in template[section].items():
            if "Condition" not in part or holds(template, {"Condition": part["Condition"]}, given):
                part = {key: inner for key, inner in part.items() if key != "Condition"}
                kept[section][name] = part
    return _decided(template, kept, given)
