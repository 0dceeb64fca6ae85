// Runs the threads of a block as threads of the machine, for the sanitizers, which know no fibers.
//
// ThreadSanitizer must see the order that CUDA promises and no other. So it does not look at the
// bookkeeping of meetings, nor take its mutex for one of the kernel, and is told instead that what the
// participants of a barrier did before it comes before what they do behind it. It is not told so of
// shuffles and votes.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <mutex>

#include "rendezvous.h"
#include "schedule.h"

#ifdef __SANITIZE_THREAD__
extern "C" {
void AnnotateIgnoreSyncBegin(const char*, int);
void AnnotateIgnoreSyncEnd(const char*, int);
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#else
inline void AnnotateIgnoreSyncBegin(const char*, int) {}
inline void AnnotateIgnoreSyncEnd(const char*, int) {}
inline void AnnotateIgnoreReadsBegin(const char*, int) {}
inline void AnnotateIgnoreReadsEnd(const char*, int) {}
inline void AnnotateIgnoreWritesBegin(const char*, int) {}
inline void AnnotateIgnoreWritesEnd(const char*, int) {}
inline void __tsan_acquire(void*) {}
inline void __tsan_release(void*) {}
#endif

namespace cuda_on_cpu {

constexpr std::size_t STACK = 512 * 1024;

struct Waiter {
  std::condition_variable bell;
  // Only their addresses count, by which ThreadSanitizer knows what is ordered.
  char before, behind;
};

static std::mutex monitor;
static Waiter* waiters;
static const Task* task_of_all;
static thread_local Thread* current;

inline Thread& self() { return *current; }

// As long as it lives, ThreadSanitizer looks away.
struct Unseen {
  Unseen() {
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unseen() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  }
};

inline void wake_all() {
  for (unsigned rank = 0; rank < block.count(); rank++) {
    waiters[rank].bell.notify_one();
  }
}

// All that the participants did before comes before all that they do next. Called by the last to come,
// while the others wait: each hands over at its own place, or a fast thread would hand over what it does
// later.
inline void order_memory(const Thread& last) {
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  for_each_participant(last, [](Thread& thread) { __tsan_acquire(&waiters[thread.rank].before); });
  for_each_participant(last, [](Thread& thread) { __tsan_release(&waiters[thread.rank].behind); });
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}

inline void end_if_stuck() {
  if (is_stuck()) {
    note_deadlock();
    wake_all();
  }
}

// Counts this thread as returned, whether its kernel has ended or the launch has failed.
inline void finish() {
  Unseen unseen;
  std::lock_guard<std::mutex> hold(monitor);
  if (self().state == State::running) {
    block.running--;
  }
  self().state = State::returned;
  end_if_stuck();
}

// Leaves the kernel in the middle. No exception: the address sanitizer could not follow it.
[[noreturn]] inline void stop() {
  {
    Unseen unseen;
    std::lock_guard<std::mutex> hold(monitor);
    wake_all();
  }
  finish();
  pthread_exit(nullptr);
}

// Waits until the meeting is over; returns whether the launch goes on.
inline bool wait_for_the_others(Thread& thread) {
  Unseen unseen;
  std::unique_lock<std::mutex> hold(monitor);
  if (!come(thread)) {
    return false;
  }
  if (all_are_here(thread)) {
    conclude(thread);
    if (thread.meeting.orders_memory()) {
      order_memory(thread);
    }
    for_each_participant(thread, [](Thread& other) { waiters[other.rank].bell.notify_one(); });
    return true;
  }
  end_if_stuck();
  waiters[thread.rank].bell.wait(hold,
                                 [&] { return thread.state == State::running || block.failed(); });
  return !block.failed();
}

inline void meet(Thread& thread) {
  bool ordered = thread.meeting.orders_memory();
  if (ordered) {
    __tsan_release(&waiters[thread.rank].before);
  }
  if (!wait_for_the_others(thread)) {
    stop();
  }
  if (ordered) {
    __tsan_acquire(&waiters[thread.rank].behind);
  }
}

inline void* live(void* thread) {
  current = static_cast<Thread*>(thread);
  task_of_all->run();
  finish();
  return nullptr;
}

// Starts the thread of a rank, or ends the launch: the others would wait for it for ever.
inline void start(unsigned rank, const pthread_attr_t& attributes,
                  std::vector<pthread_t>& started) {
  pthread_t thread;
  if (pthread_create(&thread, &attributes, live, &block.threads[rank]) == 0) {
    started.push_back(thread);
    return;
  }
  Unseen unseen;
  std::unique_lock<std::mutex> hold(monitor);
  note_failure(Place::here(), "the machine has no room for %u threads", block.count());
  wake_all();
}

inline void run_block(const Task& task, Schedule& schedule) {
  std::vector<Waiter> all(block.count());
  waiters = all.data();
  task_of_all = &task;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  std::vector<pthread_t> started;
  schedule.each_once(block.count(), [&](unsigned rank) { start(rank, attributes, started); });
  for (pthread_t thread : started) {
    pthread_join(thread, nullptr);
  }
  pthread_attr_destroy(&attributes);
}

}  // namespace cuda_on_cpu
