"""The stack as a CloudFormation template, and what builds, plans and deploys it."""
