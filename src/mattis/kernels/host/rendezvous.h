// Where threads wait for each other: barriers of a block, and meetings of the lanes of a warp.
//
// A thread that comes to a meeting leaves its value and waits; the last one to come works out what each
// of them gets, and all go on. Both ways of running threads (fibers.h, threads.h) share these rules.
//
// The rules are stricter than a GPU's, where some of what is refused here is undefined and some is only
// unwise: all threads of a block meet at the same line, a mask names lanes that exist, and a thread that
// has returned counts as missing. So a kernel starts whole warps, and its threads leave together.
#pragma once

#include "block.h"

namespace cuda_on_cpu {

// What a lane reads from a lane that is not in its mask: undefined on a GPU, and here too odd to be
// overlooked.
constexpr std::uint64_t POISON = 0xBADBADBADBADBADBull;

inline Thread* warp_of(const Thread& thread) { return &block.threads[thread.rank - thread.lane()]; }

inline unsigned lanes_in_warp_of(const Thread& thread) {
  unsigned left = block.count() - (thread.rank - thread.lane());
  return left < WARP ? left : WARP;
}

// Calls visit(thread) for all that take part in the meeting of `thread`.
template <class Visit>
void for_each_participant(const Thread& thread, Visit visit) {
  if (thread.meeting.of_block()) {
    for (Thread& other : block.threads) {
      visit(other);
    }
    return;
  }
  Thread* warp = warp_of(thread);
  for (unsigned left = thread.meeting.mask; left != 0; left &= left - 1) {
    visit(warp[__builtin_ctz(left)]);
  }
}

// Says what is wrong with the mask of a thread, if anything is.
inline bool mask_is_valid(const Thread& thread) {
  unsigned mask = thread.meeting.mask, lanes = lanes_in_warp_of(thread);
  if ((mask >> thread.lane() & 1) == 0) {
    note_failure(thread.meeting.place, "thread %u is lane %u, which is not in its own mask 0x%08x",
                 thread.rank, thread.lane(), mask);
    return false;
  }
  if (lanes < WARP && mask >> lanes != 0) {
    note_failure(thread.meeting.place,
                 "mask 0x%08x names lanes that do not exist: the last warp of %u threads has %u",
                 mask, block.count(), lanes);
    return false;
  }
  return true;
}

// Counts a thread as waiting; returns false where its mask is wrong.
inline bool come(Thread& thread) {
  if (!thread.meeting.of_block() && !mask_is_valid(thread)) {
    return false;
  }
  thread.state = State::waiting;
  block.running--;
  if (thread.meeting.of_block()) {
    block.at_barrier++;
  } else {
    block.waiting[thread.rank / WARP] |= 1u << thread.lane();
  }
  return true;
}

inline bool all_are_here(const Thread& thread) {
  const Meeting& meeting = thread.meeting;
  bool enough = meeting.of_block() ? block.at_barrier == block.count()
                                   : (meeting.mask & ~block.waiting[thread.rank / WARP]) == 0;
  if (!enough) {
    return false;
  }
  bool same = true;
  for_each_participant(thread, [&](Thread& other) { same &= other.meeting == meeting; });
  return same;
}

// Returns the combination of what all participants bring, in the order of their ranks.
template <class Combine>
std::uint64_t combined(const Thread& thread, Combine combine) {
  bool first = true;
  std::uint64_t total = 0;
  for_each_participant(thread, [&](Thread& other) {
    total = first ? other.value : combine(total, other.value);
    first = false;
  });
  return total;
}

inline std::uint64_t lanes_that_bring(const Thread& thread, std::uint64_t value) {
  std::uint64_t found = 0;
  for_each_participant(
      thread, [&](Thread& other) { found |= std::uint64_t{other.value == value} << other.lane(); });
  return found;
}

// Returns what all participants get alike.
inline std::uint64_t common_result(const Thread& thread) {
  using Word = std::uint64_t;
  using Signed = std::int64_t;
  switch (thread.meeting.operation) {
    case Operation::barrier_count:
    case Operation::add:
      return combined(thread, [](Word a, Word b) { return a + b; });
    case Operation::barrier_and:
    case Operation::bit_and:
      return combined(thread, [](Word a, Word b) { return a & b; });
    case Operation::barrier_or:
    case Operation::bit_or:
      return combined(thread, [](Word a, Word b) { return a | b; });
    case Operation::bit_xor:
      return combined(thread, [](Word a, Word b) { return a ^ b; });
    case Operation::minimum:
      return combined(thread, [](Word a, Word b) { return Signed(a) < Signed(b) ? a : b; });
    case Operation::maximum:
      return combined(thread, [](Word a, Word b) { return Signed(a) > Signed(b) ? a : b; });
    case Operation::ballot:
      return lanes_that_bring(thread, 1);
    case Operation::match_all:
      return lanes_that_bring(thread, thread.value) == thread.meeting.mask ? thread.meeting.mask
                                                                           : 0;
    default:
      return 0;
  }
}

inline std::uint64_t result_for(const Thread& thread, std::uint64_t common) {
  if (thread.meeting.operation == Operation::match_any) {
    return lanes_that_bring(thread, thread.value);
  }
  if (thread.meeting.operation == Operation::shuffle) {
    return thread.meeting.mask >> thread.source & 1 ? warp_of(thread)[thread.source].value : POISON;
  }
  return common;
}

// Gives all participants their results and lets them go on.
inline void conclude(const Thread& thread) {
  std::uint64_t common = common_result(thread);
  for_each_participant(thread, [&](Thread& other) { other.result = result_for(other, common); });
  if (thread.meeting.of_block()) {
    block.at_barrier = 0;
  } else {
    block.waiting[thread.rank / WARP] &= ~thread.meeting.mask;
  }
  for_each_participant(thread, [&](Thread& other) {
    other.state = State::running;
    block.running++;
  });
}

// Says whether no thread can go on, though some have not returned.
inline bool is_stuck() {
  bool waits = false;
  for (const Thread& thread : block.threads) {
    waits |= thread.state == State::waiting;
  }
  return waits && block.running == 0 && !block.failed();
}

inline const char* name_of(const Meeting& meeting) {
  static const char* const NAMES[] = {
      "__syncthreads",     "__syncthreads_count", "__syncthreads_and", "__syncthreads_or",
      "__syncwarp",        "a shuffle",           "__ballot_sync",     "__reduce_add_sync",
      "__reduce_min_sync", "__reduce_max_sync",   "__reduce_and_sync", "__reduce_or_sync",
      "__reduce_xor_sync", "__match_any_sync",    "__match_all_sync",
  };
  return NAMES[static_cast<int>(meeting.operation)];
}

// Notes where the first thread waits, and the first that waits elsewhere.
inline void note_deadlock() {
  const Thread *first = nullptr, *other = nullptr;
  unsigned returned = 0;
  for (const Thread& thread : block.threads) {
    if (thread.state == State::returned) {
      returned++;
    } else if (first == nullptr) {
      first = &thread;
    } else if (other == nullptr && !(thread.meeting == first->meeting)) {
      other = &thread;
    }
  }
  char rest[120] = "";
  if (other != nullptr) {
    std::snprintf(rest, sizeof rest, ", thread %u at %s in line %d", other->rank,
                  name_of(other->meeting), other->meeting.place.line);
  }
  note_failure(
      first->meeting.place,
      "deadlock: thread %u waits at %s%s; of %u threads %u wait at a barrier, %u have returned",
      first->rank, name_of(first->meeting), rest, block.count(), block.at_barrier, returned);
}

}  // namespace cuda_on_cpu
