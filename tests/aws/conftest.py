"""AWS in this process, as the command line sees it."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from imgctl.aws.session import Aws, connect


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield connect(region="eu-west-2")
