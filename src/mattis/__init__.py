"""Phase diagrams of associative memories: simulation with error bars under theory lines.

    import mattis

    study = mattis.load_study("config/studies/hopfield.yaml")    # or of {"name": …}, its keys
    study = mattis.study(model="hopfield", load=[0.05], temperature=[0, 0.3], seed=8)   # or made here
    mattis.plan(study)                                  # how long, how much, what is there
    mattis.run(study)                                   # computes what is missing
    cells = mattis.open_results(study)                  # xarray: size, load, beta, noise, seed
    diagram = mattis.aggregate(cells, study)            # the same without seed, with errors
    mattis.trace(study, load=0.05, temperature=0.3, seed=2)     # m(t), energy and q(t) of one cell
    mattis.plot(study)                                  # the diagram to look into, in a notebook
    mattis.write_page(study)                            # diagram.html: the same, as one file
    mattis.compare(study).verdict                       # whether theory and simulation agree
    mattis.archive(study, "mine.zip")                   # all that a referee needs, in one file
    mattis.reproduce("mine.zip").sentence               # the same to the last bit, or what differs
    mattis.theory.evaluate("hopfield.T_M", load=[0.05, 0.07])   # [0.5422..., 0.4489...]

Wherever a study is taken, the path of its file and a dict of its keys are as well. Datasets of xarray get an
accessor: xr.open_zarr("results/hopfield/diagram.zarr").mattis.plot().
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mattis import accessor

if TYPE_CHECKING:
    from mattis.capsule.archive import archive
    from mattis.capsule.reproduce import reproduce
    from mattis.engine.cluster import Where
    from mattis.engine.driver import Outcome, Settings, run
    from mattis.engine.estimate import Plan, plan
    from mattis.engine.status import digest, open_results, status
    from mattis.errors import UserError
    from mattis.figures import compare, diagram, overlaid
    from mattis.figures.trace import trace
    from mattis.networks.keywords import study
    from mattis.networks.registry import MODELS, load_study, study_of
    from mattis.page import write_page
    from mattis.plotting import Plot, plot
    from mattis.plugins import load_plugins
    from mattis.statistics.estimates import aggregate
    from mattis.study.base import Study
    from mattis.theory import QUANTITIES

__version__ = "0.1.0"

# Loaded on first use (PEP 562): asking theory for a number should not wait for Dask and Numba.
_HOME = {
    "MODELS": "networks.registry",
    "QUANTITIES": "theory",
    "Outcome": "engine.driver",
    "Plan": "engine.estimate",
    "Plot": "plotting",
    "Settings": "engine.driver",
    "Study": "study.base",
    "UserError": "errors",
    "Where": "engine.cluster",
    "aggregate": "statistics.estimates",
    "archive": "capsule.archive",
    "compare": "figures",
    "diagram": "figures",
    "digest": "engine.status",
    "load_plugins": "plugins",
    "load_study": "networks.registry",
    "open_results": "engine.status",
    "overlaid": "figures",
    "plan": "engine.estimate",
    "plot": "plotting",
    "reproduce": "capsule.reproduce",
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
    "Plan",
    "Plot",
    "Settings",
    "Study",
    "UserError",
    "Where",
    "__version__",
    "aggregate",
    "archive",
    "compare",
    "diagram",
    "digest",
    "load_plugins",
    "load_study",
    "open_results",
    "overlaid",
    "plan",
    "plot",
    "reproduce",
    "run",
    "status",
    "study",
    "study_of",
    "theory",
    "trace",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name in ("theory", "study"):  # packages; to call `study` makes one
        return import_module(f"mattis.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'mattis' has no attribute {name!r}")
    return getattr(import_module(f"mattis.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


accessor.register()
