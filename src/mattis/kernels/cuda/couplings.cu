// Couplings of patterns of ±1, from their bits: N J_ij = c_ij f(sum_mu xi_i^mu xi_j^mu), integers, as
// `mattis.networks.binary.couplings` makes them.

// What a rule makes of the sum x of two sites, of which there is a bond: x, or its sign outside of a dead zone.
__device__ __forceinline__ int of_sum(int x, int clip) {
    if (clip < 0) return x;
    return x > clip ? 1 : x < -clip ? -1 : 0;
}

// Row j of `columns`, what S_j does to every site: a block for each.
//
// words    (⌈P/32⌉, N) the patterns of each site, word by word   columns  (N, N)
// bonds    c_ij = 1 where the word at position j of step i is below it; where bonds are not directed, i < j
// clip     ≥ 0: f(x) = sgn x where |x| > clip, and 0 elsewhere; below 0: f(x) = x
// kept     whether N J_ii is what the rule makes it, else 0
template <typename Coupling>
__device__ __forceinline__ void couple(
    const unsigned* words, const unsigned* stream, unsigned long long bonds, Coupling* columns, int size,
    int count, int clip, int directed, int kept) {
    int j = blockIdx.x;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        int different = 0;
        for (int w = 0; w < words_of(count); w++) {
            const unsigned* word = words + (long long)w * size;
            different += __popc(word[i] ^ word[j]);
        }
        bool bond = i == j ? kept : bonds >> 32 != 0;
        if (i != j && !bond) {
            bool turned = !directed && i > j;
            bond = random_word(stream, turned ? i : j, turned ? j : i) < bonds;
        }
        columns[(long long)j * size + i] = bond ? of_sum(count - 2 * different, clip) : 0;
    }
}

#define COUPLE(name, Coupling)                                                                             \
    extern "C" __global__ void __launch_bounds__(256) name(                                                \
        const unsigned* words, const unsigned* stream, unsigned long long bonds, Coupling* columns,        \
        int size, int count, int clip, int directed, int kept) {                                           \
        couple(words, stream, bonds, columns, size, count, clip, directed, kept);                          \
    }

COUPLE(couple_8, signed char)
COUPLE(couple_16, short)
COUPLE(couple_32, int)
