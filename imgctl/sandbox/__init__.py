"""Resizing in a child process: limits on memory and time, and crashes, end the child only.

It needs the core and the standard library; only the child imports Pillow.
"""
