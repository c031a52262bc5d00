"""The whole story, told by people who may do just what `imgctl policy` grants for the stack.

The embedded AWS refuses what a policy leaves out, so that nothing can be missing of what the
program itself calls; what it calls is recorded, so that nothing is granted in vain. What
CloudFormation does in the caller's name it does not check: tests/infra/test_policies.py does.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from imgctl.aws.stack import load_outputs
from infra.names import stack_names
from tests.cli_result import CliResult
from tests.e2e.conftest import Local
from tests.infra import iam_coverage
from tests.pictures import encoded, photo

CALL = re.compile(r"^([a-z0-9-]+) ([A-Z]\w+) \d+ ms$", re.MULTILINE)

# Where a call asks for another right than one of its own name (Service Authorization Reference).
RIGHTS = {
    "s3 AbortMultipartUpload": "s3:AbortMultipartUpload",
    "s3 DeleteObjects": "s3:DeleteObject s3:DeleteObjectVersion",
    "s3 GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3 GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3 GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3 GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3 HeadBucket": "s3:ListBucket",
    "s3 HeadObject": "s3:GetObject s3:ListBucket",  # the second tells what is gone from forbidden
    "s3 ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3 ListObjectVersions": "s3:ListBucketVersions",
    "s3 ListObjectsV2": "s3:ListBucket",
    "s3 PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3 PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "lambda Invoke": "lambda:InvokeFunction",
    "dynamodb ListTagsOfResource": "dynamodb:ListTagsOfResource",
    "apigateway GetAccount": "apigateway:GET",
    "apigateway GetApiKey": "apigateway:GET",
    "sts GetCallerIdentity": "",  # needs no right
}


# The emulator takes GetAlias for ListAliases and GetProvisionedConcurrencyConfig for GetFunction,
# and does not see the table that tags are listed of.
EMULATORS_OWN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:ListTagsOfResource", "lambda:GetFunction", "lambda:ListAliases"],
            "Resource": "*",
        }
    ],
}


NOT_RECORDED = {
    "cloudwatch:GetMetricData": "the embedded AWS has no metrics of the log: records are counted",
    "cloudformation:CancelUpdateStack": "no update of the emulator's takes long enough",
    "cloudformation:DescribeEvents": "where CloudFormation finds something before it begins",
    "cloudformation:BatchDescribeTypeConfigurations": "asked for while drift is detected",
    "cloudformation:TagResource": "beside CreateChangeSet, where it has tags",
    "cloudformation:UntagResource": "as cloudformation:TagResource",
    "cloudformation:DetectStackResourceDrift": "as cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:ContinueUpdateRollback": "after a rollback that failed; see test_recovery.py",
    "cloudformation:RollbackStack": "after an update without rollback; see test_recovery.py",
    "execute-api:Invoke": "no call of boto3's; the emulator refuses the API without it",
    "iam:PassRole": "with a job of S3 Batch Operations, which the emulator has not, and of the"
    " service role, for which it does not ask",
    "kms:Decrypt": "asked for by S3, SQS and DynamoDB, of a customer's key",
    "kms:GenerateDataKey": "as kms:Decrypt",
    "s3:GetObjectVersion": "with GetObject of a version, for which the emulator asks GetObject",
    "s3:CreateJob": "a job of S3 Batch Operations",
    "s3:PutJobTagging": "as s3:CreateJob, where the stack has tags",
}

DEPLOYER = ("deployer", "deployer-data")
# The settings without which some statements are left out. The embedded AWS does not ask for the
# use of keys.
ALL_STATEMENTS = """\
alarm_email = "me@example.org"
api_authorization = "key"
kms_key = "{key}"
role_arn = "arn:aws:iam::000000000000:role/imgctl-cloudformation"
"""


class Person:
    """Somebody with an access key, and only these policies, at the embedded AWS of `local`.

    The policies are those for the stack as it is, and for the settings that need all statements.
    """

    def __init__(
        self, local: Local, *policies: str, key: str = "arn:aws:kms:us-east-1:000000000000:key/1"
    ) -> None:
        self.rights: set[str] = set()
        self._local = local
        iam = local.aws.iam
        name = "-and-".join(policies)
        iam.create_user(UserName=name)
        iam.put_user_policy(
            UserName=name, PolicyName="emulator", PolicyDocument=json.dumps(EMULATORS_OWN)
        )
        settings = local.folder / "all-statements.toml"
        settings.write_text(ALL_STATEMENTS.format(key=key))
        for policy in policies:
            printed = local.imgctl("policy", policy, "--config", str(settings)).succeeded()
            document = printed.out
            assert iam_coverage.actions_of(json.loads(document)) == iam_coverage.granted(policy)
            made = iam.create_policy(PolicyName=f"{policy}-of-{name}", PolicyDocument=document)
            iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
        self._key = iam.create_access_key(UserName=name)["AccessKey"]

    def imgctl(self, *arguments: str, answers: str = "") -> CliResult:
        """Run the program with this person's key, and note what rights its calls ask for."""
        note = self._local.folder / "server.json"
        root = note.read_text()
        key = {
            "access_key": self._key["AccessKeyId"],
            "secret_key": self._key["SecretAccessKey"],
        }
        note.write_text(json.dumps(json.loads(root) | key))
        try:
            done = self._local.imgctl(*arguments, "--verbose", answers=answers)
        finally:
            note.write_text(root)
        if "Not allowed to perform" not in done.err:  # what was refused is no part of the work
            self.rights |= rights_of(CALL.findall(done.err))
        return done


def rights_of(calls: Iterable[tuple[str, str]]) -> set[str]:
    asked = (RIGHTS.get(f"{service} {name}", f"{service}:{name}") for service, name in calls)
    return {right for several in asked for right in several.split()}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "named.toml"


@pytest.fixture
def cake(album: Path) -> Path:
    path = album / "cake.png"
    path.write_bytes(encoded(photo(), "PNG"))
    return path


def test_an_operator_can_do_all_that_is_daily_work_and_no_more(
    empty: Local, cake: Path, album: Path, settings: Path
) -> None:
    empty.imgctl("deploy", "--yes").succeeded()
    operator = Person(empty, "operator")
    uploaded = operator.imgctl("upload", str(cake), "--wait", "--json").succeeded().document
    (file,) = uploaded["files"]
    operator.imgctl("upload", str(cake), "--wait", "--via", "api", "--force").succeeded()
    no_picture = album / "no.png"
    no_picture.write_bytes(b"no picture")
    assert operator.imgctl("upload", str(no_picture), "--force").code == 1
    operator.imgctl("history").succeeded()
    operator.imgctl("history", "--key", "cake.png", "--status", "succeeded").succeeded()
    operator.imgctl("history", "--status", "failed").succeeded()
    operator.imgctl("stats").succeeded()
    report = album / "report.html"
    operator.imgctl("history", "--html", str(report)).succeeded()
    assert "data:image/webp;base64," in report.read_text()
    operator.imgctl("show", "cake.png").succeeded()
    operator.imgctl("show", file["record"]["resource-id"]).succeeded()
    assert "Left out" not in operator.imgctl("trace", "no.png").succeeded().err
    assert operator.imgctl("audit").code == 1
    operator.imgctl("reprocess", "cake.png").succeeded()
    assert "not_an_image" in operator.imgctl("reprocess", "--failed", "--missing").out
    operator.imgctl("audit", "--acknowledge", no_picture.name).succeeded()
    operator.imgctl("versions").succeeded()
    examined_without_all_rights(operator)
    status = operator.imgctl("status", "--json").succeeded().document
    assert (status["unknown"], status["today"]["failed"]) == ({}, 1)
    operator.imgctl("logs", "--key", "cake.png").succeeded()
    operator.imgctl("logs", "--api").succeeded()
    operator.imgctl("invoke", "--key", "cake.png").succeeded()
    operator.imgctl("cost").succeeded()
    outputs = load_outputs(empty.aws, "imgctl")
    event = (Path(__file__).parents[1] / "events" / "object-created.json").read_text()
    letter = event.replace("src-bucket-image-in", outputs.source_bucket)
    empty.aws.sqs.send_message(QueueUrl=outputs.dead_letter_queue, MessageBody=letter)
    operator.imgctl("redrive", "--list").succeeded()
    operator.imgctl("redrive")

    settings.write_text('api_authorization = "key"\n')
    empty.imgctl("deploy", "--yes", "--config", str(settings)).succeeded()
    operator.imgctl("upload", str(cake), "--wait", "--via", "api", "--force").succeeded()
    assert operator.rights == iam_coverage.granted("operator") - set(NOT_RECORDED)

    for forbidden in (("destroy", "--yes"), ("deploy", "--yes"), ("publish", "--yes")):
        refused = operator.imgctl(*forbidden)
        assert (refused.code, "Not allowed to perform" in refused.err) == (3, True), refused
    empty.imgctl("history").succeeded()


def examined_without_all_rights(operator: Person) -> None:
    """Assert that the doctor checks what an operator may read, and names the rights for the rest.

    Those it asks for in vain are no part of the work.
    """
    daily = set(operator.rights)
    checked = operator.imgctl("doctor").succeeded()
    assert (
        "not checked\tnotification\tNot allowed to perform s3:GetBucketNotification" in checked.out
    )
    operator.rights = daily | {"cloudformation:ListStackResources"}


def plan_of_a_planner(empty: Local, settings: Path, key: str) -> None:
    """Assert that a planner sees what a deployment would change, and cannot change it."""
    planner = Person(empty, "planner", key=key)
    config = ("--config", str(settings), "--cmk", key)
    before = settings.read_text()
    unchanged = planner.imgctl("deploy", "--plan", "--exit-code", *config).succeeded()
    assert "Not allowed to perform cloudformation:DetectStackDrift" in unchanged.err
    settings.write_text(f"{before}scale = 0.25\n")
    file = str(settings.with_name("plan.json"))
    planned = planner.imgctl("deploy", "--plan", "--out", file, "--exit-code", *config)
    assert planned.code == 5
    rights = planner.rights | rights_of(CALL.findall(unchanged.err))
    rights.remove("cloudformation:DetectStackDrift")
    for refused in (("--apply", file), config):
        done = planner.imgctl("deploy", *refused, "--yes")
        assert (done.code, "access is denied" in done.err) == (1, True)  # to the bundles
        assert "ExecuteChangeSet" not in done.err
    settings.write_text(before)
    allowed = iam_coverage.granted("planner")
    assert iam_coverage.unmatched(rights, allowed) == set()
    table = "dynamodb:DescribeTable"  # before its indexes change
    assert iam_coverage.idle(allowed, rights | set(NOT_RECORDED) | {table}) == set()


def test_a_deployer_can_make_change_publish_and_remove_the_stack(
    empty: Local, settings: Path
) -> None:
    key = empty.aws.kms.create_key()["KeyMetadata"]["Arn"]
    deployer = Person(empty, *DEPLOYER, key=key)
    config = ("--yes", "--config", str(settings))
    settings.write_text("")
    deployer.imgctl("deploy", "--plan").succeeded()
    names = stack_names("imgctl", empty.aws.account_id, empty.aws.region)
    empty.aws.s3.create_bucket(Bucket=names.artifacts_bucket)  # as if interrupted just then
    deployer.imgctl("deploy", *config).succeeded()
    for memory_mb in (1900, 2000):  # as two deployments would
        function: Any = {"FunctionName": names.function}
        empty.aws.lambda_.update_function_configuration(**function, MemorySize=memory_mb)
        empty.aws.lambda_.publish_version(**function)
    gradual = 'memory_mb = 2048\nrollout = "canary10-5m"\nkeep_function_versions = 1\n'
    settings.write_text(f"{gradual}termination_protection = true\n")
    plan = str(settings.with_name("plan.json"))
    deployer.imgctl("deploy", "--plan", "--out", plan, *config).succeeded()
    applied = deployer.imgctl("deploy", "--apply", plan, *config, "--json").succeeded()
    assert applied.document["pruned"]["versions"] == [2]
    unchanged = deployer.imgctl("deploy", *config).succeeded()
    assert "No changes outside of imgctl were found" in unchanged.err
    deployer.imgctl("publish", "--yes").succeeded()
    deployer.imgctl("rollback", "--yes").succeeded()
    deployer.imgctl("versions").succeeded()
    deployer.imgctl("publish", "--yes").succeeded()
    deployer.imgctl("deploy", *config, "--cmk", key).succeeded()

    plan_of_a_planner(empty, settings, key)

    destroyer = Person(empty, *DEPLOYER, "destroyer", key=key)
    bucket = names.source_bucket
    empty.aws.s3.put_object(Bucket=bucket, Key="x", Body=b"")
    empty.aws.s3.create_multipart_upload(Bucket=bucket, Key="y")
    protected = destroyer.imgctl("destroy", "--delete-data", "--yes", "--json")
    assert (protected.code, '"stack_protected"' in protected.err) == (1, True)
    settings.write_text(f"{gradual}termination_protection = false\n")
    lifted = deployer.imgctl("deploy", *config, "--cmk", key, "--json").succeeded().document
    assert (lifted["changes"], lifted["termination_protection"]["after"]) == ([], False)
    for forbidden in (("history",), ("destroy", "--yes"), ("destroy", "--delete-data", "--yes")):
        refused = deployer.imgctl(*forbidden)
        assert (refused.code, "Not allowed to perform" in refused.err) == (3, True)
    deployer.imgctl("deploy", *config, "--cmk", key).succeeded()  # nothing is half gone
    destroyer.imgctl("destroy", "--yes").succeeded()
    deployer.imgctl("deploy", *config, "--cmk", key).succeeded()
    destroyer.imgctl("destroy", "--delete-data", "--yes").succeeded()

    empty.aws.s3.create_bucket(Bucket=bucket)
    deployer.imgctl("deploy", "--yes", "--adopt").succeeded()
    destroyer.imgctl("destroy", "--delete-data", "--yes").succeeded()
    assert empty.all_that_is_there()["buckets"] == []

    allowed = iam_coverage.granted(*DEPLOYER)
    assert iam_coverage.unmatched(deployer.rights, allowed) == set()
    cloudformations = iam_coverage.handlers_rights() | {"iam:PassRole"}
    old_bundles = {"s3:DeleteObject"}  # those that are older than a day
    known = deployer.rights | cloudformations | set(NOT_RECORDED) | old_bundles
    assert iam_coverage.idle(allowed, known) == set()
    to_destroy = iam_coverage.granted("destroyer")
    assert iam_coverage.unmatched(destroyer.rights, allowed | to_destroy) == set()
    assert iam_coverage.idle(to_destroy, destroyer.rights) == set()
