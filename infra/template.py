"""The template as it is sent: the static file, with content hashes in two logical ids.

CloudFormation publishes a new function version, and deploys a changed REST API, only when the
resource's logical id changes. Both ids therefore carry a hash of what they stand for.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from importlib.resources import files

from infra.names import Names
from infra.plan import ImportedResource
from infra.snapshots import ResourceProperties

_BLOCK = re.compile(r"^  (?P<id>\w+):\n(?P<body>(?:^(?:    .*|\s*|  #.*)\n)*)", re.MULTILINE)
_API_TYPE = re.compile(
    r"^    Type: AWS::ApiGateway::(?:Method|RequestValidator|Resource|RestApi)$", re.MULTILINE
)
_METADATA = re.compile(r"^    Metadata:\n(?:^      .*\n)*", re.MULTILINE)
_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)

# What a published version freezes beside its code.
_FUNCTION_PARAMETERS = (
    "SourceBucketName", "DestinationBucketName", "TableName", "FunctionName", "CodeKey",
    "Architecture", "MemoryMegabytes", "TimeoutSeconds", "Scale", "OutputPrefix", "Quality",
    "KmsKeyArn", "FunctionRoleName", "DeadLetterQueueName",
)  # fmt: skip

# What a deployment of the API freezes beside its methods.
_API_PARAMETERS = ("ApiAuthorization", "ApiRoleName")


def stack_template() -> str:
    """Read the template that ships with imgctl."""
    return files("infra").joinpath("stack.yaml").read_text(encoding="utf-8")


def with_hashed_ids(template: str, parameters: Mapping[str, str]) -> str:
    """Append a hash to the ids `CodeVersion` and `ApiDeployment`, wherever they stand."""
    blocks = {match["id"]: match["body"] for match in _BLOCK.finditer(template)}
    function = [blocks["Function"], *(parameters.get(name, "") for name in _FUNCTION_PARAMETERS)]
    api = [body for body in blocks.values() if _API_TYPE.search(body)]
    api += [parameters.get(name, "") for name in _API_PARAMETERS]
    for logical_id, content in (("CodeVersion", function), ("ApiDeployment", api)):
        template = re.sub(rf"\b{logical_id}\b", f"{logical_id}{_digest(content)}", template)
    return template


def with_updated_hashes(deployed: str, parameters: Mapping[str, str]) -> str:
    """Give a deployed template with the ids that other parameters ask for."""
    plain = re.sub(r"\b(CodeVersion|ApiDeployment)[0-9a-f]{12}\b", r"\1", deployed)
    return with_hashed_ids(plain, parameters)


def import_template(template: str, names: Names, shapes: Mapping[str, ResourceProperties]) -> str:
    """Give the template of a stack that holds just these buckets and this table, by their names.

    An import may not create anything.
    """
    resources = {
        resource.logical_id: {
            "Type": resource.resource_type,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": shapes[resource.name],
        }
        for resource in resources_to_import(names, shapes)
    }
    # JSON is YAML.
    declared = template[template.index("Parameters:\n") : template.index("Conditions:\n")]
    return f"{declared}Resources: {json.dumps(resources, indent=2)}\n"


def is_import_template(deployed: str) -> bool:
    """Tell whether a deployed template is one of `import_template`."""
    return "\nResources: {" in deployed


def resources_to_import(names: Names, kept: Collection[str]) -> list[ImportedResource]:
    """List what was kept, under the ids and identifiers that CloudFormation imports it by."""
    resources = [
        ImportedResource("SourceBucket", "AWS::S3::Bucket", "BucketName", names.source_bucket),
        ImportedResource(
            "DestinationBucket", "AWS::S3::Bucket", "BucketName", names.destination_bucket
        ),
        ImportedResource("AccessLogs", "AWS::S3::Bucket", "BucketName", names.access_logs_bucket),
        ImportedResource("Records", "AWS::DynamoDB::Table", "TableName", names.table),
    ]
    return [resource for resource in resources if resource.name in kept]


def _digest(parts: list[str]) -> str:
    """Hash what is meant: comments, layout and metadata make no new version."""
    meant = (_METADATA.sub("", _COMMENT.sub("", part)) for part in parts)
    text = "\0".join(" ".join(part.split()) for part in meant)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
