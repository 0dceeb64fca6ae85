"""Array code of any device, on arrays that refuse NumPy and whatever is not in the standard.

Arrays of array-api-strict on its second device cannot become NumPy's and do not mix with those of another
device, as CuPy's do not; their functions take no more than the standard says.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from references import normal

from gpu.test_flow_device import test_a_device_that_refuses_numpy  # noqa: F401  recall, of all members
from mattis.kernels.cuda import euler, integer_products
from mattis.networks.neurons import network as dynamics
from mattis.networks.neurons.generating_functions import GENERATING, FunctionNumbers, Population
from mattis.networks.neurons.network import ONE, NeuronNetwork

pytestmark = pytest.mark.gpu_host

SETS, COUNT, SIZE, REPLICAS = 2, 4, 6, 3


BETA = np.abs(normal(1, SETS, REPLICAS)) + 0.3
XI = normal(2, SETS, COUNT, SIZE)
V, AWAY, FIELD = (normal(seed, SETS, SIZE, REPLICAS) for seed in (3, 4, 5))
H = normal(6, SETS, COUNT, REPLICAS)


def there(x: np.ndarray) -> Any:
    """Return an array of the second device."""
    import array_api_strict as strict

    return strict.asarray(x, device=strict.Device("device1"))


def here(x: Any) -> np.ndarray:
    """Return NumPy's array of one of the second device, and of no other."""
    import array_api_strict as strict

    assert x.device == strict.Device("device1")
    return np.asarray(x.to_device(strict.Device("CPU_DEVICE")))


def assert_alike(function: Callable, *arrays: np.ndarray) -> None:
    """A function of stacked arrays gives the bits of NumPy's, without becoming NumPy's on the way."""
    found, expected = function(*map(there, arrays)), function(*arrays)
    several = isinstance(found, tuple)
    for one, other in zip(found if several else [found], expected if several else [expected], strict=True):
        np.testing.assert_array_equal(here(one), other)


def test_these_arrays_refuse_numpy() -> None:
    """Otherwise nothing that follows could fail."""
    x = there(V)
    for refused in (
        lambda: np.exp(x), lambda: np.asarray(x), lambda: x + V, lambda: x * (x > 0), lambda: x.sum()
    ):  # fmt: skip
        with pytest.raises((RuntimeError, TypeError, AttributeError, ValueError)):
            refused()


@pytest.mark.parametrize("name", GENERATING)
def test_generating_functions(name: str) -> None:
    """L, its gradient and its curvature; the check of the gains."""

    def population(beta: Any, xi: Any) -> Population:
        return Population(name, FunctionNumbers(beta, degree=4, memories=xi, removed=0.3))

    assert_alike(lambda x, beta, xi: population(beta, xi).value(x), V, BETA, XI)
    assert_alike(lambda x, beta, xi: population(beta, xi).activation(x), V, BETA, XI)
    assert_alike(lambda x, y, beta, xi: population(beta, xi).curved(x, y), V, AWAY, BETA, XI)
    assert population(there(BETA), there(XI)).fault is None
    assert population(there(-BETA), there(XI)).fault == population(-BETA, XI).fault


def network(xi: Any, beta: Any, field: Any) -> NeuronNetwork:
    """Return networks of hidden tanh neurons, driven by a field."""
    own, hidden = Population("quadratic"), Population("ln_cosh", FunctionNumbers(beta))
    return NeuronNetwork(xi, own, hidden, field=field, bias=0.2, removed=0.1)


def through(xi: Any, beta: Any, field: Any) -> NeuronNetwork:
    """Return the same with visible memories, J = 1."""
    return replace(
        network(xi, beta, field), coupling=ONE, bias=0.0,
        visible=Population("memories", FunctionNumbers(beta, memories=xi)),
    )  # fmt: skip


NEURONS: dict[str, Callable] = {
    "latent": dynamics.latent,
    "target": dynamics.target,
    "energy": dynamics.energy,
    "drive": lambda net, v: dynamics.drive(net, v, dynamics.latent(net, v)),
    "full_energy": lambda net, v: dynamics.full_energy(net, v, dynamics.latent(net, v)),
    "velocities": lambda net, v: dynamics.velocities(net, v, dynamics.latent(net, v)),
    "power_lost": lambda net, v: dynamics.power_lost(net.visible, 1.5, v, dynamics.target(net, v)),
    "transposed": lambda net, v: dynamics.transposed(net) @ dynamics.latent(net, v)[..., :4, :],
    "relaxed": lambda net, v: tuple(dynamics.relaxed(net, v, 0.4, 1e-3, 30)),
}
"""The functions of networks that a device runs."""


@pytest.mark.parametrize("kind", [network, through])
@pytest.mark.parametrize("name", NEURONS)
def test_networks(name: str, kind: Callable) -> None:
    assert_alike(lambda v, xi, beta, field: NEURONS[name](kind(xi, beta, field), v), V, XI, BETA, FIELD)


@pytest.mark.parametrize("field", [False, True])
def test_relaxation_by_products_of_memories(field: bool) -> None:
    def settled(v: Any, xi: Any, beta: Any, drive: Any) -> tuple[Any, ...]:
        net = NeuronNetwork(
            xi, Population("quadratic"), Population("log_sum_exp", FunctionNumbers(beta)),
            field=drive if field else 0.0,
        )  # fmt: skip
        assert dynamics.closes(net)
        return tuple(dynamics.relaxed(net, v, 0.5, 1e-4, 40))

    assert_alike(settled, V, XI, BETA, FIELD)


def test_what_a_launch_is_made_of() -> None:
    assert_alike(euler.contiguous, np.ascontiguousarray(XI.mT))
    assert_alike(euler.total, V)
    assert_alike(euler.gains, BETA)


def test_what_is_not_of_the_standard_is_known() -> None:
    """A Hessian is the CPU's; integer products use what CuPy's arrays have beyond the standard."""
    import array_api_strict as strict

    with pytest.raises((RuntimeError, TypeError)):
        Population("ln_cosh").hessian(there(V[0, :, 0]))
    small = there(np.ones((2, 16), np.int8))
    with pytest.raises(AttributeError, match="astype"):
        integer_products.by_floats(strict, small, small, small)
