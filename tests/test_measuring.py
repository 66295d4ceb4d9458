"""Reports of models, of awkward data too, and studies of many seeds."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxae
from jaxae import Dataset, ModelConfig, Split, TrainConfig, analysis
from jaxae.analysis import Estimate
from jaxae.claims import Claim
from jaxae.cli import main
from jaxae.config import Architecture
from jaxae.embedding import Embedding
from jaxae.measuring import classifier_of, measure
from jaxae.report import NUMBERS, Report
from jaxae.study import fit_seeds, summary, verdicts


def model_of(dataset: Dataset, kind: Architecture = "ae", latent_dim: int = 2) -> Any:
    return jaxae.create_model(ModelConfig(latent_dim, 16, kind), dataset.image_shape, 0)


def report_of(dataset: Dataset, model: Any) -> Report:
    report = measure(Embedding(model, dataset), classifier_of(dataset))
    json.dumps(report.as_json(), allow_nan=False)
    for name, number in report.numbers.items():
        base = name.partition("/")[0]
        assert base in NUMBERS, f"{name} has no unit and no description"
        assert all(end is None or np.isfinite(end) for end in number), name
    assert all(report.undefined.values()), "a number is missing without a reason"
    return report


@pytest.mark.parametrize("kind", ["ae", "vae", "conv"])
def test_a_report_has_every_number_of_its_model(kind: Architecture, tiny: Dataset) -> None:
    model = model_of(tiny, kind)
    report = report_of(tiny, model)
    of_variational = {"divergence", "log_evidence"}
    missing = set(NUMBERS) - report.numbers.keys() - report.undefined.keys()
    assert missing == (set() if kind == "vae" else of_variational)
    assert {f"purity/{name}" for name in tiny.class_names} <= report.numbers.keys()


@pytest.mark.parametrize("latent_dim", [1, 3, 16])
def test_other_latent_dimensions_give_numbers_or_reasons(latent_dim: int, tiny: Dataset) -> None:
    report = report_of(tiny, model_of(tiny, latent_dim=latent_dim))
    assert {"knn1_accuracy", "gap_share", "hull_gap_share"} <= report.numbers.keys()
    undefined = {"elongation", "disorder", "largest_entropy"} & report.undefined.keys()
    assert len(undefined) == (3 if latent_dim == 1 else 0)


def test_one_class_only(tiny: Dataset) -> None:
    def of_one(split: Split) -> Split:
        return Split(split.images, np.zeros(len(split), int))

    one = dataclasses.replace(
        tiny, train=of_one(tiny.train), test=of_one(tiny.test), class_names=("all",)
    )
    report = report_of(one, model_of(one))
    assert "one class" in report.undefined["classifier_accuracy"]
    assert "1 classes" in report.undefined["silhouette"]
    assert report.numbers["knn1_accuracy"].value == 1


def test_identical_points(tiny: Dataset) -> None:
    model = model_of(tiny)
    model.encoder.latent.kernel[...] = jnp.zeros_like(model.encoder.latent.kernel[...])
    report = report_of(tiny, model)
    assert report.numbers["non_normality"].value == 4
    assert {"elongation", "hull_gap_share", "central_gap_share"} <= report.undefined.keys()


def test_fewer_examples_than_neighbours(tiny: Dataset) -> None:
    few = dataclasses.replace(
        tiny,
        train=Split(tiny.train.images[:4], tiny.train.labels[:4]),
        test=Split(tiny.test.images[:3], tiny.test.labels[:3]),
    )
    report = report_of(few, model_of(few))
    assert "k is 5 with 4" in report.undefined["knn5_accuracy"]
    assert "3 examples" in report.undefined["trustworthiness"]


@pytest.mark.parametrize("classes", [26, 47])
def test_many_classes(classes: int, tiny: Dataset) -> None:
    train, test = (
        Split(split.images, np.arange(len(split)) % classes) for split in (tiny.train, tiny.test)
    )
    names = tuple(f"class {number}" for number in range(classes))
    many = dataclasses.replace(tiny, train=train, test=test, class_names=names)
    report = report_of(many, model_of(many))
    assert np.shape(report.mixing) == (classes, classes)
    assert "classifier_accuracy" in report.numbers


def digits_report(**numbers: Estimate) -> Report:
    usual = {
        "normality_p": Estimate(0.0),
        "non_normality": Estimate(0.1),
        "elongation": Estimate(2.5),
        "largest_entropy": Estimate(3.0),
        "gap_share": Estimate(0.2),
        "distance_rise": Estimate(3.0, 2.0, 4.0),
        "confidence_drop": Estimate(0.2, 0.1, 0.3),
        "box_coverage": Estimate(0.95),
    }
    names = tuple(str(digit) for digit in range(10))
    return Report(usual | numbers, np.eye(10).tolist(), names)


def test_seeds_at_once_train_as_seeds_apart(tiny: Dataset) -> None:
    config, train = ModelConfig(2, 16, "vae"), TrainConfig(epochs=2, batch_size=64)
    histories: list[list[Any]] = []
    states = fit_seeds(tiny, config, train, [3, 5], on_epoch=histories.append)
    for index, seed in enumerate((3, 5)):
        model = jaxae.create_model(config, tiny.image_shape, seed)
        rows = jaxae.fit(model, tiny, dataclasses.replace(train, seed=seed))
        for row, epochs in zip(rows, histories, strict=True):
            found = epochs[index].metrics
            np.testing.assert_allclose(found[:3], row[:3], rtol=1e-5)
        apart = jax.tree.leaves(nnx.state(model, nnx.Param))
        together = jax.tree.leaves(states[index].params)
        for a, b in zip(apart, together, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_a_summary_is_the_mean_over_seeds() -> None:
    reports = [digits_report(gap_share=Estimate(value)) for value in (0.1, 0.2, 0.6)]
    del reports[1].numbers["elongation"]
    total = summary(reports)
    assert total.numbers["gap_share"] == analysis.mean([0.1, 0.2, 0.6])
    assert "1 of 3 seeds" in total.undefined["elongation"]
    p_values = [digits_report(normality_p=Estimate(value)) for value in (1e-9, 1e-3)]
    assert summary(p_values).numbers["normality_p"] == (1e-3, None, None)


def test_verdicts_count_seeds() -> None:
    def claim(holds: bool | None) -> Claim:
        return Claim("s", "r", holds, "")

    (mixed,) = verdicts([[claim(True)], [claim(False)], [claim(None)]])
    assert (mixed.holds, mixed.judged) == (1, 2) and "1 of 2" in mixed.words
    (always,) = verdicts([[claim(True)], [claim(True)]])
    assert always.words == "holds in every seed"
    (never,) = verdicts([[claim(None)]])
    assert never.words == "can't be judged"


@pytest.fixture(scope="module")
def study(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "study"
    options = ["--epochs", "2", "--hidden-dim", "16", "--data-dir", str(blobs)]
    assert main(["study", "--seeds", "2", "--run-dir", str(folder), *options]) == 0
    return folder


def test_a_study_leaves_runs_and_a_report(study: Path, capsys: Any) -> None:
    found = json.loads((study / "report.json").read_text())
    assert found["seeds"] == [0, 1]
    values = []
    for seed in (0, 1):
        run = jaxae.Run.open(study / f"seed-{seed}")
        assert run.train_config.seed == seed and len(run.history()) == 2
        report = json.loads((run.path / "report.json").read_text())
        values.append(report["numbers"]["gap_share"]["value"])
        again = main(["report", str(run.path), "--json"])
        assert again == 0 and json.loads(capsys.readouterr().out) == report
    assert found["numbers"]["gap_share"]["value"] == pytest.approx(np.mean(values))


def test_a_report_is_printed_in_tables(study: Path, capsys: Any) -> None:
    assert main(["report", str(study / "seed-0")]) == 0
    out = capsys.readouterr().out
    assert "| gap_share |" in out and "| There are wide gaps between them. |" in out


def test_a_study_is_not_overwritten_unless_told(study: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["study", "--run-dir", str(study)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["study", "--run-dir", str(tmp_path), "--overwrite"]) == 2
    assert "no study" in capsys.readouterr().err and (tmp_path / "mine.txt").exists()
    assert main(["study", "--seeds", "0"]) == 2
    assert "seeds is 0" in capsys.readouterr().err
