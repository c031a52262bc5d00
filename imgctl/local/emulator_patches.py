"""Patches of the emulator, each for a gap between it and AWS.

The emulator is a library here: its functions are replaced before it starts to serve.
"""

import os
import threading
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import lambda_svc, sts
from ministack.services.cloudformation import changesets, engine

ALIAS = "live"
"""The alias that the stack's trigger invokes; the emulator does not remember which one it was."""


def apply_patches() -> None:
    """Apply all patches; the root user's key is read from the environment."""
    patch_root_key()
    patch_alias_config()
    patch_concurrency()
    patch_changesets()


def patch_root_key() -> None:
    """Accept only the configured key as the root user's, and only with its signature.

    The emulator also accepts `test`, any account number and no credentials at all, and does not
    check the signatures of any of these.
    """
    key = os.environ["AWS_ACCESS_KEY_ID"]

    def is_root_access_key(access_key_id: str) -> bool:
        return access_key_id == key

    def is_exempt_from_signature(_access_key_id: str) -> bool:
        return False

    iam_evaluator._is_root_key = is_exempt_from_signature
    iam_evaluator.is_root_access_key = is_root_access_key
    sts.is_root_access_key = is_root_access_key


def patch_alias_config() -> None:
    """Apply the alias's settings of asynchronous invocation to S3's notifications."""
    invoke = lambda_svc.invoke_async_with_retry

    def with_settings(function: dict[str, Any], event: dict[str, Any]) -> None:
        stored = lambda_svc._functions.get(function["config"]["FunctionName"]) or {}
        settings = (stored.get("event_invoke_configs") or {}).get(ALIAS)
        invoke({**function, "event_invoke_config": settings} if settings else function, event)

    lambda_svc.invoke_async_with_retry = with_settings


def patch_concurrency() -> None:
    """Limit concurrent invocations, so that many events do not overload a small machine."""
    execute = lambda_svc._execute_function
    slots = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))

    def execute_limited(*arguments: Any, **named: Any) -> Any:
        with slots:
            return execute(*arguments, **named)

    lambda_svc._execute_function = execute_limited


def patch_changesets() -> None:
    """Exclude resources whose condition is false from change sets."""
    resolve = changesets._resolve_props_for_diff

    def resolve_included(template: Any, parameters: Any, *stack: str) -> dict[str, Any]:
        resolved: dict[str, Any] = resolve(template, parameters, *stack)
        conditions = engine._evaluate_conditions(template, parameters) if template else {}
        included = {
            name: resource
            for name, resource in resolved.get("Resources", {}).items()
            if conditions.get(resource.get("Condition"), True)
        }
        return resolved | {"Resources": included}

    changesets._resolve_props_for_diff = resolve_included
