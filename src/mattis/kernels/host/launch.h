// How the other side of the boundary, module.py, learns what a kernel takes, and launches it.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "block.h"
#include "schedule.h"
#include "shared.h"

namespace cuda_on_cpu {

// The same fields, in the same order, as `Launch` in module.py.
struct Launch {
  unsigned grid[3];
  unsigned block[3];
  unsigned order;
  unsigned long long seed;
  unsigned long long dynamic_bytes;
};

// One launch at a time: static shared variables are there once, whoever calls. (A mutex of the C library: the
// header of the other takes a third of the time that compiling a kernel takes.)
struct Turn {
  static inline pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

  Turn() { pthread_mutex_lock(&mutex); }
  ~Turn() { pthread_mutex_unlock(&mutex); }
};

inline void set_up(const Launch& launch) {
  block.grid = {launch.grid[0], launch.grid[1], launch.grid[2]};
  block.size = {launch.block[0], launch.block[1], launch.block[2]};
  block.failure[0] = 0;
  block.threads.assign(std::size_t{block.size.x} * block.size.y * block.size.z, Thread{});
  for (unsigned rank = 0; rank < block.count(); rank++) {
    block.threads[rank].rank = rank;
    block.threads[rank].index = index_in(block.size, rank);
  }
}

inline void run_grid(const Task& task, Schedule schedule) {
  Range variables = static_shared();
  std::uint64_t blocks = std::uint64_t{block.grid.x} * block.grid.y * block.grid.z;
  for (std::uint64_t turn = 0; turn < blocks && !block.failed(); turn++) {
    start_block(index_in(block.grid, schedule.block(turn, blocks)));
    poison_shared(variables);
    run_block(task, schedule);
  }
}

// Runs a kernel; returns whether it failed, and writes why to `failure`.
inline bool run(const Task& task, const Launch& launch, char* failure) {
  Turn turn;
  set_up(launch);
  if (!take_dynamic_shared(launch.dynamic_bytes)) {
    note_failure(Place::here(), "no memory for %llu bytes of shared memory", launch.dynamic_bytes);
  } else {
    run_grid(task, Schedule(static_cast<Order>(launch.order), launch.seed));
    std::free(block.dynamic_shared);
  }
  std::memcpy(failure, block.failure, sizeof block.failure);
  return block.failed();
}

template <class... Parameters, std::size_t... Position>
void call(void (*kernel)(Parameters...), void** arguments, std::index_sequence<Position...>) {
  kernel(*static_cast<std::remove_cv_t<Parameters>*>(arguments[Position])...);
}

template <class... Parameters>
void call(void (*kernel)(Parameters...), void** arguments) {
  call(kernel, arguments, std::index_sequence_for<Parameters...>{});
}

// NumPy's letter of a number; V is what has none, be it a structure or void.
template <class T>
constexpr char kind_of() {
  if (std::is_same_v<T, bool>) {
    return 'b';
  }
  if (std::is_floating_point_v<T>) {
    return 'f';
  }
  return std::is_integral_v<T> ? (std::is_signed_v<T> ? 'i' : 'u') : 'V';
}

template <class T, class = void>
struct ElementOf {
  using Type = T;
};

template <class T>
struct ElementOf<T, std::void_t<typename T::Element>> {
  using Type = typename T::Element;
};

struct Text {
  char letters[4096];
  std::size_t length;
};

// Describes a parameter: "*" of a pointer, "c" if it is one to constants, letter and bytes of its
// numbers, bytes of the whole and its alignment: `const uint4*` is "*cu4:16:16".
template <class Parameter>
void describe(Text& out) {
  constexpr bool pointer = std::is_pointer_v<Parameter>;
  using Target = std::remove_pointer_t<Parameter>;
  using Value = std::remove_cv_t<Target>;
  using Known = std::conditional_t<std::is_void_v<Value>, char, Value>;  // void has no size
  using Number = typename ElementOf<Known>::Type;
  char kind = std::is_void_v<Value> ? 'V' : kind_of<Number>();
  int length =
      std::snprintf(out.letters + out.length, sizeof out.letters - out.length, " %s%s%c%zu:%zu:%zu",
                    pointer ? "*" : "", pointer && std::is_const_v<Target> ? "c" : "", kind,
                    sizeof(Number), sizeof(Known), alignof(Known));
  out.length += static_cast<std::size_t>(length);
}

// Returns the most threads that a block may have, and then the parameters.
template <class... Parameters>
Text signature(unsigned most_threads, void (*)(Parameters...)) {
  static_assert(sizeof...(Parameters) <= 128, "the text holds so many");
  Text out{};
  out.length =
      static_cast<std::size_t>(std::snprintf(out.letters, sizeof out.letters, "%u", most_threads));
  (describe<std::remove_cv_t<Parameters>>(out), ...);
  return out;
}

}  // namespace cuda_on_cpu

// Gives a kernel two names that can be found from outside: name_signature and name_launch.
#define CUDA_ON_CPU_EXPORT(name, most_threads, ...)                                          \
  static void name##_call(void** arguments) { cuda_on_cpu::call(__VA_ARGS__, arguments); }   \
  extern "C" __attribute__((visibility("default"))) const char* name##_signature() {         \
    static const cuda_on_cpu::Text text = cuda_on_cpu::signature(most_threads, __VA_ARGS__); \
    return text.letters;                                                                     \
  }                                                                                          \
  extern "C" __attribute__((visibility("default"))) int name##_launch(                       \
      const cuda_on_cpu::Launch* launch, void** arguments, char* failure) {                  \
    return cuda_on_cpu::run({name##_call, arguments}, *launch, failure);                     \
  }
