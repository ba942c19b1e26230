/* SPDX-License-Identifier: MIT */
/* Holds one engine against another on random programs: loops, calls, indirect branches with and
 * without pointer authentication, code that changes itself, code at two addresses, pages that move,
 * two address spaces, EL0 and EL1, branches to where nothing is, faults that a handler steps over, timer interrupts, FIQs and
 * writes of code by the host between two instructions. Time is counted in instructions.
 *
 * Both engines run a program in steps of random length; after each, all registers and the counts
 * must be equal, at its end all memory. A sum of all the states is printed: a trace's hash.
 *
 *     programs [--first NAME] [--second NAME] [--knobs LIST] [--code-cache DIR] [--count N]
 *              [--seed S] [--program P] [--model NAME] [--plant ROW] [--show N]
 *
 * Program P of seed S is always the same. Where two runs part, the last instructions before are
 * printed. Exits 1 on a difference.
 *
 * Code that was changed without the maintenance that the architecture asks for is the old or the new,
 * and each engine may have another of the two: such programs do not tell which (program_put_stale()). */

#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "a64/exception.h"
#include "a64/mmu.h"
#include "arguments.h"
#include "asm.h"
#include "program.h"

struct oracle {
    struct program program; /* the one at hand */
    uint64_t programs, endless, insns, steps, differences, show, hash;
};

#define LONGEST 60000u /* instructions of a program */
#define TRACE   24u    /* instructions that are shown before a difference */

/* ---- running ---- */

/* What the host does between two instructions; the same on both sides. */
static void act(struct oracle *o, struct rig_side *side, unsigned what, uint64_t random)
{
    uint32_t word;
    uint64_t pa;
    switch (what) {
    case HOST_LOWER_FIQ:
        a64_set_line(side->cpu, A64_LINE_FIQ, false);
        break;
    case HOST_RAISE_FIQ:
        a64_set_line(side->cpu, A64_LINE_FIQ, true);
        break;
    case HOST_PATCH:
        if (!o->program.patches)
            break;
        word = asm_movz(0, (uint32_t)random & 0xffff, 0);
        pa = RIG_CODE + o->program.patch[random % o->program.patches] * 4ull;
        memcpy(rig_at(side, pa), &word, 4);
        if (random >> 20 & 3)
            a64_code_changed_at(&side->sys, pa & ~A64_PAGE_MASK);
        else
            a64_code_changed(&side->sys);
        break;
    case HOST_NOTIFY:
        a64_code_changed(&side->sys);
        break;
    }
}

/* After a stop, which both sides made. False: the program is at its end. */
static bool go_on(struct oracle *o)
{
    const struct a64_cpu *cpu = o->program.rig.side[0].cpu;
    const uint64_t random = rig_random(&o->program.rig);
    if (cpu->icount > LONGEST || o->program.rig.side[0].stop == ENGINE_LOOP)
        return false;
    unsigned what = HOST_NOTHING;
    if (o->program.rig.side[0].stop == ENGINE_VMEXIT) {
        if (cpu->exc.ec == A64_EC_SMC)
            return false;
        if (cpu->exc.ec == A64_EC_HVC)
            what = cpu->exc.iss % HOST_CALLS;
        else
            for (unsigned i = 0; i < 2; i++) /* a device that nobody has */
                o->program.rig.side[i].cpu->pc += 4;
    } else if (o->program.rig.side[0].stop == ENGINE_SLICE && !(random & 15)) {
        what = (unsigned)(random >> 4) % HOST_CALLS;
    }
    for (unsigned i = 0; i < 2; i++)
        act(o, &o->program.rig.side[i], what, random >> 16);
    return true;
}

static uint64_t next_step(struct oracle *o)
{
    if (!o->program.rig.world.counted)
        return ~0ull;
    switch (rig_pick(&o->program.rig, 3)) {
    case 0:
        return 1 + rig_pick(&o->program.rig, 12);
    case 1:
        return 1 + rig_pick(&o->program.rig, 200);
    default:
        return 1 + rig_pick(&o->program.rig, 3000);
    }
}

static void add_to_hash(struct oracle *o)
{
    const struct a64_cpu *cpu = o->program.rig.side[0].cpu;
    uint64_t h = o->hash ^ cpu->pc ^ cpu->icount << 32;
    for (unsigned n = 0; n < 31; n++)
        h = (h << 5 | h >> 59) * 0x9e3779b97f4a7c15 + cpu->x[n];
    o->hash = h;
}

static bool same_ram(struct oracle *o, FILE *out)
{
    struct rig *rig = &o->program.rig;
    if (!rig_same_memory(rig, out))
        return false;
    if (!memcmp(rig->side[0].ram, rig->side[1].ram, RIG_SIZE))
        return true;
    if (out)
        fprintf(out, "code, stack or tables differ\n");
    return false;
}

/* One step of both sides. False: they differ. */
static bool step(struct oracle *o, uint64_t count, FILE *out)
{
    for (unsigned i = 0; i < 2; i++)
        rig_run(&o->program.rig.side[i], count);
    return rig_same_state(&o->program.rig, out);
}

/* Runs the program at hand, STEPS steps at most; *DONE: those after which both sides agreed. */
static bool run_program(struct oracle *o, uint64_t steps, uint64_t *done)
{
    for (*done = 0; *done < steps; ++*done) {
        if (!step(o, next_step(o), NULL))
            return false;
        add_to_hash(o);
        if (!go_on(o))
            return same_ram(o, NULL);
    }
    return true;
}

/* The first engine alone comes to the end of the program that is prepared. */
static bool ends(struct oracle *o)
{
    do
        rig_run(&o->program.rig.side[0], LONGEST);
    while (o->program.rig.side[0].stop != ENGINE_SLICE && go_on(o));
    return o->program.rig.side[0].stop == ENGINE_VMEXIT;
}

/* ---- reports ---- */

/* An instruction that is about to run. */
struct passed {
    uint64_t pc, pa;
    uint32_t word;
    unsigned el;
};

static struct passed look(struct rig_side *side)
{
    struct a64_cpu *cpu = side->cpu;
    const struct a64_exc saved = cpu->exc;
    struct passed at = {.pc = cpu->pc, .el = cpu->ps.el};
    a64_fetch(cpu, cpu->pc, &at.word, &at.pa);
    cpu->exc = saved;
    return at;
}

static void print_passed(const struct passed *ring, unsigned count, FILE *out)
{
    for (unsigned n = count > TRACE ? count - TRACE : 0; n < count; n++) {
        const struct passed *at = &ring[n % TRACE];
        char text[160];
        fprintf(out, "  EL%u %#lx (%#lx): %08x  %s\n", at->el, at->pc, at->pa, at->word,
                a64_disassemble(at->word, at->pc, text, sizeof text));
    }
}

/* Comes to step DONE again, and from there instruction by instruction to the difference. */
static void investigate(struct oracle *o, uint64_t p, uint64_t done)
{
    struct rig *rig = &o->program.rig;
    uint64_t again;
    printf("difference: --seed %lu --program %lu, EL1, pages of %s, counted %u, step %lu\n",
           o->program.seed, p, rig->world.big ? "16K" : "4K", rig->world.counted, done);
    rig_same_state(rig, stdout);
    same_ram(o, stdout);
    program_prepare(&o->program, p);
    if (!run_program(o, done, &again))
        printf(" the second time already after step %lu\n", again);
    struct passed ring[TRACE];
    struct a64_cpu before = {0};
    bool same = true;
    unsigned n = 0;
    for (bool more = true; same && more && n < LONGEST; n++) {
        ring[n % TRACE] = look(&rig->side[0]);
        before = *rig->side[0].cpu;
        same = step(o, 1, NULL);
        more = !same || rig->side[0].stop == ENGINE_SLICE || go_on(o);
    }
    printf(" one instruction at a time from there %s:\n", same ? "shows no difference" : "");
    print_passed(ring, n, stdout);
    rig_same_state(rig, stdout);
    if (!same) {
        printf(" the last one began with\n");
        rig_print_state(&before, stdout);
    }
    fflush(stdout);
}

static void check_program(struct oracle *o, uint64_t p)
{
    uint64_t done;
    program_prepare(&o->program, p);
    if (!o->program.rig.world.counted && !ends(o)) {
        o->endless++;
        return;
    }
    program_prepare(&o->program, p);
    const bool same = run_program(o, ~0ull, &done);
    o->programs++;
    o->steps += done + 1;
    o->insns += o->program.rig.side[0].cpu->icount;
    if (!same && ++o->differences <= o->show)
        investigate(o, p, done);
}

int main(int argc, char **argv)
{
    static struct oracle o;
    const char *plant = NULL;
    uint64_t count = 2000, first = 0;
    bool one = false;
    const struct arguments_option own[] = {
        {"--count", .number = &count},
        {"--plant", .text = &plant},
        {"--program", .number = &first, .given = &one},
        {0},
    };
    struct arguments a = {.show = 3};
    arguments_parse(&a, own, argc, argv);
    arguments_plant(&a, plant);
    rig_create(&o.program.rig, a.model, false, a.engine, a.knobs, a.code_cache);
    words_init(&o.program.words, "");
    o.program.words.forward = true;
    o.program.seed = a.seed;
    o.show = a.show;
    o.program.image = rig_image(a.seed);
    for (uint64_t p = first; one ? p == first : p < count; p++)
        check_program(&o, p);
    printf("%s and %s, %s, seed %lu: %lu programs, %lu instructions, %lu steps, trace %016lx, %lu "
           "without end left out, %lu differ\n",
           a.engine[0], a.engine[1], a.model, o.program.seed, o.programs, o.insns, o.steps, o.hash,
           o.endless, o.differences);
    rig_destroy(&o.program.rig);
    free(o.program.image);
    return o.differences != 0;
}
