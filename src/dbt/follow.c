/* SPDX-License-Identifier: MIT */
/* What changes under translated code, and how it goes on all the same: the mode that blocks are
 * for, code and translations of addresses that are not what they were, exceptions.
 *
 * An instruction's function, called from a block, tells by its status that more than registers
 * changed. What can be followed at once is, without leaving translated code: dbt_synchronize() goes
 * on behind the instruction, in the same block; dbt_go_on() goes by the jump cache to wherever the
 * CPU is now, as after SVC, ERET or an abort. All else is the main loop's (run.c). */

#include "../a64/exception.h"
#include "../interp/fp_core.h"
#include "internal.h"

/* ---- what a block depends on ---- */

/* FPCR's rarer bits. */
static unsigned float_mode(const struct a64_cpu *cpu)
{
    const struct dbt *dbt = cpu->engine;
    const bool flushes = dbt->avx512 && !(cpu->fpcr & (FPCR_FZ16 | FPCR_AHP));
    return flushes && cpu->fpsr & FPSR_IXC ? DBT_MODE_FZ : DBT_MODE_FPCR;
}

unsigned dbt_mode(const struct a64_cpu *cpu)
{
    unsigned mode = cpu->ps.el;
    if (a64_in_host(cpu))
        mode |= DBT_MODE_HOST;
    if (cpu->ps.pan)
        mode |= DBT_MODE_PAN;
    if (cpu->ps.uao)
        mode |= DBT_MODE_UAO;
    if (cpu->watch & A64_F_FP)
        mode |= DBT_MODE_NO_FP;
    if (cpu->sp & 15)
        mode |= DBT_MODE_SP_BAD;
    if (cpu->mmu->align_check)
        mode |= DBT_MODE_ALIGN;
    if (cpu->slice_end != UINT64_MAX)
        mode |= DBT_MODE_COUNT;
    if (cpu->fpcr & (FPCR_FZ | FPCR_FZ16 | FPCR_AHP))
        mode |= float_mode(cpu);
    if (cpu->sys->cpu_count > 1)
        mode |= DBT_MODE_MANY;
    return mode | (unsigned)cpu->ps.btype << DBT_BTYPE_SHIFT;
}

/* The pages from generation LAST on to NOW, into PAGES, each that is not the one before it; how many. A64_CODE_LOG: any
 * code may have changed. */
static unsigned changed_pages(const struct a64_system *sys, uint64_t last, uint64_t now, uint64_t *pages)
{
    const uint64_t first = last;
    unsigned count = 0;
    if (now - last >= A64_CODE_LOG)
        return A64_CODE_LOG;
    while (last++ != now) {
        const uint64_t page =
            atomic_load_explicit(&sys->code_log[last % A64_CODE_LOG], memory_order_relaxed);
        if (page == A64_CODE_ALL)
            return A64_CODE_LOG;
        if (!count || pages[count - 1] != page)
            pages[count++] = page;
    }
    /* Meanwhile the log may have come round. */
    atomic_thread_fence(memory_order_acquire);
    const uint64_t later = atomic_load_explicit(&sys->code_generation, memory_order_relaxed);
    return later - first >= A64_CODE_LOG ? A64_CODE_LOG : count;
}

/* Drops what the system says has changed of code since it was looked at last. Memory of a page is looked at only if no
 * memory went away: that may have changed any code. */
static void follow_code(struct dbt *dbt)
{
    struct a64_system *sys = dbt->cpu->sys;
    const uint64_t now = atomic_load_explicit(&sys->code_generation, memory_order_acquire);
    uint64_t pages[A64_CODE_LOG];
    if (now == dbt->hot->code_generation)
        return;
    const unsigned count = changed_pages(sys, dbt->hot->code_generation, now, pages);
    if (count == A64_CODE_LOG) {
        dbt->code_epoch++;
        dbt_leave_pages(dbt);
    } else {
        for (unsigned i = 0; i < count; i++)
            dbt_code_changed_at(dbt, pages[i]);
    }
    dbt->hot->code_generation = now;
}

static void follow_drop(struct dbt *dbt, const struct a64_tlb_drop *drop)
{
    dbt_windows_drop(dbt, drop);
    switch (drop->what) {
    case A64_DROP_RANGE:
        dbt_forget_range(dbt, drop->start, drop->last);
        break;
    case A64_DROP_LOCAL:
        dbt_forget_local(dbt);
        break;
    default:
        dbt_forget_addresses(dbt);
    }
}

static void follow_drops(struct dbt *dbt)
{
    const struct a64_mmu *mmu = dbt->cpu->mmu;
    if (mmu->generation - dbt->tlb_generation > A64_TLB_DROPS)
        follow_drop(dbt, &(struct a64_tlb_drop){.what = A64_DROP_ALL});
    else
        while (dbt->tlb_generation != mmu->generation)
            follow_drop(dbt, &mmu->dropped[++dbt->tlb_generation % A64_TLB_DROPS]);
    dbt->tlb_generation = mmu->generation;
}

/* All the contexts that slots are filled for. */
static uint64_t contexts(const struct a64_mmu *mmu)
{
    return mmu->ctx | mmu->ctx_fetch << 16 | mmu->ctx_user << 32;
}

static struct dbt_contexts *known_contexts(struct dbt *dbt, unsigned mode)
{
    return &dbt->ctx[mode & ~(unsigned)(DBT_MODE_BTYPE | DBT_MODE_FZ | DBT_MODE_SP_BAD)];
}

/* Drops what is known of addresses, if MODE's accesses mean something else now. */
static void follow_addresses(struct dbt *dbt, unsigned mode)
{
    const struct a64_mmu *mmu = dbt->cpu->mmu;
    struct dbt_contexts *known = known_contexts(dbt, mode);
    const uint64_t ctx = contexts(mmu);
    follow_drops(dbt);
    if (known->epoch_global == dbt->epoch_global && known->ctx_any_asid != mmu->ctx_any_asid)
        dbt_forget_addresses(dbt);
    else if (known->epoch_local == dbt->epoch_local && known->ctx != ctx)
        dbt_forget_local(dbt);
    *known = (struct dbt_contexts){ctx, mmu->ctx_any_asid, dbt->epoch_local, dbt->epoch_global};
}

/* ---- before a block ---- */

static void set_mode(struct dbt_hot *hot, unsigned mode)
{
    for (unsigned btype = 0; btype < 4; btype++)
        hot->mode[btype] = (mode & ~(unsigned)DBT_MODE_BTYPE) | btype << DBT_BTYPE_SHIFT;
}

static void set_contexts(struct dbt_hot *hot, const struct a64_mmu *mmu)
{
    hot->ctx[0] = mmu->ctx;
    hot->ctx[1] = mmu->ctx_user;
    for (unsigned user = 0; user < 2; user++) {
        hot->ctx_offset[user] = hot->ctx[user] * sizeof(struct a64_tlb_entry);
        for (unsigned writes = 0; writes < 2; writes++)
            hot->page_table[user][writes] = mmu->page[writes] + hot->ctx[user];
    }
}

void dbt_follow(struct dbt *dbt, unsigned mode)
{
    dbt_windows_settle(dbt);
    follow_code(dbt);
    follow_addresses(dbt, mode);
    set_mode(dbt->hot, mode);
}

/* PSTATE.BTYPE is 0 within blocks; what it is before a block is in the block's mode. */
void dbt_before_entry(struct dbt *dbt)
{
    struct a64_cpu *cpu = dbt->cpu;
    struct dbt_hot *hot = dbt->hot;
    dbt->entry = cpu->pc;
    hot->page = cpu->pc & ~A64_PAGE_MASK;
    set_contexts(hot, cpu->mmu);
    hot->flags = dbt_flags_from(cpu->nzcv);
    hot->mxcsr_guest = dbt_mxcsr(cpu->fpcr);
    cpu->ps.btype = 0;
    cpu->vectors_away = 1;
}

/* ---- what an instruction's function returned ---- */

/* Without counting, cpu->icount only tells that something retired. */
bool dbt_follow_status(struct dbt *dbt, enum engine_stop *stop)
{
    struct a64_cpu *cpu = dbt->cpu;
    const int status = (int)dbt->hot->exit_status;
    const bool retired = status != A64_FAULT || cpu->exc.after;
    const bool counting = cpu->slice_end != UINT64_MAX;
    if (retired || (!counting && cpu->pc != dbt->entry))
        a64_retire(cpu, 1);
    if (!retired && dbt->hot->btype)
        cpu->ps.btype = (uint8_t)dbt->hot->btype;
    dbt->hot->btype = 0;
    if (status == A64_FAULT)
        engine_add_syndrome(cpu, dbt->hot->insn);
    else if (status == A64_SYNC || status == A64_WAIT)
        cpu->pc += 4;
    return engine_must_stop(cpu, status, stop);
}

/* Whether something is to be seen to before the next instruction. */
static bool must_look(const struct a64_cpu *cpu)
{
    return atomic_load_explicit(&cpu->attention, memory_order_relaxed) || cpu->watch & A64_F_ANY;
}

/* Whether blocks of the mode that runs are for the CPU as it is now, MODE, and nothing is to be
 * done between two. */
static bool goes_on(struct dbt *dbt, unsigned mode)
{
    const struct a64_cpu *cpu = dbt->cpu;
    const bool same = dbt->hot->mode[0] == (mode & ~(unsigned)DBT_MODE_BTYPE);
    const bool alone = mode & DBT_MODE_COUNT || dbt->check || cpu->sys->knobs.every_block;
    return same && !alone && !must_look(cpu) &&
           known_contexts(dbt, mode)->ctx == contexts(cpu->mmu);
}

int dbt_synchronize(struct a64_cpu *cpu)
{
    struct dbt *dbt = cpu->engine;
    const unsigned mode = dbt_mode(cpu);
    if (!goes_on(dbt, mode))
        return A64_SYNC;
    const uint64_t epoch = dbt->code_epoch, stale = dbt->stats[STAT_STALE];
    dbt->hot->mxcsr_guest = dbt_mxcsr(cpu->fpcr);
    follow_code(dbt);
    follow_drops(dbt);
    const bool same_code = dbt->code_epoch == epoch && dbt->stats[STAT_STALE] == stale;
    return same_code && a64_tlb_fetches(cpu, cpu->pc) ? A64_NEXT : A64_SYNC;
}

/* Whether what STATUS tells is followed without the main loop. */
static bool can_follow(const struct dbt *dbt, int status)
{
    const struct a64_cpu *cpu = dbt->cpu;
    const struct a64_system *sys = cpu->sys;
    if (dbt->check || sys->knobs.every_block || sys->knobs.evict)
        return false;
    if (status == A64_FAULT)
        return cpu->exc.kind == A64_EXC_SYNC && cpu->loop.repeats < A64_LOOP_EXCEPTIONS - 1;
    return status == A64_BRANCH || status == A64_SYNC;
}

/* The code at cpu->pc, if that is known and nothing is to be done before it runs; NULL: the main
 * loop sees to it. */
static const void *code_now(struct dbt *dbt)
{
    struct a64_cpu *cpu = dbt->cpu;
    const unsigned mode = dbt_mode(cpu);
    const struct dbt_slot *slot = &dbt->hot->slot[dbt_jump_of(cpu->pc)];
    if (must_look(cpu))
        return NULL;
    dbt_follow(dbt, mode);
    if (slot->tag != cpu->pc || slot->mode != mode)
        return NULL;
    dbt_before_entry(dbt);
    return (const void *)slot->value;
}

const void *dbt_go_on(struct a64_cpu *cpu, int status)
{
    struct dbt *dbt = cpu->engine;
    enum engine_stop stop;
    dbt->hot->exit_status = (uint64_t)status;
    dbt->hot->exit = DBT_EXIT_STATUS;
    if (!can_follow(dbt, status))
        return NULL;
    cpu->nzcv = dbt_flags_to(cpu, dbt->hot->flags);
    dbt_follow_status(dbt, &stop);
    const void *code = code_now(dbt);
    if (!code) {
        dbt->hot->flags = dbt_flags_from(cpu->nzcv);
        dbt->hot->exit = DBT_EXIT_FOLLOWED;
    }
    dbt->stats[STAT_GONE_ON] += code != NULL;
    return code;
}
