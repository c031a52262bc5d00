"""Every constant that the code and `infra/stack.yaml` share, compared."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfnlint import decode

from imgctl.aws import batch, dead_letters, record_index, session, stack
from imgctl.core import current_record, rendition_tables
from imgctl.core.record import Record, Status, to_item
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import HALF, ResizeSpec
from imgctl.worker import deadline
from imgctl.worker import settings as worker_settings
from infra import adoption, function_version, ownership, parameters, snapshots, version_settings
from infra.bundle import Architecture, Bundle
from infra.names import Names, deployed_names, stack_names
from infra.setting_spec import Boolean, Choice, Integer, IntegerChoice, SettingSpec, Text
from infra.settings import NAME_SETTINGS, STACK_SETTINGS, StackSettings
from infra.template import stack_template

FAILED = Status.FAILED
ROOT = Path(__file__).parents[2]
NAMES = stack_names("imgctl", "123456789012", "eu-west-2")
BUNDLE = Bundle(Path("x.zip"), "ab" * 32, 1, 1, Architecture.ARM64, "ab" * 32)


@cache
def template() -> Any:
    document, problems = decode.decode_str(stack_template())
    assert not problems
    return json.loads(json.dumps(document))


def properties(logical_id: str) -> Any:
    return template()["Resources"][logical_id]["Properties"]


def of_type(resource_type: str) -> list[Any]:
    resources = template()["Resources"].values()
    return [item["Properties"] for item in resources if item["Type"] == resource_type]


def given(settings: StackSettings | None = None) -> dict[str, str]:
    return parameters.stack_parameters(
        NAMES,
        settings or StackSettings(),
        BUNDLE,
        sets_api_logging_role=False,
    )


# ------------------------------------------------------------------ parameters


def test_every_parameter_is_given_and_no_other() -> None:
    assert set(given()) == set(template()["Parameters"])


def test_no_two_settings_share_a_parameter() -> None:
    names = [spec.parameter for spec in STACK_SETTINGS]
    assert all(names)
    assert len(set(names)) == len(names)


def test_each_default_is_the_templates() -> None:
    own = {"SourceBucketName", "DestinationBucketName", "AccessLogsBucketName"}  # global in AWS
    for name, declared in template()["Parameters"].items():
        if name in own | {"CodeBucket", "CodeKey"}:
            assert "Default" not in declared
        else:
            assert given()[name] == str(declared["Default"]), name


@pytest.mark.parametrize("spec", STACK_SETTINGS, ids=lambda spec: spec.name)
def test_a_setting_accepts_what_its_parameter_accepts(spec: SettingSpec) -> None:
    declared = template()["Parameters"][spec.parameter]
    match spec.kind:
        case Choice() | IntegerChoice():
            assert declared["AllowedValues"] == list(spec.kind.choices)
        case Integer() if declared["Type"] == "Number":
            assert declared["MinValue"] == spec.kind.minimum
            # AWS's own limit where the template sets none: it can be raised for an account.
            assert declared.get("MaxValue", spec.kind.maximum) == spec.kind.maximum
        case Integer():  # optional, and therefore text
            pattern = re.compile(declared["AllowedPattern"])
            limits = (spec.kind.minimum, spec.kind.maximum)
            assert all(pattern.fullmatch(str(number)) for number in limits)
            assert pattern.fullmatch("")
        case Text() if "AllowedPattern" in declared:
            # The setting refuses a leading dot in addition.
            accepted = spec.kind.pattern.pattern.removeprefix(r"(?!\.)")
            assert accepted == declared["AllowedPattern"].removeprefix("|")  # or nothing
        case Boolean():
            assert declared["AllowedValues"] == ["true", "false"]
        case _:
            assert declared["Type"] == "String"
            assert not {"AllowedValues", "AllowedPattern"} & declared.keys()


def test_the_optional_quality_has_the_same_bounds_in_the_template() -> None:
    pattern = re.compile(template()["Parameters"]["Quality"]["AllowedPattern"])
    accepted = [number for number in range(200) if pattern.fullmatch(str(number))]
    assert accepted == list(range(1, 101))


def test_names_are_the_settings_that_name_resources_and_the_artifacts_bucket() -> None:
    names = {field.name for field in fields(Names)}
    assert names == {spec.name for spec in NAME_SETTINGS} | {"artifacts_bucket"}
    assert StackSettings(table="mine").chosen_names == {
        **dict.fromkeys(spec.name for spec in NAME_SETTINGS),
        "table": "mine",
    }


def test_the_names_of_a_deployed_stack_are_those_it_was_deployed_with() -> None:
    assert deployed_names(given()) == NAMES


def test_each_setting_reaches_its_parameter() -> None:
    derived = {"timeout_s": {"SlowMilliseconds"}, "cors_origins": {"ApiCorsOrigin"}}
    for spec in STACK_SETTINGS:
        if spec.default_name or spec.name == "architecture":  # the names', and the bundle's
            continue
        value: Any = 100 if spec.name == "timeout_s" else "changed"
        settings = StackSettings(**{spec.name: value})
        changed = {name for name, value in given(settings).items() if value != given()[name]}
        expected = {spec.parameter} | derived.get(spec.name, set())
        assert changed == expected


@pytest.mark.parametrize(
    ("origins", "of_api"),
    [
        (None, ""),
        ("*", "*"),
        ("https://a.example", "https://a.example"),
        ("https://a.example,http://localhost:5173", "*"),
    ],
)
def test_the_api_names_the_only_origin_or_any(origins: str | None, of_api: str) -> None:
    parameters = given(StackSettings(cors_origins=origins))
    assert (parameters["CorsOrigins"], parameters["ApiCorsOrigin"]) == (origins or "", of_api)


def test_the_duration_alarm_fires_before_the_timeout() -> None:
    slow = given(StackSettings(timeout_s=100))
    assert (slow["TimeoutSeconds"], slow["SlowMilliseconds"]) == ("100", "80000")


def test_a_bundle_of_every_architecture_can_be_chosen() -> None:
    (spec,) = (spec for spec in STACK_SETTINGS if spec.name == "architecture")
    assert isinstance(spec.kind, Choice)
    assert set(spec.kind.choices) == {architecture.value for architecture in Architecture}


def test_local_and_deployed_images_are_scaled_and_named_alike() -> None:
    assert StackSettings().scale == str(float(HALF.factor))
    assert StackSettings().prefix == "resized-"


def test_a_default_stack_has_the_parameters_that_it_had_before_renditions() -> None:
    now = given()
    new = (
        "Renditions",
        "CacheControl",
        "CloudFrontDistributionArn",
        "CorsOrigins",
        "ApiCorsOrigin",
        "AlarmTopicArn",
        "CanaryWeight",
        "RolePath",
        "BoundaryArn",
    )
    assert now.pop("WatchUploads") == now.pop("SnapStart") == "false"
    assert {now.pop(name) for name in new} == {""}
    assert now.pop("KeepVersionsDays") == "90"
    assert now.pop("Rollout") == "all-at-once"
    before = json.loads((ROOT / "tests/infra/default_parameters.json").read_text(encoding="utf-8"))
    assert now == before


# -------------------------------------------------------------------- function


def test_the_function_reads_the_variables_that_the_template_sets() -> None:
    declared = properties("Function")["Environment"]["Variables"]
    source = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (worker_settings, rendition_tables)
    )
    read = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"|"(\w+)" in environ', source))
    names = {name for pair in read for name in pair if name}
    assert names - {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"} == set(declared)


def test_the_function_accepts_the_templates_defaults() -> None:
    environ = {}
    for name, value in properties("Function")["Environment"]["Variables"].items():
        if "Ref" in value:
            environ[name] = given()[value["Ref"]]
    settings = worker_settings.from_environ(environ)
    assert settings.table == NAMES.table
    assert settings.source_bucket == NAMES.source_bucket
    assert settings.destination_bucket == NAMES.destination_bucket
    assert settings.renditions == RenditionSet.unnamed(StackSettings().prefix, ResizeSpec())


def test_a_version_is_described_by_the_variables_that_the_template_sets() -> None:
    declared = properties("Function")["Environment"]["Variables"]
    variables = Recorder(declared)
    version = function_version.Version(1, "f", "", "", 1, "r", "", "", variables, 1769, 60, "arm64")
    version_settings.content_of(version)
    assert variables.read == declared.keys()


def test_the_shortest_timeout_leaves_time_for_a_call_to_aws() -> None:
    """The function starts a call only if it can end in time: half of it is left for work."""
    shortest_s = template()["Parameters"]["TimeoutSeconds"]["MinValue"]
    assert shortest_s > 2 * deadline.CALL_S


def test_a_message_stays_hidden_for_longer_than_the_function_may_run() -> None:
    longest_s = template()["Parameters"]["TimeoutSeconds"]["MaxValue"]
    assert longest_s == session.FUNCTION_MAX_S < dead_letters.HIDDEN_S


def test_everybody_calls_the_live_alias_by_the_same_name() -> None:
    server = (ROOT / "imgctl" / "local" / "invocations.py").read_text(encoding="utf-8")
    assert properties("FunctionAlias")["Name"] == function_version.ALIAS
    assert re.search(r'^ALIAS = "(\w+)"', server, re.MULTILINE)[1] == function_version.ALIAS  # type: ignore[index]


# --------------------------------------------------------------------- storage


def test_what_belongs_to_a_stack_carries_the_tag_that_proves_it() -> None:
    tag = [{"Key": ownership.OWNER_TAG, "Value": {"Ref": "AWS::StackName"}}]
    kept = [*of_type("AWS::S3::Bucket"), *of_type("AWS::DynamoDB::Table")]
    assert [resource["Tags"] for resource in kept] == [tag] * 4


def test_old_versions_are_kept_as_long_as_the_setting_says() -> None:
    for bucket in ("SourceBucket", "DestinationBucket"):
        rules = properties(bucket)["LifecycleConfiguration"]["Rules"]
        days = [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in rules
            if "NoncurrentVersionExpiration" in rule
        ]
        assert days == [{"Ref": "KeepVersionsDays"}]


def test_records_are_read_by_the_indexes_that_the_table_has() -> None:
    indexes = properties("Records")["GlobalSecondaryIndexes"]
    assert indexes == list(snapshots.INDEXES)
    read = [record_index.BY_TIME, record_index.by_key("a.jpg"), record_index.by_status(FAILED)]
    assert [index["IndexName"] for index in indexes] == [one.index for one in read]
    item = to_item(
        Record(
            resource_id="1",
            status=FAILED,
            original_object_key="a.jpg",
            processing_time="2026-11-23",
        )
    )
    for index, partitions in zip(indexes, read, strict=True):
        assert {key["AttributeName"] for key in index["KeySchema"]} <= item.keys()
        assert index["KeySchema"][0]["AttributeName"] == partitions.attribute
        assert item[partitions.attribute]["S"] in partitions.values
    assert properties("Records")["KeySchema"] == [
        {"AttributeName": "resource-id", "KeyType": "HASH"}
    ]
    assert "resource-id" in item
    assert properties("Records")["BillingMode"] == "PAY_PER_REQUEST"


def test_a_current_record_is_in_no_index() -> None:
    keys = {
        attribute["AttributeName"] for attribute in properties("Records")["AttributeDefinitions"]
    }
    assert current_record.MARK not in keys


def test_the_batch_role_may_read_the_folder_of_the_manifests() -> None:
    (policy,) = properties("BatchRole")["Policies"]
    resources = [str(statement["Resource"]) for statement in policy["PolicyDocument"]["Statement"]]
    assert any(f"${{CodeBucket}}/{batch.FOLDER}/*" in resource for resource in resources)


# --------------------------------------------------------- metrics and dashboard


def filters() -> Iterator[tuple[str, Any]]:
    for resource in of_type("AWS::Logs::MetricFilter"):
        (transformation,) = resource["MetricTransformations"]
        yield resource["FilterPattern"], transformation


def test_each_metric_counts_an_outcome_that_the_function_logs() -> None:
    counted = {re.search(r'\$\.outcome = "(\w+)"', pattern)[1] for pattern, _ in filters()}  # type: ignore[index]
    assert counted == {status.value for status in Status} - {"UNKNOWN"} | {"RETRY", "RENDITION"}
    handler = (ROOT / "imgctl" / "worker" / "handler.py").read_text(encoding="utf-8")
    assert '"outcome": "RETRY"' in handler
    assert '"outcome": "RENDITION"' in handler


def test_each_metric_reads_a_field_that_the_function_logs() -> None:
    handler = (ROOT / "imgctl" / "worker" / "handler.py").read_text(encoding="utf-8")
    read = {name for pattern, _ in filters() for name in re.findall(r"\$\.(\w+)", pattern)}
    read |= {t["MetricValue"][2:] for _, t in filters() if t["MetricValue"].startswith("$.")}
    for name in read:
        assert f'"{name}":' in handler, name


def test_the_dashboard_is_json_and_shows_the_metrics_and_alarms_of_the_stack() -> None:
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    document = json.loads(
        body.replace("${SlowMilliseconds}", "1").replace("${AWS::StackName}", "s")
    )
    shown = {
        name
        for widget in document["widgets"]
        for metric in widget["properties"].get("metrics", [])
        for name in metric
        if isinstance(name, str)
    }
    assert {t["MetricName"] for _, t in filters() if "Dimensions" not in t} <= shown
    namespaces = {t["MetricNamespace"]["Fn::Sub"] for _, t in filters()}
    assert namespaces == {"imgctl/${AWS::StackName}"}
    assert "imgctl/s" in shown
    alarms = {
        name
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in resource
    }
    assert set(re.findall(r"\$\{(\w+)\.Arn\}", body)) == alarms


# --------------------------------------------------------------------- outputs


class Recorder(dict[str, str]):
    """Outputs that remember which of them were read."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__((name, name) for name in names)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def test_the_outputs_that_the_program_reads_are_the_templates() -> None:
    outputs = Recorder(template()["Outputs"])
    stack.parse_outputs(outputs, stack="imgctl", endpoint_url=None)
    stack.parse_outputs(outputs, stack="imgctl", endpoint_url="http://127.0.0.1:1")
    # The rest is for people and other tools.
    assert outputs.keys() - outputs.read == {"AccessLogs"}


def test_the_function_logs_where_the_output_says() -> None:
    assert properties("FunctionLogs")["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${FunctionName}"}
    assert properties("ApiLogs")["LogGroupName"] == {"Fn::Sub": "/aws/apigateway/${ApiName}"}
    source = Path(adoption.__file__).read_text(encoding="utf-8")
    assert "/aws/lambda/{" in source
    assert "/aws/apigateway/{" in source
