import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint import decode

from infra.bundle import Architecture, Bundle
from infra.deployed_stack import AdoptionStep
from infra.names import stack_names
from infra.parameters import StackSettings, stack_parameters
from infra.responses import parse_stack
from infra.template import (
    has_other_indexes,
    import_template,
    resources_to_import,
    stack_template,
    with_hashed_ids,
    with_table_indexes,
)
from tests.infra.scan import decided

NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
BUNDLE = Bundle(Path("x.zip"), "ab" * 32, 1, 1, Architecture.ARM64, "ab" * 32)


def parameters(settings: StackSettings | None = None, bundle: Bundle = BUNDLE) -> dict[str, str]:
    return stack_parameters(
        NAMES,
        settings or StackSettings(),
        bundle,
        sets_api_logging_role=True,
    )


def parsed(template: str) -> dict[str, dict[str, dict[str, object]]]:
    document, problems = decode.decode_str(template)
    assert not problems
    plain: dict[str, dict[str, dict[str, object]]] = json.loads(json.dumps(document))
    return plain


def ids(template: str) -> set[str]:
    return {name for name in parsed(template)["Resources"] if re.search(r"[0-9a-f]{12}$", name)}


def test_the_template_fits_into_a_request() -> None:
    assert len(with_hashed_ids(stack_template(), parameters()).encode()) < 51_200


def test_what_is_sent_is_the_file_without_what_only_explains_it() -> None:
    """A directive of Velocity, as in the answer to a preflight, begins like a comment."""
    sent, file = parsed(with_hashed_ids(stack_template(), parameters())), parsed(stack_template())
    for parameter in file["Parameters"].values():
        parameter.pop("Description", None)
    for resource in file["Resources"].values():
        resource.pop("Metadata", None)
    text = re.sub(r"\b(CodeVersion|ApiDeployment)[0-9a-f]{12}\b", r"\1", json.dumps(sent))
    assert json.loads(text) == file


def test_both_hashed_ids_stand_wherever_they_are_referred_to() -> None:
    template = with_hashed_ids(stack_template(), parameters())
    assert len(ids(template)) == 2
    assert not re.search(r"\b(CodeVersion|ApiDeployment)\b", template)
    for name in ids(template):
        assert template.count(name) >= 2


def test_the_same_input_gives_the_same_template() -> None:
    first, again = (with_hashed_ids(stack_template(), parameters()) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    "changed",
    [
        parameters(bundle=Bundle(Path("x.zip"), "cd" * 32, 1, 1, Architecture.ARM64, "cd" * 32)),
        parameters(StackSettings(scale="0.25")),
        parameters(StackSettings(memory_mb=3008)),
        parameters(StackSettings(quality=60)),
        parameters(StackSettings(kms_key="arn:aws:kms:eu-west-2:123456789012:key/1")),
    ],
)
def test_new_code_or_configuration_makes_a_new_version_and_no_new_api(
    changed: dict[str, str],
) -> None:
    before = ids(with_hashed_ids(stack_template(), parameters()))
    after = ids(with_hashed_ids(stack_template(), changed))
    assert {name[:-12] for name in before - after} == {"CodeVersion"}


@pytest.mark.parametrize(
    ("chosen", "made_anew"),
    [
        ({"function_role": "another"}, "CodeVersion"),
        ({"dead_letter_queue": "another"}, "CodeVersion"),
        ({"api_role": "another"}, "ApiDeployment"),
    ],
)
def test_a_renamed_role_or_queue_is_not_left_with_what_is_live(
    chosen: dict[str, str | None], made_anew: str
) -> None:
    names = stack_names("imgctl", "123456789012", "eu-west-2", chosen)
    given = stack_parameters(names, StackSettings(), BUNDLE, sets_api_logging_role=True)
    before = ids(with_hashed_ids(stack_template(), parameters()))
    after = ids(with_hashed_ids(stack_template(), given))
    assert {name[:-12] for name in before - after} == {made_anew}


def test_other_callers_of_the_api_need_it_deployed_anew() -> None:
    """A stage goes on serving its deployment, whatever its method says since."""
    before = ids(with_hashed_ids(stack_template(), parameters()))
    given = parameters(StackSettings(api_authorization="key"))
    after = ids(with_hashed_ids(stack_template(), given))
    assert {name[:-12] for name in before - after} == {"ApiDeployment"}


def test_other_origins_need_the_api_deployed_anew() -> None:
    before = ids(with_hashed_ids(stack_template(), parameters()))
    for origins in (
        "https://a.example",
        "https://a.example,https://b.example",
        "https://a.example,https://c.example",
    ):
        given = parameters(StackSettings(cors_origins=origins))
        after = ids(with_hashed_ids(stack_template(), given))
        assert {name[:-12] for name in before - after} == {"ApiDeployment"}
        before = after


def test_web_pages_are_let_in_only_if_origins_are_given() -> None:
    """Without origins the stack has the resources and properties that it had before."""
    template = json.loads(json.dumps(parsed(stack_template())))
    default = decided(template, {})["Resources"]
    allowed = decided(
        template, {"CorsOrigins": "https://a.example", "ApiCorsOrigin": "https://a.example"}
    )["Resources"]
    assert allowed.keys() - default.keys() == {"ApiPreflight", "ApiRefusal", "ApiFailure"}
    assert "access-control" not in json.dumps(default).lower()
    assert "Cors" not in json.dumps(default)
    changed = {name for name in default if default[name] != allowed[name]}
    assert changed == {"SourceBucket", "ApiPut", "ApiDeployment"}


def test_a_changed_method_is_deployed_anew_and_a_changed_comment_is_not() -> None:
    before = ids(with_hashed_ids(stack_template(), parameters()))
    method = stack_template().replace("TimeoutInMillis: 29000", "TimeoutInMillis: 28000")
    comment = stack_template().replace("# Without these a body", "# Otherwise a body")
    assert method != stack_template() != comment
    after = ids(with_hashed_ids(method, parameters()))
    assert {name[:-12] for name in before - after} == {"ApiDeployment"}
    assert ids(with_hashed_ids(comment, parameters())) == before
    reason = stack_template().replace("The environment holds names", "It holds names")
    assert reason != stack_template()
    assert ids(with_hashed_ids(reason, parameters())) == before
    layout = stack_template().replace("Runtime: python3.12", "Runtime:   python3.12")
    assert ids(with_hashed_ids(layout, parameters())) == before


def test_an_import_holds_what_is_taken_in_as_it_is_and_nothing_else() -> None:
    taken = (NAMES.source_bucket, NAMES.table)
    shapes = {
        NAMES.source_bucket: {"BucketName": NAMES.source_bucket},
        NAMES.table: {"TableName": NAMES.table, "BillingMode": "PAY_PER_REQUEST"},
    }
    template = import_template(stack_template(), NAMES, shapes, AdoptionStep.IMPORT)
    resources = parsed(template)["Resources"]
    assert set(resources) == {"SourceBucket", "Records"}
    assert all(resource["DeletionPolicy"] == "Retain" for resource in resources.values())
    assert resources["SourceBucket"]["Properties"] == shapes[NAMES.source_bucket]
    assert resources["Records"]["Properties"] == shapes[NAMES.table]
    assert [r.name for r in resources_to_import(NAMES, taken)] == list(taken)


@pytest.mark.parametrize("step", AdoptionStep)
def test_the_step_of_an_adoption_is_a_field_of_the_templates_metadata(step: AdoptionStep) -> None:
    shapes = {NAMES.source_bucket: {"BucketName": NAMES.source_bucket}}
    template = import_template(stack_template(), NAMES, shapes, step)
    assert parsed(template)["Metadata"]["imgctl"] == {"AdoptionStep": step.value}
    described = {"StackStatus": "IMPORT_COMPLETE"}
    assert parse_stack("imgctl", described, template).adoption_step is step
    assert parse_stack("imgctl", described, stack_template()).adoption_step is None


def test_what_holds_data_is_kept_when_the_stack_goes() -> None:
    for resource in parsed(stack_template())["Resources"].values():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
            assert resource["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
            assert resource["UpdateReplacePolicy"] == "Retain"


def test_no_role_of_the_stack_may_do_everything() -> None:
    for name, resource in parsed(stack_template())["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            actions = re.findall(r'"Action": ("[^"]+"|\[[^]]+\])', json.dumps(resource))
            assert actions, name
            assert not any("*" in action for action in actions), name


def test_each_bucket_queue_and_topic_denies_requests_without_tls() -> None:
    resources = parsed(stack_template())["Resources"]
    protected = {
        "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
        "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
        "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
    }
    found = set()
    for name, resource in resources.items():
        if resource["Type"] in protected:
            kind, target = protected[str(resource["Type"])]
            (policy,) = (
                other["Properties"]
                for other in resources.values()
                if other["Type"] == kind and f"'{name}'" in str(other["Properties"][target])  # type: ignore[index]
            )
            assert "{'Bool': {'aws:SecureTransport': 'false'}}" in str(policy)
            found.add(resource["Type"])
    assert found == set(protected)


ALARMED = {"AlarmEmail": "me@example.org", "AlarmTopicArn": "arn:aws:sns:eu-west-2:1:mine"}


@pytest.mark.parametrize(
    ("given", "topics"),
    [
        ({"AlarmEmail": "", "AlarmTopicArn": ""}, []),
        (ALARMED | {"AlarmTopicArn": ""}, [{"Ref": "AlarmTopic"}]),
        (ALARMED | {"AlarmEmail": ""}, ["arn:aws:sns:eu-west-2:1:mine"]),
        (ALARMED, [{"Ref": "AlarmTopic"}, "arn:aws:sns:eu-west-2:1:mine"]),
    ],
)
def test_every_alarm_notifies_each_topic_that_is_set_and_says_when_it_is_over(
    given: dict[str, str], topics: list[object]
) -> None:
    template = decided(parsed(stack_template()), given | {"WatchUploads": "true"})
    alarms = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert len(alarms) == 10
    assert all(alarm["AlarmActions"] == topics for alarm in alarms.values())
    without_end = {name for name, alarm in alarms.items() if "OKActions" not in alarm}
    assert without_end == {"NewDeadLettersAlarm"}
    assert all(
        alarm["OKActions"] == topics for name, alarm in alarms.items() if name not in without_end
    )


def test_uploads_are_measured_only_if_they_are_watched() -> None:
    for watched in ("true", "false"):
        template = decided(parsed(stack_template()), {"WatchUploads": watched})
        bucket = template["Resources"]["SourceBucket"]["Properties"]
        assert ("MetricsConfigurations" in bucket) == (watched == "true")
        assert ("UploadsAlarm" in template["Resources"]) == (watched == "true")


def test_a_batch_job_can_assume_its_role_whether_or_not_it_sends_its_account() -> None:
    role = parsed(stack_template())["Resources"]["BatchRole"]
    assert "StringEqualsIfExists" in str(role)


def test_only_the_indexes_of_a_deployed_table_are_changed() -> None:
    deployed = stack_template()
    assert not has_other_indexes(deployed)
    assert not has_other_indexes("")
    table = {
        "AttributeDefinitions": [{"AttributeName": "resource-id", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [{"IndexName": "x"}],
    }
    changed = with_table_indexes(deployed, table)
    assert has_other_indexes(changed)
    before: Any = parsed(deployed)
    after: Any = parsed(changed)
    properties = after["Resources"]["Records"]["Properties"]
    assert {name: properties[name] for name in table} == table
    for name in table:
        properties[name] = before["Resources"]["Records"]["Properties"][name]
    assert before == after
    without = with_table_indexes(changed, {"AttributeDefinitions": []})
    assert "GlobalSecondaryIndexes" not in without


@pytest.mark.parametrize(
    ("partition", "tracing", "log_format"),
    [
        ("aws", "Active", "JSON"),
        ("aws-cn", "PassThrough", "JSON"),
        ("aws-us-gov", "Active", "Text"),
    ],
)
def test_a_partition_is_not_asked_for_what_its_lambda_lacks(
    partition: str, tracing: str, log_format: str
) -> None:
    resources = decided(parsed(stack_template()), {"AWS::Partition": partition})["Resources"]
    function = resources["Function"]["Properties"]
    assert function["TracingConfig"]["Mode"] == tracing
    assert function["LoggingConfig"]["LogFormat"] == log_format


def test_no_partition_is_written_into_the_template() -> None:
    template = stack_template()
    assert "arn:aws" not in template
    # The domain of endpoints; that of service principals has no other suffix anywhere.
    assert template.count("${AWS::URLSuffix}") == 1
    assert "amazonaws.com.cn" not in template
