"""Explores what concurrent invocations of the function can do to one key.

Every AWS call is a step, and between any two steps another invocation may take one, the bucket
may change, an invocation may be killed, or the response of a call may be lost.
`python -m tests.worker.explorer` explores more than the tests do, in some minutes.
"""
