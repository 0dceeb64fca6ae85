"""The rows of the table of theory about networks of generating functions: dense, analog, linear."""

from mattis.theory.networks import finite, whole
from mattis.theory.rows import ANY_N, LARGE_N, REPLICA_SYMMETRIC, Argument, Formulas, Quantity

analog, dense, marchenko_pastur = map(Formulas, ("analog", "dense", "marchenko_pastur"))

NEURON_ARGUMENTS = (
    Argument("degree", "n of F(x) = x^n", *whole(2, 20)),
    Argument("indices", "sums over all indices, or over different ones", "full or distinct",
        words=("full", "distinct")),
    Argument("lambda", "lambda of exp(lambda N m), m an overlap", "> 0", lambda v: v > 0),
    Argument("beta", "beta of tanh(beta x)", "> 0", lambda v: v > 0),
    Argument("noise", "standard deviation of a cue around its pattern", ">= 0", lambda v: v >= 0),
)  # fmt: skip

_DENSE = (
    "Krotov & Hopfield, NIPS 29 (2016) (full); Gardner, J. Phys. A 20, 3453 (1987) (distinct);"
    " AGS 1987 at n = 2"
)
_BRANCH = "alpha = erf(u)^{2n-2}/(2 k u^2), k = (2n - 3)!! (full), (n - 1)! (distinct)"
_HOPFIELD = "n = 2, both conventions: u = m/sqrt(2 alpha r), r = 1/(1 - C)^2: hopfield.overlap, T = 0"
_SPHERE = "x = (-1 + sqrt(1 + 4 lambda^2))/(2 lambda)"
_EXPONENTIAL = "Lucibello & Mezard, Phys. Rev. Lett. 132, 077301 (2024)"
_SCSNA = "Shiino & Fukai, J. Phys. A 25, L375 (1992); Phys. Rev. E 48, 867 (1993)"
_EDGE = "Johnstone, Ann. Stat. 29, 295 (2001); Ma, Bernoulli 18, 322 (2012)"

_CORNERS = "weights of all corners of a cube are products; derived for this project"

_LOWER = (
    f"{REPLICA_SYMMETRIC}, T = 0; runs from the pattern stay above near its end,"
    " to about 0.135 at n = 3 (full)"
)
_TYPICAL = "typical pattern, N -> infinity (random energy model)"

NEURON_QUANTITIES = (
    Quantity("dense.overlap", "m", "1", ("degree", "load", "indices"),
        "Overlap of the retrieval state of a dense network at T = 0, load = P/N^{n-1}; Hopfield's at n = 2.",
        f"m = erf u, {_BRANCH}, the largest u; {_HOPFIELD}", _DENSE,
        _LOWER, dense.overlap),
    Quantity("dense.alpha_c", "alpha_c", "1", ("degree", "indices"),
        "Capacity P/N^{n-1} of a dense network at T = 0; Hopfield's at n = 2.",
        f"largest over u: {_BRANCH}; {_HOPFIELD}", _DENSE,
        _LOWER, dense.alpha_c),
    Quantity("dense.bit_error", "P_err", "1", ("degree", "size", "patterns", "indices"),
        "Probability that a bit of a stored pattern of a dense network is not stable.",
        "Q(sqrt(N^{n-1}/(k (P - 1)))), k = (2n - 3)!! (full), (n - 1)! (distinct)", _DENSE,
        "Gaussian approximation of the other patterns' sum, to leading order in N", dense.bit_error),
    Quantity("exponential.alpha_sphere", "alpha_1", "1", ("lambda",),
        "Capacity ln(P)/N of the softmax with patterns on a sphere.",
        f"alpha_1 = lambda (1 - x) - ln(1 - x^2)/2, {_SPHERE}", _EXPONENTIAL,
        _TYPICAL, dense.alpha_sphere),
    Quantity("exponential.alpha_sign", "alpha", "1", ("lambda",),
        "Capacity ln(P)/N of patterns of signs with exponential interaction, one spin updated.",
        "alpha = 2 lambda - ln cosh 2 lambda",
        "rule of Demircigil et al., J. Stat. Phys. 168, 288 (2017); typical, signal against noise",
        "typical spin, signal against noise, N -> infinity", dense.alpha_sign),
    Quantity("exponential.cue_sphere", "m_0", "1", ("lambda", "load"),
        "Least overlap of a cue that the softmax retrieves, load = ln(P)/N; 1 beyond alpha_sphere: none.",
        f"m_0 = min(1, Phi/lambda), Phi = alpha + ln(1 - x^2)/2 + lambda x, {_SPHERE};"
        " sqrt(1 - e^{-2 alpha}) where alpha + ln(1 - x^2)/2 < 0",
        f"{_EXPONENTIAL}: random energy model",
        _TYPICAL, dense.cue_sphere),
    Quantity("analog.overlap", "m", "1", ("beta", "load", "diagonal"),
        "Overlap of the retrieval state of analog neurons x = tanh(beta J x), J = XiᵀXi/N.",
        "m = E Y, Y = tanh(beta (m + sqrt(alpha r) z + Gam Y)), U = E zY/sqrt(alpha r), q = E Y^2,"
        " r = q/(1 - U)^2, Gam = alpha/(1 - U) (kept), alpha U/(1 - U) (zero);"
        " Maxwell's rule where beta Gam > 1",
        _SCSNA,
        "self-consistent signal and noise, N -> infinity; within 3e-4 of simulations for beta <= 2,"
        " 2e-3 low where beta Gam > 1", analog.overlap),
    Quantity("marchenko_pastur.edges", "lambda_-, lambda_+", "1", ("load",),
        "Least and largest eigenvalue, not 0, of XiᵀXi with Xi (N_h, N_v) ~ N(0, 1/N_h), load = N_h/N_v.",
        "(1/sqrt(alpha) -+ 1)^2", "Marchenko & Pastur, Math. USSR Sb. 1, 457 (1967)",
        LARGE_N, marchenko_pastur.edges),
    Quantity("marchenko_pastur.finite_edges", "E lambda_-, E lambda_+", "1", ("memories", "size"),
        "Means of both at finite N_h = memories, N_v = size; the least does not exist near the hard edge.",
        "N_h lambda_+ = (a + b)^2 + sigma W, ln(N_h lambda_-) = 2 ln|a - b| - tau W, a, b = sqrt(N - 1/2),"
        " sigma = (a + b)(1/a + 1/b)^{1/3}, tau = |1/a - 1/b|^{1/3}/|a - b| <= 1/4, W Tracy-Widom (real);"
        " 0.68864/N^2 at N_h = N_v",
        f"{_EDGE}; Edelman, SIAM J. Matrix Anal. Appl. 9, 543 (1988)",
        "approximation at finite N: within 2 % of simulations for N >= 100", marchenko_pastur.finite_edges),
    Quantity("attractors.coordinate", "x", "1", ("beta",),
        "Coordinates |x_i| at rest where softmax attractors are all corners of a cube, beta = 1/sigma^2.",
        "x = tanh(beta x)", _CORNERS, ANY_N, finite.coordinate),
    Quantity("attractors.cue_entropy", "H", "nat", ("size", "beta", "noise"),
        "Mean entropy of the softmax weights at a corner of a cube plus Gaussian noise.",
        "H = N E[ln(2 cosh u) - u tanh u], u = beta (1 + noise Z), Z normal", _CORNERS, ANY_N,
        finite.cue_entropy),
    Quantity("attractors.rest_entropy", "H", "nat", ("size", "beta"),
        "Entropy of the softmax weights at rest near a corner of a cube.",
        "H = N [ln(2 cosh u) - u tanh u], u = beta x, x = tanh(beta x)", _CORNERS, ANY_N,
        finite.rest_entropy),
)  # fmt: skip
