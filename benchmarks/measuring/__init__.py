"""Measure, each time in a fresh process.

In the parent: `runner` goes through the rounds, `spawn` starts a process, `results` and
`provenance` keep what it measured and on what. In the process: `worker` or `check`, `measure`.

Nothing is imported here, since a worker sets its environment before it imports even NumPy.
"""
