// Products of small matrices of bytes by tensor cores, from sm_80 on; the host has its own (tensor.h).

#ifdef CUDA_ON_CPU
using cuda_on_cpu::multiply_bytes;
#elif __CUDA_ARCH__ >= 800

// d += a b of unsigned bytes, by a warp: 16 × 32 by 32 × 8. Lane 4 i + j has d of rows i, i + 8 and columns 2 j,
// 2 j + 1; four terms each of row i (a[0], then a[2]) and of row i + 8 (a[1], a[3]); and those of column i (b, c). It
// is the same terms, whichever they are, for lanes of one j (PTX ISA, "Matrix Fragments for mma.m16n8k32").
__device__ __forceinline__ void multiply_bytes(unsigned (&d)[4], const unsigned (&a)[4], unsigned b, unsigned c) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b), "r"(c));
}

#endif
