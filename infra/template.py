"""The template as it is sent: the static file, with content hashes in two logical ids.

CloudFormation publishes a new version of the function, and deploys a changed REST API, only if the
resource's logical id changes. Both ids therefore end in a hash of their content.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from importlib.resources import files

from infra.changes import ImportedResource
from infra.deployed_stack import AdoptionStep
from infra.function_version import VERSION_BINDINGS
from infra.names import Names
from infra.snapshots import ResourceProperties

_BLOCK = re.compile(r"^  (?P<id>\w+):\n(?P<body>(?:^(?:    .*|\s*|  #.*)\n)*)", re.MULTILINE)
_VERSION_ID = re.compile(r"\bCodeVersion[0-9a-f]{12}\b")
_API_TYPE = re.compile(
    r"^    Type: AWS::ApiGateway::(?:Method|GatewayResponse|RequestValidator|Resource|RestApi)$",
    re.MULTILINE,
)
_METADATA = re.compile(r"^    Metadata:\n(?:^      .*\n)*", re.MULTILINE)
_TABLE_INDEXES = re.compile(
    r"^      (?:AttributeDefinitions|GlobalSecondaryIndexes):.*\n(?:^        .*\n)*", re.MULTILINE
)
# A comment has a space after the number sign, or nothing; a directive of Velocity has neither.
_COMMENT = re.compile(r"^\s*#(?: .*)?\n", re.MULTILINE)
_REMARK = re.compile(r"""(?<=\S) +# [^'"\n]*$""", re.MULTILINE)
_PARAMETERS_DESCRIPTION = re.compile(r"^    Description:.*\n(?:^      .*\n)*", re.MULTILINE)

# What a published version freezes besides what it is bound to.
_VERSION_SETTINGS = (
    "CodeKey",
    "Architecture",
    "MemoryMegabytes",
    "TimeoutSeconds",
    "SnapStart",
    "Scale",
    "OutputPrefix",
    "Quality",
    "Renditions",
    "CacheControl",
)
VERSION_PARAMETERS = (*VERSION_BINDINGS, *_VERSION_SETTINGS)
"""The parameters whose change calls for a new version of the function."""

# What a deployment of the API freezes besides its methods.
_API_PARAMETERS = ("ApiAuthorization", "ApiRoleName", "CorsOrigins", "ApiCorsOrigin")


def stack_template() -> str:
    """Read the template that ships with imgctl."""
    return files("infra").joinpath("stack.yaml").read_text(encoding="utf-8")


def with_hashed_ids(template: str, parameters: Mapping[str, str]) -> str:
    """Append a hash to the ids `CodeVersion` and `ApiDeployment` wherever they occur.

    Comments, metadata and the parameters' descriptions are left out: a request holds no template
    of more than 51,200 bytes.
    """
    for explanation in (_COMMENT, _REMARK, _METADATA, _PARAMETERS_DESCRIPTION):
        template = explanation.sub("", template)
    api = [body for body in _blocks(template).values() if _API_TYPE.search(body)]
    api += [parameters.get(name, "") for name in _API_PARAMETERS]
    hashed = re.sub(r"\bApiDeployment\b", f"ApiDeployment{_digest(api)}", template)
    return _with_hashed_version(hashed, parameters)


def _with_hashed_version(template: str, parameters: Mapping[str, str]) -> str:
    function = _blocks(template)["Function"]
    content = [function, *(parameters.get(name, "") for name in VERSION_PARAMETERS)]
    return re.sub(r"\bCodeVersion\b", f"CodeVersion{_digest(content)}", template)


def has_same_version(template: str, other: str) -> bool:
    """Return whether two templates, as they are sent, have the same version of the function."""
    ids = (set(_VERSION_ID.findall(item)) for item in (template, other))
    return next(ids) == next(ids)


def _blocks(template: str) -> dict[str, str]:
    return {match["id"]: match["body"] for match in _BLOCK.finditer(template)}


def with_new_version(deployed: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return a deployed template with a new version of the function if its parameters call for one.

    Otherwise the template stays as it is, whatever version of imgctl deployed it: Lambda would
    not publish a new version of unchanged code, and CloudFormation rejects the old one again.
    """
    if all(before.get(name, "") == after.get(name, "") for name in VERSION_PARAMETERS):
        return deployed
    plain = _VERSION_ID.sub("CodeVersion", deployed)
    return _with_hashed_version(plain, after)


def import_template(
    template: str,
    names: Names,
    resources: Mapping[str, ResourceProperties],
    step: AdoptionStep,
) -> str:
    """Return the template of one step of an adoption, which has only these buckets and this table.

    `resources` are their properties, by name: an import may not create anything. The step is
    in the template's Metadata, where `infra.responses.parse_stack` reads it.
    """
    declared = {
        resource.logical_id: {
            "Type": resource.resource_type,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": resources[resource.name],
        }
        for resource in resources_to_import(names, resources)
    }
    metadata = json.dumps({"imgctl": {"AdoptionStep": step.value}})
    parameters = template[template.index("Parameters:\n") : template.index("Conditions:\n")]
    # JSON is YAML.
    return f"Metadata: {metadata}\n{parameters}Resources: {json.dumps(declared, indent=2)}\n"


def has_other_indexes(deployed: str) -> bool:
    """Return whether a deployed template declares the table's indexes otherwise than imgctl now."""
    table = _blocks(deployed).get("Records", "")
    return bool(table) and _index_text(table) != _index_text(_blocks(stack_template())["Records"])


def _index_text(table: str) -> list[str]:
    return _TABLE_INDEXES.findall(_COMMENT.sub("", table))


def with_table_indexes(deployed: str, table: ResourceProperties) -> str:
    """Return a deployed template with only the indexes of its table changed to these."""
    before = _blocks(deployed)["Records"]
    after = _TABLE_INDEXES.sub("", before)
    changed = {
        name: table[name]
        for name in ("AttributeDefinitions", "GlobalSecondaryIndexes")
        if name in table
    }
    # JSON is YAML.
    lines = "".join(f"      {name}: {json.dumps(value)}\n" for name, value in changed.items())
    after = after.replace("    Properties:\n", f"    Properties:\n{lines}", 1)
    return deployed.replace(before, after, 1)


def resources_to_import(names: Names, existing: Collection[str]) -> list[ImportedResource]:
    """List existing buckets and table with the ids and identifiers to import them by."""
    resources = [
        ImportedResource("SourceBucket", "AWS::S3::Bucket", "BucketName", names.source_bucket),
        ImportedResource(
            "DestinationBucket", "AWS::S3::Bucket", "BucketName", names.destination_bucket
        ),
        ImportedResource("AccessLogs", "AWS::S3::Bucket", "BucketName", names.access_logs_bucket),
        ImportedResource("Records", "AWS::DynamoDB::Table", "TableName", names.table),
    ]
    return [resource for resource in resources if resource.name in existing]


def _digest(parts: list[str]) -> str:
    """Hash the parts without comments, layout and metadata, which change nothing in AWS."""
    meaningful = (_METADATA.sub("", _COMMENT.sub("", part)) for part in parts)
    text = "\0".join(" ".join(part.split()) for part in meaningful)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
