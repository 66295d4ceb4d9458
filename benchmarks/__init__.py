"""The framework comparison: the same work in Flax, Equinox, PyTorch and Keras.

Imports go one way, from the top of this list to its end:

tasks:        what is measured; the NumPy reference, the parity check and the limits
contestants:  each framework's way of doing the work
measuring:    one fresh process for each measurement, and where its result is kept
stats:        ratios, growth and comparisons of measurements
reporting:    the tables and plots of a comparison
scaling:      how the cost of jaxae's own training grows
"""
