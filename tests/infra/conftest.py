"""AWS in this process, as the deployer sees it."""

from tests.aws.conftest import aws

__all__ = ["aws"]
