"""Small models of every kind, for tests of what they have in common."""

from jaxae import ModelConfig

KINDS = {
    "ae": ModelConfig(2, 16),
    "vae": ModelConfig(2, 16, "vae"),
    "conv": ModelConfig(2, 16, "ae", "conv"),
    "deep": ModelConfig(2, (16, 9), "vae", "conv", "gelu"),
}
