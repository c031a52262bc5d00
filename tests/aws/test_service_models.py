from typing import Any

import boto3
import pytest
from botocore.exceptions import UnknownServiceError

from imgctl.aws.session import connect


def test_clients_without_documentation_do_the_same_as_others() -> None:
    ours: Any = connect(region="eu-west-2").session
    theirs: Any = boto3.Session(region_name="eu-west-2")
    for service in ("cloudformation", "dynamodb", "s3"):
        names = [one.client(service).meta.service_model.operation_names for one in (ours, theirs)]
        assert names[0] == names[1]
    operation = ours.client("s3").meta.service_model.operation_model("PutObject")
    assert operation.documentation == ""
    assert list(operation.input_shape.members)[:2] == ["ACL", "Body"]


def test_a_service_that_does_not_exist_is_reported_as_before() -> None:
    session: Any = connect(region="eu-west-2").session
    with pytest.raises(UnknownServiceError, match="no-such-service"):
        session.client("no-such-service")
