"""The stack as another tool deploys it, from what the program prints."""

import json

from tests.e2e.conftest import Local
from tests.waiting import until

STACK = ("--stack", "exported")


def test_what_is_printed_deploys_the_stack_that_deploy_would(shared: Local) -> None:
    cloudformation = shared.aws.cloudformation
    template = shared.imgctl(*STACK, "template", "--format", "json").succeeded()
    parameters = shared.imgctl(*STACK, "template", "--parameters", "aws").succeeded()
    assert "Store the function's bundle in s3://imgctl-artifacts-exported-" in parameters.err
    cloudformation.create_stack(
        StackName="exported",
        TemplateBody=template.out,
        Parameters=json.loads(parameters.out),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    def status() -> str:
        return cloudformation.describe_stacks(StackName="exported")["Stacks"][0]["StackStatus"]

    until(lambda: not status().endswith("_IN_PROGRESS"))
    assert status() == "CREATE_COMPLETE"
    try:
        outputs = shared.imgctl(*STACK, "outputs", "SourceBucket").succeeded().out
        assert "src-bucket-image-in-exported-" in outputs
        # In YAML, to which deploy compares it, the document is the same.
        planned = shared.imgctl(*STACK, "deploy", "--plan", "--json", "--exit-code").succeeded()
        assert json.loads(planned.out)["changes"] == []
    finally:
        shared.imgctl(*STACK, "destroy", "--delete-data", "--yes").succeeded()
