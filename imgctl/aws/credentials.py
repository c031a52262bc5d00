"""Credentials, loaded as the AWS CLI loads them, with one clear error for each way to fail."""

import getpass
import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore import exceptions as sdk
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.utils import JSONFileCache

from imgctl.aws.errors import EDIT_CONFIG, CredentialsMissing, CredentialsRefused, translate
from imgctl.core.errors import ImgctlError

Prompt: TypeAlias = Callable[[str], str]
"""Asks a person for the code of their MFA device."""

ASSUMED = "imgctl-assumed-role"
"""How botocore calls the method by which credentials were found that `assume_role` has made."""

_CACHE = ".aws/cli/cache"
"""Where the AWS CLI keeps the sessions of assumed roles, below the home folder."""

_NOT_ASSUMED = ("AccessDenied", "ValidationError")

_CHECK_PROCESS = (
    "If the profile has a credential_process, run its command: it has to print JSON with Version,"
    " AccessKeyId and SecretAccessKey."
)


def load(session: boto3.Session, prompt: Prompt | None) -> None:
    """Load the session's credentials; without any, the first request fails.

    A role that is assumed is cached where the AWS CLI caches it, so that a code is asked for once
    for both. Without a `prompt` nobody can be asked. Raises CredentialsMissing or
    CredentialsRefused.
    """
    profile = session.profile_name
    core = session._session  # boto3 has no public name for it
    provider = core.get_component("credential_provider").get_provider("assume-role")
    provider.cache = JSONFileCache(str(Path.home() / _CACHE))
    # As the constructor's argument `prompter`, which a session does not pass on.
    provider._prompter = prompt or _refuse_prompt(profile)
    try:
        found = session.get_credentials()
        if found is not None:
            found.get_frozen_credentials()
    except ImgctlError:
        raise
    except Exception as error:
        # Among others of credential_process, whose output may be anything.
        raise _explained(error, profile) from error


def assume_role(session: boto3.Session, role_arn: str, config: Config) -> None:
    """Let a session act as a role from now on, which it assumes with the credentials that it has.

    The role's credentials are refreshed before they expire, and kept where the AWS CLI keeps those
    of its profiles' roles. `config` is that of the STS client. Raises CredentialsRefused if the
    role cannot be assumed.
    """
    core: Any = session._session  # boto3 has no public name for it
    source = session.get_credentials()
    if source is None:
        raise sdk.NoCredentialsError
    cache: Any = JSONFileCache(str(Path.home() / _CACHE))
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(core.create_client, region_name=session.region_name, config=config),
        source_credentials=source,
        role_arn=role_arn,
        extra_args={"RoleSessionName": session_name()},
        cache=cache,
    )
    assumed = DeferredRefreshableCredentials(fetcher.fetch_credentials, ASSUMED)
    try:
        assumed.get_frozen_credentials()
    except sdk.ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_ASSUMED:
            raise
        reason = error.response["Error"]["Message"].removesuffix(".")
        raise CredentialsRefused(
            f"The role {role_arn} cannot be assumed: {reason}.",
            hint="Both the role's trust policy and your own permissions must allow"
            " sts:AssumeRole on it. Check --role-arn and the setting assume_role.",
        ) from error
    core._credentials = assumed


def session_name() -> str:
    """Return the name of the role's sessions, by which CloudTrail tells who it was.

    What STS does not allow in it is replaced (STS API Reference, AssumeRole).
    """
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without an entry, as in containers
        user = "unknown"
    return f"imgctl-{re.sub(r'[^a-zA-Z0-9_=,.@-]', '-', user)}"[:64]


def _refuse_prompt(profile: str) -> Prompt:
    def refuse(question: str) -> str:
        raise CredentialsMissing(
            f"The profile {profile} needs an MFA code, and there is no terminal to ask on:"
            f" {question.rstrip(': ')}.",
            hint=f"Run `aws sts get-caller-identity --profile {shlex.quote(profile)}` in a terminal"
            " first. Its session is used until it expires.",
        )

    return refuse


def _explained(error: Exception, profile: str) -> ImgctlError:
    message, named = str(error).strip().removesuffix("."), shlex.quote(profile)
    match error:
        case sdk.SSOError() | sdk.UnauthorizedSSOTokenError() | sdk.TokenRetrievalError():
            return CredentialsRefused(
                f"The profile {profile} has no valid SSO session: {message}.",
                hint=f"Sign in with `aws sso login --profile {named}`.",
            )
        case sdk.LoginError():
            return CredentialsRefused(
                f"{message}.", hint=f"Sign in with `aws login --profile {named}`."
            )
        case (
            sdk.InvalidConfigError() | sdk.InfiniteLoopConfigError() | sdk.UnknownCredentialError()
        ):
            return CredentialsMissing(
                f"The profile {profile} is invalid: {message}.", hint=EDIT_CONFIG
            )
        case sdk.PartialCredentialsError():
            return CredentialsMissing(
                f"The profile {profile} is incomplete: {message}.",
                hint="Add what is missing with `aws configure`.",
            )
        case sdk.MissingDependencyException():
            return CredentialsMissing(
                f"The profile {profile} needs a package that is not installed: {message}.",
                hint="Install `botocore[crt]` into the environment of imgctl.",
            )
        case sdk.CredentialRetrievalError():
            message = message.removesuffix("\\n")  # of what credential_process printed
            return CredentialsRefused(
                f"The credentials of the profile {profile} cannot be loaded: {message}.",
                hint=_CHECK_PROCESS,
            )
        case OSError(filename=str() as path):
            return CredentialsMissing(
                f"The profile {profile} needs {path}: {error.strerror}.",
                hint="Check the path, and web_identity_token_file or AWS_WEB_IDENTITY_TOKEN_FILE.",
            )
    known = translate(error)
    if known is not None:
        return known
    return CredentialsMissing(
        f"The credentials of the profile {profile} cannot be loaded: {message}.",
        hint=_CHECK_PROCESS,
    )
