"""The framework comparison: the same work in Flax, Equinox, PyTorch and Keras."""
