"""One measurement in a fresh process: `python -m benchmarks.measuring.worker SPEC`.

SPEC is JSON: framework, tasks (of one group), round, threads, images (an .npy file with the
training images followed by the test images), loops (for each task, null to calibrate), started
(when the parent started this process, in seconds since the epoch). The last line of the output is
JSON: an outcome for each task, see `benchmarks.measuring.measure`.
"""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from benchmarks.measuring.machine import hardware, peak_memory, set_equal_terms
from benchmarks.measuring.state import kernel_seconds


def main(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Measure the tasks; return their outcomes."""
    set_equal_terms(spec["threads"])
    from benchmarks.contestants import CONTESTANTS, library, load
    from benchmarks.tasks import TASKS

    framework, tasks = spec["framework"], [TASKS[name] for name in spec["tasks"]]
    is_start = tasks[0].kind == "cold"
    # Before a start, the kernel would count as part of it.
    reference = {} if is_start else {"reference_before": kernel_seconds()}
    outcomes = cold(spec) if is_start else measured(spec)
    used = library(framework)
    common: dict[str, Any] = {"library": used} | hardware(used) | reference
    common |= {"mem_max_rss": peak_memory(), "reference_after": kernel_seconds()}
    if framework in CONTESTANTS:
        settings = asdict(load(framework).settings)
        # pyperf refuses empty text.
        common |= {name: value for name, value in settings.items() if value != ""}
    for task in tasks:
        sizes = {"batch": task.batch, "hidden": task.hidden, "images": task.n}
        work = task.work if framework in CONTESTANTS else {}
        outcomes[task.name] = common | sizes | work | outcomes[task.name]
    return outcomes


def measured(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Measure tasks of any kind but `cold`, one after the other."""
    import numpy as np

    from benchmarks.contestants import CONTESTANTS
    from benchmarks.measuring import measure
    from benchmarks.tasks import TASKS

    framework, names = spec["framework"], spec["tasks"]
    images = np.load(spec["images"])
    outcomes = {}
    task = TASKS[names[0]]
    if task.kind == "time-to-loss":
        contestant = measure.build(framework, task, images)
        outcomes[task.name] = measure.to_loss(contestant, images, spec["round"])
    elif task.kind == "parts":
        found = measure.parts(measure.build(framework, task, images), task, images)
        outcomes = {f"{part}-{task.batch}": outcome for part, outcome in found.items()}
    built: dict[object, Any] = {}
    for task in (TASKS[name] for name in names if name not in outcomes):
        loops = spec["loops"].get(task.name)
        if framework not in CONTESTANTS:
            outcomes[task.name] = measure.limits(framework, task, loops)
        else:
            # One contestant serves to encode and decode any number of images.
            key = (task.sizes, task.batch, 0 if task.kind in ("encode", "decode") else task.n)
            if key not in built:
                built = {key: measure.build(framework, task, images)}
            outcomes[task.name] = measure.repeated(task, built[key], images, loops)
        # So far: a later task of this process may need more.
        outcomes[task.name]["mem_max_rss"] = peak_memory()
    return {name: outcomes[name] for name in names}


def cold(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Time a process, and its parts, from its start to the end of its first epoch."""
    import numpy as np

    from benchmarks.contestants import load
    from benchmarks.tasks import TASKS

    (name,) = spec["tasks"]
    task = TASKS[name]
    started = time.time()
    load(spec["framework"])
    imported = time.time()
    images = np.load(spec["images"])
    loaded = time.time()
    from benchmarks.measuring import measure

    contestant = measure.build(spec["framework"], task, images)
    marks = [time.time()]
    for _ in range(2):
        contestant.train(measure.order_of(task.n))
        contestant.synchronise()
        marks.append(time.time())
    second = marks[2] - marks[1]
    parts = {
        "start_seconds": started - spec["started"],
        "import_seconds": imported - started,
        "load_seconds": loaded - imported,
        "compile_seconds": max(0.0, marks[1] - loaded - second),
        "run_seconds": second,
    }
    return {name: {"values": [marks[1] - spec["started"]], "loops": 1, "warmups": 0} | parts}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
