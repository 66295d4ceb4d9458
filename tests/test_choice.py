"""The choice of figures on the command line: which figures, of which runs, classes and look."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxae import Dataset, Split
from jaxae.cli.figures import WORDS
from jaxae.drawing import Options, Source, check, names_of
from jaxae.drawing.registry import FIGURES
from tests.commands import jaxae, refusal

NAMES = ", ".join(FIGURES)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[list[Source], Options]]:
    """Let figures be empty, and collect what they would have been drawn from."""
    seen = {}

    def stand_in(name: str) -> Any:
        def function(sources: list[Source], options: Options) -> Figure:
            seen[name] = (sources, options)
            return Figure()

        return function

    for name, drawing in FIGURES.items():
        monkeypatch.setitem(FIGURES, name, drawing._replace(function=stand_in(name)))
    return seen


def test_help_and_documentation_name_every_figure() -> None:
    assert [*WORDS] == [*FIGURES]
    page = (Path(__file__).parents[1] / "docs/command-line.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|.*(?:runs?|studies) \|$", page, re.MULTILINE) == [*FIGURES]


def test_only_the_named_figures_are_drawn_once(
    runs: Path, seen: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "my figures"
    only = ("grid", "latent", "grid")
    assert jaxae("figures", runs / "ae", "--only", *only, "--format", "pdf", "--out", out) == 0
    assert capsys.readouterr().out.split("\n") == [f"{out}/grid.pdf", f"{out}/latent.pdf", ""]
    assert {path.name for path in out.iterdir()} == {"grid.pdf", "latent.pdf"}


def test_several_runs_get_the_figures_that_compare_them(
    runs: Path, study: Path, seen: dict[str, Any], tmp_path: Path
) -> None:
    many = [Path(shutil.copytree(runs / "ae", tmp_path / name)) for name in "abcde"]
    studies = [Path(shutil.copytree(study, tmp_path / name)) for name in ("x/study", "y/study")]
    for given, expected in (
        (many[:2], {"interpolation-a-b.png", "ae_vae-a-b.png"}),
        (many[:4], {"interpolation-a-b-c-d.png"}),
        ([study], {"seeds.png"}),
        (studies, {"seeds-x-study-y-study.png"}),
    ):
        out = tmp_path / "out"
        assert jaxae("figures", *given, "--out", out) == 0
        assert {path.name for path in out.iterdir()} == expected
        shutil.rmtree(out)
    assert [source.path for source in seen["seeds"][0]] == studies
    assert jaxae("figures", *many[:2]) == 0
    assert (tmp_path / "a/figures/ae_vae-a-b.png").is_file()


def test_too_many_runs_and_the_same_run_twice_are_refused(
    runs: Path, tmp_path: Path, capsys: Any
) -> None:
    for name in "abcde":
        (tmp_path / name).mkdir()
        shutil.copy(runs / "ae/config.json", tmp_path / name)
    many = [tmp_path / name for name in "abcde"]
    assert "5 runs were given; expected one to four" in refusal(capsys, "figures", *many)
    again = tmp_path / "b" / ".." / "a"
    line = refusal(capsys, "figures", many[0], again)
    assert f"{again} is given twice; expected different runs" in line


def test_a_figure_that_the_runs_do_not_have_is_named_and_the_others_are_drawn(
    runs: Path, study: Path, seen: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    both = (runs / "ae", runs / "vae")
    out = ("--out", tmp_path / "out")
    with pytest.raises(SystemExit) as stop:
        jaxae("figures", *both, "--only", "latent", "ae_vae", *out)
    assert stop.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "no latent: 2 runs were given; expected 1",
        str(tmp_path / "out/ae_vae-ae-vae.png"),
    ]
    with pytest.raises(SystemExit):
        jaxae("figures", study, "--only", "grid", *out)
    expected = f"no grid: {study} is a study; expected one of its runs, such as {study}/seed-0\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            ("--only", "latnt"),
            rf"unknown figure 'latnt'; expected one of {NAMES}; did you mean latent\?",
        ),
        (("--only", "latent", "x"), f"unknown figure 'x'; expected one of {NAMES}$"),
        (("--only",), f"--only names no figure; expected some of {NAMES}"),
        (("--classes", "0", "cat"), "has no class 'cat'; expected some of 0, 1, 2"),
        (("--classes",), "classes is empty"),
        (("--width", "Column"), "'Column' is not one of .*page.*FLOAT"),
        (("--width", "0"), "width is 0.0; expected column, page, slide, or from 2 to 100 inches"),
        (("--width", "nan"), "width is nan; expected column, page, slide"),
        (("--dpi", "9"), "dpi is 9; expected 10 to 2400"),
        (("--dpi", "2401"), "dpi is 2401; expected 10 to 2400"),
        (("--dpi", "nan"), "--dpi: 'nan' is not one of INT"),
        (("--format", "gif"), "'gif' .*'png', 'pdf', 'svg'"),
        (("--box", "big"), "'big' .*'lecture'"),
        (("--palette", "tab1"), r"unknown palette 'tab1'; .*tab20.*did you mean tab10\b"),
        (("--out", __file__), f"--out {__file__} is not a folder"),
        (("--fit-box",), "no option --fit-box; did you mean --box cloud"),
    ],
)
def test_a_bad_choice_is_refused_before_anything_is_drawn(
    runs: Path, capsys: Any, args: tuple[str, ...], expected: str
) -> None:
    line = refusal(capsys, "figures", runs / "ae", *args, unchanged=runs)
    assert re.search(expected, line)


def test_the_run_has_to_precede_a_list(runs: Path, capsys: Any) -> None:
    line = refusal(capsys, "figures", "--only", "latent", runs / "ae")
    assert "expected a run's folder before --only and --classes" in line


def test_figures_show_only_images_of_the_chosen_classes(
    runs: Path, seen: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jaxae("figures", runs / "ae", "--classes", "2", "0", "--out", tmp_path)
    ((shown,), _), whole = seen["latent"], Source(runs / "ae")
    for split in ("train", "test"):
        every = getattr(whole.embedding.dataset, split)
        kept = [i for i, label in enumerate(every.labels) if label in (0, 2)]
        assert 0 < len(kept) < len(every)
        part = getattr(shown.embedding.dataset, split)
        np.testing.assert_array_equal(part.images, [every.images[i] for i in kept])
        np.testing.assert_array_equal(part.labels, [every.labels[i] for i in kept])
    assert shown.embedding.dataset.class_names == whole.dataset.class_names
    monkeypatch.setattr("jaxae.drawing.source.classifier_of", lambda dataset: len(dataset.train))
    assert shown.classifier == len(whole.dataset.train)
    # These show no classes.
    for name, (_, options) in seen.items():
        assert (options.classes is None) == (name in ("curve", "prior"))


def source(names: tuple[str, ...], train: list[int], test: list[int]) -> Source:
    def split(labels: list[int]) -> Split:
        return Split(np.zeros((len(labels), 2, 2), np.uint8), np.array(labels))

    made = Source("run")
    made.__dict__["dataset"] = Dataset("made up", split(train), split(test), names)
    return made


@pytest.mark.parametrize(
    ("names", "classes", "expected"),
    [
        (("a b", "c/d", "É"), ("É", "a b"), [0, 2]),
        (("a b", "c/d", "É"), ("1", "c/d", "2"), [1, 2]),
        (("0", "7", "1"), ("1",), [2]),  # A name has precedence over a label.
        (("0", "7", "1"), ("2", "7"), [1, 2]),
    ],
)
def test_a_class_is_given_by_its_name_or_its_label(
    names: tuple[str, ...], classes: tuple[str, ...], expected: list[int]
) -> None:
    assert source(names, [0, 1, 2], [0, 1, 2]).labels_of(classes) == expected


def test_a_palette_with_too_few_colours_is_refused_before_anything_is_drawn() -> None:
    whole = source(("a",) * 11, [0], [0])
    whole.__dict__["runs"] = []
    with pytest.raises(ValueError, match="palette 'tab10' has 10 colours; expected 11 or more"):
        check(["grid"], [whole], Options(palette="tab10"))


def test_a_class_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="run has no test image of b; add a class"):
        source(("a", "b"), [0, 1], [0]).labels_of(["b"])


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([("ae", "runs/a", "newest"), ("vae", "runs/b", "best")], ["ae", "vae"]),
        ([("ae", "runs/a", "newest"), ("ae", "runs/b", "newest")], ["a", "b"]),
        ([("ae", "x/a", "newest"), ("ae", "y/a", "newest")], ["x/a", "y/a"]),
        (
            [("ae", "a", "newest"), ("ae", "a", "best"), ("ae", "a", 3)],
            ["a", "a, best epoch", "a, epoch 3"],
        ),
        ([("ae", "$a$", "newest"), ("ae", "b\n", "newest")], [r"\$a\$", r"b\n"]),
    ],
)
def test_sources_have_different_names_in_a_figure(
    sources: list[tuple[str, str, Any]], expected: list[str], tmp_path: Path
) -> None:
    made: list[Any] = [
        SimpleNamespace(name=name, path=tmp_path / folder, checkpoint=checkpoint)
        for name, folder, checkpoint in sources
    ]
    assert names_of(made) == expected
