/* SPDX-License-Identifier: MIT */
/* Both engines in lockstep: the interpreter runs each block first, on a copy; then translated code
 * runs it, and both must have made the same of registers and memory.
 *
 * The interpreter's run has an MMU of its own whose TLB never lets a store pass, so that each one
 * comes to note_write(), which keeps the page as it was. Its stores are taken back before the
 * translated code runs, and the pages compared behind it. Memory must be this CPU's alone
 * meanwhile: one CPU, or the instruction clock, with which only one runs at a time.
 *
 * Where they have not, the block's first instructions are run again in the same way, one more each
 * time, to find the one that is wrong; all code is translated anew afterwards.
 *
 * Each block returns to the main loop, so that what belongs to several is not met: strips, turns, and
 * jumps from one to another. Not compared are blocks that cannot be run twice, because they act on more than registers and
 * memory: with system instructions, exclusives (their monitor is the system's), branches to the
 * next instruction (where the two would stop at different places), accesses to devices and whatever
 * else leaves the engine. Stores to a page that the interpreter did not write are not seen as such;
 * what they change is, when it is read. System registers are compared where exceptions write them. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../a64/dis.h"
#include "../a64/exception.h"
#include "../a64/mmu.h"
#include "internal.h"

#define MAX_PAGES 128u

struct dbt_check {
    struct a64_mmu *mmu; /* of the interpreter's runs */
    uint64_t invalidations; /* of the CPU's own: what was dropped there is dropped here */
    struct a64_cpu before, expected, found;
    uint64_t pa; /* of the block, which may be gone when it is told of, and its mode */
    unsigned mode;
    bool comparable;
    uint32_t words[DBT_MAX_INSNS]; /* of the block */
    unsigned count;                /* of pages */
    struct written {
        uint8_t *host;
        uint8_t before[A64_PAGE_MASK + 1], expected[A64_PAGE_MASK + 1], found[A64_PAGE_MASK + 1];
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

/* The interpreter runs COUNT instructions; what it makes of the state is kept, and taken back. */
static bool interpret(struct dbt *dbt, unsigned count)
{
    struct dbt_check *check = dbt->check;
    struct a64_cpu *cpu = dbt->cpu;
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
    const bool stayed = step_through(cpu, count);
    take_back(check);
    copy_state(&check->expected, cpu);
    copy_state(cpu, &check->before);
    return stayed;
}

void dbt_check_before(struct dbt *dbt, const struct dbt_block *block)
{
    struct dbt_check *check = dbt->check;
    struct a64_cpu *cpu = dbt->cpu;
    check->count = 0;
    check->pa = block->pa;
    check->mode = block->mode;
    check->comparable = !cpu->excl.key && all_repeat(dbt, block);
    if (!check->comparable)
        return;
    copy_state(&check->before, cpu);
    check->comparable = interpret(dbt, block->count);
}

/* ---- what is compared ---- */

#define MAX_VALUES 160u
#define ALONE      ~0u

/* A register or a field, with its number, if it has one. */
struct value {
    const char *name;
    unsigned number;
    uint64_t value;
};

struct values {
    struct value value[MAX_VALUES];
    unsigned count;
};

static void add(struct values *values, const char *name, unsigned number, uint64_t value)
{
    if (values->count == MAX_VALUES)
        abort();
    values->value[values->count++] = (struct value){name, number, value};
}

static void add_pstate(struct values *values, const struct a64_pstate *ps)
{
    add(values, "el", ALONE, ps->el);
    add(values, "spsel", ALONE, ps->spsel);
    add(values, "daif", ALONE, ps->daif);
    add(values, "btype", ALONE, ps->btype);
    add(values, "ss", ALONE, ps->ss);
    add(values, "il", ALONE, ps->il);
    add(values, "pan", ALONE, ps->pan);
    add(values, "uao", ALONE, ps->uao);
    add(values, "dit", ALONE, ps->dit);
    add(values, "ssbs", ALONE, ps->ssbs);
    add(values, "tco", ALONE, ps->tco);
}

static void values_of(struct values *values, const struct a64_cpu *cpu)
{
    const unsigned selected = cpu->ps.spsel ? cpu->ps.el : 0;
    values->count = 0;
    for (unsigned n = 0; n < 31; n++)
        add(values, "x", n, cpu->x[n]);
    for (unsigned n = 0; n < 32; n++) {
        add(values, "low half of v", n, cpu->v[n].d[0]);
        add(values, "high half of v", n, cpu->v[n].d[1]);
    }
    add(values, "sp", ALONE, cpu->sp);
    for (unsigned el = 0; el < 3; el++)
        add(values, "sp_el", el, el == selected ? cpu->sp : cpu->sp_el[el]);
    add(values, "pc", ALONE, cpu->pc);
    add(values, "nzcv", ALONE, cpu->nzcv);
    add(values, "fpcr", ALONE, cpu->fpcr);
    add(values, "fpsr", ALONE, cpu->fpsr);
    add_pstate(values, &cpu->ps);
    for (unsigned el = 1; el < 3; el++) {
        add(values, "esr_el", el, cpu->sr.esr[el]);
        add(values, "far_el", el, cpu->sr.far[el]);
        add(values, "elr_el", el, cpu->sr.elr[el]);
        add(values, "spsr_el", el, cpu->sr.spsr[el]);
    }
    add(values, "hpfar_el", 2, cpu->sr.hpfar_el2);
}

/* ---- comparing ---- */

static const char *name_of(const struct value *value, char name[24])
{
    if (value->number == ALONE)
        return value->name;
    snprintf(name, 24, "%s%u", value->name, value->number);
    return name;
}

static void tell(FILE *out, const char *name, uint64_t expected, uint64_t found)
{
    if (out)
        fprintf(out, "  %s: interp %#018" PRIx64 ", dbt %#018" PRIx64 "\n", name, expected, found);
}

/* Whether the values in registers differ; each that does is told to OUT, if any. */
static bool registers_differ(const struct a64_cpu *expected, const struct a64_cpu *found, FILE *out)
{
    struct values a, b;
    char name[24];
    bool differ = false;
    values_of(&a, expected);
    values_of(&b, found);
    for (unsigned i = 0; i < a.count; i++) {
        if (a.value[i].value == b.value[i].value)
            continue;
        differ = true;
        tell(out, name_of(&a.value[i], name), a.value[i].value, b.value[i].value);
    }
    return differ;
}

/* Whether the memory that the interpreter wrote differs from what is there. */
static bool memory_differs(const struct dbt_check *check, FILE *out)
{
    bool differs = false;
    for (unsigned i = 0; i < check->count; i++) {
        const struct written *page = &check->page[i];
        for (unsigned at = 0; at < sizeof(page->expected); at += 8) {
            uint64_t expected, found;
            memcpy(&expected, page->expected + at, 8);
            memcpy(&found, page->host + at, 8);
            if (expected == found)
                continue;
            differs = true;
            if (out)
                fprintf(out, "  page %u, +%#x: ", i, at);
            tell(out, "memory", expected, found);
        }
    }
    return differs;
}

/* ---- the report ---- */

static void print_insn(FILE *out, const struct dbt_check *check, unsigned i)
{
    const uint64_t at = check->before.pc + i * 4;
    char text[128];
    a64_disassemble(check->words[i], at, text, sizeof(text));
    fprintf(out, "  %#" PRIx64 ": %08x  %s\n", at, check->words[i], text);
}

/* All that is compared: before the block, and what each engine made of it. */
static void print_states(FILE *out, const struct dbt_check *check)
{
    struct values before, expected, found;
    char name[24];
    values_of(&before, &check->before);
    values_of(&expected, &check->expected);
    values_of(&found, &check->found);
    fprintf(out, "  %-18s %18s %18s %18s\n", "the states:", "before", "interp", "dbt");
    for (unsigned i = 0; i < before.count; i++) {
        const uint64_t a = expected.value[i].value, b = found.value[i].value;
        fprintf(out, "  %-18s %#18" PRIx64 " %#18" PRIx64 " %#18" PRIx64 "%s\n",
                name_of(&before.value[i], name), before.value[i].value, a, b, a != b ? " <" : "");
    }
}

/* What ran, and what was made of it. */
static void describe(FILE *out, const struct dbt *dbt, const struct dbt_block *block)
{
    fprintf(out, "  the block:\n");
    for (unsigned i = 0; i < block->count; i++)
        print_insn(out, dbt->check, i);
    print_states(out, dbt->check);
    fprintf(out, "  its code at %p:", (const void *)(dbt->code + block->code));
    for (unsigned i = 0; i < block->code_size; i++)
        fprintf(out, "%s%02x", i % 32 ? " " : "\n    ", dbt->code[block->code + i]);
    fprintf(out, "\n");
}

/* ---- which instruction it is ---- */

/* To where the block began. */
static void go_back(struct dbt *dbt)
{
    struct dbt_check *check = dbt->check;
    for (unsigned i = 0; i < check->count; i++)
        memcpy(check->page[i].host, check->page[i].before, sizeof(check->page[i].before));
    copy_state(dbt->cpu, &check->before);
    a64_mmu_update(dbt->cpu);
}

/* Translated code runs the block's first COUNT instructions. False: there is none, or it did not run them. */
static bool run_first(struct dbt *dbt, const uint32_t *page, unsigned count)
{
    const struct dbt_hot *hot = dbt->hot;
    enum engine_stop stop;
    const uint32_t code = dbt_translate_first(dbt, dbt->check->pa, page, dbt->check->mode, count);
    if (!code)
        return false;
    dbt_follow(dbt, dbt_mode(dbt->cpu));
    dbt_run_code(dbt, code);
    if (hot->exit == DBT_EXIT_STATUS)
        dbt_follow_status(dbt, &stop);
    return hot->exit != DBT_EXIT_ATTENTION;
}

/* How many of the block's first COUNT instructions it takes to see a difference; 0: it is not seen again. */
static unsigned find_first(struct dbt *dbt, unsigned count)
{
    struct dbt_check *check = dbt->check;
    struct a64_page at;
    unsigned found = 0;
    if (!dbt->cpu->sys->bus.page(dbt->cpu->sys->bus.ctx, check->pa & ~A64_PAGE_MASK, &at))
        return 0;
    for (unsigned n = 1; n <= count && !found; n++) {
        go_back(dbt);
        if (!interpret(dbt, n))
            break;
        a64_mmu_update(dbt->cpu);
        if (run_first(dbt, at.host, n) &&
            (registers_differ(&check->expected, dbt->cpu, NULL) || memory_differs(check, NULL)))
            found = n;
    }
    return found;
}

/* Says which instruction it is, and leaves all as it was. */
static void name_first(struct dbt *dbt, FILE *out, unsigned count)
{
    struct dbt_check *check = dbt->check;
    struct a64_cpu *cpu = dbt->cpu;
    const uint32_t attention = atomic_exchange(&cpu->attention, 0);
    for (unsigned i = 0; i < check->count; i++)
        memcpy(check->page[i].found, check->page[i].host, sizeof(check->page[i].found));
    const unsigned first = find_first(dbt, count);
    for (unsigned i = 0; i < check->count; i++)
        memcpy(check->page[i].host, check->page[i].found, sizeof(check->page[i].found));
    copy_state(cpu, &check->found);
    a64_mmu_update(cpu);
    dbt_flush(dbt);
    atomic_fetch_or(&cpu->attention, attention);
    if (!first) {
        fprintf(out, "  the engines agree on each of its instructions when it is translated again\n");
        return;
    }
    fprintf(out, "  the first instruction that differs%s:\n", first == count && count > 1 ? ", or differs with those before it" : "");
    print_insn(out, check, first - 1);
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

static bool counts_differ(const struct dbt_check *check, const struct a64_cpu *found)
{
    return found->slice_end != UINT64_MAX && check->expected.icount != found->icount;
}

/* In several lines, for the caller to free; NULL: no memory. */
static char *report(struct dbt *dbt, const struct dbt_block *block)
{
    struct dbt_check *check = dbt->check;
    const unsigned count = block->count;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    registers_differ(&check->expected, &check->found, out);
    if (counts_differ(check, &check->found))
        tell(out, "instructions", check->expected.icount, check->found.icount);
    memory_differs(check, out);
    describe(out, dbt, block);
    name_first(dbt, out, count);
    fclose(out);
    return text;
}

void dbt_check_after(struct dbt *dbt, const struct dbt_block *block)
{
    struct dbt_check *check = dbt->check;
    struct a64_cpu *cpu = dbt->cpu;
    if (!check->comparable || left_early(dbt)) {
        dbt->stats[STAT_NOT_CHECKED]++;
        return;
    }
    dbt->stats[STAT_CHECKED]++;
    if (!registers_differ(&check->expected, cpu, NULL) && !counts_differ(check, cpu) && !memory_differs(check, NULL))
        return;
    copy_state(&check->found, cpu);
    char *text = report(dbt, block);
    if (text)
        cpu->sys->knobs.differs(cpu->sys->knobs.differs_ctx, text);
    free(text);
}
