import pytest

from infra.alarm_topic import TopicUnusable, check_region

TOPIC = "arn:aws:sns:eu-west-2:123456789012:alarms"


def test_a_topic_in_another_region_is_refused_before_anything_is_planned() -> None:
    check_region(TOPIC, "eu-west-2")
    with pytest.raises(TopicUnusable, match="is in eu-west-2, but the stack is in us-east-1"):
        check_region(TOPIC, "us-east-1")
