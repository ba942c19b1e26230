/* SPDX-License-Identifier: MIT */

/* What the TLB keeps and drops, and what accesses do at its edges: alignment, page crossings, LDTR,
 * PAN, tags. A translation that the tables no longer hold but that still acts was kept; that is how
 * these tests look into the TLB. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "a64/exception.h"
#include "mmu_rig.h"

#define TABLES GEN_RAM_BASE /* root, then one table a page */
#define DATA   (GEN_RAM_BASE + 0x80000)
#define PAGE   0x1000ull
#define RW     0x0ull
#define USER   (1ull << 6)
#define RO     (1ull << 7)
#define NG     (1ull << 11)
#define CONT   (1ull << 52)
#define DEVICE (1ull << 2)

/* 4K granule, 39 bits in both halves: three levels. */
#define TCR (25ull | 25ull << 16 | 2ull << 30 | 5ull << 32)

struct world {
    struct rig *rig;
    struct a64_cpu *cpu;
    uint64_t next; /* free table */
};

static uint64_t new_table(struct world *w)
{
    const uint64_t pa = w->next;
    w->next += PAGE;
    memset(rig_word(w->rig, pa), 0, PAGE);
    return pa;
}

static void update(struct world *w)
{
    a64_mmu_update(w->cpu);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->rig = rig_new();
    w->cpu = &w->rig->cpu[0];
    w->next = TABLES;
    struct a64_sysregs *sr = &w->cpu->sr;
    sr->ttbr0[1] = new_table(w);
    sr->ttbr1[1] = sr->ttbr0[2] = new_table(w);
    sr->tcr[1] = TCR;
    sr->tcr[2] = 25 | 5 << 16;
    sr->mair[1] = sr->mair[2] = 0x00ff; /* 0: normal, 1: Device */
    sr->sctlr[1] = sr->sctlr[2] = 1;
    update(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    rig_free(w->rig);
    free(w);
    return 0;
}

/* Enters DESC for VA at LEVEL (2 or 3), making the tables above. */
static void map(struct world *w, uint64_t va, unsigned level, uint64_t desc)
{
    uint64_t table = va >> 55 & 1 ? w->cpu->sr.ttbr1[1] : w->cpu->sr.ttbr0[1] & 0xffffffffffffull;
    for (unsigned l = 1; l < level; l++) {
        uint64_t *entry = rig_word(w->rig, table + (va >> (39 - 9 * l) & 511) * 8);
        if (!(*entry & 1))
            *entry = new_table(w) | 3;
        table = *entry & 0xfffffffff000ull;
    }
    *rig_word(w->rig, table + (va >> (39 - 9 * level) & 511) * 8) = desc;
}

static void map_page(struct world *w, uint64_t va, uint64_t pa, uint64_t attributes)
{
    map(w, va, 3, pa | attributes | 1 << 10 | 3);
}

/* The RAM behind VA for reading, as guest-physical address; 0 after a fault. */
static uint64_t where(struct world *w, uint64_t va)
{
    const uint8_t *host = a64_host(w->cpu, va, 1, A64_READ);
    return host ? (uint64_t)(host - w->rig->ram) + GEN_RAM_BASE : 0;
}

static void set_asid(struct world *w, unsigned asid)
{
    struct a64_sysregs *sr = &w->cpu->sr;
    sr->ttbr0[1] = (sr->ttbr0[1] & 0xffffffffffffull) | (uint64_t)asid << 48;
    update(w);
}

static void invalidate(struct world *w, struct a64_tlbi op)
{
    a64_tlb_invalidate(w->cpu, &op);
}

static void invalidate_va(struct world *w, int kind, unsigned asid, uint64_t va, uint64_t size)
{
    invalidate(
        w, (struct a64_tlbi){.kind = kind, .asid = (uint16_t)asid, .start = va, .end = va + size});
}

#define VA 0x400000ull

static void by_address_and_asid(void **state)
{
    struct world *w = *state;
    for (unsigned asid = 1; asid <= 2; asid++) {
        set_asid(w, asid);
        map_page(w, VA, DATA, NG);
        map_page(w, VA + PAGE, DATA, 0);
        assert_int_equal(where(w, VA), DATA);
        assert_int_equal(where(w, VA + PAGE), DATA);
    }
    map_page(w, VA, DATA + PAGE, NG);
    map_page(w, VA + PAGE, DATA + PAGE, 0);
    invalidate_va(w, A64_TLBI_VA, 1, VA, PAGE);
    assert_int_equal(where(w, VA), DATA); /* ASID 2 keeps its own */
    set_asid(w, 1);
    assert_int_equal(where(w, VA), DATA + PAGE);
    assert_int_equal(where(w, VA + PAGE), DATA);
    /* A global page goes whatever the ASID of the operation. */
    invalidate_va(w, A64_TLBI_VA, 77, VA + PAGE, PAGE);
    assert_int_equal(where(w, VA + PAGE), DATA + PAGE);
    set_asid(w, 2);
    assert_int_equal(where(w, VA + PAGE), DATA + PAGE);
    assert_int_equal(where(w, VA), DATA);
    invalidate_va(w, A64_TLBI_VAA, 0, VA, PAGE);
    assert_int_equal(where(w, VA), DATA + PAGE);
}

static void by_asid(void **state)
{
    struct world *w = *state;
    set_asid(w, 5);
    map_page(w, VA, DATA, NG);
    map_page(w, VA + PAGE, DATA, 0);
    where(w, VA), where(w, VA + PAGE);
    map_page(w, VA, DATA + PAGE, NG);
    map_page(w, VA + PAGE, DATA + PAGE, 0);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_ASID, .asid = 6});
    assert_int_equal(where(w, VA), DATA);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_ASID, .asid = 0x105}); /* 8-bit ASIDs */
    assert_int_equal(where(w, VA), DATA + PAGE);
    assert_int_equal(where(w, VA + PAGE), DATA); /* global */
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
    assert_int_equal(where(w, VA + PAGE), DATA + PAGE);
}

static void of_another_vmid_or_regime(void **state)
{
    struct world *w = *state;
    map_page(w, VA, DATA, 0);
    where(w, VA);
    map_page(w, VA, DATA + PAGE, 0);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL, .vmid = 3});
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_ALL, .regime = A64_REGIME_EL2});
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_ALL, .regime = A64_REGIME_EL20});
    assert_int_equal(where(w, VA), DATA);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_ALL, .vmid = 3, .any_vmid = true});
    assert_int_equal(where(w, VA), DATA + PAGE);
}

/* One address of a block or of a contiguous range stands for all of it. */
static void of_a_block(void **state)
{
    struct world *w = *state;
    const uint64_t attributes = 1 << 10 | 1;
    /* RAM lies at the start of its 2 MiB. */
    map(w, 0x600000, 2, (DATA & ~0x1fffffull) | attributes);
    for (unsigned i = 0; i < 16; i++) {
        map_page(w, VA + i * PAGE, DATA + i * PAGE, CONT);
        assert_int_equal(where(w, VA + i * PAGE), DATA + i * PAGE);
        assert_int_equal(where(w, 0x680000 + i * PAGE), DATA + i * PAGE);
    }
    map(w, 0x600000, 2, 0);
    for (unsigned i = 0; i < 16; i++)
        map_page(w, VA + i * PAGE, 0, 0);
    invalidate_va(w, A64_TLBI_VAA, 0, 0x5ff000, PAGE);
    invalidate_va(w, A64_TLBI_VAA, 0, 0x800000, PAGE);
    assert_int_equal(where(w, 0x683000), DATA + 3 * PAGE);
    invalidate_va(w, A64_TLBI_VAA, 0, 0x7ff000, PAGE);
    assert_int_equal(where(w, VA + 7 * PAGE), DATA + 7 * PAGE);
    invalidate_va(w, A64_TLBI_VAA, 0, VA + 0xf000, PAGE);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(where(w, VA + i * PAGE), 0);
        assert_int_equal(where(w, 0x680000 + i * PAGE), 0);
    }
}

static void by_range(void **state)
{
    struct world *w = *state;
    const uint64_t top = 0xfffffffffffff000ull;
    a64_tlb_flush(w->cpu);
    invalidate_va(w, A64_TLBI_VAA, 0, top, PAGE); /* there is nothing, and the loop ends */
    for (unsigned i = 0; i < 8; i++)
        map_page(w, VA + i * PAGE, DATA, 0), where(w, VA + i * PAGE);
    map_page(w, top, DATA, 0), where(w, top);
    for (unsigned i = 0; i < 8; i++)
        map_page(w, VA + i * PAGE, DATA + PAGE, 0);
    map_page(w, top, DATA + PAGE, 0);
    invalidate_va(w, A64_TLBI_VAA, 0, VA + 2 * PAGE, 3 * PAGE);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(where(w, VA + i * PAGE), i >= 2 && i < 5 ? DATA + PAGE : DATA);
    assert_int_equal(where(w, top), DATA);
    invalidate_va(w, A64_TLBI_VAA, 0, top, PAGE); /* ends at 2^64 */
    assert_int_equal(where(w, top), DATA + PAGE);
}

/* More contexts than there are ids: nothing of an old one may act for a new one. */
static void many_contexts(void **state)
{
    struct world *w = *state;
    map_page(w, VA, DATA, NG);
    for (unsigned i = 0; i < 5000; i++) {
        w->cpu->sr.mair[1] = 0xff00ull | (uint64_t)i << 32;
        update(w);
        map_page(w, VA, DATA + (i & 15) * PAGE, NG);
        assert_int_equal(where(w, VA), DATA + (i & 15) * PAGE);
        assert_true(w->cpu->mmu->ctx < 4096);
    }
}

/* Changing EL, PAN or UAO selects other rights at once. */
static void rights_follow_the_state(void **state)
{
    struct world *w = *state;
    struct a64_cpu *cpu = w->cpu;
    map_page(w, VA, DATA, USER | NG);
    map_page(w, VA + PAGE, DATA, NG);
    assert_int_equal(where(w, VA), DATA);
    assert_int_equal(where(w, VA + PAGE), DATA);
    assert_non_null(a64_host(cpu, VA, 4, A64_WRITE | A64_UNPRIV));
    assert_null(a64_host(cpu, VA + PAGE, 4, A64_READ | A64_UNPRIV));
    assert_int_equal(cpu->exc.iss, 0x0f);
    cpu->ps.pan = true;
    update(w);
    assert_int_equal(where(w, VA), 0);
    assert_int_equal(cpu->exc.ec, A64_EC_DABT);
    assert_non_null(a64_host(cpu, VA, 4, A64_READ | A64_UNPRIV)); /* PAN does not stop LDTR */
    cpu->ps.uao = true;
    update(w);
    assert_null(a64_host(cpu, VA, 4, A64_READ | A64_UNPRIV)); /* now a plain load */
    assert_non_null(a64_host(cpu, VA + PAGE, 4, A64_READ | A64_UNPRIV));
    cpu->ps.el = 0;
    update(w);
    assert_int_equal(where(w, VA), DATA);
    assert_int_equal(where(w, VA + PAGE), 0);
    assert_int_equal(cpu->exc.ec, A64_EC_DABT_LOW);
}

/* An atomic's WnR says whether a read would have failed too. */
static void write_not_read(void **state)
{
    struct world *w = *state;
    map_page(w, VA, DATA, RO);
    assert_null(a64_host(w->cpu, VA, 8, A64_READ | A64_WRITE | A64_ATOMIC));
    assert_int_equal(w->cpu->exc.iss, 0x4f);
    assert_null(a64_host(w->cpu, VA + PAGE, 8, A64_READ | A64_WRITE | A64_ATOMIC));
    assert_int_equal(w->cpu->exc.iss, 0x07);
    assert_int_equal(a64_probe(w->cpu, VA + PAGE, 64, A64_READ | A64_CACHEOP), A64_FAULT);
    assert_int_equal(w->cpu->exc.iss, 0x147);
}

static void unaligned(void **state)
{
    struct world *w = *state;
    struct a64_cpu *cpu = w->cpu;
    uint64_t value[2] = {0};
    map_page(w, VA, DATA, 0);
    map_page(w, VA + 2 * PAGE, DATA, DEVICE);
    for (unsigned i = 0; i < 64; i++)
        w->rig->ram[DATA - GEN_RAM_BASE + i] = (uint8_t)i;
    assert_int_equal(a64_ld(cpu, VA + 3, 4, 0, value), A64_NEXT);
    assert_int_equal(value[0], 0x06050403);
    assert_int_equal(a64_ld(cpu, VA + 5, 16, 0, value), A64_NEXT);
    assert_int_equal(value[1], 0x14131211100f0e0dull);
    /* FEAT_LSE2: atomics within 16 bytes, and no further. */
    assert_non_null(a64_host(cpu, VA + 4, 8, A64_READ | A64_WRITE | A64_ATOMIC));
    assert_null(a64_host(cpu, VA + 9, 8, A64_READ | A64_WRITE | A64_ATOMIC));
    assert_int_equal(cpu->exc.iss, 0x21);
    assert_null(a64_host(cpu, VA + 4, 8, A64_READ | A64_ALIGNED));
    assert_int_equal(cpu->exc.far, VA + 4);
    assert_int_equal(a64_ld(cpu, VA + 9, 8, A64_ATOMIC | A64_ACQREL, value), A64_FAULT);
    cpu->sr.sctlr[1] |= 1 << 6; /* nAA */
    update(w);
    assert_int_equal(a64_ld(cpu, VA + 9, 8, A64_ATOMIC | A64_ACQREL, value), A64_NEXT);
    /* Device memory. */
    assert_int_equal(a64_ld(cpu, VA + 2 * PAGE + 4, 4, 0, value), A64_NEXT);
    assert_int_equal(a64_ld(cpu, VA + 2 * PAGE + 2, 4, 0, value), A64_FAULT);
    assert_int_equal(cpu->exc.iss, 0x21);
    assert_int_equal(a64_st(cpu, VA + 2 * PAGE + 1, 2, 0, value), A64_FAULT);
    assert_int_equal(cpu->exc.iss, 0x61);
    assert_null(a64_host(cpu, VA + 2 * PAGE, 64, A64_WRITE));
    assert_non_null(a64_host(cpu, VA, 64, A64_WRITE));
    cpu->sr.sctlr[1] |= 2; /* A */
    update(w);
    assert_int_equal(a64_ld(cpu, VA + 3, 4, 0, value), A64_FAULT);
    /* With stage 1 off all data is Device. */
    cpu->sr.sctlr[1] = 0;
    update(w);
    assert_int_equal(a64_ld(cpu, DATA + 4, 4, 0, value), A64_NEXT);
    assert_int_equal(a64_ld(cpu, DATA + 3, 4, 0, value), A64_FAULT);
}

/* Both pages are checked before a byte is stored; FAR is the first byte that failed. */
static void across_pages(void **state)
{
    struct world *w = *state;
    struct a64_cpu *cpu = w->cpu;
    uint64_t value[2] = {0x1122334455667788ull, 0x99aabbccddeeff00ull}, got[2];
    map_page(w, VA, DATA, 0);
    map_page(w, VA + PAGE, DATA + 4 * PAGE, 0);
    assert_int_equal(a64_st(cpu, VA + PAGE - 3, 8, 0, value), A64_NEXT);
    assert_int_equal(a64_ld(cpu, VA + PAGE - 3, 8, 0, got), A64_NEXT);
    assert_int_equal(got[0], value[0]);
    assert_int_equal(w->rig->ram[DATA - GEN_RAM_BASE + PAGE - 1], 0x66);
    assert_int_equal(w->rig->ram[DATA - GEN_RAM_BASE + 4 * PAGE], 0x55);
    assert_int_equal(a64_st(cpu, VA + PAGE - 9, 16, 0, value), A64_NEXT);
    assert_int_equal(a64_ld(cpu, VA + PAGE - 9, 16, 0, got), A64_NEXT);
    assert_memory_equal(got, value, 16);
    map_page(w, VA + PAGE, DATA + 4 * PAGE, RO);
    a64_tlb_flush(cpu);
    assert_int_equal(a64_st(cpu, VA + PAGE - 2, 4, 0, &(uint32_t){0}), A64_FAULT);
    assert_int_equal(cpu->exc.far, VA + PAGE);
    assert_int_equal(cpu->exc.iss, 0x4f);
    assert_int_equal(a64_ld(cpu, VA + PAGE - 9, 16, 0, got), A64_NEXT);
    assert_memory_equal(got, value, 16);
    assert_int_equal(a64_ld(cpu, VA + 2 * PAGE - 1, 2, 0, got), A64_FAULT);
    assert_int_equal(cpu->exc.far, VA + 2 * PAGE);
}

static void top_byte(void **state)
{
    struct world *w = *state;
    const uint64_t tagged = VA | 0xabull << 56;
    map_page(w, VA, DATA, 0);
    assert_int_equal(where(w, tagged), 0);
    w->cpu->sr.tcr[1] |= 1ull << 37 | 1ull << 51; /* TBI0, TBID0 */
    update(w);
    assert_int_equal(where(w, tagged + 5), DATA + 5);
    assert_int_equal(where(w, VA), DATA);
    uint64_t pa;
    uint32_t word;
    assert_int_equal(a64_fetch(w->cpu, tagged, &word, &pa), A64_FAULT);
    assert_int_equal(w->cpu->exc.iss, 0x04);
    assert_int_equal(a64_fetch(w->cpu, VA, &word, &pa), A64_NEXT);
    assert_int_equal(a64_ld(w->cpu, tagged + PAGE, 4, 0, &pa), A64_FAULT);
    assert_int_equal(w->cpu->exc.far, tagged + PAGE);
}

static void fetches(void **state)
{
    struct world *w = *state;
    uint64_t pa;
    bool guarded;
    map_page(w, VA, DATA, 1ull << 50);
    map_page(w, VA + PAGE, DATA, 1ull << 53);
    assert_non_null(a64_fetch_host(w->cpu, VA + 8, &pa, &guarded));
    assert_int_equal(pa, DATA + 8);
    assert_true(guarded);
    assert_null(a64_fetch_host(w->cpu, VA + PAGE, &pa, &guarded));
    assert_int_equal(w->cpu->exc.ec, A64_EC_IABT);
    assert_int_equal(w->cpu->exc.iss, 0x0f);
    assert_null(a64_fetch_host(w->cpu, VA + 2, &pa, &guarded));
    assert_int_equal(w->cpu->exc.ec, A64_EC_PC_ALIGN);
    assert_int_equal(w->cpu->exc.far, VA + 2);
}

/* The VM's map forbids what the guest's tables allow. */
static void map_permissions(void **state)
{
    struct world *w = *state;
    map_page(w, VA, DATA, 0);
    w->rig->flags[(DATA - GEN_RAM_BASE) / PAGE] = 1;
    assert_int_equal(where(w, VA), DATA);
    assert_int_equal(a64_st(w->cpu, VA + 8, 8, 0, &(uint64_t){1}), A64_FAULT);
    assert_int_equal(w->cpu->exc.kind, A64_EXC_VMEXIT);
    assert_int_equal(w->cpu->exc.iss, 0x4f);
    assert_int_equal(w->cpu->exc.ipa, DATA + 8);
    uint64_t pa;
    bool guarded;
    assert_null(a64_fetch_host(w->cpu, VA, &pa, &guarded));
    assert_int_equal(w->cpu->exc.ec, A64_EC_IABT_LOW);
    w->rig->flags[(DATA - GEN_RAM_BASE) / PAGE] = 0;
    assert_int_equal(where(w, VA), DATA); /* until the map's owner flushes */
    a64_tlb_flush(w->cpu);
    assert_int_equal(where(w, VA), 0);
    assert_int_equal(w->cpu->exc.iss, 0x07);
}

/* A watchpoint stops the accesses to its bytes, and only while it is on. */
static void watchpoints(void **state)
{
    struct world *w = *state;
    struct a64_cpu *cpu = w->cpu;
    uint64_t value;
    map_page(w, VA, DATA, USER);
    cpu->ps.el = 0;
    update(w);
    assert_int_equal(a64_ld(cpu, VA + 8, 8, 0, &value), A64_NEXT);
    cpu->sr.wp[0] = (struct a64_dbg_pair){VA + 8, 0x1ffd}; /* all bytes, loads and stores, EL0 */
    cpu->sr.mdscr_el1 = 1 << 15;
    update(w);
    assert_int_equal(a64_ld(cpu, VA, 8, 0, &value), A64_NEXT);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(a64_ld(cpu, VA + 15, 1, 0, &value), A64_FAULT);
        assert_int_equal(cpu->exc.ec, A64_EC_WATCH_LOW);
        assert_int_equal(cpu->exc.far, VA + 15);
        assert_int_equal(a64_st(cpu, VA + 4, 8, 0, &value), A64_FAULT);
        assert_int_equal(cpu->exc.iss, 0x62);
        assert_null(a64_host(cpu, VA + 8, 4, A64_READ | A64_WRITE));
    }
    cpu->sr.wp[0].control &= ~1ull;
    update(w);
    assert_int_equal(a64_ld(cpu, VA + 15, 1, 0, &value), A64_NEXT);
}

static void physical(void **state)
{
    struct world *w = *state;
    uint8_t out[16];
    for (unsigned i = 0; i < 16; i++)
        w->rig->ram[DATA - GEN_RAM_BASE + PAGE - 8 + i] = (uint8_t)(i * 3);
    assert_true(a64_phys_read(w->cpu, DATA + PAGE - 8, out, 16));
    assert_int_equal(out[15], 45);
    assert_false(a64_phys_read(w->cpu, GEN_RAM_BASE + GEN_RAM_SIZE - 8, out, 16));
}

/* ---- stage 2 ---- */

#define S2_NORMAL (3ull << 6 | 0xfull << 2)

/* Stage 1 off, stage 2 with the tables of VMID. */
static void enter_vm(struct world *w, unsigned vmid, const uint64_t *root)
{
    w->cpu->sr.sctlr[1] = 0;
    w->cpu->sr.hcr_el2 = A64_HCR_VM;
    w->cpu->sr.vtcr_el2 = 25 | 1 << 6 | 5 << 16;
    w->cpu->sr.vttbr_el2 = root[vmid] | (uint64_t)vmid << 48;
    w->cpu->sr.ttbr0[1] = root[vmid]; /* for map() */
    update(w);
}

static void virtual_machines(void **state)
{
    struct world *w = *state;
    const uint64_t root[3] = {0, new_table(w), new_table(w)};
    for (unsigned vmid = 1; vmid <= 2; vmid++) {
        enter_vm(w, vmid, root);
        map_page(w, VA, DATA + vmid * PAGE, S2_NORMAL);
        assert_int_equal(where(w, VA), DATA + vmid * PAGE);
    }
    enter_vm(w, 1, root);
    assert_int_equal(where(w, VA), DATA + PAGE);
    map_page(w, VA, DATA + 3 * PAGE, S2_NORMAL);
    invalidate(w,
               (struct a64_tlbi){.kind = A64_TLBI_IPA, .vmid = 2, .start = VA, .end = VA + PAGE});
    assert_int_equal(where(w, VA), DATA + PAGE);
    invalidate(w,
               (struct a64_tlbi){.kind = A64_TLBI_IPA, .vmid = 1, .start = VA, .end = VA + PAGE});
    assert_int_equal(where(w, VA), DATA + 3 * PAGE);
    map_page(w, VA, DATA, S2_NORMAL & ~(1ull << 7));
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL, .vmid = 1, .stage12 = true});
    assert_null(a64_host(w->cpu, VA + 4, 4, A64_WRITE));
    assert_int_equal(w->cpu->exc.ec, A64_EC_DABT_LOW);
    assert_int_equal(w->cpu->exc.target_el, 2);
    assert_int_equal(w->cpu->exc.iss, 0x4f);
    assert_int_equal(w->cpu->exc.ipa, VA + 4);
    /* The hypervisor's own regime has no stage 2. */
    w->cpu->ps.el = 2;
    w->cpu->sr.sctlr[2] = 0;
    update(w);
    assert_int_equal(where(w, DATA), DATA);
    enter_vm(w, 2, root);
    w->cpu->ps.el = 1;
    update(w);
    assert_int_equal(where(w, VA), DATA + 2 * PAGE);
}

/* ---- coherence ---- */

#define ASIDS 4
#define PAGES 24

struct fuzz {
    struct world *w;
    uint64_t seed;
    uint64_t root[ASIDS];
};

static void enter_asid(struct fuzz *f, unsigned asid)
{
    f->w->cpu->sr.ttbr0[1] = f->root[asid] | (uint64_t)(asid + 1) << 48;
    update(f->w);
}

static uint64_t fuzz_va(unsigned page)
{
    return VA + page * PAGE; /* 16 of a contiguous range, then others */
}

/* Changes one page, or the contiguous range, of one ASID, or of all where it is global. */
static uint64_t change_tables(struct fuzz *f, unsigned page, bool global)
{
    const uint64_t r = gen_random(&f->seed);
    const unsigned first = page < 16 && r & 1 ? 0 : page, count = first == page ? 1 : 16;
    uint64_t attributes = r & (USER | RO | 3ull << 53);
    attributes |= (global ? 0 : NG) | (count == 16 ? CONT : 0);
    for (unsigned i = first; i < first + count; i++)
        map_page(f->w, fuzz_va(i), DATA + (r >> 8 & 15) * PAGE + i * PAGE, attributes);
    if (r >> 60 == 0)
        map_page(f->w, fuzz_va(page), DATA, 0), map(f->w, fuzz_va(page), 3, 0);
    return fuzz_va(first);
}

/* Any operation that covers the change. */
static void invalidate_change(struct fuzz *f, unsigned asid, uint64_t va, bool was_global)
{
    const uint64_t r = gen_random(&f->seed), whole = 16 * PAGE;
    switch (r % (was_global ? 4 : 5)) {
    case 0:
        invalidate_va(f->w, A64_TLBI_VA, asid + 1, va, whole);
        break;
    case 1:
        invalidate_va(f->w, A64_TLBI_VAA, 0, va, whole);
        break;
    case 2:
        invalidate(f->w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
        break;
    case 3:
        invalidate(f->w, (struct a64_tlbi){.kind = A64_TLBI_ALL, .any_vmid = true, .vmid = 9});
        break;
    default:
        invalidate(f->w, (struct a64_tlbi){.kind = A64_TLBI_ASID, .asid = (uint16_t)(asid + 1)});
    }
}

/* What the TLB gives must be what a walk gives. */
static void compare_page(struct fuzz *f, unsigned page)
{
    struct a64_cpu *cpu = f->w->cpu;
    const uint64_t r = gen_random(&f->seed);
    const unsigned access = r & 1 ? A64_READ : A64_WRITE;
    struct a64_walk walk;
    cpu->ps.el = r >> 1 & 1;
    cpu->ps.pan = r >> 2 & 1;
    update(f->w);
    const unsigned pan = cpu->ps.pan ? A64_PAN : 0;
    const int fault =
        a64_walk(cpu, A64_REGIME_EL10, false, !cpu->ps.el, access | pan, fuzz_va(page), &walk);
    const uint8_t *host = a64_host(cpu, fuzz_va(page), 1, access);
    if (fault)
        assert_null(host);
    else
        assert_ptr_equal(host, f->w->rig->ram + (walk.pa - GEN_RAM_BASE));
}

static void coherence(void **state)
{
    struct fuzz f = {.w = *state, .seed = 11};
    bool global[PAGES] = {false};
    for (unsigned asid = 0; asid < ASIDS; asid++)
        f.root[asid] = new_table(f.w);
    for (unsigned step = 0; step < 20000; step++) {
        const unsigned asid = gen_random(&f.seed) % ASIDS, page = gen_random(&f.seed) % PAGES;
        const bool now_global = page >= 20;
        uint64_t va = fuzz_va(page);
        /* A global page is the same for all, so the change is made for all before the invalidation.
         */
        for (unsigned i = 0; i < ASIDS; i++) {
            enter_asid(&f, i);
            const uint64_t seed = f.seed;
            if (now_global || i == asid)
                va = change_tables(&f, page, now_global);
            if (now_global && i + 1 < ASIDS)
                f.seed = seed;
        }
        invalidate_change(&f, asid, va, global[page] || now_global);
        global[page] = now_global;
        for (unsigned i = 0; i < 16; i++) {
            enter_asid(&f, gen_random(&f.seed) % ASIDS);
            compare_page(&f, gen_random(&f.seed) % PAGES);
        }
    }
}

/* ---- runs ---- */

#define RUN 0x900000ull /* where the pages of a run are mapped, from DATA on */

static void map_run(struct world *w, unsigned first, unsigned count, uint64_t attributes)
{
    for (unsigned i = first; i < first + count; i++)
        map_page(w, RUN + i * PAGE, DATA + i * PAGE, attributes);
}

static void unmap_run(struct world *w, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        map(w, RUN + i * PAGE, 3, 0);
}

/* How many pages of the run that PAGE of it is of are known before it and behind it; -1: it is of
 * none. */
static void assert_run(const struct world *w, unsigned page, int before, int behind)
{
    const struct a64_tlb_run *run = a64_tlb_run(w->cpu->mmu, RUN + page * PAGE, w->cpu->mmu->ctx);
    assert_int_equal(run ? (int)((RUN + page * PAGE - run->first) / PAGE) : -1, before);
    assert_int_equal(run ? (int)((run->last - RUN) / PAGE) - (int)page : -1, behind);
}

/* A run ends where the tables, the rights or the memory do not follow on. */
static void runs_end(void **state)
{
    struct world *w = *state;
    map_run(w, 1, 3, 0);
    map_run(w, 4, 8, RO);
    map_run(w, 12, 4, 0);
    map_page(w, RUN + 16 * PAGE, DATA, 0);
    w->rig->flags[(DATA - GEN_RAM_BASE) / PAGE + 7] = 1;
    where(w, RUN + 2 * PAGE);
    assert_run(w, 2, 1, 1);
    where(w, RUN + 5 * PAGE);
    assert_run(w, 5, 1, 1); /* to the page that the map has otherwise */
    where(w, RUN + 13 * PAGE);
    assert_run(w, 13, 1, 2);
    where(w, RUN + 16 * PAGE);
    assert_run(w, 16, -1, -1);
    /* What a run lets through is entered without a walk; the rest is not. */
    unmap_run(w, 12, 4);
    assert_int_equal(where(w, RUN + 15 * PAGE), DATA + 15 * PAGE);
    map_run(w, 4, 1, RO);
    assert_null(a64_host(w->cpu, RUN + 4 * PAGE, 1, A64_WRITE));
}

/* A page that was never asked for is invalidated with the run that it is of. */
static void runs_are_dropped(void **state)
{
    static const int kinds[] = {A64_TLBI_VA, A64_TLBI_VAA, A64_TLBI_ASID, A64_TLBI_VMALL};
    struct world *w = *state;
    set_asid(w, 3);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        map_run(w, 0, 8, NG);
        where(w, RUN + PAGE);
        assert_run(w, 1, 1, 6);
        map_page(w, RUN + 5 * PAGE, DATA, NG);
        invalidate_va(w, kinds[i], 3, RUN + 5 * PAGE, PAGE);
        assert_int_equal(where(w, RUN + 5 * PAGE), DATA);
        invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
    }
}

/* A run of global pages is for every ASID; another is for its own. */
static void runs_and_asids(void **state)
{
    struct world *w = *state;
    for (unsigned global = 0; global < 2; global++) {
        set_asid(w, 1);
        map_run(w, 0, 4, global ? 0 : NG);
        where(w, RUN);
        map_run(w, 8, 4, global ? 0 : NG);
        unmap_run(w, 0, 4);
        set_asid(w, 2);
        assert_int_equal(where(w, RUN + PAGE), global ? DATA + PAGE : 0);
        set_asid(w, 1);
        assert_int_equal(where(w, RUN + 2 * PAGE), DATA + 2 * PAGE);
        invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
        assert_int_equal(where(w, RUN + 3 * PAGE), 0);
    }
}

/* A piece is entered only if all of it is one run, and goes with it. */
static void pieces(void **state)
{
    struct world *w = *state;
    struct a64_mmu *mmu = w->cpu->mmu;
    const unsigned place = a64_run_place(RUN);
    map_run(w, 0, 8, 0);
    where(w, RUN);
    assert_false(a64_tlb_load_piece(mmu, RUN, mmu->ctx));
    w->rig->piece = malloc(1u << A64_RUN_SHIFT);
    map(w, RUN, 2, RIG_PIECE | 1 << 10 | 1);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
    where(w, RUN + PAGE);
    assert_true(a64_tlb_load_piece(mmu, RUN + 5 * PAGE, mmu->ctx));
    assert_int_equal(mmu->piece[0][place].tag, (RUN & ~0x1fffffull) | mmu->ctx);
    assert_int_equal(mmu->piece[1][place].tag, (RUN & ~0x1fffffull) | mmu->ctx);
    invalidate_va(w, A64_TLBI_VA, 0, RUN + 0xff000, PAGE);
    assert_int_equal(mmu->piece[0][place].tag, A64_TLB_NONE);
    assert_int_equal(mmu->piece[1][place].tag, A64_TLB_NONE);
    free(w->rig->piece);
}

/* Whether the table for those who look often has VA for reads, and for writes. */
static void assert_plain(const struct world *w, uint64_t va, bool reads, bool writes)
{
    const struct a64_mmu *mmu = w->cpu->mmu;
    const uint64_t place = a64_plain_place(va, mmu->ctx);
    assert_int_equal(mmu->page[0][place].tag == (va | mmu->ctx), reads);
    assert_int_equal(mmu->page[1][place].tag == (va | mmu->ctx), writes);
}

/* It has no page that the TLB does not have. */
static void plain_pages(void **state)
{
    struct world *w = *state;
    const uint64_t same_place = VA + ((uint64_t)A64_TLB_SIZE << A64_PAGE_SHIFT);
    map_page(w, VA, DATA, 0);
    map_page(w, VA + PAGE, DATA, RO);
    map_page(w, VA + 2 * PAGE, DATA, DEVICE);
    map_page(w, same_place, DATA, 0);
    for (unsigned i = 0; i < 3; i++)
        where(w, VA + i * PAGE);
    assert_plain(w, VA, true, true);
    assert_plain(w, VA + PAGE, true, false);
    assert_plain(w, VA + 2 * PAGE, false, false);
    set_asid(w, 1);
    assert_plain(w, VA, false, false);
    set_asid(w, 0);
    where(w, same_place);
    assert_plain(w, VA, false, false);
    assert_plain(w, same_place, true, true);
    invalidate_va(w, A64_TLBI_VA, 0, same_place, PAGE);
    assert_plain(w, same_place, false, false);
    invalidate(w, (struct a64_tlbi){.kind = A64_TLBI_VMALL});
    assert_plain(w, VA + PAGE, false, false);
    /* Another context's page may take the place of one that the TLB has: its owner puts it back. */
    where(w, VA);
    set_asid(w, 2);
    where(w, VA - (w->cpu->mmu->ctx << A64_PAGE_SHIFT));
    set_asid(w, 0);
    a64_plain_enter(w->cpu->mmu, a64_tlb_slot(w->cpu->mmu, VA, w->cpu->mmu->ctx), VA,
                    w->cpu->mmu->ctx);
    assert_plain(w, VA, true, true);
}

/* ---- brief pages ---- */

/* The entry that serves VA, after a read that had it entered. */
static struct a64_tlb_entry *entered(struct world *w, uint64_t va)
{
    where(w, va);
    return a64_tlb_slot(w->cpu->mmu, va, w->cpu->mmu->ctx);
}

/* Whether invalidating VA for all ASIDs is told to who keeps copies. */
static bool is_told(struct world *w, uint64_t va)
{
    const uint64_t generation = w->cpu->mmu->generation;
    invalidate_va(w, A64_TLBI_VAA, 0, va, PAGE);
    return w->cpu->mmu->generation != generation;
}

/* A page that is invalidated all the time lets no copy be kept, and is told no more, until it is used. */
static void brief(void **state)
{
    struct world *w = *state;
    struct a64_mmu *mmu = w->cpu->mmu;
    map_page(w, VA, DATA, 0);
    for (unsigned i = 0; i < A64_BRIEF_DROPS; i++) {
        assert_int_not_equal(entered(w, VA)->plain_read, A64_TLB_NONE);
        assert_true(is_told(w, VA));
    }
    assert_int_equal(entered(w, VA)->plain_read, A64_TLB_NONE);
    assert_int_equal(entered(w, VA)->plain_write, A64_TLB_NONE);
    map_page(w, VA, DATA + PAGE, 0);
    assert_false(is_told(w, VA));
    assert_int_equal(where(w, VA), DATA + PAGE);
    assert_true(is_told(w, VA + PAGE));
    for (unsigned i = 0; i < A64_BRIEF_USES; i++)
        assert_false(a64_tlb_used(mmu, entered(w, VA), VA, mmu->ctx));
    assert_true(a64_tlb_used(mmu, entered(w, VA), VA, mmu->ctx));
    assert_int_equal(entered(w, VA)->plain_read, entered(w, VA)->read);
    assert_true(is_told(w, VA));
    assert_int_not_equal(entered(w, VA)->plain_read, A64_TLB_NONE);
}

/* What is dropped for one ASID, in another VMID or with a block around it is told always. */
static void not_brief(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 4 * A64_BRIEF_DROPS; i++) {
        const uint64_t before = w->cpu->mmu->generation;
        map_page(w, VA, DATA, NG);
        assert_int_not_equal(entered(w, VA)->plain_read, A64_TLB_NONE);
        invalidate_va(w, A64_TLBI_VA, 0, VA, PAGE);
        const struct a64_tlbi other = {
            .kind = A64_TLBI_VAA, .vmid = (uint16_t)(i & 1), .start = VA, .end = VA + PAGE};
        invalidate(w, other);
        invalidate_va(w, A64_TLBI_VAA, 0, VA, 2 * PAGE);
        assert_int_equal(w->cpu->mmu->generation, before + 3);
    }
}

/* A run ends before a page that is brief. */
static void brief_ends_runs(void **state)
{
    struct world *w = *state;
    map_run(w, 0, 8, 0);
    for (unsigned i = 0; i < A64_BRIEF_DROPS; i++) {
        where(w, RUN + i * PAGE);
        assert_run(w, i, (int)i, 7 - (int)i);
        assert_true(is_told(w, RUN + 4 * PAGE));
    }
    where(w, RUN + 6 * PAGE);
    assert_run(w, 6, 1, 1);
    assert_true(is_told(w, RUN));
    where(w, RUN);
    assert_run(w, 0, 0, 3);
    map_page(w, RUN + 4 * PAGE, DATA, 0);
    assert_false(is_told(w, RUN + 4 * PAGE));
    assert_int_equal(where(w, RUN + 4 * PAGE), DATA);
    assert_run(w, 4, -1, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_end),         TEST(runs_are_dropped),
        TEST(runs_and_asids),   TEST(pieces),
        TEST(plain_pages),      TEST(by_address_and_asid),
        TEST(by_asid),          TEST(of_another_vmid_or_regime),
        TEST(of_a_block),       TEST(by_range),
        TEST(many_contexts),    TEST(rights_follow_the_state),
        TEST(write_not_read),   TEST(unaligned),
        TEST(across_pages),     TEST(top_byte),
        TEST(fetches),          TEST(map_permissions),
        TEST(watchpoints),      TEST(physical),
        TEST(virtual_machines), TEST(coherence),
        TEST(brief),            TEST(not_brief),
        TEST(brief_ends_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
