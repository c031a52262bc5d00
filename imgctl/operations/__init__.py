"""The work behind the commands, usable as a library: no click, no terminal.

Long work is a generator that yields a typed result for each item as it is done. Whoever stops
early closes the generator; what has not started is then left out.
"""
