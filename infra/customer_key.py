"""The customer's own key: whether it can encrypt what the stack stores."""

from typing import TYPE_CHECKING

from imgctl.aws.errors import none_if_missing
from imgctl.core.errors import ImgctlError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class KeyUnusable(ImgctlError):
    """The customer's key is not there, or cannot encrypt."""

    code = "key_unusable"


def check_usable(kms: "KMSClient", arn: str, region: str) -> None:
    """Raise KeyUnusable for a key that is missing, elsewhere, switched off or of another kind."""
    where = arn.split(":")[3]
    if where != region:
        raise KeyUnusable(
            f"The key {arn} is in {where}, and the stack in {region}.",
            hint="Name a key of the stack's region as kms_key.",
        )
    described = none_if_missing(kms.describe_key, "NotFoundException", KeyId=arn)
    if described is None:
        raise KeyUnusable(f"There is no such key: {arn}.", hint="Check kms_key.")
    key = described["KeyMetadata"]
    told = (key.get("KeyState"), key.get("KeySpec"), key.get("KeyUsage"))
    if told != ("Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        raise KeyUnusable(
            f"The key {arn} cannot be used: it is {', '.join(filter(None, told))}.",
            hint="S3, DynamoDB and SQS need an enabled, symmetric key to encrypt and decrypt.",
        )
