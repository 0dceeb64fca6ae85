"""Results in an object store: the same numbers, resumed after faults, held by one writer at a time."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from builders import HERE, SECONDS, THREADS, Command, fill, make_study, started, undisturbed, write_study
from object_store import BUCKET, SECRET, Proxy

from mattis import figures
from mattis.engine import locks
from mattis.engine.driver import run
from mattis.engine.status import digest, status
from mattis.errors import Fault, UserError
from mattis.store import objects, reading
from mattis.store.places import place_of
from mattis.store.results import results_of
from mattis.store.verify import verify
from mattis.study.base import Study

URL = f"s3://{BUCKET}/some results"


@pytest.mark.usefixtures("proxy")
def test_the_whole_way_without_a_file_on_this_machine(tmp_path: Path, study: Study) -> None:
    before = sorted(tmp_path.rglob("*"))
    outcome = run(study, URL, HERE)
    again = run(study, URL, HERE)
    assert (again.computed, again.found, again.digest) == (0, 72, outcome.digest)
    assert digest(study, URL) == outcome.digest
    assert status(study, URL)["done"] == 9
    assert verify(study, URL, recompute=1).sound
    names = [str(place) for place in figures.diagram(study, URL)]
    assert f"{URL}/small/figures/diagram.png" in names
    drawn = (place_of(URL) / "small/figures/diagram.png").read_bytes()
    assert drawn is not None
    assert drawn[:4] == b"\x89PNG"
    assert sorted(tmp_path.rglob("*")) == before
    larger = make_study(tmp_path, seed=4)
    assert run(larger, URL, HERE).computed == 24
    assert digest(study, URL) == outcome.digest == undisturbed(study, tmp_path)


@pytest.mark.usefixtures("proxy")
def test_xarray_opens_it_without_mattis(study: Study) -> None:
    import xarray as xr
    from obstore.store import from_url
    from zarr.storage import ObjectStore

    run(study, URL, HERE)
    options = {"allow_http": True}
    opened = ObjectStore(from_url(f"{URL}/small/sweep.zarr", client_options=options))
    ds = xr.open_zarr(opened)
    assert not ds["overlap"].isnull().any()
    assert SECRET not in str(ds.attrs)


@pytest.mark.usefixtures("proxy")
def test_damage_is_found_and_mended(tmp_path: Path, study: Study) -> None:
    first = run(study, URL, HERE).digest
    chunk = results_of(study, URL).store / "overlap/c/0/0/0/0/0"
    content = bytearray(chunk.read_bytes() or b"")
    content[8 * 30] ^= 1
    chunk.write_bytes(bytes(content))
    (found,) = verify(study, URL).findings
    assert (found.array, sum(found.blocks.values())) == ("overlap", 1)
    assert run(study, URL, HERE).computed == 1
    chunk.remove()
    assert run(study, URL, HERE).computed == 72
    assert digest(study, URL) == first == undisturbed(study, tmp_path)


@pytest.mark.slow  # of a folder: test_driver.py
@pytest.mark.usefixtures("proxy")
def test_kill_9_in_the_middle_and_the_same_command_goes_on(tmp_path: Path) -> None:
    running, study = started(
        tmp_path, *THREADS, seed=6, results=URL, sweeps={"thermalise": 100, "measure": 2500}
    )
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    found = status(study, URL)["cells"]["done"]
    assert 0 < found < 144
    # The lock outlived its holder, which is seen to be dead.
    assert (results_of(study, URL).folder / "locks").names() == ["run"]
    outcome = run(study, URL, HERE)
    assert (outcome.found, outcome.computed) == (found, 144 - found)
    assert outcome.digest == undisturbed(study, tmp_path)


@pytest.mark.slow
def test_a_store_that_goes_away_is_one_line_without_credentials(tmp_path: Path, proxy: Proxy) -> None:
    running, study = started(tmp_path, *THREADS, seed=6, results=URL)
    proxy.cut()
    _, said = running.communicate(timeout=SECONDS)
    text = said.decode()
    assert running.returncode == 1, text
    line = text.strip().splitlines()[-1]
    assert line.startswith(f"mattis: {URL}/small/")
    assert "the object store cannot be reached" in line or "dropped the connection" in line
    assert "give the same command again" in line
    assert "Traceback" not in text
    assert SECRET not in text
    proxy.mend()
    assert status(study, URL)["cells"]["done"] > 0
    assert run(study, URL, HERE).digest == undisturbed(study, tmp_path)


@pytest.mark.parametrize(
    "cut_after", [3, 120, *(pytest.param(n, marks=pytest.mark.slow) for n in (30, 60, 90, 150))]
)
def test_a_cut_anywhere_costs_nothing_that_was_written(
    tmp_path: Path, study: Study, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, cut_after: int
) -> None:
    monkeypatch.setattr(objects, "REQUEST_PATIENCE", timedelta(seconds=3))
    proxy.requests, proxy.cut_after = 0, cut_after
    try:
        fill(study, URL)
    except (Fault, OSError):
        assert not proxy.is_open
    proxy.mend()
    proxy.cut_after = None
    fill(study, URL)
    assert digest(study, URL) == undisturbed(study, tmp_path)


@pytest.mark.usefixtures("proxy")
def test_a_second_run_is_refused_and_a_dead_holder_is_recognised(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = results_of(study, URL).folder
    with locks.held(folder), pytest.raises(UserError, match=rf"process {os.getpid()} on .* since"):
        run(study, URL)
    with (
        locks.held(folder, "shard-a"),
        locks.held(folder, "shard-b"),
        pytest.raises(UserError, match="another run is writing there"),
        locks.held(folder),
    ):
        pass
    assert (folder / "locks").names() == []
    # A holder on another machine, who stops renewing:
    monkeypatch.setattr(locks, "_machine", lambda: "elsewhere")
    with locks.held(folder):
        monkeypatch.setattr(locks, "_machine", lambda: "here")
        with pytest.raises(UserError, match="if it died, its lock ends within 60 seconds"):
            run(study, URL)
        monkeypatch.setattr(locks, "DEAD", 1.0)
        time.sleep(2.1)
        with locks.held(folder):
            assert reading.is_there(folder / "sweep.zarr") is False


@pytest.mark.usefixtures("proxy")
def test_a_lock_is_renewed_while_it_is_held(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = results_of(study, URL).folder
    monkeypatch.setattr(locks, "RENEWED", 0.3)
    monkeypatch.setattr(locks, "DEAD", 2.0)
    with locks.held(folder):
        monkeypatch.setattr(locks, "_machine", lambda: "elsewhere")
        time.sleep(4)
        with pytest.raises(UserError, match="another run is writing there"), locks.held(folder):
            pass


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("s3://nobody-made-this/x", "there is no such bucket; make it, or choose another"),
        ("ftp://host/x", "got ftp://host/x; expected a folder, or s3://bucket/prefix"),
        ("s3://key:secret@bucket/x", "got credentials in a URL; expected s3://bucket/x"),
        ("s3://bucket/x?signature=secret", "got s3://bucket/x; expected a folder"),
        ("s3://", "expected a folder, or s3://bucket/prefix"),
    ],
)
def test_a_wrong_url_is_one_line(tmp_path: Path, mattis: Command, results: str, said: str) -> None:
    code, _, err = mattis("run", write_study(tmp_path), "--results", results)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert "secret" not in err
