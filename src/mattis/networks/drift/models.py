"""Consolidation, as a row of the table of models: see `consolidation`, and `consolidation_device`."""

from dataclasses import replace

from mattis.networks.drift import consolidation, consolidation_device, synapses
from mattis.study.model import Boundary, Model

CONSOLIDATION = Model(
    name="consolidation",
    summary="memories that drift to the patterns they are shown, by their softmax weights",
    equation="tau dXi_mu/dt = w_mu (xi' + Lambda_mu - Xi_mu), w = softmax(beta Xi xi')",
    axes=("size", "load", "memories", "beta", "kappa", "noise", "likeness", "spread", "tau", "presentations",
          "memory", "seed"),
    observables=consolidation.DRIFT_OBSERVABLES,
    order_parameter="similarity",
    theory=tuple(
        f"consolidation.{quantity}"
        for quantity in (
            "kappa_s", "kappa_basin", "kappa_merge", "least_overlap", "cosine", "own_share",
            "mean_similarity", "random_similarity", "random_similarity_sd", "similarity",
            "similarity_mean", "similarity_sd", "error_factor", "published",
            "hebbian_error", "pavlovian_error",
        )
    ),
    source="Lotito, Neurocomputing 636, 129865 (2025), eqs. (12) to (14) and appendix B",
    simulate=consolidation.simulate,
    memory=consolidation.memory,
    check=consolidation.check,
    boundaries=(
        Boundary(
            "kappa", "consolidated", "kappa", "kappa",
            "kappa above which more than half of the memories consolidate", rises=True,
        ),
        Boundary(
            "noise", "consolidated", "noise", "noise",
            "sigma above which less than half of the memories consolidate",
        ),
    ),
    states=("similarity", "consolidated"),
    unit="presentations",
    batched=consolidation_device.batched,
    launches=consolidation_device.launches,
    follow=consolidation.course,
)  # fmt: skip

SYNAPSES = replace(
    CONSOLIDATION, summary="how drifting memories move: their fixed point, energy, factor and rule",
    observables=synapses.SYNAPSE_OBSERVABLES, order_parameter="error_factor", boundaries=(), states=None,
    simulate=synapses.simulate, rounding=synapses.SYNAPSE_ROUNDING, batched=None, launches=None,
    follow=None,
)  # fmt: skip
"""The same memories, asked how they move."""
