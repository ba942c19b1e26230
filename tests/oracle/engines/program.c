/* SPDX-License-Identifier: MIT */
/* Writes random programs: a main part and some functions, made of actions (loops, calls, code that
 * changes, pages that move, visits to EL0 ...) between which random instructions stand. They keep
 * off the registers that control the program, and off its code, stack and tables. A handler steps
 * over what faults, and sums up what it saw. */

#include "program.h"

#include <string.h>

#include "a64/exception.h"
#include "asm.h"

/* ---- where a program lies ---- */

/* The virtual addresses that only programs have beside WRITABLE. */
#define WINDOW     WRITABLE
#define SECOND     (WINDOW + 0x100000) /* the code, to be executed */
#define TABLES     (WINDOW + 0x180000) /* RIG_FREE: the tables of SWAP */
#define SWAP       (WINDOW + 0x1c0000) /* one of two pages */
#define SWAP_PA(n) (RIG_CODE + 0x10000 + (n)*0x4000ull)
#define SWAP_ENTRY 0x40u
#define STACK_TOP  (WRITABLE + RIG_CODE_SIZE - 16)

/* Tables in RIG_FREE: the window's, and the second address space's roots. */
#define BIG_WINDOW(space)   (RIG_FREE + (space)*0x8000)
#define BIG_ROOT            (RIG_FREE + 0x4000)
#define SMALL_WINDOW(space) (RIG_FREE + 0x10000 + (space)*0x1000)
#define SMALL_ROOT          (RIG_FREE + 0x12000)
#define SMALL_MIDDLE(space) (RIG_FREE + 0x13000 + (space)*0x1000)
#define TABLES_SIZE         0x18000u

/* By random instructions. What they may read of these are the counters and the sum. */
#define NOT_WRITTEN 0xfff80000u /* X19..X30, SP */
#define NOT_READ    0xefc00000u
/* SA, C, I, DZE, UCT, SPAN, UCI, and what is RES1; at random BT0, BT1 and the keys' enables. */
#define SCTLR_BASE                                                                                 \
    (1ull << 3 | 1ull << 2 | 1ull << 12 | 1ull << 14 | 1ull << 15 | 1ull << 23 | 1ull << 26 |      \
     1ull << 11 | 1ull << 22 | 1ull << 28 | 1ull << 29)
#define SCTLR_VARIES (1ull << 13 | 1ull << 27 | 1ull << 30 | 1ull << 31 | 1ull << 35 | 1ull << 36)

#define FPCR     A64_SYSREG(3, 3, 4, 4, 0)
#define SP_EL0   A64_SYSREG(3, 0, 4, 1, 0)
#define TTBR0    A64_SYSREG(3, 0, 2, 0, 0)
#define CNTV_CTL A64_SYSREG(3, 3, 14, 3, 1)

/* ---- writing code ---- */

/* The address of WORD of the text, in D. */
static void put_address(struct program *o, unsigned d, uint64_t base, unsigned word)
{
    put_value(o, d, base + word * 4ull);
}

static bool may_stand_in_body(const struct a64_row *row, uint32_t word)
{
    static const char *const groups[] = {"exception",    "perm_undef",          "pstate",
                                         "systeminstrs", "systeminstrswithreg", "branch"};
    if (row->flags & A64_F_END)
        return false;
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!strncmp(row->group, groups[i], strlen(groups[i])))
            return false;
    if (!strcmp(row->group, "systemmove") && (!(word >> 21 & 1) || a64_sysreg_of(word) == SP_EL0))
        return false;
    return !(words_written(row, word) & NOT_WRITTEN) && !(words_read(row, word) & NOT_READ);
}

/* WFE, WFET. With a second CPU the engines may disagree on whether an own store took the mark that
 * it waits for: the architecture leaves that open (B2.12.2, and D1.6.1 on waiting for nothing). */
static bool may_wait(const struct program *o, uint32_t word)
{
    return o->rig.world.many && (word == 0xd503205fu || (word & ~31u) == 0xd5031000u);
}

static void put_random(struct program *o)
{
    for (;;) {
        const uint32_t word = words_random(&o->words, &o->rig, 8);
        const struct a64_row *row = a64_decode(word);
        if (!row || !may_stand_in_body(row, word) || may_wait(o, word))
            continue;
        put(o, word);
        return;
    }
}

static void put_body(struct program *o)
{
    for (unsigned n = 1 + pick(o, 8); n; n--)
        put_random(o);
}

static void put_actions(struct program *o, unsigned count);

/* ---- actions: control flow ---- */

static void put_loop(struct program *o)
{
    const unsigned counter = LOOP + o->depth;
    if (o->depth == 3)
        return;
    o->depth++;
    put_value(o, counter, 1 + pick(o, o->depth == 1 ? 12 : 5));
    const int start = (int)o->at;
    put_actions(o, 1 + pick(o, 3));
    switch (pick(o, 3)) {
    case 0:
        put(o, asm_subs_imm(counter, counter, 1));
        put(o, asm_bcond(1, start - (int)o->at)); /* NE */
        break;
    case 1:
        put(o, asm_sub_imm(counter, counter, 1));
        put(o, asm_cbnz(counter, start - (int)o->at));
        break;
    case 2: /* to minus one: bit 63 is still clear at zero */
        put(o, asm_sub_imm(counter, counter, 1));
        put(o, asm_tbz(counter, 63, start - (int)o->at));
        break;
    }
    o->depth--;
}

/* A branch over some actions. */
static void put_if(struct program *o)
{
    const unsigned at = o->at, kind = pick(o, 3), n = pick(o, 4), bit = pick(o, 64),
                   cond = pick(o, 16);
    put(o, ASM_NOP);
    put_actions(o, 1 + pick(o, 2));
    const int over = (int)(o->at - at);
    o->text[at] = kind == 0   ? asm_bcond(cond, over)
                  : kind == 1 ? asm_cbz_w(n, over)
                              : asm_tbz(n, bit, over);
}

static void put_switch(struct program *o)
{
    const unsigned cases = 4;
    put(o, asm_and_low(T1, pick(o, 4), 2));
    put(o, asm_adr(T0, 12));
    put(o, asm_add(T0, T0, T1, 4));
    put(o, asm_br(T0));
    for (unsigned k = 0; k < cases; k++) { /* four words each */
        put(o, ASM_BTI_J);
        put_random(o);
        put_random(o);
        put(o, asm_b((int)((cases - 1 - k) * 4 + 1)));
    }
}

static void put_call(struct program *o)
{
    const unsigned count = o->el0 ? o->user_functions : o->functions;
    if (!count)
        return;
    const unsigned function = o->function[pick(o, count)];
    const uint64_t base = chance(o, 3) ? SECOND : RIG_CODE;
    switch (pick(o, 3)) {
    case 0:
        put(o, asm_bl((int)function - (int)o->at));
        break;
    case 1:
        put_address(o, T0, base, function);
        put(o, asm_blr(T0));
        break;
    case 2:
        put_address(o, T0, base, function);
        put(o, asm_pacia(T0, T1));
        put(o, asm_blraa(T0, T1));
        break;
    }
}

/* ---- actions: addresses that change ---- */

static unsigned page_shift(const struct program *o)
{
    return o->rig.world.big ? 14 : 12;
}

static uint64_t window_index(const struct program *o, uint64_t va)
{
    return (va - WINDOW) >> page_shift(o);
}

static uint64_t window_table(const struct program *o, unsigned space)
{
    return o->rig.world.big ? BIG_WINDOW(space) : SMALL_WINDOW(space);
}

static uint64_t swap_descriptor(const struct program *o, unsigned page)
{
    return SWAP_PA(page) | DESC_PAGE | DESC_AF | DESC_EL0 | DESC_RO | DESC_NG |
           (o->rig.world.btype_pages ? DESC_GP : 0);
}

void program_put_tlbi(struct program *o, uint64_t va, bool page)
{
    put_value(o, T0, va >> 12 | (chance(o, 2) ? 1ull : 2ull) << 48);
    put(o, ASM_DSB_ISH);
    switch (pick(o, page ? 2 : 4)) {
    case 0: /* VAAE1IS: of all ASIDs */
        put(o, asm_sys(0, 8, 3, 3, T0));
        break;
    case 1: /* VAE1, of both */
        for (uint64_t asid = 1; asid <= 2; asid++) {
            put_value(o, T0, va >> 12 | asid << 48);
            put(o, asm_sys(0, 8, 7, 1, T0));
        }
        break;
    case 2:
        put(o, asm_sys(0, 8, 7, 0, 31)); /* VMALLE1 */
        break;
    case 3: /* ASIDE1IS, of both */
        for (uint64_t asid = 1; asid <= 2; asid++) {
            put_value(o, T0, asid << 48);
            put(o, asm_sys(0, 8, 3, 2, T0));
        }
        break;
    }
    put(o, ASM_DSB_ISH);
    put(o, ASM_ISB);
}

static void put_swap_call(struct program *o)
{
    put_value(o, T0, SWAP + SWAP_ENTRY);
    put(o, asm_blr(T0));
}

uint64_t program_entry(const struct program *o, unsigned space, uint64_t va)
{
    return TABLES + window_table(o, space) + window_index(o, va) * 8 - RIG_FREE;
}

/* At the text's start: a function that puts the other page in place, in both address spaces, if a counter is odd. */
static void put_swapper(struct program *o)
{
    put(o, ASM_BTI_C);
    put_value(o, T0, swap_descriptor(o, 0) ^ swap_descriptor(o, 1));
    put(o, asm_and_low(T1, LOOP, 1));
    put(o, asm_subs_imm(T1, T1, 0));
    put(o, asm_csel(T0, 31, T0, 0)); /* EQ */
    for (unsigned space = 0; space < 2; space++) {
        put_value(o, T2, program_entry(o, space, SWAP));
        put(o, asm_ldr_x(T1, T2));
        put(o, asm_eor(T1, T1, T0));
        put(o, asm_str_x(T1, T2));
    }
    program_put_tlbi(o, SWAP, false);
    put(o, ASM_RET);
}

/* The swapped page's entry in one of the address spaces, by the parity of a counter; then a call.
 */
static void put_remap(struct program *o)
{
    put_value(o, T0, swap_descriptor(o, 0));
    put_value(o, T1, swap_descriptor(o, 1));
    put(o, asm_and_low(T2, LOOP, 1));
    put(o, asm_subs_imm(T2, T2, chance(o, 2)));
    put(o, asm_csel(T1, T0, T1, 0)); /* EQ */
    put_value(o, T2, program_entry(o, pick(o, 2), SWAP));
    if (chance(o, 2)) {
        put(o, asm_str_x(31, T2));
        program_put_tlbi(o, SWAP, false);
    }
    put(o, asm_str_x(T1, T2));
    program_put_tlbi(o, SWAP, false);
    put_swap_call(o);
}

static uint64_t root(const struct program *o, unsigned space)
{
    if (o->rig.world.big)
        return space ? BIG_ROOT : RIG_BIG_L2;
    return space ? SMALL_ROOT : RIG_SMALL_L1;
}

static void put_space(struct program *o)
{
    const unsigned space = pick(o, 2);
    put_value(o, T0, root(o, space) | (space + 1ull) << 48);
    put(o, asm_msr(TTBR0, T0));
    put(o, ASM_ISB);
    put_swap_call(o);
}

/* ---- actions: exceptions and the host ---- */

/* EL0 code, which an SVC ends. */
static void put_user(struct program *o)
{
    const unsigned back = o->at;
    put(o, ASM_NOP); /* ADR BACK */
    const unsigned entry = o->at;
    put(o, ASM_NOP); /* ADR T0 */
    put(o, asm_msr(ELR, T0));
    put_value(o, T1, SPSR_EL0);
    put(o, asm_msr(SPSR, T1));
    put_value(o, T1, STACK_TOP - 0x800);
    put(o, asm_msr(SP_EL0, T1));
    put(o, ASM_ERET);
    o->text[entry] = asm_adr(T0, (int)(o->at - entry) * 4);
    o->el0 = true;
    put_actions(o, 1 + pick(o, 3));
    put(o, asm_svc(SVC_BACK));
    o->el0 = false;
    o->text[back] = asm_adr(BACK, (int)(o->at - back) * 4);
}

static void put_fpcr(struct program *o)
{
    put_value(o, T0, rig_random(&o->rig) & rig_random(&o->rig) & 0x07c80000);
    put(o, asm_msr(FPCR, T0));
}

static void put_timer(struct program *o)
{
    put(o, asm_mrs(T0, CNTVCT));
    put(o, asm_add_imm(T0, T0, o->timer_period));
    put(o, asm_msr(CNTV_CVAL, T0));
    put(o, asm_movz(T0, 1, 0));
    put(o, asm_msr(CNTV_CTL, T0));
}

static void put_system_action(struct program *o)
{
    switch (pick(o, 10)) {
    case 0:
    case 1:
        if (program_put_patch(o))
            put_call(o);
        break;
    case 2:
    case 3:
        put_remap(o);
        break;
    case 4:
        put_space(o);
        break;
    case 5:
        put_fpcr(o);
        break;
    case 6:
        put(o, asm_hvc(pick(o, HOST_CALLS)));
        break;
    case 7:
        put_swap_call(o);
        break;
    default:
        if (o->depth < 2)
            put_user(o);
    }
}

static void put_svc(struct program *o)
{
    put(o, asm_svc(pick(o, 8)));
}

static void put_actions(struct program *o, unsigned count)
{
    typedef void action(struct program * o);
    static action *const actions[] = {put_body,
                                      put_body,
                                      put_body,
                                      put_body,
                                      put_body,
                                      put_loop,
                                      put_loop,
                                      put_if,
                                      put_svc,
                                      put_switch,
                                      program_put_streams,
                                      program_put_exclusive,
                                      program_put_compare,
                                      program_put_calls,
                                      program_put_stack,
                                      program_put_moves,
                                      program_put_wild,
                                      program_put_stale,
                                      put_call,
                                      put_call,
                                      put_system_action,
                                      put_system_action};
    for (; count && o->budget; count--) {
        o->budget--;
        action *const kind = actions[pick(o, sizeof actions / sizeof *actions)];
        if (kind == put_system_action && o->el0)
            put_call(o);
        else
            kind(o);
    }
}

/* ---- the program ---- */

/* Now and then what follows lies across a page's end. */
static void put_gap(struct program *o)
{
    if (!chance(o, 3))
        return;
    const unsigned to_end = 1024 - o->at % 1024, before = 1 + pick(o, 4);
    if (to_end > before && to_end < 400)
        for (unsigned n = to_end - before; n; n--)
            put(o, ASM_NOP);
}

/* A function: it may call those before it. The loop counters of its callers are saved, but for what
 * it does not use. */
static void put_function(struct program *o)
{
    put_gap(o);
    const unsigned at = o->at;
    const bool sign = chance(o, 2);
    put(o, sign ? ASM_PACIASP : ASM_BTI_C);
    if (chance(o, 4) && o->patches < PATCH_MAX) { /* a leaf with a word that changes */
        o->patch[o->patches++] = o->at;
        put(o, asm_movz(0, 0, 0));
        put_body(o);
    } else {
        put(o, ASM_PUSH_LR);
        put(o, 0xa9bf67f5u); /* STP X21, X25, [SP, #-16]! */
        o->budget = 6;
        o->depth = 2;
        put_actions(o, 1 + pick(o, 4));
        o->depth = 0;
        put(o, 0xa8c167f5u); /* LDP X21, X25, [SP], #16 */
        put(o, ASM_POP_LR);
    }
    if (sign && chance(o, 2)) {
        put(o, ASM_RETAA);
    } else {
        if (sign)
            put(o, ASM_AUTIASP);
        put(o, ASM_RET);
    }
    o->function[o->functions++] = at;
    o->user_functions += o->el0;
}

static void put_main(struct program *o)
{
    put_gap(o);
    put_value(o, SUM, 0);
    put_value(o, BACK, RIG_CODE);
    for (unsigned k = 0; k < 3; k++)
        put_value(o, LOOP + k, k);
    if (o->timer_period)
        put_timer(o);
    o->budget = 40;
    while (o->budget)
        put_actions(o, 1);
    put(o, RIG_END);
}

/* The two pages that lie at SWAP in turn. They may have themselves swapped, by a call that returns to the other one. */
static void put_swap_pages(struct program *o)
{
    const bool swaps = chance(o, 2);
    for (unsigned page = 0; page < 2; page++) {
        o->at = 0;
        put(o, ASM_BTI_C);
        if (swaps) {
            put(o, ASM_PUSH_LR);
            put_value(o, T0, RIG_CODE);
            put(o, asm_blr(T0));
            put(o, asm_movz(1, 200 + page, 0));
            put(o, ASM_POP_LR);
        }
        put(o, asm_movz(0, 100 + page, 0));
        put_body(o);
        put(o, ASM_RET);
        rig_put_code(&o->rig, SWAP_PA(page) + SWAP_ENTRY, o->text, o->at);
    }
}

static void map(struct program *o, struct rig_side *side, uint64_t va, uint64_t pa, uint64_t size,
                uint64_t flags)
{
    const unsigned page = 1u << page_shift(o);
    for (unsigned space = 0; space < 2; space++)
        for (uint64_t at = 0; at < size; at += page)
            rig_put_entry(side, window_table(o, space), window_index(o, va + at),
                          (pa + at) | DESC_PAGE | DESC_AF | flags);
}

/* The window, in both address spaces; they differ in what lies at SWAP. */
static void map_window(struct program *o, struct rig_side *side)
{
    const bool big = o->rig.world.big;
    const uint64_t executable = DESC_EL0 | DESC_RO | (o->rig.world.btype_pages ? DESC_GP : 0);
    map(o, side, WRITABLE, RIG_CODE, RIG_CODE_SIZE, DESC_EL0 | DESC_XN);
    map(o, side, SECOND, RIG_CODE, RIG_CODE_SIZE, executable);
    map(o, side, TABLES, RIG_FREE, TABLES_SIZE, DESC_XN);
    for (unsigned space = 0; space < 2; space++)
        rig_put_entry(side, window_table(o, space), window_index(o, SWAP),
                      swap_descriptor(o, space));
    for (unsigned n = 0; n < MOVES; n++) {
        map(o, side, MOVE(n), MOVE_PA(n), 1, DESC_EL0 | DESC_XN | DESC_NG);
        memset(rig_at(side, MOVE_PA(n)), (int)n + 1, 1u << page_shift(o));
    }
    if (big) {
        memcpy(rig_at(side, BIG_ROOT), rig_at(side, RIG_BIG_L2), 0x4000);
        for (unsigned space = 0; space < 2; space++)
            rig_put_entry(side, root(o, space), WINDOW >> 25, BIG_WINDOW(space) | DESC_TABLE);
    } else {
        memcpy(rig_at(side, SMALL_ROOT), rig_at(side, RIG_SMALL_L1), 0x1000);
        for (unsigned space = 0; space < 2; space++) {
            rig_put_entry(side, root(o, space), WINDOW >> 30, SMALL_MIDDLE(space) | DESC_TABLE);
            rig_put_entry(side, SMALL_MIDDLE(space), WINDOW >> 21 & 511,
                          SMALL_WINDOW(space) | DESC_TABLE);
        }
    }
}

static struct rig_world random_world(struct program *o)
{
    const uint64_t random = rig_random(&o->rig);
    return (struct rig_world){
        .el = 1,
        .spsel = 1,
        .mmu = true,
        .big = random & 1,
        .many = random >> 8 & 1,
        .counted = random >> 1 & 3,
        .high = random >> 3 & 1,
        .tbi = random >> 4 & 3,
        .btype_pages = random >> 6 & 1,
        .asid = 1,
        .sctlr = SCTLR_BASE | (random & SCTLR_VARIES),
    };
}

void program_prepare(struct program *o, uint64_t p)
{
    struct rig *rig = &o->rig;
    rig->seed = o->seed * 0x9e3779b97f4a7c15 + p * 0xc2b2ae3d27d4eb4f;
    const struct rig_world world = random_world(o);
    for (unsigned i = 0; i < 2; i++)
        rig->side[i].cpu->icount = 0;
    rig_set_world(rig, &world);
    o->at = o->functions = o->user_functions = o->patches = o->depth = 0;
    o->timer_period = world.counted && chance(o, 2) ? 5 + pick(o, 200) : 0;
    for (unsigned i = 0; i < 2; i++) {
        map_window(o, &rig->side[i]);
        memcpy(rig_at(&rig->side[i], RIG_DATA), o->image, rig_data_size(rig));
    }
    put_swap_pages(o);
    program_put_vectors(rig, o->timer_period);
    o->at = 0;
    put_swapper(o);
    program_put_reach(o);
    program_put_landing(o);
    for (unsigned n = 2 + pick(o, FUNCTIONS - 2); n; n--) {
        o->el0 = n > FUNCTIONS / 2;
        put_function(o);
    }
    o->el0 = false;
    const unsigned start = o->at;
    put_main(o);
    rig_put_code(rig, RIG_CODE, o->text, o->at);
    rig_restart(rig);
    words_registers(rig);
    for (unsigned i = 0; i < 2; i++) {
        struct a64_cpu *cpu = rig->side[i].cpu;
        cpu->pc = RIG_CODE + start * 4ull;
        cpu->sp = STACK_TOP;
        cpu->ps.daif = SPSR_EL1 >> 6 & 15;
        a64_update_watch(cpu);
    }
}
