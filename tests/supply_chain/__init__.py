"""What imgctl is shipped with: SBOMs of it, and known vulnerabilities in it."""
