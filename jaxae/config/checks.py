"""Checks that several configurations share."""


def is_whole(value: object) -> bool:
    """Return whether a value is an int, and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def require_count(name: str, value: int) -> None:
    """Raise ValueError unless a value is a whole number of 1 or more."""
    if not is_whole(value) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of 1 or more")


def require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless a value is one of those known."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")
