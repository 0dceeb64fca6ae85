// Atomic updates of global and shared memory: each returns what was there before, and orders nothing else.
#pragma once

#include <cstdint>

namespace cuda_on_cpu {

// The second argument of an atomic is converted to the type of the first, and does not decide it.
template <class T>
struct Same {
  using Type = T;
};

template <class T>
using As = typename Same<T>::Type;

// Puts change(old) in the place of old.
template <class T, class Change>
T update(T* address, Change change) {
  T old, next;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    next = change(old);
  } while (
      !__atomic_compare_exchange(address, &old, &next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace cuda_on_cpu

template <class T>
T atomicAdd(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return static_cast<T>(old + value); });
}

template <class T>
T atomicSub(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return static_cast<T>(old - value); });
}

template <class T>
T atomicMin(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return value < old ? value : old; });
}

template <class T>
T atomicMax(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return value > old ? value : old; });
}

template <class T>
T atomicAnd(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return old & value; });
}

template <class T>
T atomicOr(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return old | value; });
}

template <class T>
T atomicXor(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return old ^ value; });
}

template <class T>
T atomicExch(T* address, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T) { return value; });
}

template <class T>
T atomicCAS(T* address, cuda_on_cpu::As<T> expected, cuda_on_cpu::As<T> value) {
  return cuda_on_cpu::update(address, [=](T old) { return old == expected ? value : old; });
}

inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return cuda_on_cpu::update(address, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}

inline unsigned atomicDec(unsigned* address, unsigned limit) {
  return cuda_on_cpu::update(
      address, [=](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
