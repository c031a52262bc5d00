"""The setting `account`: which account the credentials must belong to."""

from imgctl.aws.credentials import ASSUMED
from imgctl.aws.errors import WrongAccount
from imgctl.aws.session import Aws

# The ways to find credentials that ask no profile, as botocore calls them.
_WITHOUT_PROFILE = {
    ASSUMED: "the assumed role",
    "env": "environment variables",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
}


def check_account(aws: Aws, allowed: str, origin: str) -> None:
    """Raise WrongAccount unless the credentials belong to the account `allowed`.

    `origin` says where that is set, such as `imgctl.toml:3`. It costs one call of
    GetCallerIdentity, which needs no permission, and whose result `aws` keeps.
    """
    if aws.account_id == allowed:
        return
    raise WrongAccount(
        f"The credentials from {_source(aws)} are for the account {aws.account_id}, and {origin}"
        f" only allows {allowed}. Nothing was done.",
        hint=f"Use credentials for {allowed}, for example with --profile, or change the setting"
        " account.",
    )


def _source(aws: Aws) -> str:
    """Return where the credentials in use are from, as in `the profile work`."""
    found = aws.session.get_credentials()
    profile = f"the profile {aws.session.profile_name}"
    return profile if found is None else _WITHOUT_PROFILE.get(found.method, profile)
