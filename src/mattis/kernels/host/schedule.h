// In which order the threads of a block take turns, and the blocks of a grid.
#pragma once

#include <cstdint>

#include "block.h"

namespace cuda_on_cpu {

enum class Order { ascending, descending, random, warps };

class Schedule {
 public:
  Schedule(Order order, std::uint64_t seed) : order_(order), state_(seed) {}

  // Offers turns until each thread that can run has had one; take(rank) tells whether it took it.
  template <class Take>
  void round(unsigned count, Take take) {
    switch (order_) {
      case Order::ascending:
        for (unsigned rank = 0; rank < count; rank++) {
          take(rank);
        }
        return;
      case Order::descending:
        for (unsigned rank = count; rank-- > 0;) {
          take(rank);
        }
        return;
      case Order::random:
        return random_turns(count, take);
      case Order::warps:
        return one_warp(count, take);
    }
  }

  // Names each thread of a block once.
  template <class Take>
  void each_once(unsigned count, Take take) {
    for (unsigned turn = 0; turn < count; turn++) {
      take(order_ == Order::descending ? count - 1 - turn : turn);
    }
  }

  // The block whose turn it is: up, down, or by a stride of its own that leaves out none.
  std::uint64_t block(std::uint64_t turn, std::uint64_t blocks) {
    if (order_ == Order::ascending) {
      return turn;
    }
    if (order_ == Order::descending) {
      return blocks - 1 - turn;
    }
    if (turn == 0) {
      choose_stride(blocks);
    }
    next_ = (next_ + stride_) % blocks;
    return next_;
  }

 private:
  // Some threads go on at once and others wait for long: most of what can happen does.
  template <class Take>
  void random_turns(unsigned count, Take take) {
    for (unsigned turn = 0; turn < count; turn++) {
      unsigned first = below(count), rank = first;
      while (!take(rank)) {
        rank = rank + 1 == count ? 0 : rank + 1;
        if (rank == first) {
          return;
        }
      }
    }
  }

  // One warp runs as far as it can, before any other does a step.
  template <class Take>
  void one_warp(unsigned count, Take take) {
    unsigned first = below((count + WARP - 1) / WARP) * WARP;
    unsigned last = first + WARP < count ? first + WARP : count;
    for (bool any = true; any;) {
      any = false;
      for (unsigned rank = first; rank < last; rank++) {
        any |= take(rank);
      }
    }
  }

  void choose_stride(std::uint64_t blocks) {
    next_ = random() % blocks;
    do {
      stride_ = 1 + random() % blocks;
    } while (common_divisor(stride_, blocks) != 1);
  }

  static std::uint64_t common_divisor(std::uint64_t a, std::uint64_t b) {
    return b == 0 ? a : common_divisor(b, a % b);
  }

  unsigned below(unsigned limit) { return static_cast<unsigned>((random() >> 32) * limit >> 32); }

  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t random() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
  }

  Order order_;
  std::uint64_t state_;
  std::uint64_t next_ = 0;
  std::uint64_t stride_ = 1;
};

}  // namespace cuda_on_cpu
