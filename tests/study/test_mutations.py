"""Ten thousand damaged study files, or a quarter: each is accepted, or refused in one line, and soon."""

import copy
import math
import signal
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
import yaml
from builders import SMALL, exit_code
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattis.errors import UserError
from mattis.networks.binary.study import BinaryStudy
from mattis.networks.registry import load_study
from mattis.study.axes import rounded
from mattis.study.base import Study
from mattis.study.document import LARGEST_STUDY_FILE

OF_CHARACTERS, OF_LINES, OF_BYTES, OF_TREES, OF_NUMBERS = 2500, 1500, 2500, 2000, 1500
assert OF_CHARACTERS + OF_LINES + OF_BYTES + OF_TREES + OF_NUMBERS == 10_000

SECONDS, MEBIBYTES = 20, 400
"""What one file may cost at most: a hang fails its test, a slow machine does not."""


@pytest.fixture(
    params=[10, pytest.param(4, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)],
    ids=["a tenth", "a quarter", "all"],
)
def divisor(request: pytest.FixtureRequest) -> int:
    """By how much the numbers of damaged files are divided: a tenth of each kind is always tried."""
    return int(request.param)


def examples(count: int) -> settings:
    """Return the settings of a test with `count` examples, the same ones on every machine."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    """Let `outcome` fail a study that hangs, and fail a test that takes much memory."""

    def late(*_: object) -> None:
        pytest.fail(f"a study took {SECONDS} s of CPU")

    usual = signal.signal(signal.SIGVTALRM, late)
    before = getrusage(RUSAGE_SELF).ru_maxrss
    yield
    signal.signal(signal.SIGVTALRM, usual)
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < MEBIBYTES * 2**10


def outcome(path: Path, content: str | bytes) -> Study | str:
    """Return the study of this content, or the line that refuses it; check what holds of both."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        study = load_study(path)
    except UserError as error:
        line = str(error)
        assert line.startswith((f"study {path.name}:", f"study {path.name}, "))
        assert line.isprintable(), "it has a line break or a terminal's escape sequence"
        assert len(line) < 500
        return line
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    path.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(path) == study
    return study


def tally(path: Path, count: int, contents: st.SearchStrategy[Any]) -> None:
    """Check `count` of the contents; some are accepted and some refused, or they would test little."""
    seen: Counter[type] = Counter()

    @examples(count)
    @given(contents)
    def check(content: str | bytes) -> None:
        seen[type(outcome(path, content))] += 1

    check()
    assert seen.total() >= count
    assert min(seen[BinaryStudy], seen[str]) > count // 50, seen


# The file as characters, lines and bytes.

FLOW = """\
# the second spelling of everything
name: flow_1
axes: {size: 60, load: {from: 0.05, to: 0.2, count: 4}, beta: [.inf, 5, 2.5e0], seed: [2, 7]}
sweeps: {thermalise: 0, measure: 60}
retrieved_above: 0.6
root_seed: 18446744073709551615
"""
TEXTS = (yaml.safe_dump(SMALL), yaml.safe_dump(SMALL, default_flow_style=True), FLOW)

FRAGMENTS = (
    *"\t\r\n\0\x07\x1b\x7f\x85\u2028\ufeff\ufffeéα０😀#%&*!|>'\"@`,:?-[]{}=~<",
    *("---\n", "...\n", "%YAML 9.9\n", "%TAG ! !\n", "&a ", "*a", "&a [*a]", "<<: ", "? ", "- "),
    *("!!int ", "!!float ", "!!bool ", "!!null ", "!!str ", "!!seq ", "!!map ", "!!set ", "!!omap "),
    *("!!pairs ", "!!binary ", "!!timestamp ", "!", "!<x>", "!!python/name:os.system ", "!!x\n"),
    *("!!python/object/apply:os.system ['false'] ", "[" * 500, "{a: " * 500, "- " * 500, "? " * 500),
    *("x" * 3000, "1" * 5000, "9" * 4000, "0x" + "F" * 5000, "1" + ":1" * 500, "1e999", "0b1", "017"),
    *("yes", ".nan", "-.inf", "-0.0", "5.0e-324", "2020-99-99", "2020-01-01", "12:30:45.5", "1_0"),
    *('"\\ud800"', '"\\UFFFFFFFF"', '"a\\nb": 1\n', '"\\e[2J": 1\n', "name: x\n", "axes:\n", "|\n x"),
)
RAW = (
    *(b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\0", b"\x80", b"\xc3", b"\xe2\x82", b"\xc0\x80"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
)
"""Marks of byte order, and what is no UTF-8: cut, overlong, a surrogate, beyond the last character."""

EDITS: tuple[Callable[[Any, int, int, Any], Any], ...] = (
    lambda old, at, _, put: old[:at] + put + old[at:],
    lambda old, at, width, put: old[:at] + put + old[at + width :],
    lambda old, at, width, _: old[:at] + old[at + width :],
    lambda old, at, width, _: old[: at + width] + old[at:],
    lambda old, at, width, _: old[:at] + old[at:][1:width] + old[at:][:1] + old[at:][width:],
    lambda old, at, _, __: old[:at],
)
"""Insert, replace, delete, repeat, move, cut: of a text, of the list of its lines, of its bytes."""


@st.composite
def edited(draw: st.DrawFn, wholes: Sequence[Any], parts: st.SearchStrategy[Any]) -> Any:
    """Return one of the sequences after one to three edits of a few neighbours."""
    new = draw(st.sampled_from(wholes))
    for edit in draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=3)):
        new = edit(new, draw(st.integers(0, len(new))), draw(st.integers(1, 9)), draw(parts))
    return new


def test_edited_characters(tmp_path: Path, divisor: int) -> None:
    parts = st.sampled_from(FRAGMENTS) | st.text(string.printable + "αé", max_size=3)
    tally(tmp_path / "s.yaml", OF_CHARACTERS // divisor, edited(TEXTS, parts))


def test_edited_lines(tmp_path: Path, divisor: int) -> None:
    wholes = [text.splitlines(keepends=True) for text in TEXTS]
    spare = [line for lines in wholes for line in lines]
    parts = st.sampled_from([[line] for line in (*spare, *FRAGMENTS)])
    tally(tmp_path / "s.yaml", OF_LINES // divisor, edited(wholes, parts).map("".join))


def test_edited_bytes(tmp_path: Path, divisor: int) -> None:
    wholes = [text.encode() for text in (*TEXTS, TEXTS[0] + "# é α 😀\n")]
    parts = st.sampled_from(RAW) | st.binary(max_size=3)
    tally(tmp_path / "s.yaml", OF_BYTES // divisor, edited(wholes, parts))


# The tree that the file spells.

TREES = (SMALL, yaml.safe_load(FLOW))
NASTY = (
    *(0, 1, -1, 2, 3, 2**31, 2**32, 2**63, 2**64, -(2**64), 10**400, -(10**400), True, False, None),
    *(0.0, -0.0, 0.5, 1.0, 1.5, 5e-324, 2.2e-308, 1e308, -1e308, math.inf, -math.inf, math.nan),
    *("", "small", "hopfield", "1", "1e3", ".nan", "yes", "null", "../x", "a\nb", "x" * 99, "\0"),
    *([], {}, [[]], [{}], [None], {"": None}, {"from": 0, "to": 1, "count": 2}, b"small", (1, 2)),
)
COUNTS = (1, 2, 5, 0, -1, 2.0, 2.5, 10**7, 2**64, math.nan, math.inf, None, "3", True, [2])
WORDS = ("name", "axes", "load", "laod", "beta", "from", "count", "", "a b", "a\nb", "_", "é")

scalars = st.sampled_from(NASTY) | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
keys = st.sampled_from(WORDS) | st.none() | st.integers() | st.datetimes()
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=4,
)
numbers = st.sampled_from((0.05, 0.2, 1, 60)) | scalars
grids = st.fixed_dictionaries(
    {"from": numbers, "to": numbers}, optional={"count": st.sampled_from(COUNTS), "by": scalars}
)


def places(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below the root of a tree."""
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield (*above, key)
            yield from places(tree[key], (*above, key))


@st.composite
def changed(draw: st.DrawFn) -> str:
    """Return the text of a tree in which one or two values are replaced, dropped, renamed or copied."""
    tree = copy.deepcopy(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 2))):
        paths = list(places(tree))
        *above, last = draw(st.sampled_from(paths))
        holder = reduce(getitem, above, tree)
        change = draw(st.sampled_from(("replace", "replace", "drop", "rename", "copy", "wrap")))
        if change == "replace":
            holder[last] = copy.deepcopy(draw(junk | grids))
        elif change == "copy":
            holder[last] = copy.deepcopy(reduce(getitem, draw(st.sampled_from(paths)), tree))
        elif change == "wrap":
            holder[last] = [holder[last]]
        else:
            value = holder.pop(last)
            if change == "rename":
                tree[draw(st.sampled_from(WORDS))] = value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=draw(st.booleans()))


def test_changed_trees(tmp_path: Path, divisor: int) -> None:
    tally(tmp_path / "s.yaml", OF_TREES // divisor, changed() | junk.map(yaml.safe_dump))


# Numbers at the ends of what is allowed. The small study has N = 60, loads of 0.05 to 0.2 and 2 cues.

WHOLE: dict[tuple[str, ...], Callable[[int], bool]] = {
    ("axes", "size"): lambda v: v >= 30 and (2 * v + 5) // 10 * v < 2**31,
    ("axes", "seed"): lambda v: 0 <= v < 2**32,
    ("sweeps", "thermalise"): lambda v: 0 <= v <= 2**31,
    ("sweeps", "measure"): lambda v: 2 <= v <= 2**31,
    ("cues",): lambda v: 1 <= v <= 3,
    ("root_seed",): lambda v: 0 <= v < 2**64,
}
REAL: dict[tuple[str, ...], Callable[[float], bool]] = {
    ("axes", "load"): lambda v: v <= 1 and round(60 * v, 11) >= 1.5,
    ("axes", "temperature"): lambda v: v == 0 or 1e-6 <= v <= 1000,
    ("axes", "beta"): lambda v: 1e-3 <= v <= 1e6 or v == math.inf,
    ("axes", "noise"): lambda v: 0 <= v <= 1,
    ("retrieved_above",): lambda v: 0 < v < 1,
}
WHOLE_ENDS = (0, 2, 4, 30, 103_621, 2**24, 2**31, 2**32, 2**63, 2**64, 10**19, 10**400, -(2**31))
REAL_ENDS = (0.0, 1.0, 0.025, 1e-6, 1e-3, 1e3, 1e6, 5e-324, math.inf, math.nan, 2**64, 10**400)

wholes = st.builds(int.__add__, st.sampled_from(WHOLE_ENDS), st.integers(-1, 1)) | st.integers()
reals = (
    st.sampled_from(REAL_ENDS)
    | st.builds(math.nextafter, st.sampled_from(REAL_ENDS[:-2]), st.sampled_from((-9.0, math.inf)))
    | st.floats(1e-7, 2000)
    | st.floats()
)
ends = st.tuples(st.sampled_from(list(WHOLE.items())), wholes) | st.tuples(
    st.sampled_from(list(REAL.items())), reals
)


def with_number(place: tuple[str, ...], value: float) -> str:
    """Return the text of the small study with this number at a place."""
    tree = copy.deepcopy(SMALL)
    if place == ("axes", "beta"):
        del tree["axes"]["temperature"]
    holder = reduce(getitem, place[:-1], tree)
    holder[place[-1]] = [value] if "axes" in place else value
    return yaml.safe_dump(tree)


def test_a_number_is_accepted_exactly_within_its_bounds(tmp_path: Path, divisor: int) -> None:
    seen: Counter[bool] = Counter()

    @examples(OF_NUMBERS // divisor)
    @given(ends)
    def check(end: tuple[tuple[tuple[str, ...], Callable[[float], bool]], float]) -> None:
        (place, fits), value = end
        said = outcome(tmp_path / "s.yaml", with_number(place, value))
        meant = rounded(value) if place[0] == "axes" else value  # so an end is reached from outside
        assert isinstance(said, Study) == fits(meant), said
        seen[fits(meant)] += 1

    check()
    assert min(seen.values()) > OF_NUMBERS // divisor // 10
    assert seen.total() >= OF_NUMBERS // divisor


# What must not get through, by name.

OUTSIDE = (
    *("../x", "/etc", "a/b", ".", "..", "a/../b", "~", "~root", "$HOME", "", " ", "a b", "a.b", "-rf"),
    *("a\0b", "a\nb", "small\n", "\nsmall", "small\r", "a\tb", "a\\b", "C:x", "x" * 65, "\x1b[2J"),
    *("ｓmall", "ѕmall", "a⁄b", "a∕b", "a／b", "․․", "‥", "ａ", "é", "a\u202eb", "a\u200bb", "１", "\ufeffa"),
    *(None, 7, 1.5, True, ["small"], {"small": 1}),
)


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_name_that_is_no_plain_folder_is_refused(tmp_path: Path, name: object) -> None:
    said = outcome(tmp_path / "s.yaml", yaml.safe_dump({**SMALL, "name": name}))
    assert isinstance(said, str)
    assert said.startswith("study s.yaml, name: got ")


@examples(300)
@given(st.from_regex(r"^[A-Za-z0-9_.~/-]{1,9}$"))
def test_an_accepted_name_stays_in_the_results_folder(name: str) -> None:
    tree = {**SMALL, "name": name}
    try:
        accepted = BinaryStudy.model_validate(tree).name
    except ValueError:
        return
    assert (Path("/results") / accepted).resolve().parent == Path("/results")


MARK = (
    "!!python/object/apply:os.system ['touch MARK']",
    "!!python/object/apply:subprocess.check_output [[touch, MARK]]",
    "!!python/object/new:os.system ['touch MARK']",
    "!!python/object/apply:builtins.eval [\"open('MARK', 'w')\"]",
    "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [MARK]]",
    "!!python/object/new:type {args: [x, !!python/tuple [], {}], listitems: [\"open('MARK', 'w')\"]}",
    "!!python/name:os.system",
    "!!python/module:antigravity",
)


@pytest.mark.parametrize("tag", MARK)
@pytest.mark.parametrize("where", ["{}", "name: {}", "axes: {{load: [{} ]}}", "? {}\n: 1", "- {}"])
def test_a_tag_executes_nothing(tmp_path: Path, tag: str, where: str) -> None:
    mark = tmp_path / "mark"
    said = outcome(tmp_path / "s.yaml", where.format(tag.replace("MARK", str(mark))) + "\n")
    assert str(said).startswith("study s.yaml, line ")
    assert not mark.exists()
    assert "antigravity" not in sys.modules


def grid(first: float, last: float, count: int) -> str:
    """Spell an axis."""
    return f"{{from: {first}, to: {last}, count: {count}}}"


GREEDY = {
    "a million wrong sizes": f"axes: {{size: {grid(0.5, 1e9, 10**6)}, load: 0.1, beta: 1}}",
    "10^12 blocks": f"axes: {{size: {grid(9, 1000008, 10**6)}, load: {grid(0.1, 1, 10**6)}, beta: 1}}",
    "10^8 blocks": f"axes: {{size: {grid(10, 10009, 10**4)}, load: {grid(0.1, 1, 10**4)}, beta: 1, seed: 1}}",
    "thousands of digits": "axes: {load: 0.1, beta: 1}\ncues: " + "9" * 4000,
    "long digits": "model: " + "1" * 10**6 + "x",
    "long sexagesimal": "cues: 1" + ":1" * 400_000,
    "long sexagesimal with a tag": "cues: !!int 1" + ":1" * 400_000,
    "long hexadecimal": "root_seed: 0x" + "F" * 10**6,
    "open brackets": "axes: " + "[" * 10**6,
    "brackets": "axes: " + "[" * 10**5 + "]" * 10**5,
    "indented keys": "\n".join(" " * k + "a:" for k in range(1400)),
    "many keys": "".join(f"k{k}: 1\n" for k in range(20_000)),
    "one long key": "? " + "k" * 10**6 + "\n: 1",
    "nested aliases": "a: &a [x]\n" + "".join(f"b{k}: &b{k} [*a, *a]\n" for k in range(99)),
    "blanks": " " * LARGEST_STUDY_FILE + "\nname: x",
}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.slow] * (one == "10^8 blocks")) for one in GREEDY]
)
def test_a_greedy_file_is_answered_soon_and_in_little_memory(tmp_path: Path, name: str) -> None:
    outcome(tmp_path / "s.yaml", f"name: greedy\n{GREEDY[name]}\n")


def test_no_more_is_read_than_a_study_may_have(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="study zero: more than 1048576 bytes"):
        load_study("/dev/zero")
    with pytest.raises(UserError, match="embedded null byte"):
        load_study(tmp_path / "a\0b.yaml")


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """PyYAML alone reads 0100 as 64 and 1:30 as 90."""
    text = yaml.safe_dump({**SMALL, "root_seed": "X"})
    said = {}
    for spelling in ("0100", "1_000", "+7", "1:30", "0x1F", "0b11", "!!int 1:30", "1e3"):
        study = outcome(tmp_path / "s.yaml", text.replace("X", spelling))
        said[spelling] = study.root_seed if isinstance(study, Study) else None
    assert said == {"0100": 100, "1_000": 1000, "+7": 7} | dict.fromkeys([*said][3:])


@pytest.mark.parametrize("axis", ["temperature", "beta", "noise"])
def test_values_that_differ_in_the_last_digits_are_refused(tmp_path: Path, axis: str) -> None:
    """Their cells would be one cell of the store, and the study never complete."""
    axes = {key: value for key, value in SMALL["axes"].items() if key != "temperature"}
    usual = {} if axis == "beta" else {"temperature": [0.5]}
    twins = [1 / 3, 1 / 3 * (1 + 1e-15)]
    assert twins[0] != twins[1]
    said = outcome(tmp_path / "s.yaml", yaml.safe_dump({**SMALL, "axes": {**axes, **usual, axis: twins}}))
    assert f"axes.{axis}[1]: got 0.333333, the same as {axis}[0]" in str(said)


BAD = {
    "python": "name: !!python/object/apply:os.system ['true']\n",
    "keys": '"a\\nb": 1\n"\\e[2J": 2\n',
    "integer": "name: x\naxes: {load: 0.1, beta: 1}\ncues: 0x" + "F" * 5000,
    "escape": 'name: "\\UFFFFFFFF"\n',
    "binary": "\0\x01\x02",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_command_prints_the_line_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "s.yaml"
    line = outcome(path, text)
    code = exit_code("run", path, "--results", tmp_path / "results")
    said = capsys.readouterr()
    assert (code, said.out, said.err) == (2, "", f"mattis: {line}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_of_the_shell_has_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"name: \xff\n")
    words = [sys.executable, "-m", "mattis", "plan", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mattis: study s.yaml: not UTF-8 text: invalid start byte at byte 6\n"
