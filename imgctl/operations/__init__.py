"""The work behind the commands, usable as a library: no click, no terminal."""
