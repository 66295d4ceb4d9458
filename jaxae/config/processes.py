"""How processes that train together find each other."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessConfig:
    """How processes find each other; not needed on Slurm, Open MPI, Cloud TPU and Kubernetes."""

    coordinator: str | None = None
    """HOST:PORT at which process 0 can be reached; the same for all processes."""

    process_id: int | None = None
    """The number of this process, from 0."""

    process_count: int | None = None
    """The number of processes; 1 trains alone, even on a cluster."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all fields are set, or none, or only a `process_count` of 1."""
        given = (self.coordinator, self.process_id, self.process_count)
        if given in ((None, None, None), (None, None, 1)):
            return
        if None in given:
            raise ValueError(
                f"coordinator, process_id and process_count are {given}; expected all three, or "
                "none on a cluster that JAX detects"
            )
        if not re.fullmatch(r".+:[0-9]+", str(self.coordinator)):
            raise ValueError(f"coordinator is {self.coordinator!r}; expected HOST:PORT")
        if not 0 <= (self.process_id or 0) < (self.process_count or 0):
            raise ValueError(
                f"process_id is {self.process_id} with process_count {self.process_count}; "
                "expected 0 to process_count - 1"
            )
