"""Final states in a store: the bits of the chains, in a digest of their own; nothing else differs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from builders import columns_of, everything, fill, flip, make_of_family, refused

from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, run
from mattis.engine.status import digest, states_digest, status
from mattis.networks.binary.family import cued_chain, signs_of
from mattis.networks.registry import study_of
from mattis.store import folders, reading, store
from mattis.store.folders import Folder
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study import plan
from mattis.study.axes import label_key

KEEP = {"cues": 3, "keep": {"states": 2}, "load": [0.1, 0.2], "size": [36]}
ALL = Settings(1, all_observables=True, where=Where(pool="threads"))
HERE = Settings(1, where=Where(pool="threads"))


def kept(**changes):
    return make_of_family(**{**KEEP, **changes})


def place(study, folder) -> Folder:
    return results_of(study, folder).store


def files(study, folder) -> dict[str, bytes]:
    return everything(Path(str(place(study, folder))))


def states_of(study, folder):
    """The states of a study (…, cue, N), by their cells; all of them are kept."""
    ds = reading.states(place(study, folder), study).dataset()
    assert ds["kept"].values.all()
    return ds, signs_of(ds["states"].values, max(study.axes.size))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": "little"},
        {"model": "pseudo_inverse"},
        {"model": "little", "couplings": "pseudo_inverse"},
        {"starts": 2},
        {"starts": 2, "model": "pseudo_inverse"},
        {"noise_sharing": "common", "update_order": "random"},
        {"couplings_axis": ["hebb", "clipped"]},
        {"patterns": {"ensemble": "biased", "activity": 0.3}},
    ],
    ids=str,
)
def test_states_are_those_in_which_the_chains_ended(tmp_path, changes):
    """Of a chain that is followed by itself, in the order of cues, +1 as 1, N = 36 in 5 bytes."""
    study = kept(**{**changes, "load": [0.1], "seed": 2})
    fill(study, tmp_path)
    ds, spins = states_of(study, tmp_path)
    assert ds["states"].shape[-2:] == (2, 5)
    assert (ds["states"].values[..., -1] & 0b1111 == 0).all()  # beyond N
    for block in plan.blocks(study):
        patterns, visits, inquiry = plan.task(study, block)
        for point, visit in zip(block.points, visits, strict=True):
            at = [
                [label_key(name, v) for v in ds[name].values].index(label_key(name, value))
                for name, value in zip(
                    study.dimensions, (block.size, block.load, *point, block.seed), strict=True
                )
            ]
            for cue in range(2):
                chain = cued_chain(patterns, visit, inquiry, cue)
                np.testing.assert_array_equal(spins[(*at, cue)], chain.state(chain.sweeps))


def test_nothing_else_in_the_store_differs(tmp_path):
    """The digest, every array of observables and the digests of cells: to the last byte."""
    fill(kept(), tmp_path / "with")
    fill(kept(keep=None), tmp_path / "without")
    assert digest(kept(), tmp_path / "with") == digest(kept(keep=None), tmp_path / "without")
    mine, other = files(kept(), tmp_path / "with"), files(kept(keep=None), tmp_path / "without")
    more = {name for name in mine if name.startswith(("states/", "states_digest/"))}
    assert {*mine} - {*other} == more
    assert "states/c/0/0/0/0/0/0/0" in more
    differing = {name for name in other if mine[name] != other[name]}
    assert differing == {"zarr.json", "digest/zarr.json"}


def test_other_readers_find_the_states(tmp_path):
    """By xarray and NumPy alone, as the attributes say."""
    study = kept()
    fill(study, tmp_path)
    ds = xr.open_zarr(str(place(study, tmp_path)))
    assert ds["states"].dims == (*study.dimensions, "cue", "byte")
    spins = np.unpackbits(ds["states"].values, axis=-1)[..., :36].astype(int) * 2 - 1
    mine, own = states_of(study, tmp_path)
    order = {name: mine[name].values for name in study.dimensions}
    again = ds["states"].sel(order).values
    np.testing.assert_array_equal(again, mine["states"].values)
    assert {*np.unique(spins)} == {-1, 1}
    cold = mine.sel(beta=np.inf)["states"].values[..., 0, :]
    assert cold.shape[-1] == own.shape[-1] // 8 + 1


def test_bits_do_not_depend_on_blocks_or_their_order(tmp_path):
    study = kept()
    fill(study, tmp_path / "once")
    pieces = plan.blocks(study, None, 1)
    fill(study, tmp_path / "pieces", pieces[len(pieces) // 2 :])
    fill(study, tmp_path / "pieces")
    assert files(study, tmp_path / "once") == files(study, tmp_path / "pieces")


def test_of_fewer_cues_all_are_kept_and_the_key_is_no_physics():
    study = kept(cues=1, keep={"states": 4})
    assert study.kept_states == (1, 5)
    assert study.physics() == kept(cues=1, keep=None).physics()
    assert study_of(dict(json.loads(json.dumps(study.spelled())))).kept_states == (1, 5)


def test_larger_networks_and_new_values_leave_old_states_as_they_are(tmp_path):
    small, large = kept(load=[0.2]), kept(load=[0.1, 0.2], size=[36, 60], seed=3)
    fill(small, tmp_path)
    before, spins = states_of(small, tmp_path)
    fill(large, tmp_path)
    after, _ = states_of(large, tmp_path)
    assert after["states"].shape[-2:] == (2, 8)
    labels = {name: before[name].values for name in small.dimensions}
    same = signs_of(after["states"].sel(labels).values, 36)
    np.testing.assert_array_equal(same, spins)
    fill(large, tmp_path / "scratch")
    assert states_digest(large, tmp_path) == states_digest(large, tmp_path / "scratch")
    assert verify(large, tmp_path, recompute=3).sound
    assert states_of(small, tmp_path)[0]["kept"].values.all()


def test_what_a_store_lacks_is_computed_where_it_is_asked_for(tmp_path):
    study = kept()
    fill(kept(keep=None), tmp_path)
    before = digest(study, tmp_path)
    assert status(study, tmp_path)["lacks"] == ["states"]
    assert "16 cells without final states" in refused(states_digest, study, tmp_path)
    assert run(study, tmp_path, HERE).computed == 0
    assert status(study, tmp_path)["lacks"] == ["states"]
    outcome = run(study, tmp_path, ALL)
    assert (outcome.computed, outcome.digest) == (16, before)
    assert status(study, tmp_path)["lacks"] == []
    receipt = json.loads((tmp_path / "some" / "sweep.done.json").read_text())
    fill(study, tmp_path / "scratch")
    assert receipt["states_digest"] == states_digest(study, tmp_path / "scratch")
    assert files(study, tmp_path) == files(study, tmp_path / "scratch")


def test_a_study_that_keeps_none_leaves_those_that_are_there(tmp_path):
    study, more = kept(), kept(keep=None, seed=3)
    fill(study, tmp_path)
    before = states_digest(study, tmp_path)
    fill(more, tmp_path)
    assert digest(more, tmp_path) == digest(kept(seed=3, keep=None), tmp_path)
    assert states_digest(study, tmp_path) == before
    assert status(kept(seed=3), tmp_path)["lacks"] == ["states"]


def test_another_number_of_cues_is_refused(tmp_path):
    fill(kept(), tmp_path)
    said = refused(fill, kept(keep={"states": 1}), tmp_path)
    assert said.endswith(
        "keep.states: got 1, but its cells keep the final states of 2 cues; use keep: {states: 2}, or "
        "give the study another name"
    )


@pytest.mark.parametrize("question", ["survival", "familiarity", "hysteresis"])
def test_only_recall_keeps_states(question):
    said = refused(kept, question=question, temperature=[0.0])
    assert "keep.states" in said
    assert "expected the question recall" in said


def test_a_model_of_another_family_has_no_such_key():
    content = {"name": "c", "model": "consolidation", "keep": {"states": 2},
               "axes": {"size": [20], "memories": [3], "kappa": [4.0]}}  # fmt: skip
    said = refused(study_of, content)
    assert "keep" in said


def test_states_wait_in_the_journal_of_shards(tmp_path):
    study = kept()
    results = results_of(study, tmp_path)
    results.folder.make_folder()
    fill(study, tmp_path / "whole")
    for part in ((0, 2), (1, 2)):
        opened = store.join(results.store, study, part)
        for block in plan.blocks(study)[part[0] :: 2]:
            store.write(opened, study, block, columns_of(study, block))
        store.flush(opened)
    waiting, spins = states_of(study, tmp_path)
    np.testing.assert_array_equal(spins, states_of(study, tmp_path / "whole")[1])
    store.create_or_extend(results.store, study)
    assert files(study, tmp_path) == files(study, tmp_path / "whole")
    assert waiting["states"].attrs["bit_order"].startswith("big")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


DAMAGES: dict[str, tuple[str, Callable[[Path], None], str, int]] = {
    "a bit of a state": ("states/c/0/0/0/0/0/0/0", lambda p: flip(p, 3), "wrong checksum", 1),
    "a state cut": ("states/c/0/0/0/0/0/0/0", cut, "truncated", 0),
    "a digest": ("states_digest/c/0/0/0/0/0", lambda p: flip(p, 3), "wrong checksum", 1),
    "no states": ("states/c/0/0/0/0/0/0/0", Path.unlink, "missing", 16),
    "no form": ("states/zarr.json", Path.unlink, "metadata damaged or missing", 16),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_costs_the_states_that_it_hits_and_no_observable(tmp_path, name):
    study = kept()
    fill(study, tmp_path)
    before, (file, damage, said, lost) = files(study, tmp_path), DAMAGES[name]
    damage(Path(str(place(study, tmp_path))) / file)
    verdict = verify(study, tmp_path)
    assert not verdict.sound
    assert (verdict.whole, verdict.damaged) == (16, 0)
    finding = next(one for one in verdict.findings if one.array == file.partition("/")[0])
    assert said in finding.damage
    assert sum(finding.blocks.values()) == lost
    kept_cells = reading.states(place(study, tmp_path), study)["kept"].values
    assert int((~kept_cells).sum()) == lost
    run(study, tmp_path, ALL)
    assert files(study, tmp_path) == before
    assert verify(study, tmp_path).sound


def test_verify_compares_states_that_are_computed_again(tmp_path, monkeypatch):
    study = kept(load=[0.1], temperature=[0.3], noise=[0.1], seed=1)
    fill(study, tmp_path)
    assert verify(study, tmp_path, recompute=1).sound
    model, columns = study.described_model, columns_of(study, plan.blocks(study)[0])
    columns["states"] = columns["states"] ^ 1
    wrong = replace(model, simulate=lambda *_: columns)
    monkeypatch.setattr(type(study), "described_model", wrong)
    (difference,) = verify(study, tmp_path, recompute=1).differences
    assert (difference.array, difference.damage) == ("states", "other final states, computed again")


def test_a_store_without_attributes_finds_its_states_again(tmp_path):
    study = kept()
    fill(study, tmp_path)
    path = Path(str(place(study, tmp_path)))
    results_of(study, tmp_path).study.write_text(study.to_yaml())
    before = states_digest(study, tmp_path)
    for file in ("zarr.json", "digest/zarr.json"):
        (path / file).unlink()
    whole = files(study, tmp_path)
    store.create_or_extend(place(study, tmp_path), study)
    assert states_digest(study, tmp_path) == before
    assert {name: files(study, tmp_path)[name] for name in whole} == whole


@pytest.mark.parametrize(("first", "step"), [(None, 4), ({"load": [0.2]}, 9), ({"size": [30]}, 9)], ids=str)
def test_a_death_at_any_change_of_a_file_costs_nothing(tmp_path, monkeypatch, first, step):
    """A new store, values between the old ones, and wider states: the next run gives the same bytes."""
    changes = {"temperature": [0.0], "noise": [0.1], "seed": 1, "size": [30, 36]}
    study, before = kept(**changes), tmp_path / "before"
    if first:
        fill(kept(**{**changes, **first}), before)
    fill(study, tmp_path / "undisturbed")
    wanted, deaths = files(study, tmp_path / "undisturbed"), 0
    while True:
        folder = tmp_path / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        if first:
            shutil.copytree(before, folder)
        if not dies(monkeypatch, study, folder, deaths):
            break
        fill(study, folder)
        assert files(study, folder) == wanted, deaths
        deaths += step
    assert deaths > 40


class Died(BaseException):
    """The end of a process."""


def dies(monkeypatch, study, folder, changes) -> bool:
    """Fill a store in a process that dies after so many changes of files; return whether it came to that."""
    left = [changes]

    def counted(real):
        def change(*given):
            if not left[0]:
                raise Died
            left[0] -= 1
            return real(*given)

        return change

    one = counted(folders._write)

    def one_by_one(contents):
        for path, content in contents.items():
            one({path: content})

    with monkeypatch.context() as patch:
        patch.setattr(folders, "_write", one_by_one)
        for name in ("remove", "remove_tree"):
            patch.setattr(Folder, name, counted(getattr(Folder, name)))
        try:
            fill(study, folder)
        except Died:
            return True
    return False


def test_the_bits_are_frozen(tmp_path):
    """Bytes of a store of 2026-11: other versions read them."""
    study = kept(load=[0.1], temperature=[0.0, 0.3], noise=[0.1], seed=1)
    fill(study, tmp_path)
    ds, _ = states_of(study, tmp_path)
    assert ds["states"].values.reshape(-1, 5).tolist() == FROZEN
    assert states_digest(study, tmp_path) == FROZEN_DIGEST


FROZEN = [[89, 129, 26, 184, 0], [121, 42, 220, 29, 208], [89, 129, 26, 184, 0], [121, 42, 220, 29, 208]]
FROZEN_DIGEST = "03e6944c91bc90b5f45db03aa1ffa3ab76c16a0bbf48d9c5bce1c7ea39fb5044"
