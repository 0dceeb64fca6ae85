"""Claims of associative_memory.ipynb on unseen digits: trained attractors, many stored ones, online updates.

dx/dt = sum_mu w_mu (p_mu - x), w = softmax(-|x - p_mu|^2/(2 sigma^2)), sigma = 0.1, t = 5: 400 stored digits
0 to 3, 100 unseen ones. The pictures are those of scikit-learn, 8 × 8, in place of MNIST's 28 × 28; both are
32 principal components, here scaled to a root mean square of 1.1 each, about that of MNIST's.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from mattis.claims.claim import AtLeast, AtMost, Claim, Near
from mattis.claims.laboratory import Laboratory, Measurement, mean_of
from mattis.exact import digits, gaussians
from mattis.exact.arrays import Reals
from mattis.exact.rng import stream
from mattis.networks.neurons import certainty
from mattis.networks.neurons.generating_functions import FunctionNumbers, Population
from mattis.networks.neurons.network import NeuronNetwork, integrate, settle

DIGITS_KEPT = 4
"""Digits 0 … 3, as in the notebook: picture mu is a digit mu mod 4."""

STORED_PICTURES = 400
"""Attractors."""

UNSEEN_PICTURES = 100
"""Pictures that are not stored."""

COMPONENTS_KEPT = 32
"""Principal components of a picture."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Stored and unseen digits by their principal components, and the stream of their noise.

    stored  # (400, 32)
    unseen  # (100, 32)
    """

    seed: int
    stored: Reals
    unseen: Reals

    def noise(self, count: int, of: str) -> Reals:
        """Return normal numbers, (count, 32)."""
        return gaussians.normals(stream(1, of, {"seed": self.seed}), COMPONENTS_KEPT, np.arange(count))


def pictures(lab: Laboratory, sets: int = 12) -> list[PictureSet]:
    """Return sets of pictures, none of them twice in a set; a third of them at a reduced size."""
    out = []
    for seed in range(sets // 3 if lab.reduced else sets):
        draw, count = stream(1, "digits", {"seed": seed}), STORED_PICTURES + UNSEEN_PICTURES
        rows = digits.shades(draw, count, DIGITS_KEPT).astype(float)
        rows -= rows.mean(axis=0)
        rows = rows @ np.linalg.svd(rows, full_matrices=False)[2][:COMPONENTS_KEPT].T
        rows *= 1.1 / np.sqrt(np.mean(rows**2))
        out.append(PictureSet(seed, rows[:STORED_PICTURES], rows[STORED_PICTURES:]))
    return out


def attractors(stored: Reals, sigma: float = 0.1) -> NeuronNetwork:
    """Return the flow of the notebook: attention by distance, b = -|p|^2/2."""
    weights = Population("log_sum_exp", FunctionNumbers(1 / sigma**2))
    return NeuronNetwork(
        stored, Population("quadratic"), weights, bias=-np.sum(stored**2, axis=1)[:, None] / 2
    )


def recalled_classes(one: PictureSet, noise: float) -> NDArray[np.int64]:
    """Return the digit of the stored picture that each unseen one ends at, (100,), t = 5 in steps of 0.1."""
    cues = one.unseen + noise * one.noise(UNSEEN_PICTURES, "noise of cues")
    end = settle(attractors(one.stored), cues.T, 0.1, 0.0, 50).state.T
    return np.asarray(distances(end, one.stored).argmin(axis=1) % DIGITS_KEPT)


def distances(one: Reals, other: Reals) -> Reals:
    """Return squared distances of all rows of two arrays, (n, m)."""
    return np.asarray(((one[:, None] - other) ** 2).sum(axis=2))


def learnt(one: PictureSet, sigma: float = 0.5, alpha: float = 0.05) -> Reals:
    """Return four attractors, at first a picture of each digit, after p += alpha w (x - p) with each x."""
    moved = one.stored[:DIGITS_KEPT].copy()
    for shown in one.stored:
        apart = distances(shown[None], moved)[0]
        shares = np.exp(-(apart - apart.min()) / (2 * sigma**2))
        moved += alpha * (shares / shares.sum())[:, None] * (shown - moved)
    return moved


def cues_of(one: PictureSet) -> Reals:
    """Return unseen pictures with a noise of 0.2, (32, 100)."""
    return (one.unseen + 0.2 * one.noise(UNSEEN_PICTURES, "noise of cues")).T


def mean_entropy(net: NeuronNetwork, v: Reals) -> float:
    """Return the entropy of the weights of attractors, a mean over states (N_v, R)."""
    return float(certainty.entropy(certainty.weights(net, v)).mean())


def entropies_of_learnt(lab: Laboratory) -> Reals:
    """Return mean entropies at unseen cues with a noise of 0.2, and where they end, by set: (sets, 2)."""
    found = []
    for one in pictures(lab):
        net, cues = attractors(learnt(one), 0.5), cues_of(one)
        found.append([mean_entropy(net, v) for v in (cues, settle(net, cues, 0.1, 0.0, 100).state)])
    return np.array(found)


def entropy_left(lab: Laboratory) -> Measurement:
    """Return the share of the entropy that is left."""
    cue, rest = (mean_of(column) for column in entropies_of_learnt(lab).T)
    return rest / cue


def entropy_at_cues(one: PictureSet, held: Reals) -> float:
    """Return the mean entropy of the weights of some attractors at unseen cues with a noise of 0.2."""
    return mean_entropy(attractors(held, 0.5), cues_of(one))


def entropy_of_training(lab: Laboratory) -> Measurement:
    """Return what training takes from the entropy, of the same sets and cues."""
    return mean_of(
        np.array([
            entropy_at_cues(one, one.stored[:DIGITS_KEPT]) - entropy_at_cues(one, learnt(one))
            for one in pictures(lab, 96)
        ])
    )  # fmt: skip


def gains(lab: Laboratory) -> Reals:
    """Return ln 4 less the entropy of the recalled digits, by set and digit, noise 1: (sets, 4)."""
    out = []
    for one in pictures(lab):
        found = recalled_classes(one, 1.0)
        for digit in range(DIGITS_KEPT):
            shares = np.bincount(found[digit::DIGITS_KEPT], minlength=DIGITS_KEPT) / len(found[::DIGITS_KEPT])
            some = shares[shares > 0]
            out.append(log(DIGITS_KEPT) + float(some @ np.log(some)))
    return np.array(out).reshape(-1, DIGITS_KEPT)


def gain_of_one(lab: Laboratory) -> Measurement:
    """Return the difference of gains, of the same sets."""
    found = gains(lab)
    others = found[:, [0, 2, 3]]
    return mean_of(found[:, 1] - others[:, others.mean(axis=0).argmax()])


def updated(one: PictureSet, count: int) -> Measurement:
    """Return how far online updates move an attractor, of what they would by the picture that is shown.

    As in the notebook: a stored picture, noise of 0.3, recall up to t = 5, and p += eta w (x(5) - p).
    """
    stored, eta, shares = one.stored.copy(), 0.01, []
    for step, noise in enumerate(0.3 * one.noise(count, "noise of updates")):
        shown = stored[step % STORED_PICTURES] + noise
        end = integrate(attractors(stored), shown, np.array([0.0, 5.0]), accuracy=1e-8)[-1]
        weights = np.exp(-50 * (distances(end[None], stored)[0] - distances(end[None], stored).min()))
        moved = eta * (weights / weights.sum())[:, None] * (end - stored)
        nearest = int(weights.argmax())
        shares.append(float(np.linalg.norm(moved) / (eta * np.linalg.norm(shown - stored[nearest]))))
        stored += moved
    return mean_of(np.array(shares))


def restored_classes(lab: Laboratory) -> Measurement:
    """Return the share of right digits."""
    wanted = np.arange(UNSEEN_PICTURES) % DIGITS_KEPT
    return mean_of(np.array([float(np.mean(recalled_classes(one, 0.3) == wanted)) for one in pictures(lab)]))


def denoised(lab: Laboratory) -> Measurement:
    """Return the ratio of mean squared distances, a mean over sets."""
    ratios = []
    for one in pictures(lab):
        noise = 0.3 * one.noise(UNSEEN_PICTURES, "noise of cues")
        end = settle(attractors(one.stored), (one.unseen + noise).T, 0.1, 0.0, 50).state.T
        ratios.append(float(np.sum((end - one.unseen) ** 2) / np.sum(noise**2)))
    return mean_of(np.array(ratios))


PICTURE_CLAIMS: tuple[Claim, ...] = (
    Claim("A6a", "notebooks", "associative_memory.ipynb",
          "Four attractors that were trained on 400 digits 0 to 3 are nearly sure of unseen ones: entropy of "
          "the weights at cues with a noise of 0.2, in nats (0.0130 in the notebook; sigma = 0.5, alpha = "
          "0.05).",
          0.0130331813, rule=Near(0.003), rival=0.0637,
          why="To exclude: the entropy at cues of the four corners of a square (A4a); untrained attractors: "
              "A6c. All of A6 to A8 is of pictures of 8 × 8 in place of MNIST's.",
          needs="scikit-learn", measure=lambda lab: mean_of(entropies_of_learnt(lab)[:, 0])),
    Claim("A6b", "notebooks", "associative_memory.ipynb",
          "Recall takes all of it away: entropy at rest over that at the cues (8e-11/0.0130 in the "
          "notebook).",
          0.0, rule=Near(1e-3), rival=0.0952,
          why="To exclude: what is left at the corners of a square, 0.0061 of 0.0637 (A4). Recall may also "
              "add to the entropy, as in A5.",
          needs="scikit-learn", measure=entropy_left),
    Claim("A6c", "notebooks", "associative_memory.ipynb",
          "It is the training that makes them sure: entropy at the same cues of the four pictures that the "
          "training began with, less that of the attractors that came of it.",
          0.0, rule=AtLeast(), rival=0.0,
          why="A control that the notebook does not have: untrained pictures are nearly sure as well, at "
              "0.02.",
          needs="scikit-learn", measure=entropy_of_training),
    Claim("A7a", "notebooks", "associative_memory.ipynb",
          "Recall of unseen digits among 400 stored ones gains information on which digit it is: ln 4 less "
          "the entropy of the digits recalled, cues with a noise of 1 (0.84 to 1.02 by digit in the "
          "notebook).",
          0.84, rule=AtLeast(), rival=0.0,
          why="Other pictures, 8 × 8: they gain more, up to ln 4 = 1.386.",
          needs="scikit-learn", measure=lambda lab: mean_of(gains(lab).mean(axis=1))),
    Claim("A7b", "notebooks", "associative_memory.ipynb",
          "“The digit 1 demonstrated the highest gain, reflecting its structural simplicity”: gain of the "
          "digit 1 less that of the digit, of 0, 2 and 3, that gains most.",
          0.0, rule=AtLeast(), rival=0.0,
          why="Nor does it in the notebook, which prints 1.0186 for 0 and 2, 1.0068 for 1 and 0.8357 for 3.",
          needs="scikit-learn", measure=gain_of_one),
    Claim("A8a", "notebooks", "associative_memory.ipynb",
          "Online updates train the attractors, p += eta w (x - p), eta = 0.01: how far one moves an "
          "attractor, of what it would move it with the picture shown for x (noise 0.3).",
          1.0, right=0.006738, rule=Near(0.001),
          why="The notebook's x is the recalled state, which at t = 5 is at the attractor itself but for "
              "e^-5: 200 such updates learn nothing. With the picture that is shown, as in its cell 5, they "
              "would.",
          needs="scikit-learn", measure=lambda lab: updated(pictures(lab)[0], 25 if lab.reduced else 200)),
    Claim("A8b", "notebooks", "associative_memory.ipynb",
          "Flow restores “clean, class-representative forms”: share of unseen digits, with a noise of 0.3, "
          "that end at a stored picture of the same digit.",
          0.9, rule=AtLeast(), rival=0.25,
          needs="scikit-learn", measure=restored_classes),
    Claim("A8c", "notebooks", "associative_memory.ipynb",
          "Recall removes the noise of unseen digits: squared distance of the recalled picture from the "
          "original, over that of the noisy one (noise 0.3).",
          1.0, rule=AtMost(),
          why="It removes more noise than there is: an unseen digit lies further from the nearest stored one "
              "than the noise brings it. Recall puts another picture of the same digit in its place.",
          needs="scikit-learn", measure=denoised),
)  # fmt: skip
"""Claims on unseen digits, in the order of the notebook."""
