// What threads of a block do together: barriers, shuffles, votes, sums over a warp.
#pragma once

#include <type_traits>

#include "rendezvous.h"

namespace cuda_on_cpu {

template <class T>
std::uint64_t to_word(T value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles take 32 or 64 bits");
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  return word;
}

template <class T>
T from_word(std::uint64_t word) {
  T value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

// Meets the threads that do the same at the same place; returns what this thread gets.
inline std::uint64_t meet_for(Operation operation, unsigned mask, std::uint64_t value,
                              unsigned source, Place place) {
  Thread& thread = self();
  thread.meeting = {operation, mask, place};
  thread.value = value;
  thread.source = source;
  meet(thread);
  return thread.result;
}

constexpr unsigned WHOLE_WARP = 0xffffffffu;

template <class T>
T shuffle(unsigned mask, T value, int source, Place place) {
  unsigned lane = static_cast<unsigned>(source);
  return from_word<T>(meet_for(Operation::shuffle, mask, to_word(value), lane, place));
}

inline int lane() { return static_cast<int>(self().lane()); }

inline int first_of_group(int width) { return lane() & ~(width - 1); }

inline int last_of_group(int width) { return first_of_group(width) + width - 1; }

template <class T>
T reduce(Operation operation, unsigned mask, T value, Place place) {
  static_assert(std::is_integral_v<T> && sizeof(T) == 4, "reductions take integers of 32 bits");
  std::int64_t wide = value;  // keeps the order of signed and of unsigned numbers
  return static_cast<T>(meet_for(operation, mask, static_cast<std::uint64_t>(wide), 0, place));
}

}  // namespace cuda_on_cpu

using CudaPlace = cuda_on_cpu::Place;
using CudaOperation = cuda_on_cpu::Operation;

inline void __syncthreads(CudaPlace place = CudaPlace::here()) {
  cuda_on_cpu::meet_for(CudaOperation::barrier, cuda_on_cpu::WHOLE_WARP, 0, 0, place);
}

inline int __syncthreads_count(int predicate, CudaPlace place = CudaPlace::here()) {
  return static_cast<int>(cuda_on_cpu::meet_for(CudaOperation::barrier_count,
                                                cuda_on_cpu::WHOLE_WARP, predicate != 0, 0, place));
}

inline int __syncthreads_and(int predicate, CudaPlace place = CudaPlace::here()) {
  return static_cast<int>(cuda_on_cpu::meet_for(CudaOperation::barrier_and, cuda_on_cpu::WHOLE_WARP,
                                                predicate != 0, 0, place));
}

inline int __syncthreads_or(int predicate, CudaPlace place = CudaPlace::here()) {
  return static_cast<int>(cuda_on_cpu::meet_for(CudaOperation::barrier_or, cuda_on_cpu::WHOLE_WARP,
                                                predicate != 0, 0, place));
}

inline void __syncwarp(unsigned mask = cuda_on_cpu::WHOLE_WARP,
                       CudaPlace place = CudaPlace::here()) {
  cuda_on_cpu::meet_for(CudaOperation::sync_warp, mask, 0, 0, place);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              CudaPlace place = CudaPlace::here()) {
  int from = cuda_on_cpu::first_of_group(width) + (source & (width - 1));
  return cuda_on_cpu::shuffle(mask, value, from, place);
}

// Beyond the end of its group, a lane hears itself.
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  CudaPlace place = CudaPlace::here()) {
  int from = cuda_on_cpu::lane() ^ bits;
  bool inside = from <= cuda_on_cpu::last_of_group(width);
  return cuda_on_cpu::shuffle(mask, value, inside ? from : cuda_on_cpu::lane(), place);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32,
                 CudaPlace place = CudaPlace::here()) {
  int from = cuda_on_cpu::lane() - static_cast<int>(distance);
  bool inside = from >= cuda_on_cpu::first_of_group(width);
  return cuda_on_cpu::shuffle(mask, value, inside ? from : cuda_on_cpu::lane(), place);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32,
                   CudaPlace place = CudaPlace::here()) {
  int from = cuda_on_cpu::lane() + static_cast<int>(distance);
  bool inside = from <= cuda_on_cpu::last_of_group(width);
  return cuda_on_cpu::shuffle(mask, value, inside ? from : cuda_on_cpu::lane(), place);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CudaPlace place = CudaPlace::here()) {
  return static_cast<unsigned>(
      cuda_on_cpu::meet_for(CudaOperation::ballot, mask, predicate != 0, 0, place));
}

inline int __any_sync(unsigned mask, int predicate, CudaPlace place = CudaPlace::here()) {
  return __ballot_sync(mask, predicate, place) != 0;
}

inline int __all_sync(unsigned mask, int predicate, CudaPlace place = CudaPlace::here()) {
  return __ballot_sync(mask, predicate, place) == mask;
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value, CudaPlace place = CudaPlace::here()) {
  return static_cast<unsigned>(
      cuda_on_cpu::meet_for(CudaOperation::match_any, mask, cuda_on_cpu::to_word(value), 0, place));
}

template <class T>
unsigned __match_all_sync(unsigned mask, T value, int* all, CudaPlace place = CudaPlace::here()) {
  unsigned found = static_cast<unsigned>(
      cuda_on_cpu::meet_for(CudaOperation::match_all, mask, cuda_on_cpu::to_word(value), 0, place));
  *all = found != 0;
  return found;
}

template <class T>
T __reduce_add_sync(unsigned mask, T value, CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::add, mask, value, place);
}

template <class T>
T __reduce_min_sync(unsigned mask, T value, CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::minimum, mask, value, place);
}

template <class T>
T __reduce_max_sync(unsigned mask, T value, CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::maximum, mask, value, place);
}

inline unsigned __reduce_and_sync(unsigned mask, unsigned value,
                                  CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::bit_and, mask, value, place);
}

inline unsigned __reduce_or_sync(unsigned mask, unsigned value,
                                 CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::bit_or, mask, value, place);
}

inline unsigned __reduce_xor_sync(unsigned mask, unsigned value,
                                  CudaPlace place = CudaPlace::here()) {
  return cuda_on_cpu::reduce(CudaOperation::bit_xor, mask, value, place);
}
