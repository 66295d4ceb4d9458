"""Measurements, each in a fresh process.

In the parent process:
runner       the parity checks and the jobs of a comparison
rounds       the loop over rounds of jobs, and its progress
spawn        one worker process
results      the file of results
provenance   the machine, versions and commit that a result belongs to
identity     what a machine is, and how two of them differ
reported     what the operating system reports of it, without anything installed
interleave   a commit and the work tree, measured in turn

In the worker process:
worker       one measurement, `python -m benchmarks.measuring.worker`
check        one parity check, `python -m benchmarks.measuring.check`
measure      how each kind of work is timed
state        the machine's state while a process measures
speeds       the speed of a machine's matrix products, arithmetic and memory
machine      processors, memory and devices

This package imports nothing: a worker sets its environment before it imports even NumPy.
"""
