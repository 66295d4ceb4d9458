"""A model's parameters and programs in formats that other software reads, one format a file."""
