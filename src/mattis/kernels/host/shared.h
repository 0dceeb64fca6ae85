// Shared memory: where it lies, and what a block finds there.
//
// With fibers, static shared variables are thread_local: fibers are one thread of the machine, and the
// linker knows where the variables of that kind begin and end. With threads they lie in a section of their
// own; there g++ forgets those of templates, which then hold what the last block left.
#pragma once

#include <link.h>

#include "block.h"

namespace cuda_on_cpu {

constexpr unsigned char LEFT_BEHIND = 0xA5;

struct Range {
  unsigned char* first;
  std::size_t bytes;
};

// Room of exactly so many bytes, so that a sanitizer sees an overrun; aligned as a GPU aligns it.
inline bool take_dynamic_shared(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 16, bytes == 0 ? 1 : bytes) != 0) {
    return false;
  }
  block.dynamic_shared = static_cast<unsigned char*>(memory);
  block.dynamic_bytes = bytes;
  return true;
}

template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(block.dynamic_shared);
}

#ifndef CUDA_ON_CPU_THREADS

static thread_local char
    anchor;  // touched, it makes the machine give this thread all variables of its kind

inline bool holds(const dl_phdr_info& object, ElfW(Addr) address) {
  for (int k = 0; k < object.dlpi_phnum; k++) {
    const ElfW(Phdr) & part = object.dlpi_phdr[k];
    ElfW(Addr) first = object.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= first && address < first + part.p_memsz) {
      return true;
    }
  }
  return false;
}

// Keeps the thread-local variables of an object of the process, if it is this library.
inline int keep_if_own(dl_phdr_info* object, std::size_t, void* found) {
  if (!holds(*object, reinterpret_cast<ElfW(Addr)>(&block))) {
    return 0;
  }
  for (int k = 0; k < object->dlpi_phnum; k++) {
    if (object->dlpi_phdr[k].p_type == PT_TLS) {
      *static_cast<Range*>(found) = {static_cast<unsigned char*>(object->dlpi_tls_data),
                                     object->dlpi_phdr[k].p_memsz};
    }
  }
  return 1;
}

// Returns where the static shared variables of this launch lie.
inline Range static_shared() {
  *const_cast<volatile char*>(&anchor) = 1;
  Range found = {nullptr, 0};
  dl_iterate_phdr(keep_if_own, &found);
  return found;
}

#else

extern "C" {
extern unsigned char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));
}

inline Range static_shared() {
  return {__start_cuda_shared, static_cast<std::size_t>(__stop_cuda_shared - __start_cuda_shared)};
}

#endif

// Writes byte by byte, unseen: between two variables the address sanitizer has put places that it guards.
__attribute__((no_sanitize("address"))) inline void poison(Range range) {
  volatile unsigned char* bytes = range.first;
  for (std::size_t k = 0; k < range.bytes; k++) {
    bytes[k] = LEFT_BEHIND;
  }
}

// Shared memory holds what the last block left there, or anything else: nothing to count on.
inline void poison_shared(Range variables) {
  poison(variables);
  std::memset(block.dynamic_shared, LEFT_BEHIND, block.dynamic_bytes);
}

}  // namespace cuda_on_cpu

// One variable for all threads; source.py rewrites the `extern __shared__` ones, which have no size.
#ifndef CUDA_ON_CPU_THREADS
#define __shared__ static thread_local
#else
#define __shared__ static __attribute__((section("cuda_shared")))
#endif
