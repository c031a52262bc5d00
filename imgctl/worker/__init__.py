"""The Lambda function: the core, boto3 and the standard library."""
