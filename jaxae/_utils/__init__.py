"""Helpers that know nothing of autoencoders: files, locks, text, tables, signals, .npy files."""
