"""The emulator's state on disk: everything that a response could tell is saved before it is sent.

- Items of DynamoDB are logged (`table_log`), and objects of S3 written (`object_files`), by each
  request that changes them.
- The state of the other services is small: before the response to any other request, each service
  that has changed is saved as a whole.
- Log entries and metrics, which nobody waits for, follow within a second.
"""

import hashlib
import json
import logging
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import ministack.app
from ministack.core import persistence, responses
from ministack.services import cloudformation, dynamodb, lambda_svc

from imgctl.local import table_log
from imgctl.local.table_log import LoggedRequest, TableLog

_TABLES, _STACKS = "dynamodb", "cloudformation"
_TELEMETRY = frozenset({"cloudwatch_logs", "cloudwatch"})
_VOLATILE_TABLE_KEYS = frozenset({"items", "_index_members", "ItemCount", "TableSizeBytes"})
_ATTEMPTS = 10

_log = logging.getLogger("imgctl.state")


class Snapshots:
    """Reads and writes the state of the emulator's services in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[str, bytes] = {}
        self._tables: TableLog
        self._names: set[tuple[str, str, str]]
        self._handle_tables = dynamodb.handle_request
        self._used_code: set[str] = set()
        self._delete_unused_code = lambda_svc._prune_orphan_code_blobs
        # The emulator hashes all code each time that it saves.
        self._write_code = lru_cache(maxsize=64)(lambda_svc._write_code_blob)
        lambda_svc._write_code_blob = self._write_code
        # The emulator deletes the code that the saved state refers to before it saves the new one.
        lambda_svc._prune_orphan_code_blobs = self._remember_used_code

    def restore(self) -> None:
        """Load all services and repeat the logged requests, before the emulator serves.

        Exits if anything cannot be read: saving would otherwise overwrite it.
        """
        try:
            number = 0
            for name, module_name in ministack.app._state_map.items():
                path = self._folder / f"{name}.json"
                if not path.exists():
                    continue
                text = path.read_bytes()
                stored = json.loads(text, object_hook=persistence._json_object_hook)
                if stored["__ministack_format__"] > persistence._state_format_version(name):
                    raise ValueError(f"{path.name} was written by a newer version")
                ministack.app._get_module(module_name).load_persisted_state(stored["payload"])
                if name == _TABLES:
                    number = stored.get("log", 0)
            self._tables = TableLog(self._folder, number)
            for request in self._tables.read():
                self._repeat(request)
            table_log.delete_others(self._folder, number)
            self._saved[_TABLES] = _table_definitions()
            self._names = set(dynamodb._tables._data)
        except Exception as error:
            _log.exception("cannot read the state in %s", self._folder)
            sys.stderr.write(f"cannot read the state in {self._folder}: {error}\n")
            sys.stderr.flush()
            ministack.app.os._exit(1)  # hypercorn would continue without the emulator's startup

    def save_acknowledged(self) -> None:
        """Save what clients rely on: every service but the log entries and metrics."""
        self.save(except_for=_TELEMETRY)

    def save(self, except_for: frozenset[str] = frozenset()) -> None:
        """Save each service that has changed.

        Raises OSError if a file cannot be written; the one that it would replace remains.
        """
        services = ministack.app._build_persistence_save_dict()
        for name in services.keys() - except_for:
            if name == _TABLES:
                self._save_tables(services[name])
                continue
            if name == _STACKS:
                self._save_stacks()
                continue
            content = _content(name, services[name])
            digest = hashlib.sha256(content).digest()
            if content and self._saved.get(name) != digest:
                self._write(name, content)
                self._saved[name] = digest
                if name == "lambda":
                    self._delete_unused_code(self._used_code)
                    self._write_code.cache_clear()

    def _save_stacks(self) -> None:
        """Save the stacks if they have changed; it takes long, because they contain templates."""
        digest = hashlib.sha256(pickle.dumps(_stacks())).digest()
        if self._saved.get(_STACKS) != digest:
            self._write(_STACKS, _content(_STACKS, _stacks))
            self._saved[_STACKS] = digest

    def log_items(self, action: str, request: LoggedRequest) -> None:
        """Log a request that may change items; raises OSError if that is not possible."""
        if action not in table_log.ITEM_ACTIONS:
            return
        if dynamodb._tables._data.keys() != self._names or (
            self._tables.size_bytes > table_log.MAX_BYTES
        ):
            self._save_tables(dynamodb.get_state, due=True)
        self._tables.append(request)

    def _save_tables(self, get_state: Callable[[], Any], *, due: bool = False) -> None:
        """Save a snapshot of all tables if one of them was created, deleted or changed."""
        definitions = _table_definitions()
        if not due and self._saved.get(_TABLES) == definitions:
            return
        following = TableLog(self._folder, self._tables.number + 1)
        try:
            self._write(_TABLES, _content(_TABLES, get_state, log=following.number))
        except OSError:
            following.close()
            following.path.unlink()
            raise
        self._tables.close()
        self._tables.path.unlink()
        self._tables = following
        self._saved[_TABLES] = definitions
        self._names = set(dynamodb._tables._data)

    def save_tables(self) -> None:
        """Save a snapshot of all tables, so that the next start has nothing to repeat."""
        if self._tables.size_bytes:
            self._save_tables(dynamodb.get_state, due=True)

    def _repeat(self, request: LoggedRequest) -> None:
        responses._request_account_id.set(request.account_id)
        responses._request_region.set(request.region)
        headers = {"x-amz-target": request.target}
        body = request.body.encode(errors="surrogateescape")
        with suppress(StopIteration):  # it never waits for anything
            self._handle_tables("POST", "/", headers, body, {}).send(None)

    def _remember_used_code(self, used: set[str]) -> None:
        self._used_code = used

    def _write(self, name: str, content: bytes) -> None:
        partial = self._folder / f"{name}.json.tmp"
        try:
            partial.write_bytes(content)
            partial.replace(self._folder / f"{name}.json")
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def _content(name: str, get_state: Callable[[], Any], **more: Any) -> bytes:
    for attempt in range(_ATTEMPTS):
        try:
            state = get_state()
            if state is None:
                return b""
            version = persistence._state_format_version(name)
            document = {"__ministack_format__": version, **more, "payload": state}
            return json.dumps(document, default=persistence._json_default).encode()
        except RuntimeError:  # a function's log entry was added meanwhile
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _stacks() -> dict[str, Any]:
    """Return the state of CloudFormation without a copy: no other thread changes it."""
    return {name: store() for store, name in cloudformation._PERSISTED_STORES}


def _table_definitions() -> bytes:
    """Return a digest of everything about the tables but their items."""
    tables = [
        (scope, {k: v for k, v in table.items() if k not in _VOLATILE_TABLE_KEYS})
        for scope, table in dynamodb._tables.all_items()
    ]
    others = [
        dynamodb._tags,
        dynamodb._ttl_settings,
        dynamodb._pitr_settings,
        dynamodb._resource_policies,
        dynamodb._backups,
        dynamodb._contributor_insights,
        dynamodb._kinesis_destinations,
    ]
    text = json.dumps([tables, others], default=persistence._json_default)
    return hashlib.sha256(text.encode()).digest()
