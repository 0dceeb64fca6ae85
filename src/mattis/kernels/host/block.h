// The block of threads that runs at present, and what its threads share.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "vectors.h"

namespace cuda_on_cpu {

constexpr unsigned WARP = 32;

// A line of the kernel's text. As a default argument, `here()` is the line of the call.
struct Place {
  const char* file;
  int line;

  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  bool operator==(const Place& other) const {
    return line == other.line && (file == other.file || std::strcmp(file, other.file) == 0);
  }
};

enum class Operation {
  barrier,
  barrier_count,
  barrier_and,
  barrier_or,
  sync_warp,
  shuffle,
  ballot,
  add,
  minimum,
  maximum,
  bit_and,
  bit_or,
  bit_xor,
  match_any,
  match_all,
};

struct Meeting {
  Operation operation;
  unsigned mask;  // of the lanes that meet; all of them if it is a barrier
  Place place;

  bool of_block() const { return operation <= Operation::barrier_or; }
  // Of these alone CUDA says that what was written before is seen behind: shuffles and votes order no memory.
  bool orders_memory() const { return operation <= Operation::sync_warp; }
  bool operator==(const Meeting& other) const {
    return operation == other.operation && mask == other.mask && place == other.place;
  }
};

enum class State { running, waiting, returned };

struct Thread {
  uint3 index;
  unsigned rank;  // in its block, x fastest
  State state;
  Meeting meeting;       // where it waits, or has waited last
  std::uint64_t value;   // what it brings
  unsigned source;       // the lane that it wants to hear from
  std::uint64_t result;  // what it gets

  unsigned lane() const { return rank % WARP; }
};

struct Block {
  static constexpr std::size_t LONGEST_MESSAGE = 512;  // as in module.py

  uint3 index;
  dim3 size, grid;
  std::vector<Thread> threads;
  std::vector<unsigned> waiting;  // for each warp, the lanes that wait for other lanes
  unsigned at_barrier, running;
  unsigned char* dynamic_shared;
  std::size_t dynamic_bytes;
  char failure[LONGEST_MESSAGE];

  unsigned count() const { return static_cast<unsigned>(threads.size()); }
  bool failed() const { return failure[0] != 0; }
};

static Block block;

// Notes the first thing that went wrong in this launch.
__attribute__((format(printf, 2, 3))) inline void note_failure(Place place, const char* format,
                                                               ...) {
  if (block.failed()) {
    return;
  }
  char what[300];
  va_list rest;
  va_start(rest, format);
  std::vsnprintf(what, sizeof what, format, rest);
  va_end(rest);
  std::snprintf(block.failure, sizeof block.failure, "block (%u, %u, %u): %s (%s:%d)",
                block.index.x, block.index.y, block.index.z, what, place.file, place.line);
}

inline void start_block(uint3 index) {
  block.index = index;
  block.at_barrier = 0;
  block.running = block.count();
  block.waiting.assign((block.count() + WARP - 1) / WARP, 0);
  for (Thread& thread : block.threads) {
    thread.state = State::running;
  }
}

// What is to be run: a kernel with its arguments.
struct Task {
  void (*call)(void** arguments);
  void** arguments;

  void run() const { call(arguments); }
};

inline uint3 index_in(const dim3& size, std::uint64_t rank) {
  return {static_cast<unsigned>(rank % size.x), static_cast<unsigned>(rank / size.x % size.y),
          static_cast<unsigned>(rank / size.x / size.y)};
}

}  // namespace cuda_on_cpu
