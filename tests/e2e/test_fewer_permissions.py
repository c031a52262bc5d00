"""The recipe of docs/how-to/deploy-with-fewer-permissions.md, on the embedded AWS."""

import json
import re
from pathlib import Path
from typing import Any

from imgctl.aws.stack import load_outputs
from tests.e2e.conftest import Local
from tests.e2e.test_policies import NOT_RECORDED, Person
from tests.infra import iam_coverage
from tests.infra.iam_evaluation import is_allowed
from tests.pictures import encoded, photo

RECIPE = Path(__file__).parents[2] / "docs" / "how-to" / "deploy-with-fewer-permissions.md"
NOT_IN_THE_STORY = {
    "cloudformation:ContinueUpdateRollback": "deploy --continue-rollback; see test_recovery.py",
    "cloudformation:UpdateTerminationProtection": "with the setting termination_protection",
    "cloudwatch:DescribeAlarms": "with the setting rollout",
    "kms:DescribeKey": "with the setting kms_key",
    "lambda:DeleteFunction": "of old versions, of which there are not enough",
    "lambda:GetProvisionedConcurrencyConfig": "as lambda:DeleteFunction",
    "lambda:ListEventSourceMappings": "as lambda:DeleteFunction",
    "s3:DeleteObject": "of old bundles, of which there are none",
    "s3:GetBucketVersioning": "after an interrupted creation of the artifacts bucket",
    "s3:GetLifecycleConfiguration": "as s3:GetBucketVersioning",
    "s3:ListBucketVersions": "as s3:GetBucketVersioning",
    "s3:PutBucketPolicy": "of the artifacts bucket, for TLS, which the embedded AWS has not",
    "s3:TagResource": "to create the artifacts bucket with tags",
}
ACCOUNT = "000000000000"
# The emulator's CloudFormation does not tag buckets, so that imgctl does it there.
TAGS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:PutBucketTagging", "Resource": "*"}],
}


def block(language: str) -> str:
    """Return the recipe's first block in a language, for the embedded AWS's account."""
    found = re.search(rf"```{language}\n(.*?)```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].replace("123456789012", ACCOUNT)


def test_a_pipeline_deploys_roles_that_all_have_the_boundary_and_the_path(
    empty: Local, tmp_path: Path, album: Path
) -> None:
    settings = tmp_path / "named.toml"
    settings.write_text(block("toml"))
    config = ("--config", str(settings))
    iam = empty.aws.iam

    def policy(name: str) -> str:
        printed = empty.imgctl("policy", name, *config).succeeded().out
        made = iam.create_policy(PolicyName=f"imgctl-{name}", PolicyDocument=printed)
        return made["Policy"]["Arn"]

    boundary = policy("role-boundary")
    iam.create_role(RoleName="imgctl-cloudformation", AssumeRolePolicyDocument=block("json"))
    for name in ("deployer", "deployer-data", "boundary-guard"):
        iam.attach_role_policy(RoleName="imgctl-cloudformation", PolicyArn=policy(name))
    pipeline = Person(empty, "release-pipeline")
    iam.put_user_policy(
        UserName="release-pipeline", PolicyName="tags", PolicyDocument=json.dumps(TAGS)
    )

    pipeline.imgctl("deploy", "--plan", *config).succeeded()
    deployed = pipeline.imgctl("deploy", "--yes", *config).succeeded()
    assert f"acts with the role arn:aws:iam::{ACCOUNT}:role/imgctl-cloudformation" in deployed.err
    roles = [role for role in iam.list_roles()["Roles"] if role["Path"] == "/teams/photos/"]
    assert len(roles) == 4
    document = json.loads(empty.imgctl("policy", "role-boundary", *config).succeeded().out)
    for role in roles:
        full = iam.get_role(RoleName=role["RoleName"])["Role"]
        assert full["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
        for action, resource in permissions_of(iam, role["RoleName"]):
            assert is_allowed(document, action, resource), (action, resource)
    cake = album / "cake.png"
    cake.write_bytes(encoded(photo(), "PNG"))
    empty.imgctl("upload", str(cake), "--wait").succeeded()
    assert "role" not in " ".join(
        line for line in empty.imgctl("doctor").out.splitlines() if line.startswith("failed")
    )

    settings.write_text(f"{block('toml')}memory_mb = 2048\n")
    pipeline.imgctl("deploy", "--yes", *config).succeeded()
    unchanged = pipeline.imgctl("deploy", "--yes", *config).succeeded()
    assert "No changes outside of imgctl were found" in unchanged.err
    pipeline.imgctl("rollback", "--yes", *config).succeeded()
    pipeline.imgctl("publish", "--yes", *config).succeeded()
    pipeline.imgctl("versions", *config).succeeded()
    granted = iam_coverage.granted("release-pipeline")
    assert iam_coverage.unmatched(pipeline.rights, granted) == set()
    known = pipeline.rights | set(NOT_RECORDED) | set(NOT_IN_THE_STORY)
    assert sorted(iam_coverage.idle(granted, known)) == []
    assert pipeline.imgctl("history").code == 3

    settings.write_text(block("toml").replace("/teams/photos/", "/elsewhere/"))
    moved = pipeline.imgctl("deploy", "--yes", *config)
    assert (moved.code, "function_role and api_role" in moved.err) == (1, True)
    assert load_outputs(empty.aws, "imgctl").batch_role.startswith(
        f"arn:aws:iam::{ACCOUNT}:role/teams/photos/imgctl-BatchRole-"
    )


def permissions_of(iam: Any, role: str) -> list[tuple[str, str]]:
    """Return the actions with their resources that a role's own policies allow."""
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    return [
        (action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
