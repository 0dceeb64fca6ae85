"""The table of questions: what each asks of a circuit, what is observed, and where that has boundaries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mattis.networks.binary import questions
from mattis.networks.binary.asking.enumeration import (
    ENUMERATED_OBSERVABLES,
    check_enumerated,
    enumeration,
    enumeration_memory,
    enumeration_work,
)
from mattis.networks.binary.asking.exchange import EXCHANGE_OBSERVABLES, check_exchange, exchange
from mattis.networks.binary.asking.hysteresis import check_ramp, hysteresis
from mattis.networks.binary.asking.landscape import (
    LANDSCAPE_OBSERVABLES,
    check_landscape,
    landscape,
    landscape_work,
)
from mattis.networks.binary.axes import BinaryAxes
from mattis.networks.binary.hopfield import CHAIN_OBSERVABLES
from mattis.networks.binary.matrix_network import Dynamics
from mattis.networks.binary.questions import Query, mixture, of_every_cue, recall, snapshot, survival
from mattis.study.model import Boundary, Observable, fraction_of_cues, one_spin


@dataclass(frozen=True)
class BinaryQuestion:
    """One row of the table of questions.

    extra   # observables besides those that every chain has; `alone` if there is no chain
    states  # observable and fraction that tell two states apart
    theory  # quantities that a figure or a reader compares with; of recall, those of the network
    numbers  # raised whenever the same study gives other numbers, as those of a model
    cued     # whether it has a cue for each pattern, or as many random states as `cues` says
    noisy    # whether T > 0 means thermal noise
    check    # (axes, dynamics, question): raises Misplaced where they do not fit each other
    work     # N -> what a cell takes besides its chains, in proposals; memory  # N -> in bytes
    """

    summary: str
    answer: questions.AnswerFunction
    extra: tuple[Observable, ...] = ()
    alone: bool = False
    order_parameter: str = "overlap"
    boundaries: tuple[Boundary, ...] = ()
    states: tuple[str, str] | None = ("overlap", "retrieved")
    theory: tuple[str, ...] = ()
    numbers: int = 0
    cued: bool = True
    noisy: bool = True
    check: Callable[[BinaryAxes, Dynamics, Query], None] = lambda _axes, _acting, _query: None
    work: Callable[[int], int] = lambda _size: 0
    memory: Callable[[int], int] = lambda _size: 0

    @property
    def has_states(self) -> bool:
        """Whether a cue can leave the state that it is in, and what is observed depends on it."""
        return self.states is not None or self.order_parameter == "survived"

    def ends(self, observables: Sequence[Observable]) -> tuple[Boundary, ...]:
        """Return the boundaries of what is observed: some observables are of some couplings only."""
        seen = {one.name for one in observables}
        return tuple(one for one in self.boundaries if one.fraction in seen)


def falls(fraction: str, dimension: str, position: str, whose: str, name: str = "") -> Boundary:
    """Return the boundary above which less than half of a fraction is left."""
    units = "J" if dimension == "beta" else "1"
    words = f"{position.removeprefix('realised_')} above which less than half of the {whose}"
    return Boundary(name or position.removeprefix("realised_"), fraction, dimension, position, words, units)


def edges(fraction: str, whose: str) -> tuple[Boundary, ...]:
    """Return where a fraction is lost along temperature and load."""
    return (falls(fraction, "beta", "temperature", whose), falls(fraction, "load", "realised_load", whose))


ON_A_RAMP = {"overlap", "overlap_thermal_error", "energy", "energy_thermal_error", "retrieved"}
"""Observables of every chain that are also those of a rung on the way up."""

BINARY_QUESTIONS: Mapping[str, BinaryQuestion] = {
    "recall": BinaryQuestion(
        "retrieval from a cue, a fraction `noise` of whose bits is flipped",
        of_every_cue(recall),
        boundaries=(
            *edges("retrieved", "cues are retrieved"),
            falls("retrieved", "noise", "noise", "cues are retrieved"),
            falls("retrieved", "age", "age", "patterns are retrieved"),
        ),
    ),
    "ambiguous": BinaryQuestion(
        "a cue with a fraction `noise` of its sites from a second pattern: which of the two comes?",
        of_every_cue(questions.ambiguous),
        (
            fraction_of_cues(
                "retrieved", "fraction of cues that end nearer to the first pattern, above `chosen_above`",
            ),
            Observable("overlap_second", "overlap with the second pattern", smallest=one_spin),
            fraction_of_cues(
                "chose_second",
                "fraction of cues that end nearer to the second pattern, above `chosen_above`",
            ),
            fraction_of_cues(
                "chose_neither", "fraction of cues that end at neither: in a mixture, or elsewhere",
            ),
        ),
        states=None,
        numbers=1,
    ),
    "familiarity": BinaryQuestion(
        "the fraction of neurons that want to flip at a stored and at a new pattern; no chain is run",
        questions.familiarity,
        (
            Observable("flip_rate", "fraction of neurons that want to flip at a stored pattern"),
            Observable("flip_rate_new", "fraction of neurons that want to flip at a new pattern"),
            fraction_of_cues(
                "recognised", "fraction of pairs of which the stored has fewer flips, ties half",
            ),
            fraction_of_cues("stable", "fraction of cues at which no neuron wants to flip"),
        ),
        alone=True,
        noisy=False,
        order_parameter="flip_rate",
        states=None,
        theory=("hopfield.bit_error", "hopfield.familiarity"),
    ),
    "mixture": BinaryQuestion(
        "the state sgn(sum of n patterns), n along the axis `mixture`: does it stay a mixture?",
        of_every_cue(mixture),
        (
            Observable("overlap_mixed", "mean overlap with the n patterns of the mixture", smallest=one_spin),
            fraction_of_cues(
                "stays", "fraction of mixtures with every overlap above half of its first value",
            ),
        ),
        order_parameter="overlap_mixed",
        boundaries=edges("stays", "mixtures stay"),
        states=("overlap_mixed", "stays"),
        theory=("mixture.overlap",),
    ),
    "survival": BinaryQuestion(
        "the time until the overlap first falls below `leaves_below`",
        of_every_cue(survival),
        (
            Observable(
                "survival_time", "mean of times, those of survivors cut off at the end of the run", "sweep",
            ),
            fraction_of_cues("survived", "fraction of cues whose overlap never fell below"),
        ),
        order_parameter="survived",
        boundaries=edges("survived", "states survive"),
        states=None,
    ),
    "snapshot": BinaryQuestion(
        "the last state of a chain: a cue is recalled if at most `wrong_bits` of its bits are wrong",
        of_every_cue(snapshot),
        (
            Observable("wrong_bits", "bits of the last state that are not those of the pattern"),
            fraction_of_cues(
                "recalled", "fraction of cues whose last state has at most `wrong_bits` wrong bits",
            ),
        ),
        order_parameter="recalled",
        boundaries=edges("recalled", "cues are recalled"),
    ),
    "transitions": BinaryQuestion(
        "the time from one pattern of a sequence to the next",
        of_every_cue(questions.transitions),
        (
            Observable("overlap_nearest", "overlap with the nearest pattern, mean over sweeps"),
            Observable("transition_rate", "transitions along the sequence, net", "1/sweep"),
            Observable("transition_time", "sweeps per transition; NaN if there was none, net", "sweep"),
        ),
        order_parameter="transition_rate",
        states=None,
    ),
    "hysteresis": BinaryQuestion(
        "a ramp from T = 0 to `top` and back in steps of `step`, a chain on each rung",
        hysteresis,
        (
            *(one for one in CHAIN_OBSERVABLES if one.name in ON_A_RAMP),
            Observable("overlap_cooling", "overlap with the cued pattern on the way down", smallest=one_spin),
            Observable("energy_cooling", "energy per neuron on the way down", "J"),
            Observable("overlap_nearest_cooling", "largest |overlap| with any pattern on the way down"),
            fraction_of_cues("retrieved_cooling", "fraction of ways down that are at some pattern"),
        ),
        alone=True,
        boundaries=(
            *edges("retrieved", "cues are retrieved on the way up"),
            falls("retrieved_cooling", "beta", "temperature", "ways down are at some pattern", "cooling"),
        ),
        check=check_ramp,
    ),
    "exchange": BinaryQuestion(
        "equilibrium: replicas of all temperatures, which neighbours swap (protocol: exchange)",
        exchange,
        EXCHANGE_OBSERVABLES,
        alone=True,
        order_parameter="replica_overlap",
        boundaries=(
            replace(
                falls(
                    "retrieval_share", "beta", "temperature",
                    "weight is one retrieval state's, against all others together", "equal_free_energy",
                ),
                in_equilibrium=True,
            ),
        ),
        states=None,
        check=check_exchange,
    ),
    "enumeration": BinaryQuestion(
        "all 2^N states, N ≤ 12: the transition matrix, its stationary law, detailed balance; and a chain",
        enumeration,
        ENUMERATED_OBSERVABLES,
        alone=True,
        order_parameter="gibbs_distance",
        states=None,
        check=check_enumerated,
        work=enumeration_work,
        memory=enumeration_memory,
    ),
    "landscape": BinaryQuestion(
        "stable states, their number and energies, and descents from `cues` random states, at T = 0",
        landscape,
        LANDSCAPE_OBSERVABLES,
        alone=True,
        order_parameter="minima",
        states=None,
        theory=("sk.minima", "sk.ground_energy"),
        cued=False,
        check=check_landscape,
        work=landscape_work,
    ),
}  # fmt: skip
"""What a study can ask."""
