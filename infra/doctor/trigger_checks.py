"""Checks of the way from the source bucket to the function."""

from imgctl.core.errors import Hint
from infra.doctor.facts import Facts, LiveAlias, Permissions, Retries, Stack, Trigger
from infra.doctor.result import Check, Problem, drifted
from infra.trigger import (
    OBJECT_CREATED,
    Notification,
    alias_drift,
    notification_drift,
    permission_drift,
)


def _notification(facts: Facts) -> Problem | None:
    expected = facts.get(Stack).trigger
    found = facts.get(Trigger).notifications
    if notification_drift(expected, found) is None:
        return None
    if not found:
        return drifted("The source bucket notifies nobody: uploads are not processed.")
    wanted = Notification(expected.alias_arn, (OBJECT_CREATED,))
    others = "; ".join(item.text for item in found if item != wanted)
    if wanted not in found:
        return drifted(f"The source bucket does not notify the function's alias, but: {others}.")
    return Problem(
        f"The source bucket also notifies others: {others}. An update would remove that.",
        Hint("Deliver these events in another way, then run {}.", "deploy --revert-drift"),
    )


def _permission(facts: Facts) -> Problem | None:
    if permission_drift(facts.get(Stack).trigger, facts.get(Permissions).statements) is None:
        return None
    return drifted("S3 lacks the permission to invoke the function's alias for the source bucket.")


def _alias(facts: Facts) -> Problem | str | None:
    expected, alias = facts.get(Stack).trigger, facts.get(LiveAlias).alias
    if alias is None:
        return drifted("The function has no alias live, which the trigger invokes.")
    deployed = expected.alias
    if alias_drift(expected, alias) is None:
        if alias.weights:
            parts = (f"version {v} takes {w:.0%}" for v, w in sorted(alias.weights.items()))
            return f"a gradual release is not complete: {', '.join(parts)} until the next deploy"
        return None
    if alias.version != deployed.version:
        return drifted(
            f"The alias live points at {alias.version}, not at the deployed {deployed.version}."
        )
    if not alias.weights:
        return drifted(f"No invocations go to the new version ({deployed.weights_text} deployed).")
    return drifted(f"A part of the invocations goes to version {alias.weights_text}.")


def _retries(facts: Facts) -> Problem | None:
    stack, destination = facts.get(Stack), facts.get(Retries).destination
    queue = stack.parameters["DeadLetterQueueName"]
    if destination.rpartition(":")[2] == queue:
        return None
    where = f"to {destination}" if destination else "nowhere"
    return drifted(f"Events that failed are sent {where}, not to the queue {queue}.")


TRIGGER_CHECKS = (
    Check(
        "trigger", "notification", "The source bucket notifies the function's alias.", _notification
    ),
    Check("trigger", "invoke-permission", "S3 may invoke the alias.", _permission),
    Check("trigger", "alias", "The alias points at the deployed version.", _alias),
    Check("trigger", "retries", "Events that failed go to the dead-letter queue.", _retries),
)
