/* SPDX-License-Identifier: MIT */

/* What the MMU costs, in nanoseconds of this host: hits, misses, maintenance, changes of state. Not
 * a test. */

#include <stdio.h>
#include <time.h>

#include "mmu_rig.h"

#define PAGE  0x1000ull
#define VA    0x400000ull
#define COUNT 2000000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define MEASURE(what, count, statement)                                                            \
    do {                                                                                           \
        const double start = now();                                                                \
        for (unsigned i = 0; i < (count); i++)                                                     \
            statement;                                                                             \
        printf("%-44s %8.2f ns\n", what, (now() - start) / (count));                               \
    } while (0)

/* 128 pages of 4K at VA, four levels; all map the same RAM. */
static void make_tables(struct rig *rig, struct a64_cpu *cpu)
{
    for (unsigned level = 0; level < 3; level++) {
        const uint64_t table = GEN_RAM_BASE + level * PAGE;
        *rig_word(rig, table + (VA >> (39 - 9 * level) & 511) * 8) = (table + PAGE) | 3;
    }
    for (unsigned i = 0; i < 128; i++)
        rig_word(rig, GEN_RAM_BASE + 3 * PAGE)[i] = (GEN_RAM_BASE + 0x80000) | 0xc03;
    cpu->sr.sctlr[1] = 1;
    cpu->sr.mair[1] = 0xff;
    cpu->sr.tcr[1] = 16 | 16 << 16 | 2u << 30 | 5ull << 32;
    cpu->sr.ttbr0[1] = GEN_RAM_BASE;
    a64_mmu_update(cpu);
}

int main(void)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t value = 0, sum = 0, pa;
    bool guarded;
    const struct a64_tlbi va = {.kind = A64_TLBI_VA, .start = VA, .end = VA + PAGE};
    make_tables(rig, cpu);
    MEASURE("load, hit", COUNT,
            (sum += (unsigned)a64_ld(cpu, VA + (i & 0xff8), 8, 0, &value) + value));
    MEASURE("load, hit, each depends on the one before", COUNT,
            (a64_ld(cpu, VA + ((i + value) & 0x7f8), 8, 0, &value)));
    MEASURE("store, hit", COUNT, (a64_st(cpu, VA + (i & 0xff8), 8, 0, &sum)));
    MEASURE("load, hit, unaligned", COUNT, (a64_ld(cpu, VA + 1 + (i & 0x7f8), 8, 0, &value)));
    MEASURE("load, hit, across pages", COUNT, (a64_ld(cpu, VA + PAGE - 3, 8, 0, &value)));
    MEASURE("fetch of a page, hit", COUNT, (a64_fetch_host(cpu, VA, &pa, &guarded)));
    MEASURE("load, miss, four levels", COUNT / 10,
            (a64_tlb_slot(cpu->mmu, VA, cpu->mmu->ctx)->read = A64_TLB_NONE,
             a64_ld(cpu, VA, 8, 0, &value)));
    MEASURE("change of EL or PAN", COUNT, (cpu->ps.pan = i & 1, a64_mmu_update(cpu)));
    MEASURE("change of ASID, 64 in turn", COUNT,
            (cpu->sr.ttbr0[1] = GEN_RAM_BASE | (uint64_t)(i & 63) << 48, a64_mmu_update(cpu)));
    for (unsigned i = 0; i < 128; i++)
        a64_ld(cpu, VA + i * PAGE, 8, 0, &value);
    MEASURE("TLBI by address", COUNT / 100, (a64_tlb_invalidate(cpu, &va)));
    MEASURE("TLBI by address, broadcast, alone", COUNT / 100,
            (a64_tlbi_broadcast(cpu, &va), a64_tlbi_wait(cpu)));
    printf("(%d)\n", (int)(sum & 1));
    rig_free(rig);
    return 0;
}
