"""One measurement in a fresh process: `python -m benchmarks.worker SPEC`.

SPEC is JSON: task, framework, threads, round, loops (null to calibrate), started (when the parent
started this process, seconds since the epoch). The last line printed is JSON too: the values in
seconds, one a repetition, and what else was seen. Everything else may print what it likes.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

_IMPORTED = time.time()

# Enough repetitions for a median, few enough that a round stays short.
_WARMUPS, _REPETITIONS = 1, 3
_LEAST_SECONDS = 0.2
_MOST_EPOCHS = 40


def main(spec: dict[str, Any]) -> dict[str, Any]:
    """Measure what the spec asks for."""
    pin_threads(spec["threads"])
    from benchmarks.tasks import TASKS

    task = TASKS[spec["task"]]
    if spec["framework"].startswith("limit"):
        return _limit(task, spec)
    if task.kind == "cold":
        return _cold(task, spec)
    if task.kind == "time-to-loss":
        return _time_to_loss(task, spec)
    return _repeated_work(task, spec)


def pin_threads(threads: int) -> None:
    """Let this process, and every framework it imports later, use so many processors."""
    # Before any framework is imported. XLA and TensorFlow count the processors they may use.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _repeated_work(task: Any, spec: dict[str, Any]) -> dict[str, Any]:
    contestant, images = _built(task, spec["framework"])
    call = _call(task, contestant, images)
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    result = _timed(call, spec["loops"])
    # The first call compiles; what it took beyond a usual one is the compilation.
    compile_seconds = max(0.0, first - _median(result["values"]))
    return result | {"compile_seconds": compile_seconds} | _settings(contestant)


def _limit(task: Any, spec: dict[str, Any]) -> dict[str, Any]:
    from benchmarks import limit

    if spec["framework"] == "limit-copy":
        return _timed(limit.copy_rate(), spec["loops"])
    products = limit.jax_products if spec["framework"] == "limit-jax" else limit.torch_products
    work: limit.Work = task.kind if task.kind in ("encode", "decode") else "train"
    rows = task.batch if work == "train" else min(task.n, limit.LATENT_ROWS)
    times = max(1, round(task.n / rows))
    result = _timed(products(work, task.sizes, rows, times), spec["loops"])
    # Exactly the images that the task has, where they are no multiple of the rows.
    scale = task.n / (rows * times)
    return result | {"values": [value * scale for value in result["values"]]}


def _cold(task: Any, spec: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.contestants import load

    load(spec["framework"])
    imported = time.time()
    images = _images(task.n)
    loaded = time.time()
    contestant, _ = _built(task, spec["framework"], images)
    marks = [time.time()]
    for _ in range(2):
        contestant.train(_order(task.n))
        contestant.synchronise()
        marks.append(time.time())
    second = marks[2] - marks[1]
    parts = {
        "start_seconds": _IMPORTED - spec["started"],
        "import_seconds": imported - _IMPORTED,
        "load_seconds": loaded - imported,
        "compile_seconds": max(0.0, marks[1] - loaded - second),
        "epoch_seconds": second,
    }
    return {"values": [marks[1] - spec["started"]], "loops": 1} | parts | _settings(contestant)


def _time_to_loss(task: Any, spec: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from benchmarks.tasks import TARGET_LOSS
    from jaxae import load_dataset

    contestant, images = _built(task, spec["framework"])
    test = load_dataset().test.images.reshape(10_000, -1)
    contestant.encode(test)  # Compiles outside the clock, as training does below.
    _compile_training(contestant, spec["framework"], task, images)
    seconds = 0.0
    for epoch in range(1, _MOST_EPOCHS + 1):
        order = _order(task.n, epoch)
        start = time.perf_counter()
        contestant.train(order)
        contestant.synchronise()
        seconds += time.perf_counter() - start
        x_hat = contestant.decode(contestant.encode(test))
        loss = float(np.mean(np.sum((x_hat - test / np.float32(255)) ** 2, axis=1)))
        if loss <= TARGET_LOSS:
            break
    else:
        raise ValueError(f"test loss {loss:.2f} after {epoch} epochs, never {TARGET_LOSS}")
    found = {"values": [seconds], "loops": 1, "epochs": epoch, "test_loss": loss}
    return found | _settings(contestant)


def _compile_training(contestant: Any, framework: str, task: Any, images: Any) -> None:
    # A twin takes the compilation: compiled programs are shared, trained weights are not.
    twin, _ = _built(task, framework, images)
    twin.train(_order(task.n))
    twin.synchronise()


def _built(task: Any, framework: str, images: Any = None) -> tuple[Any, Any]:
    from benchmarks.contestants import load
    from benchmarks.parity import initial_weights

    cls = load(framework)
    if "torch" in framework:
        import torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
    images = _images(task.n) if images is None else images
    weights = initial_weights(*task.sizes)
    return cls(weights, images, task.batch), images


def _call(task: Any, contestant: Any, images: Any) -> Callable[[], object]:
    import numpy as np

    if task.kind == "encode":
        return lambda: contestant.encode(images)
    if task.kind == "decode":
        z = np.random.default_rng(0).normal(0, 5, (task.n, 2)).astype(np.float32)
        return lambda: contestant.decode(z)
    order = _order(task.n)

    def train() -> None:
        contestant.train(order)
        contestant.synchronise()

    return train


def _timed(call: Callable[[], object], loops: int | None) -> dict[str, Any]:
    for _ in range(_WARMUPS):
        call()
    if loops is None:
        start = time.perf_counter()
        call()
        loops = max(1, round(_LEAST_SECONDS / (time.perf_counter() - start)))
    values = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        for _ in range(loops):
            call()
        values.append((time.perf_counter() - start) / loops)
    return {"values": values, "loops": loops, "warmups": _WARMUPS}


def _images(n: int) -> Any:
    import numpy as np

    from jaxae import load_dataset

    data = load_dataset()
    images = data.train.images
    if n > len(images):
        images = np.concatenate([images, data.test.images])
    return images[:n].reshape(n, -1)


def _order(n: int, seed: int = 0) -> Any:
    import numpy as np

    return np.random.default_rng(seed).permutation(n).astype(np.int32)


def _settings(contestant: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(contestant.settings)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    outcome = main(json.loads(sys.argv[1]))
    print(json.dumps(outcome))
