"""Export a model to formats that other software reads; one module per format."""
