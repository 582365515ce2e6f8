// SPDX-License-Identifier: Apache-2.0
#pragma once
// NXM_WIDTHS before a function: it is compiled for several widths of vectors, and the machine's is chosen when the
// program starts. Only GCC, only x86, and not for ThreadSanitizer, which starts after the choice
// (bench/notes/projection.md).

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define NXM_WIDTHS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NXM_WIDTHS
#endif
