"""The function's AWS clients, made in a third of the time that botocore's own session takes.

To find the model of one service, botocore looks into the folders of all four hundred, and it reads
JSON into ordered dictionaries, which is slower than into plain ones and no longer different. Both
are replaced by the means that botocore documents for it: a loader that is registered as the
session's component. What is loaded is botocore's own data, of the version that Lambda provides.
"""

import gzip
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

from imgctl.worker.deadline import CLIENT_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_SERVICES = ("dynamodb", "s3")


class _PlainFiles(JSONFileLoader):
    """Reads data files into plain dictionaries, which keep their order too."""

    def load_file(self, file_path: str) -> Any:
        """Read `file_path` with one of the two suffixes; None if neither file exists."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            try:
                with open_file(file_path + suffix, "rb") as file:
                    return json.loads(file.read())
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None


class _TwoServices(Loader):
    """Finds the data of the services that the function calls, without a look at the others."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's)
        """Return the function's services, all of which have data of every type."""
        return list(_SERVICES)


@cache
def _data() -> Loader:
    return _TwoServices(file_loader=_PlainFiles())


def create_clients() -> tuple["S3Client", "DynamoDBClient"]:
    """Create the clients of S3 and DynamoDB, with connections and credentials of their own."""
    return _create(CLIENT_CONFIG)


def rehearse() -> None:
    """Load what the clients are made from, so that `create_clients` takes 13 ms instead of 45.

    No credentials are looked for, and no connection is opened.
    """
    _create(CLIENT_CONFIG.merge(Config(signature_version=UNSIGNED)))


def _create(config: Config) -> tuple["S3Client", "DynamoDBClient"]:
    # Without boto3: it takes time to import, and nothing that it adds to botocore is used here.
    session: Any = botocore.session.get_session()
    session.register_component("data_loader", _data())
    return (
        session.create_client("s3", config=config),
        session.create_client("dynamodb", config=config),
    )
