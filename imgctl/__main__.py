"""`python -m imgctl`."""

from imgctl.cli.main import main

main()
