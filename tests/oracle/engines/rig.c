/* SPDX-License-Identifier: MIT */
/* Two CPUs that must agree: their memory and translation tables, running them, comparing them.
 *
 * The data pages alternate between plain memory and everything that faults, so that accesses across
 * page borders meet all combinations; their physical pages are in another order than their virtual
 * ones. Both halves of the address space use the same tables. */

#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "a64/broadcast.h"
#include "a64/debug.h"
#include "a64/decode.h"
#include "a64/exception.h"
#include "a64/mmu.h"
#include "a64/model.h"
#include "a64/monitor.h"
#include "a64/timer.h"

const enum rig_page rig_pages[RIG_PAGES] = {
    RIG_RW, RIG_RW,     RIG_RO, RIG_RW,     RIG_NONE, RIG_RW,
    RIG_RW, RIG_DEVICE, RIG_RW, RIG_NO_RAM, RIG_RW,   RIG_PRIVILEGED,
};
/* Where each lies among the data's physical pages. */
static const uint8_t physical[RIG_PAGES] = {3, 7, 1, 10, 0, 5, 9, 2, 11, 4, 8, 6};

/* Tables, from RIG_RAM: 16 KiB granule, then 4 KiB granule. */
#define BIG_DATA      (RIG_RAM + 0x4000)
#define BIG_CODE      (RIG_RAM + 0x8000)
#define SMALL_L2_LOW  (RIG_RAM + 0xd000)
#define SMALL_L2_HIGH (RIG_RAM + 0xe000)
#define SMALL_DATA    (RIG_RAM + 0xf000)
#define SMALL_CODE    (RIG_RAM + 0x10000)

#define MAIR 0x04ffull /* normal write-back; Device-nGnRE */

#define TCR_SMALL (25ull | 25ull << 16 | 2ull << 30 | 1ull << 32) /* 39 bits, 4 KiB, 36-bit PA */
#define TCR_BIG   (28ull | 28ull << 16 | 2ull << 14 | 1ull << 30 | 1ull << 32)

#define SCTLR_M    1ull
#define CPACR_NONE (3ull << 20)
#define MDSCR_KDE  (1ull << 13)
#define MDSCR_MDE  (1ull << 15)
#define WATCH_ALL  0x1fffull /* loads and stores of eight bytes, EL0 and EL1 */
#define BREAK_ALL  0x1e7ull
#define DAIF_D     8u
#define ALL_MASKED 15u

uint64_t rig_random(struct rig *rig)
{
    uint64_t z = rig->seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* ---- the world around a CPU ---- */

static bool bus_page(void *ctx, uint64_t pa, struct a64_page *out)
{
    struct rig_side *side = ctx;
    if (pa - RIG_RAM >= RIG_SIZE)
        return false;
    const uint64_t before = pa - RIG_RAM;
    *out = (struct a64_page){
        .host = side->ram + before,
        .flags = 7,
        .before = before,
        .behind = RIG_SIZE - A64_PAGE_MASK - 1 - before,
    };
    return true;
}

static uint64_t insn_now(struct a64_cpu *cpu)
{
    return cpu->icount / RIG_INSNS_PER_TICK;
}

static uint64_t insn_at(struct a64_cpu *cpu, uint64_t ticks)
{
    return ticks > ~0ull / RIG_INSNS_PER_TICK ? ~0ull : ticks * RIG_INSNS_PER_TICK;
}

/* The timers want to be looked at in time. */
static void insn_deadline(struct a64_cpu *cpu, uint64_t ticks)
{
    struct rig_side *side = cpu->sys->clock.ctx;
    side->deadline = ticks;
    const uint64_t at = insn_at(cpu, ticks);
    cpu->slice_end = at < side->limit ? at : side->limit;
}

static uint64_t no_time(struct a64_cpu *cpu)
{
    return 1000;
}

static void no_kick(struct a64_cpu *cpu)
{
}

/* The virtual timer's wire is the IRQ line. */
static void wire(struct a64_cpu *cpu, unsigned intid, bool level)
{
    if (intid == 27)
        a64_set_line(cpu, A64_LINE_IRQ, level);
}

/* ---- creation ---- */

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(2);
}

static const struct hv_engine *find_engine(const char *name)
{
    if (!strcmp(name, rig_planted.name))
        return &rig_planted;
    const struct hv_engine *engine = hv_engine_find(name);
    if (!engine)
        fail("no such engine", name);
    return engine;
}

/* Memory that the translator may map a second time (src/dbt/window.c). */
static void *shared_zero(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("out of memory", "rig");
    return memory;
}

static void *aligned_zero(size_t align, size_t size)
{
    size = (size + align - 1) & ~(align - 1);
    void *memory = aligned_alloc(align, size);
    if (!memory)
        fail("out of memory", "rig");
    return memset(memory, 0, size);
}

void rig_put_entry(struct rig_side *side, uint64_t pa, uint64_t index, uint64_t descriptor)
{
    memcpy(rig_at(side, pa + index * 8), &descriptor, 8);
}

/* The descriptor of data page N. */
static uint64_t data_descriptor(unsigned n, unsigned size)
{
    const uint64_t pa = RIG_DATA + (uint64_t)physical[n] * size;
    const uint64_t common = DESC_PAGE | DESC_NG | DESC_XN;
    switch (rig_pages[n]) {
    case RIG_NONE:
        return 0;
    case RIG_RO:
        return pa | common | DESC_AF | DESC_EL0 | DESC_RO;
    case RIG_PRIVILEGED:
        return pa | common | DESC_AF;
    case RIG_DEVICE:
        return pa | common | DESC_AF | DESC_EL0 | DESC_ATTR1;
    case RIG_NO_RAM:
        return (RIG_MMIO + (uint64_t)n * size) | common | DESC_AF | DESC_EL0 | DESC_ATTR1;
    case RIG_OLD:
        return pa | common | DESC_EL0;
    case RIG_RW:
        break;
    }
    return pa | common | DESC_AF | DESC_EL0;
}

static void make_tables(struct rig_side *side, uint64_t guarded)
{
    const uint64_t code = DESC_PAGE | DESC_AF | DESC_EL0 | DESC_RO | guarded;
    const uint64_t first = RIG_VECTORS - RIG_RAM, end = RIG_CODE + RIG_CODE_SIZE - RIG_RAM;
    rig_put_entry(side, RIG_BIG_L2, RIG_DATA_VA >> 25, BIG_DATA | DESC_TABLE);
    rig_put_entry(side, RIG_BIG_L2, RIG_RAM >> 25, BIG_CODE | DESC_TABLE);
    rig_put_entry(side, RIG_SMALL_L1, 0, SMALL_L2_LOW | DESC_TABLE);
    rig_put_entry(side, RIG_SMALL_L1, RIG_RAM >> 30, SMALL_L2_HIGH | DESC_TABLE);
    rig_put_entry(side, SMALL_L2_LOW, RIG_DATA_VA >> 21, SMALL_DATA | DESC_TABLE);
    rig_put_entry(side, SMALL_L2_HIGH, 0, SMALL_CODE | DESC_TABLE);
    for (unsigned n = 0; n < RIG_PAGES; n++) {
        rig_put_entry(side, BIG_DATA, n, data_descriptor(n, 0x4000));
        rig_put_entry(side, SMALL_DATA, n, data_descriptor(n, 0x1000));
    }
    for (uint64_t at = first; at < end; at += 0x1000) {
        rig_put_entry(side, SMALL_CODE, at >> 12, (RIG_RAM + at) | code);
        rig_put_entry(side, BIG_CODE, at >> 14, (RIG_RAM + (at & ~0x3fffull)) | code);
    }
    for (unsigned at = 0; at < 0x800; at += 4)
        memcpy(side->ram + first + at, &(uint32_t){RIG_END}, 4);
}

static struct a64_cpu *create_cpu(struct rig_side *side, const char *model, bool el2)
{
    const struct a64_model_options options = {.pa_bits = 36, .el2 = el2};
    struct a64_cpu *cpu = aligned_zero(64, sizeof *cpu);
    cpu->index = side->sys.cpu_count;
    if (!a64_model_find(model) || a64_cpu_init(cpu, &side->sys, a64_model_find(model), &options))
        fail("cannot be made", model);
    side->sys.cpus[side->sys.cpu_count++] = cpu;
    a64_monitor_attach(cpu);
    return cpu;
}

static void create_side(struct rig_side *side, const char *model, bool el2, const char *engine,
                        const char *knobs, const char *code_cache)
{
    side->engine = find_engine(engine);
    side->ram = shared_zero(RIG_SIZE);
    side->sys.bus = (struct a64_bus){bus_page, side};
    side->sys.clock = (struct a64_clock){.now = no_time};
    side->sys.ppi = wire;
    side->sys.kick = no_kick;
    side->sys.private_memory = strcmp(model, "max") != 0; /* so that both are seen */
    pthread_mutex_init(&side->sys.lock, NULL);
    if (!hv_engine_knobs(knobs, &side->sys.knobs))
        fail("no such knobs", knobs);
    side->sys.knobs.code_cache = code_cache;
    if (a64_monitor_create(&side->sys) || a64_broadcast_create(&side->sys))
        fail("out of memory", "rig");
    side->cpu = create_cpu(side, model, el2);
    side->second = create_cpu(side, model, el2);
    if (side->engine->init(side->cpu))
        fail("the engine refuses", engine);
    make_tables(side, 0);
}

void rig_create(struct rig *rig, const char *model, bool el2, const char *const engine[2],
                const char *knobs, const char *code_cache)
{
    *rig = (struct rig){0};
    for (unsigned i = 0; i < 2; i++) {
        create_side(&rig->side[i], model, el2, engine[i], i ? knobs : NULL, i ? code_cache : NULL);
        rig->start[i] = aligned_zero(64, sizeof(struct a64_cpu));
    }
}

void rig_destroy(struct rig *rig)
{
    for (unsigned i = 0; i < 2; i++) {
        struct rig_side *side = &rig->side[i];
        side->engine->free(side->cpu);
        a64_monitor_detach(side->cpu);
        a64_monitor_detach(side->second);
        a64_cpu_free(side->cpu);
        a64_cpu_free(side->second);
        a64_broadcast_destroy(&side->sys);
        a64_monitor_destroy(&side->sys);
        pthread_mutex_destroy(&side->sys.lock);
        free(side->cpu);
        free(side->second);
        munmap(side->ram, RIG_SIZE);
        free(rig->start[i]);
    }
}

/* ---- worlds ---- */

unsigned rig_page_size(const struct rig *rig)
{
    return rig->world.big ? 0x4000 : 0x1000;
}

unsigned rig_data_size(const struct rig *rig)
{
    return RIG_PAGES * rig_page_size(rig);
}

uint64_t rig_high(const struct rig *rig)
{
    return rig->world.big ? 0xfffffff000000000 : 0xffffff8000000000;
}

void *rig_at(struct rig_side *side, uint64_t pa)
{
    return side->ram + (pa - RIG_RAM);
}

/* Self-hosted debug, at EL0 and EL1. */
static void set_debug(struct a64_cpu *cpu, const struct rig_world *world)
{
    struct a64_sysregs *sr = &cpu->sr;
    if (!world->watchpoint && !world->breakpoint)
        return;
    sr->oslsr_el1 &= ~A64_OSLSR_OSLK;
    sr->mdscr_el1 = MDSCR_MDE | MDSCR_KDE;
    cpu->ps.daif &= (uint8_t)~DAIF_D;
    if (world->watchpoint)
        sr->wp[0] = (struct a64_dbg_pair){world->watchpoint & ~7ull, WATCH_ALL};
    if (world->breakpoint)
        sr->bp[0] = (struct a64_dbg_pair){world->breakpoint, BREAK_ALL};
}

static void set_registers(struct a64_cpu *cpu, const struct rig_world *world)
{
    struct a64_sysregs *sr = &cpu->sr;
    const unsigned el = world->host ? 2 : 1;
    const uint64_t table = world->big ? RIG_BIG_L2 : RIG_SMALL_L1;
    sr->ttbr0[el] = table | (uint64_t)world->asid << 48;
    sr->ttbr1[el] = table;
    sr->tcr[el] = (world->big ? TCR_BIG : TCR_SMALL) | world->tbi << 37;
    sr->mair[el] = MAIR;
    sr->sctlr[el] = world->sctlr | (world->mmu ? SCTLR_M : 0);
    sr->vbar[1] = sr->vbar[2] = RIG_VECTORS;
    sr->cpacr_el1 = world->fp_trapped && !world->host ? 0 : CPACR_NONE;
    sr->cptr_el2 = world->host && !world->fp_trapped ? CPACR_NONE : 0;
    sr->hcr_el2 =
        A64_HCR_RW | (world->host ? A64_HCR_E2H | A64_HCR_TGE : A64_HCR_API | A64_HCR_APK);
    for (unsigned k = 0; k < A64_KEY_COUNT; k++)
        sr->key[k] =
            (struct a64_pac_key){0x0123456789abcdefull * (k + 1), ~0x5a5a1234ull * (k + 3)};
    cpu->fpcr = world->fpcr;
    cpu->ps.pan = world->pan;
    cpu->ps.uao = world->uao;
    cpu->pc = RIG_CODE;
}

void rig_set_world(struct rig *rig, const struct rig_world *world)
{
    rig->world = *world;
    for (unsigned i = 0; i < 2; i++) {
        struct rig_side *side = &rig->side[i];
        struct a64_cpu *cpu = side->cpu;
        const uint64_t count = cpu->icount;
        side->sys.clock.now = world->counted ? insn_now : no_time;
        side->sys.clock.icount_at = world->counted ? insn_at : NULL;
        side->sys.clock.deadline = world->counted ? insn_deadline : NULL;
        side->sys.clock.ctx = side;
        side->deadline = ~0ull;
        memset(side->ram, 0, RIG_SIZE);
        side->sys.cpu_count = world->many ? 2 : 1;
        make_tables(side, world->btype_pages ? DESC_GP : 0);
        a64_cpu_reset(cpu);
        atomic_store(&cpu->lines, 0);
        atomic_store(&cpu->attention, 0);
        cpu->icount = count;
        set_registers(cpu, world);
        a64_select_el(cpu, world->host && world->el ? 2 : world->el, world->spsel);
        cpu->ps.daif = ALL_MASKED;
        set_debug(cpu, world);
        a64_mmu_update(cpu);
        a64_update_watch(cpu);
        a64_tlb_flush(cpu);
        a64_code_changed(&side->sys);
        memcpy(rig->start[i], cpu, sizeof *cpu);
    }
}

/* Everything that an access's translation depends on. */
static bool same_regime(const struct a64_sysregs *a, const struct a64_sysregs *b)
{
    return !memcmp(a->sctlr, b->sctlr, sizeof a->sctlr) && !memcmp(a->tcr, b->tcr, sizeof a->tcr) &&
           !memcmp(a->mair, b->mair, sizeof a->mair) &&
           !memcmp(a->ttbr0, b->ttbr0, sizeof a->ttbr0) &&
           !memcmp(a->ttbr1, b->ttbr1, sizeof a->ttbr1) && a->hcr_el2 == b->hcr_el2;
}

void rig_restart(struct rig *rig)
{
    const uint64_t count = rig->side[0].cpu->icount;
    for (unsigned i = 0; i < 2; i++) {
        struct a64_cpu *cpu = rig->side[i].cpu;
        const bool same = same_regime(&cpu->sr, &rig->start[i]->sr);
        a64_clear_exclusive(cpu);
        memcpy(&rig->start[i]->excl, &cpu->excl, sizeof cpu->excl); /* shared with the other CPU */
        memcpy(cpu, rig->start[i], sizeof *cpu);
        cpu->icount = count;
        rig->side[i].deadline = ~0ull;
        a64_mmu_update(cpu);
        a64_update_watch(cpu);
        if (!same)
            a64_tlb_flush(cpu);
        if (!rig->world.mmu) /* data may have run as code, and will be changed */
            a64_code_changed(&rig->side[i].sys);
    }
}

void rig_put_code(struct rig *rig, uint64_t pa, const uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < 2; i++) {
        memcpy(rig_at(&rig->side[i], pa), words, count * sizeof *words);
        a64_code_changed(&rig->side[i].sys);
    }
}

void rig_run(struct rig_side *side, uint64_t count)
{
    struct a64_cpu *cpu = side->cpu;
    side->limit = count > ~0ull - cpu->icount ? ~0ull : cpu->icount + count;
    do {
        const uint64_t timer = insn_at(cpu, side->deadline);
        if (timer <= cpu->icount)
            a64_timer_update(cpu);
        cpu->slice_end = side->limit;
        if (side->deadline != ~0ull)
            insn_deadline(cpu, side->deadline);
        a64_cpu_enter(cpu);
        side->stop = side->engine->run(cpu);
        a64_cpu_leave(cpu);
    } while (side->stop == ENGINE_SLICE && cpu->icount < side->limit);
}

/* ---- comparing ---- */

/* One named part of the state. */
static bool differs(FILE *out, const char *name, unsigned n, uint64_t a, uint64_t b)
{
    if (a == b)
        return false;
    if (out)
        fprintf(out, name, n), fprintf(out, ": first %#018lx, second %#018lx\n", a, b);
    return true;
}

static const struct {
    const char *name;
    size_t offset;
} known_registers[] = {
    {"ELR_EL1", offsetof(struct a64_sysregs, elr[1])},
    {"SPSR_EL1", offsetof(struct a64_sysregs, spsr[1])},
    {"ESR_EL1", offsetof(struct a64_sysregs, esr[1])},
    {"FAR_EL1", offsetof(struct a64_sysregs, far[1])},
    {"PAR_EL1", offsetof(struct a64_sysregs, par_el1)},
    {"ELR_EL2", offsetof(struct a64_sysregs, elr[2])},
    {"SPSR_EL2", offsetof(struct a64_sysregs, spsr[2])},
    {"ESR_EL2", offsetof(struct a64_sysregs, esr[2])},
    {"FAR_EL2", offsetof(struct a64_sysregs, far[2])},
    {"SCTLR_EL1", offsetof(struct a64_sysregs, sctlr[1])},
    {"TPIDR_EL0", offsetof(struct a64_sysregs, tpidr[0])},
    {"TPIDR_EL1", offsetof(struct a64_sysregs, tpidr[1])},
};

static bool system_registers_differ(const struct a64_cpu *a, const struct a64_cpu *b, FILE *out)
{
    bool any = false;
    if (!memcmp(&a->sr, &b->sr, sizeof a->sr))
        return false;
    for (size_t at = 0; at < sizeof a->sr; at += 8) {
        uint64_t values[2];
        const char *name = "system register at +%#x";
        memcpy(&values[0], (const char *)&a->sr + at, 8);
        memcpy(&values[1], (const char *)&b->sr + at, 8);
        for (size_t k = 0; k < sizeof known_registers / sizeof known_registers[0]; k++)
            if (known_registers[k].offset == at)
                name = known_registers[k].name;
        any |= differs(out, name, (unsigned)at, values[0], values[1]);
    }
    return any;
}

/* What the monitor is told. */
static bool exits_differ(const struct rig_side *a, const struct rig_side *b, FILE *out)
{
    const struct a64_exc *x = &a->cpu->exc, *y = &b->cpu->exc;
    if (differs(out, "stop", 0, a->stop, b->stop))
        return true;
    if (a->stop == ENGINE_WAIT)
        return differs(out, "wait", 0, x->iss & 3, y->iss & 3);
    if (a->stop != ENGINE_VMEXIT)
        return false;
    bool any = differs(out, "exit's class", 0, x->ec, y->ec);
    any |= differs(out, "exit's syndrome", 0, x->iss, y->iss);
    any |= differs(out, "exit's PC is behind", 0, x->after, y->after);
    if (x->ec == A64_EC_DABT || x->ec == A64_EC_DABT_LOW || x->ec == A64_EC_IABT ||
        x->ec == A64_EC_IABT_LOW) {
        any |= differs(out, "exit's address", 0, x->far, y->far);
        any |= differs(out, "exit's physical address", 0, x->ipa, y->ipa);
    }
    return any;
}

static uint64_t pstate(const struct a64_cpu *cpu)
{
    return a64_get_spsr(cpu);
}

static bool registers_differ(const struct a64_cpu *a, const struct a64_cpu *b, FILE *out)
{
    bool any = differs(out, "pc", 0, a->pc, b->pc);
    for (unsigned n = 0; n < 32; n++)
        any |= differs(out, "x%u", n, a->x[n], b->x[n]);
    for (unsigned n = 0; n < 32; n++) {
        any |= differs(out, "v%u low", n, a->v[n].d[0], b->v[n].d[0]);
        any |= differs(out, "v%u high", n, a->v[n].d[1], b->v[n].d[1]);
    }
    any |= differs(out, "sp", 0, a->sp, b->sp);
    for (unsigned el = 0; el < 3; el++)
        any |= differs(out, "sp_el%u", el, a64_get_sp_el(a, el), a64_get_sp_el(b, el));
    any |= differs(out, "nzcv", 0, a->nzcv, b->nzcv);
    any |= differs(out, "fpcr", 0, a->fpcr, b->fpcr);
    any |= differs(out, "fpsr", 0, a->fpsr, b->fpsr);
    any |= differs(out, "pstate", 0, pstate(a), pstate(b));
    any |= differs(out, "lines", 0, atomic_load(&a->lines), atomic_load(&b->lines));
    return any;
}

bool rig_same_state(struct rig *rig, FILE *out)
{
    const struct rig_side *a = &rig->side[0], *b = &rig->side[1];
    bool any = exits_differ(a, b, out);
    any |= registers_differ(a->cpu, b->cpu, out);
    any |= system_registers_differ(a->cpu, b->cpu, out);
    /* With a second CPU a store may wake who waits for another place of the same hash, which is of
     * the host's addresses. */
    if (!rig->world.many)
        any |= differs(out, "event register", 0, a->cpu->event, b->cpu->event);
    if (rig->world.counted)
        any |= differs(out, "instructions", 0, a->cpu->icount, b->cpu->icount);
    if (memcmp(a->cpu->timer, b->cpu->timer, sizeof a->cpu->timer))
        any |= differs(out, "timers", 0, 0, 1);
    return !any;
}

bool rig_same_memory(struct rig *rig, FILE *out)
{
    uint8_t *a = rig_at(&rig->side[0], RIG_DATA), *b = rig_at(&rig->side[1], RIG_DATA);
    const unsigned size = rig_data_size(rig);
    bool same = !memcmp(a, b, size);
    if (same || !out)
        return same;
    for (unsigned at = 0, shown = 0; at < size && shown < 8; at += 8) {
        uint64_t x, y;
        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        shown += differs(out, "memory at physical data offset %#x", at, x, y);
    }
    return false;
}

uint8_t *rig_image(uint64_t seed)
{
    const unsigned size = RIG_PAGES * 0x4000;
    struct rig source = {.seed = seed};
    uint8_t *image = aligned_zero(64, size);
    for (unsigned i = 0; i < size; i += 8) {
        const uint64_t random = rig_random(&source), small = random >> 60;
        memcpy(image + i, random & 3 ? &random : &small, 8);
    }
    return image;
}

void rig_print_state(const struct a64_cpu *cpu, FILE *out)
{
    fprintf(out, "  pc %#lx sp %#lx nzcv %#x fpcr %#x fpsr %#x pstate %#lx\n", cpu->pc, cpu->sp,
            cpu->nzcv, cpu->fpcr, cpu->fpsr, pstate(cpu));
    for (unsigned n = 0; n < 31; n++)
        fprintf(out, "  x%-2u %#018lx%s", n, cpu->x[n], n % 4 == 3 ? "\n" : "");
    for (unsigned n = 0; n < 32; n++)
        fprintf(out, "%s  v%-2u %016lx_%016lx", n % 2 ? "" : "\n", n, cpu->v[n].d[1],
                cpu->v[n].d[0]);
    fprintf(out, "\n");
}

/* ---- the wrong engine ---- */

static const char *planted_row;

void rig_plant(const char *row)
{
    planted_row = row;
}

/* The word at the PC; 0 where there is none. */
static uint32_t word_at_pc(struct a64_cpu *cpu)
{
    uint64_t pa;
    bool guarded;
    const struct a64_exc saved = cpu->exc;
    const uint32_t *host = cpu->pc & 3 ? NULL : a64_fetch_host(cpu, cpu->pc, &pa, &guarded);
    cpu->exc = saved;
    return host ? *host : 0;
}

/* As the others do, it takes the interrupt that waits at a slice's end. */
static enum engine_stop planted_run(struct a64_cpu *cpu)
{
    bool taken;
    for (;;) {
        if (atomic_load(&cpu->attention) && !engine_serve_attention(cpu, &taken))
            return ENGINE_ATTENTION;
        if (cpu->icount >= cpu->slice_end)
            return ENGINE_SLICE;
        const uint32_t word = word_at_pc(cpu);
        const struct a64_row *row = a64_decode(word);
        const uint64_t before = cpu->icount;
        const enum engine_stop stop = interp_step(cpu);
        if (cpu->icount != before && row && !strcmp(row->name, planted_row) && (word & 31) < 31)
            cpu->x[word & 31] ^= 1;
        if (stop != ENGINE_SLICE)
            return stop;
    }
}

const struct hv_engine rig_planted = {"planted", interp_init, interp_free, planted_run,
                                      NULL,      NULL,        NULL};
