// CUDA's short vectors, aligned as on a GPU, where a load of sixteen bytes needs an address that divides
// by sixteen.
#pragma once

#include <cstddef>

namespace cuda_on_cpu {

constexpr std::size_t at_most_16(std::size_t bytes) { return bytes < 16 ? bytes : 16; }

template <class T>
struct alignas(2 * sizeof(T)) Vector2 {
  using Element = T;
  T x, y;
};

template <class T>
struct Vector3 {
  using Element = T;
  T x, y, z;
};

template <class T>
struct alignas(at_most_16(4 * sizeof(T))) Vector4 {
  using Element = T;
  T x, y, z, w;
};

}  // namespace cuda_on_cpu

#define CUDA_ON_CPU_VECTORS(name, type)                                       \
  using name##2 = cuda_on_cpu::Vector2<type>;                                 \
  using name##3 = cuda_on_cpu::Vector3<type>;                                 \
  using name##4 = cuda_on_cpu::Vector4<type>;                                 \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

CUDA_ON_CPU_VECTORS(char, signed char)
CUDA_ON_CPU_VECTORS(uchar, unsigned char)
CUDA_ON_CPU_VECTORS(short, short)
CUDA_ON_CPU_VECTORS(ushort, unsigned short)
CUDA_ON_CPU_VECTORS(int, int)
CUDA_ON_CPU_VECTORS(uint, unsigned)
CUDA_ON_CPU_VECTORS(longlong, long long)
CUDA_ON_CPU_VECTORS(ulonglong, unsigned long long)
CUDA_ON_CPU_VECTORS(float, float)
CUDA_ON_CPU_VECTORS(double, double)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
