"""The JSON documents about the stack, its function and the embedded AWS; see `documents`."""

from typing import Annotated, Literal, NotRequired, TypedDict


class PackageDocument(TypedDict):
    """`imgctl package`."""

    path: str
    sha256: str
    sources: Annotated[str, "digest of the files without bytecode, which identifies the code"]
    zipped_bytes: int
    unzipped_bytes: int
    architecture: Literal["arm64", "x86_64"]
    compiled: Annotated[bool, "whether it contains bytecode"]
    imgctl: Annotated[str, "version of imgctl in it"]
    packages: Annotated[dict[str, str], "versions of the packages in it, by name"]


class BundleDocument(TypedDict):
    """The function's bundle in a plan."""

    sources: Annotated[str, "digest of the files without bytecode, which identifies the code"]
    sha256: Annotated[str, "of the file that was built or given"]
    architecture: Literal["arm64", "x86_64"]
    compiled: Annotated[bool, "whether it contains bytecode"]
    given: Annotated[bool, "whether --bundle named the file"]


class ChangedProperty(TypedDict):
    """One property of a change."""

    name: str
    before: str | None
    after: str | None
    parameter: Annotated[str | None, "the template's parameter that it follows"]


class PlannedChange(TypedDict):
    """One resource of a plan."""

    action: Annotated[str, "Add, Modify, Remove, Import, Dynamic or SyncWithActual"]
    resource: Annotated[str, "logical ID"]
    type: str
    replacement: Annotated[str, "True, False, Conditional or empty"]
    loses_data: bool
    marks: Annotated[list[str], "data_loss, iam, public_access"]
    kept: Annotated[bool, "whether a removed resource is retained"]
    reevaluated: Annotated[bool, "whether it only refers to a resource that changes"]
    properties: list[ChangedProperty]


class StackOutputsDocument(TypedDict):
    """The stack's outputs."""

    source_bucket: str
    destination_bucket: str
    table: str
    function: str
    api_endpoint: str
    api_key_id: str | None


class IdleCostItem(TypedDict):
    """Resources of one kind that are paid for by the month."""

    name: str
    count: int
    usd_per_month: Annotated[float, "all of them together"]


class IdleCostDocument(TypedDict):
    """What the added resources cost while nothing arrives, without AWS's free tier."""

    usd_per_month: float
    items: list[IdleCostItem]
    region: Annotated[str, "of the prices"]
    prices_as_of: Annotated[str, "month of the prices, such as 2026-03"]


class LimitsDocument(TypedDict):
    """What limits a flood of uploads, and what it can cost."""

    reserved_concurrency: Annotated[int | None, "null for no limit"]
    api_requests_per_s: int
    api_burst: int


class DriftedProperty(TypedDict):
    """One property that is not as it was deployed."""

    name: str
    expected: Annotated[str | None, "null for a value that was added"]
    actual: Annotated[str | None, "null for a value that was removed"]


class DriftedResource(TypedDict):
    """One resource that was changed outside of imgctl."""

    resource: Annotated[str, "logical ID"]
    type: str
    name: Annotated[str, "physical ID"]
    deleted: bool
    properties: list[DriftedProperty]


class DriftDocument(TypedDict):
    """What differs from the last deployment; `deploy` looks for it if it has nothing to change."""

    resources: list[DriftedResource]
    unchecked_types: Annotated[list[str], "types of the stack's resources that were not compared"]
    not_read: Annotated[list[str], "what could not be read, with the missing permission"]


class ProtectionChange(TypedDict):
    """A change of the stack's termination protection."""

    before: bool
    after: bool


class ReleaseDocument(TypedDict):
    """A gradual release: what a new version takes first, before it takes all invocations."""

    percent: Annotated[int, "of the invocations"]
    minutes: Annotated[int, "for which CloudFormation watches the alarm"]
    live_version: Annotated[int, "that takes the other invocations"]
    alarm: Annotated[str, "at which CloudFormation rolls the deployment back"]


class PrunedDocument(TypedDict):
    """Old versions of the function and their bundles; see the setting `keep_function_versions`."""

    versions: list[int]
    bundles: Annotated[list[str], "keys in the artifacts bucket"]


class TagChange(TypedDict):
    """A tag of the stack that is added, changed or removed."""

    key: str
    before: Annotated[str | None, "null if it is added"]
    after: Annotated[str | None, "null if it is removed"]


class PlanDocument(TypedDict):
    """`imgctl deploy --plan`."""

    stack: str
    changed: Annotated[bool, "always false"]
    changes: list[PlannedChange]
    partial: Annotated[bool, "whether further steps follow"]
    termination_protection: Annotated[ProtectionChange | None, "null if it stays as it is"]
    release: Annotated[ReleaseDocument | None, "null for a release at once, or for none"]
    tags: list[TagChange]
    idle_cost: Annotated[IdleCostDocument | None, "null if nothing is added that costs when idle"]
    limits: LimitsDocument
    pruned: Annotated[PrunedDocument, "what would be deleted after the deployment"]
    drift: Annotated[DriftDocument | None, "null if it was not looked for"]
    bundle: BundleDocument
    plan_file: Annotated[str | None, "file that --out wrote"]


class DeployDocument(TypedDict):
    """`imgctl deploy`."""

    stack: str
    changed: bool
    changes: list[PlannedChange]
    termination_protection: Annotated[ProtectionChange | None, "null if it stayed as it was"]
    partial: Annotated[bool, "whether further steps follow, as with --apply of one of several"]
    pruned: Annotated[PrunedDocument, "what was deleted after the deployment"]
    tags: list[TagChange]
    drift: Annotated[DriftDocument | None, "null if it was not looked for"]
    outputs: Annotated[StackOutputsDocument | None, "null if further steps follow"]


class FailedResource(TypedDict):
    """A resource that could not be updated, or rolled back."""

    resource: Annotated[str, "logical ID"]
    type: Annotated[str, "such as `AWS::Lambda::Function`"]
    reason: Annotated[str, "as CloudFormation gives it"]


class RollbackDocument(TypedDict):
    """`imgctl deploy --continue-rollback`."""

    stack: str
    state: Annotated[str, "after it, as CloudFormation names it"]
    failed_before: Annotated[list[FailedResource], "what kept the stack from being rolled back"]
    skipped: Annotated[list[str], "logical IDs of resources that were left as they are"]


class StoredBundle(TypedDict):
    """The function's bundle, which has to be stored before the stack is deployed."""

    bucket: str
    key: Annotated[str, "contains the digest of its sources"]
    sha256: Annotated[str, "of the bundle that was built or named; another build will do as well"]


class TemplateDocument(TypedDict):
    """`imgctl template`."""

    stack: str
    format: Literal["yaml", "json"]
    template: Annotated[str, "the template's text in that format"]
    parameters: Annotated[dict[str, str], "values by the names of the template's parameters"]
    tags: Annotated[dict[str, str], "of the stack, as the settings give them"]
    bundle: StoredBundle


class CheckDocument(TypedDict):
    """One check of `imgctl doctor`."""

    area: str
    name: str
    status: Literal["ok", "failed", "not checked"]
    expected: Annotated[str, "what holds if it passes"]
    problem: Annotated[str | None, "what is wrong"]
    hint: Annotated[str | None, "what to do"]
    commands: Annotated[list[str], "the commands in the hint, without the program's name"]
    fixable: Annotated[bool, "whether `doctor --fix` offers to do it"]
    note: Annotated[str | None, "why it was not checked, or what else there is to know"]


class DoctorDocument(TypedDict):
    """`imgctl doctor`."""

    healthy: Annotated[bool, "whether no check failed"]
    checks: list[CheckDocument]
    mended: Annotated[list[str], "commands that --fix has carried out"]


class PolicyStatement(TypedDict):
    """One statement of an IAM policy, with the names that IAM has for its keys."""

    Sid: str
    Effect: str
    Action: str | list[str]
    Resource: str | list[str]
    Condition: NotRequired[dict[str, dict[str, str | list[str]]]]


class IamPolicy(TypedDict):
    """An IAM policy as IAM accepts it; without --json it is printed alone."""

    Version: str
    Statement: list[PolicyStatement]


class PolicyDocument(TypedDict):
    """`imgctl policy`."""

    name: Annotated[str, "deployer, deployer-data, destroyer, eraser, operator or planner"]
    stack: str
    account: str
    region: str
    left_out: Annotated[list[str], "statements that the settings do not need"]
    policy: IamPolicy


class UnprovenResourceDocument(TypedDict):
    """A bucket or table with one of the stack's names."""

    name: str
    reason: Annotated[str, "whom it belongs to, as far as that is known"]


class DestroyDocument(TypedDict):
    """`imgctl destroy`."""

    stack: str
    deleted: Annotated[bool, "false if there was no stack"]
    kept: Annotated[list[str], "retained buckets and table"]
    left_alone: Annotated[
        list[UnprovenResourceDocument], "not proven to belong to the stack, and not touched"
    ]


class ChangedSetting(TypedDict):
    """One setting that differs between two versions, or the code."""

    name: Annotated[str, "name of the setting, or `code`"]
    before: Annotated[str | None, "null if unset; the digest of the code"]
    after: str | None


class LiveDocument(TypedDict):
    """`imgctl publish` and `imgctl rollback`."""

    live: Annotated[int, "live version"]
    before: Annotated[int | None, "version that was live before; null for $LATEST"]
    changed: bool
    changes: Annotated[list[ChangedSetting], "what became different"]
    pruned: Annotated[PrunedDocument, "what was deleted afterwards"]


class VersionDocument(TypedDict):
    """One version of the function."""

    version: int
    live: bool
    traffic_percent: Annotated[int, "of the invocations, which a gradual release divides"]
    modified: str
    code_sha256: Annotated[str, "in base64, as Lambda shows it"]
    code_sources: Annotated[
        str | None, "digest of the sources; null if an earlier imgctl published it"
    ]
    code_bytes: int
    scale: str
    prefix: str
    quality: Annotated[int | None, "null for each format's default"]
    memory_mb: int
    timeout_s: int
    architecture: str
    snap_start: Annotated[bool, "whether Lambda takes a snapshot of it"]
    function: str
    function_role: str
    dead_letter_queue: Annotated[str | None, "null if it has none"]
    kms_key: Annotated[str | None, "null for keys owned by AWS"]
    source_bucket: str
    destination_bucket: str
    table: str
    changes: Annotated[list[ChangedSetting], "against the version before it"]


class VersionsDocument(TypedDict):
    """`imgctl versions`."""

    live: Annotated[int | None, "live version; null if the alias points at $LATEST"]
    versions: Annotated[list[VersionDocument], "newest first"]


class LocalStartDocument(TypedDict):
    """`imgctl local start`."""

    running: Literal[True]
    url: str
    pid: int


class LocalStopDocument(TypedDict):
    """`imgctl local stop`."""

    running: Literal[False]
    stopped: Annotated[bool, "false if it was not running"]
    pending_events: Annotated[int, "events that are kept and delivered by the next start"]


class LocalRunningDocument(TypedDict):
    """`imgctl local status` of a running embedded AWS."""

    running: Literal[True]
    pid: int
    folder: str
    environment: Annotated[dict[str, str], "variables for other AWS tools"]


class LocalStoppedDocument(TypedDict):
    """`imgctl local status` of a stopped embedded AWS."""

    running: Literal[False]
    folder: str


class LocalResetDocument(TypedDict):
    """`imgctl local reset`."""

    running: Literal[False]
    reset: Literal[True]


class LocalLogsDocument(TypedDict):
    """`imgctl local logs`."""

    path: str
    lines: list[str]
