"""The outputs of a deployed stack: the only source of its resource names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from imgctl.aws.errors import StackNotFound
from imgctl.aws.session import Aws
from imgctl.core.errors import Hint

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOutputs:
    """The names and addresses of one deployed stack's resources."""

    source_bucket: str
    destination_bucket: str
    table: str
    function: str
    function_alias: str
    batch_role: str
    code_bucket: str
    function_log_group: str
    api_log_group: str
    dashboard: str
    dead_letter_queue: str
    api_endpoint: str
    api_authorization: str
    api_key_id: str


def load_outputs(aws: Aws, stack: str) -> StackOutputs:
    """Read the outputs of a stack.

    Raises StackNotFound if the stack does not exist or lacks an output.
    """
    outputs = named_outputs(describe(aws, stack))
    return parse_outputs(outputs, stack=stack, endpoint_url=aws.endpoint_url)


def load_parameters(aws: Aws, stack: str) -> dict[str, str]:
    """Read the parameters that a stack was deployed with; raises StackNotFound."""
    parameters = describe(aws, stack).get("Parameters", [])
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in parameters}


def load_tags(aws: Aws, stack: str) -> dict[str, str]:
    """Read the tags of a stack, without those that AWS sets itself; raises StackNotFound."""
    tags = describe(aws, stack).get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in tags if not tag["Key"].startswith("aws:")}


def describe(aws: Aws, stack: str) -> "StackTypeDef":
    """Return CloudFormation's description of a stack. Raises StackNotFound."""
    try:
        return aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise not_found(stack) from error


def named_outputs(description: "StackTypeDef") -> dict[str, str]:
    """Return the outputs in a stack's description by the names that CloudFormation has for them."""
    return {item["OutputKey"]: item["OutputValue"] for item in description.get("Outputs", [])}


def not_found(stack: str) -> StackNotFound:
    """Return the error for a stack that does not exist."""
    return StackNotFound(f"There is no stack named {stack}.", hint=Hint("Run {} first.", "deploy"))


def working_outputs(description: "StackTypeDef", endpoint_url: str | None) -> dict[str, str]:
    """Return a stack's outputs as they can be used: the embedded AWS serves the API itself."""
    outputs = named_outputs(description)
    if "ApiEndpoint" in outputs:
        outputs["ApiEndpoint"] = _api_endpoint(outputs, endpoint_url)
    return outputs


def parse_outputs(
    outputs: Mapping[str, str], *, stack: str, endpoint_url: str | None
) -> StackOutputs:
    """Convert outputs, as CloudFormation names them, to `StackOutputs`.

    `endpoint_url` is the address of the embedded AWS, None for AWS itself. Raises StackNotFound if
    an output is missing.
    """
    try:
        return StackOutputs(
            source_bucket=outputs["SourceBucket"],
            destination_bucket=outputs["DestinationBucket"],
            table=outputs["Table"],
            function=outputs["Function"],
            function_alias=outputs["FunctionAlias"],
            batch_role=outputs["BatchRole"],
            code_bucket=outputs["CodeBucket"],
            function_log_group=outputs["FunctionLogGroup"],
            api_log_group=outputs["ApiLogGroup"],
            dashboard=outputs["Dashboard"],
            dead_letter_queue=outputs["DeadLetterQueue"],
            api_endpoint=_api_endpoint(outputs, endpoint_url),
            api_authorization=outputs["ApiAuthorization"],
            api_key_id=outputs.get("ApiKeyId", ""),
        )
    except KeyError as error:
        raise StackNotFound(
            f"The stack {stack} has no output {error.args[0]}:"
            " its deployment is incomplete, or imgctl did not create it.",
            hint=Hint("Run {}, or choose another stack with --stack.", "deploy"),
        ) from error


def _api_endpoint(outputs: Mapping[str, str], endpoint_url: str | None) -> str:
    if endpoint_url is None:
        return outputs["ApiEndpoint"]
    # The embedded AWS serves every API under its own address.
    return f"{endpoint_url}/_aws/execute-api/{outputs['ApiId']}/{outputs['ApiStage']}"
