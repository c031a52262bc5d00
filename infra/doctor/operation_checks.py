"""Checks of what waits for a person: dead letters and alarms."""

from imgctl.core.errors import Hint
from imgctl.links import documentation
from infra.doctor.facts import Alarms, DeadLetters, Facts, Stack, Subscribers
from infra.doctor.result import Check, Fix, Problem, drifted

_OF_DEAD_LETTERS = frozenset({"DeadLettersAlarm", "NewDeadLettersAlarm", "OldDeadLettersAlarm"})


def _dead_letters(facts: Facts) -> Problem | None:
    count = facts.get(DeadLetters).count
    if not count:
        return None
    waits = "dead letter waits" if count == 1 else "dead letters wait"
    return Problem(
        f"About {count} {waits}: events that failed after all retries.",
        Hint("{} lists them, and {} sends them again.", "redrive --list", "redrive"),
        Fix.REDRIVE,
    )


def _alarms(facts: Facts) -> Problem | None:
    found = facts.get(Alarms)
    if found.missing:
        return drifted(f"An alarm was deleted: {', '.join(found.missing)}.")
    if found.silent:
        return Problem(
            f"Alarms do not notify anybody, because their actions are disabled: "
            f"{', '.join(found.silent)}.",
            Hint("Enable their actions in CloudWatch, or run {}.", "deploy --revert-drift"),
        )
    on = [name for name in found.on if name not in _OF_DEAD_LETTERS]  # reported by themselves
    if not on:
        return None
    return Problem(
        f"{', '.join(on)} {'is' if len(on) == 1 else 'are'} in alarm.",
        Hint(f"{documentation('reference/monitoring.md')} says what to do about each."),
    )


def _subscribers(facts: Facts) -> Problem | str | None:
    found, email = facts.get(Subscribers), facts.get(Stack).parameters.get("AlarmEmail", "")
    if not found.topics:
        return "alarms notify nobody: neither alarm_email nor alarm_topic is set"
    if found.confirmed:
        return None
    if found.pending:
        who = email or "The subscriber"
        return Problem(
            f"{who} has not confirmed the subscription, so that alarms notify nobody.",
            Hint("Open the link in the mail from AWS Notifications. It may be in the spam folder."),
        )
    return Problem(
        "The topic of the alarms has no subscriber, so that they notify nobody.",
        Hint("Subscribe to the topic, or run {} for that of alarm_email.", "deploy --revert-drift"),
    )


OPERATION_CHECKS = (
    Check("operations", "dead-letters", "No dead letters wait.", _dead_letters),
    Check("operations", "alarms", "No alarm is on, and all of them exist.", _alarms),
    Check("operations", "subscribers", "Somebody hears the alarms.", _subscribers),
)
