"""The outputs of a stack that is not deployed anywhere."""

from imgctl.aws.stack import StackOutputs

OUTPUTS = StackOutputs(
    source_bucket="src-bucket-image-in",
    destination_bucket="dest-bucket-image-out",
    table="hala-db",
    function="function",
    function_alias="arn:aws:lambda:eu-west-2:123456789012:function:function:live",
    batch_role="arn:aws:iam::123456789012:role/batch",
    code_bucket="code",
    function_log_group="/aws/lambda/function",
    api_log_group="/aws/apigateway/api",
    dashboard="imgctl-imgctl-eu-west-2",
    dead_letter_queue="https://sqs/queue",
    api_endpoint="https://api",
    api_authorization="iam",
    api_key_id="",
)
