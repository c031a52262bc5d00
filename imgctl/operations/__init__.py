"""The work behind the commands, usable as a library: no click, no terminal.

Long work is a generator that yields a typed result for each item as it is done. Closing the
generator early stops it: items that have not been started are left out.
"""
