// CUDA's functions of integers: counts of bits, upper halves of products, shifts of pairs, sums of products.
#pragma once

#include <cstdint>

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }

inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }

// The count of leading zeros of 0 is the width; the compiler's own is undefined there.
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) {
  return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}

inline unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0F0F0F0Fu) | (x & 0x0F0F0F0Fu) << 4;
  return __builtin_bswap32(x);
}

inline unsigned long long __brevll(unsigned long long x) {
  unsigned low = static_cast<unsigned>(x), high = static_cast<unsigned>(x >> 32);
  return static_cast<unsigned long long>(__brev(low)) << 32 | __brev(high);
}

inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<std::int64_t>(a) * b >> 32);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline long long __mul64hi(long long a, long long b) {
  return static_cast<long long>(static_cast<__int128>(a) * b >> 64);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  std::uint64_t pair = static_cast<std::uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(pair << (shift & 31) >> 32);
}

inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  std::uint64_t pair = static_cast<std::uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(pair >> (shift & 31));
}

// Byte k of the result is byte number (selector >> 4k & 7) of the eight of x and y.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  std::uint64_t pair = static_cast<std::uint64_t>(y) << 32 | x;
  unsigned result = 0;
  for (int k = 0; k < 4; k++) {
    unsigned byte = selector >> 4 * k & 7;
    result |= static_cast<unsigned>(pair >> 8 * byte & 0xff) << 8 * k;
  }
  return result;
}

// c + sum over four bytes of a_k b_k, signed bytes or unsigned ones, wrapping as the hardware does.
inline int __dp4a(int a, int b, int c) {
  unsigned sum = static_cast<unsigned>(c);
  for (int k = 0; k < 4; k++) {
    int product = static_cast<std::int8_t>(a >> 8 * k) * static_cast<std::int8_t>(b >> 8 * k);
    sum += static_cast<unsigned>(product);
  }
  return static_cast<int>(sum);
}

inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int k = 0; k < 4; k++) {
    c += (a >> 8 * k & 0xff) * (b >> 8 * k & 0xff);
  }
  return c;
}

// c + a_0 b_k + a_1 b_(k+1), the halves of a by two neighbouring bytes of b, all signed.
inline int dot_of_halves(int a, int b, int c) {
  int low = static_cast<std::int16_t>(a) * static_cast<std::int8_t>(b);
  int high = (a >> 16) * static_cast<std::int8_t>(b >> 8);
  return static_cast<int>(static_cast<unsigned>(c) + low + high);
}

inline int __dp2a_lo(int a, int b, int c) { return dot_of_halves(a, b, c); }
inline int __dp2a_hi(int a, int b, int c) { return dot_of_halves(a, b >> 16, c); }

template <class T>
T __ldg(const T* address) {
  return *address;
}
