"""The image core: one implementation, run in the function and on a laptop alike.

Standard library and Pillow only. Nothing here reads a clock, the environment or a network.
"""
