"""The Lambda function: the core, botocore and the standard library."""
