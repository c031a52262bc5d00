"""An AWS account in this process, as a deployment connects to it."""

from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]
