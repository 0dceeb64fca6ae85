"""What a plugin imports: decorators that make rows of the tables, and what their functions get.

A plugin is one Python file, given by `--plugin FILE` (or `plugins:` in the workflow's configuration), or a
module of an installed package, named by an entry point of the group `mattis.plugins`. See docs/extending.md.
"""

from mattis.networks.binary.chain_observables import ObservedChain, observable
from mattis.networks.binary.couplings import Lesson, coupling_rule
from mattis.networks.binary.ensembles import Draw, ensemble
from mattis.networks.neurons.generating_functions import FunctionNumbers, generating_function
from mattis.networks.plain.models import Cell, model
from mattis.study.model import Observable
from mattis.theory.rows import argument, theory_line

__all__ = [
    "Cell",
    "Draw",
    "FunctionNumbers",
    "Lesson",
    "Observable",
    "ObservedChain",
    "argument",
    "coupling_rule",
    "ensemble",
    "generating_function",
    "model",
    "observable",
    "theory_line",
]
