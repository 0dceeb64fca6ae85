"""Which backend computes never shows: the simulated one takes the whole path of a GPU, to the same digest."""

import json
import os
import shutil
import subprocess
import time
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from builders import HERE, STUDIES, TINY, hopfields, make_study, undisturbed
from click.testing import CliRunner
from references import same_columns

from mattis.cli.command import verbs
from mattis.engine import cluster, dispatch, driver, pulse
from mattis.engine.cluster import Where
from mattis.errors import Fault, UserError
from mattis.kernels.cuda import backends
from mattis.kernels.cuda.devices import Device, DeviceTrouble, host_trouble
from mattis.networks.binary import family, hopfield
from mattis.networks.binary.network import Protocol, Replica
from mattis.networks.registry import load_study
from mattis.study import plan
from mattis.study.model import Columns, PatternSet

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")

REPLICAS = [Replica(0, 1.0, 0.0)]

SIMULATED = replace(HERE, backend="simulated")


@needs_compiler
@pytest.mark.parametrize("model", ["hopfield", "little"])
def test_the_simulated_backend_ends_with_the_digest_of_the_cpu(tmp_path: Path, model: str) -> None:
    study = make_study(tmp_path, model=model, **TINY)
    outcome = driver.run(study, tmp_path, SIMULATED)
    assert outcome.computed == 12
    assert outcome.digest == undisturbed(study, tmp_path)


@needs_compiler
def test_a_run_goes_on_by_another_backend(tmp_path: Path) -> None:
    """Cells of the CPU and of a device lie in one store; only what is missing is computed."""
    few = make_study(tmp_path, **TINY)
    driver.run(few, tmp_path, HERE)
    more = make_study(tmp_path, **{**TINY, "seed": 4})
    outcome = driver.run(more, tmp_path, SIMULATED)
    assert (outcome.found, outcome.computed) == (12, 4)
    assert outcome.digest == undisturbed(more, tmp_path)


def test_auto_takes_a_gpu_only_where_one_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    none = backends.Probe({}, {}, "no GPU, or no driver, was found")
    monkeypatch.setattr(backends, "probe", lambda: none)
    assert cluster.with_backend(Where(), "auto") == (Where(), "cpu")
    assert backends.device("auto") is None
    with pytest.raises(UserError, match=r"got gpu, but no GPU, or no driver.*--backend cpu or auto"):
        cluster.with_backend(Where(), "gpu")
    monkeypatch.setattr(backends, "probe", lambda: backends.Probe({0: "A", 1: "B"}, {}))
    assert cluster.with_backend(Where(), "auto") == (Where(gpus=2, devices=("0", "1")), "gpu")
    assert cluster.with_backend(Where(gpus=1), "gpu") == (Where(gpus=1, devices=("0",)), "gpu")
    elsewhere = Where(scheduler="tcp://host:8786")
    assert cluster.with_backend(elsewhere, "auto") == (elsewhere, "auto")


def test_a_bad_gpu_of_several_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others compute, by the names that CUDA has for them; no more are to be had than there are."""
    found = backends.Probe({0: "H100", 2: "H100"}, {1: "busy or unavailable"})
    monkeypatch.setattr(backends, "probe", lambda: found)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,GPU-8932")
    where, backend = cluster.with_backend(Where(), "auto")
    assert (where, backend) == (Where(gpus=2, devices=("3", "GPU-8932")), "gpu")
    assert cluster.left_out(where, backend) == "left out: GPU 1: busy or unavailable"
    assert cluster.left_out(where, "cpu") == ""
    owned = cluster._specification(where, 2, 2**30)["workers"]
    assert [worker["options"]["env"] for worker in owned.values()] == [
        {"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "GPU-8932"}
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"got 3, but 2 GPUs can be used \(GPU 1: busy.*--gpus 2"):
        cluster.with_backend(Where(gpus=3), "gpu")


@pytest.mark.parametrize(
    ("answer", "good", "reason"),
    [
        ({"good": {"0": "A"}, "bad": {"1": "x"}}, {0: "A"}, ""),
        ({"good": {}, "bad": {"0": "x", "1": "y"}}, {}, "no GPU can be used (GPU 0: x; GPU 1: y)"),
        ({"good": {}, "bad": {}, "reason": "no driver"}, {}, "no driver"),
        ({"names": ["A"]}, {}, "asking for one failed: exit code 0"),
    ],
)
def test_what_the_probing_process_answers(
    monkeypatch: pytest.MonkeyPatch, answer: dict, good: dict[int, str], reason: str
) -> None:
    said = SimpleNamespace(stdout=f"a line of a driver\n{json.dumps(answer)}\n", stderr="", returncode=0)
    monkeypatch.setattr(backends, "find_spec", lambda _: object())
    monkeypatch.setattr(backends.subprocess, "run", lambda *_, **__: said)
    backends.probe.cache_clear()
    found = backends.probe()
    backends.probe.cache_clear()
    assert (found.good, found.reason) == (good, reason)


def test_a_probe_that_dies_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing cupy proves nothing: a process of its own has to compute, and may crash."""
    monkeypatch.setattr(backends, "find_spec", lambda _: object())
    monkeypatch.setattr(backends.sys, "executable", "/bin/false")
    backends.probe.cache_clear()
    assert "asking for one failed" in backends.why_not()
    backends.probe.cache_clear()


def test_without_cupy_the_reason_says_what_to_install() -> None:
    backends.probe.cache_clear()
    assert "mattis[cuda13]" in backends.why_not()


def test_models_without_kernels_for_a_device_say_so(tmp_path: Path) -> None:
    study = make_study(tmp_path, **TINY)
    described = replace(study.described_model, batched=None)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(type(study), "described_model", described)
    with pytest.raises(UserError, match="computed on the CPU only; use --backend cpu or auto"):
        driver.run(study, tmp_path, SIMULATED)
    assert not (tmp_path / "small").exists()
    monkey.undo()


def blocks_of_task(study, workers: int) -> list[list[str]]:
    """Return which blocks travel together, to workers with a device."""
    work = dispatch.Work(study.described_model.simulate, lambda *_: [], "gpu")
    waiting = sorted(plan.blocks(study), key=lambda block: plan.effort(study, block))
    dispatcher = dispatch.Dispatcher(study, None, work, workers, None, waiting, print)  # type: ignore[arg-type]
    tasks = []
    while dispatcher.waiting:
        tasks.append([block.id for block in dispatcher._next()])
    return tasks


def test_seeds_of_one_network_travel_together_until_a_device_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path, **{**TINY, "seed": 6})  # two loads, six seeds, two cells each
    both = [["load=0.2"] * 6, ["load=0.1"] * 6]
    assert [[b.split(",")[1] for b in task] for task in blocks_of_task(study, 1)] == both
    monkeypatch.setattr(dispatch, "FULL_DEVICE", 8)
    assert [len(task) for task in blocks_of_task(study, 1)] == [4, 2, 4, 2]
    monkeypatch.setattr(dispatch, "FULL_DEVICE", 10**9)
    assert sum(len(task) for task in blocks_of_task(study, 4)) == 12
    assert max(len(task) for task in blocks_of_task(study, 4)) <= 4


def test_a_task_that_fails_on_a_device_names_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they fail; one by one, only the one that is at fault does."""

    def batched(tasks, _device) -> list[Columns]:
        if any(task[0] == "bad" for task in tasks):
            raise RuntimeError("no such kernel")
        return [{"overlap": np.ones(1)} for _ in tasks]

    monkeypatch.setattr(backends, "device", lambda _: SimpleNamespace(trouble=host_trouble))
    work = dispatch.Work(lambda *_: {}, batched, "gpu")
    answers = work([("good",), ("bad",), ("fine",)]).each  # type: ignore[list-item]
    assert [message for _, message in answers] == ["", "RuntimeError: no such kernel", ""]
    assert [columns is None for columns, _ in answers] == [False, True, False]


def test_what_alone_is_too_large_for_a_device_is_computed_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def batched(tasks, _device) -> list[Columns]:
        if len(tasks) > 1 or tasks[0][0] == "large":
            raise MemoryError
        return [{"overlap": np.ones(1)}]

    monkeypatch.setattr(backends, "device", lambda _: SimpleNamespace(trouble=host_trouble))
    work = dispatch.Work(lambda *_: {"overlap": np.zeros(1)}, batched, "gpu")
    answers = work([("small",), ("large",)]).each  # type: ignore[list-item]
    assert [float(columns["overlap"][0]) for columns, _ in answers if columns] == [1.0, 0.0]


class Sticky(RuntimeError):
    """An error after which a device answers nothing more."""


class Failed:
    """Arrays of a batch that failed: whoever holds the error's traceback holds them."""


def test_the_arrays_of_a_failed_batch_are_gone_before_its_tasks_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive: weakref.WeakSet[Failed] = weakref.WeakSet()
    seen: list[int] = []

    def batched(_tasks, _device) -> list[Columns]:
        seen.append(len(alive))
        arrays = Failed()
        alive.add(arrays)
        raise MemoryError

    def simulate(*_task) -> Columns:
        seen.append(len(alive))
        return {"overlap": np.ones(1)}

    monkeypatch.setattr(backends, "device", lambda _: SimpleNamespace(trouble=host_trouble))
    answers = dispatch.Work(simulate, batched, "gpu")([("a",), ("b",)]).each  # type: ignore[list-item]
    assert [message for _, message in answers] == ["", ""]
    assert seen == [0] * 5  # the batch; then each alone on the device, and on the CPU


def lose_device(seen: str) -> None:
    """In a worker: a device that is lost at its first kernel, and writes down that it was."""
    whole = backends.device("simulated")
    assert whole is not None

    def module(name: str) -> None:
        Path(seen).write_text(name)
        raise Sticky("an illegal memory access was encountered")

    def trouble(error: BaseException) -> DeviceTrouble:
        return DeviceTrouble.LOST if isinstance(error, Sticky) else DeviceTrouble.OTHER

    lost = replace(whole, module=module, trouble=trouble)
    backends.device = lambda _: lost  # type: ignore[assignment]


@needs_compiler
def test_a_worker_that_lost_its_gpu_ends_and_another_computes_its_tasks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """After an error that stays with the context each task would fail within milliseconds."""
    study = make_study(tmp_path, **TINY)
    blocks, model = plan.blocks(study), study.described_model
    tasks = [plan.task(study, block) for block in blocks[:2]]
    work, seen = dispatch.Work(model.simulate, model.batched, "simulated"), tmp_path / "seen"
    with cluster.client_of(Where(gpus=1), 1) as client:
        client.run(lose_device, str(seen))
        (first,) = client.run(os.getpid).values()
        found = client.submit(work, tasks).result(timeout=120)
        (second,) = client.run(os.getpid).values()
    assert (seen.exists(), first != second) == (True, True)
    assert [message for _, message in found.each] == ["", ""]
    same_columns([columns for columns, _ in found.each], [model.simulate(*task) for task in tasks])
    told = capfd.readouterr().err
    assert f"the GPU of process {first} is lost to it (Sticky: an illegal memory access" in told


def hang_driver(seen: str) -> None:
    """In a worker: a device that never answers, neither kernels nor questions; both are waited for."""
    whole = backends.device("simulated")
    assert whole is not None

    class Hanging(type(whole.streams)):  # type: ignore[misc]
        def ping(self) -> None:
            Path(seen).write_text("asked")
            time.sleep(600)

    def module(_name: str) -> None:
        time.sleep(600)

    hanging = replace(whole, module=module, streams=Hanging())
    backends.device = lambda _: hanging  # type: ignore[assignment]
    pulse.watched = partial(pulse.watched, patience=0.5, between=0.1)  # type: ignore[assignment]


@needs_compiler
def test_a_worker_whose_driver_hangs_ends_and_another_computes_its_tasks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its heartbeats go on all the while, for they need no GPU: nobody else would ever notice."""
    study = make_study(tmp_path, **TINY)
    blocks, model = plan.blocks(study), study.described_model
    tasks = [plan.task(study, block) for block in blocks[:2]]
    work, seen = dispatch.Work(model.simulate, model.batched, "simulated"), tmp_path / "seen"
    with cluster.client_of(Where(gpus=1), 1) as client:
        client.run(hang_driver, str(seen))
        (first,) = client.run(os.getpid).values()
        found = client.submit(work, tasks).result(timeout=120)
        (second,) = client.run(os.getpid).values()
    assert (seen.exists(), first != second) == (True, True)
    same_columns([columns for columns, _ in found.each], [model.simulate(*task) for task in tasks])
    told = capfd.readouterr().err
    assert f"the GPU of process {first} has not answered for 120 s: its driver hangs" in told


def test_a_device_that_is_gone_ends_the_run_with_one_line_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks do not fail one after the other, as fast as they come: none is tried."""
    study, whole, calls = make_study(tmp_path, **TINY), backends.device, [0]

    def going(name: str) -> Device | None:
        calls[0] += 1
        if calls[0] > 2:  # once to see whether it is there, and for the first task
            raise UserError("--backend: got gpu, but no GPU can be used (GPU 0: it fell off the bus)")
        return whole(name)

    monkeypatch.setattr(dispatch, "FULL_DEVICE", 1)
    monkeypatch.setattr(backends, "device", going)
    with pytest.raises(Fault, match=r"no GPU any more: .*fell off the bus.*the same command goes on"):
        driver.run(study, tmp_path, SIMULATED)
    monkeypatch.undo()
    outcome = driver.run(study, tmp_path, SIMULATED)
    assert outcome.found + outcome.computed == 12
    assert (outcome.found > 0, outcome.failures) == (True, {})
    assert outcome.digest == undisturbed(study, tmp_path)


@pytest.mark.parametrize(
    ("reasons", "backend"), [({}, "auto"), ({"a": "none"}, "cpu"), ({"a": "none", "b": ""}, "auto")]
)
def test_workers_elsewhere_are_asked_what_they_have(reasons: dict[str, str], backend: str) -> None:
    """Where none has a GPU, tasks stay short; before any has come, each will decide for itself."""
    client = SimpleNamespace(run=lambda *_, **__: reasons)
    assert dispatch._backend_of(client, None) == backend  # type: ignore[arg-type]


def test_a_driver_that_hangs_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_args, **_options):
        raise subprocess.TimeoutExpired("python", 120)

    monkeypatch.setattr(backends, "find_spec", lambda _: object())
    monkeypatch.setattr(backends.subprocess, "run", hang)
    backends.probe.cache_clear()
    assert "timed out after 120 seconds" in backends.why_not()
    backends.probe.cache_clear()


@pytest.mark.parametrize("name", ["fast_slow", "linear", "tanh_tanh", "attention"])
def test_questions_of_the_cpu_do_not_wait_for_a_gpu(name: str) -> None:
    """They take all cores, whatever there is beside them."""
    study = load_study(STUDIES / f"{name}.yaml")
    assert (study.described_model.batched is None) == (name != "attention")


def test_patterns_of_a_launch_fit_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are made for some of the tasks at a time."""
    sizes: list[int] = []

    def launched(recalls, protocol, _device, _states):
        sizes.append(len(recalls))
        return {k: hopfield.outcomes(recall.network(), REPLICAS, protocol) for k, recall in recalls.items()}

    protocol = Protocol(1, 4, 1, 0.5)
    tasks = [
        hopfields(PatternSet(1, 30, 5, seed), [hopfield.Setting(1.0, 0.0)], protocol) for seed in range(5)
    ]
    monkeypatch.setattr(hopfield, "launched", launched)
    monkeypatch.setattr(hopfield, "HOST", 2 * 4 * 30 * 5)
    device = SimpleNamespace(shared=2**16)
    found = family.batched(tasks, device)  # type: ignore[arg-type]
    assert sizes == [2, 2, 1]
    assert [columns["overlap"].size for columns in found] == [1] * 5


def test_the_selftest_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    none = backends.Probe({}, {}, "no GPU, or no driver, was found")
    monkeypatch.setattr(backends, "probe", lambda: none)
    result = CliRunner().invoke(verbs, ["gpu-selftest"])
    assert isinstance(result.exception, UserError)
    assert "no GPU, or no driver, was found" in str(result.exception)


@needs_compiler
def test_the_selftest_reports_and_fails_where_a_kernel_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mattis import selftest

    good = next(iter(selftest.CASES))
    case = selftest.CASES[good]
    wrong = replace(case, expected=lambda: [part + 1 for part in case.expected()])
    monkeypatch.setattr(selftest, "rates", lambda _: [selftest.Rate("x", "y", 1.0, 2.0)])
    monkeypatch.setattr(selftest, "CASES", {good: case})
    text, sound = selftest.report("simulated")
    assert sound
    assert "1 of 1 cases are equal." in text
    assert "| x | 1 y | 0.5 |" in text
    monkeypatch.setattr(selftest, "CASES", {good: case, "wrong": wrong})
    result = CliRunner().invoke(
        verbs, ["gpu-selftest", "--backend", "simulated", "--output", str(tmp_path / "report.md")]
    )
    assert result.exit_code == 1
    assert "1 of 2 cases are equal." in (tmp_path / "report.md").read_text()
    assert "numbers differ" in result.output
    assert "Nothing was measured" in result.output
