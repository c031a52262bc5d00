"""botocore's descriptions of services, without their documentation.

Half of the memory that a client takes is text for people. Leaving it out saves several megabytes,
and no time is lost.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader
from botocore.session import Session

_DOCUMENTATION = re.compile(rb'"documentation":"(?:[^"\\]|\\.)*"')


class _WithoutDocumentation(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        plain, zipped = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            data = plain.read_bytes()
        elif zipped.is_file():
            data = gzip.decompress(zipped.read_bytes())
        else:
            return None
        return json.loads(_DOCUMENTATION.sub(b'"documentation":""', data))


def leave_out_documentation(session: Session) -> None:
    """Let the clients of a session be made without documentation."""
    session.get_component("data_loader").file_loader = _WithoutDocumentation()
