"""The deployed stack's outputs: the only address book."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from imgctl.aws.errors import StackNotFound
from imgctl.aws.session import Aws


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOutputs:
    """Where the parts of one deployed stack are."""

    source_bucket: str
    destination_bucket: str
    table: str
    function: str
    function_alias: str
    batch_role: str
    code_bucket: str
    function_log_group: str
    dead_letter_queue: str
    api_endpoint: str
    api_authorization: str
    api_key_id: str


def load_outputs(aws: Aws, stack: str) -> StackOutputs:
    """Read the outputs of a stack; raises StackNotFound where it is not deployed."""
    outputs = _describe(aws, stack)
    try:
        api_id, api_stage = outputs["ApiId"], outputs["ApiStage"]
        return StackOutputs(
            source_bucket=outputs["SourceBucket"],
            destination_bucket=outputs["DestinationBucket"],
            table=outputs["Table"],
            function=outputs["Function"],
            function_alias=outputs["FunctionAlias"],
            batch_role=outputs["BatchRole"],
            code_bucket=outputs["CodeBucket"],
            function_log_group=outputs["FunctionLogGroup"],
            dead_letter_queue=outputs["DeadLetterQueue"],
            api_endpoint=(
                f"{aws.endpoint_url}/_aws/execute-api/{api_id}/{api_stage}"
                if aws.is_local
                else outputs["ApiEndpoint"]
            ),
            api_authorization=outputs["ApiAuthorization"],
            api_key_id=outputs.get("ApiKeyId", ""),
        )
    except KeyError as error:
        raise StackNotFound(
            f"The stack {stack} has no output {error.args[0]}: unfinished, or not imgctl's.",
            hint=f"Run `imgctl {_options(aws, stack)}deploy`, or name another stack with --stack.",
        ) from error


def _describe(aws: Aws, stack: str) -> dict[str, str]:
    try:
        described = aws.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise StackNotFound(
            f"There is no stack called {stack} here.",
            hint=f"Run `imgctl {_options(aws, stack)}deploy` first.",
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _options(aws: Aws, stack: str) -> str:
    """Give the options that lead to this very stack, for a hint."""
    return ("--local " if aws.is_local else "") + (f"--stack {stack} " if stack != "imgctl" else "")
