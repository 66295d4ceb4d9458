"""Helpers that know nothing of autoencoders: files, locks, text, signals, .npy files."""
