"""An AWS account in this process, as a deployment connects to it, and a recorded CloudFormation."""

from collections.abc import Iterator

import pytest

from tests.infra.recorded import Recorded
from tests.moto_aws import aws, moto_account

__all__ = ["aws", "moto_account"]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    with recorded.stub:
        yield recorded
    recorded.stub.assert_no_pending_responses()
