"""What a process finds around it: settings of a user, on which other packages fail, and their folder ~."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from mattis.errors import UserError
from mattis.words import one_line


@lru_cache(maxsize=1)
def why_dask_refuses() -> str:
    """Load Dask's settings; where they cannot be read, load Dask without them and return the reason.

    xarray loads Dask, also where nothing needs it.
    """
    try:
        import_module("dask.config")
    except ImportError:
        raise
    except Exception as error:  # of a file that is not YAML, or YAML of something else
        unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith("DASK_")}
        with TemporaryDirectory() as nothing:
            hidden = {"HOME": nothing, "DASK_ROOT_CONFIG": nothing, "DASK_CONFIG": nothing}
            with environment_with({**unset, **hidden}):
                import_module("dask.config")
        return one_line(error) or type(error).__name__
    return ""


def hide_dask_arrays() -> None:
    """Let xarray find no arrays of Dask for the rest of this process, and so not import them.

    Without effect where they are imported already, or xarray looks for them in another way.
    """
    if "dask.array" in sys.modules or why_dask_refuses():
        return
    sys.modules["dask.array"] = None  # type: ignore[assignment]  # Python's mark of what cannot be imported
    try:
        import_module("xarray.namedarray.pycompat").array_type("dask")  # which it asks once
    except (ImportError, AttributeError):
        pass
    finally:
        del sys.modules["dask.array"]


def load_matplotlib() -> None:
    """Import Matplotlib, if need be without the backend and the settings of the user: figures use neither.

    Raises UserError for a file of settings that it cannot be kept from.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache, each time
    try:
        import_module("matplotlib")
    except ImportError:
        raise
    except Exception:  # an unknown MPLBACKEND, or settings that are no text
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]  # the half of it that was imported
        package = find_spec("matplotlib")
        own = Path(str(package and package.origin)).parent / "mpl-data" / "matplotlibrc"
        try:
            with environment_with({"MPLBACKEND": None, "MATPLOTLIBRC": str(own)}):
                import_module("matplotlib")
        except Exception as error:
            raise UserError(
                f"Matplotlib cannot be loaded: {one_line(error)}; mend its settings (./matplotlibrc)"
            ) from None


def expanded(path: Path | str) -> Path:
    """Return the path that a user gives, with the folder of a user in place of ~.

    A shell leaves ~ alone in --results=~/runs, and a file of settings always does.
    """
    given = Path(path)
    if not str(path).startswith("~"):  # ./~ is a folder of that name, also when it is read again
        return given.absolute() if str(given).startswith("~") else given
    try:
        return given.expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no such user; write ./{path} for a folder of that name") from None


def cache_folder() -> Path:
    """Return the folder of this package in the user's cache: what is in it may be lost, and is found anew.

    $XDG_CACHE_HOME if that is an absolute path, or else ~/.cache, as freedesktop.org's Base Directory
    Specification says. It need not exist, nor be one that can be written to.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named / "mattis"
    try:
        return Path.home() / ".cache" / "mattis"
    except RuntimeError:  # a user without a folder
        return Path(gettempdir()) / f"mattis-cache-{os.getuid()}"


@contextmanager
def environment_with(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set some variables of the environment for a while, and unset others."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
