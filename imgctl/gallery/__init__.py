"""The live page of `imgctl gallery`: a server on the loopback address, for one user.

It shows records with their images, and uploads what is dropped on the page.
"""
