"""Checks of the function: its settings, role, code and limits."""

from collections.abc import Iterator

from imgctl.core.errors import Hint
from imgctl.core.limits import MEBIBYTE
from infra.doctor import facts as observed
from infra.doctor.facts import Facts, Stack
from infra.doctor.result import Check, Problem, drifted
from infra.doctor.roles import allows
from infra.doctor.storage_checks import texts
from infra.drift import PropertyDrift
from infra.function_version import VERSION_BINDINGS
from infra.trigger import environment_drift

_HANDLER = "imgctl.worker.function.lambda_handler"
_FIRST_SDK = (1, 35, 69)  # with IfNoneMatch and IfMatch of PutObject
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_NEARLY = 0.8


def _state(facts: Facts) -> Problem | str | None:
    function = facts.get(observed.Function)
    if function.state in ("Active", "Inactive"):  # Lambda wakes an inactive one when it is invoked
        return None
    if function.state == "Pending":
        return "Lambda is still preparing the function"
    return Problem(
        f"The function is {function.state}. {function.reason}".strip(),
        Hint("Remove the cause, then run {}.", "deploy --revert-drift"),
    )


def _settings(facts: Facts) -> Problem | None:
    found = tuple(_setting_drifts(facts.get(Stack), facts.get(observed.Function)))
    if not found:
        return None
    return drifted(f"The function was changed outside of imgctl: {texts(found)}.")


def _setting_drifts(stack: Stack, function: observed.Function) -> Iterator[PropertyDrift]:
    settings, parameters = function.settings, stack.parameters
    environment = environment_drift(stack.trigger, settings)
    if environment is not None:
        yield from environment.properties
    pairs = [
        ("memory_mb", parameters["MemoryMegabytes"], str(settings.memory_mb)),
        ("timeout_s", parameters["TimeoutSeconds"], str(settings.timeout_s)),
        ("architecture", parameters["Architecture"], settings.architecture),
        # A stack that an earlier imgctl deployed has no such parameter.
        ("snap_start", parameters.get("SnapStart", "false"), str(settings.snap_start).lower()),
        ("handler", _HANDLER, function.handler),
        # Its dead-letter queue is left out: `retries` checks where the events go.
        *(
            (name, parameters.get(name, ""), VERSION_BINDINGS[name](settings) or "")
            for name in ("FunctionRoleName", "KmsKeyArn")
        ),
    ]
    for name, expected, actual in pairs:
        if expected != actual:
            yield PropertyDrift(name, expected, actual)


def _role(facts: Facts) -> Problem | str | None:
    stack, role = facts.get(Stack), facts.get(observed.FunctionRole).role
    if role is None:
        return drifted("The function's role does not exist.")
    if "lambda.amazonaws.com" not in role.trusted:
        return drifted("Lambda cannot assume the function's role.")
    missing = [action for action, resource in _needed(stack) if not allows(role, action, resource)]
    if not missing:
        return None
    names = ", ".join(dict.fromkeys(missing))
    if role.attached:
        return f"not in the role's own policies: {names}"
    return drifted(f"The function's role lacks: {names}.")


def _needed(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield what the function calls, and on which resource."""
    parameters, partition = stack.parameters, stack.partition
    arn = stack.trigger.alias_arn.split(":")
    end = ":".join(arn[3:5])
    source = f"arn:{partition}:s3:::{parameters['SourceBucketName']}"
    destination = f"arn:{partition}:s3:::{parameters['DestinationBucketName']}"
    yield from ((action, f"{source}/x") for action in ("s3:GetObject", "s3:GetObjectVersion"))
    yield from ((action, source) for action in ("s3:ListBucket", "s3:ListBucketVersions"))
    yield from ((action, f"{destination}/x") for action in ("s3:GetObject", "s3:PutObject"))
    yield "s3:ListBucket", destination
    table = f"arn:{partition}:dynamodb:{end}:table/{parameters['TableName']}"
    for action in ("GetItem", "PutItem", "UpdateItem"):
        yield f"dynamodb:{action}", table
    yield "sqs:SendMessage", f"arn:{partition}:sqs:{end}:{parameters['DeadLetterQueueName']}"
    group = f"arn:{partition}:logs:{end}:log-group:/aws/lambda/{parameters['FunctionName']}"
    for action in ("CreateLogStream", "PutLogEvents"):
        yield f"logs:{action}", f"{group}:log-stream:x"
    if key := parameters.get("KmsKeyArn"):
        yield from ((action, key) for action in ("kms:Decrypt", "kms:GenerateDataKey"))


def _code(facts: Facts) -> str | None:
    settings, bundle = facts.get(observed.Function).settings, facts.get(observed.Bundle)
    if bundle.sha256 in ("", settings.sha256):
        return None
    return "the function's unpublished code is not what was deployed; the next new code replaces it"


def _pillow(facts: Facts) -> Problem | str | None:
    bundle, stack = facts.get(observed.Bundle), facts.get(Stack)
    if not bundle.exists:
        return "the bundle is no longer in the artifacts bucket"
    hint = Hint("Build and deploy the bundle again with {}.", "publish")
    if not bundle.pillow:
        return Problem("The bundle lacks Pillow: the function cannot start.", hint)
    architecture = stack.parameters["Architecture"]
    machine = _MACHINES.get(architecture, architecture)
    # The name states the machine only in wheels for Linux.
    if any(machine in name or "linux" not in name for name in bundle.pillow):
        return None
    return Problem(
        f"The bundle has Pillow for another architecture than {architecture}:"
        f" {', '.join(bundle.pillow)}.",
        hint,
    )


def _sdk(facts: Facts) -> Problem | str | None:
    version = facts.get(observed.Sdk).botocore
    if not version:
        return "no cold start in the last day's log"
    if tuple(int(part) for part in version.split(".")[:3]) >= _FIRST_SDK:
        return None
    needed = ".".join(map(str, _FIRST_SDK))
    return Problem(
        f"The function's runtime has botocore {version}, which is older than {needed} and knows no"
        " conditional writes: every image fails.",
        Hint("Let Lambda update the runtime: set its runtime management to Auto."),
    )


def _limits(facts: Facts) -> Problem | str | None:
    live, recent = facts.get(observed.LiveFunction), facts.get(observed.RecentImages)
    if not recent.count:
        return "no records yet"
    timeout_s, seconds = live.settings.timeout_s, recent.longest_ms / 1000
    found = []
    if seconds > _NEARLY * timeout_s:
        found.append(f"one took {seconds:.0f} s, and the timeout is {timeout_s} s")
    if recent.largest_bytes > _NEARLY * live.scratch_mb * MEBIBYTE:
        largest = recent.largest_bytes / MEBIBYTE
        found.append(f"one has {largest:.0f} MiB, and /tmp {live.scratch_mb} MB")
    for keys, what in ((recent.too_large, "too large"), (recent.too_slow, "too slow")):
        if keys:
            found.append(f"{len(keys)} failed as {what}, the newest {keys[0]}")
    if not found:
        return None
    return Problem(
        f"Of the newest {recent.count} images, {'; '.join(found)}.",
        Hint(
            "Raise memory_mb or timeout_s in imgctl.toml, run {}, then {}. Or accept a failure with"
            " {}.",
            "deploy",
            "reprocess --failed",
            "audit --acknowledge KEY",
        ),
    )


def _snapshot(facts: Facts) -> Problem | str | None:
    live = facts.get(observed.LiveFunction)
    if not live.settings.snap_start:
        wanted = facts.get(Stack).parameters.get("SnapStart") == "true"
        return "the live version was published without snap_start" if wanted else None
    if live.state == "Pending":
        return "Lambda is still taking the live version's snapshot"
    if live.has_snapshot:
        return None
    return Problem(
        f"The live version has no snapshot and is {live.state}. {live.reason}".strip(),
        Hint("Make another version live with {}, or deploy without snap_start.", "rollback"),
    )


def _concurrency(facts: Facts) -> Problem | None:
    found, wanted = facts.get(observed.Concurrency), facts.get(Stack).parameters
    expected = wanted.get("ReservedConcurrency", "")
    actual = "" if found.reserved is None else str(found.reserved)
    if actual == expected:
        return None
    if found.reserved == 0:
        return drifted("The function is switched off: 0 invocations are reserved for it.")
    return drifted(f"{actual or 'No'} invocations are reserved, not {expected or 'none'}.")


def _account_concurrency(facts: Facts) -> Problem | str | None:
    found = facts.get(observed.Concurrency)
    if found.reserved is not None:
        return None
    if found.unreserved > 0:
        few = found.unreserved <= 10  # the quota of a new account
        return f"at most {found.unreserved} images are processed at once" if few else None
    return Problem(
        "The account has no unreserved concurrency left: every invocation is throttled.",
        Hint("Reserve less for other functions, or request a higher quota from AWS."),
    )


FUNCTION_CHECKS = (
    Check("function", "state", "Lambda can run the function.", _state),
    Check("function", "settings", "The function's settings are as deployed.", _settings),
    Check("function", "role", "The function's role has its permissions.", _role),
    Check("function", "code", "The function's code is as deployed.", _code),
    Check("function", "pillow", "The bundle has Pillow for the architecture.", _pillow),
    Check("function", "sdk", "The runtime's SDK knows conditional writes.", _sdk),
    Check("function", "limits", "Memory, timeout and /tmp suit recent images.", _limits),
    Check("function", "snapshot", "The live version has its snapshot.", _snapshot),
    Check("function", "concurrency", "The reserved concurrency is as deployed.", _concurrency),
    Check("function", "account-limit", "The account has invocations left.", _account_concurrency),
)
