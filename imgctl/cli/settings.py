"""Every setting of a run: what it is called, its default, and what it accepts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgctl.core.errors import InvalidInput
from infra.names import DEFAULT_STACK, STACK_NAME
from infra.setting_spec import (
    Boolean,
    Integer,
    RenditionTables,
    Text,
    setting,
    specs_of,
)
from infra.settings import STACK_SETTINGS, StackSettings
from infra.tags import TagTable, tags_from_json

FILE_NAME = "imgctl.toml"

_TEXT = Text(re.compile(r".*\S.*", re.DOTALL), "a non-empty string")
# Every partition's regions have this form: us-east-1, us-gov-west-1, eusc-de-east-1.
_REGION = Text(re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"), "a region such as eu-west-2")
_ACCOUNT = Text(
    re.compile(r"\d{12}", re.ASCII), 'an account ID of 12 digits in quotes, as in "123456789012"'
)
_ROLE_ARN = Text(
    re.compile(r"arn:[\w-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII),
    "a role ARN such as arn:aws:iam::123456789012:role/deployments",
)
_STACK = Text(STACK_NAME, "lowercase letters, digits and single hyphens, with a letter first")


class SettingsError(InvalidInput):
    """A setting has an invalid value, or the settings file cannot be used."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path; `~` is the home folder."""

    expected: str = "a non-empty path"
    type_name: str = "path"

    def parse(self, value: object) -> Path:
        """Return the path, relative if it was."""
        return Path(_TEXT.parse(value)).expanduser()


def _flag(description: str) -> Any:
    return setting(False, kind=Boolean(), description=description, in_file=False)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of one run; `stack_settings` are those that reach the template."""

    stack: str = setting(
        DEFAULT_STACK,
        kind=_STACK,
        description="Name of the stack. Several stacks can exist side by side.",
    )
    region: str | None = setting(
        None, kind=_REGION, description="AWS region.", when_unset="as configured for the AWS CLI"
    )
    profile: str | None = setting(
        None, kind=_TEXT, description="AWS profile.", when_unset="as configured for the AWS CLI"
    )
    account: str | None = setting(
        None,
        kind=_ACCOUNT,
        description="ID of the AWS account that imgctl may use: with credentials of any other,"
        " nothing is done. It does not apply to the embedded AWS.",
        when_unset="any account",
        example="123456789012",
    )
    assume_role: str | None = setting(
        None,
        kind=_ROLE_ARN,
        description="ARN of the IAM role that imgctl itself assumes, with the credentials that it"
        " finds, and makes every call with. It does not apply to the embedded AWS.",
        when_unset="none",
        option="--role-arn",
    )
    role_arn: str | None = setting(
        None,
        kind=_ROLE_ARN,
        description="ARN of CloudFormation's service role: the IAM role with which CloudFormation,"
        " and not imgctl, creates and changes the stack's resources. The stack remembers it.",
        when_unset="the role that the stack remembers, else the permissions of whoever deploys",
    )
    local: bool = setting(
        False,  # noqa: FBT003
        kind=Boolean(),
        description="Use the embedded AWS on this machine.",
    )
    local_dir: Path = setting(
        None,
        kind=FilePath(),
        description="Data folder of the embedded AWS. A file may set it only if passed with"
        " --config.",
        when_unset="the folder imgctl/local in the user's state folder, which on Linux is"
        " ~/.local/state or XDG_STATE_HOME",
    )
    termination_protection: bool | None = setting(
        None,
        kind=Boolean(),
        description="Whether CloudFormation refuses to delete the stack. To delete it, set this to"
        " false and deploy first.",
        when_unset="left as it is",
        example=True,
    )
    keep_function_versions: int = setting(
        10,
        kind=Integer(1, 1000),
        description="How many versions of the function are kept for a rollback, the newest ones and"
        " always those in use. Deployments of a new version delete older ones.",
    )
    heic: bool = setting(
        True,  # noqa: FBT003
        kind=Boolean(),
        description="Whether the function reads HEIC, for which its bundle includes pi-heif with"
        " libheif and libde265 (LGPL).",
    )
    tags: str | None = setting(
        None,
        kind=TagTable(),
        description="All tags of the stack, and of its resources that can have any. Others are"
        " removed.",
        when_unset="left as they are",
        example='{"team": "photos"}',
    )
    json: bool = _flag("Print one JSON document.")
    quiet: bool = _flag("Only print results and errors.")
    verbose: bool = _flag("Log each AWS call, and leave nothing out of lists.")
    debug: bool = _flag("Show tracebacks.")
    yes: bool = _flag("Assume yes for all prompts.")
    no_color: bool = _flag("Print without colors.")
    stack_settings: StackSettings = StackSettings()

    @property
    def stack_tags(self) -> dict[str, str] | None:
        """The tags that the stack is to have; None to leave them as they are."""
        return None if self.tags is None else tags_from_json(self.tags)


_RUN_SETTINGS = tuple(specs_of(Settings))

_TABLES = (RenditionTables, TagTable)  # what follows one in a TOML file belongs to it
_IN_FILE = (*(spec for spec in _RUN_SETTINGS if spec.in_file), *STACK_SETTINGS)

SETTINGS = (
    *(spec for spec in _IN_FILE if not isinstance(spec.kind, _TABLES)),
    *(spec for spec in _IN_FILE if isinstance(spec.kind, _TABLES)),
    *(spec for spec in _RUN_SETTINGS if not spec.in_file),
)
"""Every setting, in the order of imgctl.toml; those that no file may hold come last."""

BY_NAME = {spec.name: spec for spec in SETTINGS}
"""The same, by name."""
