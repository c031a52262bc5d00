from typing import Any

import pytest
from botocore.stub import Stubber

from imgctl.aws.errors import StackNotFound
from imgctl.aws.session import Aws
from imgctl.aws.stack import StackOutputs, load_outputs, parse_outputs

OUTPUTS = {
    "SourceBucket": "in",
    "DestinationBucket": "out",
    "Table": "records",
    "Function": "function",
    "FunctionAlias": "arn:alias",
    "BatchRole": "arn:role",
    "CodeBucket": "code",
    "FunctionLogGroup": "/aws/lambda/function",
    "ApiLogGroup": "/aws/apigateway/api",
    "Dashboard": "imgctl-photos-eu-west-2",
    "DeadLetterQueue": "https://queue",
    "ApiEndpoint": "https://api/prod",
    "ApiId": "abc",
    "ApiStage": "prod",
    "ApiAuthorization": "iam",
}


def parse(outputs: dict[str, str], endpoint_url: str | None = None) -> StackOutputs:
    return parse_outputs(outputs, stack="photos", endpoint_url=endpoint_url)


def test_outputs_are_parsed_without_a_call_to_aws() -> None:
    outputs = parse(OUTPUTS)
    assert (outputs.source_bucket, outputs.function_alias) == ("in", "arn:alias")
    assert outputs.api_endpoint == "https://api/prod"
    assert outputs.api_key_id == ""
    assert parse(OUTPUTS | {"ApiKeyId": "key"}).api_key_id == "key"


def test_the_embedded_aws_serves_the_api_under_its_own_address() -> None:
    outputs = parse(OUTPUTS, "http://127.0.0.1:4566")
    assert outputs.api_endpoint == "http://127.0.0.1:4566/_aws/execute-api/abc/prod"


@pytest.mark.parametrize("missing", sorted(OUTPUTS.keys() - {"ApiId", "ApiStage"}))
def test_a_missing_output_is_reported_by_name(missing: str) -> None:
    with pytest.raises(StackNotFound, match=rf"photos has no output {missing}:") as raised:
        parse({name: value for name, value in OUTPUTS.items() if name != missing})
    assert "`imgctl --stack photos deploy`" in raised.value.hint_for("imgctl --stack photos")


def test_the_outputs_of_a_deployed_stack_are_read(aws: Aws) -> None:
    described: Any = {
        "StackName": "photos",
        "CreationTime": "2026-11-23",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()],
    }
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [described]}, {"StackName": "photos"})
        assert load_outputs(aws, "photos") == parse(OUTPUTS)


def test_a_missing_stack_is_to_be_deployed_first(aws: Aws) -> None:
    with Stubber(aws.cloudformation) as stub:
        stub.add_client_error("describe_stacks", "ValidationError", "Stack photos does not exist")
        with pytest.raises(StackNotFound, match="no stack named photos") as raised:
            load_outputs(aws, "photos")
    assert raised.value.hint_for("imgctl --local") == "Run `imgctl --local deploy` first."
