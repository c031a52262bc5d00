"""Patches of the emulator, each for a gap between it and AWS.

The emulator is a library here: its functions are replaced before it starts to serve.
"""

import html
import os
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import apigateway_v1, cloudformation, iam, lambda_svc, s3, sts
from ministack.services.cloudformation import changesets, engine, handlers, provisioners

from imgctl.local.drift import patch_drift
from imgctl.local.emulator_logs import patch_logs

_KEYS = re.compile(rb"<(Key|Prefix|Delimiter|KeyMarker|NextKeyMarker)>(.*?)</\1>", re.DOTALL)

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
    patch_template_loader()
    patch_empty_stacks()
    patch_drift()
    patch_boundaries()
    patch_function_names()
    patch_listings()
    patch_wildcards()
    patch_media_types()
    patch_logs()


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


def patch_boundaries() -> None:
    """Give roles of a stack the permissions boundary of the template, which IAM then enforces."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create, update = handler["create"], handler["update"]

    def create_bounded(logical_id: str, properties: Any, stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        iam._roles[created[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary", "")
        return created

    def update_bounded(physical_id: str, before: Any, after: Any, *names: Any, **more: Any) -> Any:
        updated = update(physical_id, before, after, *names, **more)
        iam._roles[updated[0]]["PermissionsBoundary"] = after.get("PermissionsBoundary", "")
        return updated

    handler["create"], handler["update"] = create_bounded, update_bounded


def patch_template_loader() -> None:
    """Read templates with libyaml, where PyYAML has it.

    In Python it takes longer than everything else that the emulator does for a change set, and
    each request for a template reads it again.
    """
    yaml: Any = engine.yaml
    if yaml.__with_libyaml__:
        constructors = {"yaml_constructors": engine.CfnLoader.yaml_constructors}
        engine.CfnLoader = type("CfnLoader", (yaml.CSafeLoader,), constructors)


def patch_empty_stacks() -> None:
    """Let the change sets that create a stack share the empty stack that the first of them made.

    The emulator makes another for each. Executing one of them would then not delete the others, and
    executing a second one would create the same resources again, fail, and roll the stack back.
    """
    create = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create_in_shared_stack(parameters: Any) -> Any:
        name = changesets._p(parameters, "StackName")
        before = cloudformation._stacks.get(name)
        response = create(parameters)
        if before is None or before["StackStatus"] != "REVIEW_IN_PROGRESS":
            return response
        after = cloudformation._stacks.setdefault(name, before)  # removed if it was rejected
        for change_set in cloudformation._change_sets.values():
            if change_set["StackId"] == before["StackId"]:
                change_set["StackId"] = after["StackId"]
        return response

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create_in_shared_stack


def patch_function_names() -> None:
    """Let no stack create a function under a name that exists.

    The emulator would replace the function, and delete it with the second stack.
    """
    handlers_of_functions = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers_of_functions["create"]

    def create_if_new(logical_id: str, properties: Any, stack: str) -> Any:
        name = properties.get("FunctionName")
        if name in lambda_svc._functions:
            raise ValueError(f"Function already exist: {name}")  # as AWS Lambda words it
        return create(logical_id, properties, stack)

    handlers_of_functions["create"] = create_if_new


def patch_listings() -> None:
    """Encode keys in lists of versions and of uploads if the request wants them encoded.

    The emulator does so only in lists of objects. XML cannot hold all characters of a key.
    """
    for name in ("_list_object_versions", "_list_multipart_uploads"):
        setattr(s3, name, _encoding(getattr(s3, name)))


def _encoding(list_keys: Callable[..., Any]) -> Callable[..., Any]:
    def encode(match: re.Match[bytes]) -> bytes:
        key = html.unescape(match[2].decode())
        return b"<%b>%b</%b>" % (match[1], quote(key).encode(), match[1])

    def list_encoded(bucket: str, query: dict[str, Any]) -> Any:
        status, headers, body = list_keys(bucket, query)
        if status == 200 and s3._qp(query, "encoding-type", "") == "url":
            body = _KEYS.sub(encode, body)
            start, end, root = body.rpartition(b"</")
            body = start + b"<EncodingType>url</EncodingType>" + end + root
        return status, headers, body

    return list_encoded


def patch_wildcards() -> None:
    """Let wildcards in policies match line breaks, too, which a key may contain."""
    compile_pattern = iam_evaluator._fnmatch_compile

    @lru_cache(maxsize=4096)
    def compile_dotall(pattern: str, ignore_case: bool) -> re.Pattern[str]:  # noqa: FBT001
        compiled = compile_pattern(pattern, ignore_case)
        return re.compile(compiled.pattern.removesuffix("$") + r"\Z", compiled.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = compile_dotall


def patch_media_types() -> None:
    """Let a patch of an API add and remove single binary media types.

    The emulator would replace the list by an object.
    """
    apply = apigateway_v1._apply_patch
    prefix = "/binaryMediaTypes/"

    def apply_to_lists(target: Any, operations: Any) -> Any:
        others = []
        for operation in operations:
            path = operation.get("path", "")
            if not path.startswith(prefix):
                others.append(operation)
                continue
            media_type = path.removeprefix(prefix).replace("~1", "/")
            kept = [one for one in target.get("binaryMediaTypes") or [] if one != media_type]
            added = [media_type] if operation.get("op") != "remove" else []
            target["binaryMediaTypes"] = kept + added
        return apply(target, others)

    apigateway_v1._apply_patch = apply_to_lists
