"""imgctl: a serverless image pipeline on AWS, and the command that deploys and operates it."""

__version__ = "0.1.0"
