"""A model observes more than it did: cells stay as they are, and what they lack is computed on demand."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import HERE, Command, everything, fill, flip, make_study, write_study

from mattis import figures
from mattis.engine.driver import Settings, run, withdraw_stale_receipts
from mattis.engine.status import digest, status
from mattis.errors import Fault, UserError
from mattis.networks.binary.models import BINARY_MODELS
from mattis.networks.registry import MODELS
from mattis.store import layout, reading, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study.base import Study
from mattis.study.model import Columns, Observable, over_cues

OLD = replace(MODELS["hopfield"], batched=None)
OLD_NAMES = [observable.name for observable in over_cues(OLD.observables, 2)]
"""What the study of two cues observes."""
BEFORE, AFTER = len(OLD_NAMES), len(OLD_NAMES) + 1
NEW = Observable("overlap_cubed", "cube of the overlap")
LONG = [*OLD_NAMES, NEW.name]
"""The list of a store that has grown; the model of today has the new one before the flag."""

ALL = replace(HERE, all_observables=True)
CHUNK = "c/0/0/0/0/0"


def simulate(*task: object) -> Columns:
    columns = OLD.simulate(*task)
    return columns | {NEW.name: columns["overlap"] ** 3}


TODAY = replace(OLD, observables=(*OLD.observables[:-1], NEW, OLD.observables[-1]), simulate=simulate)


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What makes a model that of this process."""
    return lambda model: monkeypatch.setitem(BINARY_MODELS, "hopfield", model)


@pytest.fixture
def old(study: Study, tmp_path: Path, become: Callable[..., None]) -> Path:
    """The store of yesterday, opened today."""
    become(OLD)
    run(study, tmp_path, HERE)
    become(TODAY)
    return Path(results_of(study, tmp_path).store)


@pytest.fixture
def half(old: Path, study: Study, tmp_path: Path) -> Path:
    """The same store, where a shard of two has got what the other lacks."""
    run(study, tmp_path, replace(ALL, shard=(0, 2)))
    run(study, tmp_path, HERE)
    return old


def from_scratch(study: Study, folder: Path) -> str:
    fill(study, folder / "scratch")
    return digest(study, folder / "scratch")


def held(study: Study, path: Path) -> set[int]:
    return {*reading.read(Folder(path), study)["held"].values.ravel().tolist()}


def test_a_store_of_before_has_all_its_cells_and_says_what_it_lacks(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    become(OLD)
    first = run(study, tmp_path, HERE).digest
    path = Path(results_of(study, tmp_path).store)
    assert isinstance(path, Path)
    before, values = everything(path), reading.read(Folder(path), study)
    become(TODAY)
    state = status(study, tmp_path)
    assert (state["done"], state["cells"]["done"], state["lacks"]) == (9, 72, [NEW.name])
    ds = reading.read(Folder(path), study)
    for name in OLD_NAMES:
        np.testing.assert_array_equal(ds[name].values, values[name].values)
    assert ds[NEW.name].isnull().all()
    assert ds["valid"].all()
    log = tmp_path / "log"
    outcome = run(study, tmp_path, HERE, log)
    assert (outcome.computed, outcome.found, outcome.digest) == (0, 72, first)
    assert log.read_text().splitlines()[0] == (
        f"lacks: {NEW.name}; mattis run STUDY --all-observables computes them"
    )
    assert everything(path) == before
    assert verify(study, tmp_path, recompute=2).sound
    assert digest(study, tmp_path) == first


def test_new_cells_have_what_the_store_has(tmp_path: Path, old: Path, become: Callable[..., None]) -> None:
    larger = make_study(tmp_path, seed=4)
    assert run(larger, tmp_path, HERE).computed == 24
    assert json.loads((old / "zarr.json").read_text())["attributes"]["observables"].split() == OLD_NAMES
    assert NEW.name not in xr.open_zarr(old)
    assert status(larger, tmp_path)["lacks"] == [NEW.name]
    found = digest(larger, tmp_path)
    become(OLD)
    assert found == from_scratch(larger, tmp_path)


def test_what_is_lacking_is_computed_where_it_is_asked_for(tmp_path: Path, study: Study, old: Path) -> None:
    before = xr.open_zarr(old).load()
    outcome = run(study, tmp_path, ALL)
    assert (outcome.computed, outcome.found) == (72, 0)
    assert outcome.digest == digest(study, tmp_path) == from_scratch(study, tmp_path)
    after = xr.open_zarr(old).load()
    assert after.attrs["observables"].split() == LONG
    assert after.attrs["digests_over"] == [BEFORE, AFTER]
    assert "digests_over" in after.attrs["digest_scheme"]
    for name in OLD_NAMES:
        np.testing.assert_array_equal(after[name].values, before[name].values)
    np.testing.assert_array_equal(after[NEW.name].values, after["overlap"].values ** 3)
    assert after[NEW.name].attrs["long_name"] == NEW.long_name
    assert status(study, tmp_path)["lacks"] == []
    assert verify(study, tmp_path, recompute=2).sound
    assert run(study, tmp_path, ALL).computed == 0
    larger = make_study(tmp_path, seed=4)
    assert run(larger, tmp_path, HERE).computed == 24
    assert held(larger, old) == {AFTER}


def test_a_store_of_today_says_nothing_of_growth(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    become(TODAY)
    run(study, tmp_path, ALL)
    attributes = layout.attributes(results_of(study, tmp_path).store)
    assert attributes["observables"].split() == [o.name for o in over_cues(TODAY.observables, 2)]
    assert "digests_over" not in attributes
    assert "digests_over" not in attributes["digest_scheme"]


@pytest.mark.parametrize("growth", [2.0, pytest.param(1.25, marks=pytest.mark.slow)])
def test_a_death_anywhere_leaves_cells_with_the_old_list_or_the_new_one(
    tmp_path: Path, study: Study, old: Path, monkeypatch: pytest.MonkeyPatch, growth: float
) -> None:
    """At each rename of a file, the later ones with gaps that grow."""
    before, kept = xr.open_zarr(old).load(), tmp_path / "kept"
    wanted, seen = from_scratch(study, tmp_path), set[frozenset[int]]()
    shutil.copytree(old.parent, kept)
    death, rename, calls = 0, Path.replace, 0

    def dying(path: Path, *names: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls > death:
            raise KeyboardInterrupt
        return rename(path, *names)

    ended = False
    while not ended:
        calls = 0
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(Path, "replace", dying)
            run(study, tmp_path, ALL)
            ended = True
        ds = reading.read(Folder(old), study)
        assert ds["valid"].all()
        same = before["energy"].sel({name: ds[name].values for name in study.dimensions})
        np.testing.assert_array_equal(ds["energy"].values, same.values)
        fresh = np.where(ds["held"].values == AFTER, ds["overlap"].values ** 3, np.nan)
        np.testing.assert_array_equal(ds[NEW.name].values, fresh)
        seen.add(frozenset(ds["held"].values.ravel().tolist()))
        assert run(study, tmp_path, HERE).computed == 0
        outcome = run(study, tmp_path, ALL)
        assert outcome.computed == int((ds["held"] == BEFORE).sum())
        assert outcome.digest == wanted
        assert verify(study, tmp_path).sound
        shutil.rmtree(old.parent)
        shutil.copytree(kept, old.parent)
        death = int(death * growth) + 1
    assert {frozenset({BEFORE}), frozenset({AFTER})} <= seen


@pytest.mark.parametrize("more", [False, True])
def test_segments_of_before_are_folded(
    tmp_path: Path, study: Study, become: Callable[..., None], more: bool
) -> None:
    become(OLD)
    for index in range(2):
        run(study, tmp_path, replace(HERE, shard=(index, 2)))
    first, path = digest(study, tmp_path), Path(results_of(study, tmp_path).store)
    become(TODAY)
    state = status(study, tmp_path)
    assert (state["cells"]["done"], state["lacks"]) == (72, [NEW.name])
    assert digest(study, tmp_path) == first
    shutil.copytree(path / "journal", tmp_path / "journal")
    outcome = run(study, tmp_path, replace(HERE, all_observables=more))
    assert outcome.computed == 72 * more
    assert held(study, path) == {BEFORE + more}
    shutil.copytree(tmp_path / "journal", path / "journal")
    before = everything(path)
    assert digest(study, tmp_path) == outcome.digest
    assert run(study, tmp_path, HERE).computed == 0
    assert everything(path).items() < before.items()
    assert held(study, path) == {BEFORE + more}


def test_segments_that_no_list_begins_with_wait(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    become(OLD)
    run(study, tmp_path / "old", replace(HERE, shard=(0, 2)))
    become(TODAY)
    first = run(study, tmp_path, HERE)
    path = Path(results_of(study, tmp_path).store)
    assert isinstance(path, Path)
    shutil.copytree(tmp_path / "old" / "small" / "sweep.zarr" / "journal", path / "journal")
    before = everything(path)
    again = run(study, tmp_path, HERE)
    assert (again.computed, again.digest) == (0, first.digest)
    assert everything(path) == before


def test_shards_compute_what_is_lacking_and_the_next_whole_run_takes_it(
    tmp_path: Path, study: Study, old: Path
) -> None:
    first = run(study, tmp_path, replace(ALL, shard=(0, 2)))
    assert 0 < first.computed < 72
    assert held(study, old) == {BEFORE, AFTER}
    assert status(study, tmp_path)["lacks"] == [NEW.name]
    assert run(study, tmp_path, HERE).computed == 0
    assert layout.attributes(Folder(old))["digests_over"] == [BEFORE, AFTER]
    assert held(study, old) == {BEFORE, AFTER}
    second = run(study, tmp_path, replace(ALL, shard=(1, 2)))
    assert first.computed + second.computed == 72
    assert run(study, tmp_path, HERE).digest == from_scratch(study, tmp_path)


def test_receipts_go_where_all_observables_are_asked_for(tmp_path: Path, study: Study, old: Path) -> None:
    receipt = results_of(study, tmp_path).receipt
    withdraw_stale_receipts(study, tmp_path)
    assert receipt.exists()
    withdraw_stale_receipts(study, tmp_path, all_observables=True)
    assert not receipt.exists()
    run(study, tmp_path, ALL)
    withdraw_stale_receipts(study, tmp_path, all_observables=True)
    assert json.loads(receipt.read_bytes())["digest"] == digest(study, tmp_path)
    assert old.exists()


@pytest.mark.parametrize("settings", [ALL, replace(ALL, shard=(0, 2))])
def test_other_numbers_than_those_of_before_are_refused(
    tmp_path: Path, study: Study, old: Path, become: Callable[..., None], settings: Settings
) -> None:
    first = digest(study, tmp_path)

    def other(*task: object) -> Columns:
        columns = simulate(*task)
        return columns | {"energy": np.nextafter(columns["energy"], 0)}

    become(replace(TODAY, simulate=other))
    with pytest.raises(Fault, match=r"energy of size=60,.*computed again.*numbers changed"):
        run(study, tmp_path, settings)
    assert held(study, old) == {BEFORE}
    assert (digest(study, tmp_path), run(study, tmp_path, HERE).computed) == (first, 0)
    become(TODAY)
    assert run(study, tmp_path, ALL).digest == from_scratch(study, tmp_path)


def test_a_block_that_fails_is_named_and_keeps_its_cells(
    tmp_path: Path, study: Study, old: Path, become: Callable[..., None]
) -> None:
    def broken(patterns: object, *rest: object) -> Columns:
        assert patterns.labels != {"size": 60, "patterns": 6, "seed": 1}  # type: ignore[attr-defined]
        return simulate(patterns, *rest)

    become(replace(TODAY, simulate=broken))
    outcome = run(study, tmp_path, ALL)
    assert (outcome.computed, outcome.digest) == (64, None)
    state = status(study, tmp_path)
    assert (state["done"], state["missing"], state["failed"]) == (8, 0, 1)
    assert [*state["failures"]] == ["size=60,load=0.1,seed=1"]
    assert (state["cells"]["done"], state["lacks"]) == (72, [NEW.name])
    become(TODAY)
    assert run(study, tmp_path, ALL).computed == 8
    assert held(study, old) == {AFTER}


@pytest.mark.parametrize("name", ["overlap", NEW.name, "flag", "digest"])
def test_a_flipped_bit_costs_its_cell_whatever_that_has(
    tmp_path: Path, study: Study, half: Path, name: str
) -> None:
    before, has = everything(half), reading.read(Folder(half), study)["held"].values.ravel()
    for count in (BEFORE, AFTER):
        cell = int(np.flatnonzero(has == count)[5])
        flip(half / name / CHUNK, 8 * cell + 6)
        verdict = verify(study, tmp_path)
        lost = int(name != NEW.name or count == AFTER)
        assert [finding.array for finding in verdict.findings] == [name]
        assert verdict.damaged == lost
        assert run(study, tmp_path, HERE).computed == lost
        assert verify(study, tmp_path, recompute=1).sound
    assert held(study, half) == {BEFORE, AFTER}
    assert status(study, tmp_path)["lacks"] == [NEW.name]
    assert everything(half).keys() == before.keys()
    assert run(study, tmp_path, ALL).digest == from_scratch(study, tmp_path)


def test_a_cube_of_two_lists_is_packed_anew(tmp_path: Path, study: Study, half: Path) -> None:
    before = reading.read(Folder(half), study)
    larger = make_study(tmp_path, seed=60, load=[0.05])
    store.create_or_extend(Folder(half), larger)
    assert xr.open_zarr(half)["overlap"].encoding["chunks"] == (1, 3, 4, 2, 60)
    after = reading.read(Folder(half), study)
    for name in ("held", "energy", NEW.name):
        np.testing.assert_array_equal(after[name].values, before[name].values)


@pytest.mark.parametrize("grown", [False, True])
def test_a_model_that_observes_less_packs_a_cube_anew_and_loses_nothing(
    tmp_path: Path, study: Study, become: Callable[..., None], grown: bool
) -> None:
    become(OLD if grown else TODAY)
    run(study, tmp_path, HERE)
    become(TODAY)
    before = run(study, tmp_path, ALL).digest
    become(OLD)
    with suppress(UserError):  # a model that observes less cannot compute the rest
        run(make_study(tmp_path, seed=60, load=[0.05]), tmp_path, HERE)
    become(TODAY)
    assert digest(study, tmp_path) == before
    assert status(study, tmp_path)["lacks"] == []


def test_a_model_that_observes_less_shows_what_it_knows_and_spoils_nothing(
    tmp_path: Path, study: Study, old: Path, become: Callable[..., None]
) -> None:
    first = digest(study, tmp_path)
    run(study, tmp_path, ALL)
    before = everything(old)
    become(OLD)
    assert digest(study, tmp_path) == first
    assert status(study, tmp_path)["lacks"] == []
    assert verify(study, tmp_path, recompute=1).sound
    assert NEW.name not in reading.read(Folder(old), study)
    assert run(study, tmp_path, ALL).computed == 0
    assert everything(old) == before
    larger = make_study(tmp_path, seed=4)
    assert run(larger, tmp_path, HERE).computed == 24
    assert verify(larger, tmp_path).sound
    become(TODAY)
    assert held(larger, old) == {BEFORE, AFTER}
    assert status(study, tmp_path)["lacks"] == []
    assert run(larger, tmp_path, ALL).digest == from_scratch(larger, tmp_path)


def test_cells_that_cannot_be_computed_as_the_others_are_refused(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    become(TODAY)
    run(study, tmp_path, HERE)
    become(OLD)
    assert run(study, tmp_path, HERE).computed == 0
    with pytest.raises(UserError, match=r"cells have overlap_cubed, which this mattis does not"):
        run(make_study(tmp_path, seed=4), tmp_path, HERE)
    assert status(study, tmp_path)["cells"]["done"] == 72


def emptied(path: Path) -> None:
    for name in ("zarr.json", "digest/zarr.json"):
        (path / name).write_bytes(b"")


def all_emptied(path: Path) -> None:
    for file in path.rglob("zarr.json"):
        file.write_bytes(b"")


@pytest.mark.parametrize("loss", [emptied, all_emptied])
@pytest.mark.parametrize("more", ["none", "some", "all"])
def test_a_list_that_cannot_be_read_is_found_again(
    tmp_path: Path, study: Study, old: Path, loss: Callable[[Path], None], more: str
) -> None:
    if more != "none":
        run(study, tmp_path, replace(ALL, shard=(0, 2) if more == "some" else None))
        run(study, tmp_path, HERE)
    before = everything(old)
    loss(old)
    assert run(study, tmp_path, HERE).computed == 0
    assert everything(old) == before


def test_a_list_with_an_unknown_observable_is_found_again(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    become(TODAY)
    run(study, tmp_path, HERE)
    become(OLD)
    path = Path(results_of(study, tmp_path).store)
    assert isinstance(path, Path)
    emptied(path)
    assert run(study, tmp_path, HERE).computed == 0
    become(TODAY)
    assert status(study, tmp_path)["lacks"] == []
    assert verify(study, tmp_path).sound


LISTS = {
    "observables": [[], "", "overlap overlap", "../x", "overlap  energy",
                    ["../x"], ["overlap", "overlap"], ["digest"], ["load"], [1],
                    [f"a{k}" for k in range(65)], ["A"], ["a" * 65]],
    "digests_over": [[], [BEFORE - 1], [BEFORE, BEFORE], [AFTER, BEFORE], [0, BEFORE], [True, BEFORE],
                     str(BEFORE), [float(BEFORE)]],
}  # fmt: skip


@pytest.mark.parametrize(("key", "said"), [(k, v) for k, some in LISTS.items() for v in some])
def test_lists_that_no_store_has_are_refused(
    tmp_path: Path, study: Study, old: Path, key: str, said: object
) -> None:
    found = {name: value for name, value in layout.attributes(Folder(old)).items() if name != "seal"}
    content = json.loads((old / "zarr.json").read_text())
    content["attributes"] = layout.sealed(found | {key: said})
    (old / "zarr.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="no mattis store"):
        status(study, tmp_path)


def test_the_command_says_what_is_lacking_and_computes_it(tmp_path: Path, old: Path, mattis: Command) -> None:
    def command(verb: str, *words: object) -> str:
        code, out, _ = mattis(verb, write_study(tmp_path), "--results", tmp_path, *words)
        assert code == 0
        return out

    line = f"lacks: {NEW.name}; mattis run STUDY --all-observables computes them\n"
    done = "small: 72 of 72 cells done; 9 of 9 blocks whole, 0 with cells missing, 0 failed\n"
    assert command("status") == done + line
    assert json.loads(command("status", "--json"))["lacks"] == [NEW.name]
    command("run", "--all-observables", "--pool", "threads", "--workers", "1")
    assert command("status") == done
    assert old.exists()


@pytest.mark.usefixtures("cheap_figures")
def test_a_figure_of_what_is_lacking_claims_no_number(
    tmp_path: Path, study: Study, become: Callable[..., None]
) -> None:
    kept = ("energy", "flag")
    become(replace(OLD, observables=tuple(o for o in OLD.observables if o.name in kept)))
    run(study, tmp_path, HERE)
    become(OLD)
    assert figures.diagram(study, tmp_path)
    estimates = xr.open_zarr(results_of(study, tmp_path).diagram)
    for name in ("energy", "overlap", "overlap_error", "retrieved", "boundary_load"):
        assert estimates[name].isnull().all() == (name != "energy"), name
