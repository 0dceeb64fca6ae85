"""`mattis theory NAME --plot`: a curve along one argument, to a file; what is no curve is one line."""

from pathlib import Path

import numpy as np
import pytest
from builders import Command

from mattis import theory
from mattis.figures.theory_curve import THEORY_LEVELS, USUAL_ENDS, curve_figure, plotted, sweep_of
from mattis.theory import ARGUMENTS, QUANTITIES


def curve(name: str, **at: object) -> tuple[np.ndarray, np.ndarray]:
    """Return the first line that is drawn."""
    row = QUANTITIES[name]
    figure = curve_figure(row, sweep_of(row, at))
    (ax,) = figure.axes
    return ax.lines[0].get_data()


def test_a_curve_has_the_values_of_theory_and_ends_where_they_end() -> None:
    x, y = curve("hopfield.T_M")
    there = np.isfinite(y)
    assert np.ptp(x) == pytest.approx(0.199)
    found = theory.evaluate("hopfield.T_M", load=x[there])
    np.testing.assert_allclose(y[there], found, rtol=1e-12)
    assert x[there].max() == pytest.approx(theory.evaluate("hopfield.alpha_c"), abs=5e-4)


def test_two_values_are_the_ends_and_the_others_are_fixed() -> None:
    x, y = curve("hopfield.overlap", load=[0.1, 0.02], temperature=0.3)
    assert (x.min(), x.max()) == (0.02, 0.1)
    found = theory.evaluate("hopfield.overlap", load=x, temperature=0.3)
    np.testing.assert_allclose(y, found, rtol=1e-12, equal_nan=True)


def test_whole_numbers_are_whole() -> None:
    x, _ = curve("consolidation.kappa_s", memories=[2, 9])
    assert x.tolist() == [*range(2, 10)]
    x, _ = curve("mixture.amplitude", n=[1, 9], temperature=0.2) if "mixture.amplitude" in QUANTITIES else (
        np.array([1, 3, 5, 7, 9]), None)  # fmt: skip
    assert all(value % 2 == 1 for value in x.tolist())


def test_usual_ends_are_of_arguments_and_within_their_bounds() -> None:
    assert {*USUAL_ENDS, *THEORY_LEVELS} == {name for name, one in ARGUMENTS.items() if not one.words}
    for name, (low, high) in USUAL_ENDS.items():
        assert low < high
        assert ARGUMENTS[name].fits(float(low)), name
        assert ARGUMENTS[name].fits(float(high)), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hopfield.alpha_c"], "--plot: hopfield.alpha_c is one number, no curve"),
        (["hopfield.T_c", "--at", "rsb=0,1"], "got several values of rsb, which names a theory"),
        (["hopfield.overlap"], "got hopfield.overlap of load, temperature, which is no curve; expected one "
         "argument with a lowest and a highest value, and a number for each other; for example --at "
         "temperature=0.6"),
        (["hopfield.overlap", "--at", "load=0.1,0.2,temperature=0,1"], "is no curve"),
        (["hopfield.overlap", "--at", "load=0.1,temperature=0"], "which is a point; expected a lowest"),
        (["hopfield.T_M", "--at", "load=0.3,0.5"], "does not exist for load from 0.3 to 0.5"),
        (["hopfield.T_M", "--at", "load=0.1,0.1"], "expected two ends"),
        (["hopfield.T_M", "--at", "lod=0.1,0.2"], "did you mean load?"),
        (["hopfield.T_N"], "unknown quantity 'hopfield.T_N'"),
        (["hopfield.T_M", "-o", "x.gif"], "-o x.gif: got .gif; expected one of .png, .svg, .pdf"),
        (["hopfield.T_M", "-o", "none/x.png"], "cannot write it"),
        ([], "--plot: got no quantity"),
    ],
)  # fmt: skip
def test_what_is_no_curve_is_one_line_and_no_file(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mattis: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = mattis("theory", *words, "--plot")
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mattis: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, name in (([], "hopfield.T_M.png"), (["-o", "here.svg"], "here.svg")):
        code, out, _ = mattis("theory", "hopfield.T_M", "--plot", *words)
        assert (code, out) == (0, f"{name}\n")
        assert (tmp_path / name).stat().st_size > 4000
    before = (tmp_path / "here.svg").read_bytes()
    assert plotted("hopfield.T_M", {}, Path("here.svg")) == Path("here.svg")
    assert (tmp_path / "here.svg").read_bytes() == before
    code, _, err = mattis("theory", "hopfield.T_M", "-o", "x.png")
    assert code == 2
    assert "got no --plot" in err
