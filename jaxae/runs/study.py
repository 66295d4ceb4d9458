"""The folder of a study, which holds one run per seed."""

from pathlib import Path

from jaxae.runs.run import Run


def seed_folders(study: Path) -> list[Path]:
    """List the folders of a study's runs, seed-0 and so on, in order of seed."""
    found = [path for path in study.glob("seed-*") if path.name[5:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def first_run(study: Path) -> Run:
    """Open the first run of a study.

    Raises:
      ValueError: the study has no run, or it is damaged.
    """
    for path in seed_folders(study):
        if (path / "config.json").is_file():
            return Run.open(path)
    raise ValueError(
        f"{study} is not a study: it holds no run of a seed, such as seed-0; make one with jaxae "
        "study"
    )
