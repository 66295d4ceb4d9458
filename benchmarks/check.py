"""One parity check in a fresh process: `python -m benchmarks.check SPEC`; prints the receipt."""

import json
import sys
from dataclasses import asdict

from benchmarks.worker import even_terms

if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    even_terms(spec["threads"])
    from benchmarks import parity
    from benchmarks.contestants import CONTESTANTS, load
    from jaxae import load_dataset

    steps = spec.get("steps", parity.STEPS)
    images = load_dataset().train.images[: steps * parity.BATCH]
    contestant, hidden = load(spec["framework"]), spec.get("hidden", 512)
    receipt = parity.check(contestant, images.reshape(len(images), -1), steps, hidden)
    if CONTESTANTS[spec["framework"]].own_recipe:
        receipt = receipt.of_the_model
    print(json.dumps(asdict(receipt) | {"failures": receipt.failures, "largest": receipt.largest}))
