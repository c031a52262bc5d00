"""Patches of the emulator, each for a gap between it and AWS.

The emulator is a library here: its functions are replaced before it starts to serve.
"""

import os
import threading
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, sts
from ministack.services.cloudformation import changesets, engine

# Ends a function's process together with the server, however that ends: its standard input is a
# pipe from the server. Only the hang-up is awaited, because the emulator's script reads the input.
_EXIT_WITH_SERVER = """
import os, select, threading

def _exit_with_server():
    hang_up = select.poll()
    hang_up.register(0, 0)
    hang_up.poll()
    os._exit(1)

threading.Thread(target=_exit_with_server, daemon=True).start()
"""


def apply_patches() -> None:
    """Apply all patches; the root user's key is read from the environment."""
    patch_root_key()
    patch_workers()
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


def patch_workers() -> None:
    """Let no function's process outlive the server."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = _EXIT_WITH_SERVER + lambda_runtime._PYTHON_WORKER_SCRIPT


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
