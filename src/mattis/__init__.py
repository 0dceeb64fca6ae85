"""Phase diagrams of associative memories: simulation with error bars under theory lines.

>>> import mattis
>>> study = mattis.load_study("config/studies/hopfield.yaml")   # doctest: +SKIP
>>> mattis.run(study)                                            # doctest: +SKIP
>>> cells = mattis.open_results(study)                           # doctest: +SKIP
>>> diagram = mattis.aggregate(cells, study)                     # doctest: +SKIP
>>> mattis.theory("hopfield.T_M", load=0.05)                     # doctest: +SKIP
"""

from mattis.errors import UserError
from mattis.models import MODELS
from mattis.statistics import aggregate
from mattis.study import Study, load_study
from mattis.sweep import Outcome, Settings, digest, open_results, run, status
from mattis.theory import QUANTITIES
from mattis.theory import evaluate as theory

__version__ = "0.1.0"

__all__ = [
    "MODELS",
    "QUANTITIES",
    "Outcome",
    "Settings",
    "Study",
    "UserError",
    "__version__",
    "aggregate",
    "digest",
    "load_study",
    "open_results",
    "run",
    "status",
    "theory",
]
