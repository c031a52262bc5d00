"""One module per command: it parses the options, calls the operation, and renders the result."""
