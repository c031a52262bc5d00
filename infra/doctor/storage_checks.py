"""Checks of the buckets, the table and the key that encrypts them."""

from imgctl.core.errors import Hint
from infra.doctor.facts import Buckets, Facts, Key, NotRead, Records, Stack
from infra.doctor.result import Check, Problem, drifted
from infra.drift import PropertyDrift
from infra.snapshots import INDEXES

_TABLE_KEY = (("resource-id", "HASH"),)


def _buckets(facts: Facts) -> Problem | None:
    found = facts.get(Buckets).buckets
    broken = [f"{bucket.name} {bucket.problem}" for bucket in found if bucket.problem]
    if not broken:
        if denied := [bucket.name for bucket in found if bucket.is_denied]:
            raise NotRead(
                f"Not allowed to perform s3:ListBucket on {', '.join(denied)}, or another account"
                " owns it."
            )
        return None
    return Problem(
        f"{'; '.join(broken)}.",
        Hint(
            "Choose another name in imgctl.toml if somebody else owns it. Otherwise {}, which keeps"
            " what is left, then {}.",
            "destroy",
            "deploy",
        ),
    )


def _bucket_region(facts: Facts) -> Problem | None:
    region = facts.get(Stack).deployed.stack_id.split(":")[3:4]
    elsewhere = [
        f"{bucket.name} is in {bucket.region}"
        for bucket in facts.get(Buckets).buckets
        if bucket.region and region and bucket.region != region[0]
    ]
    if not elsewhere:
        return None
    return Problem(
        f"{'; '.join(elsewhere)}, and the stack in {region[0]}.",
        Hint("Choose another name in imgctl.toml, then {}.", "deploy"),
    )


def _table_key(facts: Facts) -> Problem | None:
    table = facts.get(Records).table
    name = facts.get(Stack).parameters["TableName"]
    if table is None:
        return Problem(
            f"The table {name} does not exist.",
            Hint(
                "Restore it from a backup under this name, or create an empty one with {}.",
                "deploy --revert-drift",
            ),
        )
    if table.keys == _TABLE_KEY:
        return None
    keys = ", ".join(f"{key} ({kind})" for key, kind in table.keys)
    return Problem(
        f"The table {name} has the key {keys}, not resource-id (HASH).",
        Hint("Set another name as table in imgctl.toml, then {}.", "deploy"),
    )


def _indexes(facts: Facts) -> Problem | str | None:
    table = facts.get(Records).table
    if table is None:
        return None  # reported with the table's key
    declared = {index["IndexName"]: index for index in INDEXES}
    missing = [name for name in declared if name not in table.indexes]
    if missing:
        return drifted(f"The table lacks the index {', '.join(missing)}: records are not found.")
    other = [name for name, index in declared.items() if _plain(table.indexes[name]) != index]
    if other:
        return Problem(
            f"The table's index {', '.join(other)} has another key or projection.",
            Hint("{} replaces it, one at a time.", "deploy"),
        )
    return f"being built: {', '.join(table.unready)}" if table.unready else None


def _plain(index: object) -> object:
    """Return an index without the fields that only DynamoDB's description has."""
    if not isinstance(index, dict):
        return index
    return {**index, "Projection": {"ProjectionType": index["Projection"]["ProjectionType"]}}


def _key(facts: Facts) -> Problem | None:
    state = facts.get(Key).state
    if state in ("", "Enabled"):
        return None
    return Problem(
        f"The KMS key is {state}: nothing that it encrypts can be read or written.",
        Hint("Enable the key, or cancel its deletion, in the KMS console."),
    )


def texts(properties: tuple[PropertyDrift, ...]) -> str:
    """Return drifted properties in one line."""
    return "; ".join(
        f"{item.name.rpartition('/')[2]} is {item.actual or 'unset'}, not"
        f" {item.expected or 'unset'}"
        for item in properties
    )


STORAGE_CHECKS = (
    Check("storage", "buckets", "The buckets exist and belong to this account.", _buckets),
    Check("storage", "bucket-region", "The buckets are in the stack's region.", _bucket_region),
    Check("storage", "table", "The table exists and has its key.", _table_key),
    Check("storage", "indexes", "The table has its three indexes.", _indexes),
    Check("storage", "kms-key", "The customer managed key, if any, is enabled.", _key),
)
