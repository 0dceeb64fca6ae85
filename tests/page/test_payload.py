"""What a page knows of a study, read back: numbers to the last bit, words, budget, the same bytes again."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from artists import imagined, short
from builders import STUDIES, make_study
from paged import BESIDE, Paged, content_of, paged, with_boundary

from mattis import figures
from mattis.comparison.phases import PhaseLine, hopfield_lines
from mattis.engine.status import open_results
from mattis.figures.glossary import AXIS_TERMS, QUANTITY_TERMS
from mattis.page import page_text, payload
from mattis.page.bundle import NUMBER_KINDS, Bundle
from mattis.page.payload import Findings, opening_place
from mattis.page.plain_text import plain_text
from mattis.page.plane import ends_of
from mattis.page.quantities import packed_samples


def decoded(spec: dict[str, Any], content: bytes) -> xr.DataArray:
    """Return an array of a page, by its own description and the bytes of the page."""
    kind = np.dtype(NUMBER_KINDS[spec["kind"]]).newbyteorder("<")
    count = int(np.prod(spec["shape"], dtype=int))
    start = spec["start"]
    weights = np.frombuffer(content[start : start + count * kind.itemsize], np.uint8)
    numbers = np.ascontiguousarray(weights.reshape(kind.itemsize, count).T).view(kind)
    return xr.DataArray(numbers.reshape(spec["shape"]), dims=spec["dims"])


def bytes_of(text: str) -> bytes:
    """Return the numbers of a page as bytes."""
    packed = text.split('id="numbers">')[1].split("</script>")[0]
    return zlib.decompress(base64.b64decode(packed))


def test_the_payload_equals_the_store(shown: Paged) -> None:
    content, numbers = content_of(shown.text), bytes_of(shown.text)
    estimates, cells = shown.found.estimates, shown.found.cells
    assert content["digest"] == estimates.attrs["digest"]
    assert [dim["name"] for dim in content["dims"]] == list(estimates["seeds"].dims)
    for one in content["quantities"]:
        name = one["name"]
        for part, stored in (("mean", name), ("error", f"{name}_error"), ("theory_at", f"{name}_theory")):
            if part in one or stored in estimates:
                found = decoded(one[part], numbers)
                assert found.dims == estimates[stored].dims
                assert found.values.tobytes() == estimates[stored].values.astype("<f8").tobytes()
        if f"{name}_z" in estimates:
            np.testing.assert_allclose(decoded(one["z"], numbers), estimates[f"{name}_z"], rtol=1e-6)
        if "samples" in one:
            found = decoded(one["samples"], numbers)
            assert found.dims == cells[name].dims
            np.testing.assert_array_equal(found, cells[name].where(cells["valid"]).astype(np.float32))
    seeds = decoded(content["seeds"], numbers)
    np.testing.assert_array_equal(seeds, estimates["seeds"])
    assert not content["left_out"]
    assert not content["unsampled"]


def test_axes_lie_where_figures_draw_them(shown: Paged) -> None:
    content, numbers = content_of(shown.text), bytes_of(shown.text)
    estimates = shown.found.estimates
    for dim in content["dims"]:
        places = decoded(dim["places"], numbers)
        assert np.isfinite(places).all()
        if dim["name"] == "load":
            assert places.dims == ("size", "load")
            np.testing.assert_allclose(places, estimates["patterns"] / estimates["size"])
        if dim["name"] == "couplings":
            assert dim["words"] == ["Hebb", "clipped", "sequence", "saturating"]
            assert places.values.tolist() == [0, 1, 2, 3]
        if dim["name"] == "beta" and shown.study.name == "hopfield":
            np.testing.assert_array_equal(places, estimates["temperature"])
        assert "$" not in dim["label"] + dim["word"]
        assert "\\" not in dim["label"] + dim["word"]


def test_sizes_that_rise_by_factors_ask_for_a_logarithm(tmp_path: Path) -> None:
    study = make_study(tmp_path, size=[20, 40, 80, 160], load=[0.1], temperature=[0.5], noise=[0.0])
    content = content_of(paged(study, tmp_path).text)
    assert {dim["name"]: dim["log"] for dim in content["dims"]}["size"]


def test_the_same_store_gives_the_same_bytes(page_of: Callable[[str], Paged], tmp_path: Path) -> None:
    """Complete pages have no time, no path and no name of a machine in them."""
    first, second = page_of("couplings"), paged(short(STUDIES / "couplings.yaml"), tmp_path)
    assert first.text == second.text
    assert str(tmp_path) not in second.text


def test_the_page_opens_as_the_figure_is_drawn(shown: Paged) -> None:
    content = content_of(shown.text)
    view, name = content["view"], shown.study.name
    wanted = {
        "hopfield": ("load", "beta", True),
        "couplings": ("load", "couplings", False),
        "landscape": ("size", None, False),
    }
    if name in wanted:
        assert (view["across"], view["second"], view["map"]) == wanted[name]
    first = {"hopfield": "overlap", "basins": "retrieved", "landscape": "minima"}
    if name in first:
        assert content["quantities"][0]["name"] == first[name]


def test_lines_of_the_plane_are_those_of_theory(page_of: Callable[[str], Paged]) -> None:
    one = page_of("hopfield")
    content, numbers = content_of(one.text), bytes_of(one.text)
    widest = max(0.15, float(one.found.estimates["realised_load"].max()) * 1.05)
    lines: tuple[PhaseLine, ...] = hopfield_lines(widest)
    assert [line["quantity"] for line in content["lines"]] == [line.quantity for line in lines]
    for line, known in zip(content["lines"], lines, strict=True):
        np.testing.assert_array_equal(decoded(line["x"], numbers), known.load)
        np.testing.assert_array_equal(decoded(line["y"], numbers), known.temperature)
        assert line["source"]
        assert line["equation"]


def test_boundaries_are_those_of_the_diagram(page_of: Callable[[str], Paged]) -> None:
    one = with_boundary(page_of("hopfield"))
    content, numbers = content_of(one.text), bytes_of(one.text)
    assert content["ends"]
    for end in content["ends"]:
        stored = one.found.estimates[end["name"]]
        np.testing.assert_array_equal(decoded(end["value"], numbers), stored)
        assert end["age"] == stored.attrs["age"]
        assert end["criterion"] == stored.attrs["criterion"]


def test_a_boundary_along_a_gain_is_one_over_that_along_its_inverse(tmp_path: Path) -> None:
    """At 1/beta = 0.25 with an error of 0.05: a gain of 4, with an error of 0.05/0.25² = 0.8."""
    study = short(STUDIES / "attention.yaml")
    estimates = imagined(study, tmp_path)
    place = estimates["overlap"].isel(beta=0, drop=True)
    named = {"boundary_temperature": 0.25, "boundary_temperature_error": 0.05}
    found = estimates.assign({name: place.copy(data=0 * place + x) for name, x in named.items()})
    bundle = Bundle()
    (end,) = (end for end in ends_of(study, found, bundle) if end["along"] == "beta")
    content = zlib.decompress(base64.b64decode(bundle.text()))
    np.testing.assert_allclose(decoded(end["value"], content), 4)
    np.testing.assert_allclose(decoded(end["error"], content), 0.8)


def test_cells_that_are_not_there_are_blank_and_counted(tmp_path: Path) -> None:
    study = short(STUDIES / "couplings.yaml")
    imagined(study, tmp_path)
    cells = open_results(study, tmp_path)
    lacking = cells["valid"].copy()
    lacking[{"load": 0}] = False
    cells = cells.assign(valid=lacking)
    partial = figures.estimates_of(cells, study, tmp_path)
    found = Findings(cells, partial, figures.headline(partial, study))
    text = page_text(study, found, BESIDE)
    content, numbers = content_of(text), bytes_of(text)
    assert content["cells"] == {"there": 48, "total": 64, "failed": 0}
    assert content["digest"] == "incomplete"
    first = content["quantities"][0]
    samples = decoded(first["samples"], numbers)
    assert samples.isel(load=0).isnull().all()
    assert (decoded(content["seeds"], numbers).isel(load=0) == 0).all()


def test_what_is_beyond_the_budget_is_named(
    page_of: Callable[[str], Paged], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Means of the order parameter are always there; then other means, then samples."""
    one = page_of("couplings")
    monkeypatch.setattr(payload, "MOST_OF_NUMBERS", 0)
    content = content_of(page_text(one.study, one.found, BESIDE))
    whole = content_of(one.text)
    names = [row["name"] for row in whole["quantities"]]
    assert [row["name"] for row in content["quantities"]] == names[:1]
    assert content["left_out"] == names[1:]
    assert content["unsampled"] == names[:1]
    assert "samples" not in content["quantities"][0]


def synthetic(estimates: xr.Dataset, cells: xr.Dataset, count: int) -> Findings:
    """Return what was found of a study, repeated over count × count cells of numbers without pattern."""
    numbers = np.random.default_rng(1)
    wide = {"load": np.linspace(0.01, 0.2, count), "beta": 1 / np.linspace(0.05, 1.2, count)}

    def widened(data: xr.Dataset) -> xr.Dataset:
        data = data.drop_vars([name for name in data if str(name).startswith("boundary_")])
        out = data.isel(load=0, beta=0, drop=True).expand_dims(wide)
        out = out.transpose("size", "load", "beta", ...)
        for name, values in out.data_vars.items():
            if values.dtype.kind == "f":
                out[name] = values.copy(data=numbers.standard_normal(values.shape))
            else:
                out[name] = values.copy()
        return out.assign_coords(temperature=("beta", 1 / wide["beta"]))

    big, every = widened(estimates), widened(cells)
    big["realised_load"] = big["realised_load"] * 0 + 0.1
    every["valid"][:] = True
    return Findings(every, big, {"boundaries": [], "verdict": None})


@pytest.mark.parametrize("count", [64, 256])
def test_a_page_of_a_large_study_is_below_5_mb(tmp_path: Path, count: int) -> None:
    """Of numbers that cannot be compressed, 8 seeds each."""
    study = make_study(tmp_path, size=[60], noise=[0.0], seed=8, load=[0.1], temperature=[0.5])
    estimates = imagined(study, tmp_path)
    found = synthetic(estimates, open_results(study, tmp_path), count)
    text = page_text(study, found, BESIDE)
    assert len(text.encode()) < 5e6
    content = content_of(text)
    assert content["quantities"][0]["name"] == "overlap"
    assert content["unsampled"] or content["left_out"]


def test_a_bundle_is_read_back() -> None:
    bundle = Bundle()
    first = xr.DataArray(np.arange(6.0).reshape(2, 3) / 7, dims=("x", "y"))
    second = xr.DataArray(np.array([1, 500, 65535]), dims="y")
    specs = [bundle.add(first, "f8"), bundle.add(second, "u2"), bundle.add(first, "f4")]
    content = zlib.decompress(base64.b64decode(bundle.text()))
    xr.testing.assert_identical(decoded(specs[0], content), first)
    np.testing.assert_array_equal(decoded(specs[1], content), second)
    np.testing.assert_array_equal(decoded(specs[2], content), first.astype(np.float32))
    assert len(content) == 6 * 8 + 3 * 2 + 6 * 4


def test_a_page_opens_at_the_largest_size_and_the_cleanest_cue(tmp_path: Path) -> None:
    study = make_study(tmp_path, size=[60, 40], noise=[0.2, 0.0, 0.1])
    estimates = imagined(study, tmp_path)
    place = opening_place(study, estimates)
    assert estimates["size"].values[place["size"]] == 60
    assert estimates["noise"].values[place["noise"]] == 0.0


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (r"load $\alpha = P/N$", "load α = P/N"),
        (r"$\ln(P)/N$", "ln(P)/N"),
        (r"step $dt/\tau_v$ at which", "step dt/τᵥ at which"),
        (r"$\kappa = \beta N_v \rho$", "κ = β Nᵥ ρ"),
        (r"$\langle m^2 \rangle$", "⟨ m² ⟩"),
        (r"load $P/N^{3}$", "load P/N³"),
        (r"largest $\Delta E$ of a flip [J]", "largest Δ E of a flip [J]"),
        ("no mathematics, 5 $", "no mathematics, 5 $"),
    ],
)
def test_mathematics_in_plain_letters(words: str, plain: str) -> None:
    assert plain_text(words) == plain


def test_no_word_of_figures_keeps_a_command() -> None:
    for term in [*QUANTITY_TERMS.values(), *AXIS_TERMS.values()]:
        for words in term:
            assert not {"\\", "{", "}"} & {*plain_text(words)}, words


def test_values_by_seed_without_a_panel_have_little_room(
    page_of: Callable[[str], Paged], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the first panel and of the order parameter are there; what else does not fit is named."""
    one = page_of("hopfield")
    every = [row["name"] for row in content_of(one.text)["quantities"] if "samples" in row]
    monkeypatch.setattr(payload, "MOST_OF_SAMPLES", 0)
    content = content_of(page_text(one.study, one.found, BESIDE))
    assert [row["name"] for row in content["quantities"] if "samples" in row] == ["overlap"]
    assert content["unsampled"] == every[1:]
    assert len(every) > 3
    share = packed_samples(one.found.cells, every[1])
    monkeypatch.setattr(payload, "MOST_OF_SAMPLES", share)
    content = content_of(page_text(one.study, one.found, BESIDE))
    assert [row["name"] for row in content["quantities"] if "samples" in row][:2] == every[:2]
