import re
from dataclasses import replace

import pytest

from infra.changes import Change, PropertyChange, Risk, split_changes, without_references
from infra.deployed_stack import DeployedStack
from infra.plan import ChangeSet, Plan, assemble_plan
from infra.template import stack_template

NEW = DeployedStack("s", None)
BUCKET, TABLE = "AWS::S3::Bucket", "AWS::DynamoDB::Table"
METHOD, ALIAS = "AWS::ApiGateway::Method", "AWS::Lambda::Alias"


def change(action: str, type_: str, replacement: str = "", *properties: str) -> Change:
    changed = tuple(PropertyChange(name, None, None) for name in properties)
    return Change(action, "Id", "physical", type_, replacement, changed)


def plan_of(change: Change) -> Plan:
    return Plan(ChangeSet("s", "c", creates_stack=False, planned_from=NEW, changes=(change,)))


@pytest.mark.parametrize(
    "loss",
    [
        change("Remove", BUCKET),
        change("Remove", TABLE),
        change("Modify", BUCKET, "True", "BucketName"),
        change("Modify", TABLE, "Conditional", "KeySchema/0/AttributeName"),
        change("Modify", TABLE, "Conditional", "TableName", "Tags"),
    ],
)
def test_losing_or_replacing_what_holds_data_is_data_loss(loss: Change) -> None:
    assert plan_of(loss).loses_data == (loss,)


@pytest.mark.parametrize(
    "harmless",
    [
        change("Add", BUCKET),
        change("Import", TABLE),
        change("Modify", BUCKET, "False", "VersioningConfiguration"),
        change("Modify", BUCKET, "Conditional", "NotificationConfiguration"),
        change("Remove", "AWS::Lambda::Function"),
        change("Modify", "AWS::Lambda::Function", "True", "FunctionName"),
    ],
)
def test_nothing_else_is_data_loss(harmless: Change) -> None:
    assert not plan_of(harmless).loses_data


@pytest.mark.parametrize(
    ("changed", "risks"),
    [
        (change("Modify", "AWS::IAM::Role", "False", "Policies"), [Risk.IAM]),
        (change("Add", "AWS::Lambda::Permission"), [Risk.IAM]),
        (change("Add", "AWS::S3::BucketPolicy"), [Risk.IAM]),
        (change("Add", METHOD), []),
        (replace(change("Add", METHOD), opens_access=True), [Risk.PUBLIC_ACCESS]),
        (change("Add", BUCKET), []),
        (change("Remove", BUCKET), [Risk.DATA_LOSS]),
        (change("Modify", "AWS::Lambda::Function", "False", "Timeout"), []),
    ],
)
def test_permissions_and_public_access_are_marked(changed: Change, risks: list[Risk]) -> None:
    assert list(changed.risks) == risks


@pytest.mark.parametrize(
    ("name", "loses"),
    [
        ("AttributeDefinitions", False),
        ("AttributeDefinitions/0/AttributeName", False),
        ("AttributeDefinitions/0/AttributeType", True),
        ("GlobalSecondaryIndexes", False),
        ("KeySchema/0/AttributeName", True),
    ],
)
def test_a_tables_attributes_may_come_with_an_index_and_keep_their_types(
    name: str, loses: bool
) -> None:
    assert change("Modify", TABLE, "Conditional", name).loses_data == loses


def test_a_queue_that_is_replaced_would_lose_its_messages() -> None:
    assert change("Modify", "AWS::SQS::Queue", "True", "QueueName").loses_data


KEY = "arn:aws:kms:eu-west-2:123456789012:key/1"
OTHER_KEY = "arn:aws:kms:eu-west-2:123456789012:key/2"
NOT_EMPTY = ChangeSet("s", "c", creates_stack=False, planned_from=NEW)


def deployed(**parameters: str) -> DeployedStack:
    return DeployedStack("s", "UPDATE_COMPLETE", parameters=parameters)


def test_a_plan_has_the_parameters_that_change_and_the_live_version() -> None:
    before = deployed(Scale="0.5", LiveVersion="3", TableName="t")
    after = {"Scale": "0.25", "LiveVersion": "3", "TableName": "t"}
    plan = assemble_plan(before, NOT_EMPTY, after)
    assert plan.parameters == (PropertyChange("Scale", "0.5", "0.25"),)
    assert plan.live_version == "3"
    assert plan.is_last_step


@pytest.mark.parametrize(
    ("is_protected", "wanted", "planned"),
    [
        (False, True, True),
        (True, False, False),
        (True, True, None),
        (False, False, None),
        (True, None, None),  # turned on by hand, and not by a setting
    ],
)
def test_protection_from_deletion_is_a_change_if_it_differs(
    *, is_protected: bool, wanted: bool | None, planned: bool | None
) -> None:
    before = replace(deployed(), is_protected=is_protected)
    nothing = ChangeSet("s", "", creates_stack=False, planned_from=before)
    plan = assemble_plan(before, nothing, {}, termination_protection=wanted)
    assert (plan.termination_protection, plan.is_empty) == (planned, planned is None)


def test_protection_comes_with_the_last_step_of_an_adoption() -> None:
    plan = assemble_plan(NEW, NOT_EMPTY, {}, is_last_step=False, termination_protection=True)
    assert plan.termination_protection is None


def test_a_new_stack_and_an_empty_plan_have_no_changed_parameters() -> None:
    after = {"Scale": "0.25"}
    assert assemble_plan(NEW, NOT_EMPTY, after).parameters == ()
    nothing = ChangeSet("s", "", creates_stack=False, planned_from=NEW)
    assert assemble_plan(deployed(Scale="0.5"), nothing, after).parameters == ()


@pytest.mark.parametrize(
    ("before", "in_use", "after", "abandoned"),
    [
        (KEY, (), {"KmsKeyArn": ""}, KEY),
        (KEY, (), {"KmsKeyArn": OTHER_KEY}, KEY),
        (KEY, (), {"KmsKeyArn": KEY}, ""),
        (KEY, (), {}, ""),  # a rollback leaves the parameter as it is
        ("", (KEY,), {"KmsKeyArn": ""}, KEY),
        ("", (KEY,), {"KmsKeyArn": KEY}, ""),
        ("", (KEY, OTHER_KEY), {"KmsKeyArn": KEY}, OTHER_KEY),
        ("", (), {"KmsKeyArn": KEY}, ""),
    ],
)
def test_a_key_that_data_still_needs_is_reported_as_abandoned(
    before: str, in_use: tuple[str, ...], after: dict[str, str], abandoned: str
) -> None:
    plan = assemble_plan(deployed(KmsKeyArn=before), NOT_EMPTY, after, keys_in_use=in_use)
    assert plan.abandoned_key == abandoned


@pytest.mark.parametrize(
    ("changed", "may_be"),
    [
        (change("Modify", BUCKET, "Conditional", "NotificationConfiguration"), False),
        (change("Modify", ALIAS, "Conditional", "FunctionVersion"), False),
        (change("Modify", ALIAS, "Conditional", "Name"), True),
        (change("Modify", "AWS::Lambda::Permission", "Conditional", "FunctionName"), True),
        (change("Modify", "AWS::Lambda::Permission", "False", "FunctionName"), False),
    ],
)
def test_only_some_properties_can_replace_a_resource(changed: Change, may_be: bool) -> None:
    assert changed.may_be_replaced == may_be


def modified(name: str, type_: str, replacement: str, *properties: tuple[str, str]) -> Change:
    """Return a change of properties, each with the resource that it only refers to, or ''."""
    changed = tuple(PropertyChange(p, None, None, cause=cause) for p, cause in properties)
    return Change("Modify", name, name, type_, replacement, changed)


# As CloudFormation lists them when an earlier version is made live.
ALIAS_MOVES = modified("FunctionAlias", ALIAS, "Conditional", ("FunctionVersion", ""))
FOLLOWERS = (
    modified("BatchRole", "AWS::IAM::Role", "False", ("Policies", "FunctionAlias")),
    modified("SourceBucket", BUCKET, "Conditional", ("NotificationConfiguration", "FunctionAlias")),
)


def test_what_only_refers_to_a_changed_resource_is_reevaluated() -> None:
    assert split_changes((ALIAS_MOVES, *FOLLOWERS)) == ((ALIAS_MOVES,), FOLLOWERS)
    plan = Plan(replace(NOT_EMPTY, changes=(*FOLLOWERS, ALIAS_MOVES)))
    assert (plan.effective_changes, plan.reevaluated) == ((ALIAS_MOVES,), FOLLOWERS)


def test_what_refers_to_a_replaced_resource_changes_too_and_so_do_its_followers() -> None:
    function = modified("Function", "AWS::Lambda::Function", "True", ("FunctionName", ""))
    alias = modified("FunctionAlias", ALIAS, "Conditional", ("FunctionName", "Function"))
    alarm = modified("Alarm", "AWS::CloudWatch::Alarm", "False", ("Dimensions", "Queue"))
    changes = (alias, *FOLLOWERS, function, alarm)
    assert split_changes(changes) == ((alias, *FOLLOWERS, function), (alarm,))


def test_what_refers_to_a_resource_that_may_be_replaced_counts_as_changed() -> None:
    logs = modified("Logs", "AWS::Logs::LogGroup", "Conditional", ("LogGroupName", ""))
    metric = modified("Metric", "AWS::Logs::MetricFilter", "Conditional", ("LogGroupName", "Logs"))
    assert split_changes((metric, logs)) == ((metric, logs), ())


def test_an_added_resource_and_a_possible_loss_of_data_are_never_only_reevaluated() -> None:
    version = change("Add", "AWS::Lambda::Version")
    alias = modified("FunctionAlias", ALIAS, "False", ("FunctionVersion", version.logical_id))
    loss = modified("Records", TABLE, "Conditional", ("TableName", "Function"))
    unexplained = change("Modify", "AWS::Lambda::Function", "False")
    changes = (version, alias, loss, unexplained)
    assert split_changes(changes) == (changes, ())


def test_the_template_refers_to_nothing_that_changes_without_a_replacement() -> None:
    """Otherwise a resource that refers to it would change, and the plan would not list it."""
    template = stack_template()
    attributes = re.findall(r"!GetAtt '?\w+\.(\w+)", template)
    attributes += re.findall(r"\$\{\w+\.(\w+)\}", template)
    assert set(attributes) == {"Arn", "QueueName", "RootResourceId", "Version"}


def test_a_property_that_is_listed_for_several_causes_is_listed_once() -> None:
    values = PropertyChange("Environment", None, "70", "Quality")
    change = Change(
        "Modify",
        "Function",
        "",
        "AWS::Lambda::Function",
        properties=(
            PropertyChange("Environment", None, None),
            values,
            PropertyChange("Role", None, None, cause="FunctionRole"),
            PropertyChange("Role", None, None, cause="FunctionRole"),
        ),
    )
    assert change.distinct_properties == (
        values,
        PropertyChange("Role", None, None, cause="FunctionRole"),
    )


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [("90", "30", 30), (None, "30", 30), (None, "90", None), ("30", "90", None), ("7", "7", None)],
)
def test_a_shorter_life_of_versions_is_known(
    before: str | None, after: str, days: int | None
) -> None:
    change = Change("Modify", "SourceBucket", "photos", "AWS::S3::Bucket", replacement="False")
    changed = PropertyChange("KeepVersionsDays", before, after)
    assert replace(plan_of(change), parameters=(changed,)).shortened_retention_days == days


def test_a_change_of_the_stacks_tags_is_told_by_key() -> None:
    present = {"team": "photos", "old": "x", "same": "1"}
    deployed = DeployedStack("s", "UPDATE_COMPLETE", tags=present)
    after = {"team": "images", "same": "1", "new": "y"}
    change_set = ChangeSet("s", "c", creates_stack=False, planned_from=deployed, tags=after)
    plan = assemble_plan(deployed, change_set, {})
    assert plan.changed_tags == (
        PropertyChange("new", None, "y"),
        PropertyChange("old", "x", None),
        PropertyChange("team", "photos", "images"),
    )


def test_new_tags_of_a_role_are_no_change_of_permissions_and_nothing_without_tags_changes() -> None:
    role = change("Modify", "AWS::IAM::Role", "False", "Tags")
    permission = replace(
        change("Modify", "AWS::Lambda::Permission", "False", "Tags"), logical_id="P"
    )
    bucket = replace(change("Modify", BUCKET, "False", "Tags", "BucketEncryption"), logical_id="B")
    assert (role.is_of_tags, role.risks, bucket.is_of_tags) == (True, (), False)
    effective, reevaluated = split_changes([role, permission, bucket])
    assert (effective, reevaluated) == ((role, bucket), (permission,))


def test_a_role_with_new_tags_that_refers_to_a_changed_resource_is_not_marked() -> None:
    references = ("Policies", "FunctionAlias")
    role = modified("BatchRole", "AWS::IAM::Role", "False", ("Tags", ""), references)
    alias, tagged = without_references((ALIAS_MOVES, role))
    assert (alias, tagged.is_of_tags, tagged.risks) == (ALIAS_MOVES, True, ())
    replaced = modified("FunctionAlias", ALIAS, "True", ("FunctionName", ""))
    assert without_references((replaced, role)) == (replaced, role)
    permissions = modified("BatchRole", "AWS::IAM::Role", "False", ("Tags", ""), ("Policies", ""))
    assert without_references((ALIAS_MOVES, permissions)) == (ALIAS_MOVES, permissions)
