"""The check that a customer managed KMS key can encrypt the stack's data."""

from typing import TYPE_CHECKING

from imgctl.aws.errors import none_if_missing
from imgctl.core.errors import ImgctlError
from imgctl.links import documentation

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class KeyUnusable(ImgctlError):
    """The customer managed key does not exist or cannot encrypt."""

    code = "key_unusable"


def check_usable(kms: "KMSClient", arn: str, region: str) -> None:
    """Raise KeyUnusable for a key that is missing, disabled, asymmetric or in another region."""
    key_region = arn.split(":")[3]
    if key_region != region:
        raise KeyUnusable(
            f"The key {arn} is in {key_region}, but the stack is in {region}.",
            hint="Set kms_key to a key in the stack's region.",
        )
    response = none_if_missing(kms.describe_key, "NotFoundException", KeyId=arn)
    if response is None:
        raise KeyUnusable(f"There is no such key: {arn}.", hint="Check the setting kms_key.")
    key = response["KeyMetadata"]
    properties = (key.get("KeyState"), key.get("KeySpec"), key.get("KeyUsage"))
    if properties != ("Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        raise KeyUnusable(
            f"The key {arn} cannot be used: it is {', '.join(filter(None, properties))}.",
            hint="S3, DynamoDB and SQS require an enabled, symmetric encryption key:"
            f" {documentation('how-to/use-a-customer-managed-key.md')}",
        )
