"""The table of theory: arguments and quantities, each with its meaning, equation, source and function.

One tuple of rows for each kind of model; those of the family of binary networks are in networks.py, those of
generating functions in continuous.py. Names of arguments are those of the functions' parameters, where a word
of Python takes an underscore (`lambda_`).
"""

from mattis.plugins import Table
from mattis.theory import continuous, networks
from mattis.theory.rows import LARGE_N, ONE_STEP, REPLICA_SYMMETRIC, Argument, Formulas, Quantity

__all__ = ["ARGUMENTS", "QUANTITIES", "Argument", "Quantity"]

consolidation, drift, hopfield, pavlov = map(
    Formulas, ("consolidation", "drift", "hopfield", "pavlov")
)

_ARGUMENTS = (
    Argument("load", "alpha = P/N, patterns per neuron", "> 0", lambda v: v > 0),
    Argument("temperature", "T = 1/beta, in units of J", ">= 0", lambda v: v >= 0),
    Argument(
        "rsb",
        "steps of replica symmetry breaking; 0 where left out",
        "0 or 1",
        lambda v: v in (0, 1),
    ),
    Argument(
        "memories",
        "N_h, memories and patterns",
        "a whole number from 2 to 10^15",
        lambda v: 2 <= v <= 1e15 and v.is_integer(),
    ),
    Argument("kappa", "beta N_v rho, rho = |xi'|^2/N_v", ">= 0", lambda v: v >= 0),
    Argument(
        "presentations", "k, how often the memory's own pattern was shown", ">= 0", lambda v: v >= 0
    ),
    Argument(
        "steps",
        "t, how often any pattern was shown",
        "a whole number from 0 to 10^9",
        lambda v: 0 <= v <= 1e9 and v.is_integer(),
    ),
    Argument("probability", "p, of the memory's own pattern", "in [0, 1]", lambda v: 0 <= v <= 1),
    Argument("tau", "time constant, in presentations", ">= 1", lambda v: v >= 1),
    Argument(
        "overlap", "overlap (cosine) with the pattern at first", "in [-1, 1]", lambda v: abs(v) <= 1
    ),
    Argument("start", "a/s, overlap at first over norm_ratio", "in (0, 1)", lambda v: 0 < v < 1),
    Argument("norm_ratio", "|xi'|/|Xi(0)|, of pattern and memory", "> 0", lambda v: v > 0),
    Argument("target_cosine", "r, cosine of two patterns", "in [-1, 1)", lambda v: -1 <= v < 1),
)

_AGS85 = "Amit, Gutfreund & Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)"
_AGS87 = "Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)"
_STATE = "t = tanh((m + sqrt(alpha r) z)/T), r = q/(1 - C)^2, C = (1 - q)/T, z normal"
_POINT = ("load", "temperature")
_STABLE = f"{REPLICA_SYMMETRIC}; the state is stable above hopfield.T_AT, which is below T = 0.02"
_REENTRANT = (
    f"{REPLICA_SYMMETRIC}; that the line turns back below T = 0.023 is due to this symmetry"
)
_LAST_STATE = f"{_REENTRANT}. {ONE_STEP}: it then turns back below T = 0.013, by 1e-5 of the load"
_GLASS_RS = (
    f"{REPLICA_SYMMETRIC}: so is the glass side. {ONE_STEP}: the line lies 8.3 % higher in load at T = 0,"
    " 1.7 % at T = 0.3"
)
_GLASS_STATE = (
    f"{REPLICA_SYMMETRIC}: exact above T_g, where q = 0; below, an approximation of the glass. {ONE_STEP},"
    " from load 0.001 on: nearer to it"
)
_STEFFAN_KUEHN = "Steffan & Kuehn, Z. Phys. B 95, 249 (1994)"
_STEP = "with rsb=1 that of theory/one_step/states.py"
_HEURISTIC = "heuristic, N -> infinity, T = 0; simulations lie between hopfield.overlap and this"

_HOPFIELD = (
    Quantity(
        name="hopfield.overlap",
        symbol="m",
        units="1",
        arguments=_POINT,
        meaning="Overlap of the retrieval state with its pattern (replica symmetric).",
        equation=f"m = E t, q = E t^2; {_STATE}",
        source=_AGS87,
        validity=_STABLE,
        function=hopfield.overlap,
    ),
    Quantity(
        name="hopfield.q",
        symbol="q",
        units="1",
        arguments=_POINT,
        meaning="Edwards-Anderson order parameter of the retrieval state (replica symmetric).",
        equation=f"q = E t^2, m = E t; {_STATE}",
        source=_AGS87,
        validity=_STABLE,
        function=hopfield.edwards_anderson,
    ),
    Quantity(
        name="hopfield.energy",
        symbol="e",
        units="J",
        arguments=_POINT,
        meaning="Energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        equation="e = -m^2/2 + (alpha/2) [1 - 1/(1 - C) - C r]",
        source=f"d(beta f)/d beta of the free energy of {_AGS87}",
        validity=_STABLE,
        function=hopfield.energy,
    ),
    Quantity(
        name="hopfield.energy_finite",
        symbol="e_N",
        units="J",
        arguments=(*_POINT, "size"),
        meaning="hopfield.energy + 1/(2N): at finite N, J_ii = 0 takes this from the pattern's own energy.",
        equation="e_N = e + 1/(2N), as -(m^2 - 1/N)/2 is the condensed pattern's; load = (P - 1)/N",
        source="H/N = -(1/2) sum_mu (m_mu^2 - 1/N), derived for this project",
        validity=f"{REPLICA_SYMMETRIC}, but for 1/(2N), which is exact for J_ii = 0: all of 1/N at T = 0 and"
        " load -> 0; fluctuations of m and the other patterns have other terms in 1/N",
        function=hopfield.energy_finite,
    ),
    Quantity(
        name="hopfield.free_energy",
        symbol="f",
        units="J",
        arguments=_POINT,
        meaning="Free energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        equation="f = m^2/2 + (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r]"
        " - T E ln 2cosh((m + sqrt(alpha r) z)/T)",
        source=_AGS87,
        validity=_STABLE,
        function=hopfield.free_energy,
    ),
    Quantity(
        name="hopfield.T_M",
        symbol="T_M",
        units="J",
        arguments=("load",),
        meaning="Largest temperature at which a retrieval state exists.",
        equation="alpha_M(T_M) = alpha, on the falling side of alpha_M(T)",
        source=_AGS87,
        validity=_REENTRANT,
        function=hopfield.T_M,
    ),
    Quantity(
        name="hopfield.T_c",
        symbol="T_c",
        units="J",
        arguments=("load", "rsb"),
        meaning="Highest temperature at which the retrieval state is the global minimum of f.",
        equation="f(retrieval) = f(spin glass), the upper one where alpha_1(T) is re-entrant:"
        " 0.0518543 < alpha < 0.0531321, with rsb=1 0.0561416 < alpha < 0.0562886",
        source=_AGS87,
        validity=_GLASS_RS,
        function=hopfield.T_c,
    ),
    Quantity(
        name="hopfield.T_g",
        symbol="T_g",
        units="J",
        arguments=("load",),
        meaning="Temperature at which the spin glass freezes out of the paramagnet.",
        equation="T_g = 1 + sqrt(alpha)",
        source=_AGS85,
        validity=LARGE_N,
        function=hopfield.T_g,
    ),
    Quantity(
        name="hopfield.T_AT",
        symbol="T_AT",
        units="J",
        arguments=("load",),
        meaning="Temperature below which the retrieval state breaks replica symmetry.",
        equation="alpha E sech^4((m + sqrt(alpha r) z)/T)/T^2 = (1 - C)^2",
        source=_AGS85,
        validity="N -> infinity: where the replica-symmetric state loses its stability",
        function=hopfield.T_AT,
    ),
    Quantity(
        name="hopfield.alpha_M",
        symbol="alpha_M",
        units="1",
        arguments=("temperature", "rsb"),
        meaning="Largest load at which a retrieval state exists.",
        equation=f"alpha_M(T) = max over w of w^2 (1 - C)^2/q, w = sqrt(alpha r); {_STEP}",
        source=f"{_AGS87}; {_STEFFAN_KUEHN}",
        validity=_LAST_STATE,
        function=hopfield.alpha_M,
    ),
    Quantity(
        name="hopfield.alpha_c",
        symbol="alpha_c",
        units="1",
        arguments=("rsb",),
        meaning="Storage capacity: the largest load of a retrieval state at T = 0.",
        equation=f"alpha_c = max over y of (1/2) (erf(y)/y - (2/sqrt(pi)) exp(-y^2))^2; {_STEP}",
        source=f"{_AGS87}; {_STEFFAN_KUEHN}",
        validity=(
            f"{REPLICA_SYMMETRIC}; {ONE_STEP}: 0.138186, and two steps 0.138187"
            "; runs from the pattern last longer at finite N, to 0.165 at N = 1000"
        ),
        function=hopfield.alpha_c,
    ),
    Quantity(
        name="hopfield.m_c",
        symbol="m_c",
        units="1",
        arguments=("temperature",),
        meaning="Overlap of the retrieval state where it ends, at load alpha_M(T).",
        equation=f"m = E t where alpha is largest; {_STATE}",
        source=_AGS87,
        validity=_REENTRANT,
        function=hopfield.m_c,
    ),
    Quantity(
        name="hopfield.alpha_1",
        symbol="alpha_1",
        units="1",
        arguments=("temperature", "rsb"),
        meaning="Load below which the retrieval state is the global minimum of f.",
        equation="f(retrieval) = f(spin glass), each at the level of rsb; re-entrant: 0.0518543 at T = 0,"
        " at most 0.0531321, at T = 0.0851; with rsb=1 0.0561416 and 0.0562886, at T = 0.0339",
        source=_AGS87,
        validity=_GLASS_RS,
        function=hopfield.alpha_1,
    ),
    Quantity(
        name="hopfield.spin_glass",
        symbol="q",
        units="1",
        arguments=(*_POINT, "rsb"),
        meaning="Edwards-Anderson order parameter of the spin glass, the state without overlap.",
        equation=f"q = E t^2, m = 0; {_STATE}; 0 for T >= T_g; q1 with rsb=1",
        source=_AGS87,
        validity=_GLASS_STATE,
        function=hopfield.spin_glass_q,
    ),
    Quantity(
        name="hopfield.spin_glass_energy",
        symbol="e",
        units="J",
        arguments=(*_POINT, "rsb"),
        meaning="Energy per spin of the spin glass, without self-coupling; of the paramagnet above T_g.",
        equation="e = (alpha/2) [1 - 1/(1 - C) - C r]; with rsb=1 (alpha/2) [1 - T C/(1 - C) - r1]",
        source=f"d(beta f)/d beta of the free energy of {_AGS87}",
        validity=_GLASS_STATE,
        function=hopfield.spin_glass_energy,
    ),
    Quantity(
        name="hopfield.spin_glass_free_energy",
        symbol="f",
        units="J",
        arguments=(*_POINT, "rsb"),
        meaning="Free energy per spin of the spin glass, without self-coupling; of the paramagnet above T_g.",
        equation="f = (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r] - T E ln 2cosh(sqrt(alpha r) z/T)"
        f"; {_STEP}",
        source=_AGS87,
        validity=_GLASS_STATE,
        function=hopfield.spin_glass_free_energy,
    ),
    Quantity(
        name="hopfield.spin_glass_entropy",
        symbol="s",
        units="nat",
        arguments=(*_POINT, "rsb"),
        meaning="Entropy per spin of the spin glass; of the paramagnet above T_g.",
        equation="s = -(alpha/2) [ln(1 - C) + C/(1 - C)] + E S(h/T), S(u) = ln 2cosh u - u tanh u",
        source=f"-df/dT of the free energy of {_AGS87}",
        validity=f"{_GLASS_STATE}; at T = 0 below 0, which none is: by how much tells how wrong the level is",
        function=hopfield.spin_glass_entropy,
    ),
    Quantity(
        name="hopfield.alpha_basin",
        symbol="alpha_NLT",
        units="1",
        arguments=("rsb",),
        meaning="Load up to which a barrier above a pattern's own energy surrounds it, at T = 0.",
        equation="largest over y: ((1 - m^2 - k^2)/(2 k))^2, m = erf y, k = sqrt(2/pi) exp(-y^2), where the"
        f" lowest energy at overlap m, -m^2/2 - sqrt(alpha) k - k^2/2, is -1/2; {_STEP}",
        source="Newman (1988), Loukianova (1997), Talagrand (1998); Stojnic, arXiv 2403.01907 (2024)",
        validity=f"{REPLICA_SYMMETRIC}: 0.129490. {ONE_STEP}: 0.129793",
        function=hopfield.alpha_basin,
    ),
    Quantity(
        name="hopfield.alpha_hysteresis",
        symbol="alpha_hyst",
        units="1",
        arguments=(),
        meaning="Load at which the T = 0 dynamics from the pattern loses it: a heuristic upper bracket.",
        equation="largest over y: sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k),"
        " k = sqrt(2/pi) exp(-y^2)",
        source="derived for this project (heuristic, no literature value)",
        validity="heuristic, N -> infinity, T = 0; half of the runs at N = 8000 end at 0.150",
        function=hopfield.alpha_hysteresis,
    ),
    Quantity(
        name="hopfield.hysteresis",
        symbol="m_hyst",
        units="1",
        arguments=("load",),
        meaning="Overlap of the T = 0 dynamics started on the pattern: a heuristic upper bracket.",
        equation="m = erf y, sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k),"
        " k = sqrt(2/pi) exp(-y^2)",
        source="derived for this project (heuristic, no literature value)",
        validity=_HEURISTIC,
        function=hopfield.hysteresis_overlap,
    ),
)

_LOTITO = "Lotito, Neurocomputing 636, 129865 (2025)"
_DERIVED = "derived for this project (no literature value; agrees with simulations)"
_COURSE = ("presentations", "tau", "overlap", "norm_ratio")
_RANDOM = ("steps", "probability", "tau", "overlap", "norm_ratio")
_SHARE = "x = (1 - e^{-kappa x})/(1 + (N_h - 1) e^{-kappa x})"
_MIXTURE = "[c a + (1 - c) s]/sqrt(c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s)"

_SLOW_EQUAL = (
    "large tau (mean field); orthogonal patterns of equal length and probability;"
    " derived here, agrees with simulations"
)
_TO_ORDER = (
    "to order 1/tau; orthogonal patterns of equal length and probability;"
    " agrees with simulations at tau = 100"
)
_ONE_HOT = "exact for a one-hot softmax (kappa > 15), at any tau"

_CONSOLIDATION = (
    Quantity(
        name="consolidation.kappa_s",
        symbol="kappa_s",
        units="1",
        arguments=("memories",),
        meaning="kappa = beta N_v rho below which all memories collapse to the patterns' mean.",
        equation="kappa_s = min over 0 < x < 1 of ln[(1 + (N_h - 1) x)/(1 - x)]/x",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.kappa_s,
    ),
    Quantity(
        name="consolidation.kappa_merge",
        symbol="kappa_merge",
        units="1",
        arguments=("target_cosine",),
        meaning="kappa = beta N_v rho below which two memories with overlapping patterns merge.",
        equation="kappa_merge = 2/(1 - r), where x = tanh(kappa (1 - r) x/2) leaves x = 0",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.kappa_merge,
    ),
    Quantity(
        name="consolidation.least_overlap",
        symbol="(a/s)_c",
        units="1",
        arguments=("memories", "kappa"),
        meaning="Overlap at first over norm_ratio, above which memories do not collapse.",
        equation=f"(a/s)_c = x, {_SHARE}, the middle x; 0 for kappa >= N_h",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.least_overlap,
    ),
    Quantity(
        name="consolidation.kappa_basin",
        symbol="kappa",
        units="1",
        arguments=("memories", "start"),
        meaning="kappa above which memories that start at a/s come to their own patterns.",
        equation="ln[(1 + (N_h - 1) q)/(1 - q)]/q, q = a/s; kappa_s where q is beyond its x",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.kappa_basin,
    ),
    Quantity(
        name="consolidation.own_share",
        symbol="w",
        units="1",
        arguments=("memories", "kappa"),
        meaning="Share of a memory's own pattern in it, in the end.",
        equation=f"w = (1 + (N_h - 1) x)/N_h, {_SHARE}, the largest x",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.own_share,
    ),
    Quantity(
        name="consolidation.cosine",
        symbol="cos",
        units="1",
        arguments=("memories", "kappa"),
        meaning="Cosine between a memory and its own pattern, in the end.",
        equation="cos = w/sqrt(w^2 + (1 - w)^2/(N_h - 1)), w of consolidation.own_share",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.cosine,
    ),
    Quantity(
        name="consolidation.mean_similarity",
        symbol="cos",
        units="1",
        arguments=("memories", "kappa", *_COURSE),
        meaning="Cosine between a memory and its pattern after k presentations of it, at any kappa.",
        equation="cos of e Xi(0) + b xi' + c (sum of others), e = e^{-u}, u = k/tau, D = b - c,"
        " e + b + (N_h - 1) c = 1; dD/du = x - D, y = kappa (e a/s + D),"
        " x = (1 - e^{-y})/(1 + (N_h - 1) e^{-y})",
        source=_DERIVED,
        validity=_SLOW_EQUAL,
        function=consolidation.mean_similarity,
    ),
    Quantity(
        name="consolidation.random_similarity",
        symbol="E cos",
        units="1",
        arguments=("memories", "kappa", *_COURSE),
        meaning="Mean of that cosine when patterns are shown at random, to order 1/tau (N_h <= 16).",
        equation="f(m) + f'(m) n + tr(f'' S)/2; m -> m + F, n -> A n + tr(S D^2 F)/2,"
        " S -> A S A^T + sum_nu p g g^T - F F^T",
        source=_DERIVED,
        validity=_TO_ORDER,
        function=drift.random_similarity,
    ),
    Quantity(
        name="consolidation.random_similarity_sd",
        symbol="sd cos",
        units="1",
        arguments=("memories", "kappa", *_COURSE),
        meaning="Standard deviation of consolidation.random_similarity over what happens to be shown.",
        equation="sqrt(f' S f'^T + tr(f'' S f'' S)/2), S of consolidation.random_similarity",
        source=_DERIVED,
        validity=_TO_ORDER,
        function=drift.random_similarity_sd,
    ),
    Quantity(
        name="consolidation.similarity",
        symbol="sim",
        units="1",
        arguments=_COURSE,
        meaning="Cosine between a memory and its pattern after k presentations of it, norms kept.",
        equation=f"{_MIXTURE}, c = (1 - 1/tau)^k",
        source=f"eqs. (12) to (14) of {_LOTITO}, solved for a one-hot softmax",
        validity=_ONE_HOT,
        function=consolidation.similarity,
    ),
    Quantity(
        name="consolidation.error_factor",
        symbol="|1 - 1/tau|^k",
        units="1",
        arguments=("presentations", "tau"),
        meaning="Share of its first distance from xi' + Lambda that a memory keeps after k presentations.",
        equation="|1 - dt/tau|^k, dt = 1",
        source=f"eqs. (1), (2) and (12) of {_LOTITO}, solved for a one-hot softmax",
        validity=_ONE_HOT,
        function=consolidation.error_factor,
    ),
    Quantity(
        name="consolidation.similarity_mean",
        symbol="E sim",
        units="1",
        arguments=_RANDOM,
        meaning="Mean of consolidation.similarity when patterns are shown at random.",
        equation="sum over k of Bin(k; t, p) sim(k)",
        source=_DERIVED,
        validity=_ONE_HOT,
        function=consolidation.similarity_mean,
    ),
    Quantity(
        name="consolidation.similarity_sd",
        symbol="sd sim",
        units="1",
        arguments=_RANDOM,
        meaning="Standard deviation of consolidation.similarity when patterns are shown at random.",
        equation="sqrt of the sum over k of Bin(k; t, p) [sim(k) - E sim]^2",
        source=_DERIVED,
        validity=_ONE_HOT,
        function=consolidation.similarity_sd,
    ),
    Quantity(
        name="consolidation.published",
        symbol="sim",
        units="1",
        arguments=("presentations", "tau", "overlap"),
        meaning="consolidation.similarity as published: as if patterns were as long as memories.",
        equation="[e a + 1 - e]/sqrt(e^2 + (1 - e)^2 + 2 e (1 - e) a), e = exp(-k/tau), k = p t",
        source=f"eq. (40) of {_LOTITO}",
        validity="approximation: patterns as long as memories, large tau; 1e-3 off in the published example",
        function=consolidation.published,
    ),
    Quantity(
        name="consolidation.pavlovian_error",
        symbol="|G - G'|/|G'|",
        units="1",
        arguments=_COURSE,
        meaning="Frobenius distance of the mean Pavlovian matrix from its target, over the target.",
        equation="e sqrt((1 - s^2)^2 + 2 s^2 (1 - a^2))/s^2, e = e^{-k/tau} for (1 - 1/(tau N_h))^t",
        source=f"eqs. (23) and (25) of {_LOTITO}, with tau, for orthogonal memories and patterns",
        validity="exact for orthogonal memories and patterns, in the mean, at large tau N_h",
        function=pavlov.pavlovian_error,
    ),
    Quantity(
        name="consolidation.hebbian_error",
        symbol="|Xi^T Xi - G'|/|G'|",
        units="1",
        arguments=_COURSE,
        meaning="Frobenius distance of Xi^T Xi from the Pavlovian target, over the target.",
        equation="sqrt((n^2 - s^2)^2 + 2 c^2 s^2 (1 - a^2))/s^2, c = (1 - 1/tau)^k,"
        " n^2 = c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s",
        source=f"eqs. (24) and (25) of {_LOTITO}, with tau, for orthogonal memories and patterns",
        validity="exact for orthogonal memories and patterns and a one-hot softmax (kappa > 15)",
        function=pavlov.hebbian_error,
    ),
)

ARGUMENTS = Table(
    Argument, (*_ARGUMENTS, *networks.NETWORK_ARGUMENTS, *continuous.NEURON_ARGUMENTS)
)
QUANTITIES = Table(
    Quantity,
    (
        *_HOPFIELD,
        *networks.NETWORK_QUANTITIES,
        *_CONSOLIDATION,
        *continuous.NEURON_QUANTITIES,
    ),
)
