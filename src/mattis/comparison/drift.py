"""Which theory is compared with memories that drift, and with networks that recall what these learnt."""

from collections.abc import Mapping

import numpy as np

from mattis.comparison.expected import Expected, Places, TheoryArguments, evaluated, of_others
from mattis.exact.arrays import Mask, Reals
from mattis.exact.patterns import share
from mattis.networks.drift.keys import DriftStudy
from mattis.networks.drift.memories import frequencies, square_norm
from mattis.networks.drift.recall_study import RecallStudy
from mattis.networks.drift.study import ConsolidationStudy

FOUR_DEVIATIONS = 4.0
"""Standard deviations 1/sqrt(N_v) by which products of drawn vectors are away from their mean at most."""

ALONE = 1e-6
"""Share that other memories take of a pattern, below which one memory is said to take all of it."""

SLOW = 10
"""The mean field is that of memories with a time constant of so many presentations at least."""

STORED_WITHIN = 1e-5
"""What the cosine of a memory and its pattern is below 1 by, where the pattern counts as stored."""


MEAN_FIELD = "consolidation.mean_similarity"
"""The cosine of a memory and its pattern, of slow memories."""


def plain(study: DriftStudy, labels: Mapping[str, float]) -> bool:
    """Tell whether theory covers the drift of a study: by dot products, from the old memories, without
    biases, to patterns that are clamped equally often (or with a spread along an axis)."""
    if study.similarity != "dot" or study.clamping == "sequence" or study.probabilities:
        return False
    special = isinstance(study, ConsolidationStudy) and (
        study.bias is not None or study.start != "old" or study.given is not None
    )
    return not (special or labels.get("spread") or labels.get("likeness"))


def at_first(study: ConsolidationStudy, noise: float) -> tuple[float, float]:
    """Return the expected cosine of old memory and new pattern, and |xi'|/|xi|."""
    if study.targets == "flips":
        return 1 - 2 * noise, 1.0
    ratio = float(np.hypot(1.0, noise))
    return 1 / ratio, ratio


def similarity(study: ConsolidationStudy) -> Expected | None:
    """Return the exact mean cosine under random clamping where one memory takes all of a pattern; or None.

    Elsewhere it is NaN: the mean field holds in a limit, of large tau, that no study reaches.
    """
    if not plain(study, {}) or study.clamping != "random":
        return None

    def at(places: Places) -> TheoryArguments:
        count, noise = places["patterns"], places["noise"]
        first = [at_first(study, sigma) for sigma in noise.tolist()]
        overlap, ratio = np.array(first, np.float64).reshape(-1, 2).T
        steps = [share(*one) for one in zip(places["presentations"], count.astype(int), strict=True)]
        known = _is_alone(study, places, overlap / ratio) & (places["tau"] >= study.step)
        rate = places["tau"] / study.step
        if study.dwell > 1:  # as fast as so many steps at once
            rate = np.maximum(1 / (1 - (1 - 1 / rate) ** study.dwell), 1.0)
        return {
            "steps": np.where(known, np.array(steps, np.float64), np.nan),
            "probability": _probability(places),
            "tau": rate, "overlap": overlap, "norm_ratio": ratio,
        }  # fmt: skip

    return Expected("consolidation.similarity_mean", at)


def _is_alone(study: ConsolidationStudy, places: Places, nearness: Reals) -> Mask:
    """Tell where only the memory of a pattern moves: the field of any other is lower by kappa a/s.

    Of unequal frequencies only single memories are known, and of the changes of patterns that are not alike.
    """
    alike = np.asarray(places.get("likeness", np.zeros_like(nearness))) == 0
    known = alike if "memory" in places else is_plain(places)
    kappa = kappa_of(study, places)
    margin = nearness - FOUR_DEVIATIONS / np.sqrt(places["size"])
    with np.errstate(invalid="ignore"):  # of an infinite kappa
        others = (places["patterns"] - 1) * np.exp(-kappa * np.maximum(margin, 0.0))
    return np.asarray((margin > 0) & (others < ALONE) & known)


def _probability(places: Places) -> Reals:
    """Return the probability of the pattern of a memory; that of any for the mean over all."""
    count = places["patterns"]
    if "memory" not in places:
        return np.asarray(1 / count, np.float64)
    spread = places.get("spread", np.zeros_like(count))
    different, inverse = np.unique(np.stack([count, spread]), axis=1, return_inverse=True)
    found = [frequencies(int(n), s) for n, s in different.T.tolist()]
    chosen = zip(inverse.ravel().tolist(), places["memory"].astype(int).tolist(), strict=True)
    return np.array([found[k][mu] for k, mu in chosen], np.float64)


def mean_field(study: ConsolidationStudy) -> Expected | None:
    """Return the mean field of the cosine, of large tau; None for drift that it does not cover.

    NaN at infinite kappa, for fast memories, and where noise decides (an overlap of 0 or less at first).
    """
    if not plain(study, {}) or "memory" in study.labels:
        return None

    def at(places: Places) -> TheoryArguments:
        first = [at_first(study, sigma) for sigma in places["noise"].tolist()]
        overlap, ratio = np.array(first, np.float64).reshape(-1, 2).T
        tau, kappa = places["tau"] / study.step, kappa_of(study, places)
        known = (overlap > 0) & (tau >= SLOW * study.dwell) & np.isfinite(kappa)
        known &= is_plain(places)
        return {
            "memories": np.where(known, places["patterns"], np.nan),
            "kappa": kappa,
            "presentations": places["presentations"] * study.dwell,
            "tau": tau, "overlap": overlap, "norm_ratio": ratio,
        }  # fmt: skip

    return Expected(MEAN_FIELD, at, limit="large tau")


def is_plain(places: Places) -> Mask:
    """Tell where patterns are shown equally often, and their changes are not alike."""
    none = np.zeros_like(places["noise"])
    different = np.asarray(places.get("likeness", none)) != 0
    return np.asarray(~different & (np.asarray(places.get("spread", none)) == 0))


def kappa_of(study: ConsolidationStudy, places: Places) -> Reals:
    """Return kappa = beta N_v rho at places, rho the square norm of a pattern per neuron."""
    if "kappa" in places:
        return places["kappa"]
    norms = [square_norm(study.memory_ensemble, sigma) for sigma in places["noise"].tolist()]
    return np.asarray(places["beta"] * places["size"] * np.array(norms), np.float64)


def learnt_overlap(study: RecallStudy) -> Expected:
    """Return the overlap of Hopfield's network with a new pattern that was learnt: NaN where it was not.

    It was where the mean field of the memories has come to their patterns, a cosine up to `STORED_WITHIN`.
    """

    def at(places: Places) -> TheoryArguments:
        course = {
            "memories": places["patterns"],
            "kappa": places["kappa"],
            "presentations": places["presentations"] * study.dwell,
            "tau": np.full_like(places["kappa"], study.tau / study.step),
            "overlap": 1 - 2 * places["noise"],
            "norm_ratio": np.ones_like(places["kappa"]),
        }
        known = plain(study, {}) and study.tau / study.step >= SLOW * study.dwell
        cosine = evaluated(MEAN_FIELD, course, places["kappa"].size) if known else np.nan
        stored = np.asarray(cosine) > 1 - STORED_WITHIN
        with np.errstate(divide="ignore"):
            heat = 1 / places["beta"]
        return {"load": places["load"], "temperature": np.where(stored, heat, np.nan)}

    return of_others(Expected("hopfield.overlap", at))
