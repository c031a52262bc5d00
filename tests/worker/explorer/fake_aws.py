"""S3 and DynamoDB as values in memory: fast enough to explore hundreds of thousands of states.

Only what the function and the explorer's environment request is implemented. A request that the
fakes do not know is an error, and `test_fake_aws.py` checks that moto responds in the same way.
"""

# ruff: noqa: ARG002, N803 - the arguments have the names of boto3's

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Item = tuple[tuple[str, str], ...]
"""The string and number attributes of a DynamoDB item, sorted, each with its type's letter."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker, whose body is None."""

    version_id: str
    body: bytes | None
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def etag(self) -> str:
        """Return the ETag as S3 does for an object that was uploaded in one part."""
        return f'"{hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class AwsState:
    """Everything that is stored, as one hashable value.

    `objects` has the versions of each bucket and key, from the oldest; an object of a bucket
    without versions is its one version `null`. `versioned` lists the buckets with versions.
    """

    objects: tuple[tuple[tuple[str, str], tuple[Version, ...]], ...] = ()
    table: tuple[tuple[str, Item], ...] = ()
    versioned: frozenset[str] = frozenset()
    uploads: int = 0


@dataclass(slots=True)
class FakeAws:
    """S3 and DynamoDB in a state, which each call replaces."""

    state: AwsState = field(default_factory=AwsState)

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Perform a call with the arguments and the response of boto3; raises its ClientError."""
        return getattr(self, operation)(**arguments)

    # S3

    def versions(self, bucket: str, key: str) -> tuple[Version, ...]:
        """Return the versions of a key, from the oldest."""
        return dict(self.state.objects).get((bucket, key), ())

    def newest(self, bucket: str, key: str) -> Version | None:
        """Return the latest version; None if there is none or it is a delete marker."""
        versions = self.versions(bucket, key)
        return versions[-1] if versions and versions[-1].body is not None else None

    def get_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str = "",
        IfMatch: str = "",
    ) -> dict[str, Any]:
        version = self._find("GetObject", Bucket, Key, VersionId, head=False)
        if IfMatch and version.etag != IfMatch:
            raise _error("PreconditionFailed", 412, "GetObject")
        return {**self._described(Bucket, version), "Body": version.body}

    def head_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str = "",
    ) -> dict[str, Any]:
        return self._described(Bucket, self._find("HeadObject", Bucket, Key, VersionId, head=True))

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: Mapping[str, str] | None = None,
        IfMatch: str = "",
        IfNoneMatch: str = "",
        ContentType: str = "",
    ) -> dict[str, Any]:
        newest = self.newest(Bucket, Key)
        if IfMatch and newest is None:
            raise _error("NoSuchKey", 404, "PutObject")
        if (IfMatch and newest and newest.etag != IfMatch) or (IfNoneMatch and newest):
            raise _error("PreconditionFailed", 412, "PutObject")
        version = self._new_version(Bucket, Body, tuple(sorted((Metadata or {}).items())))
        self._add(Bucket, Key, version)
        return {"ETag": version.etag, **self._named(Bucket, version)}

    def delete_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str = "",
    ) -> dict[str, Any]:
        if VersionId:
            kept = [v for v in self.versions(Bucket, Key) if v.version_id != VersionId]
            self._set_versions(Bucket, Key, tuple(kept))
        elif Bucket in self.state.versioned:
            self._add(Bucket, Key, self._new_version(Bucket, None, ()))
        else:
            self._set_versions(Bucket, Key, ())
        return {}

    def put_bucket_versioning(
        self,
        *,
        Bucket: str,
        VersioningConfiguration: Mapping[str, str],
    ) -> dict[str, Any]:
        assert VersioningConfiguration == {"Status": "Enabled"}
        self._update(versioned=self.state.versioned | {Bucket})
        return {}

    def _find(
        self, operation: str, bucket: str, key: str, version_id: str, *, head: bool
    ) -> Version:
        if version_id:
            found = [v for v in self.versions(bucket, key) if v.version_id == version_id]
            if not found:
                raise _error("404" if head else "NoSuchVersion", 404, operation)
            return found[0]
        newest = self.newest(bucket, key)
        if newest is None:
            raise _error("404" if head else "NoSuchKey", 404, operation)
        return newest

    def _described(self, bucket: str, version: Version) -> dict[str, Any]:
        return {
            "ETag": version.etag,
            "ContentLength": len(version.body or b""),
            "Metadata": dict(version.metadata),
            **self._named(bucket, version),
        }

    def _named(self, bucket: str, version: Version) -> dict[str, Any]:
        return {"VersionId": version.version_id} if bucket in self.state.versioned else {}

    def _new_version(
        self, bucket: str, body: bytes | None, metadata: tuple[tuple[str, str], ...]
    ) -> Version:
        if bucket not in self.state.versioned:
            return Version("null", body, metadata)
        self._update(uploads=self.state.uploads + 1)
        return Version(f"version-{self.state.uploads}", body, metadata)

    def _add(self, bucket: str, key: str, version: Version) -> None:
        older = [v for v in self.versions(bucket, key) if v.version_id != version.version_id]
        self._set_versions(bucket, key, (*older, version))

    def _set_versions(self, bucket: str, key: str, versions: tuple[Version, ...]) -> None:
        objects = {**dict(self.state.objects), (bucket, key): versions}
        self._update(objects=tuple(sorted((name, v) for name, v in objects.items() if v)))

    # DynamoDB

    def items(self) -> dict[str, Item]:
        """Return the table's items by their `resource-id`."""
        return dict(self.state.table)

    def get_item(
        self,
        *,
        TableName: str,
        Key: Mapping[str, Any],
        ConsistentRead: bool,
    ) -> dict[str, Any]:
        assert ConsistentRead
        item = self.items().get(Key["resource-id"]["S"])
        return {} if item is None else {"Item": thaw(item)}

    def put_item(self, **write: Any) -> dict[str, Any]:
        return self._write_one("PutItem", {"Put": write})

    def update_item(self, **write: Any) -> dict[str, Any]:
        return self._write_one("UpdateItem", {"Update": write})

    def transact_write_items(self, *, TransactItems: list[Any]) -> dict[str, Any]:
        holds = [self._holds(write) for write in TransactItems]
        if not all(holds):
            reasons = [{"Code": "None" if held else "ConditionalCheckFailed"} for held in holds]
            raise _error(
                "TransactionCanceledException",
                400,
                "TransactWriteItems",
                CancellationReasons=reasons,
            )
        for write in TransactItems:
            self._apply(write)
        return {}

    def _write_one(self, operation: str, write: Any) -> dict[str, Any]:
        if not self._holds(write):
            raise _error("ConditionalCheckFailedException", 400, operation)
        self._apply(write)
        return {}

    def _holds(self, write: Any) -> bool:
        ((_, request),) = write.items()
        condition = request.get("ConditionExpression")
        existing = self.items().get(_key(write), ())
        return condition is None or _Condition(condition, request, existing).holds()

    def _apply(self, write: Any) -> None:
        ((kind, request),) = write.items()
        if kind == "ConditionCheck":
            return
        items = self.items()
        if kind == "Put":
            items[_key(write)] = freeze(request["Item"])
        else:
            new = dict(items.get(_key(write), (("resource-id", "S" + _key(write)),)))
            items[_key(write)] = _updated(new, request)
        self._update(table=tuple(sorted(items.items())))

    def _update(self, **changes: Any) -> None:
        names = ("objects", "table", "versioned", "uploads")
        self.state = AwsState(**{name: getattr(self.state, name) for name in names} | changes)


def freeze(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """Return an item as a hashable value; a list is kept as JSON."""
    return tuple(sorted((name, _frozen(value)) for name, value in item.items()))


def _frozen(value: Mapping[str, Any]) -> str:
    ((kind, content),) = value.items()
    return kind + (content if isinstance(content, str) else json.dumps(content))


def thaw(item: Item) -> dict[str, dict[str, Any]]:
    """Return an item as DynamoDB does."""
    return {
        name: {value[0]: json.loads(value[1:]) if value[0] == "L" else value[1:]}
        for name, value in item
    }


def _key(write: Any) -> str:
    ((kind, request),) = write.items()
    return str(request["Item" if kind == "Put" else "Key"]["resource-id"]["S"])


def _updated(item: dict[str, str], request: Mapping[str, Any]) -> Item:
    names, values = (
        request.get("ExpressionAttributeNames", {}),
        request["ExpressionAttributeValues"],
    )
    match = re.fullmatch(r"SET (.+)", request["UpdateExpression"])
    assert match, request["UpdateExpression"]
    for assignment in match[1].split(","):
        name, value = (part.strip() for part in assignment.split("="))
        ((letter, text),) = values[value].items()
        item[names.get(name, name)] = letter + text
    return tuple(sorted(item.items()))


class _Condition:
    """A condition expression: comparisons and functions, joined by AND, OR and parentheses."""

    def __init__(self, expression: str, request: Mapping[str, Any], item: Item) -> None:
        self._tokens: list[str] = re.findall(r"[()=]|<>|[#:\w]+", expression)
        assert "".join(self._tokens) == re.sub(r"\s", "", expression), expression
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request.get("ExpressionAttributeValues", {})
        self._item = dict(item)

    def holds(self) -> bool:
        result = self._joined("OR", lambda: self._joined("AND", self._term))
        assert not self._tokens, self._tokens
        return result

    def _joined(self, word: str, part: Callable[[], bool]) -> bool:
        parts = [part()]
        while self._tokens and self._tokens[0] == word:
            self._tokens.pop(0)
            parts.append(part())
        return any(parts) if word == "OR" else all(parts)

    def _term(self) -> bool:
        token = self._tokens.pop(0)
        if token == "(":
            result = self._joined("OR", lambda: self._joined("AND", self._term))
            self._tokens.pop(0)
            return result
        if token in ("attribute_exists", "attribute_not_exists"):
            _, name, _ = (self._tokens.pop(0) for _ in range(3))
            return (self._attribute(name) is not None) == (token == "attribute_exists")
        operator, value = self._tokens.pop(0), self._tokens.pop(0)
        ((letter, text),) = self._values[value].items()
        equal = bool(self._attribute(token) == letter + text)
        return equal if operator == "=" else not equal

    def _attribute(self, name: str) -> str | None:
        return self._item.get(self._names.get(name, name))


def _error(code: str, status: int, operation: str, **fields: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return ClientError(response, operation)
