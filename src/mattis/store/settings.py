"""Dask's settings, which its users keep in files: xarray loads them, also where no Dask is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryDirectory


@lru_cache(maxsize=1)
def why_not_read() -> str:
    """Load Dask's settings; where they cannot be read, load Dask without them and return the reason."""
    try:
        import dask.config
    except ImportError:
        raise
    except Exception as error:  # of a file that is not YAML, or YAML of something else
        with _no_settings():
            import dask.config  # noqa: F401

        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""


@contextmanager
def _no_settings() -> Iterator[None]:
    """Show Dask empty folders, and no variables, where it looks for settings."""
    before = dict(os.environ)
    with TemporaryDirectory() as nothing:
        try:
            for name in [name for name in os.environ if name.startswith("DASK_")]:
                del os.environ[name]
            os.environ |= {"HOME": nothing, "DASK_ROOT_CONFIG": nothing, "DASK_CONFIG": nothing}
            yield
        finally:
            os.environ.clear()
            os.environ |= before
