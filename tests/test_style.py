"""The style files of the package, loaded by Matplotlib's mechanism."""

import logging
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import style

import jaxae
from tests.commands import python

LOOKS = {path.stem: path for path in Path(jaxae.__file__).parent.glob("*.mplstyle")}


def keys(path: Path) -> list[str]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [line.partition(":")[0] for line in lines]


@pytest.mark.parametrize("name", ["paper", "slide"])
def test_matplotlib_accepts_every_setting(name: str, caplog: pytest.LogCaptureFixture) -> None:
    wanted = keys(LOOKS[name])
    assert len(wanted) == len(set(wanted)) > 20
    # Of a setting that it does not accept, Matplotlib only logs a warning.
    with caplog.at_level(logging.WARNING, "matplotlib"), style.context(f"jaxae.{name}"):
        accepted = mpl.rc_params_from_file(LOOKS[name], use_default_template=False)
        assert {key: mpl.rcParams[key] for key in accepted} == accepted
    assert accepted.keys() == set(wanted) and not caplog.records


def test_each_look_replaces_the_other_entirely() -> None:
    assert set(LOOKS) == {"paper", "slide"}
    assert set(keys(LOOKS["paper"])) == set(keys(LOOKS["slide"]))


@pytest.mark.slow
def test_a_look_needs_no_other_import_of_jaxae() -> None:
    script = """
import sys
import matplotlib.pyplot as plt

plt.style.use("jaxae.paper")
print(plt.rcParams["figure.figsize"], *sorted({"jax", "flax", "scipy"} & sys.modules.keys()))
"""
    done = python("-c", script)
    assert done.stdout == "[3.5, 2.6]\n", done.stderr
