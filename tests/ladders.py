"""Ladders of replica exchange as tests run them: of one network, and in plain Python from the definitions."""

import math
from itertools import product

import numpy as np
from references import shuffled

from mattis.exact import rng
from mattis.networks.binary import family
from mattis.networks.binary.ladder import LadderRun
from mattis.study import plan
from mattis.study.base import Study


def run_of(study: Study, noise: float = 0.0) -> LadderRun:
    """Return the ladders of the first network of a study and its first cue."""
    patterns, points, inquiry = plan.task(study, plan.blocks(study)[0])
    circuit = family.circuit(patterns, family.draw(patterns, inquiry.ensemble), inquiry.of(points[0].rule))
    assert inquiry.ladder is not None
    hebbian = study.model == "hopfield"
    return LadderRun(circuit, inquiry.ladder, 0, noise, inquiry.asking, hebbian)


def energies_of(made: LadderRun) -> tuple[np.ndarray, np.ndarray]:
    """Return all states of a small network, and their energies from the Hamiltonian as it is printed.

    H = -1/2 sum_{i≠j} J_ij S_i S_j; of neurons 0, 1: -1/2 sum_{i≠j} J_ij V_i V_j + U sum_i V_i.
    """
    circuit, size = made.circuit, made.circuit.size
    states = np.array([*product((-1, 1), repeat=size)], float)
    one_sided = circuit.dynamics.neurons == "zero_one"
    units = (1 + states) / 2 if one_sided else states
    threshold = float(circuit.dynamics.threshold) if one_sided else 0.0
    j = circuit.made.nj / (size * circuit.unit)
    return states, -0.5 * ((units @ j) * units).sum(axis=1) + threshold * units.sum(axis=1)


class Plain:
    """Two ladders in plain Python, from the definitions: states, temperatures, decisions.

    Energies are -sum_i S_i (N h_i + b_i)/2 in units of fields, and T in these units is N T x unit.
    """

    def __init__(self, ladders: LadderRun) -> None:
        self.ladders, self.circuit = ladders, ladders.circuit
        self.couplings = [[int(x) for x in row] for row in self.circuit.made.nj]
        self.bias = [int(b) for b in self.circuit.bias]
        self.size, self.rungs = self.circuit.size, ladders.ladder.rungs
        self.swapped = [0] * (self.rungs - 1)
        """Swaps of each pair of rungs in measured sweeps, of both ladders."""

    def aligned(self, state: list[int]) -> int:
        fields = (sum(j * s for j, s in zip(row, state, strict=True)) for row in self.couplings)
        return sum(s * (x + 2 * b) for s, x, b in zip(state, fields, self.bias, strict=True))

    def sweep(self, state: list[int], stream: rng.Stream, t: int, beta: float) -> None:
        moves = self.circuit.dynamics.rate == "metropolis"
        recipe = rng.acceptance_noise if moves else rng.thermal_noise
        noise = recipe(stream.decision_words(self.size, t), self.circuit.scale(beta)).tolist()
        network = self.circuit.network
        orders = rng.stream(network.root_seed, "order", network.labels)
        sites = shuffled(self.size, t, orders) if moves else range(self.size)
        for th, i in zip(noise, sites, strict=True):
            field = sum(j * s for j, s in zip(self.couplings[i], state, strict=True)) + self.bias[i]
            if moves:
                state[i] *= -1 if state[i] * field + th < 0 else 1
            else:
                state[i] = 1 if field + th >= 0 else -1

    def swaps(self, walkers: list[int], energies: list[float], stream: rng.Stream, number: int) -> list[int]:
        """Swap neighbours of one parity with min(1, exp((beta - beta')(E - E'))); return who swapped."""
        betas, words = self.ladders.ladder.betas, stream.words(2 * self.rungs, number)
        done = []
        for r in range(number % 2, self.rungs - 1, 2):
            u = ((int(words[2 * r]) << 21 | int(words[2 * r + 1]) >> 11) + 0.5) / 2**53
            chance = math.exp(min(0.0, (betas[r] - betas[r + 1]) * (energies[r] - energies[r + 1])))
            if u < chance:
                walkers[r], walkers[r + 1] = walkers[r + 1], walkers[r]
                done.append(r)
        return done

    def run(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the aligned fields of both ladders by rung, the twins, and the walkers at the end."""
        made, sweeps, every = self.ladders, self.ladders.asking.sweeps, self.ladders.ladder.every
        states = made.starts.tolist()
        walkers = [[*range(self.rungs)] for _ in (0, 1)]
        aligned = np.zeros((2, self.rungs, sweeps), np.int64)
        twins = np.zeros((self.rungs, sweeps), np.int64)
        per = 2 * self.size * self.circuit.unit * self.circuit.quarter
        for t in range(sweeps):
            for a, r in product((0, 1), range(self.rungs)):
                who = walkers[a][r]
                self.sweep(states[a][who], made.stream("walkers", a, who), t, made.ladder.betas[r])
                aligned[a, r, t] = self.aligned(states[a][who])
            for r in range(self.rungs):
                pair = (states[a][walkers[a][r]] for a in (0, 1))
                twins[r, t] = sum(s * other for s, other in zip(*pair, strict=True))
            if (t + 1) % every == 0:
                for a in (0, 1):
                    energies = (-aligned[a, :, t] / per).tolist()
                    stream = made.stream("exchange", a)
                    for r in self.swaps(walkers[a], energies, stream, (t + 1) // every - 1):
                        self.swapped[r] += t >= made.asking.thermalise
        return aligned, twins, np.array(walkers)
