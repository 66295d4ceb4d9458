"""The report of a comparison, as Markdown with plots.

report      the file and the order of its sections
legend      how to read it
rows        the rows of a task's table
tables      the table of each task
explain     ablations, where jaxae is not the fastest, memory, and the A/A test
gap         the parts of a training step
growth      time against batch size, width and number of images
breakeven   cold starts, and the number of epochs after which compiling pays
charts      the plots
markdown    tables and times as text
"""

from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.report import conditions, not_measured, write_report

__all__ = ["conditions", "not_measured", "seconds", "table", "write_report"]
