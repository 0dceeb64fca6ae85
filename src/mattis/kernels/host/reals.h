// CUDA's functions of real numbers whose bits IEEE 754 decides.
//
// Left out on purpose: __expf, __logf, __fdividef, rsqrtf and their like, whose bits only a GPU knows.
// exp, log and the rest of libm are here and on a GPU, but differ in the last bits: exact kernels call
// none of them.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace cuda_on_cpu {

template <class To, class From>
To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// Conversions to integers end at the largest and the smallest, and make 0 of what is not a number.
template <class To>
To saturated(double whole) {
  using Limits = std::numeric_limits<To>;
  if (whole != whole) {
    return 0;
  }
  if (whole <= static_cast<double>(Limits::min())) {
    return Limits::min();
  }
  return whole >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<To>(whole);
}

}  // namespace cuda_on_cpu

inline int __float_as_int(float x) { return cuda_on_cpu::same_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return cuda_on_cpu::same_bits<unsigned>(x); }
inline float __int_as_float(int x) { return cuda_on_cpu::same_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return cuda_on_cpu::same_bits<float>(x); }
inline long long __double_as_longlong(double x) { return cuda_on_cpu::same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cuda_on_cpu::same_bits<double>(x); }
inline int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
inline int __double2hiint(double x) { return static_cast<int>(__double_as_longlong(x) >> 32); }
inline double __hiloint2double(int high, int low) {
  unsigned long long bits = static_cast<unsigned long long>(static_cast<unsigned>(high)) << 32;
  return cuda_on_cpu::same_bits<double>(bits | static_cast<unsigned>(low));
}

// Rounded to the nearest, ties to even, and never joined to a fused operation (-ffp-contract=off).
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline double __drcp_rn(double a) { return 1.0 / a; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// From floating point to integers: rn to the nearest, rd down, ru up, rz towards zero.
#define CUDA_ON_CPU_TO_INTEGER(from, name, type)                                       \
  inline type __##name##_rn(from x) { return cuda_on_cpu::saturated<type>(rint(x)); }  \
  inline type __##name##_rd(from x) { return cuda_on_cpu::saturated<type>(floor(x)); } \
  inline type __##name##_ru(from x) { return cuda_on_cpu::saturated<type>(ceil(x)); }  \
  inline type __##name##_rz(from x) { return cuda_on_cpu::saturated<type>(trunc(x)); }

CUDA_ON_CPU_TO_INTEGER(float, float2int, int)
CUDA_ON_CPU_TO_INTEGER(float, float2uint, unsigned)
CUDA_ON_CPU_TO_INTEGER(float, float2ll, long long)
CUDA_ON_CPU_TO_INTEGER(double, double2int, int)
CUDA_ON_CPU_TO_INTEGER(double, double2uint, unsigned)
CUDA_ON_CPU_TO_INTEGER(double, double2ll, long long)

inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __ll2float_rn(long long x) { return static_cast<float>(x); }
inline float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }
inline double __ll2double_rn(long long x) { return static_cast<double>(x); }
inline double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }

// Of two numbers of any types, as CUDA has it; of a number and of what is none, the number.
template <class A, class B, class T = std::common_type_t<A, B>>
T min(A a, B b) {
  if constexpr (std::is_floating_point_v<T>) {
    return ::fmin(static_cast<T>(a), static_cast<T>(b));
  } else {
    return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(a) : static_cast<T>(b);
  }
}

template <class A, class B, class T = std::common_type_t<A, B>>
T max(A a, B b) {
  if constexpr (std::is_floating_point_v<T>) {
    return ::fmax(static_cast<T>(a), static_cast<T>(b));
  } else {
    return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
  }
}
