"""An AWS account in this process, as the operations are given it."""

from tests.moto_aws import aws, moto_account, table

__all__ = ["aws", "moto_account", "table"]
