// Kernels that use what the host shim offers, one feature each, and kernels with one mistake each.
// test_host.py compares what they write with NumPy.

#define WARP 32

__constant__ int weights[4] = {1, 10, 100, 1000};

__device__ __forceinline__ int block_sum(int value, int* room) {
    for (int step = WARP / 2; step > 0; step >>= 1) {
        value += __shfl_xor_sync(0xffffffffu, value, step);
    }
    if (threadIdx.x % WARP == 0) {
        room[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    int total = 0;
    for (int w = 0; w < blockDim.x / WARP; w++) {
        total += room[w];
    }
    __syncthreads();
    return total;
}

// out[block] = sum_i popc(a_i ^ b_i), out[blocks + block] = sum over bytes of a_i b_i, for the words of a block
extern "C" __global__ void __launch_bounds__(128, 4) products(
    const unsigned* __restrict__ a, const unsigned* __restrict__ b, int* out, int words) {
    __shared__ int room[WARP];
    int bits = 0, bytes = 0;
    for (int i = threadIdx.x; i < words; i += blockDim.x) {
        unsigned x = a[blockIdx.x * words + i], y = b[blockIdx.x * words + i];
        bits += __popc(x ^ y);
        bytes = __dp4a((int)x, (int)y, bytes);
    }
    bits = block_sum(bits, room);
    bytes = block_sum(bytes, room);
    if (threadIdx.x == 0) {
        out[blockIdx.x] = bits;
        out[gridDim.x + blockIdx.x] = bytes;
    }
}

template <class T>
__global__ void shuffles(const T* in, T* out, int distance, int width) {
    int i = threadIdx.x, n = blockDim.x;
    T x = in[i];
    out[i] = __shfl_sync(0xffffffffu, x, distance, width);
    out[n + i] = __shfl_xor_sync(0xffffffffu, x, distance, width);
    out[2 * n + i] = __shfl_up_sync(0xffffffffu, x, distance, width);
    out[3 * n + i] = __shfl_down_sync(0xffffffffu, x, distance, width);
}
template __global__ void shuffles<float>(const float*, float*, int, int);
template __global__ void shuffles<double>(const double*, double*, int, int);
template __global__ void shuffles<long long>(const long long*, long long*, int, int);

// The two halves of a warp meet apart, each with its own mask; the second does so twice.
extern "C" __global__ void halves(const int* in, int* out) {
    int lane = threadIdx.x % WARP;
    unsigned mine = lane < 16 ? 0x0000ffffu : 0xffff0000u;
    int sum = __reduce_add_sync(mine, in[threadIdx.x]);
    if (lane >= 16) {
        __syncwarp(mine);
        sum += __shfl_sync(mine, sum, 16);
    }
    out[threadIdx.x] = sum;
}

extern "C" __global__ void votes(const int* in, int* out) {
    int i = threadIdx.x, n = blockDim.x, x = in[i], alike = 0;
    out[i] = __ballot_sync(0xffffffffu, x > 0);
    out[n + i] = __any_sync(0xffffffffu, x > 0) + 2 * __all_sync(0xffffffffu, x > 0);
    out[2 * n + i] = __reduce_min_sync(0xffffffffu, x);
    out[3 * n + i] = __reduce_max_sync(0xffffffffu, (unsigned)x);
    out[4 * n + i] = __reduce_and_sync(0xffffffffu, x);
    out[5 * n + i] = __reduce_or_sync(0xffffffffu, x);
    out[6 * n + i] = __reduce_xor_sync(0xffffffffu, x);
    out[7 * n + i] = __match_any_sync(0xffffffffu, x & 3);
    out[8 * n + i] = __match_all_sync(0xffffffffu, x, &alike) ^ alike;
    out[9 * n + i] = __syncthreads_count(x > 0);
    out[10 * n + i] = __syncthreads_and(x > 0) + 2 * __syncthreads_or(x > 0);
}

extern "C" __global__ void whole_numbers(
    const unsigned* x, const unsigned* y, unsigned long long* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) {
        return;
    }
    unsigned a = __ldg(x + i), b = y[i];
    unsigned long long wide = (unsigned long long)a << 32 | b;
    unsigned long long found[] = {
        (unsigned long long)__popc(a), (unsigned long long)__popcll(wide),
        (unsigned long long)__ffs(a), (unsigned long long)__ffsll(wide),
        (unsigned long long)__clz(a), (unsigned long long)__clzll(wide),
        __brev(a), __brevll(wide), __umulhi(a, b), (unsigned)__mulhi(a, b),
        __umul64hi(wide, ~wide), (unsigned long long)__mul64hi(wide, ~wide),
        __funnelshift_l(a, b, b), __funnelshift_r(a, b, b), __byte_perm(a, b, b),
        __dp4a(a, b, a), (unsigned)__dp4a((int)a, (int)b, (int)a),
        (unsigned)__dp2a_lo((int)a, (int)b, (int)a), (unsigned)__dp2a_hi((int)a, (int)b, (int)a),
        (unsigned)min((int)a, (int)b), max(a, b),
    };
    for (int k = 0; k < 21; k++) {
        out[(long long)k * n + i] = found[k];
    }
}

extern "C" __global__ void real_numbers(const float* x, const double* y, float* single, double* twice, int n) {
    int i = threadIdx.x;
    float a = x[i], b = x[(i + 1) % n];
    double c = y[i], d = y[(i + 1) % n];
    single[i] = __fadd_rn(__fmul_rn(a, b), a);
    single[n + i] = __fdiv_rn(__fsub_rn(a, b), b);
    single[2 * n + i] = __int_as_float(__float_as_int(a) ^ 1);
    single[3 * n + i] = __int2float_rn(__float2int_rd(a));
    single[4 * n + i] = __int2float_rn(__float2int_rn(a));
    single[5 * n + i] = max(a, b);
    twice[i] = __dadd_rn(__dmul_rn(c, d), c);
    twice[n + i] = __ddiv_rn(__dsub_rn(c, d), d);
    twice[2 * n + i] = __dsqrt_rn(c * c);
    twice[3 * n + i] = __longlong_as_double(__double_as_longlong(c) ^ 1);
    twice[4 * n + i] = c * d + c;
}

extern "C" __global__ void counters(const int* in, int* out, float* sum, unsigned long long* set, int n) {
    __shared__ int seen[4];
    if (threadIdx.x < 4) {
        seen[threadIdx.x] = 0;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        atomicAdd(&seen[in[i] & 3], weights[in[i] & 3]);
        atomicMin(&out[4], in[i]);
        atomicMax(&out[5], in[i]);
        atomicXor(&out[6], in[i]);
        atomicAdd(sum, 0.5f);
        atomicOr(set, 1ull << (in[i] & 63));
        while (atomicCAS(&out[7], 0, 1) != 0) {
        }
        atomicExch(&out[7], 0);
    }
    __threadfence_block();
    __syncthreads();
    if (threadIdx.x < 4) {
        atomicAdd(&out[threadIdx.x], seen[threadIdx.x]);
    }
}

// A function has shared variables of its own, one for all who call it; so has each function of a template.
__device__ __forceinline__ unsigned* kept() {
    __shared__ unsigned place[1];
    return place;
}
template <class T>
__device__ T* kept_of() {
    __shared__ __align__(16) T place[3];
    return place + 2;
}

// What a block finds in shared memory that it has not written, before it writes.
extern "C" __global__ void remains(unsigned* out) {
    extern __shared__ __align__(16) unsigned
        dynamic[];
    __shared__ unsigned fixed[2];
    if (threadIdx.x == 0) {
        unsigned* mine = out + 4 * blockIdx.x;
        mine[0] = fixed[1], mine[1] = dynamic[0], mine[2] = *kept(), mine[3] = *kept_of<unsigned>();
        fixed[1] = dynamic[0] = *kept() = *kept_of<unsigned>() = 0;
    }
}

extern "C" __global__ void quads(const uint4* in, uint4* out, const double2* pairs, double* sums) {
    uint4 q = in[threadIdx.x];
    out[threadIdx.x] = make_uint4(q.w, q.z, q.y, q.x);
    sums[threadIdx.x] = pairs[threadIdx.x].x - pairs[threadIdx.x].y;
}

// out[place of the block in the grid] = when it ran; its first thread says so
extern "C" __global__ void turns(int* out, int* clock, bool flag, const void* unused) {
    int place = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    if (flag && threadIdx.x + threadIdx.y + threadIdx.z == 0) {
        out[place] = atomicAdd(clock, 1);
    }
}

// Turns a row around in shared memory, with a barrier too few.
extern "C" __global__ void no_barrier(const int* in, int* out) {
    extern __shared__ int row[];
    row[threadIdx.x] = in[threadIdx.x];
    out[threadIdx.x] = row[blockDim.x - 1 - threadIdx.x];
}

#line 1001 "mistakes.cu"
extern "C" __global__ void divergent() {
    if (threadIdx.x == 0) {
        __syncthreads();  // 1003
    }
    __syncwarp();  // 1005
}

extern "C" __global__ void two_barriers() {
    if (threadIdx.x < WARP) {
        __syncthreads();  // 1010
    } else {
        __syncthreads();  // 1012
    }
}

extern "C" __global__ void early_return() {
    if (threadIdx.x == 7) {
        return;
    }
    __syncthreads();  // 1020
}

extern "C" __global__ void foreign_mask(int* out) {
    out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0);  // 1024
}

extern "C" __global__ void absent_lanes(int* out) {
    out[threadIdx.x] = __ballot_sync(0xffffffffu, 1);  // 1028
}

extern "C" __global__ void outside_mask(int* out) {
    out[threadIdx.x] = threadIdx.x < 16 ? __shfl_sync(0x0000ffffu, 1, 20) : 0;
}

extern "C" __global__ void trapped(const int* in) {
    if (in[threadIdx.x] < 0) {
        __trap();  // 1037
    }
}
