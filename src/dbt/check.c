/* SPDX-License-Identifier: MIT */
/* Both engines in lockstep: the interpreter runs each block first, on a copy; then translated code
 * runs it, and both must have made the same of registers and memory.
 *
 * The interpreter's run has an MMU of its own whose TLB never lets a store pass, so that each one
 * comes to note_write(), which keeps the page as it was. Its stores are taken back before the
 * translated code runs, and the pages compared behind it. Memory must be this CPU's alone
 * meanwhile: one CPU, or the instruction clock, with which only one runs at a time.
 *
 * Not compared are blocks that cannot be run twice, because they act on more than registers and
 * memory: with system instructions, exclusives (their monitor is the system's), branches to the
 * next instruction (where the two would stop at different places), accesses to devices and whatever
 * else leaves the engine. Stores to a page that the interpreter did not write are not seen as such;
 * what they change is, when it is read. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../a64/dis.h"
#include "internal.h"

#define MAX_PAGES 128u

struct dbt_check {
    struct a64_mmu *mmu; /* of the interpreter's runs */
    uint64_t invalidations; /* of the CPU's own: what was dropped there is dropped here */
    struct a64_cpu before, expected;
    bool comparable;
    uint32_t words[DBT_MAX_INSNS]; /* of the block */
    unsigned count;                /* of pages */
    struct written {
        uint8_t *host;
        uint8_t before[A64_PAGE_MASK + 1], expected[A64_PAGE_MASK + 1];
    } page[MAX_PAGES];
};

/* ---- the pages that the interpreter writes ---- */

static void note_write(void *ctx, void *host)
{
    struct dbt_check *check = ctx;
    uint8_t *page = host;
    for (unsigned i = 0; i < check->count; i++)
        if (check->page[i].host == page)
            return;
    if (check->count == MAX_PAGES)
        abort(); /* a block of 64 instructions writes two pages with each at most */
    struct written *written = &check->page[check->count++];
    written->host = page;
    memcpy(written->before, page, sizeof(written->before));
}

static void take_back(struct dbt_check *check)
{
    for (unsigned i = 0; i < check->count; i++) {
        struct written *page = &check->page[i];
        memcpy(page->expected, page->host, sizeof(page->expected));
        memcpy(page->host, page->before, sizeof(page->before));
    }
}

/* ---- creation ---- */

int dbt_check_create(struct dbt *dbt)
{
    struct a64_cpu *cpu = dbt->cpu;
    if (!cpu->sys->knobs.differs)
        return 0;
    dbt->check = calloc(1, sizeof(*dbt->check));
    if (!dbt->check)
        return -1;
    struct a64_mmu *own = cpu->mmu;
    const int status = a64_mmu_init(cpu);
    dbt->check->mmu = cpu->mmu;
    cpu->mmu = own;
    if (status)
        return -1;
    dbt->check->mmu->note_write = note_write;
    dbt->check->mmu->note_write_ctx = dbt->check;
    return 0;
}

void dbt_check_destroy(struct dbt *dbt)
{
    if (!dbt->check)
        return;
    if (dbt->check->mmu) {
        free(dbt->check->mmu->priv);
        free(dbt->check->mmu);
    }
    free(dbt->check);
    dbt->check = NULL;
}

/* ---- the interpreter's run ---- */

static bool can_repeat(const struct a64_insn *insn)
{
    if (insn->row == A64_ROW_NONE || insn->flags & A64_F_SYS)
        return false;
    return !strstr(a64_rows[insn->row].name, "ldstexcl") &&
           !(insn->flags & A64_F_END && insn->imm == 4);
}

/* Reads the block's words; false: it cannot be run twice. */
static bool all_repeat(struct dbt *dbt, const struct dbt_block *block)
{
    const struct a64_system *sys = dbt->cpu->sys;
    struct a64_page page;
    struct a64_insn insn;
    if (!sys->bus.page(sys->bus.ctx, block->pa & ~A64_PAGE_MASK, &page))
        return false;
    memcpy(dbt->check->words, (const uint8_t *)page.host + (block->pa & A64_PAGE_MASK),
           block->count * 4u);
    for (unsigned i = 0; i < block->count; i++) {
        a64_insn_decode(&insn, dbt->check->words[i], &dbt->cpu->feat);
        if (!can_repeat(&insn))
            return false;
    }
    return true;
}

/* Steps through the block: until something goes elsewhere. False: it left the engine. */
static bool step_through(struct a64_cpu *cpu, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint64_t pc = cpu->pc, retired = cpu->icount;
        if (interp_insn(cpu) != ENGINE_SLICE)
            return false;
        if (cpu->pc != pc + 4 || cpu->icount == retired)
            break;
    }
    return true;
}

/* All of it but what other threads may set at any time. */
static void copy_state(struct a64_cpu *to, const struct a64_cpu *from)
{
    const size_t shared = offsetof(struct a64_cpu, attention),
                 rest = offsetof(struct a64_cpu, icount);
    memcpy(to, from, shared);
    memcpy((char *)to + rest, (const char *)from + rest, sizeof(*to) - rest);
}

void dbt_check_before(struct dbt *dbt, const struct dbt_block *block)
{
    struct dbt_check *check = dbt->check;
    struct a64_cpu *cpu = dbt->cpu;
    check->count = 0;
    check->comparable = !cpu->excl.key && all_repeat(dbt, block);
    if (!check->comparable)
        return;
    copy_state(&check->before, cpu);
    const uint64_t invalidations = cpu->mmu->invalidations;
    cpu->mmu = check->mmu;
    cpu->engine = dbt->interp;
    cpu->slice_end = UINT64_MAX;
    if (cpu->ps.btype) /* of which translated code needs no watch */
        cpu->watch |= A64_F_ANY;
    a64_mmu_update(cpu);
    if (check->invalidations != invalidations)
        a64_tlb_flush(cpu);
    check->invalidations = invalidations;
    check->comparable = step_through(cpu, block->count);
    take_back(check);
    copy_state(&check->expected, cpu);
    copy_state(cpu, &check->before);
}

/* ---- comparing ---- */

struct report {
    FILE *out;
    bool differs;
};

static void compare(struct report *report, const char *name, unsigned n, uint64_t expected,
                    uint64_t found)
{
    if (expected == found)
        return;
    report->differs = true;
    fprintf(report->out, "  %s", name);
    if (n != ~0u)
        fprintf(report->out, "%u", n);
    fprintf(report->out, ": interp %#018" PRIx64 ", dbt %#018" PRIx64 "\n", expected, found);
}

static void compare_registers(struct report *report, const struct a64_cpu *a,
                              const struct a64_cpu *b)
{
    for (unsigned n = 0; n < 31; n++)
        compare(report, "x", n, a->x[n], b->x[n]);
    for (unsigned n = 0; n < 32; n++) {
        compare(report, "low half of v", n, a->v[n].d[0], b->v[n].d[0]);
        compare(report, "high half of v", n, a->v[n].d[1], b->v[n].d[1]);
    }
    compare(report, "sp", ~0u, a->sp, b->sp);
    compare(report, "pc", ~0u, a->pc, b->pc);
    compare(report, "nzcv", ~0u, a->nzcv, b->nzcv);
    compare(report, "fpcr", ~0u, a->fpcr, b->fpcr);
    compare(report, "fpsr", ~0u, a->fpsr, b->fpsr);
    compare(report, "el", ~0u, a->ps.el, b->ps.el);
    compare(report, "btype", ~0u, a->ps.btype, b->ps.btype);
    compare(report, "esr_el1", ~0u, a->sr.esr[1], b->sr.esr[1]);
    compare(report, "far_el1", ~0u, a->sr.far[1], b->sr.far[1]);
    compare(report, "elr_el1", ~0u, a->sr.elr[1], b->sr.elr[1]);
    compare(report, "spsr_el1", ~0u, a->sr.spsr[1], b->sr.spsr[1]);
}

static void compare_memory(struct report *report, const struct dbt_check *check)
{
    for (unsigned i = 0; i < check->count; i++) {
        const struct written *page = &check->page[i];
        for (unsigned at = 0; at < sizeof(page->expected); at += 8) {
            uint64_t expected, found;
            memcpy(&expected, page->expected + at, 8);
            memcpy(&found, page->host + at, 8);
            if (expected == found)
                continue;
            fprintf(report->out, "  page %u, +%#x: ", i, at);
            compare(report, "memory", ~0u, expected, found);
        }
    }
}

/* What ran, and what was made of it. */
static void describe(FILE *out, const struct dbt *dbt, const struct dbt_block *block)
{
    const struct a64_cpu *before = &dbt->check->before;
    for (unsigned i = 0; i < block->count; i++) {
        char text[128];
        a64_disassemble(dbt->check->words[i], before->pc + i * 4, text, sizeof(text));
        fprintf(out, "  %#" PRIx64 ": %08x  %s\n", before->pc + i * 4, dbt->check->words[i], text);
    }
    fprintf(out, "  it began with nzcv %#x, sp %#" PRIx64, before->nzcv, before->sp);
    for (unsigned n = 0; n < 31; n++)
        fprintf(out, "%s x%u %#" PRIx64, n % 4 ? "," : "\n   ", n, before->x[n]);
    fprintf(out, "\n  its code at %p:", (const void *)(dbt->code + block->code));
    for (unsigned i = 0; i < block->code_size; i++)
        fprintf(out, "%s%02x", i % 32 ? " " : "\n    ", dbt->code[block->code + i]);
    fprintf(out, "\n");
}

/* Whether the translated code left before the interpreter did: at a block's start, or behind an
 * instruction that changes what the rest depends on. */
static bool left_early(const struct dbt *dbt)
{
    const struct a64_cpu *cpu = dbt->cpu, *before = &dbt->check->before;
    const uint64_t done = cpu->pc - before->pc,
                   expected = dbt->check->expected.icount - before->icount;
    return dbt->hot->exit == DBT_EXIT_ATTENTION ||
           (dbt->hot->exit == DBT_EXIT_LINK && dbt->links[dbt->hot->exit_arg].single) ||
           (dbt->hot->exit == DBT_EXIT_LOOKUP && done < expected * 4);
}

void dbt_check_after(struct dbt *dbt, const struct dbt_block *block)
{
    struct dbt_check *check = dbt->check;
    const struct a64_cpu *cpu = dbt->cpu;
    char *text = NULL;
    size_t size = 0;
    if (!check->comparable || left_early(dbt))
        return;
    dbt->stats[STAT_CHECKED]++;
    struct report report = {.out = open_memstream(&text, &size)};
    if (!report.out)
        return;
    compare_registers(&report, &check->expected, cpu);
    if (cpu->slice_end != UINT64_MAX)
        compare(&report, "instructions", ~0u, check->expected.icount, cpu->icount);
    compare_memory(&report, check);
    if (report.differs)
        describe(report.out, dbt, block);
    fclose(report.out);
    if (report.differs)
        cpu->sys->knobs.differs(cpu->sys->knobs.differs_ctx, text);
    free(text);
}
