/* SPDX-License-Identifier: MIT */
#include "mmu_rig.h"

#include <stdlib.h>

static bool page(void *ctx, uint64_t pa, struct a64_page *out)
{
    struct rig *rig = ctx;
    const uint64_t place = pa - RIG_PIECE, size = 1ull << A64_RUN_SHIFT;
    if (rig->piece && place < size) {
        *out = (struct a64_page){rig->piece + place, 7, place, size - A64_PAGE_MASK - 1 - place};
        return true;
    }
    if (pa < GEN_RAM_BASE || pa >= GEN_RAM_BASE + GEN_RAM_SIZE)
        return false;
    const uint64_t page = (pa - GEN_RAM_BASE) >> A64_PAGE_SHIFT;
    const uint8_t flags = rig->flags[page];
    uint64_t first = page, last = page;
    while (first && rig->flags[first - 1] == flags)
        first--;
    while (last + 1 < RIG_PAGES && rig->flags[last + 1] == flags)
        last++;
    *out = (struct a64_page){
        .host = rig->ram + (pa - GEN_RAM_BASE),
        .flags = flags,
        .before = (page - first) << A64_PAGE_SHIFT,
        .behind = (last - page) << A64_PAGE_SHIFT,
    };
    return flags;
}

struct rig *rig_new(void)
{
    static const enum a64_feat feats[] = {
        A64_FEAT_BASE, A64_FEAT_EL2,  A64_FEAT_VHE,   A64_FEAT_PAN,  A64_FEAT_UAO, A64_FEAT_HPDS,
        A64_FEAT_XNX,  A64_FEAT_E0PD, A64_FEAT_S2FWB, A64_FEAT_LSE2, A64_FEAT_BTI,
    };
    struct rig *rig = calloc(1, sizeof *rig);
    rig->ram = aligned_alloc(0x10000, GEN_RAM_SIZE);
    memset(rig->ram, 0, GEN_RAM_SIZE);
    memset(rig->flags, 7, sizeof rig->flags);
    rig->sys.bus = (struct a64_bus){.page = page, .ctx = rig};
    a64_broadcast_create(&rig->sys);
    for (unsigned i = 0; i < RIG_CPUS; i++) {
        struct a64_cpu *cpu = &rig->cpu[i];
        for (unsigned f = 0; f < sizeof feats / sizeof *feats; f++)
            a64_feature_add(&cpu->feat, feats[f]);
        cpu->sys = &rig->sys;
        cpu->index = i;
        cpu->ps.el = 1;
        rig->sys.cpus[i] = cpu;
        a64_mmu_init(cpu);
        cpu->mmu->pa_bits = 48;
    }
    return rig;
}

void rig_free(struct rig *rig)
{
    for (unsigned i = 0; i < RIG_CPUS; i++)
        a64_mmu_free(&rig->cpu[i]);
    a64_broadcast_destroy(&rig->sys);
    free(rig->ram);
    free(rig);
}

void rig_load(struct a64_cpu *cpu, const struct gen_case *c)
{
    struct a64_sysregs *sr = &cpu->sr;
    sr->sctlr[1] = c->sctlr_el1, sr->sctlr[2] = c->sctlr_el2;
    sr->tcr[1] = c->tcr_el1, sr->tcr[2] = c->tcr_el2;
    sr->ttbr0[1] = c->ttbr0_el1, sr->ttbr0[2] = c->ttbr0_el2;
    sr->ttbr1[1] = c->ttbr1_el1, sr->ttbr1[2] = c->ttbr1_el2;
    sr->mair[1] = c->mair_el1, sr->mair[2] = c->mair_el2;
    sr->hcr_el2 = c->hcr_el2, sr->vtcr_el2 = c->vtcr_el2, sr->vttbr_el2 = c->vttbr_el2;
    a64_mmu_update(cpu);
}

uint64_t *rig_word(struct rig *rig, uint64_t pa)
{
    return (uint64_t *)(void *)(rig->ram + (pa - GEN_RAM_BASE));
}
