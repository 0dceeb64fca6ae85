"""Plugins: rows that other people add to the tables of this package, from a file or an installed package.

A table (rules of couplings, ensembles, generating functions, observables, theory, models) is a `Table` of
`Row`s. A plugin is a Python module that makes rows, by the decorators of `mattis.extend`. What is loaded
holds for the process: it is loaded before a study is read, here and in every worker.
"""

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from mattis.errors import UserError, nearest

ENTRY_POINTS = "mattis.plugins"
"""The entry points by which an installed package says which of its modules are plugins."""

LARGEST_PLUGIN = 2**20
"""Bytes of a file at most: it travels with every task."""


class Row:
    """One row of a table."""

    table: ClassVar[str]
    """What the rows of the table are, in a word or two."""

    name: str
    """The word that a study says."""


RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True)
class Number:
    """A number that a row takes: an argument of its function, with its type, bounds and meaning."""

    name: str
    kind: Any
    """The annotation: a type, or `Annotated[type, Field(…)]` of pydantic with bounds and a description."""

    default: Any

    @property
    def description(self) -> str:
        """What it means, as the annotation says it."""
        fields = [m for m in getattr(self.kind, "__metadata__", ()) if isinstance(m, FieldInfo)]
        return next((field.description for field in fields if field.description), "")

    @property
    def plain(self) -> Any:
        """The type without bounds."""
        return self.kind.__origin__ if get_origin(self.kind) is Annotated else self.kind

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number."""
        return self.plain is int

    @property
    def bounds(self) -> list[Any]:
        """The bounds that the annotation says."""
        return [
            bound
            for field in getattr(self.kind, "__metadata__", ())
            for bound in (field.metadata if isinstance(field, FieldInfo) else [field])
        ]

    @property
    def strict(self) -> Any:
        """The annotation, with which 1 is a number of any kind, 1.5 no whole one and "1" none."""
        simple = self.plain in (int, float, bool)
        return Annotated[self.kind, Field(strict=True)] if simple else self.kind


def numbers_of(function: Callable[..., Any], first: int = 1) -> Mapping[str, Number]:
    """Return the numbers that a function takes after its first arguments, by their names.

    Raises TypeError unless each has a type and a default, for a study may leave it out.
    """
    signature = inspect.signature(function)
    hints = inspect.get_annotations(function, eval_str=True)
    found = {}
    for name, parameter in [*signature.parameters.items()][first:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"its argument *{name} is no number; expected {name}: float = 1.0")
        if name not in hints or parameter.default is parameter.empty:
            raise TypeError(f"its number {name} has no type or no default; expected {name}: float = 1.0")
        found[name] = Number(name, hints[name], parameter.default)
    return found


class NumberedRow(Row):
    """A row that is a function with numbers, which are read when it is made: a wrong one is refused then."""

    numbers: Mapping[str, Number]
    """The numbers that it takes, by their names."""

    def read_numbers(self, function: Callable[..., Any]) -> None:
        """Take the numbers from the arguments of a function. Raises TypeError as `numbers_of` does."""
        object.__setattr__(self, "numbers", numbers_of(function))


@dataclass(frozen=True, init=False)
class Choice:
    """A row by its name, with the numbers that a study gives; the others are the usual ones."""

    table: ClassVar[str]

    name: str
    given_numbers: tuple[tuple[str, Any], ...]

    def choose(self, name: str, numbers: Mapping[str, Any]) -> None:
        """Set the name and the numbers; for `__init__` of a frozen class."""
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "given_numbers", tuple(sorted(numbers.items())))

    def __getitem__(self, name: str) -> Any:
        """Return a number: as given, or the default of the row."""
        given = dict(self.given_numbers)
        return given[name] if name in given else self._numbers[name].default

    @property
    def own(self) -> dict[str, Any]:
        """The numbers that the row takes, by their names."""
        return {name: self[name] for name in self._numbers}

    @property
    def _numbers(self) -> Mapping[str, Number]:
        numbers: Mapping[str, Number] = _BUILT_IN[self.table][self.name].numbers
        return numbers


@dataclass(frozen=True)
class Plugin:
    """A module that makes rows: its name, the hash of what it says, and how a worker gets it."""

    name: str
    digest: str
    """SHA-256 of the file, or of all Python files of the installed package."""

    text: str = ""
    """The content of a file, which travels to the workers; empty for what is installed there."""

    module: str = ""
    """The module of an installed plugin."""

    path: str = ""

    @property
    def place(self) -> str:
        """How errors name it."""
        return f"plugin {self.path or self.name}"


@dataclass(frozen=True)
class Loaded:
    """A plugin and the rows that it made, by table and name."""

    plugin: Plugin
    rows: Mapping[str, Mapping[str, Row]]


_LOADED: dict[str, Loaded] = {}
_BUILT_IN: dict[str, "Table[Any]"] = {}


class Table(Mapping[str, RowT], Generic[RowT]):
    """Rows by their names: those of this package, then those of the plugins that are loaded."""

    def __init__(self, kind: type[RowT], rows: Iterable[RowT]) -> None:
        self.kind = kind.table
        self.built_in: Mapping[str, RowT] = {row.name: row for row in rows}
        _BUILT_IN[self.kind] = self

    def __getitem__(self, name: str) -> RowT:
        return self.built_in[name] if name in self.built_in else self._added[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self._added

    def __len__(self) -> int:
        return len(self.built_in) + len(self._added)

    @property
    def _added(self) -> dict[str, RowT]:
        """The rows of plugins."""
        found: dict[str, Any] = {}
        for one in _LOADED.values():
            found |= one.rows.get(self.kind, {})
        return found

    def plugins(self, names: Iterable[str]) -> list[Plugin]:
        """Return the plugins that some rows come from, without those of this package."""
        wanted = {*names} - {*self.built_in}
        return [one.plugin for one in _LOADED.values() if not wanted.isdisjoint(one.rows.get(self.kind, ()))]


def loaded() -> Sequence[Plugin]:
    """Return the plugins that are loaded in this process."""
    return [one.plugin for one in _LOADED.values()]


def from_file(path: Path) -> Plugin:
    """Return the plugin in a file. Raises UserError where there is none to be read."""
    where = f"--plugin {path}"
    if path.suffix != ".py":
        raise UserError(
            f"{where}: got {path.suffix or 'no suffix'}; expected a Python file, such as my_rules.py"
        )
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: cannot read it: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > LARGEST_PLUGIN:
        raise UserError(
            f"{where}: got {len(content)} bytes; expected at most {LARGEST_PLUGIN}; install it as a package"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UserError(f"{where}: not UTF-8 text") from None
    return Plugin(path.stem, hashlib.sha256(content).hexdigest(), text, path=str(path))


@cache
def installed() -> Sequence[Plugin]:
    """Return the plugins of installed packages, in the order of their names."""
    return [
        Plugin(point.name, digest_of_module(point.module), module=point.module)
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    ]


def digest_of_module(module: str) -> str:
    """Return the SHA-256 of the Python files of a module or package; "" where it is not installed."""
    try:
        found = find_spec(module)
    except ImportError:
        found = None
    if found is None or found.origin is None:
        return ""
    place = Path(found.origin)
    files = sorted(place.parent.rglob("*.py")) if found.submodule_search_locations else [place]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(place.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def load_plugins(*files: Path | str) -> None:
    """Load the plugins of installed packages, and those in files.

    Raises UserError where one cannot be read, or makes no rows that fit the tables.

        mattis.load_plugins("my_rules.py")
        study = mattis.load_study("my_study.yaml")
    """
    ensure([*installed(), *(from_file(Path(file)) for file in files)])


def ensure(plugins: Iterable[Plugin]) -> None:
    """Load plugins that are not loaded yet; one of the same name and another content is replaced.

    Raises UserError where a plugin cannot be had or makes no rows that fit.
    """
    for plugin in plugins:
        there = _LOADED.get(plugin.name)
        if there is None or there.plugin.digest != plugin.digest:
            _LOADED.pop(plugin.name, None)
            _LOADED[plugin.name] = Loaded(plugin, _rows(plugin))


def forget(names: Iterable[str]) -> None:
    """Take plugins out of the tables again."""
    for name in names:
        _LOADED.pop(name, None)


def _rows(plugin: Plugin) -> Mapping[str, Mapping[str, Row]]:
    """Return the rows that a plugin makes, by table and name. Raises UserError where they do not fit."""
    module = _executed(plugin)
    found: dict[str, dict[str, Row]] = {}
    for value in vars(module).values():
        if isinstance(value, Row) and value.name not in found.setdefault(value.table, {}):
            found[value.table][value.name] = value
        elif isinstance(value, Row) and found[value.table][value.name] is not value:
            raise UserError(
                f"{plugin.place}: two rows of {value.table}s are named {value.name}; rename one of them"
            )
    if not any(found.values()):
        raise UserError(
            f"{plugin.place}: got no rows; expected a function under a decorator of mattis.extend"
        )
    for kind, rows in found.items():
        for name in rows:
            _check_new(plugin, kind, name)
    return found


def _check_new(plugin: Plugin, kind: str, name: str) -> None:
    """Raise UserError for a name that a table has already."""
    if name in _BUILT_IN[kind].built_in:
        raise UserError(f"{plugin.place}: {kind} {name} is one of mattis already; give it another name")
    for one in _LOADED.values():
        if name in one.rows.get(kind, ()):
            raise UserError(
                f"{plugin.place}: {kind} {name} is one of {one.plugin.place} already; give it another name"
            )


def _executed(plugin: Plugin) -> ModuleType:
    """Return the module of a plugin. Raises UserError, in one line, for whatever it raises."""
    try:
        if not plugin.text:
            return _imported(plugin)
        module = ModuleType(f"mattis_plugin_{plugin.name}")
        module.__file__ = plugin.path
        sys.modules[module.__name__] = module  # annotations and dataclasses look there
        exec(compile(plugin.text, plugin.path, "exec"), vars(module))
        return module
    except UserError as error:
        raise UserError(f"{plugin.place}: {error}") from None
    except SyntaxError as error:
        raise UserError(f"{plugin.place}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        raise UserError(f"{plugin.place}{_line_of(error, plugin)}: {spelled(error)}") from None


def _imported(plugin: Plugin) -> ModuleType:
    """Return an installed module, if it is the one that is meant."""
    here = digest_of_module(plugin.module)
    if here != plugin.digest or not here:
        got = f"another {plugin.module}" if here else f"no {plugin.module}"
        raise UserError(
            f"got {got}; expected the one with hash {plugin.digest[:12]}; install the same everywhere"
        )
    return import_module(plugin.module)


def _line_of(error: BaseException, plugin: Plugin) -> str:
    """Say in which line of a plugin an error was raised, if it was."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if plugin.path and frame.filename == plugin.path]
    return f", line {lines[-1]}" if lines else ""


def spelled(error: BaseException) -> str:
    """Write an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def called(row: Row, function: Callable[..., Any], *arguments: Any, **numbers: Any) -> Any:
    """Return the value of a row's function; what a plugin's raises becomes a UserError with its line."""
    table = _BUILT_IN[row.table]
    if row.name in table.built_in:
        return function(*arguments, **numbers)
    (plugin,) = table.plugins([row.name])
    try:
        return function(*arguments, **numbers)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{plugin.place}{_line_of(error, plugin)}: {row.table} {row.name} raised {spelled(error)}"
        ) from None


def refused(row: Row, got: str, expected: str) -> UserError:
    """Return the error of a row whose function returns what it should not."""
    plugins = _BUILT_IN[row.table].plugins([row.name])
    place = plugins[0].place if plugins else "mattis"
    return UserError(f"{place}: {row.table} {row.name}: got {got}; expected {expected}")


def of_rows(table: str, names: Iterable[str]) -> list[Plugin]:
    """Return the plugins that rows of a table come from."""
    return _BUILT_IN[table].plugins(names) if table in _BUILT_IN else []


def differences(made_with: Mapping[str, str]) -> str | None:
    """Say which plugin of a store is missing or changed here, and what to do; None if none is.

    made_with  # their hashes by their names
    """
    for name, digest in made_with.items():
        if name not in _LOADED:
            return f"made with plugin {name} ({digest:.12}), which is not loaded: add --plugin FILE"
        now = _LOADED[name].plugin.digest
        if now != digest:
            return (
                f"made with plugin {name} ({digest:.12}), which has changed since ({now:.12}): "
                "use the file as it was, or give the study another name"
            )
    return None


def hint(word: str, table: "Table[Any]") -> str:
    """Return what to add to the error of an unknown word: the nearest one, and where others come from."""
    return f"{nearest(word, table)}; those of plugins need --plugin FILE"
