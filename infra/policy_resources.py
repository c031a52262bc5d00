"""What each resource in the documents of `infra/policies` becomes for one stack.

Both are written without `arn:` and the partition. What is in braces stands for each of the stack's
values of that name, and without a value the resource is left out: {if_...} has one only in stacks
with that feature, and {kms_key} in those with a key. A statement without a resource is left out.
"""

from collections.abc import Mapping

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "apigateway:*::/account": ("apigateway:{region}::/account",),
    "apigateway:*::/apikeys*": ("apigateway:{region}::/apikeys*{if_api_key}",),
    "apigateway:*::/apikeys/*": ("apigateway:{region}::/apikeys/{api_key_id}{if_api_key}",),
    "apigateway:*::/restapis*": ("apigateway:{region}::/restapis*",),
    "apigateway:*::/tags/*": ("apigateway:{region}::/tags/*",),
    "apigateway:*::/usageplans*": ("apigateway:{region}::/usageplans*{if_api_key}",),
    "cloudformation:*:*:stack/imgctl*/*": ("cloudformation:{region}:{account}:stack/{stack}/*",),
    "cloudwatch:*:*:alarm:imgctl*": ("cloudwatch:{region}:{account}:alarm:{stack}-*",),
    "cloudwatch::*:dashboard/imgctl-*": (
        "cloudwatch::{account}:dashboard/imgctl-{stack}-{region}",
    ),
    "dynamodb:*:*:table/hala-db*": ("dynamodb:{region}:{account}:table/{table}",),
    "dynamodb:*:*:table/hala-db*/index/*": ("dynamodb:{region}:{account}:table/{table}/index/*",),
    "execute-api:*:*:*/hala/PUT/*": (
        "execute-api:{region}:{account}:{api_id}/{stage}/PUT/{source_bucket}/*",
    ),
    "iam::*:policy/imgctl-role-boundary": ("{permissions_boundary}",),
    "iam::*:role/api-gw-s3-role*": ("iam::{account}:role{role_path}{api_role}",),
    "iam::*:role/aws-service-role/ops.apigateway.amazonaws.com/*": (
        "iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*",
    ),
    "iam::*:role/imgctl*": (
        "iam::{account}:role{role_path}{stack}-ApiAccountRole-*",
        "iam::{account}:role{role_path}{stack}-BatchRole-*",
    ),
    "iam::*:role/imgctl*-ApiAccountRole-*": (
        "iam::{account}:role{role_path}{stack}-ApiAccountRole-*",
    ),
    "iam::*:role/imgctl*-BatchRole-*": ("iam::{account}:role{role_path}{stack}-BatchRole-*",),
    "iam::*:role/imgctl-cloudformation": ("{service_role}",),
    "iam::*:role/lambda-image-role*": ("iam::{account}:role{role_path}{function_role}",),
    "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs": (
        "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    ),
    "kms:*:*:key/*": ("{kms_key}",),
    "lambda:*:*:function:Landa-image-s3-function*:*": (
        "lambda:{region}:{account}:function:{function}:*",
    ),
    "lambda:*:*:function:Landa-image-s3-function*": (
        "lambda:{region}:{account}:function:{function}",
        "lambda:{region}:{account}:function:{function}:*",
    ),
    "logs:*:*:log-group:API-Gateway-Execution-Logs_*": (
        "logs:{region}:{account}:log-group:API-Gateway-Execution-Logs_*/{stage}*",
    ),
    "logs:*:*:log-group:/aws/apigateway/Quaen-Hala-API*": (
        "logs:{region}:{account}:log-group:/aws/apigateway/{api}",
        "logs:{region}:{account}:log-group:/aws/apigateway/{api}:*",
    ),
    "logs:*:*:log-group:/aws/lambda/Landa-image-s3-function*": (
        "logs:{region}:{account}:log-group:/aws/lambda/{function}",
        "logs:{region}:{account}:log-group:/aws/lambda/{function}:*",
    ),
    "s3:::dest-bucket-image-out-*": ("s3:::{destination_bucket}",),
    "s3:::dest-bucket-image-out-*/*": ("s3:::{destination_bucket}/*",),
    "s3:::imgctl-a*-*": ("s3:::{access_logs_bucket}", "s3:::{artifacts_bucket}"),
    "s3:::imgctl-a*-*/*": ("s3:::{access_logs_bucket}/*", "s3:::{artifacts_bucket}/*"),
    "s3:::imgctl-artifacts-*": ("s3:::{artifacts_bucket}", "s3:::{artifacts_bucket}/*"),
    "s3:::imgctl-artifacts-*/reprocess/*": ("s3:::{artifacts_bucket}/reprocess/*",),
    "s3:::src-bucket-image-in-*": ("s3:::{source_bucket}",),
    "s3:::src-bucket-image-in-*/*": ("s3:::{source_bucket}/*",),
    "sns:*:*:imgctl*": ("sns:{region}:{account}:{stack}-AlarmTopic-*{if_alarm_email}",),
    "sqs:*:*:Landa-image-s3-function-dead-letters*": (
        "sqs:{region}:{account}:{dead_letter_queue}",
    ),
}
