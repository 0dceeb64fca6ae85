"""The rows of the table of theory about the family of binary networks."""

from collections.abc import Callable

from mattis.theory.rows import ANY_N, LARGE_N, ONE_STEP, REPLICA_SYMMETRIC, Argument, Formulas, Quantity

finite, ising, little, metastable, static, steps = map(
    Formulas, ("finite", "ising", "little", "metastable", "static", "steps")
)


def whole(least: int, most: float = 1e9) -> tuple[str, Callable[[float], bool]]:
    """Return the bound of a whole number, in words and as a test."""
    return f"a whole number from {least} to {most:g}", lambda v: least <= v <= most and float(v).is_integer()


NETWORK_ARGUMENTS = (
    Argument("diagonal", "J_ii: zero, or kept at alpha", "zero or kept", words=("zero", "kept")),
    Argument("neurons", "±1, or 0 and 1", "signs or zero_one", words=("signs", "zero_one")),
    Argument("size", "N, neurons", *whole(2)),
    Argument("patterns", "P, stored patterns", *whole(2)),
    Argument(
        "n", "patterns of a mixture", "an odd number from 1 to 99", lambda v: 1 <= v <= 99 and v % 2 == 1
    ),
    Argument("dimension", "D, of the axes", *whole(1, 1e6)),
    Argument("threshold", "dead zone over sqrt(P)", "in [0, 5]", lambda v: 0 <= v <= 5),
    Argument("connectivity", "c, share of the bonds that is left", "in (0, 1]", lambda v: 0 < v <= 1),
    Argument("epsilon", "acquisition of marginalist learning", "in [0.1, 64]", lambda v: 0.1 <= v <= 64),
    Argument("bound", "A, where |N J_ij| <= A sqrt(N)", "in [0.05, 16]", lambda v: 0.05 <= v <= 16),
    Argument("levels", "b, where |N J_ij| <= b", *whole(1, 1000)),
    Argument("age", "1 for the newest pattern", *whole(1, 1e5)),
)

_HOPFIELD = "Hopfield, PNAS 79, 2554 (1982)"
_STATIC = "Sompolinsky, Phys. Rev. A 34, 2571 (1986)"
_DGZ = "Derrida, Gardner & Zippelius, Europhys. Lett. 4, 167 (1987)"
_MNT = "Mezard, Nadal & Toulouse, J. Physique 47, 1457 (1986)"
_AGS85 = "Amit, Gutfreund & Sompolinsky, Phys. Rev. A 32, 1007 (1985)"
_MINIMA = "Tanaka & Edwards, J. Phys. F 10, 2769 (1980); Bray & Moore, J. Phys. C 13, L469 (1980)"
_SK = "Sherrington & Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975); Parisi, J. Phys. A 13, L115 (1980)"
_OWN = "derived for this project (no literature value; compared with simulations)"
_BRANCH = "m = erf y, rho = m/(sqrt(2) y), C = sqrt(2/pi) e^{-y^2}/rho"
_NOISY = f"{_BRANCH}, alpha = rho^2/(1/(1 - C)^2 + kappa)"
_TWO_LAYERS = (
    "m = E tanh(2bh)/(1 + p), q = E [tanh(2bh)/(1 + p)]^2, t = E (1 - p)/(1 + p), p = e^{-2bG}/cosh(2bh);"
    " see theory/little.py"
)

_DERIVED_RS = f"{REPLICA_SYMMETRIC}; derived here, within 0.004 of simulations at N = 4000"
_RS_COLD = f"{REPLICA_SYMMETRIC}, T = 0"
_STATIONARY = "stationary state of the exact dynamics, N -> infinity, T = 0"
_FEW = "exact for few bonds (C << ln N), N -> infinity; 0.01 off at C = 100"
_WALLS = (
    f"{REPLICA_SYMMETRIC}, T = 0, noise of saturation taken as static; derived here, simulations at N = 2500"
    " up to 0.0015 above"
)
_FINITELY = "exact as N -> infinity with finitely many patterns"
_NORMAL = "Gaussian approximation of the other patterns' sum; of 0/1 neurons 3 standard errors off at N = 100"

NETWORK_QUANTITIES = (
    Quantity("little.overlap", "m", "1", ("load", "temperature", "diagonal"),
        "Overlap of the retrieval state where all sites are updated at once.",
        _TWO_LAYERS, f"{_OWN}, from Peretto, Biol. Cybern. 50, 51 (1984)",
        _DERIVED_RS, little.overlap),
    Quantity("little.alpha_M", "alpha_M", "1", ("temperature", "diagonal"),
        "Largest load with a retrieval state where all sites are updated at once.",
        f"the largest alpha of: {_TWO_LAYERS}", f"{_OWN}, from Peretto (1984)",
        _DERIVED_RS, little.alpha_M),
    Quantity("little.q", "q", "1", ("load", "temperature", "diagonal"),
        "Edwards-Anderson parameter of that state: the mean square of magnetisations.",
        _TWO_LAYERS, f"{_OWN}, from Peretto (1984)",
        _DERIVED_RS, little.edwards_anderson),
    Quantity("little.t", "t", "1", ("load", "temperature", "diagonal"),
        "Mean of S S', how alike two successive states are in that state.",
        _TWO_LAYERS, f"{_OWN}, from Peretto (1984)",
        _DERIVED_RS, little.persistence),
    Quantity("little.T_g", "T_g", "J", ("load", "diagonal"),
        "Temperature at which the spin glass freezes out of the paramagnet, all sites updated at once.",
        "b(1 + t)(1 + sqrt(alpha)) = 1, t = tanh(bG), G = (alpha/2) [(1 + sqrt(alpha))/sqrt(alpha)"
        " + 1/(1 + b(1 - t))] - alpha (zero; without - alpha: kept), b = 1/T",
        f"{_OWN}, from Peretto (1984)",
        "N -> infinity; derived here from the saddle point at q -> 0; the response of simulations, N = 1500,"
        " 12 % and more above it, grows as towards it, within 2.5 %",
        little.T_g),
    Quantity("zero_one.overlap", "m", "1", ("load",),
        "Overlap of 2V - 1 for neurons 0, 1 with thresholds 0 at T = 0.",
        "m(alpha) = m_AGS(2 alpha): the mean activity doubles the noise", _OWN,
        f"{REPLICA_SYMMETRIC}, T = 0; derived here, within 0.001 of simulations for load <= 0.055",
        static.zero_one_overlap),
    Quantity("zero_one.alpha_c", "alpha_c", "1", (), "Capacity of neurons 0, 1 with thresholds 0.",
        "half of hopfield.alpha_c: the mean activity doubles the noise", _OWN,
        f"{REPLICA_SYMMETRIC}, T = 0; derived here", static.zero_one_alpha_c),
    Quantity("clipped.overlap", "m", "1", ("load",),
        "Overlap with couplings clipped to their signs, T = 0.",
        f"{_NOISY}, kappa = pi/2 - 1", _STATIC,
        _RS_COLD, static.clipped_overlap),
    Quantity("clipped.overlap_finite", "m", "1", ("load", "patterns"),
        "Overlap with couplings clipped to their signs, of P patterns: even sums may be 0. T = 0.",
        f"{_NOISY}, kappa = P P(S != 0)/E|S|^2 - 1, S a sum of P signs", _OWN,
        f"{REPLICA_SYMMETRIC}, T = 0, with the noise of P patterns; derived here, agrees with simulations",
        static.clipped_overlap_finite),
    Quantity("clipped.alpha_c", "alpha_c", "1", (),
        "Capacity with couplings clipped to their signs.",
        f"largest over y: {_NOISY}, kappa = pi/2 - 1", _STATIC,
        _RS_COLD, static.clipped_alpha_c),
    Quantity("dead_zone.overlap", "m", "1", ("load", "threshold"),
        "Overlap with couplings -1, 0, 1 that are 0 within a dead zone, T = 0.",
        f"{_NOISY}, kappa = erfc(t/sqrt(2))/(2 phi(t))^2 - 1", _STATIC,
        _RS_COLD, static.dead_zone_overlap),
    Quantity("dead_zone.alpha_c", "alpha_c", "1", ("threshold",),
        "Capacity with couplings -1, 0, 1 that are 0 within a dead zone.",
        f"largest over y: {_NOISY}, kappa = erfc(t/sqrt(2))/(2 phi(t))^2 - 1", _STATIC,
        _RS_COLD, static.dead_zone_alpha_c),
    Quantity("dead_zone.best", "t, alpha_c", "1", (),
        "Dead zone with the largest capacity, and that capacity: two numbers.",
        "the t and the value of the largest dead_zone.alpha_c", _STATIC,
        _RS_COLD, static.dead_zone_best),
    Quantity("dilution.overlap", "m", "1", ("load", "connectivity"),
        "Overlap where a share c of the bonds is left, symmetrically; load = P/N, T = 0.",
        f"{_NOISY}, kappa = (1 - c)/c", _STATIC,
        _RS_COLD, static.dilution_overlap),
    Quantity("dilution.alpha_c", "alpha_c", "1", ("connectivity",),
        "Capacity P/N where a share c of the bonds is left, symmetrically.",
        f"largest over y: {_NOISY}, kappa = (1 - c)/c", _STATIC,
        _RS_COLD, static.dilution_alpha_c),
    Quantity("sequence.overlap", "m", "1", ("load",),
        "Overlap with the pattern that is due: asymmetric couplings, all sites at once, T = 0.",
        "m = erf y, C = 2 y e^{-y^2}/(sqrt(pi) m), alpha = (m^2/2 y^2)(1 - C^2)",
        "Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998)",
        _STATIONARY, static.sequence_overlap),
    Quantity("sequence.alpha_c", "alpha_c", "1", (), "Capacity for a sequence.",
        "largest over y: alpha = (m^2/2 y^2)(1 - C^2), C = 2 y e^{-y^2}/(sqrt(pi) m), m = erf y",
        "Düring, Coolen & Sherrington, J. Phys. A 31, 8607 (1998)",
        _STATIONARY, static.sequence_alpha_c),
    Quantity("dilute.overlap", "m", "1", ("load", "temperature"),
        "Overlap of few directed bonds, load = P/C; 0 where it has vanished.",
        "m = E tanh((m + sqrt(alpha) z)/T)", _DGZ,
        _FEW, static.dilute_overlap),
    Quantity("dilute.alpha_c", "alpha_c", "1", (),
        "Load P/C at which the overlap of few directed bonds vanishes at T = 0.",
        "2/pi, where m = erf(m/sqrt(2 alpha)) leaves m = 0", _DGZ,
        _FEW, static.dilute_alpha_c),
    Quantity("dilute.T_c", "T_c", "J", ("load",),
        "Temperature at which the overlap of few directed bonds vanishes, load = P/C.",
        "1 = E sech^2(sqrt(alpha) z/T)/T", _DGZ,
        _FEW, static.dilute_T_c),
    Quantity("palimpsest.overlap", "m", "1", ("load", "epsilon"),
        "Overlap with the pattern of age load N under marginalist learning, T = 0.",
        "m = erf y, C sqrt(R) = sqrt(2/pi) e^{-y^2}, R = (2/(eps C)^2) [1/(1 - C eps) - 1 + ln(1 - C eps)],"
        " eps e^{-eps^2 u/2} = y sqrt(2 R)/m", _MNT,
        _RS_COLD, static.palimpsest_overlap),
    Quantity("palimpsest.alpha_c", "alpha_c", "1", ("epsilon",),
        "Age over N of the oldest pattern that marginalist learning keeps.",
        "largest u over y, see palimpsest.overlap", _MNT,
        _RS_COLD, static.palimpsest_alpha_c),
    Quantity("palimpsest.best", "eps, alpha_c", "1", (),
        "Acquisition of marginalist learning that keeps the oldest pattern, and its age over N: two numbers.",
        "the eps and the value of the largest palimpsest.alpha_c", _MNT,
        _RS_COLD, static.palimpsest_best),
    Quantity("bounded.overlap", "m", "1", ("load", "bound"),
        "Overlap with the pattern of age load N where couplings saturate, T = 0.",
        "m = erf y, C sqrt(R) = sqrt(2/pi) e^{-y^2}, R = int s^2/(1 - C s)^2 du + A^2/3 - int s^2 du,"
        " s_u = (8/pi^2) sum_{k odd} e^{-k^2 pi^2 u/(8 A^2)}/k^2 = y sqrt(2 R)/m", _OWN,
        _WALLS, static.bounded_overlap),
    Quantity("bounded.alpha_c", "alpha_c", "1", ("bound",),
        "Age over N of the oldest pattern that saturating couplings keep.",
        "largest u over y, see bounded.overlap", _OWN,
        _WALLS, static.bounded_alpha_c),
    Quantity("bounded.best", "A, alpha_c", "1", (),
        "Bound of saturating couplings that keeps the oldest pattern, and its age over N: two numbers.",
        "the A and the value of the largest bounded.alpha_c", _OWN,
        _WALLS, static.bounded_best),
    Quantity("bounded.signal", "s", "1", ("levels", "age"),
        "What is left of the age-th newest pattern in couplings -b ... b.",
        "E[T_ij xi_i xi_j], T <- clip(T + xi xi, -b, b)", _HOPFIELD,
        ANY_N, static.bounded_signal),
    Quantity("mixture.overlap", "m_n", "1", ("n", "temperature"),
        "Overlap of a symmetric mixture of n patterns with each of them, finitely many stored.",
        "m = (1/n) E[z tanh(m z/T)], z a sum of n signs", _AGS85,
        _FINITELY, finite.mixture_overlap),
    Quantity("mixture.T_star", "T*_n", "J", ("n",),
        "Temperature below which a mixture of n patterns is stable.",
        "1 - (1 - q)/T = Q/T, q = E tanh^2, Q = (E[z^2 tanh^2] - n q)/(n(n - 1))", _AGS85,
        _FINITELY, finite.mixture_T_star),
    Quantity("mixture.stability", "lambda", "1", ("n", "temperature"),
        "Least eigenvalue of the Hessian of f at a mixture of n patterns; stable above 0.",
        "1 - (1 - q)/T - Q/T, q = E tanh^2, Q = (E[z^2 tanh^2] - n q)/(n(n - 1)); 1 - 1/T for T >= 1",
        _AGS85, _FINITELY, finite.mixture_stability),
    Quantity("mixture.free_energy", "f_n", "J", ("n", "temperature"),
        "Free energy per spin of a symmetric mixture of n patterns; of the paramagnet for T >= 1.",
        "f = n m^2/2 - T E ln 2cosh(m z/T), m of mixture.overlap, z a sum of n signs", _AGS85,
        _FINITELY, finite.mixture_free_energy),
    Quantity("mixture.alpha_c", "alpha_n", "1", ("n",),
        "Largest load of a mixture of n patterns at T = 0.",
        "sqrt(alpha) = m/(sqrt(2) y) - sqrt(2/pi) E e^{-y^2 z^2}, m = E[z erf(y z)]/n, largest over y",
        "Amit, Gutfreund & Sompolinsky, Ann. Phys. 173, 30 (1987)",
        _RS_COLD, finite.mixture_alpha_c),
    Quantity("sk.q", "q", "1", ("temperature", "rsb"),
        "Edwards-Anderson parameter of the Sherrington-Kirkpatrick glass.",
        "q = E tanh^2(sqrt(q) z/T); q1 with rsb=1", _SK,
        f"{REPLICA_SYMMETRIC}: exact for T >= 1, an approximation below. {ONE_STEP}: nearer", finite.sk_q),
    Quantity("sk.energy", "e", "J", ("temperature", "rsb"),
        "Energy per spin of the Sherrington-Kirkpatrick glass.",
        "e = -(1 - q^2)/(2 T); -sqrt(2/pi) at T = 0; with rsb=1 -[(1 + q1) C + mu (q1^2 - q0^2)]/2",
        _SK,
        f"{REPLICA_SYMMETRIC}: exact for T >= 1; -0.7979 at T = 0, where the exact one is -0.76317"
        f" (sk.ground_energy). {ONE_STEP}: -0.76526 there",
        finite.sk_energy),
    Quantity("sk.minima", "n", "1", ("size",),
        "Mean number of states of the Sherrington-Kirkpatrick glass in which no spin wants to flip.",
        "n = 2^N E Phi(z/sqrt(N - 2))^N, z normal; about 1.05 e^{0.1992 N}", _MINIMA,
        f"{ANY_N}, of couplings of variance 1/N", metastable.sk_minima),
    Quantity("sk.complexity", "Sigma", "1", (),
        "(1/N) ln of the mean number of these states.",
        "the largest ln 2 Phi(x) - x^2/2: 0.1992", _MINIMA,
        "N -> infinity, mean over couplings (annealed)", metastable.sk_complexity),
    Quantity("sk.energy_minima", "e", "J", (),
        "Energy per spin of most of these states.",
        "e = -x where ln 2 Phi(x) - x^2/2 is largest: -0.5061", _MINIMA,
        "N -> infinity, mean over couplings (annealed)", metastable.sk_energy_minima),
    Quantity("sk.ground_energy", "e_0", "J", ("size",),
        "Lowest energy per spin of the Sherrington-Kirkpatrick glass; of N -> infinity without a size.",
        "e_0 = -0.76317 + 0.70 N^{-2/3}",
        "Crisanti & Rizzo, Phys. Rev. E 65, 046137 (2002); Boettcher, Eur. Phys. J. B 46, 501 (2005)",
        "full replica symmetry breaking, N -> infinity; the size by simulations, N = 15 to 1023",
        metastable.sk_ground_energy),
    Quantity("ising.magnetisation", "|M|", "1", ("temperature",),
        "Spontaneous magnetisation of the Ising model on a square lattice, J = 1 for each bond.",
        "|M| = (1 - sinh(2/T)^-4)^(1/8), 0 above T_c", "Yang, Phys. Rev. 85, 808 (1952)",
        LARGE_N, ising.magnetisation),
    Quantity("ising.energy", "u", "J", ("temperature",),
        "Energy per spin of the Ising model on a square lattice, J = 1 for each bond.",
        "u = -coth(2 b) [1 + (2/pi) (2 tanh(2 b)^2 - 1) K(k)], k = 2 sinh(2 b)/cosh(2 b)^2, b = 1/T",
        "Onsager, Phys. Rev. 65, 117 (1944)", LARGE_N, ising.energy),
    Quantity("ising.correlation_length", "xi", "1", ("temperature",),
        "Correlation length of the Ising model on a square lattice, along an axis, in bonds.",
        "1/xi = -ln tanh(1/T) - 2/T above T_c, 2 (2/T + ln tanh(1/T)) below",
        "Fisher & Burford, Phys. Rev. 156, 583 (1967)", LARGE_N, ising.correlation_length),
    Quantity("ising.T_c", "T_c", "J", (),
        "Critical temperature of the Ising model on a square lattice.",
        "T_c = 2/ln(1 + sqrt(2)): sinh(2/T_c) = 1", "Onsager, Phys. Rev. 65, 117 (1944)",
        LARGE_N, ising.critical_temperature),
    Quantity("van_hemmen.q", "q", "1", ("temperature",),
        "Overlap of van Hemmen's glass with each of its two patterns.",
        "q = (1/2) tanh(2 q/T)", "van Hemmen, Phys. Rev. Lett. 49, 409 (1982)",
        _FINITELY, finite.van_hemmen_q),
    Quantity("gaussian.overlap", "|m|", "1", ("temperature",),
        "Length of the overlaps with finitely many Gaussian patterns.",
        "|m| = E[z tanh(|m| z/T)]", "Provost & Vallée, Phys. Rev. Lett. 50, 598 (1983)",
        _FINITELY, finite.gaussian_overlap),
    Quantity("random_axis.overlap", "M", "1", ("dimension", "temperature"),
        "Length of the mean moment of random axes in D dimensions.",
        "M = <u tanh(M u/T)>, u one component of a unit vector",
        "Harris, Plischke & Zuckermann, Phys. Rev. Lett. 31, 160 (1973)",
        _FINITELY, finite.random_axis_overlap),
    Quantity("hopfield.bit_error", "P_err", "1", ("size", "patterns", "neurons"),
        "Probability that a bit of a stored pattern is not stable.",
        "Q(sqrt(N/(P - 1))); Q(sqrt(N/(2(P - 1)))) of 0/1 neurons with thresholds 0", _HOPFIELD,
        _NORMAL, steps.bit_error),
    Quantity("hopfield.familiarity", "f", "1", ("load", "neurons", "size"),
        "Fraction of neurons that want to flip at a stored pattern; 1/2 at a new one. N -> infinity without"
        " a size.",
        "Q(1/sqrt(a)), a = alpha - 1/N = (P - 1)/N; Q(1/sqrt(2 a)) of 0/1 neurons with thresholds 0",
        _HOPFIELD, _NORMAL, steps.familiarity),
    Quantity("hopfield.frustration", "F", "1", ("patterns",),
        "Fraction of bonds that are frustrated, J_ij S_i S_j < 0, at a stored pattern among random ones.",
        "Pr(B <= -2), B a sum of P - 1 random signs, as N J_ij xi_i xi_j = 1 + B: (1 - c)/2 (P odd), 1/2 - c"
        " (P even), c = C(2h, h)/4^h, h = P div 2",
        "derived for this project (no literature value)",
        ANY_N, steps.frustration),
    Quantity("parallel.one_step", "m_1", "1", ("load", "overlap"),
        "Overlap after one step of all sites at T = 0.", "m1 = erf(m0/sqrt(2 alpha))",
        "Gardner, Derrida & Mottishaw, J. Physique 48, 741 (1987)",
        LARGE_N, steps.one_step),
    Quantity("parallel.two_steps", "m_2", "1", ("load", "overlap"),
        "Overlap after two steps of all sites at T = 0, exact for J_ii = 0.",
        "m2 = sum_{e=±1} (1 + e m0)/2 erf((m1 + alpha U e)/(s sqrt(2))),"
        " U = 2 phi(m0/sqrt(alpha))/sqrt(alpha), s^2 = alpha (1 + U^2 + 2 U m0 m1)",
        "Gardner, Derrida & Mottishaw, J. Physique 48, 741 (1987)",
        LARGE_N, steps.two_steps),
)  # fmt: skip
