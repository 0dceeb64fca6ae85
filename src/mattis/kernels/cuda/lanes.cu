// Asynchronous Glauber dynamics of 32 replicas that share their patterns, in one block: the trajectories of
// `glauber_sites`, bit by bit. 64 proposals make a group:
//
// (a) the fields of its sites in all replicas are a product of integers, signs (64 × P) by overlaps (P × 32),
//     by four warps of 16 sites each; noise is added where the sums are;
// (b) one warp, a lane for each replica, settles the sites in order: with the change c_j of an earlier site of the
//     group, -1, 0 or 1, a field moves by 2 N J_ij c_j, which the table has in 16 bits: P < 2^14;
// (c) overlaps take up the changes, each warp those of its own patterns: M_mu += 2 sum_i xi_i^mu c_i.
//
// What is the same for all replicas of a set, signs of a group by pattern and 2 N J_ij, is made once (`group_tables`).
//
// Overlaps have the parity of N, so m = (M - N mod 2) / 2 is kept, as u = m + 2^15, in two bytes: N ≤ 32767. With bits
// b of 0 and 1 for the signs, B = sum_mu b_i^mu u_mu, n_i = sum_mu xi_i^mu and m_0 = sum_mu m_mu,
//
//     N h_i = sum_mu xi_i^mu M_mu - P S_i = 2 (2 B - 2^15 (n_i + P) - m_0) + (N mod 2) n_i - P S_i.
//
// Patterns beyond the last have bits of 0 and count nothing. Four patterns j, j + 8, j + 16, j + 24 of a word lie in
// the bytes of one register, for (word >> j & 0x01010101) has their bits.

constexpr int SITES = 64;             // proposals of a group
constexpr int LANE_WARPS = 4;         // warps of a block
constexpr int OWN = SITES / LANE_WARPS;
constexpr int SHARERS = LANES * LANE_WARPS / SITES;
constexpr int QUADS = SITES / 4;
constexpr int TILE = 4;               // words of patterns whose signs are there at once
constexpr int STRIDE = LANES + 2;     // so that fragments of products meet no bank twice
constexpr int BIAS = 1 << 15;
constexpr int FAR = 1 << 29;          // noise beyond every field

struct LaneRoom {
    int fields[SITES][LANES];         // N h_i + P S_i + noise, as before the group
    int4 signs[TILE][SITES][2];       // 0 or 1 in each byte: registers j = 0 … 7 of a site
    int4 couplings[2 * QUADS * QUADS];
    int changes[QUADS][LANES];        // c of four sites, in bytes
    unsigned turned[2][LANES];        // bits of the sites of the group that flipped
    unsigned up[2][LANES];            // … that are +1 now; of the others any
    int totals[LANE_WARPS][LANES];    // their sum is m_0
    int flips[2][LANES];              // of this sweep and the next
    long long squares[2][LANE_WARPS][LANES];
};

// Ints of the tables of a group: bits by pattern, 64 for each word of patterns, then 2 N J_ij in 16 bits.
__device__ __forceinline__ int rows_of(int words) { return SITES * words; }
__device__ __forceinline__ long long tables_of(int words) { return rows_of(words) + SITES * SITES / 2; }

// The place of sites i and j in the table of 2 N J_ij: squares of 4 × 4, one after the other.
__device__ __forceinline__ int place_of(int i, int j) {
    return ((i / 4 * QUADS + j / 4) * 4 + i % 4) * 4 + j % 4;
}

// The tables of each group of a set, in the order of a sweep: a block for each.
//
// tables  (sets, sweeps, ⌈N/64⌉, tables_of) int32; the diagonal of N J_ij, P everywhere, makes room for n_i
extern "C" __global__ void __launch_bounds__(128) group_tables(
    const unsigned* sites, const int* orders, int fresh, int* tables, int size, int count, int sweeps) {
    int groups = (size + SITES - 1) / SITES, words = words_of(count), lane = lane_of_thread();
    int first = blockIdx.x % groups * SITES;
    long long set = blockIdx.x / groups / sweeps;
    const int* order = order_of(orders, fresh, set, sweeps, blockIdx.x / groups % sweeps, size);
    const unsigned* own = sites + set * size * words;
    int* rows = tables + blockIdx.x * tables_of(words);
    for (int w = warp_of_thread(); w < words; w += LANE_WARPS) {
        for (int half = 0; half < 2; half++) {
            int k = first + LANES * half + lane;
            unsigned word = k < size ? own[(long long)site_of(order, k) * words + w] : 0;
            rows[w * SITES + (lane % 8 * 4 + lane / 8) * 2 + half] = transposed(word);
        }
    }
    short* couplings = reinterpret_cast<short*>(rows + rows_of(words));
    for (int pair = threadIdx.x; pair < SITES * SITES; pair += blockDim.x) {
        int i = pair / SITES, j = pair % SITES, found = 0;
        if (j <= i && first + i < size) {
            const unsigned* row = own + (long long)site_of(order, first + i) * words;
            const unsigned* other = own + (long long)site_of(order, first + j) * words;
            found = 2 * coupling(row, other, words, count);
            if (i == j) {
                int ones = 0;
                for (int w = 0; w < words; w++) ones += __popc(row[w]);
                found = 2 * ones - count;
            }
        }
        couplings[place_of(i, j)] = found;
    }
}

// Signs of some words of patterns of a site, from bits to bytes: of every second word, for two threads share a site.
__device__ __forceinline__ void spread_signs(int4* signs, const unsigned* own, int words) {
    constexpr unsigned ONES = 0x01010101u;
#pragma unroll
    for (int w = 0; w < TILE; w += SHARERS) {
        if (w >= words) break;
        unsigned x = own[w];
        signs[2 * SITES * w] = make_int4(x & ONES, x >> 1 & ONES, x >> 2 & ONES, x >> 3 & ONES);
        signs[2 * SITES * w + 1] = make_int4(x >> 4 & ONES, x >> 5 & ONES, x >> 6 & ONES, x >> 7 & ONES);
    }
}

#if __CUDA_ARCH__ >= 800

// The sums of a warp by tensor cores: 16 sites by four times 8 replicas, of which each lane has 4 numbers.
struct OwnSums {
    unsigned low[LANES / 8][4], high[LANES / 8][4];

    // Where the signs and overlaps of this thread begin, of those of all sites and replicas.
    __device__ __forceinline__ static int signs() {
        return 4 * (OWN * warp_of_thread() + lane_of_thread() / 4) + lane_of_thread() % 4;
    }
    __device__ __forceinline__ static int overlaps() {
        return lane_of_thread() % 4 * STRIDE + lane_of_thread() / 4;
    }

    // Add the products with the patterns of a word.
    __device__ __forceinline__ void add(const uint2* own, const int4* m) {
        uint2 upper = own[0], lower = own[8 * 4];  // of sites 8 apart
        unsigned a[4] = {upper.x, lower.x, upper.y, lower.y};
#pragma unroll
        for (int n = 0; n < LANES / 8; n++) {
            int4 u = m[8 * n];
            multiply_bytes(low[n], a, u.x, u.z);
            multiply_bytes(high[n], a, u.y, u.w);
        }
    }

    __device__ __forceinline__ void write(int (*fields)[LANES]) const {
        int row = OWN * warp_of_thread() + lane_of_thread() / 4, column = 2 * (lane_of_thread() % 4);
#pragma unroll
        for (int n = 0; n < LANES / 8; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                fields[row + e / 2 * 8][8 * n + column + e % 2] = low[n][e] + (high[n][e] << 8);
            }
        }
        __syncwarp();  // each lane goes on with its replica
    }
};

#else

// sum over eight registers of four products each, of one byte of the overlaps: low (x, z) or high (y, w).
__device__ __forceinline__ unsigned dot(const int4* signs, const int* u, unsigned sum) {
    const int each[8] = {signs[0].x, signs[0].y, signs[0].z, signs[0].w,
                         signs[1].x, signs[1].y, signs[1].z, signs[1].w};
#pragma unroll
    for (int j = 0; j < 8; j++) sum = __dp4a((unsigned)each[j], (unsigned)u[j], sum);
    return sum;
}

// The sums of a warp by products of four bytes: 8 sites, of one half of the warp, in two replicas of each lane, so
// that what is loaded serves twice.
struct OwnSums {
    unsigned low[OWN / 2][2], high[OWN / 2][2];

    __device__ __forceinline__ static int site() {
        return OWN * warp_of_thread() + lane_of_thread() / (LANES / 2) * (OWN / 2);
    }
    __device__ __forceinline__ static int signs() { return 4 * site(); }
    __device__ __forceinline__ static int overlaps() { return lane_of_thread(); }

    __device__ __forceinline__ void add(const uint2* signs, const int4* m) {
        const int4* there = reinterpret_cast<const int4*>(signs);
        const int4* other = m + (lane_of_thread() < LANES / 2 ? LANES / 2 : -LANES / 2);
        int lower[2][8], upper[2][8];
#pragma unroll
        for (int q = 0; q < 8; q++) {
            int4 u = (q % 2 ? other : m)[q / 2 * STRIDE];
            lower[q % 2][q / 2 * 2] = u.x, upper[q % 2][q / 2 * 2] = u.y;
            lower[q % 2][q / 2 * 2 + 1] = u.z, upper[q % 2][q / 2 * 2 + 1] = u.w;
        }
#pragma unroll
        for (int k = 0; k < OWN / 2; k++) {
            int4 own[2] = {there[2 * k], there[2 * k + 1]};
#pragma unroll
            for (int r = 0; r < 2; r++) {
                low[k][r] = dot(own, lower[r], low[k][r]);
                high[k][r] = dot(own, upper[r], high[k][r]);
            }
        }
    }

    __device__ __forceinline__ void write(int (*fields)[LANES]) const {
#pragma unroll
        for (int k = 0; k < OWN; k++) {
            int replica = lane_of_thread() ^ LANES / 2 * (k % 2);
            fields[site() + k / 2][replica] = low[k / 2][k % 2] + (high[k / 2][k % 2] << 8);
        }
        __syncwarp();  // each lane goes on with its replica
    }
};

#endif

// (a) B of the 16 sites of this warp in all replicas, to the fields. Sites beyond the last have those of the last.
__device__ __forceinline__ void multiply(
    LaneRoom& room, const int4* m, const unsigned* sites, const int* order, int first, int size, int words) {
    OwnSums sums = {};
    int place = min(first + (int)threadIdx.x % SITES, size - 1), sharer = threadIdx.x / SITES;
    const unsigned* own = sites + (long long)site_of(order, place) * words + sharer;
    int4* spread = room.signs[0][0] + 2 * threadIdx.x;
    const uint2* there = reinterpret_cast<const uint2*>(room.signs[0][0]) + sums.signs();
    m += sums.overlaps();
    for (int word = 0; word < words; word += TILE) {
        if (word > 0) __syncthreads();  // all have multiplied by the signs that were there
        spread_signs(spread, own + word, words - word - sharer);
        __syncthreads();
        const uint2* end = there + 4 * SITES * min(TILE, words - word);
#pragma unroll 1  // for the registers
        for (const uint2* signs = there; signs < end; signs += 4 * SITES, m += 4 * STRIDE) sums.add(signs, m);
    }
    sums.write(room.fields);
}

// N h_i + P S_i + noise of the 16 sites of this warp, from B.
__device__ __forceinline__ void heat(
    LaneRoom& room, const unsigned* stream, float scale, int first, int t, int size, int count) {
    int lane = lane_of_thread(), total = 0;
    for (int w = 0; w < LANE_WARPS; w++) total += room.totals[w][lane];
    const short* couplings = reinterpret_cast<const short*>(room.couplings);
    unsigned weight = size % 2 - 2 * BIAS, constant = 2 * (BIAS * (unsigned)count + total);
    for (int k = OWN * warp_of_thread(); k < OWN * (warp_of_thread() + 1); k += 8) {
        uint4 upper = quad_of(stream, (first + k) >> 3, t);
        uint4 lower = quad_of(stream, LOWER_QUADS + ((first + k) >> 3), t);
        const short* diagonal = couplings + place_of(k, k);
#pragma unroll
        for (int e = 0; e < 8; e++) {
            int noise = 0;
            if (scale != 0.0f) {
                unsigned word = joined(word_of(upper, e >> 1), word_of(lower, e >> 1), e);
                noise = max(-FAR, min(FAR, thermal_noise(word, scale)));
            }
            unsigned rest = weight * diagonal[place_of(e, e)] + (noise - constant);
            room.fields[k + e][lane] = 4 * (unsigned)room.fields[k + e][lane] + rest;
        }
    }
}

// The lowest bits of four bytes, side by side.
__device__ __forceinline__ unsigned four_bits(unsigned bytes) { return (bytes & 0x01010101u) * 0x01020408u >> 24; }

// (b) Decide the proposals of a group in order, in the replica of each lane of this warp.
//
// Sites beyond the last may seem to flip: their couplings are 0, and nobody hears of them.
__device__ __forceinline__ void settle(
    LaneRoom& room, unsigned* state, const int* order, int first, int size, int count, bool cold, int sweep) {
    int lane = lane_of_thread(), moved = 0, flips = 0;
    unsigned active = 0;  // quads in which a site flipped in some lane
    for (int half = 0; half < 2; half++) {
        int mine = first + LANES * half + lane, site = mine < size ? site_of(order, mine) : 0;
        unsigned spins = mine < size ? state[site] : 0, turned = 0, down = 0;
        for (int quad = QUADS / 2 * half; quad < QUADS / 2 * (half + 1); quad++) {
            const int4* table = room.couplings + 2 * QUADS * quad;
            int x[4], packed = 0;  // fields of the four sites, and c of these in bytes
#pragma unroll
            for (int e = 0; e < 4; e++) x[e] = room.fields[4 * quad + e][lane];
            for (unsigned left = active; left != 0; left &= left - 1) {
                int other = __ffs(left) - 1, changes = room.changes[other][lane];
                int4 one = table[2 * other], two = table[2 * other + 1];
                x[0] = __dp2a_hi(one.y, changes, __dp2a_lo(one.x, changes, x[0]));
                x[1] = __dp2a_hi(one.w, changes, __dp2a_lo(one.z, changes, x[1]));
                x[2] = __dp2a_hi(two.y, changes, __dp2a_lo(two.x, changes, x[2]));
                x[3] = __dp2a_hi(two.w, changes, __dp2a_lo(two.z, changes, x[3]));
            }
            int4 one = table[2 * quad], two = table[2 * quad + 1];
            int own[4][2] = {{one.x, one.y}, {one.z, one.w}, {two.x, two.y}, {two.z, two.w}};
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int k = 4 * quad + e;
                if (e > 0) x[e] = __dp2a_lo(own[e][0], packed, x[e]);
                if (e > 2) x[e] = __dp2a_hi(own[e][1], packed, x[e]);
                int was = __shfl_sync(ALL, spins, k % LANES) >> lane & 1;
                int now = x[e] >= (was ? count : (int)cold - count);  // at T = 0 a field of 0 keeps the spin
                packed = __byte_perm(packed, now - was, 0x3210 ^ (e ^ 4) << 4 * e);
            }
            if (!__any_sync(ALL, packed)) continue;
            active |= 1u << quad;
            room.changes[quad][lane] = packed;
            turned |= four_bits(packed) << 4 * quad % LANES;
            down |= four_bits(packed >> 1) << 4 * quad % LANES;
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int change = packed & 255 << 8 * e;  // c of this site, where it was
                unsigned lanes = __ballot_sync(ALL, change);
                if (lane == (4 * quad + e) % LANES) spins ^= lanes;
                moved = e < 2 ? __dp2a_lo(own[e][0], change, moved) : __dp2a_hi(own[e][1], change, moved);
            }
        }
        if (mine < size) state[site] = spins;
        turned &= __ballot_sync(ALL, mine < size);
        room.turned[half][lane] = turned;
        room.up[half][lane] = ~down;
        flips += __popc(turned);
    }
    room.totals[0][lane] += moved;
    room.flips[sweep % 2][lane] += flips;
}

// What four overlaps become, in the bytes of two registers: u + n - 2 d, n flips of which d were away from xi.
__device__ __forceinline__ void move_four(
    int& low, int& high, int4 first, int4 last, const unsigned* turned, const unsigned* up, unsigned flips) {
    auto away = [&](int x, int y) { return __popc(turned[0] & (x ^ up[0])) + __popc(turned[1] & (y ^ up[1])); };
    unsigned one = __byte_perm(low, high, 0x5140) + flips;  // u of two patterns, in halves
    unsigned two = __byte_perm(low, high, 0x7362) + flips;
    one -= 2 * (away(first.x, first.y) + (away(first.z, first.w) << 16));
    two -= 2 * (away(last.x, last.y) + (away(last.z, last.w) << 16));
    low = __byte_perm(one, two, 0x6420);
    high = __byte_perm(one, two, 0x7531);
}

// (c) The overlaps of the replica of this lane with the patterns of this warp.
__device__ __forceinline__ void take_up_group(const LaneRoom& room, int4* m, const int4* rows, int words) {
    int lane = lane_of_thread();
    unsigned turned[2] = {room.turned[0][lane], room.turned[1][lane]};
    unsigned up[2] = {room.up[0][lane], room.up[1][lane]};
    if (!__any_sync(ALL, turned[0] | turned[1])) return;
    unsigned flips = (__popc(turned[0]) + __popc(turned[1])) * 0x10001u;
    for (int w = warp_of_thread(); w < words; w += LANE_WARPS) {
        for (int q = 4 * w; q < 4 * w + 4; q++) {
            int4 u = m[q * STRIDE + lane];
            move_four(u.x, u.y, rows[4 * q], rows[4 * q + 1], turned, up, flips);
            move_four(u.z, u.w, rows[4 * q + 2], rows[4 * q + 3], turned, up, flips);
            m[q * STRIDE + lane] = u;
        }
    }
}

// The byte of an overlap in a register, and m of four patterns j + 8 b of a word, in turn.
template <typename Visit>
__device__ __forceinline__ void for_own_patterns(int count, Visit visit) {
    for (int w = warp_of_thread(); w < words_of(count); w += LANE_WARPS) {
        for (int mu = LANES * w; mu < min(LANES * (w + 1), count); mu++) {
            visit(mu, (4 * w + mu % 8 / 2) * STRIDE + lane_of_thread(), mu % 2, mu % LANES / 8);
        }
    }
}

__device__ __forceinline__ int kept(int4 u, int odd, int byte) {
    unsigned low = odd ? u.z : u.x, high = odd ? u.w : u.y;
    return (int)(low >> 8 * byte & 255 | (high >> 8 * byte & 255) << 8) - BIAS;
}

// m of the patterns of this warp in the replica of this lane, from its overlaps.
__device__ __forceinline__ int fetch_kept(int4* m, const int* overlaps, int size, int count) {
    int total = 0;
    for (int w = warp_of_thread(); w < words_of(count); w += LANE_WARPS) {
        for (int q = 0; q < 4; q++) {
            int parts[4] = {};
#pragma unroll
            for (int p = 0; p < 8; p++) {  // pattern 2 q + p mod 2 + 8 ⌊p/2⌋ of the word
                int mu = LANES * w + 2 * q + p % 2 + p / 2 * 8;
                int found = mu < count ? (overlaps[mu] - size % 2) / 2 : 0;
                total += found;
                parts[p % 2 * 2] |= (found + BIAS & 255) << p / 2 * 8;
                parts[p % 2 * 2 + 1] |= (found + BIAS >> 8) << p / 2 * 8;
            }
            m[(4 * w + q) * STRIDE + lane_of_thread()] = make_int4(parts[0], parts[1], parts[2], parts[3]);
        }
    }
    return total;
}

// The replicas of a block, by their lanes: those beyond the last run as the last one does, and write nothing.
struct Herd {
    int first;
    int last;  // + 1
    __device__ int place(int lane) const { return min(first + lane, last - 1); }
    __device__ int real() const { return min(last - first, LANES); }
};

// The spins of a block from (R, N) to bits of its replicas for each site, and back; a warp has its own sites.
__device__ __forceinline__ void gather_spins(unsigned* state, const signed char* spins, Herd herd, int size) {
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        unsigned word = 0;
        for (int r = 0; r < LANES; r++) {
            word |= (unsigned)(spins[(long long)herd.place(r) * size + i] > 0) << r;
        }
        state[i] = word;
    }
}

template <typename Visit>
__device__ __forceinline__ void for_spins(const unsigned* state, Herd herd, int size, Visit visit) {
    for (int r = warp_of_thread(); r < herd.real(); r += LANE_WARPS) {
        for (int i = lane_of_thread(); i < size; i += LANES) visit(herd.first + r, i, state[i] >> r & 1 ? 1 : -1);
    }
}

// What `write_down` does, for all replicas of a block; returns the flips of the replica of this lane.
__device__ __forceinline__ int write_down_lanes(
    LaneRoom& room, const Record& record, int t, const int4* m, const unsigned* state, int* sums, Herd herd,
    int target, int size, int count) {
    int lane = lane_of_thread(), warp = warp_of_thread();
    bool real = lane < herd.real();
    long long squares = 0;
    for_own_patterns(count, [&](int mu, int place, int odd, int byte) {
        long long overlap = 2 * kept(m[place], odd, byte) + size % 2;
        squares += overlap * overlap;
        if (mu == target && real) record.trace[t] = overlap;
    });
    room.squares[t % 2][warp][lane] = squares;
    __syncthreads();
    int flips = room.flips[t % 2][lane];
    if (warp == 0) {
        for (int w = 1; w < LANE_WARPS; w++) squares += room.squares[t % 2][w][lane];
        if (real) {
            record.trace[record.total + t] = squares - (long long)size * count;
            record.trace[2 * record.total + t] = flips;
        }
        room.flips[(t + 1) % 2][lane] = 0;
    }
    if (t >= record.warm) {
        long long half = t < record.middle ? 0 : size;
        for_spins(state, herd, size, [&](long long r, int i, int spin) { sums[2 * r * size + half + i] += spin; });
    }
    return flips;
}

// The sweeps first … last-1 of the replicas of a launch, 32 of one pattern set in each block of 128 threads.
//
// tables  as `group_tables` makes them   herds  (blocks, 2) the first replica and the last + 1
// state   (blocks, N)   spare  (blocks, 4 ⌈P/32⌉ × 34) where overlaps are not resident
// the other arguments are those of `glauber_sites`
// shared memory: that of `LaneRoom`, and 2176 ⌈P/32⌉ bytes where overlaps are resident
extern "C" __global__ void __launch_bounds__(128) glauber_lanes(
    const unsigned* sites, const int* tables, const Herd* herds, unsigned* state, int4* spare, int resident,
    const int* which, const int* targets, const unsigned* streams, const float* scales, const int* orders,
    int fresh, signed char* spins, int* overlaps, int* still, long long* trace, int* sums, int size, int count,
    int first, int last, int total, int warm) {
    extern __shared__ LaneRoom rooms[];
    LaneRoom& room = *rooms;
    int lane = lane_of_thread(), warp = warp_of_thread(), words = words_of(count);
    Herd herd = herds[blockIdx.x];
    int place = herd.place(lane);
    int4* m = resident ? reinterpret_cast<int4*>(rooms + 1) : spare + (long long)blockIdx.x * 4 * words * STRIDE;
    state += (long long)blockIdx.x * size;
    Replica a = replica_of(place, sites, which, targets, streams, scales, spins, overlaps, size, count);
    Record record = record_of(trace, sums, place, size, total, warm);
    bool cold = a.scale == 0.0f, rests = still[place];
    room.totals[warp][lane] = fetch_kept(m, a.overlaps, size, count);
    if (warp == 0) room.flips[first % 2][lane] = 0;
    gather_spins(state, spins, herd, size);
    for (int t = first; t < last; t++) {
        int sweeps = fresh ? last - first : 1;
        const int* order = order_of(orders, fresh, which[place], sweeps, t - first, size);
        long long group = ((long long)which[place] * sweeps + (fresh ? t - first : 0)) * ((size + SITES - 1) / SITES);
        for (int k = 0; k < size && !__all_sync(ALL, rests); k += SITES) {
            const int* rows = tables + (group + k / SITES) * tables_of(words);
            const int4* couplings = reinterpret_cast<const int4*>(rows + rows_of(words));
            for (int c = threadIdx.x; c < 2 * QUADS * QUADS; c += blockDim.x) room.couplings[c] = couplings[c];
            multiply(room, m, a.sites, order, k, size, words);
            heat(room, a.stream, a.scale, k, t, size, count);
            __syncthreads();
            if (warp == k / SITES % LANE_WARPS) settle(room, state, order, k, size, count, cold, t);
            __syncthreads();
            take_up_group(room, m, reinterpret_cast<const int4*>(rows), words);
        }
        int flips = write_down_lanes(room, record, t, m, state, sums, herd, a.target, size, count);
        rests = rests || (cold && flips == 0);
    }
    for_spins(state, herd, size, [&](long long r, int i, int spin) { spins[r * size + i] = spin; });
    if (lane >= herd.real()) return;
    for_own_patterns(count, [&](int mu, int at, int odd, int byte) {
        a.overlaps[mu] = 2 * kept(m[at], odd, byte) + size % 2;
    });
    if (warp == 0) still[place] = rests;
}

static_assert(sizeof(LaneRoom) == 29952, "as in glauber.py");
