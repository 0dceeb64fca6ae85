"""What xarray makes of a store: sorted coordinates, values that people take for equal, and NetCDF."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import HERE, fill, make_study, undisturbed

from mattis.engine.driver import run
from mattis.engine.status import digest, open_results
from mattis.errors import UserError
from mattis.figures import diagram
from mattis.networks.binary.study import BinaryStudy
from mattis.store import cube, layout, reading, record
from mattis.store.folders import Folder
from mattis.store.reading import stored
from mattis.store.results import results_of
from mattis.study.axes import rounded

DATA = Path(__file__).parents[1] / "data"


def opened(folder: Path, name: str = "sweep.zarr") -> xr.Dataset:
    """Return a store as xarray reads it, without mattis."""
    return xr.open_zarr(folder / "small" / name).load()


@pytest.mark.parametrize(
    "axes",
    [
        {"load": [0.2, 0.05, 0.1]},
        {"temperature": [0.4, 0.0, 0.2]},
        {"noise": [0.1, 0.0, 0.3], "seed": [4, 1, 3]},
        {"size": [90, 60, 75]},
    ],
)
def test_values_are_sorted_however_a_study_lists_them(tmp_path: Path, axes: dict[str, list[float]]) -> None:
    study = make_study(tmp_path, **axes)
    fill(study, tmp_path)
    ds = opened(tmp_path)
    for name in study.dimensions:
        assert (np.diff(ds[name].values) > 0).all()
    cells = open_results(study, tmp_path)
    for name in study.dimensions:
        steps = np.diff(cells[name].values)
        assert (steps > 0).all() or (steps < 0).all()
    aligned = cells["overlap"].sel({name: ds[name] for name in study.dimensions})
    np.testing.assert_array_equal(aligned.transpose(*ds["overlap"].dims), ds["overlap"])


@pytest.mark.parametrize("inside", [{"load": [0.06]}, {"temperature": [0.11]}, {"load": [0.04]}])
def test_values_between_the_old_ones_make_the_same_store(
    tmp_path: Path, inside: dict[str, list[float]]
) -> None:
    """Byte by byte that of a study that had them from the start: plots, slices and neighbours are right."""
    wanted = {"load": [0.05, 0.1, 0.2], "temperature": [0.0, 0.2, 0.4]}
    ((name, values),) = inside.items()
    more = make_study(tmp_path, seed=2, **{**wanted, name: [*wanted[name], *values]})
    in_order = make_study(tmp_path, seed=2, **{**wanted, name: sorted([*wanted[name], *values])})
    first = make_study(tmp_path, seed=2, **wanted)
    fill(first, tmp_path / "a")
    fill(more, tmp_path / "a")
    fill(in_order, tmp_path / "b")
    xr.testing.assert_identical(opened(tmp_path / "a"), opened(tmp_path / "b"))
    assert digest(more, tmp_path / "a") == digest(in_order, tmp_path / "b")
    near = opened(tmp_path / "a").sel(load=0.061, method="nearest")
    assert near["load"] == min([*map(float, in_order.axes.load or ())], key=lambda x: abs(x - 0.061))


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.1 + 0.2, 0.3], [0.7, 0.1 * 7], [0.05, 0.05000000000000001]])
def test_two_values_that_people_take_for_one_are_refused(tmp_path: Path, values: list[float]) -> None:
    with pytest.raises(UserError, match=r"axes\.load\[\d\]: got .*, the same as load\[\d\]"):
        make_study(tmp_path, load=values)


@pytest.mark.parametrize("given", [0.1 + 0.2, 1.1 * 3, 0.7000000000000001, 1e-6 * 3, 2.0, 1 / 3])
def test_values_are_rounded_as_grids_are(given: float) -> None:
    assert rounded(given) == pytest.approx(given, rel=1e-11)
    assert rounded(rounded(given)) == rounded(given)
    assert float(f"{given:.12g}") == rounded(given)


def test_an_old_store_with_other_last_digits_still_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as NumPy's arange left them: 0.15000000000000002 in the store is 0.15 of the study."""
    study = make_study(tmp_path, load=[0.05, 0.1, 0.15])
    odd = study.axes.model_copy(update={"load": (0.05, 0.1, 0.05 + 0.1)})
    assert odd.load != study.axes.load
    old = study.model_copy(update={"axes": odd})
    for place in (cube, stored):
        monkeypatch.setattr(place, "label_key", lambda _name, value: value)
    fill(old, tmp_path)
    monkeypatch.undo()
    path = results_of(study, tmp_path).store
    assert reading.valid_cells(path, study).all()
    assert run(study, tmp_path).computed == 0
    assert opened(tmp_path)["load"].values.tolist() == [0.05, 0.1, 0.15]
    fresh = tmp_path / "fresh"
    fill(study, fresh)
    assert digest(study, tmp_path) == digest(study, fresh)
    xr.testing.assert_identical(opened(tmp_path), opened(fresh))


def test_a_beta_of_twelve_digits_is_not_the_temperature_that_it_is_near(tmp_path: Path) -> None:
    """Random numbers depend on all digits of 1/T, so the two have different cells."""
    fill(make_study(tmp_path, temperature=[0.3]), tmp_path)
    near = make_study(tmp_path, temperature=None, beta=[3.33333333333])
    assert not reading.valid_cells(results_of(near, tmp_path).store, near).any()
    same = make_study(tmp_path, temperature=None, beta=[1 / 0.3])
    assert reading.valid_cells(results_of(same, tmp_path).store, same).all()


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[xr.Dataset]:
    """What xarray makes of a store, of the diagram beside it, and what mattis makes of the store."""
    folder = tmp_path_factory.mktemp("drawn")
    study = make_study(folder)
    fill(study, folder)
    diagram(study, folder)
    return [opened(folder), opened(folder, "diagram.zarr"), open_results(study, folder)]


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf", "scipy"])
def test_every_dataset_is_written_as_netcdf(tmp_path: Path, datasets: list[xr.Dataset], engine: str) -> None:
    for ds in datasets:
        ds.to_netcdf(tmp_path / "x.nc", engine=engine)
        with xr.open_dataset(tmp_path / "x.nc", engine=engine) as back:
            xr.testing.assert_equal(back.load(), ds)
            assert back.attrs.keys() == ds.attrs.keys()


def test_attributes_are_words_and_numbers(datasets: list[xr.Dataset]) -> None:
    for ds in datasets:
        for attributes in (ds.attrs, *(v.attrs for v in ds.variables.values())):
            for name, value in attributes.items():
                numbers = value if isinstance(value, list) else [value]
                whole = isinstance(value, str) or all(type(n) in (int, float) for n in numbers)
                assert whole, (name, value)


def test_a_store_of_the_second_format_is_read_where_its_attributes_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digests have 64 bits: which format it is, trial tells."""
    with zipfile.ZipFile(DATA / "store-format-2.zip") as archive:
        archive.extractall(tmp_path / "small")
    study, path = make_study(tmp_path, seed=2), tmp_path / "small" / "sweep.zarr"
    before = reading.valid_cells(Folder(path), study)
    assert before.all()
    for name in ("zarr.json", "digest/zarr.json"):
        (path / name).write_bytes(b"{}")
    (path.parent / "study.yaml").write_text(study.to_yaml())
    assert record.read(Folder(path), study).format == 2
    # Its random numbers are older, and its format is what counts here.
    monkeypatch.setattr(BinaryStudy, "is_random", lambda *_: False)
    fill(study, tmp_path)
    assert layout.attributes(Folder(path))["mattis_format"] == layout.FORMAT
    cold = make_study(tmp_path, seed=2, temperature=[0.0])
    complete = run(cold, tmp_path, replace(HERE, all_observables=True))
    assert complete.digest == undisturbed(cold, tmp_path)
