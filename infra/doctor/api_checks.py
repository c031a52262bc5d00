"""Checks of the REST API."""

import re
from functools import cache

from imgctl.core.errors import Hint
from infra.doctor.facts import Api, ApiLogging, ApiRole, Facts, Stack
from infra.doctor.result import Check, Problem, drifted
from infra.doctor.roles import allows, role_arn
from infra.template import stack_template

_ANYTHING = "*/*"
_AUTHORIZATION = {"iam": "AWS_IAM"}
_BINARY_TYPE = re.compile(r"^        - '?([\w*.+-]+/[\w*.+-]+)'?$", re.MULTILINE)


@cache
def _declared_types() -> frozenset[str]:
    template = stack_template()
    beginning = template.index("      BinaryMediaTypes:\n")
    return frozenset(_BINARY_TYPE.findall(template[beginning : template.index("\n\n", beginning)]))


def _binary_types(facts: Facts) -> Problem | None:
    missing = sorted(_declared_types() - facts.get(Api).binary_types)
    if not missing:
        return None
    corrupts = ": uploads are treated as text, which corrupts them" if _ANYTHING in missing else ""
    return drifted(f"The API lacks the binary media types {', '.join(missing)}{corrupts}.")


def _integration(facts: Facts) -> Problem | None:
    stack, found = facts.get(Stack), facts.get(Api).integration
    region = stack.trigger.alias_arn.split(":")[3]
    expected = {
        "type": "AWS",
        "httpMethod": "PUT",
        "uri": f"arn:{stack.partition}:apigateway:{region}:s3:path/{{bucket}}/{{key}}",
        "credentials": role_arn(stack, "ApiRoleName"),
    }
    other = [
        f"{name} is {found.get(name) or 'unset'}, not {value}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    if not other:
        return None
    return drifted(f"The API's integration with S3 was changed: {'; '.join(other)}.")


def _authorization(facts: Facts) -> Problem | None:
    wanted = facts.get(Stack).parameters["ApiAuthorization"]
    actual = facts.get(Api).authorization
    if actual == _AUTHORIZATION.get(wanted, "NONE"):
        return None
    return drifted(f"The API's authorization is {actual}, and {wanted} was deployed.")


def _role(facts: Facts) -> Problem | str | None:
    stack, role = facts.get(Stack), facts.get(ApiRole).role
    if role is None:
        return drifted("The API's role does not exist.")
    if "apigateway.amazonaws.com" not in role.trusted:
        return drifted("API Gateway cannot assume the API's role.")
    bucket = f"arn:{stack.partition}:s3:::{stack.parameters['SourceBucketName']}"
    if allows(role, "s3:PutObject", f"{bucket}/x"):
        return None
    if role.attached:
        return "not in the role's own policies: s3:PutObject"
    return drifted("The API's role lacks s3:PutObject on the source bucket.")


def _deployment(facts: Facts) -> Problem | None:
    expected, actual = (
        facts.get(Stack).physical_id("ApiDeployment"),
        facts.get(Api).stage_deployment,
    )
    if actual == expected:
        return None
    return drifted(f"The API serves the deployment {actual}, and {expected} was deployed.")


def _logging(facts: Facts) -> Problem | None:
    if facts.get(ApiLogging).role:
        return None
    return Problem(
        "The account has no logging role for API Gateway in this region: the API logs nothing.",
        Hint(
            "Set one in the console of API Gateway, under Settings. If the stack created it, run"
            " {}.",
            "deploy --revert-drift",
        ),
    )


API_CHECKS = (
    Check("API", "binary-types", "The API takes images as binary.", _binary_types),
    Check("API", "integration", "The API's integration stores in S3.", _integration),
    Check("API", "authorization", "The API's authorization is as deployed.", _authorization),
    Check("API", "api-role", "The API's role may write to the source bucket.", _role),
    Check("API", "api-deployment", "The API serves the stack's deployment.", _deployment),
    Check("API", "api-logs", "The account has a logging role for APIs.", _logging),
)
