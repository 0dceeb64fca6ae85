// CUDA C++ as a library: included before the text of a kernel, it lets an ordinary C++17 compiler compile it.
//
// The threads of a block are fibers, which take turns in an order that is chosen (fibers.h); with
// CUDA_ON_CPU_THREADS they are threads of the machine, for the sanitizers (threads.h). Blocks run one
// after the other. Not here: inline PTX, cooperative groups, streams, textures; of tensor cores, one product.
//
// What this cannot show: misaligned loads of vectors (but the address sanitizer is compiled with a check of
// alignment), memory ordering between blocks, what the GPU's compiler makes of the text, and speed.
#pragma once

#include "block.h"

#ifdef CUDA_ON_CPU_THREADS
#include "threads.h"
#else
#include "fibers.h"
#endif

#include "atomics.h"
#include "cooperation.h"
#include "integers.h"
#include "launch.h"
#include "reals.h"
#include "shared.h"
#include "tensor.h"

#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 800  // the first that has all of what is here
#endif

#define CUDA_ON_CPU

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

#define threadIdx (cuda_on_cpu::self().index)
#define blockIdx (cuda_on_cpu::block.index)
#define blockDim (cuda_on_cpu::block.size)
#define gridDim (cuda_on_cpu::block.grid)
#define warpSize 32

[[noreturn]] inline void cuda_trap(CudaPlace place) {
  cuda_on_cpu::note_failure(place, "thread %u is trapped", cuda_on_cpu::self().rank);
  cuda_on_cpu::stop();
}

#define __trap() cuda_trap(CudaPlace::here())
