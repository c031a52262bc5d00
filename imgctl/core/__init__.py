"""The image core: the one implementation that the function and the command line share.

It needs the standard library and Pillow only, and reads no clock, environment or network.
"""
