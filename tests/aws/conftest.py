"""An AWS account in this process, as the command line connects to it."""

from tests.moto_aws import TABLE, aws, moto_account, table

__all__ = ["TABLE", "aws", "moto_account", "table"]
