"""The steps of the hour on a GPU: each is asked in a process of its own, and answers what it found."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gpu.hour import speed
from mattis import Settings, run
from mattis.engine.cluster import Where
from mattis.errors import UserError
from mattis.kernels import cpu
from mattis.kernels.cuda import backends, devices
from mattis.kernels.cuda.devices import Device, DeviceTrouble
from mattis.kernels.cuda.matrix import Chain, Limits, Wires, run_chains
from mattis.networks.binary import hopfield_device
from mattis.networks.registry import load_study
from mattis.selftest import cases
from mattis.selftest.cases import CASES, Case
from mattis.surroundings import environment_with

GIBIBYTE = 2**30

SANITIZERS = ("memcheck", "racecheck", "synccheck")
"""The tools of compute-sanitizer that a kernel has to pass."""

WHOLE_RUNS: Mapping[str, Mapping[str, Any]] = {
    "hopfield": {"size": 500, "load": [0.05, 0.1], "temperature": [0, 0.3, 0.6], "noise": 0.1},
    "little": {"size": 500, "load": [0.05, 0.1], "temperature": [0, 0.3, 0.6], "noise": 0.1},
    "clipped": {"size": 300, "load": [0.05, 0.1], "temperature": [0, 0.3], "noise": 0.1},
    "consolidation": {
        "size": 400,
        "memories": 8,
        "kappa": [2, 8],
        "noise": 0.2,
        "tau": 20,
        "presentations": 10,
    },
    "dense_binary": {"size": 60, "load": [0.5, 2.0], "noise": [0.0, 0.3]},
}
"""The axes of one small study for each kind of kernel; two seeds each."""


@dataclass
class Answer:
    """What a step found: facts for the page, and faults in one line each."""

    facts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def device_of(backend: str) -> Device:
    """Return the device; raises UserError where there is none."""
    device = backends.device(backend)
    if device is None:
        raise UserError(f"--backend: got {backend}; expected gpu or simulated")
    return device


def hardware(backend: str) -> Answer:
    """(a) The device, a product in float64, each shape of int8 with its error, memory."""
    device = device_of(backend)
    answer = Answer({
        "title": device.title, "processors": device.processors, "shared_bytes": device.shared,
        "clock_hz": device.clock, "peak_bytes_per_s": device.peak_bytes, "free_bytes": device.free(),
    })  # fmt: skip
    left, right = (np.random.default_rng(k).standard_normal((300, 300)) for k in (1, 2))
    found = device.to_host(device.xp.matmul(device.upload(left), device.upload(right)))
    answer.facts["float64_error"] = float(np.abs(found - left @ right).max())
    if answer.facts["float64_error"] > 1e-11:
        answer.faults.append(f"a product of float64 is off by {answer.facts['float64_error']:.3g}")
    if device.name == "gpu":
        from mattis.kernels.cuda import gpu

        refusals = gpu.integer_refusals()
        answer.facts["int8"] = {"x".join(map(str, shape)): why for shape, why in refusals.items()}
        answer.facts["gpus"] = {**backends.probe().good}
        answer.facts["left_out"] = {**backends.probe().bad}
    return answer


def verdict_of(chosen: Mapping[str, Case], device: Device) -> Answer:
    """Return which cases have the numbers of the CPU."""
    answer = Answer()
    for name, case in chosen.items():
        try:
            faults = case.faults(device)
        except Exception as error:  # the others are still worth a line each
            if device.trouble(error) is DeviceTrouble.LOST:
                raise
            faults = [f"{type(error).__name__}: {error}"]
        answer.facts[name] = "; ".join(faults) or "equal"
        answer.faults += [f"{name}: {fault}" for fault in faults]
    return answer


def kernels(backend: str) -> Answer:
    """(b) Every case of the selftest, under whatever watches this process."""
    return verdict_of(CASES, device_of(backend))


def fast_tests(backend: str) -> Answer:
    """(b) `pytest -m gpu`, and the tools of compute-sanitizer where it is installed."""
    tests = [sys.executable, "-m", "pytest", "-m", "gpu", "gpu", "-q", "-p", "no:cacheprovider"]
    done = _told(tests, 150)
    answer = Answer({"pytest": done[1]}, [] if done[0] == 0 else [f"pytest -m gpu: {done[1]}"])
    tool = shutil.which("compute-sanitizer")
    answer.facts["compute-sanitizer"] = tool or "not installed"
    step = [sys.executable, "-m", "gpu.hour", "--step", "kernels", "--backend", backend]
    for kind in SANITIZERS if tool else ():
        watched = [str(tool), "--tool", kind, "--error-exitcode", "9", *step]
        code, last = _told(watched, 100)
        answer.facts[kind] = last
        answer.faults += [f"{kind}: {last}"] if code else []
    return answer


def _told(command: list[str], seconds: float) -> tuple[int, str]:
    """Run a command in the folder of the tests; return its exit code and its last line."""
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return 1, f"not done after {seconds:.0f} s"
    lines = [line for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
    return done.returncode, lines[-1] if lines else f"exit code {done.returncode}"


def same_bits_twice(backend: str) -> Answer:
    """(c) Continuous neurons in float64 and float32: near the CPU, and the same bits in two runs."""
    device = device_of(backend)
    chosen = {name: case for name, case in CASES.items() if "float" in name}
    answer = verdict_of(chosen, device)
    for name, case in chosen.items():
        pairs = zip(case.run(device), case.run(device), strict=True)
        if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
            answer.faults.append(f"{name}: two runs have other bits")
    return answer


def large_kernels(backend: str) -> Answer:
    """(d) Kernels at sizes that tests on a CPU cannot reach, in several launches, against the CPU's."""
    device = device_of(backend)
    chosen = {
        "circuit_in_turn, 1100 sites": cases.circuit(False, 1100).in_many_launches(),
        "circuit_at_once, 1100 sites": cases.circuit(True, 1100).in_many_launches(),
        "present_many, 300 memories": cases.drift(600, 300).in_many_launches(),
        "align_by_integers, 600 patterns": cases.dense("polynomial", 600),
        "align_by_reals, 600 patterns": cases.dense("exponential", 600),
        "glauber_groups, 13000 patterns": CASES["glauber_groups, 13000 patterns"],
        "glauber_lanes, 13000 patterns": cases.asynchronous("glauber_lanes", "random", 70, 13_000),
    }
    answer = verdict_of(chosen, device)
    size = 60_000 if device.name == "gpu" else 2000
    room = psutil.virtual_memory().available
    if room < 3 * size**2:
        answer.facts["circuit, 60000 sites"] = f"left out: {room / GIBIBYTE:.0f} GiB of memory here"
        return answer
    more = verdict_of({f"circuit_in_turn, {size} sites": large_circuit(size)}, device)
    return Answer(answer.facts | more.facts, answer.faults + more.faults)


def large_circuit(size: int) -> Case:
    """Return one chain whose couplings have more numbers than 32 bits count, of int8, in four launches."""
    rng = np.random.default_rng(size)
    columns = rng.integers(-3, 4, (size, size), dtype=np.int8)
    start = rng.choice(np.array([-1, 1], np.int8), size)
    bias, targets = np.zeros(size, np.int64), start[None].astype(np.int16)
    stream = cases.rng.stream(1, "dynamics", {}).packed()
    scales = np.full(4, 2.0 * np.sqrt(size), np.float32)
    follow, wires = np.zeros((4, 1), np.int32), Wires(columns, bias, targets, wide=False)
    chain = Chain(wires, start, follow, scales, 1, stream, stream[:0], False, False, False, False)
    limits = Limits(proposals=size)

    def answers(device: Device) -> cases.KernelOutputs:
        (one,) = run_chains(device, [chain], limits)
        return one.overlaps, one.trace, one.sums

    def expected() -> cases.KernelOutputs:
        spins, fields = start.copy(), np.zeros(size, np.int32)
        for j in range(size):
            fields += start[j] * columns[j].astype(np.int32)
        overlaps, trace = np.zeros((1, 4), np.int64), np.zeros((3, 4), np.int64)
        sums = np.zeros((2, size), np.int32)
        cpu.matrix.matrix_sweeps(
            columns, spins, fields, bias, targets, follow, False, False, False, stream, scales,
            stream[:0], overlaps, trace, np.zeros(0), sums, 1,
        )  # fmt: skip
        return overlaps, trace, sums

    return Case(("matrix",), answers, expected)


def whole_runs(backend: str) -> Answer:
    """(e) Whole runs of small studies: the digest of the device is that of the CPU; on two GPUs as well."""
    answer = Answer()
    gpus = len(backends.probe().good) if backend == "gpu" else 2
    with tempfile.TemporaryDirectory() as folder:
        for model, axes in WHOLE_RUNS.items():
            study = load_study(small_study(model, axes))
            expected = run(study, f"{folder}/cpu", Settings(backend="cpu", quiet=True)).digest
            for count in (1, 2) if gpus > 1 and model == "hopfield" else (1,):
                place = Where(gpus=count)
                settings = Settings(backend=backend, where=place, quiet=True)
                found = run(study, f"{folder}/{count}", settings).digest
                name = f"{model}, {count} of {gpus} GPUs"
                answer.facts[name] = "equal" if found == expected else f"{found}, not {expected}"
                answer.faults += [] if found == expected else [f"{name}: another digest"]
    return answer


def small_study(model: str, axes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study of some seconds."""
    study: dict[str, Any] = {"name": model, "model": model, "axes": {**axes, "seed": 2}}
    if "temperature" in axes:
        study |= {"sweeps": {"thermalise": 20, "measure": 100}, "cues": 2}
    return study


def little_memory(backend: str) -> Answer:
    """(f) Where memory ends although the plan says that there is more: halves, with the same numbers."""
    device = device_of(backend)
    promising = replace(device, free=lambda: 2**50)
    if device.name == "gpu":
        import cupy

        cupy.get_default_memory_pool().set_limit(size=GIBIBYTE)
    size, replicas = (20_000, 8000) if device.name == "gpu" else (60, 40)
    network = cases.hopfield.build(cases.PatternSet(7, size, 10, 1))
    protocol = cases.Protocol(0, 2, 1, 0.5)
    replica = [cases.Replica(k % 10, 2.0, 0.1) for k in range(replicas)]
    asked = [hopfield_device.LaunchRequest(0, network, one) for one in replica]
    parts = [*hopfield_device.run(promising, asked, protocol)]
    spins = np.concatenate([chains.spins for _, chains in parts], axis=1)
    expected = cases.chains.lanes(network, replica[:32], protocol).spins
    answer = Answer({"parts": [len(part) for part, _ in parts]})
    if not np.array_equal(spins[:, :32], expected):
        answer.faults.append("replicas of a batch that was halved have other spins")
    if device.name == "gpu" and len(parts) < 2:
        answer.faults.append("nothing was halved: memory did not end")
    return answer


def lost_device(backend: str) -> Answer:
    """(g) A kernel that writes where it must not: the error is known for what it is, and so is the next."""
    device = device_of(backend)
    if device.name != "gpu":
        return Answer({"left out": "a simulated device has no context that could be lost"})
    import cupy

    code = 'extern "C" __global__ void stray(int* x) { x[1ll << 40] = 1; }'
    kernel = cupy.RawModule(code=code, options=devices.OPTIONS).get_function("stray")
    answer = Answer()
    for what in ("the stray kernel", "an addition after it"):
        try:
            kernel((1,), (1,), (cupy.zeros(1, cupy.int32),)) if "stray" in what else cupy.ones(2).sum()
            device.wait()
        except Exception as error:
            answer.facts[what] = f"{type(error).__name__}: {error}"
            if device.trouble(error) is not DeviceTrouble.LOST:
                answer.faults.append(f"{what}: {error} is not taken for the loss of the device")
        else:
            answer.faults.append(f"{what}: no error")
    return answer


def foreign_memory(backend: str) -> Answer:
    """(g) No GPU for this process, as where another has it alone; and memory that RMM gives."""
    command = [sys.executable, "-c", "from mattis.kernels.cuda import backends; print(backends.why_not())"]
    with environment_with({"CUDA_VISIBLE_DEVICES": "99"}):
        code, reason = _told(command, 60)
    answer = Answer({"without a GPU": reason}, [] if code == 0 and reason else ["no reason is given"])
    if backend != "gpu" or not _has("rmm"):
        answer.facts["rmm"] = "not installed" if backend == "gpu" else "left out"
        return answer
    code_text = (
        "import rmm; rmm.reinitialize(pool_allocator=True, initial_pool_size=2**30)\n"
        "from gpu.hour.steps import kernels\nfaults = kernels('gpu').faults\n"
        "print(*(faults or ['equal']), sep='; ')"
    )
    code, told = _told([sys.executable, "-c", code_text], 100)
    answer.facts["rmm"] = told
    answer.faults += [] if told == "equal" else [f"rmm: {told}"]
    return answer


def _has(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def rates(backend: str) -> Answer:
    """(h) Rates of each kernel, beside what this device's own bandwidth and products allow."""
    return Answer(speed.measured(device_of(backend)))


@dataclass(frozen=True)
class Step:
    """A step of the hour."""

    letter: str
    ask: Callable[[str], Answer]
    seconds: float
    """The most that it may take."""


STEPS: Mapping[str, Step] = {
    "hardware": Step("a", hardware, 60),
    "fast_tests": Step("b", fast_tests, 460),
    "kernels": Step("b", kernels, 90),
    "same_bits_twice": Step("c", same_bits_twice, 60),
    "large_kernels": Step("d", large_kernels, 150),
    "whole_runs": Step("e", whole_runs, 150),
    "little_memory": Step("f", little_memory, 60),
    "lost_device": Step("g", lost_device, 60),
    "foreign_memory": Step("g", foreign_memory, 170),
    "rates": Step("h", rates, 120),
}
"""By name, in their order: nothing is measured before it is known to be right."""
