// What a warp's tensor cores multiply, by shuffles: each lane hears the rows and columns that it needs.
#pragma once

#include "cooperation.h"
#include "integers.h"

namespace cuda_on_cpu {

// d += a b of unsigned bytes, 16 × 32 by 32 × 8 (PTX ISA, "Matrix Fragments for mma.m16n8k32"): lane 4 i + j has d of
// rows i, i + 8 and columns 2 j, 2 j + 1; four terms of these rows in a[0], a[1], the next in a[2], a[3]; and those of
// column i in b, c.
inline void multiply_bytes(unsigned (&d)[4], const unsigned (&a)[4], unsigned b, unsigned c) {
  int row = lane() / 4 * 4, columns = lane() % 4 * 8;
  for (int part = 0; part < 4; part++) {
    unsigned rows[4], terms[2][2];
    for (int k = 0; k < 4; k++) {
      rows[k] = __shfl_sync(WHOLE_WARP, a[k], row + part);
    }
    for (int e = 0; e < 2; e++) {
      terms[e][0] = __shfl_sync(WHOLE_WARP, b, columns + 4 * e + part);
      terms[e][1] = __shfl_sync(WHOLE_WARP, c, columns + 4 * e + part);
    }
    for (int e = 0; e < 4; e++) {
      d[e] = __dp4a(rows[e / 2], terms[e % 2][0], d[e]);
      d[e] = __dp4a(rows[e / 2 + 2], terms[e % 2][1], d[e]);
    }
  }
}

}  // namespace cuda_on_cpu
