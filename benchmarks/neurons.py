"""Continuous neurons: products of memories against products with memories, and against hamux on JAX.

Attention at N_v/N_h = 10, float32: `gram` is `models.neurons.settle`, which needs Xi Xiᵀ only; `sgemm` is the
program that one writes first, two batched products by BLAS and the same softmax for each step. tanh of both
populations needs these products: `settle` against them alone. hamux 0.2.2 is asked for the same steps,
compiled by JAX. A hundred steps of 64 replicas each, one core, CPU time, programs in turns; the state that
all start from is the same, and so is the one that they end in.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from timing import Program, Row, check_near, interleaved, missing, ratios, row

from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import NeuronNetwork, settle

HERE = Path(__file__).parent
FOLDER, PINNED = HERE / ".peers-jax", HERE.parent / "requirements" / "bench-jax.txt"
PATIENCE = 300  # seconds for a registry to send 170 MB
STEPS, REPLICAS = 100, 64
NEVER = -1.0  # no residual is below: every program makes all steps
TENTH = ((1000, 100), (4000, 400))
BROAD = ((4000, 400), (4000, 1000))


def start(size: int, memories: int) -> tuple[Any, Any]:
    """Return memories of ±1 (N_h, N_v) and noisy cues (N_v, R), float32."""
    rng = np.random.default_rng(1)
    xi = rng.choice(np.array([-1, 1], np.float32), size=(memories, size))
    cues = xi[rng.integers(0, memories, REPLICAS)].T + 0.5 * rng.standard_normal((size, REPLICAS))
    return xi, np.ascontiguousarray(cues, np.float32)


def attention(xi: Any, beta: float) -> NeuronNetwork:
    """Return the network whose step at dt = tau is attention."""
    gain = np.full(REPLICAS, beta, np.float32)
    hidden = Population("log_sum_exp", FunctionNumbers(gain))
    return NeuronNetwork(xi, Population("quadratic"), hidden, gram=xi @ xi.T)


def program(cues: Any, run: Any, updates: int) -> Program:
    """Return a program whose final state is that of all replicas."""
    found: list[Any] = []

    def kept(state: Any) -> None:
        found[:] = [run(state)]

    return Program(lambda: cues.copy(), kept, updates, lambda _: found[0])


def by_products(xi: Any, beta: float) -> Any:
    """Return attention by two products a step, replicas as rows, as one writes it first."""
    back, gain = np.ascontiguousarray(xi.T), np.float32(beta)

    def run(state: Any) -> Any:
        v = np.ascontiguousarray(state.T)
        for _ in range(STEPS):
            s = v @ back
            s -= s.max(axis=1, keepdims=True)
            s *= gain
            np.exp(s, out=s)
            s /= s.sum(axis=1, keepdims=True)
            v = s @ xi
        return v.T

    return run


def products_only(xi: Any) -> Any:
    """Return the two products of a step alone, by the faster of two layouts of NumPy: replicas as columns."""

    def run(state: Any) -> Any:
        for _ in range(STEPS):
            out = xi.T @ (xi @ state)
        return out

    return run


def gram_rows() -> Iterator[Row]:
    """Yield how much faster products of memories are, and that they give the same."""
    for size, memories in TENTH:
        xi, cues = start(size, memories)
        net, updates = attention(xi, 4 / size), size * REPLICAS * STEPS
        programs = {
            "gram": program(cues, lambda v, net=net: settle(net, v, 1.0, NEVER, STEPS).state, updates),
            "sgemm": program(cues, by_products(xi, 4 / size), updates),
        }
        check_near(programs, 1e-3)
        times = interleaved(programs, 5)
        note = f"attention, N_v = {size}, N_h = {memories}, {REPLICAS} replicas, {STEPS} steps"
        yield row(f"gram_vs_sgemm_{size}_{memories}", ratios(times["sgemm"], times["gram"]), 8, note=note)
    yield row(
        "gram_error", [gram_error()], 1e-10, "lower", "largest difference, float64, N_v = 1000, N_h = 100"
    )


def gram_error() -> float:
    """Return the largest difference of the two forms in float64: cubes, with fields and biases."""
    xi, cues = (array.astype(np.float64) for array in start(1000, 100))
    hidden = Population("rectified_polynomial", FunctionNumbers(1.0, 4))
    field, bias = 0.1 * cues[:, ::-1].copy(), np.full((100, 1), 0.1)
    net = NeuronNetwork(xi / 1000**0.75, Population("quadratic"), hidden, field=field, bias=bias)
    short = settle(net, 0.1 * cues, 0.1, NEVER, 50).state
    v = 0.1 * cues
    for _ in range(50):
        f = hidden.activation(net.memories @ v + bias)
        v = v + 0.1 * (field + net.memories.T @ f - v)
    return float(np.abs(short - v).max())


def tanh_rows() -> Iterator[Row]:
    """Yield which part of what BLAS reaches tanh of both populations reaches."""
    for size, memories in BROAD:
        xi, cues = start(size, memories)
        xi /= np.float32(size**0.5)
        gain = FunctionNumbers(np.full(REPLICAS, 2, np.float32))
        net = NeuronNetwork(xi, Population("ln_cosh", gain), Population("ln_cosh"))
        updates = size * REPLICAS * STEPS
        programs = {
            "settle": program(cues, lambda v, net=net: settle(net, v, 1.0, NEVER, STEPS - 1).state, updates),
            "products": program(cues, products_only(xi), updates),
        }
        times = interleaved(programs, 5)
        note = f"of sgemm alone, N_v = {size}, N_h = {memories}, {REPLICAS} replicas"
        yield row(
            f"tanh_of_sgemm_{size}_{memories}", ratios(times["products"], times["settle"]), 0.9, note=note
        )


def install() -> None:
    """Install hamux and JAX, unless they are there from the same pins."""
    kept = FOLDER / "pins"
    if kept.exists() and kept.read_text(encoding="utf-8") == PINNED.read_text(encoding="utf-8"):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--require-hashes", "--target", str(FOLDER), "-r", str(PINNED)]
    subprocess.run([*command, *options], check=True, timeout=PATIENCE, capture_output=True)
    shutil.copy(PINNED, kept)


def hamux_attention(xi: Any, beta: float) -> Any:
    """Return the same steps by hamux: dE/dg of one population and a synapse of its memories, compiled."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    import equinox
    import hamux
    import jax

    class Memories(equinox.Module):
        weights: jax.Array

        def __call__(self, g: Any) -> Any:
            return -jax.nn.logsumexp(beta * (self.weights @ g)) / beta

    neurons = {"v": hamux.NeuronLayer(hamux.lagr_identity, (xi.shape[1],))}
    ham = hamux.HAM(neurons, {"s": Memories(jax.numpy.asarray(xi))}, [(("v",), "s")]).vectorize()

    @jax.jit
    def steps(v: Any) -> Any:
        def step(_: Any, v: Any) -> Any:
            states = {"v": v}
            return v - ham.dEdact(ham.activations(states), states)["v"]

        return jax.lax.fori_loop(0, STEPS, step, v)

    return lambda state: np.asarray(steps(jax.numpy.asarray(state.T))).T


def peer_rows() -> Iterator[Row]:
    """Yield how much faster than hamux attention is, or why it was not measured."""
    names = [f"gram_vs_hamux_{size}_{memories}" for size, memories in TENTH]
    try:
        install()
        for name, (size, memories) in zip(names, TENTH, strict=True):
            xi, cues = start(size, memories)
            net, updates = attention(xi, 4 / size), size * REPLICAS * STEPS
            programs = {
                "gram": program(cues, lambda v, net=net: settle(net, v, 1.0, NEVER, STEPS).state, updates),
                "hamux": program(cues, hamux_attention(xi, 4 / size), updates),
            }
            check_near(programs, 1e-3)
            times = interleaved(programs, 5)
            note = f"hamux 0.2.2 on JAX, compiled; N_v = {size}, N_h = {memories}"
            yield row(name, ratios(times["hamux"], times["gram"]), note=note)
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        told = f"could not be installed: {type(error).__name__}"
        yield from (missing(name, None, "higher", told) for name in names)


def all_rows() -> Iterator[Row]:
    """Yield everything that is said about the speed of continuous neurons."""
    yield from gram_rows()
    yield from tanh_rows()
    yield from peer_rows()
