"""Errors of the command line itself."""

from imgctl.core.errors import ImgctlError


class FileError(ImgctlError):
    """A file or folder cannot be read or written."""

    code = "file"


class NotInstalled(ImgctlError):
    """A command needs packages that are installed on request only."""

    code = "not_installed"
