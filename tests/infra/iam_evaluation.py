"""What IAM policies allow, as the embedded AWS evaluates them."""

from typing import Any

from ministack.core import iam_evaluator

ACCOUNT = "123456789012"


def is_allowed(document: Any, action: str, resource: str, **keys: str) -> bool:
    """Return whether a policy allows an action on a resource.

    `keys` are the request's condition keys, with underscores for colons: `kms_ViaService`.
    """
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{ACCOUNT}:user/somebody",
        principal_type="User",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region="eu-west-2",
        service_context={key.replace("_", ":", 1).lower(): value for key, value in keys.items()},
    )
    statements = iam_evaluator.parse_policy_document(document)
    return bool(iam_evaluator.evaluate(context, [statements]).decision == "Allow")


def fault_of(document: Any) -> str | None:
    """Return what is wrong with a policy document's form; None if IAM would accept it."""
    fault: str | None = iam_evaluator.validate_policy_document(document)
    return fault
