/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TEST_LDST_BENCH_H
#define POMONA_TEST_LDST_BENCH_H

/* A CPU with a few pages of memory behind real translation tables, and random words of the load and
 * store rows aimed at a given address: what the tests of src/interp/ldst_*.c stand on. */

#include <stdbool.h>
#include <stdint.h>

#include "../../src/a64/cpu.h"
#include "../../src/a64/decode.h"
#include "../../src/a64/mmio.h"
#include "../../src/a64/system.h"

#define BENCH_VA    0x10000000ull /* the first page's virtual address */
#define BENCH_PA    0x40000000ull /* tables, then the pages */
#define BENCH_PAGES 16u

struct bench {
    struct a64_system sys;
    struct a64_cpu *cpu;
    uint8_t *ram; /* three tables and BENCH_PAGES pages */
    uint64_t seed;
};

/* EL0, stage 1 on, 4 KiB pages, everything mapped for reading and writing at EL0. */
void bench_init(struct bench *bench, uint64_t seed);
void bench_free(struct bench *bench);
/* A second CPU of the same system and tables, for tests with threads. */
struct a64_cpu *bench_add_cpu(struct bench *bench);

uint64_t bench_random(struct bench *bench);
/* The bytes at VA, of page (VA - BENCH_VA) >> 12 and those behind it. */
uint8_t *bench_at(struct bench *bench, uint64_t va);
enum bench_map { BENCH_NONE, BENCH_READ_ONLY, BENCH_READ_WRITE };
void bench_map(struct bench *bench, unsigned page, enum bench_map how);

/* Whether ROW is a load or store of this class that user code can execute without keys. */
bool bench_is_memory_row(const struct a64_row *row);
/* A random encoding of ROW with general registers among 0..15 (bases 31 too, transfer registers 31
 * too), and not CONSTRAINED UNPREDICTABLE. */
uint32_t bench_random_word(struct bench *bench, const struct a64_row *row);
/* Random registers; then the base or, for literals, pc such that WORD accesses memory from VA on.
 * The number of bytes. */
unsigned bench_aim(struct bench *bench, uint32_t word, uint64_t va);
/* Decodes and executes WORD at cpu->pc. A64_NEXT or A64_FAULT. */
int bench_run(struct a64_cpu *cpu, uint32_t word);

/* CPU's registers for a64_mmio_*(). */
struct a64_mmio_regs bench_regs(struct a64_cpu *cpu);

#endif
