"""The policies of infra/policies, and what CloudFormation does in a deployer's name."""

import json
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

_HANDLERS = json.loads(Path(__file__).with_name("handler_permissions.json").read_text())

# What the handlers of CloudFormation's resources may do, for features that the template has not.
UNUSED_FEATURES = {
    "aliases with provisioned concurrency or shifted by CodeDeploy": (
        "codedeploy:*",
        "lambda:*ProvisionedConcurrencyConfig",
    ),
    "analytics, inventories, metrics, tiers and metadata tables of buckets": (
        "s3:*AnalyticsConfiguration",
        "s3:*BucketMetadata*",
        "s3:DeleteBucketMetricsConfiguration",
        "s3:PutIntelligentTieringConfiguration",
        "s3:PutInventoryConfiguration",
        "s3tables:*",
    ),
    "buckets with ACLs, locks, replicas, websites, acceleration": (
        "s3:*BucketReplication",
        "s3:*BucketWebsite",
        "s3:*LockConfiguration",
        "s3:Put*Acl",
        "s3:PutAccelerateConfiguration",
        "s3:PutBucketAbac",
        "s3:PutReplicationConfiguration",
    ),
    "CORS that is taken away, for which S3 asks for s3:PutBucketCORS": ("s3:DeleteBucketCors",),
    "tables that are deleted with what is in them: the template retains the table": (
        "dynamodb:DeleteTable",
    ),
    "encryption and lifecycle that are taken away": (
        "s3:DeleteBucketEncryption",
        "s3:DeleteBucketLifecycle",
    ),
    "functions in a VPC, with file systems, signed code, capacity and runtimes of their own": (
        "ec2:*",
        "elasticfilesystem:*",
        "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:PassCapacityProvider",
        "lambda:PutFunctionCodeSigningConfig",
        "lambda:PutFunctionRecursionConfig",
        "lambda:PutFunctionScalingConfig",
        "lambda:PutRuntimeManagementConfig",
        "s3:GetObjectVersion",
        "s3files:*",
    ),
    "log groups with deliveries, indexes, tokens and data protection": (
        "firehose:*",
        "logs:*IndexPolicy",
        "logs:*ResourcePolicy",
        "logs:CreateLogDelivery",
        "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy",
        "logs:PutLogGroupDeletionProtection",
        "s3:REST.PUT.OBJECT",
    ),
    "policies of the API itself": ("apigateway:UpdateRestApiPolicy",),
    "tables that are imported, replicated, streamed, watched, that expire or have policies": (
        "dynamodb:*Item",
        "dynamodb:*KinesisStreamingDestination",
        "dynamodb:*TableReplica",
        "dynamodb:DeleteResourcePolicy",
        "dynamodb:ImportTable",
        "dynamodb:PutResourcePolicy",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateContributorInsights",
        "dynamodb:UpdateTimeToLive",
        "kinesis:*",
        "kms:ListAliases",
        "kms:RevokeGrant",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "s3:GetObjectMetadata",
    ),
    "topics with data protection": ("sns:PutDataProtectionPolicy",),
}


def policy(name: str) -> Any:
    """Read a policy document."""
    return json.loads(files("infra").joinpath("policies", f"{name}.json").read_text())


def granted(*names: str) -> set[str]:
    """Give the actions, or patterns of them, that policies grant."""
    return {action for name in names for action in actions_of(policy(name))}


def actions_of(document: Any) -> set[str]:
    """Give the actions, or patterns of them, in a policy document."""
    actions = (statement["Action"] for statement in document["Statement"])
    return {a for action in actions for a in ([action] if isinstance(action, str) else action)}


def handled_types() -> set[str]:
    """Give the types of resources whose handlers are known."""
    return set(_HANDLERS["types"])


def handlers_rights() -> set[str]:
    """Give what the handlers of the template's resources may do."""
    return {right for rights in _HANDLERS["types"].values() for right in rights}


def unused_rights() -> set[str]:
    """Give the patterns of what they do for features that the template has not."""
    return {pattern for patterns in UNUSED_FEATURES.values() for pattern in patterns}


def unmatched(rights: set[str], patterns: set[str]) -> set[str]:
    """Give the rights that no pattern matches; upper and lower case are one to IAM."""
    return {right for right in rights if not any(_matches(right, p) for p in patterns)}


def idle(patterns: set[str], rights: set[str]) -> set[str]:
    """Give the patterns that match none of the rights."""
    return {p for p in patterns if not any(_matches(right, p) for right in rights)}


def _matches(right: str, pattern: str) -> bool:
    return fnmatchcase(right.lower(), pattern.lower())
