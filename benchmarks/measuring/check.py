"""One parity check in a fresh process: `python -m benchmarks.measuring.check SPEC`.

SPEC is JSON: framework, threads, and optionally steps and hidden. Prints the receipt as JSON.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.measuring.machine import set_equal_terms


def main(spec: dict[str, Any]) -> dict[str, Any]:
    """Check the framework; return its receipt."""
    set_equal_terms(spec["threads"])
    from benchmarks.contestants import CONTESTANTS, load
    from benchmarks.tasks import parity
    from jaxae import load_dataset

    steps = spec.get("steps", parity.STEPS)
    images = load_dataset().train.images[: steps * parity.BATCH]
    images, hidden = images.reshape(len(images), -1), spec.get("hidden", 512)
    contestant, entry = load(spec["framework"]), CONTESTANTS[spec["framework"]]
    if not entry.trains:
        receipt = parity.check_latent(contestant, images, hidden)
    else:
        receipt = parity.check(contestant, images, steps, hidden)
    if entry.one_cycle_of:
        receipt = receipt.of_the_model
    return asdict(receipt) | {"failures": receipt.failures, "largest": receipt.largest}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
