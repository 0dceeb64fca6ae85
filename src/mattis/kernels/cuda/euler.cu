// Euler steps of continuous neurons: what lies between two products of matrices, in one kernel. A block has 32
// replicas of one network, a lane for each; its warps share the rows of a state, and their sums are added in one
// order, so that the bits of a replica depend on no other.
//
// States are (S, n, R): S networks, n neurons, R replicas of each. Grid: (⌈R/32⌉, S).

constexpr int ROW_WARPS = 8;

// The place of a replica in states of n neurons, and in what is one number for each replica.
struct Lane {
    long long first;  // of its neurons, which are `step` apart
    long long own;
    int step;
    bool real;

    __device__ Lane(int size, int replicas)
        : first((long long)blockIdx.y * size * replicas + blockIdx.x * LANES + lane_of_thread()),
          own((long long)blockIdx.y * replicas + blockIdx.x * LANES + lane_of_thread()),
          step(replicas), real((int)(blockIdx.x * LANES) + lane_of_thread() < replicas) {}
};

template <typename T>
struct RowRoom {
    T parts[ROW_WARPS][LANES];
};

// The parts of all warps, taken together from the first to the last, in each of their threads.
template <typename T, typename Join>
__device__ __forceinline__ T over_rows(T part, RowRoom<T>& room, Join join) {
    __syncthreads();  // what was there has been read
    room.parts[warp_of_thread()][lane_of_thread()] = part;
    __syncthreads();
    T whole = room.parts[0][lane_of_thread()];
    for (int w = 1; w < ROW_WARPS; w++) whole = join(whole, room.parts[w][lane_of_thread()]);
    return whole;
}

template <typename T>
__device__ __forceinline__ T sum_of_rows(T part, RowRoom<T>& room) {
    return over_rows(part, room, [](T a, T b) { return a + b; });
}

// v += rate (B - v) where |B - v|/sqrt(n) > tolerance, or is not a number, and this is not the last look.
template <typename T>
__device__ void take_step(
    RowRoom<T>& room, const T* target, T* v, long long* steps, T* residual, T rate, T tolerance, int last,
    int size, int replicas) {
    Lane at(size, replicas);
    T sum = 0;
    for (int i = warp_of_thread(); i < size && at.real; i += ROW_WARPS) {
        T away = target[at.first + (long long)i * at.step] - v[at.first + (long long)i * at.step];
        sum += away * away;
    }
    T found = sqrt(sum_of_rows(sum, room) / size);
    bool moving = !last && !(found <= tolerance);
    if (!at.real) return;
    if (warp_of_thread() == 0) {
        residual[at.own] = found;
        steps[at.own] += moving;
    }
    for (int i = warp_of_thread(); i < size && moving; i += ROW_WARPS) {
        long long place = at.first + (long long)i * at.step;
        v[place] += rate * (target[place] - v[place]);
    }
}

// The same step by products with memories: `relax_gram` of euler.py says what each array is. lanes  (3, S, R)
// |I - v(0)|², a, and |r|/sqrt(n); pull is G F, and f is F.
template <typename T>
__device__ void take_gram_step(
    RowRoom<T>& room, const T* pull, const T* level, T* x, const T* f, T* c, const T* pulled, T* lanes,
    long long* steps, T rate, T tolerance, T doubt, int last, int rows, int replicas, int size) {
    Lane at(rows, replicas);
    long long whole = (long long)gridDim.y * replicas;
    T far = at.real ? lanes[at.own] : 0, a = at.real ? lanes[whole + at.own] : 0, along = 0, met = 0;
    for (int i = warp_of_thread(); i < rows && at.real; i += ROW_WARPS) {
        long long place = at.first + (long long)i * at.step;
        T gap = f[place] - c[place];
        along += gap * pulled[place];
        met += gap * (pull[place] + (level[place] - x[place]));
    }
    T away = a * a * far, mixed = a * sum_of_rows(along, room), other = sum_of_rows(met, room);
    T sum = away + mixed + other, wide = away + fabs(mixed) + fabs(other);
    T found = sqrt(((sum > 0 ? sum : 0) + doubt * wide) / size);
    bool moving = !last && !(found <= tolerance);
    if (!at.real) return;
    if (warp_of_thread() == 0) {
        lanes[2 * whole + at.own] = found;
        if (moving) lanes[whole + at.own] = a * (1 - rate);
        steps[at.own] += moving;
    }
    for (int i = warp_of_thread(); i < rows && moving; i += ROW_WARPS) {
        long long place = at.first + (long long)i * at.step;
        x[place] += rate * (pull[place] + (level[place] - x[place]));
        c[place] += rate * (f[place] - c[place]);
    }
}

// y = e^{beta x} over its sum. gains  (S, R), or one number
template <typename T>
__device__ void normalised_exponentials(
    RowRoom<T>& room, const T* x, const T* gains, T* y, int shared, int size, int replicas) {
    Lane at(size, replicas);
    T beta = at.real ? gains[shared ? 0 : at.own] : 0, top = 0, sum = 0;
    if (at.real) top = beta * x[at.first];
    for (int i = warp_of_thread(); i < size && at.real; i += ROW_WARPS) {
        T z = beta * x[at.first + (long long)i * at.step];
        top = z > top ? z : top;
    }
    top = over_rows(top, room, [](T a, T b) { return b > a ? b : a; });
    for (int i = warp_of_thread(); i < size && at.real; i += ROW_WARPS) {
        long long place = at.first + (long long)i * at.step;
        y[place] = exp(beta * x[place] - top);
        sum += y[place];
    }
    T share = 1 / sum_of_rows(sum, room);
    for (int i = warp_of_thread(); i < size && at.real; i += ROW_WARPS) {
        y[at.first + (long long)i * at.step] *= share;
    }
}

#define EULER_KERNELS(name, T)                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) euler_step_##name(                                        \
        const T* target, T* v, long long* steps, T* residual, T rate, T tolerance, int last, int size,          \
        int replicas) {                                                                                         \
        __shared__ RowRoom<T> room;                                                                             \
        take_step(room, target, v, steps, residual, rate, tolerance, last, size, replicas);                     \
    }                                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) gram_step_##name(                                         \
        const T* pull, const T* level, T* x, const T* f, T* c, const T* pulled, T* lanes, long long* steps,     \
        T rate, T tolerance, T doubt, int last, int rows, int replicas, int size) {                             \
        __shared__ RowRoom<T> room;                                                                             \
        take_gram_step(                                                                                         \
            room, pull, level, x, f, c, pulled, lanes, steps, rate, tolerance, doubt, last, rows, replicas,     \
            size);                                                                                              \
    }                                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) softmax_##name(                                           \
        const T* x, const T* gains, T* y, int shared, int size, int replicas) {                                 \
        __shared__ RowRoom<T> room;                                                                             \
        normalised_exponentials(room, x, gains, y, shared, size, replicas);                                     \
    }

EULER_KERNELS(64, double)
EULER_KERNELS(32, float)
