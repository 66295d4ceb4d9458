"""The package's public names, which are imported on first use."""

import jaxae


def test_every_public_name_is_listed_and_imported() -> None:
    assert set(jaxae.__all__) <= set(dir(jaxae))
    for name in jaxae.__all__:
        assert getattr(jaxae, name) is not None
