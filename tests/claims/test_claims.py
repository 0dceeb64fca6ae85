"""Claims: their rules, wrong numbers and wrong physics, and each command at a reduced size."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot, nan
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT, exit_code

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.judgement import Judgement, spelled
from mattis.claims.laboratory import Keys, Laboratory, Measurement
from mattis.claims.page import page
from mattis.claims.table import CLAIMS, DOCUMENTS, asked
from mattis.engine import driver
from mattis.errors import UserError
from mattis.study.base import Study

PAGE = ROOT / "docs" / "claims.md"


def judged_before() -> Iterator[tuple[str, str, str]]:
    """Yield identifier, measurement and verdict of each row of the page."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 8 and cells[0] in CLAIMS:
            yield cells[0], cells[4], cells[5].strip("*")


def on_page(name: str) -> Measurement:
    """Return what the page has as the measurement of a claim."""
    text = next(measured for one, measured, _ in judged_before() if one == name)
    number, _, error = text.partition(" ± ")
    return Measurement(float(number), float(error or 0))


# Rules


def claim_of(**more: Any) -> Claim:
    return Claim("X1", "errata", "001", "m = 1", 1.0, lambda _: Measurement(1.0), **more)


@pytest.mark.parametrize(
    ("more", "found", "verdict"),
    [
        ({}, Measurement(1.0), "reproduced"),
        ({}, Measurement(1.1), "not supported"),
        ({}, Measurement(1.1, 0.03), "reproduced"),  # 3.3 errors
        ({}, Measurement(1.1, 0.02), "not supported"),  # 5 errors
        ({"rule": Near(0.2)}, Measurement(1.1), "reproduced"),
        ({"rival": 0.0}, Measurement(1.0, 0.3), "not supported"),  # 0 is 3.3 errors off
        ({"rival": 0.0}, Measurement(1.0, 0.2), "reproduced"),
        ({"right": 2.0}, Measurement(2.0, 0.1), "corrected"),
        ({"right": 2.0}, Measurement(1.0, 0.1), "reproduced"),  # the document was right after all
        ({"right": 2.0}, Measurement(1.5, 0.2), "not supported"),  # it may be either
        ({"right": 2.0}, Measurement(3.0, 0.1), "not supported"),
        ({"rule": AtMost()}, Measurement(0.5), "reproduced"),
        ({"rule": AtMost()}, Measurement(1.5, 0.1), "not supported"),
        ({"rule": AtLeast()}, Measurement(1.5), "reproduced"),
        ({"rule": AtLeast()}, Measurement(0.5, 0.1), "not supported"),
        ({}, Measurement(nan), "not supported"),
        ({}, Measurement(1.0, nan), "not supported"),
    ],
)
def test_a_verdict_follows_from_the_measurement(
    more: dict[str, Any], found: Measurement, verdict: str
) -> None:
    assert claim_of(**more).verdict(found) == verdict


def test_z_is_in_errors_and_unknown_where_there_is_none() -> None:
    assert claim_of().z(Measurement(1.3, 0.1)) == pytest.approx(3)
    assert claim_of().z(Measurement(1.3)) is None
    assert claim_of().z(Measurement(nan, 0.1)) is None


def test_errors_of_sums_and_ratios() -> None:
    one, other = Measurement(3.0, 0.3), Measurement(4.0, 0.4)
    assert one - other == Measurement(-1.0, pytest.approx(0.5))
    assert one + 1.0 == Measurement(4.0, 0.3)
    assert (one * -2) == Measurement(-6.0, 0.6)
    ratio = one / other
    assert (ratio.measured, ratio.error) == (0.75, pytest.approx(0.75 * hypot(0.1, 0.1)))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Measurement(0.14231, 0.00213), "0.1423 ± 0.0021"),
        (Measurement(2.0), "2"),
        (Measurement(-0.17181, 0.0031), "-0.1718 ± 0.0031"),
        (Measurement(12.345, 1.2), "12.3 ± 1.2"),
        (Measurement(5.29e-10, 7.3e-12), "5.29e-10 ± 7.3e-12"),
        (Measurement(0.99932567123, 4.4e-14), "0.999325671 ± 4.4e-14"),
    ],
)
def test_measurements_are_spelled_with_two_digits_of_their_error(found: Measurement, text: str) -> None:
    assert spelled(found) == text


# The table


def test_claims_are_sorted_by_document_and_equation() -> None:
    documents = [claim.document for claim in CLAIMS.values()]
    assert documents == sorted(documents, key=list(DOCUMENTS).index)
    assert [key for key in CLAIMS if re.match(r"E\d", key)] == sorted(
        (key for key in CLAIMS if re.match(r"E\d", key)), key=lambda key: (int(re.sub(r"\D", "", key)), key)
    )


def test_every_identifier_of_the_catalogue_is_claimed() -> None:
    wanted = [f"H{k}" for k in range(1, 14)] + [f"E{k}" for k in range(1, 17)]
    wanted += ["A0", "A1", "A2", "G1", "L1", "L2", "L3", "M1", "M2", "M3", "SK", "VH", "PV", "RA", "N1", "N2"]
    wanted += ["F1", "F2", "F3", "A3", "A4", "A5", "A6", "A7", "A8", "MP", "appB1"]
    for name in wanted:
        assert asked([name]), name


def test_statistical_claims_exclude_something() -> None:
    """A measurement with errors has a rival or a right form that it must exclude, or a bound."""
    for name, measured, _ in judged_before():
        claim = CLAIMS[name]
        if " ± " in measured and isinstance(claim.rule, Near):
            close = claim.right is None and claim.rival is None
            assert not close or claim.rule.tolerance <= 0.02, name


def test_an_unknown_claim_is_one_line() -> None:
    with pytest.raises(UserError, match="no claim 'H77'"):
        asked(["H77"])


def test_parts_and_equations_are_found_by_their_beginning() -> None:
    assert [claim.id for claim in asked(["H7"])] == ["H7a", "H7b", "H7c", "H7d"]
    assert {claim.id for claim in asked(["(22)"])} >= {"eq22a", "E15"}
    assert {claim.id for claim in asked(["(30)"])} == {"E10a", "E10b"}
    assert {claim.id for claim in asked(["(2.3)"])} >= {"E4a", "L1"}
    assert len(asked([])) == len(CLAIMS)


# Wrong numbers and wrong physics

WRONG = {
    "H9c": lambda m: -m,  # sign: few flips mean familiar
    "E4a": lambda m: -m,  # sign of exp(beta S h)
    "E4b": lambda m: -m,
    "E4d": lambda m: -m,
    "E3": lambda m: m / 2,  # the factor of 2 in H
    "E1": lambda m: 2 * m,  # capacity of neurons 0 and 1
    "E2": lambda m: m**2,  # 2 for sqrt 2
    "H7a": lambda m: m / 21,  # x of neurons ±1
    "H12b": lambda m: m**2,  # exponent of forgetting
    "eq10": lambda m: m / 2,  # square root instead of a linear law
    "E13": lambda m: m**0.5,  # length for its square
    "E15": lambda m: 1 / m,  # alpha for 1/alpha
    "appB3": lambda m: m * 1.0167 / 1.0907,  # theory a step later
    "M3a": lambda m: 2 * m,
    "eq6": lambda m: m + 1,  # dE/dt of the other sign is off by 2, of half the rate by 1
    "G1b": lambda m: m + 0.5,
    "eq19a": lambda m: m / 2,  # exponent: linear in tau_h/tau_v
    "eq19b": lambda m: 1 - m,  # the other sign of (19) - (3)
    "M2d": lambda m: m + 0.01,  # valleys of unequal depth
    "M2e": lambda m: m * 0.151185 / 0.116990,  # energies for free energies
    "M2f": lambda m: m * 7 / 3,
    "M2g": lambda m: m + 0.5,
    "M3e": lambda m: m * 0.499359 / 0.373288,  # three patterns for five
    "M3f": lambda m: m * 0.459794 / 0.384739,
    "M3g": lambda m: 1 - m,
    "M3h": lambda m: 1 - m,
    "H1b": lambda m: 0.6 * m,  # cues that stay where they are
    "H8c": lambda m: m**2,  # overlap of two members for that with the prototype
    "G1h": lambda m: m**0.5,
    "G1i": lambda m: m + 0.1,
    "VHb": lambda m: m + 0.4,
    "RAb": lambda m: m + 0.4,
    "eq9c": lambda m: 0.1 * m,  # what Hebb's rule would leave
    "E9c": lambda m: 1 - m,
    "eq25b": lambda m: m + 0.3235,  # the generalised rule
    "eq25c": lambda m: m / 2,
    "appB6": lambda m: m * 1.00096,  # tau/p without the spread of counts
    "E8a": lambda m: -m,
    "F3c": lambda m: m + 0.03,
    "F3d": lambda m: m + 0.01,
    "F3e": lambda m: m + 0.05,  # kappa for beta N_v, 1.16 times as large
    "F3f": lambda m: m + 0.08,
    "F3g": lambda m: m * 1.16,  # kappa for beta N_v
    "F3h": lambda m: m * 1.16,
    "F3i": lambda m: m * 1.16,
    "F3j": lambda m: m / 2,
    "A7a": lambda m: m / 2,  # bits of two for nats of four
    "A8a": lambda m: m / 2,
    "A8b": lambda m: m / 2,
    "A4c": lambda m: -m,
    "A6a": lambda m: 5 * m,
    "A6b": lambda m: m + 0.0952,  # what is left at the corners of a square
    "H8d": lambda m: 0.5 + m,
    "H8e": lambda m: m - 0.108,  # (2/pi) atan(sqrt 2): sites of the cue drawn one by one
    "H8f": lambda m: m + 0.088,  # 0.85 for 0.7
    "E5c": lambda m: 10 * m,
    "E5d": lambda m: m / 2,
    "E5e": lambda m: 2 * m,
    "E5f": lambda m: m + 0.68,
    "L2d": lambda m: m + 0.00693147,  # T ln 2, where fields are 0
    "L2e": lambda m: m + 0.2,
    "L2f": lambda m: m - 0.07,  # directed bonds
    "L2g": lambda m: m + 0.07,  # symmetric ones
    "eq9d": lambda m: m * 40,  # half of Delta, beta = 0.5
    "eq9e": lambda m: m / 2,
    "eq9f": lambda m: m * 0.000782701 / 0.00491164,  # three distinct neurons
    "eq27a": lambda m: 1 - m,
    "eq27b": lambda m: m / 2,
    "N2d": lambda m: m - 0.087956,  # exp(-Delta E/2T) accepted: Onsager's at T = 2
    "N2e": lambda m: m + 0.251595,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_number_turns_the_verdict(name: str) -> None:
    claim, found = CLAIMS[name], on_page(name)
    assert claim.verdict(found) in ("reproduced", "corrected")
    wrong = Measurement(WRONG[name](found.measured), found.error)
    assert claim.verdict(wrong) != claim.verdict(found)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results that claims share, as some ask the same studies."""
    return tmp_path_factory.mktemp("claims")


@dataclass(frozen=True)
class Tampered(Laboratory):
    """A laboratory whose studies are not those of the claims."""

    axes: tuple[tuple[str, Any], ...] = ()
    other: tuple[tuple[str, Any], ...] = ()

    def study(self, keys: Keys) -> Study:
        changed = {**keys, "axes": {**keys["axes"], **dict(self.axes)}, **dict(self.other)}
        return super().study(changed)


WRONG_PHYSICS = [
    ("H3", {"load": [0.2]}, {}),  # beyond capacity
    ("H7b", {"memories": [19]}, {}),  # a factor of 2 in the variance of the noise
    ("M1a", {"temperature": [0.3]}, {}),  # a factor of 2 in beta
    ("H9b", {}, {"model": "hopfield"}),  # the other neurons
    ("eq20", {"beta": [4.0]}, {}),
    ("eq23", {"tau": [200.0]}, {}),
    ("eq19a", {"separation": [0.1, 0.3, 1.0]}, {}),  # no fast neurons
    ("M3e", {"mixture": [3]}, {}),
    ("M2g", {"temperature": [0.6]}, {}),
    ("H8c", {}, {"patterns": "random"}),  # patterns that are not close
    ("eq25b", {"tau": [2000.0]}, {}),  # one tau
    ("eq9c", {"memories": [2000]}, {}),
    ("eq9f", {"memories": [1000]}, {}),  # a factor of 2 in the variance of the noise
    ("H8d", {"memories": [3]}, {}),  # a third pattern
    ("E5f", {}, {"dynamics": {"diagonal": "zero"}}),
    ("L2b", {}, {"couplings": "asymmetric_dilution"}),  # couplings that are not symmetric
    ("N2d", {"temperature": [1.1]}, {}),
]
"""Claims, the axes of other studies than theirs, and other keys of these."""


def physics_rows() -> list[object]:
    """Return the rows, those marked that take seconds."""
    slow = {"H3", "H7b", "eq19a", "M3e", "E5f", "N2d"}
    return [pytest.param(*row, marks=[pytest.mark.slow] * (row[0] in slow)) for row in WRONG_PHYSICS]


@pytest.mark.parametrize(("name", "axes", "other"), physics_rows())
def test_wrong_physics_turns_the_verdict(
    name: str, axes: dict[str, Any], other: dict[str, Any], bench: Path
) -> None:
    claim, root = CLAIMS[name], bench / "claims"
    found = claim.measure(Laboratory(root, reduced=True))
    assert claim.verdict(found) == "reproduced"
    wrong = claim.measure(Tampered(root, True, tuple(axes.items()), tuple(other.items())))
    assert claim.verdict(wrong) == "not supported"


# Commands

SLOW = (
    "H2a", "H6", "H7a", "H8e", "H8f", "H10b", "H10c", "H11c", "H11d", "H12a", "H12c", "H13a", "H13b", "G1d",
    "G1f", "L3a", "L3b", "L3c", "M2b", "M2e", "M3c", "M3d", "M3e", "M3h", "SKa", "SKb", "SKc", "SKd", "SKe",
    "VHa", "PV", "RAa", "RAb", "eq5", "eq6", "eq10", "eq18a", "eq18b", "appB2", "F3c", "F3f", "F3i", "E1",
    "E4a", "E5e", "E7", "A4a", "A5", "N1a", "N1d", "N2a", "N2c", "N2d", "N2e",
)  # fmt: skip
"""Claims that take more than 0.7 s of CPU time at a reduced size: `make test-slow` measures them."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CLAIMS]
)
def test_each_command_measures_what_the_page_says(name: str, bench: Path) -> None:
    """At a reduced size, of which the pattern sets are a part of those of the page: within 6 errors."""
    claim, file = CLAIMS[name], bench / f"{name}.json"
    command, verb, *words = claim.command.split()
    assert (command, verb) == ("mattis", "claims")
    assert exit_code(verb, *words, "--reduced", "--json", file, "--results", bench) == 0
    (row,) = json.loads(file.read_text())
    assert list(row) == [
        "id", "claim", "source", "stated", "measured", "error", "z", "verdict", "why", "command",
    ]  # fmt: skip
    assert row["command"] == f"{claim.command} --reduced"  # what repeats this row
    assert (row["id"], row["stated"]) == (name, claim.stated)
    assert row["verdict"] == claim.verdict(Measurement(row["measured"], row["error"]))
    full, found = on_page(name), Measurement(row["measured"], row["error"])
    if isinstance(claim.rule, Near):
        apart = abs(found.measured - full.measured)
        allowed = claim.rule.tolerance + 6 * hypot(found.error, full.error)
        assert apart <= allowed + 1e-6 * abs(full.measured)
    else:
        assert claim.rule.agrees(found, claim.stated) == claim.rule.agrees(full, claim.stated)
    assert not (bench / "claims" / "claims.json").exists()  # never a part that looks whole


def test_mistakes_are_one_line_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driver, "run", None)  # nothing may run
    assert exit_code("claims", "E3", "--page", tmp_path / "page.md", "--results", tmp_path) == 2
    assert "a page has all claims" in capsys.readouterr().err
    assert exit_code("claims", "E3", "--json", tmp_path, "--results", tmp_path) == 2
    assert "expected the name of a file" in capsys.readouterr().err
    monkeypatch.setattr("mattis.claims.table.find_spec", lambda _: None)
    assert exit_code("claims", "mnist1", "--results", tmp_path) == 2
    assert "claims mnist1 need scikit-learn" in capsys.readouterr().err


def test_what_is_measured_once_is_there_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    computed: list[int] = []
    run = driver.run

    def counted(*given: Any) -> driver.Outcome:
        outcome = run(*given)
        computed.append(outcome.computed)
        return outcome

    monkeypatch.setattr(driver, "run", counted)
    words = ("claims", "E14", "--reduced", "--results", tmp_path)
    assert exit_code(*words) == 0
    first = capsys.readouterr().out
    assert sum(computed) > 0
    computed.clear()
    assert exit_code(*words) == 0
    assert sum(computed) == 0
    assert capsys.readouterr().out == first
    assert first.splitlines()[-1] == "1 reproduced, 1 corrected, 0 not supported"


def test_an_interrupted_run_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, calls = driver.run, []

    def interrupted(*given: Any) -> driver.Outcome:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(*given)

    monkeypatch.setattr(driver, "run", interrupted)
    words = ("claims", "E14", "--reduced", "--json", tmp_path / "rows.json", "--results", tmp_path)
    assert exit_code(*words) == 1
    assert "the same command continues" in capsys.readouterr().err
    assert not (tmp_path / "rows.json").exists()
    monkeypatch.setattr(driver, "run", run)
    assert exit_code(*words) == 0
    assert len(json.loads((tmp_path / "rows.json").read_text())) == 2


# The page


def test_the_page_has_every_claim_with_the_verdict_of_its_rule() -> None:
    rows = list(judged_before())
    assert [name for name, _, _ in rows] == list(CLAIMS)
    for name, _, verdict in rows:
        assert verdict == CLAIMS[name].verdict(on_page(name)), name


def test_the_page_is_made_of_the_table() -> None:
    """All that is not measured is that of the table today."""
    today = page([Judgement(CLAIMS[name], on_page(name)) for name in CLAIMS])
    told = PAGE.read_text()
    for line, now in zip(told.splitlines(), today.splitlines(), strict=True):
        cells, fresh = re.split(r"(?<!\\)\|", line), re.split(r"(?<!\\)\|", now)
        assert cells[:5] + cells[6:] == fresh[:5] + fresh[6:]
