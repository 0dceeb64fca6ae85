"""The table of theory: arguments and quantities, each with its meaning, equation, source and function.

One tuple of rows for each kind of model; those of the family of binary networks are in networks.py, those of
generating functions in continuous.py. Names of arguments are those of the functions' parameters, where a word
of Python takes an underscore (`lambda_`).
"""

from mattis.plugins import Table
from mattis.theory import continuous, networks
from mattis.theory.rows import LARGE_N, ONE_STEP, REPLICA_SYMMETRIC, Argument, Formulas, Quantity

__all__ = ["ARGUMENTS", "QUANTITIES", "Argument", "Quantity"]

consolidation, drift, hopfield, pavlov = map(Formulas, ("consolidation", "drift", "hopfield", "pavlov"))

_ARGUMENTS = (
    Argument("load", "alpha = P/N, patterns per neuron", "> 0", lambda v: v > 0),
    Argument("temperature", "T = 1/beta, in units of J", ">= 0", lambda v: v >= 0),
    Argument("rsb", "steps of replica symmetry breaking; 0 where left out", "0 or 1", lambda v: v in (0, 1)),
    Argument("memories", "N_h, memories and patterns", "a whole number from 2 to 10^15",
        lambda v: 2 <= v <= 1e15 and v.is_integer()),
    Argument("kappa", "beta N_v rho, rho = |xi'|^2/N_v", ">= 0", lambda v: v >= 0),
    Argument("presentations", "k, how often the memory's own pattern was shown", ">= 0", lambda v: v >= 0),
    Argument("steps", "t, how often any pattern was shown", "a whole number from 0 to 10^9",
        lambda v: 0 <= v <= 1e9 and v.is_integer()),
    Argument("probability", "p, of the memory's own pattern", "in [0, 1]", lambda v: 0 <= v <= 1),
    Argument("tau", "time constant, in presentations", ">= 1", lambda v: v >= 1),
    Argument("overlap", "overlap (cosine) with the pattern at first", "in [-1, 1]", lambda v: abs(v) <= 1),
    Argument("start", "a/s, overlap at first over norm_ratio", "in (0, 1)", lambda v: 0 < v < 1),
    Argument("norm_ratio", "|xi'|/|Xi(0)|, of pattern and memory", "> 0", lambda v: v > 0),
    Argument("target_cosine", "r, cosine of two patterns", "in [-1, 1)", lambda v: -1 <= v < 1),
)  # fmt: skip

_AGS85 = "Amit, Gutfreund & Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)"
_AGS87 = "Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)"
_STATE = "t = tanh((m + sqrt(alpha r) z)/T), r = q/(1 - C)^2, C = (1 - q)/T, z normal"
_POINT = ("load", "temperature")
_STABLE = f"{REPLICA_SYMMETRIC}; the state is stable above hopfield.T_AT, which is below T = 0.02"
_REENTRANT = f"{REPLICA_SYMMETRIC}; that the line turns back below T = 0.023 is due to this symmetry"
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
    Quantity("hopfield.overlap", "m", "1", _POINT,
        "Overlap of the retrieval state with its pattern (replica symmetric).",
        f"m = E t, q = E t^2; {_STATE}", _AGS87, _STABLE, hopfield.overlap),
    Quantity("hopfield.q", "q", "1", _POINT,
        "Edwards-Anderson order parameter of the retrieval state (replica symmetric).",
        f"q = E t^2, m = E t; {_STATE}", _AGS87, _STABLE, hopfield.edwards_anderson),
    Quantity("hopfield.energy", "e", "J", _POINT,
        "Energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        "e = -m^2/2 + (alpha/2) [1 - 1/(1 - C) - C r]", f"d(beta f)/d beta of the free energy of {_AGS87}",
        _STABLE, hopfield.energy),
    Quantity("hopfield.energy_finite", "e_N", "J", (*_POINT, "size"),
        "hopfield.energy + 1/(2N): at finite N, J_ii = 0 takes this from the pattern's own energy.",
        "e_N = e + 1/(2N), as -(m^2 - 1/N)/2 is the condensed pattern's; load = (P - 1)/N",
        "H/N = -(1/2) sum_mu (m_mu^2 - 1/N), derived for this project",
        f"{REPLICA_SYMMETRIC}, but for 1/(2N), which is exact for J_ii = 0: all of 1/N at T = 0 and"
        " load -> 0; fluctuations of m and the other patterns have other terms in 1/N",
        hopfield.energy_finite),
    Quantity("hopfield.free_energy", "f", "J", _POINT,
        "Free energy per spin of the retrieval state, without self-coupling (J_ii = 0).",
        "f = m^2/2 + (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r]"
        " - T E ln 2cosh((m + sqrt(alpha r) z)/T)",
        _AGS87, _STABLE, hopfield.free_energy),
    Quantity("hopfield.T_M", "T_M", "J", ("load",),
        "Largest temperature at which a retrieval state exists.",
        "alpha_M(T_M) = alpha, on the falling side of alpha_M(T)", _AGS87, _REENTRANT, hopfield.T_M),
    Quantity("hopfield.T_c", "T_c", "J", ("load", "rsb"),
        "Highest temperature at which the retrieval state is the global minimum of f.",
        "f(retrieval) = f(spin glass), the upper one where alpha_1(T) is re-entrant:"
        " 0.0518543 < alpha < 0.0531321, with rsb=1 0.0561416 < alpha < 0.0562886",
        _AGS87, _GLASS_RS, hopfield.T_c),
    Quantity("hopfield.T_g", "T_g", "J", ("load",),
        "Temperature at which the spin glass freezes out of the paramagnet.",
        "T_g = 1 + sqrt(alpha)", _AGS85, LARGE_N, hopfield.T_g),
    Quantity("hopfield.T_AT", "T_AT", "J", ("load",),
        "Temperature below which the retrieval state breaks replica symmetry.",
        "alpha E sech^4((m + sqrt(alpha r) z)/T)/T^2 = (1 - C)^2", _AGS85,
        "N -> infinity: where the replica-symmetric state loses its stability", hopfield.T_AT),
    Quantity("hopfield.alpha_M", "alpha_M", "1", ("temperature", "rsb"),
        "Largest load at which a retrieval state exists.",
        f"alpha_M(T) = max over w of w^2 (1 - C)^2/q, w = sqrt(alpha r); {_STEP}",
        f"{_AGS87}; {_STEFFAN_KUEHN}", _LAST_STATE, hopfield.alpha_M),
    Quantity("hopfield.alpha_c", "alpha_c", "1", ("rsb",),
        "Storage capacity: the largest load of a retrieval state at T = 0.",
        f"alpha_c = max over y of (1/2) (erf(y)/y - (2/sqrt(pi)) exp(-y^2))^2; {_STEP}",
        f"{_AGS87}; {_STEFFAN_KUEHN}",
        f"{REPLICA_SYMMETRIC}; {ONE_STEP}: 0.138186, and two steps 0.138187"
        "; runs from the pattern last longer at finite N, to 0.165 at N = 1000",
        hopfield.alpha_c),
    Quantity("hopfield.m_c", "m_c", "1", ("temperature",),
        "Overlap of the retrieval state where it ends, at load alpha_M(T).",
        f"m = E t where alpha is largest; {_STATE}", _AGS87, _REENTRANT, hopfield.m_c),
    Quantity("hopfield.alpha_1", "alpha_1", "1", ("temperature", "rsb"),
        "Load below which the retrieval state is the global minimum of f.",
        "f(retrieval) = f(spin glass), each at the level of rsb; re-entrant: 0.0518543 at T = 0,"
        " at most 0.0531321, at T = 0.0851; with rsb=1 0.0561416 and 0.0562886, at T = 0.0339",
        _AGS87, _GLASS_RS, hopfield.alpha_1),
    Quantity("hopfield.spin_glass", "q", "1", (*_POINT, "rsb"),
        "Edwards-Anderson order parameter of the spin glass, the state without overlap.",
        f"q = E t^2, m = 0; {_STATE}; 0 for T >= T_g; q1 with rsb=1", _AGS87, _GLASS_STATE,
        hopfield.spin_glass_q),
    Quantity("hopfield.spin_glass_energy", "e", "J", (*_POINT, "rsb"),
        "Energy per spin of the spin glass, without self-coupling; of the paramagnet above T_g.",
        "e = (alpha/2) [1 - 1/(1 - C) - C r]; with rsb=1 (alpha/2) [1 - T C/(1 - C) - r1]",
        f"d(beta f)/d beta of the free energy of {_AGS87}", _GLASS_STATE, hopfield.spin_glass_energy),
    Quantity("hopfield.spin_glass_free_energy", "f", "J", (*_POINT, "rsb"),
        "Free energy per spin of the spin glass, without self-coupling; of the paramagnet above T_g.",
        "f = (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r] - T E ln 2cosh(sqrt(alpha r) z/T)"
        f"; {_STEP}",
        _AGS87, _GLASS_STATE, hopfield.spin_glass_free_energy),
    Quantity("hopfield.spin_glass_entropy", "s", "nat", (*_POINT, "rsb"),
        "Entropy per spin of the spin glass; of the paramagnet above T_g.",
        "s = -(alpha/2) [ln(1 - C) + C/(1 - C)] + E S(h/T), S(u) = ln 2cosh u - u tanh u",
        f"-df/dT of the free energy of {_AGS87}",
        f"{_GLASS_STATE}; at T = 0 below 0, which none is: by how much tells how wrong the level is",
        hopfield.spin_glass_entropy),
    Quantity("hopfield.alpha_basin", "alpha_NLT", "1", ("rsb",),
        "Load up to which a barrier above a pattern's own energy surrounds it, at T = 0.",
        "largest over y: ((1 - m^2 - k^2)/(2 k))^2, m = erf y, k = sqrt(2/pi) exp(-y^2), where the"
        f" lowest energy at overlap m, -m^2/2 - sqrt(alpha) k - k^2/2, is -1/2; {_STEP}",
        "Newman (1988), Loukianova (1997), Talagrand (1998); Stojnic, arXiv 2403.01907 (2024)",
        f"{REPLICA_SYMMETRIC}: 0.129490. {ONE_STEP}: 0.129793", hopfield.alpha_basin),
    Quantity("hopfield.alpha_hysteresis", "alpha_hyst", "1", (),
        "Load at which the T = 0 dynamics from the pattern loses it: a heuristic upper bracket.",
        "largest over y: sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k),"
        " k = sqrt(2/pi) exp(-y^2)",
        "derived for this project (heuristic, no literature value)",
        "heuristic, N -> infinity, T = 0; half of the runs at N = 8000 end at 0.150",
        hopfield.alpha_hysteresis),
    Quantity("hopfield.hysteresis", "m_hyst", "1", ("load",),
        "Overlap of the T = 0 dynamics started on the pattern: a heuristic upper bracket.",
        "m = erf y, sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k),"
        " k = sqrt(2/pi) exp(-y^2)",
        "derived for this project (heuristic, no literature value)", _HEURISTIC, hopfield.hysteresis_overlap),
)  # fmt: skip

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
    Quantity("consolidation.kappa_s", "kappa_s", "1", ("memories",),
        "kappa = beta N_v rho below which all memories collapse to the patterns' mean.",
        "kappa_s = min over 0 < x < 1 of ln[(1 + (N_h - 1) x)/(1 - x)]/x", _DERIVED, _SLOW_EQUAL,
        consolidation.kappa_s),
    Quantity("consolidation.kappa_merge", "kappa_merge", "1", ("target_cosine",),
        "kappa = beta N_v rho below which two memories with overlapping patterns merge.",
        "kappa_merge = 2/(1 - r), where x = tanh(kappa (1 - r) x/2) leaves x = 0", _DERIVED, _SLOW_EQUAL,
        consolidation.kappa_merge),
    Quantity("consolidation.least_overlap", "(a/s)_c", "1", ("memories", "kappa"),
        "Overlap at first over norm_ratio, above which memories do not collapse.",
        f"(a/s)_c = x, {_SHARE}, the middle x; 0 for kappa >= N_h", _DERIVED, _SLOW_EQUAL,
        consolidation.least_overlap),
    Quantity("consolidation.kappa_basin", "kappa", "1", ("memories", "start"),
        "kappa above which memories that start at a/s come to their own patterns.",
        "ln[(1 + (N_h - 1) q)/(1 - q)]/q, q = a/s; kappa_s where q is beyond its x", _DERIVED, _SLOW_EQUAL,
        consolidation.kappa_basin),
    Quantity("consolidation.own_share", "w", "1", ("memories", "kappa"),
        "Share of a memory's own pattern in it, in the end.",
        f"w = (1 + (N_h - 1) x)/N_h, {_SHARE}, the largest x", _DERIVED, _SLOW_EQUAL,
        consolidation.own_share),
    Quantity("consolidation.cosine", "cos", "1", ("memories", "kappa"),
        "Cosine between a memory and its own pattern, in the end.",
        "cos = w/sqrt(w^2 + (1 - w)^2/(N_h - 1)), w of consolidation.own_share", _DERIVED, _SLOW_EQUAL,
        consolidation.cosine),
    Quantity("consolidation.mean_similarity", "cos", "1", ("memories", "kappa", *_COURSE),
        "Cosine between a memory and its pattern after k presentations of it, at any kappa.",
        "cos of e Xi(0) + b xi' + c (sum of others), e = e^{-u}, u = k/tau, D = b - c,"
        " e + b + (N_h - 1) c = 1; dD/du = x - D, y = kappa (e a/s + D),"
        " x = (1 - e^{-y})/(1 + (N_h - 1) e^{-y})",
        _DERIVED, _SLOW_EQUAL, consolidation.mean_similarity),
    Quantity("consolidation.random_similarity", "E cos", "1", ("memories", "kappa", *_COURSE),
        "Mean of that cosine when patterns are shown at random, to order 1/tau (N_h <= 16).",
        "f(m) + f'(m) n + tr(f'' S)/2; m -> m + F, n -> A n + tr(S D^2 F)/2,"
        " S -> A S A^T + sum_nu p g g^T - F F^T",
        _DERIVED, _TO_ORDER, drift.random_similarity),
    Quantity("consolidation.random_similarity_sd", "sd cos", "1", ("memories", "kappa", *_COURSE),
        "Standard deviation of consolidation.random_similarity over what happens to be shown.",
        "sqrt(f' S f'^T + tr(f'' S f'' S)/2), S of consolidation.random_similarity", _DERIVED, _TO_ORDER,
        drift.random_similarity_sd),
    Quantity("consolidation.similarity", "sim", "1", _COURSE,
        "Cosine between a memory and its pattern after k presentations of it, norms kept.",
        f"{_MIXTURE}, c = (1 - 1/tau)^k", f"eqs. (12) to (14) of {_LOTITO}, solved for a one-hot softmax",
        _ONE_HOT, consolidation.similarity),
    Quantity("consolidation.error_factor", "|1 - 1/tau|^k", "1", ("presentations", "tau"),
        "Share of its first distance from xi' + Lambda that a memory keeps after k presentations.",
        "|1 - dt/tau|^k, dt = 1", f"eqs. (1), (2) and (12) of {_LOTITO}, solved for a one-hot softmax",
        _ONE_HOT, consolidation.error_factor),
    Quantity("consolidation.similarity_mean", "E sim", "1", _RANDOM,
        "Mean of consolidation.similarity when patterns are shown at random.",
        "sum over k of Bin(k; t, p) sim(k)", _DERIVED, _ONE_HOT, consolidation.similarity_mean),
    Quantity("consolidation.similarity_sd", "sd sim", "1", _RANDOM,
        "Standard deviation of consolidation.similarity when patterns are shown at random.",
        "sqrt of the sum over k of Bin(k; t, p) [sim(k) - E sim]^2", _DERIVED, _ONE_HOT,
        consolidation.similarity_sd),
    Quantity("consolidation.published", "sim", "1", ("presentations", "tau", "overlap"),
        "consolidation.similarity as published: as if patterns were as long as memories.",
        "[e a + 1 - e]/sqrt(e^2 + (1 - e)^2 + 2 e (1 - e) a), e = exp(-k/tau), k = p t",
        f"eq. (40) of {_LOTITO}",
        "approximation: patterns as long as memories, large tau; 1e-3 off in the published example",
        consolidation.published),
    Quantity("consolidation.pavlovian_error", "|G - G'|/|G'|", "1", _COURSE,
        "Frobenius distance of the mean Pavlovian matrix from its target, over the target.",
        "e sqrt((1 - s^2)^2 + 2 s^2 (1 - a^2))/s^2, e = e^{-k/tau} for (1 - 1/(tau N_h))^t",
        f"eqs. (23) and (25) of {_LOTITO}, with tau, for orthogonal memories and patterns",
        "exact for orthogonal memories and patterns, in the mean, at large tau N_h", pavlov.pavlovian_error),
    Quantity("consolidation.hebbian_error", "|Xi^T Xi - G'|/|G'|", "1", _COURSE,
        "Frobenius distance of Xi^T Xi from the Pavlovian target, over the target.",
        "sqrt((n^2 - s^2)^2 + 2 c^2 s^2 (1 - a^2))/s^2, c = (1 - 1/tau)^k,"
        " n^2 = c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s",
        f"eqs. (24) and (25) of {_LOTITO}, with tau, for orthogonal memories and patterns",
        "exact for orthogonal memories and patterns and a one-hot softmax (kappa > 15)",
        pavlov.hebbian_error),
)  # fmt: skip

ARGUMENTS = Table(Argument, (*_ARGUMENTS, *networks.NETWORK_ARGUMENTS, *continuous.NEURON_ARGUMENTS))
QUANTITIES = Table(
    Quantity, (*_HOPFIELD, *networks.NETWORK_QUANTITIES, *_CONSOLIDATION, *continuous.NEURON_QUANTITIES)
)
