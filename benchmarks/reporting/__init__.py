"""The report of a comparison, as Markdown with plots, as an HTML page, and in the terminal.

rows          the rows of a task's table
verdict       who is first, and how much of a ratio the matrix products explain
parts         the parts of a training step
growth        time against batch size, width and number of images
parity        what the parity checks found
conditions    machine, versions, and what was not measured, as pairs of text
machines      the same in a few lines
markdown      tables, times and ratios as text
tables        the tables of the report
charts        the plots
templates     how templates are read
report        the files; `report.md.j2` and `verdict.md.j2` hold the prose
page          the HTML page
terminal      tables in the terminal
"""

from benchmarks.reporting.conditions import environment, missing
from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.report import write_report
from benchmarks.reporting.terminal import print_tables, print_verdict

__all__ = [
    "environment",
    "missing",
    "print_tables",
    "print_verdict",
    "seconds",
    "table",
    "write_report",
]
