"""How the cost of jaxae's own training grows: `python -m benchmarks scaling`."""
