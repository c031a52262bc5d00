"""The result of one run of the program."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CliResult:
    """One run's exit code and output."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The JSON error on stderr."""
        return json.loads(self.err)["error"]

    def succeeded(self) -> "CliResult":
        """Assert that the exit code is 0."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self
