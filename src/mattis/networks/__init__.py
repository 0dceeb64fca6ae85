r"""Networks: what they are made of and what they are asked; three families, and the symbols that all share.

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
| q_ab | overlap_starts | (1/N) sum_i S_i^a S_i^b, of the last states of two chains |
| P(q_ab) | overlap_distribution | density of q_ab of two replicas that swap temperatures, along `q` |
| e | energy | H / N |
| – | noise | fraction of flipped bits of a cue |
| c | connectivity | probability that a bond is there |
| A | bound | of saturating couplings, \|N J_ij\| ≤ A √N |
| ε | epsilon | of marginalist learning |
| U | threshold | of neurons 0, 1 (or ±1), in units of J |
| – | age | 1 for the newest pattern, P for the oldest |
| n | mixture | patterns that a state is a mixture of |
| – | sweep | N attempted updates |
| – | cue | the stored pattern, with noise, that a replica starts from |
| – | retrieved | fraction of cues that end with m above the study's threshold |
| N_v, N_h | size, memories | neurons, and memories (as many as patterns that are shown) of consolidation |
| ξ, Ξ, ξ' | old, matrix, shown | old memories, memories on their way, patterns that are shown: rows |
| Λ | bias | what pulls on every memory besides the patterns |
| w | own_weight | softmax weight of a memory when its own pattern is shown |
| κ | kappa | β N_v ρ, with ρ = <|ξ'|²>/N_v: the β of the softmax that does not depend on N_v |
| σ | noise | of consolidation: ξ' = ξ + σ Z, or the fraction of flipped signs |
| τ | tau | time constant of a memory, in the unit of the Euler step dt |
| k | presentations | patterns shown per memory: k N_h presentations in all |
| s | spread | the most frequent pattern is shown e^s times as often as the rarest |
| r | likeness | cosine between the changes of two patterns, ξ'_μ - ξ_μ |
| L_v, L_h | visible, hidden | generating functions: convex, of the states v and h |
| v, h | state | visible and hidden neurons, (N_v, R) and (N_h, R): R replicas side by side |
| g, f | activation | gradients of L_v and L_h; H_v, H_h their Hessians |
| J | coupling | what couples visible and hidden neurons: Ξ, or 1 |
| B | target | where v is drawn to, B = I + Jᵀf(h): tau_v dv/dt = B - v |
| I, b | field, bias | of visible and of hidden neurons |
| τ_v, τ_h | tau_v, tau_h | their time constants; τ_h/τ_v is the `separation` |
| n | degree | of a polynomial: bodies of an interaction; then load is P/N^{n-1}, `load_n` in a cube |
| ln(P)/N | exponent | of exponentially many patterns |
| – | similarity | cosine of a memory with its own pattern ξ' |
"""
