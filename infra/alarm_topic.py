"""The check that alarms can notify an SNS topic of the user's own."""

from imgctl.core.errors import ImgctlError


class TopicUnusable(ImgctlError):
    """CloudWatch cannot notify the topic."""

    code = "topic_unusable"


def check_region(arn: str, region: str) -> None:
    """Raise TopicUnusable for a topic in another region: an alarm only notifies those in its own.

    Its access policy is not checked, which another account may own.
    """
    topic_region = arn.split(":")[3]
    if topic_region != region:
        raise TopicUnusable(
            f"The topic {arn} is in {topic_region}, but the stack is in {region}.",
            hint="Set alarm_topic to a topic in the stack's region.",
        )
