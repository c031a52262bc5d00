"""`python -m imgctl`."""

import os
import sys


def _remove_working_folder_from_path() -> None:
    """Keep modules in the working folder from shadowing those that imgctl imports.

    `python -m` puts the working folder first on the import path, so a user's `infra` package or
    `json.py` would be imported instead. The folder stays if imgctl itself is there: a checkout.
    Only modules that the interpreter has loaded already may be imported before.
    """
    own_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    if not sys.flags.safe_path and sys.path[0] == os.getcwd() != own_folder:  # noqa: PTH109
        del sys.path[0]


if __name__ == "__main__":
    _remove_working_folder_from_path()
    from imgctl.cli.main import main

    main()
