"""Which changes open a resource to callers who have no AWS credentials for it."""

from collections.abc import Iterable, Mapping

from infra.changes import PropertyChange

# How open the API is, by the parameter ApiAuthorization. A key is sent in clear and shared among
# callers: it is no authentication.
_API_OPENNESS = {"iam": 0, "key": 1, "none": 2}

# The settings of a bucket that decide about public access, each with the value that closes it.
_BUCKET_SETTINGS = {
    "AccessControl": "Private",
    "OwnershipControls": "BucketOwnerEnforced",
    "PublicAccessBlockConfiguration": "true",
}


def opens_access(
    resource_type: str,
    action: str,
    properties: Iterable[PropertyChange],
    parameters: Mapping[str, tuple[str | None, str]],
) -> bool:
    """Return whether a change gives more callers access than before.

    `parameters` are the template's, before and after. A change whose new value is not known counts
    as one that opens.
    """
    match resource_type:
        case "AWS::ApiGateway::Method" if action != "Remove":
            before, after = parameters.get("ApiAuthorization", (None, "none"))
            was = _API_OPENNESS.get(before or "iam", 0) if action == "Modify" else 0
            return _API_OPENNESS.get(after, 2) > was or _lets_in_pages(parameters)
        case "AWS::S3::Bucket" if action == "Modify":
            changed = {change.name.split("/")[0] for change in properties}
            lets_in_pages = "CorsConfiguration" in changed and _lets_in_pages(parameters)
            return lets_in_pages or any(_opens_bucket(change) for change in properties)
        case "AWS::S3::BucketPolicy" if action != "Remove":
            # CloudFront serves what it may read to anyone, unless its distribution restricts that.
            before, after = parameters.get("CloudFrontDistributionArn", (None, ""))
            return bool(after) and (before != after or action == "Add")
        case "AWS::Lambda::Url":  # of which the template has none
            return action != "Remove"
        case _:
            return False


def _lets_in_pages(parameters: Mapping[str, tuple[str | None, str]]) -> bool:
    """Return whether web pages of more origins may send requests from a browser."""
    before, after = parameters.get("CorsOrigins", (None, ""))
    allowed = set((before or "").split(","))
    return "*" not in allowed and not set(after.split(",")) <= {*allowed, ""}


def _opens_bucket(change: PropertyChange) -> bool:
    closed = _BUCKET_SETTINGS.get(change.name.split("/")[0])
    return closed is not None and closed not in (change.after or "")
