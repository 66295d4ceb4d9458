"""Reports of models, also for awkward data, and studies of many seeds."""

import dataclasses
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxae
from jaxae import Dataset, ModelConfig, Split, TrainConfig, analysis
from jaxae.analysis import Estimate, summarize, verdicts
from jaxae.analysis.claims import Claim
from jaxae.analysis.embedding import Embedding
from jaxae.analysis.measurements import classifier_of, measure
from jaxae.analysis.report import NUMBERS, Report
from jaxae.training.seeds import fit_seeds
from tests.kinds import KINDS


def model_of(dataset: Dataset, kind: str = "ae", latent_dim: int = 2) -> Any:
    config = dataclasses.replace(KINDS[kind], latent_dim=latent_dim)
    return jaxae.create_model(config, dataset.image_shape, 0)


def report_of(dataset: Dataset, model: Any) -> Report:
    report = measure(Embedding(model, dataset), classifier_of(dataset))
    json.dumps(report.as_json(), allow_nan=False)
    for name, number in report.numbers.items():
        base = name.partition("/")[0]
        assert base in NUMBERS, f"{name} has no unit and no description"
        assert all(end is None or np.isfinite(end) for end in number), name
    assert all(report.undefined.values()), "a number is missing without a reason"
    return report


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_has_every_number_of_its_model(kind: str, tiny: Dataset) -> None:
    model = model_of(tiny, kind)
    report = report_of(tiny, model)
    of_variational = {"divergence", "log_evidence"}
    over_seeds = {"euclidean_variation", "geodesic_variation"}
    missing = set(NUMBERS) - report.numbers.keys() - report.undefined.keys() - over_seeds
    assert missing == (set() if KINDS[kind].model == "vae" else of_variational)
    assert {f"purity/{name}" for name in tiny.class_names} <= report.numbers.keys()


@pytest.mark.parametrize("latent_dim", [1, 3, 16])
def test_other_latent_dimensions_give_numbers_or_reasons(latent_dim: int, tiny: Dataset) -> None:
    report = report_of(tiny, model_of(tiny, latent_dim=latent_dim))
    assert {"knn1_accuracy", "gap_share", "hull_gap_share"} <= report.numbers.keys()
    assert {"log_det_variance", "geodesic_gain", "geodesic_gap_share"} <= report.numbers.keys()
    of_planes = {"elongation", "image_elongation", "disorder", "largest_entropy"}
    assert len(of_planes & report.undefined.keys()) == (4 if latent_dim == 1 else 0)


def test_one_class_only(tiny: Dataset) -> None:
    def of_one(split: Split) -> Split:
        return Split(split.images, np.zeros(len(split), int))

    one = dataclasses.replace(
        tiny, train=of_one(tiny.train), test=of_one(tiny.test), class_names=("all",)
    )
    report = report_of(one, model_of(one))
    for name in ("classifier_accuracy", "silhouette", "gap_confidence", "central_distance_rise"):
        assert "one class" in report.undefined[name]
    assert report.numbers["knn1_accuracy"].value == 1


def test_identical_points(tiny: Dataset) -> None:
    model = model_of(tiny)
    model.encoder.latent.kernel[...] = jnp.zeros_like(model.encoder.latent.kernel[...])
    report = report_of(tiny, model)
    assert report.numbers["non_normality"].value == 4
    assert {"elongation", "hull_gap_share", "central_gap_share"} <= report.undefined.keys()
    assert report.undefined["geodesic_gain"] == "the embeddings' convex hull has no volume"
    assert "all the same" in report.undefined["central_gap_confidence"]
    # All embeddings are in one tile of the lecture's box.
    assert {"confidence_drop", "distance_rise"} <= report.numbers.keys()
    for reason in report.undefined.values():
        assert "shape" not in reason and "Box(" not in reason, "that is for developers"


@pytest.mark.parametrize(
    ("spread", "missing", "reason"),
    [(0.0, "occupied_entropy", "no tile near an embedding"), (1.0, "gap_entropy", "no gap in")],
)
def test_a_box_that_is_all_gaps_or_has_none_says_so(
    tiny: Dataset, spread: float, missing: str, reason: str
) -> None:
    """The embeddings are placed by hand: far away, or on the points of a fine lattice."""
    points = jaxae.grid_points(jaxae.LECTURE_BOX, 60).reshape(-1, 2)
    z = (points * spread + 100 * (1 - spread)).astype(np.float32)
    z += np.random.default_rng(0).normal(0, 1e-3, z.shape).astype(np.float32)
    rows = np.resize(np.arange(len(tiny.train)), len(z))
    crowd = Split(tiny.train.images[rows], tiny.train.labels[rows])
    embedding = Embedding(model_of(tiny), dataclasses.replace(tiny, train=crowd, test=crowd))
    embedding.__dict__.update(z_train=z, z_test=z)
    report = measure(embedding, classifier_of(tiny))
    assert reason in report.undefined[missing] and reason in report.undefined["entropy_rise"]


def test_only_undefined_numbers_are_left_out() -> None:
    def undefined() -> float:
        raise analysis.UndefinedError("one class")

    def wrong() -> float:
        raise ValueError("operands could not be broadcast")

    report = Report()
    report.add("purity", undefined)
    report.add("disorder", undefined, otherwise="no cell")
    assert report.undefined == {"purity": "one class", "disorder": "no cell"}
    with pytest.raises(ValueError, match="broadcast"):
        report.add("purity", wrong)


def test_intervals_are_clipped_to_the_limits_of_a_number() -> None:
    report = Report()
    cases = {
        "box_coverage": ((-0.01, 1.5), (0, 1)),
        "purity/7": ((0.5, 1.5), (0.5, 1)),
        "silhouette": ((-1.5, 1.5), (-1, 1)),
        "non_normality": ((-1, 9), (0, 4)),
        "elongation": ((-1, 9), (1, 9)),
        "gap_distance": ((-1, 9), (0, 9)),
        "central_distance_rise": ((-1, 9), (-1, 9)),
        "log_evidence": ((-9, 9), (-9, 9)),
    }
    for name, (given, within) in cases.items():
        report.add(name, lambda given=given: Estimate(1.0, *given))
        assert report.numbers[name] == (1.0, *within)


def test_a_summary_of_one_seed_has_no_interval() -> None:
    one = summarize([digits_report(gap_share=Estimate(0.3, 0.2, 0.4))])
    assert one.numbers["gap_share"] == (0.3, None, None)


def test_fewer_examples_than_neighbours(tiny: Dataset) -> None:
    few = dataclasses.replace(
        tiny,
        train=Split(tiny.train.images[:4], tiny.train.labels[:4]),
        test=Split(tiny.test.images[:3], tiny.test.labels[:3]),
    )
    report = report_of(few, model_of(few))
    assert "too few training points, 4," in report.undefined["knn5_accuracy"]
    assert "too few examples, 3;" in report.undefined["trustworthiness"]


@pytest.mark.parametrize("classes", [26, 47])
def test_many_classes(classes: int, tiny: Dataset) -> None:
    train, test = (
        Split(split.images, np.arange(len(split)) % classes) for split in (tiny.train, tiny.test)
    )
    names = tuple(f"class {number}" for number in range(classes))
    many = dataclasses.replace(tiny, train=train, test=test, class_names=names)
    report = report_of(many, model_of(many))
    assert np.shape(report.neighbour_confusion) == (classes, classes)
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


@pytest.mark.slow
def test_seeds_train_together_as_they_do_alone(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    # In parts, as a long epoch is, between which a stop is heard.
    monkeypatch.setattr("jaxae.training.resident.steps_per_call", lambda *_: 2)
    heard: list[None] = []
    in_parts = fit_seeds(tiny, config, train, [3, 5], on_position=lambda: heard.append(None))
    assert len(heard) == 2 * 2  # Of 5 steps: after two, and after four.
    for part, whole in zip(in_parts, states, strict=True):
        for a, b in zip(jax.tree.leaves(part.params), jax.tree.leaves(whole.params), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_summary_is_the_mean_over_seeds() -> None:
    reports = [digits_report(gap_share=Estimate(value)) for value in (0.4, 0.5, 0.6)]
    del reports[1].numbers["elongation"]
    reports[1].undefined["elongation"] = "no class has one"
    total = summarize(reports)
    assert total.numbers["gap_share"] == analysis.mean([0.4, 0.5, 0.6])
    assert total.undefined["elongation"] == "no class has one (in 1 of 3 seeds)"
    for report in reports:
        report.numbers.pop("purity", None)
        report.undefined["purity"] = "one class"
    assert summarize(reports).undefined["purity"] == "one class"
    p_values = [digits_report(normality_p=Estimate(value)) for value in (1e-9, 1e-3)]
    assert summarize(p_values).numbers["normality_p"] == (1e-3, None, None)


def test_verdicts_count_seeds() -> None:
    def claim(holds: bool | None, over_seeds: bool = False) -> Claim:
        return Claim("s", "r", holds, "", over_seeds)

    (mixed,) = verdicts([[claim(True)], [claim(False)], [claim(None)]], [claim(None)])
    assert (mixed.holds, mixed.judged) == (1, 2) and "1 of 2" in mixed.words
    (always,) = verdicts([[claim(True)], [claim(True)]], [claim(False)])
    assert always.words == "holds in every seed"
    (never,) = verdicts([[claim(None)]], [claim(True)])
    assert never.words == "can't be evaluated"
    words = {True: "holds over the", False: "is not shown over the", None: "can't be evaluated"}
    for holds, expected in words.items():
        (once,) = verdicts([[claim(None)], [claim(None)]], [claim(holds, over_seeds=True)])
        assert once.words.startswith(expected) and once.judged == (holds is not None)


def test_a_study_of_no_seeds_is_refused(tiny: Dataset) -> None:
    with pytest.raises(ValueError, match=r"^seeds is empty"):
        fit_seeds(tiny, ModelConfig(), TrainConfig(), [])
