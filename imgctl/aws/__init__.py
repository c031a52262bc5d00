"""What the command line says to AWS."""
