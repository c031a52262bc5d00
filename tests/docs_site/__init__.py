"""The documentation as a site in build/site, made from docs/ with Zensical.

`python -m tests.docs_site PROGRAM` (or `make docs`) builds it with the program `zensical`. It fails
if Zensical warns, if a link leads nowhere, or if a page would request something from elsewhere.
"""
