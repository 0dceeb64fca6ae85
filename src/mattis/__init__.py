"""Phase diagrams of associative memories: simulation with error bars under theory lines.

    import mattis

    study = mattis.load_study("config/studies/hopfield.yaml")    # or study_of({"name": …}) of its keys
    mattis.run(study)                                   # computes what is missing
    cells = mattis.open_results(study)                  # xarray: size, load, beta, noise, seed
    diagram = mattis.aggregate(cells, study)            # the same without seed, with errors
    mattis.trace(study, load=0.05, temperature=0.3, seed=2)     # m(t), energy and q(t) of one cell
    mattis.write_page(study)                            # diagram.html: one page to look into the diagram
    mattis.compare(study).verdict                       # whether theory and simulation agree
    mattis.theory.evaluate("hopfield.T_M", load=[0.05, 0.07])   # [0.5422..., 0.4489...]

A script that calls `run` needs `if __name__ == "__main__":`, since workers are processes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mattis.engine.cluster import Where
    from mattis.engine.driver import Outcome, Settings, run
    from mattis.engine.status import digest, open_results, status
    from mattis.errors import UserError
    from mattis.figures import compare, diagram, overlaid
    from mattis.figures.trace import trace
    from mattis.networks.registry import MODELS, load_study, study_of
    from mattis.statistics.estimates import aggregate
    from mattis.study.base import Study
    from mattis.theory import QUANTITIES

__version__ = "0.1.0"

# Loaded on first use (PEP 562): asking theory for a number should not wait for Dask and Numba.
_HOME = {
    "MODELS": "networks.registry",
    "QUANTITIES": "theory",
    "Outcome": "engine.driver",
    "Settings": "engine.driver",
    "Study": "study.base",
    "UserError": "errors",
    "Where": "engine.cluster",
    "aggregate": "statistics.estimates",
    "compare": "figures",
    "diagram": "figures",
    "digest": "engine.status",
    "load_plugins": "plugins",
    "load_study": "networks.registry",
    "open_results": "engine.status",
    "overlaid": "figures",
    "run": "engine.driver",
    "status": "engine.status",
    "study_of": "networks.registry",
    "trace": "figures.trace",
    "write_page": "page",
}

__all__ = [
    "MODELS",
    "QUANTITIES",
    "Outcome",
    "Settings",
    "Study",
    "UserError",
    "Where",
    "__version__",
    "aggregate",
    "compare",
    "diagram",
    "digest",
    "load_plugins",
    "load_study",
    "open_results",
    "overlaid",
    "run",
    "status",
    "study_of",
    "theory",
    "trace",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name == "theory":
        return import_module("mattis.theory")
    if name not in _HOME:
        raise AttributeError(f"module 'mattis' has no attribute {name!r}")
    return getattr(import_module(f"mattis.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
