"""Only a change that lets more callers in is one that opens a resource."""

import pytest

from infra.changes import PropertyChange
from infra.public_access import opens_access

METHOD, BUCKET = "AWS::ApiGateway::Method", "AWS::S3::Bucket"


@pytest.mark.parametrize(
    ("action", "before", "after", "opens"),
    [
        ("Add", None, "iam", False),
        ("Add", None, "key", True),
        ("Add", None, "none", True),
        ("Modify", "iam", "iam", False),
        ("Modify", "iam", "key", True),
        ("Modify", "key", "none", True),
        ("Modify", "none", "key", False),
        ("Modify", "none", "none", False),
        ("Modify", "key", "iam", False),
        ("Remove", "none", "none", False),
    ],
)
def test_the_api_is_opened_by_less_authorization_than_before(
    action: str, before: str | None, after: str, opens: bool
) -> None:
    assert opens_access(METHOD, action, (), {"ApiAuthorization": (before, after)}) == opens


def test_an_api_whose_authorization_is_not_known_counts_as_open() -> None:
    assert opens_access(METHOD, "Add", (), {})


@pytest.mark.parametrize(
    ("name", "after", "opens"),
    [
        ("PublicAccessBlockConfiguration/BlockPublicAcls", "false", True),
        ("PublicAccessBlockConfiguration/BlockPublicAcls", "true", False),
        ("PublicAccessBlockConfiguration", None, True),
        ("OwnershipControls/Rules/0/ObjectOwnership", "ObjectWriter", True),
        ("OwnershipControls/Rules/0/ObjectOwnership", "BucketOwnerEnforced", False),
        ("AccessControl", "PublicRead", True),
        ("AccessControl", "Private", False),
        ("VersioningConfiguration/Status", "Suspended", False),
    ],
)
def test_a_bucket_is_opened_by_its_settings_unless_they_close_it(
    name: str, after: str | None, opens: bool
) -> None:
    changed = (PropertyChange(name, "x", after),)
    assert opens_access(BUCKET, "Modify", changed, {}) == opens
    assert not opens_access(BUCKET, "Add", changed, {})


@pytest.mark.parametrize(
    ("action", "before", "after", "opens"),
    [
        ("Modify", "", "arn:aws:cloudfront::1:distribution/E1", True),
        ("Modify", "arn:aws:cloudfront::1:distribution/E1", "", False),
        ("Modify", "arn:d/E1", "arn:d/E2", True),
        ("Modify", "arn:d/E1", "arn:d/E1", False),
        ("Add", None, "arn:d/E1", True),
        ("Remove", "", "arn:d/E1", False),
        ("Add", None, "", False),
    ],
)
def test_a_bucket_is_opened_by_a_distribution_that_may_read_it(
    action: str, before: str | None, after: str, opens: bool
) -> None:
    parameters = {"CloudFrontDistributionArn": (before, after)}
    assert opens_access("AWS::S3::BucketPolicy", action, (), parameters) == opens
    assert not opens_access("AWS::S3::BucketPolicy", action, (), {})


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [
        ("", "https://a", True),
        (None, "*", True),
        ("https://a", "https://a,https://b", True),
        ("https://a,https://b", "https://b,https://a", False),
        ("https://a,https://b", "https://a", False),
        ("*", "https://a", False),
        ("https://a", "", False),
        ("", "", False),
    ],
)
def test_the_bucket_and_the_api_are_opened_by_more_origins(
    before: str | None, after: str, opens: bool
) -> None:
    parameters = {"ApiAuthorization": ("iam", "iam"), "CorsOrigins": (before, after)}
    cors = (PropertyChange("CorsConfiguration", None, None),)
    assert opens_access(METHOD, "Modify", (), parameters) == opens
    assert opens_access(BUCKET, "Modify", cors, parameters) == opens
    assert not opens_access(BUCKET, "Modify", (), parameters)


def test_a_function_url_opens_and_a_role_does_not() -> None:
    assert opens_access("AWS::Lambda::Url", "Add", (), {})
    assert not opens_access("AWS::Lambda::Url", "Remove", (), {})
    assert not opens_access("AWS::IAM::Role", "Add", (), {})
