"""The values that options may have."""

from typing import Literal

Model = Literal["ae", "vae"]
Architecture = Literal["dense", "conv"]
Activation = Literal["relu", "gelu", "silu", "tanh"]
Schedule = Literal["constant", "onecycle"]
Likelihood = Literal["squared", "normal", "bernoulli"]
Checkpoint = Literal["newest", "best"] | int
Precision = Literal["float32", "bfloat16", "tf32"]
Device = Literal["auto", "cpu", "gpu", "tpu"]
BoxName = Literal["cloud", "lecture"]
# The width of a figure: a name, or inches.
Width = Literal["column", "page", "slide"] | float
