"""What is in a capsule: the same bytes each time, files by their hashes, results without mattis."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import xarray as xr
import yaml
from builders import TINY, columns_of, fill, flip, make_study, refused

import mattis
from mattis.capsule.archive import Archived, archive
from mattis.capsule.crate import Publication
from mattis.capsule.manifest import stated
from mattis.capsule.versions import PackageVersion, Versions, versions_here
from mattis.engine import status
from mattis.networks.registry import load_study
from mattis.store import store
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


def test_the_same_store_gives_the_same_bytes(
    tiny: tuple[Study, Path], capsule: Archived, tmp_path: Path
) -> None:
    """Also of cells that came in another order and wait in the journal, and beside a stale figure."""
    study, _ = tiny
    figures = tmp_path / "results" / "small" / "figures"
    figures.mkdir(parents=True)
    (figures / "stale.png").write_bytes(b"of another day")
    people = ["Ada Lovelace <0000-0002-1825-0097>", "B. C."]
    whose = {"authors": people, "licence": "CC-BY-4.0", "date": "2026-01-31"}
    last, *others = plan.blocks(study)
    fill(study, tmp_path / "results", others[::-1])
    opened = store.join(results_of(study, tmp_path / "results").store, study)
    store.write(opened, study, last, columns_of(study, last))
    store.flush(opened)
    again = archive(study, tmp_path / "other name.zip", tmp_path / "results", **whose)
    assert capsule.path.read_bytes() == again.path.read_bytes()
    assert again.sha256 == sha256(again.path.read_bytes()).hexdigest()


def test_the_manifest_lists_every_file_but_itself_with_its_hash(capsule: Archived) -> None:
    with ZipFile(capsule.path) as archive:
        names = archive.namelist()
        told = json.loads(archive.read("manifest.json"))
        files = {name: archive.read(name) for name in names}
        times = {(entry.date_time, entry.external_attr >> 16) for entry in archive.infolist()}
    assert names == sorted(names)
    assert times == {((1980, 1, 1, 0, 0, 0), 0o100644)}
    assert {*told["files"]} == {*names} - {"manifest.json"}
    for name, entry in told["files"].items():
        assert entry == {"sha256": sha256(files[name]).hexdigest(), "bytes": len(files[name])}
    assert {name for name in names if ".zarr/" not in name} == {
        "README.md", "manifest.json", "requirements.txt", "results/small/diagram.html",
        "results/small/figures/diagram.png", "results/small/figures/diagram.svg",
        "ro-crate-metadata.json", "study/small.yaml", "versions.json",
    }  # fmt: skip


def test_the_study_and_the_digest_are_those_of_the_results(
    tiny: tuple[Study, Path], capsule: Archived, tmp_path: Path
) -> None:
    study, folder = tiny
    with ZipFile(capsule.path) as archive:
        (tmp_path / "small.yaml").write_bytes(archive.read("study/small.yaml"))
    assert load_study(tmp_path / "small.yaml").physics() == study.physics()
    assert capsule.manifest.digest == status.digest(study, folder / "results")
    assert (capsule.manifest.cells, capsule.manifest.states_digest) == (12, None)


def test_xarray_reads_the_results_inside_of_the_zip_without_mattis(
    tiny: tuple[Study, Path], capsule: Archived
) -> None:
    """In a process that cannot import mattis, from a path with a space, by the lines of the README."""
    study, folder = tiny
    with ZipFile(capsule.path) as archive:
        text = archive.read("README.md").decode()
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    (start,) = [k for k, line in enumerate(lines) if line == "import xarray"]
    script = "\n".join(
        ["import sys; sys.modules['mattis'] = None", *lines[start : start + 2],
         "print(float(cells.overlap.sum()), int((cells.digest > 0).sum()), cells.digest_scheme[:14])"]
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=capsule.path.parent, check=True, capture_output=True, text=True
    )
    stored = mattis.open_results(study, folder / "results")
    total, cells, scheme = done.stdout.split(maxsplit=2)
    assert (float(total), int(cells)) == (float(stored["overlap"].sum()), 12)
    assert scheme.strip() == "first 53 bits"
    diagram = xr.open_zarr(f"zip://results/small/diagram.zarr::{capsule.path}")
    assert np.isfinite(diagram["overlap"].values).all()


def test_the_metadata_keep_the_rules_of_ro_crate(capsule: Archived) -> None:
    """What version 1.1 says must be: descriptor, root entity, parts that are there, no loose end."""
    with ZipFile(capsule.path) as archive:
        content = json.loads(archive.read("ro-crate-metadata.json"))
        names = {*archive.namelist()}
    assert content["@context"] == "https://w3id.org/ro/crate/1.1/context"
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(graph) == len(content["@graph"]), "flat, and each entity once"
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"]["@id"].startswith("https://w3id.org/ro/crate/1.1")
    assert root["@type"] == "Dataset"
    assert root["datePublished"] == "2026-01-31"
    assert root["name"]
    assert root["description"]
    parts = [part["@id"] for part in root["hasPart"]]
    for part in parts:
        kinds = graph[part]["@type"]
        assert "Dataset" in kinds if part.endswith("/") else "File" in kinds
        assert any(name.startswith(part) if part.endswith("/") else name == part for name in names)
    data = [one for one, of in graph.items() if of["@type"] in ("File", "Dataset") and one != "./"]
    assert {*data} == {*parts}, "data entities are linked from the root"
    assert {*references(content["@graph"])} - {"https://w3id.org/ro/crate/1.1"} <= {*graph}
    assert graph[root["license"]["@id"]]["name"] == "CC-BY-4.0"
    people = [graph[author["@id"]] for author in root["author"]]
    assert [one["name"] for one in people] == ["Ada Lovelace", "B. C."]
    assert people[0]["@id"] == "https://orcid.org/0000-0002-1825-0097"


def references(content: object) -> list[str]:
    """Return what `{"@id": …}` alone refers to, anywhere in JSON-LD."""
    if isinstance(content, dict):
        if [*content] == ["@id"]:
            return [content["@id"]]
        content = [*content.values()]
    return [one for part in content for one in references(part)] if isinstance(content, list) else []


def test_versions_name_packages_without_paths_users_or_hosts(capsule: Archived) -> None:
    with ZipFile(capsule.path) as archive:
        text = archive.read("versions.json").decode()
        pinned = archive.read("requirements.txt").decode().splitlines()
    packages = json.loads(text)["packages"]
    assert {"numpy", "numba", "llvmlite", "xarray", "zarr", "numcodecs"} <= {*packages}
    assert "pytest" not in packages, "of another extra"
    assert pinned == sorted(f"{name}=={one['version']}" for name, one in packages.items())
    assert f"numpy=={np.__version__}" in pinned
    assert {*json.loads(text)} == {
        "python", "implementation", "system", "machine", "mattis", "source", "packages",
    }  # fmt: skip
    assert "/" not in text


def test_what_differs_between_two_environments_is_named() -> None:
    here = versions_here()
    assert here.differences(here) == []
    numpy = here.packages["numpy"]
    packages = {**here.packages, "numpy": PackageVersion(version="1.0", files=numpy.files)}
    del packages["xarray"]
    packages["dask"] = packages["dask"].model_copy(update={"files": "0" * 64})
    changes = {"packages": packages, "machine": "riscv64"}
    elsewhere = here.differences(here.model_copy(update=changes))
    xarray = here.packages["xarray"].version
    assert elsewhere == [
        f"machine {here.machine} → riscv64",
        f"numpy {numpy.version} → 1.0",
        f"xarray {xarray} → missing",
    ], "wheels of another platform are other files"
    local = here.differences(here.model_copy(update={"packages": packages, "source": "f" * 64}))
    assert local[0] == f"source of mattis {here.source[:12]} → ffffffffffff"
    assert local[-1].startswith(f"files of dask {here.packages['dask'].version}: ")


def test_versions_are_read_back_as_they_are() -> None:
    here = versions_here()
    assert Versions.model_validate_json(here.model_dump_json()) == here


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('__license__ = "MIT"\n__citation__ = "Me (2026)"\n', ("MIT", "Me (2026)")),
        ("# SPDX-License-Identifier: Apache-2.0\nx = 1\n", ("Apache-2.0", "")),
        ('__author__ = "Me"\n', ("", "Me")),
        ("def f(:\n", ("", "")),
        ("", ("", "")),
    ],
)
def test_licence_and_citation_are_read_from_a_source_that_is_not_run(
    source: str, expected: tuple[str, str]
) -> None:
    assert stated(source) == expected


def test_missing_and_damaged_cells_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    study, out = make_study(tmp_path, **TINY), tmp_path / "out.zip"
    blocks = plan.blocks(study)
    fill(study, tmp_path, blocks[1:])
    assert "2 of 12 cells are missing; compute them" in refused(archive, study, out, tmp_path)
    fill(study, tmp_path, blocks[:1])
    store = Path(str(results_of(study, tmp_path).store))
    chunk = next(path for path in (store / "energy" / "c").rglob("*") if path.is_file())
    flip(chunk, -1)  # of the checksum: no cell is lost by it
    assert "energy/c/" in (said := refused(archive, study, out, tmp_path))
    assert "mattis run mends it" in said
    assert not out.exists()


def test_wrong_words_of_an_archive_are_refused(tiny: tuple[Study, Path]) -> None:
    study, folder = tiny
    for name in ("small.tar", "no folder/small.zip"):
        assert refused(archive, study, folder / name, folder / "results").startswith("-o ")
    assert "--author: got '<x>'" in refused(Publication, "2026-01-01", ["<x>"])
    assert "--licence: got 'do what'" in refused(Publication, "2026-01-01", [], "do what")
    for day in ("2026-02-30", "20260101", "now"):
        assert f"--date: got '{day}'" in refused(Publication, day)


def test_couplings_of_files_travel_and_are_asked_for(tmp_path: Path) -> None:
    content = {
        "name": "given", "axes": {"size": [12], "load": [0.1], "temperature": [0.0], "seed": 2},
        "couplings": {"file": "j {seed}.npy"}, "sweeps": {"thermalise": 1, "measure": 2},
    }  # fmt: skip
    for seed in range(2):
        rng = np.random.default_rng(seed)
        j = rng.normal(size=(12, 12))
        np.save(tmp_path / f"j {seed}.npy", (j + j.T) * (1 - np.eye(12)))
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(content))
    study = load_study(tmp_path / "given.yaml")
    fill(study, tmp_path / "results")
    made = archive(study, tmp_path / "given.zip", tmp_path / "results")
    assert {"study/couplings/j 0.npy", "study/couplings/j 1.npy"} <= {*made.manifest.files}
    with ZipFile(made.path) as zipped:
        crate = json.loads(zipped.read("ro-crate-metadata.json"))
    assert "study/couplings/j%200.npy" in {entity["@id"] for entity in crate["@graph"]}
    assert mattis.reproduce(made.path, "all", workers=1, quiet=True).same
    (tmp_path / "j 1.npy").unlink()
    said = refused(archive, study, tmp_path / "again.zip", tmp_path / "results")
    assert "j 1.npy" in said or "got 1 of 2 files" in said
