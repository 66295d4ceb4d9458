"""One training in fresh processes: `python -m benchmarks.scaling.worker SPEC`.

SPEC is JSON: point (the fields of a `Point`), round, which is also the seed, and for processes
other than the first their number and the port of the first. The last line that the first process
prints is JSON: the seconds of its epochs and what else was measured.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring.machine import peak_memory
from benchmarks.measuring.spawn import command
from benchmarks.scaling.hlo import collectives
from benchmarks.scaling.sweeps import Point

if TYPE_CHECKING:  # JAX must start after the environment is set.
    import jaxae


def main(spec: dict[str, Any]) -> dict[str, Any]:
    """Train at the point; return what the first of its processes measured."""
    point = Point(**spec["point"])
    os.environ["JAX_NUM_CPU_DEVICES"] = str(point.devices)
    with tempfile.TemporaryDirectory() as dump:
        if point.devices * point.processes > 1:
            asked = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {asked}"
            # XLA does not dump a program that comes from the cache.
            os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        if "process" in spec or point.processes == 1:
            outcome = trained(point, spec)
        else:
            spec |= {"process": 0, "port": _free_port()}
            with _others(point, spec):
                outcome = trained(point, spec)
        return outcome | _traffic(Path(dump))


def trained(point: Point, spec: dict[str, Any]) -> dict[str, Any]:
    """Fit jaxae's autoencoder on the devices of all the point's processes."""
    import jaxae
    from jaxae.config import ProcessConfig
    from jaxae.distributed import find_devices, process_group

    place = ProcessConfig(process_count=1)
    if point.processes > 1:
        place = ProcessConfig(f"127.0.0.1:{spec['port']}", spec["process"], point.processes)
    seed = spec["round"]
    with process_group(place):
        data = _mnist(point.images)
        config = jaxae.ModelConfig(hidden_dim=point.hidden)
        model = jaxae.create_model(config, data.image_shape, seed)
        train = jaxae.TrainConfig(
            epochs=point.epochs, batch_size=point.batch, seed=seed, precision=point.precision
        )
        devices = find_devices(count=point.devices)
        history = jaxae.fit(model, data, train, mesh=jaxae.make_mesh(devices))
    return {
        "values": [epoch.seconds for epoch in history[1:]],
        "loops": 1,
        "warmups": 1,
        "epochs": point.epochs,
        "test_loss": history[-1].test_loss,
        "device": devices[0].device_kind,
        "mem_max_rss": peak_memory(),
    }


def _mnist(images: int) -> "jaxae.Dataset":
    """MNIST with this many training images, repeated if there are fewer."""
    import numpy as np

    import jaxae

    data = jaxae.load_dataset()
    rows = np.arange(images) % len(data.train)
    train = jaxae.Split(data.train.images[rows], data.train.labels[rows])
    return jaxae.Dataset(data.name, train, data.test, data.class_names)


def _traffic(dump: Path) -> dict[str, Any]:
    """What each step sends: that of the compiled program whose loop sends the most."""
    programs = (path.read_text() for path in dump.glob("*_after_optimizations.txt"))
    sent = max(map(collectives, programs), key=lambda of: sum(size for _, size in of), default=[])
    if not sent:
        return {}
    names, sizes = zip(*sent, strict=True)
    return {"collectives": ", ".join(names), "collective_bytes": sum(sizes)}


@contextmanager
def _others(point: Point, spec: dict[str, Any]) -> Iterator[None]:
    """Run the other processes of the point; kill them if this one fails."""
    others = [
        subprocess.Popen(
            command("scaling.worker", spec | {"process": process}), stdout=subprocess.DEVNULL
        )
        for process in range(1, point.processes)
    ]
    try:
        yield
        for other in others:
            other.wait()
    finally:
        for other in others:
            other.kill()
            other.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
