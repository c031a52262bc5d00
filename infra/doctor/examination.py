"""The examination of one stack: the account first, then everything else at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from imgctl.aws.errors import CredentialsRefused, RegionMissing, WrongAccount, translate
from imgctl.aws.session import Aws
from imgctl.core.errors import Hint, ImgctlError
from imgctl.links import documentation
from infra.deployed_stack import DeployedStack
from infra.doctor import facts
from infra.doctor.checks import CHECKS
from infra.doctor.facts import Caller, Facts, NotRead
from infra.doctor.readers import READERS
from infra.doctor.reading import (
    Reader,
    Source,
    not_read,
    read_caller,
    read_facts,
    stack_facts,
)
from infra.doctor.result import Check, CheckResult, Problem, Status
from infra.recovery import problem_of
from infra.responses import parse_resource, parse_stack
from infra.stack_events import describe_stack

_CLOCK_S = 120  # AWS rejects requests that are five minutes off


def _unjudged(_: Facts) -> None:
    """Stand for a check whose result follows from a failure to read."""


CREDENTIALS = Check("account", "credentials", "AWS accepts the credentials.", _unjudged)
CLOCK = Check("account", "clock", "This machine's clock is right.", _unjudged)
STACK = Check("account", "stack", "The stack exists in this account and region.", _unjudged)


def _rights(observed: Facts) -> Problem | None:
    found = observed.get(facts.Rights)
    lacking = min(found.missing_of_operator, found.missing_of_deployer, key=len)
    if not lacking:
        return None
    return Problem(
        f"You may neither operate nor deploy the stack: you lack {', '.join(lacking)}.",
        Hint(
            "Request the permissions that {} or {} prints:"
            f" {documentation('how-to/permissions.md')}",
            "policy operator",
            "policy deployer",
        ),
    )


RIGHTS = Check("account", "permissions", "The caller may operate or deploy the stack.", _rights)


@dataclass(frozen=True, slots=True)
class Examination:
    """The results of all checks, in order."""

    results: tuple[CheckResult, ...]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.status is Status.FAILED)


def examine(
    aws: Callable[[], Aws],
    stack: str,
    now: Callable[[], datetime],
    readers: Mapping[type, Reader] = READERS,
) -> Examination:
    """Check a stack, and what is needed to reach it. Nothing is changed.

    `aws` connects, which may fail: that is a result as well. Raises WrongAccount for an account
    that the settings do not allow, in which nothing is examined.
    """
    try:
        connected = aws()
        caller = read_caller(connected, now)
    except WrongAccount:
        raise
    except (ClientError, BotoCoreError, ImgctlError) as error:
        return _without_account(error, now)
    results = [CheckResult(CREDENTIALS, Status.OK), _clock(caller.clock_ahead_s)]
    try:
        found = _read_stack(connected, stack)
    except (ClientError, BotoCoreError) as error:
        reason = str(not_read(error))
        results.append(CheckResult(STACK, Status.NOT_CHECKED, note=reason))
        return Examination((*results, *_not_checked(reason)))
    deployed = found.deployed if isinstance(found, facts.Stack) else found
    problem = _stack_problem(deployed, connected.region, caller)
    results.append(CheckResult(STACK, Status.FAILED if problem else Status.OK, problem))
    if not isinstance(found, facts.Stack):
        return Examination((*results, *_not_checked("The stack has to be deployed first.")))
    observed = read_facts(Source(connected, found, caller, now), readers)
    return Examination((*results, *(judge(check, observed) for check in (RIGHTS, *CHECKS))))


def judge(check: Check, observed: Facts) -> CheckResult:
    """Return the result of one check of what was observed."""
    try:
        found = check.judge(observed)
    except NotRead as reason:
        return CheckResult(check, Status.NOT_CHECKED, note=str(reason))
    if isinstance(found, Problem):
        return CheckResult(check, Status.FAILED, found)
    return CheckResult(check, Status.OK, note=found or "")


def _without_account(error: Exception, now: Callable[[], datetime]) -> Examination:
    translated = error if isinstance(error, ImgctlError) else translate(error)
    if translated is None:
        raise error
    headers = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    results = []
    if isinstance(translated, CredentialsRefused) and (date := headers.get("date")):
        clock = _clock((now() - parsedate_to_datetime(date)).total_seconds())
        if clock.status is Status.FAILED:  # which AWS takes for a wrong signature
            results.append(clock)
    if not results:
        # Without a region nothing can be asked, whatever the credentials.
        name = "region" if isinstance(translated, RegionMissing) else CREDENTIALS.name
        check = Check(CREDENTIALS.area, name, CREDENTIALS.title, _unjudged)
        problem = Problem(translated.message, Hint(translated.hint))
        results.append(CheckResult(check, Status.FAILED, problem))
    reason = "AWS has to be reached first."
    return Examination(
        (*results, CheckResult(STACK, Status.NOT_CHECKED, note=reason), *_not_checked(reason))
    )


def _clock(ahead_s: float) -> CheckResult:
    if abs(ahead_s) <= _CLOCK_S:
        return CheckResult(CLOCK, Status.OK)
    minutes, where = abs(ahead_s) / 60, "ahead of" if ahead_s > 0 else "behind"
    return CheckResult(
        CLOCK,
        Status.FAILED,
        Problem(
            f"This machine's clock is {minutes:.0f} minutes {where} AWS's: requests are rejected"
            " from five minutes on.",
            Hint("Set the clock, best by NTP: `sudo timedatectl set-ntp true` on Linux."),
        ),
    )


def _stack_problem(deployed: DeployedStack, region: str, caller: Caller) -> Problem | None:
    name = deployed.name
    if not deployed.is_deployed:
        return Problem(
            f"There is no stack named {name} in account {caller.account}, region {region}.",
            Hint("Run {}, or choose another --profile, --region or --stack.", "deploy"),
        )
    if "SourceBucketName" not in deployed.parameters:
        return Problem(
            f"The stack {name} was not created by imgctl.",
            Hint("Choose another name with --stack."),
        )
    found = problem_of(deployed)
    return None if found is None else Problem(found.message, found.hint)


def _read_stack(aws: Aws, stack: str) -> facts.Stack | DeployedStack:
    deployed = parse_stack(stack, describe_stack(aws.cloudformation, stack))
    if not deployed.is_living or "SourceBucketName" not in deployed.parameters:
        return deployed
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=deployed.stack_id
    )
    summaries = [item for page in pages for item in page["StackResourceSummaries"]]
    return stack_facts(deployed, tuple(map(parse_resource, summaries)))


def _not_checked(reason: str) -> tuple[CheckResult, ...]:
    return tuple(CheckResult(check, Status.NOT_CHECKED, note=reason) for check in (RIGHTS, *CHECKS))
