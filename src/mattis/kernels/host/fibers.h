// Runs the threads of a block as fibers of one thread of the machine, in an order that a schedule decides.
//
// A fiber runs until it has to wait; so all that happens between two meetings happens at once, and a
// result that depends on the schedule is a race. The first switch to a fiber is ucontext's; the later
// ones are long jumps, which save no signal mask and are ten times as fast.
#pragma once

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "rendezvous.h"
#include "schedule.h"

namespace cuda_on_cpu {

constexpr std::size_t STACK = 128 * 1024;

struct Fiber {
  jmp_buf state;
  ucontext_t birth;
  unsigned char* stack;
  bool started;
};

struct Fibers {
  std::vector<Fiber*> pool;  // never shrinks: the next launch uses the same stacks
  jmp_buf scheduler;
  Thread* current;
  const Task* task;
};

static Fibers fibers;

inline Thread& self() { return *fibers.current; }

// Returns a fiber whose stack ends in a page that nobody may touch: an overrun stops here, not in other data.
inline Fiber* new_fiber() {
  std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, page + STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
    return nullptr;
  }
  return new Fiber{{}, {}, static_cast<unsigned char*>(memory) + page, false};
}

inline bool enough_fibers(unsigned count) {
  while (fibers.pool.size() < count) {
    Fiber* fiber = new_fiber();
    if (fiber == nullptr) {
      return false;
    }
    fibers.pool.push_back(fiber);
  }
  return true;
}

// Goes back to the scheduler; returns when it chooses this fiber again.
__attribute__((noinline)) inline void leave() {
  if (_setjmp(fibers.pool[fibers.current->rank]->state) == 0) {
    _longjmp(fibers.scheduler, 1);
  }
  asm volatile("" ::: "memory");  // others ran meanwhile: nothing that was read before is known
}

// What a fiber does, block after block.
inline void live() {
  for (;;) {
    fibers.task->run();
    self().state = State::returned;
    block.running--;
    leave();
  }
}

// Lets a fiber run until it has to wait.
__attribute__((noinline)) inline void go_on(Thread& thread) {
  Fiber& fiber = *fibers.pool[thread.rank];
  fibers.current = &thread;
  if (_setjmp(fibers.scheduler) != 0) {
    return;
  }
  if (fiber.started) {
    _longjmp(fiber.state, 1);
  }
  fiber.started = true;
  getcontext(&fiber.birth);
  fiber.birth.uc_stack.ss_sp = fiber.stack;
  fiber.birth.uc_stack.ss_size = STACK;
  fiber.birth.uc_link = nullptr;
  makecontext(&fiber.birth, live, 0);
  setcontext(&fiber.birth);
}

// Leaves for ever: the launch has failed.
[[noreturn]] inline void stop() {
  for (;;) {
    leave();
  }
}

// Meets the others: the last to come goes straight on.
inline void meet(Thread& thread) {
  if (!come(thread)) {
    stop();
  }
  if (all_are_here(thread)) {
    conclude(thread);
  } else {
    leave();
  }
}

// Fibers that stopped midway begin anew in the next launch.
inline void forget_unfinished() {
  for (Fiber* fiber : fibers.pool) {
    fiber->started = false;
  }
}

inline void run_block(const Task& task, Schedule& schedule) {
  fibers.task = &task;
  if (!enough_fibers(block.count())) {
    note_failure(Place::here(), "no memory for the stacks of %u threads", block.count());
    return;
  }
  while (block.running != 0 && !block.failed()) {
    schedule.round(block.count(), [](unsigned rank) {
      Thread& thread = block.threads[rank];
      bool goes = thread.state == State::running && !block.failed();
      if (goes) {
        go_on(thread);
      }
      return goes;
    });
  }
  if (is_stuck()) {
    note_deadlock();
  }
  if (block.failed()) {
    forget_unfinished();
  }
}

}  // namespace cuda_on_cpu
