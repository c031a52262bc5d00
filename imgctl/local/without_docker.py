"""Hides the Docker SDK from the emulator, when it is imported before the emulator.

Functions run as processes here, so nothing needs containers. With the SDK, the emulator would
remove the containers of every MiniStack on the machine when it starts and stops, and take a fifth
longer to start.
"""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_modules["docker"] = None  # `import docker` raises ImportError, as where it is not installed
