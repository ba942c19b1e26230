/* SPDX-License-Identifier: MIT */
/* The interpreter's main loop.
 *
 * It runs block after block; between two blocks it looks at cpu->attention and at the instruction
 * budget, inside one it does nothing but call. Instructions are counted when a block ends, except
 * for rows that need the exact count (A64_F_SYS): those take the careful path, as does everything
 * that cpu->watch names. All rules of exceptions are in src/a64/exception.c; this file only says
 * when they are asked. */

#include "interp.h"

#include "../a64/exception.h"
#include "../a64/syndrome.h"
#include "block.h"

/* ISS of a data abort: a fault of a translation table walk, which has no instruction syndrome. */
#define ISS_S1PTW (1u << 7)

/* One instruction that must be looked at first: cpu->watch asks for it, or it needs the exact
 * count. BTYPE is 0 after every instruction that does not set it; it is non-zero only while
 * A64_F_ANY is watched. */
static int run_watched(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint8_t btype = cpu->ps.btype;
    if (insn->flags & cpu->watch) {
        const int status = a64_check_watch(cpu, insn);
        if (status != A64_NEXT)
            return status;
    }
    cpu->ps.btype = 0;
    const int status = insn->exec(cpu, insn);
    if (status == A64_FAULT && !cpu->exc.after)
        cpu->ps.btype = btype;
    else if (btype)
        a64_update_watch(cpu);
    return status;
}

void engine_add_syndrome(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    struct a64_exc *exc = &cpu->exc;
    const bool dabt = exc->ec == A64_EC_DABT || exc->ec == A64_EC_DABT_LOW;
    const bool stage2 = exc->kind == A64_EXC_VMEXIT || exc->stage2;
    if (dabt && stage2 && !(exc->iss & ISS_S1PTW))
        exc->iss |= a64_dabt_syndrome(insn->word);
}

/* Runs at most LIMIT instructions of BLOCK at cpu->pc; counts those that retired and moves pc
 * behind them. */
static int run_block(struct a64_cpu *cpu, const struct block *block, uint64_t limit)
{
    const struct a64_insn *insn = block->insn;
    const struct a64_insn *const end = insn + (limit < block->count ? limit : block->count);
    const struct a64_insn *counted = insn;
    uint64_t pc = cpu->pc;
    int status;
    do {
        if (__builtin_expect(insn->flags & (cpu->watch | A64_F_SYS), 0)) {
            a64_retire(cpu, (uint64_t)(insn - counted));
            counted = insn;
            status = run_watched(cpu, insn);
        } else {
            status = insn->exec(cpu, insn);
        }
        if (__builtin_expect(status != A64_NEXT, 0))
            break;
        cpu->pc = pc += 4;
    } while (++insn < end);

    if (status == A64_FAULT)
        engine_add_syndrome(cpu, insn);
    else if (status == A64_SYNC || status == A64_WAIT)
        cpu->pc += 4;
    const bool retired = status != A64_NEXT && (status != A64_FAULT || cpu->exc.after);
    a64_retire(cpu, (uint64_t)(insn - counted) + retired);
    return status;
}

bool engine_must_stop(struct a64_cpu *cpu, int status, enum engine_stop *stop)
{
    if (status == A64_WAIT) {
        *stop = ENGINE_WAIT;
        return true;
    }
    if (status != A64_FAULT)
        return false;
    if (cpu->exc.kind == A64_EXC_VMEXIT) {
        if (cpu->exc.after)
            cpu->pc += 4;
        *stop = ENGINE_VMEXIT;
        return true;
    }
    *stop = ENGINE_LOOP;
    a64_take_exception(cpu);
    return cpu->loop.repeats >= A64_LOOP_EXCEPTIONS;
}

bool engine_serve_attention(struct a64_cpu *cpu, bool *taken)
{
    const uint32_t attention = atomic_load(&cpu->attention);
    if (attention & A64_ATT_TLBI) {
        atomic_fetch_and(&cpu->attention, ~(uint32_t)A64_ATT_TLBI);
        a64_tlbi_drain(cpu);
    }
    if (attention & (A64_ATT_CANCEL | A64_ATT_PAUSE | A64_ATT_TIMER))
        return false;
    if (attention & A64_ATT_LINES) {
        atomic_fetch_and(&cpu->attention, ~(uint32_t)A64_ATT_LINES);
        *taken = a64_take_interrupt(cpu);
    }
    return true;
}

enum engine_stop interp_run(struct a64_cpu *cpu)
{
    struct interp *interp = cpu->engine;
    struct block *block = interp->entry;
    enum engine_stop stop;
    bool taken;
    for (;;) {
        if (__builtin_expect(atomic_load_explicit(&cpu->attention, memory_order_relaxed), 0) &&
            !engine_serve_attention(cpu, &taken))
            return ENGINE_ATTENTION;
        if (cpu->icount >= cpu->slice_end)
            return ENGINE_SLICE;
        block = block_next(cpu, interp, block);
        const int status =
            block ? run_block(cpu, block, cpu->slice_end - cpu->icount) : (int)A64_FAULT;
        if (__builtin_expect(status >= A64_FAULT, 0) && engine_must_stop(cpu, status, &stop))
            return stop;
        if (!block)
            block = interp->entry;
    }
}

enum engine_stop interp_step(struct a64_cpu *cpu)
{
    bool taken = false;
    if (atomic_load(&cpu->attention) && !engine_serve_attention(cpu, &taken))
        return ENGINE_ATTENTION;
    return taken ? ENGINE_SLICE : interp_insn(cpu);
}

enum engine_stop interp_insn(struct a64_cpu *cpu)
{
    struct interp *interp = cpu->engine;
    enum engine_stop stop;
    const struct block *block = block_find(cpu, interp, interp->entry);
    const int status = block ? run_block(cpu, block, 1) : (int)A64_FAULT;
    return engine_must_stop(cpu, status, &stop) ? stop : ENGINE_SLICE;
}
