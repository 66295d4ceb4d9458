"""The report of a comparison: Markdown tables and plots."""

from benchmarks.reporting.markdown import seconds, table
from benchmarks.reporting.report import conditions, not_measured, write_report

__all__ = ["conditions", "not_measured", "seconds", "table", "write_report"]
