"""The command line's AWS clients and the operations built on them."""
