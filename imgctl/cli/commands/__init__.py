"""One module per command: each parses its options, calls the work, and renders the result."""
