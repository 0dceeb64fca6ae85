"""The table of models, and the glossary of symbols that all of them share.

| symbol | name in code | meaning |
|---|---|---|
| N | size | neurons |
| P | patterns | stored patterns, an integer: round(load × N), half up |
| α | load | P / N; the axis holds the value asked for, theory uses the realised P / N |
| T, β | temperature, beta | temperature in units of J, and its inverse; beta may be infinite |
| ξ | xi | patterns, (P, N), entries ±1 |
| S | spins | state, (N,), entries ±1 |
| J, N J | nj | couplings; kept as the integers N J |
| h, N h | fields | local fields h_i = sum_j J_ij S_j; kept as integers |
| m | overlap | (1/N) sum_i xi_i S_i with the cued pattern (Mattis) |
| M | overlaps | the integers N m, one for each pattern |
| q | edwards_anderson | (1/N) sum_i <S_i>² |
| e | energy | H / N |
| – | noise | fraction of flipped bits of a cue |
| – | sweep | N attempted updates |
| – | cue | the stored pattern, with noise, that a replica starts from |
| – | retrieved | fraction of cues that end with m above the study's threshold |
"""

from collections.abc import Mapping

from mattis.models.base import (
    FLAGS,
    Boundary,
    Columns,
    Model,
    Observable,
    PatternSet,
    Point,
    Task,
)
from mattis.models.binary import HOPFIELD
from mattis.models.recall import RECALL
from mattis.models.synapses import CONSOLIDATION

MODELS: Mapping[str, Model] = {model.name: model for model in (HOPFIELD, CONSOLIDATION, RECALL)}

__all__ = [
    "FLAGS",
    "MODELS",
    "Boundary",
    "Columns",
    "Model",
    "Observable",
    "PatternSet",
    "Point",
    "Task",
]
