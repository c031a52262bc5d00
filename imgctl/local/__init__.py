"""The embedded AWS: the stack's services on this machine, for whoever has no account at hand."""
