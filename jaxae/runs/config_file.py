"""config.json: a run's settings and the environment that computed it.

The file may come from anywhere. It is refused if it is too large, and every value is checked.
"""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxae._utils.files import read_text, write_json
from jaxae._utils.text import reason
from jaxae.config import CheckpointConfig, DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxae.runs.environment import Environment

# What reading JSON of an unexpected form may raise.
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def parse_config(sections: Any) -> RunConfig:
    """Make a configuration from the sections of a config.json.

    A section or a field that is missing because an older version did not have it gets its default.

    Raises:
      ValueError: a section has an unexpected form or a bad value.
    """
    try:
        data = dict(sections["data"])
        data["image_shape"] = tuple(data["image_shape"])
        return RunConfig(
            ModelConfig(**sections["model"]),
            TrainConfig(**sections["train"]),
            DataConfig(**data),
            CheckpointConfig(**sections.get("checkpoints", {})),
            sections.get("imported_from"),
            sections["format"],
        )
    except DAMAGED as error:
        raise ValueError(reason(error)) from error


def read_config(file: Path) -> tuple[RunConfig, Environment]:
    """Read a config.json: the settings, and the environment that computed the run last.

    Raises:
      ValueError: it is damaged, of another version, or larger than 1 MiB; the message names it.
      OSError: it cannot be opened.
    """
    try:
        sections = json.loads(read_text(file))
        environment = Environment.parse([sections, *sections.get("resumed", [])][-1])
        return parse_config(sections), environment
    except DAMAGED as error:
        raise ValueError(f"{file} is damaged or of another version: {reason(error)}") from error


def write_config(file: Path, config: RunConfig, environment: Environment) -> None:
    """Write the config.json of a new run, atomically.

    Raises:
      OSError: it cannot be written.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(file, {**_sections(config), **environment.as_json(), "created": created})


def update_config(
    file: Path, config: RunConfig, resumed: Environment | None, after_epoch: int
) -> None:
    """Replace the settings in a config.json, atomically.

    An environment in `resumed` is appended to the list of that name, with the epoch it follows.

    Raises:
      OSError: it cannot be written.
    """
    content = json.loads(file.read_text()) | _sections(config)
    if resumed is not None:
        entry = {"epoch": after_epoch, **resumed.as_json()}
        content["resumed"] = [*content.get("resumed", []), entry]
    write_json(file, content)


def _sections(config: RunConfig) -> dict[str, Any]:
    sections = dataclasses.asdict(config)
    return {name: section for name, section in sections.items() if section is not None}
