"""The embedded AWS: an emulator of the stack's services, for use without an AWS account."""
