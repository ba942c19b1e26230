/* SPDX-License-Identifier: MIT */
/* Holds one engine against another on random programs: loops, calls, indirect branches with and
 * without pointer authentication, code that changes itself, code at two addresses, pages that move,
 * two address spaces, EL0 and EL1, faults that a handler steps over, timer interrupts, FIQs and
 * writes of code by the host between two instructions. Time is counted in instructions.
 *
 * Both engines run a program in steps of random length; after each, all registers and the counts
 * must be equal, at its end all memory. A sum of all the states is printed: a trace's hash.
 *
 *     programs [--first NAME] [--second NAME] [--knobs LIST] [--count N] [--seed S] [--program P]
 * [--model NAME]
 *              [--plant ROW] [--show N]
 *
 * Program P of seed S is always the same. Where two runs part, the last instructions before are
 * printed. Exits 1 on a difference.
 *
 * Left out: code changed without the maintenance that the architecture asks for, since then old and
 * new are both right. */

#include <stdlib.h>
#include <string.h>

#include "a64/dis.h"
#include "a64/exception.h"
#include "a64/mmu.h"
#include "a64/sysreg.h"
#include "asm.h"
#include "rig.h"
#include "words.h"

/* ---- where a program lies ---- */

/* The virtual addresses that only programs have, far from those of data. */
#define WINDOW     0x5a0000000ull
#define WRITABLE   WINDOW              /* the code, to be written */
#define SECOND     (WINDOW + 0x100000) /* the code, to be executed */
#define TABLES     (WINDOW + 0x180000) /* RIG_FREE: the tables of SWAP */
#define SWAP       (WINDOW + 0x1c0000) /* one of two pages */
#define TEXT_SIZE  0x10000u            /* of RIG_CODE */
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

/* Registers with a purpose; the rest is for random instructions. */
enum {
    LOOP = 19, /* and 20, 21: counters of nested loops */
    T0 = 22,
    T1,
    T2,
    BACK = 25, /* where EL0 returns to */
    H0 = 26,
    H1 = 27,  /* the handlers' */
    SUM = 28, /* what they saw */
    FP = 29,
    LR = 30,
    SP = 31,
};
#define NOT_WRITTEN 0xfff80000u /* by random instructions: X19..X30, SP */
#define NOT_READ                                                                                   \
    0xefc00000u /* of these all but the counters and the sum: addresses in them stay there */

/* HVC numbers: what the program asks of the host. */
enum { HOST_NOTHING, HOST_LOWER_FIQ, HOST_RAISE_FIQ, HOST_PATCH, HOST_NOTIFY, HOST_CALLS };
#define SVC_BACK 0x77u
#define SPSR_EL1 0x305u /* EL1h, IRQ and FIQ open */
#define SPSR_EL0 0x300u
/* SA, C, I, DZE, UCT, SPAN, UCI, and what is RES1; at random BT0, BT1 and the keys' enables. */
#define SCTLR_BASE                                                                                 \
    (1ull << 3 | 1ull << 2 | 1ull << 12 | 1ull << 14 | 1ull << 15 | 1ull << 23 | 1ull << 26 |      \
     1ull << 11 | 1ull << 22 | 1ull << 28 | 1ull << 29)
#define SCTLR_VARIES (1ull << 13 | 1ull << 27 | 1ull << 30 | 1ull << 31 | 1ull << 35 | 1ull << 36)
#define LONGEST      60000u /* instructions of a program */
#define FUNCTIONS    12u
#define PATCH_MAX    6u
#define TRACE        24u

#define ELR       A64_SYSREG(3, 0, 4, 0, 1)
#define SPSR      A64_SYSREG(3, 0, 4, 0, 0)
#define ESR       A64_SYSREG(3, 0, 5, 2, 0)
#define FAR       A64_SYSREG(3, 0, 6, 0, 0)
#define FPCR      A64_SYSREG(3, 3, 4, 4, 0)
#define SP_EL0    A64_SYSREG(3, 0, 4, 1, 0)
#define TTBR0     A64_SYSREG(3, 0, 2, 0, 0)
#define CNTVCT    A64_SYSREG(3, 3, 14, 0, 2)
#define CNTV_CTL  A64_SYSREG(3, 3, 14, 3, 1)
#define CNTV_CVAL A64_SYSREG(3, 3, 14, 3, 2)

struct oracle {
    struct rig rig;
    struct words words;
    uint8_t *image;
    uint64_t seed, programs, endless, insns, steps, differences, show, hash;
    /* The program at hand. */
    uint32_t text[TEXT_SIZE / 4];
    unsigned at; /* word of text[] */
    unsigned function[FUNCTIONS], functions;
    unsigned patch[PATCH_MAX], patches; /* words that are MOVZ X0, #... and get changed */
    unsigned depth;                     /* of loops */
    unsigned budget;                    /* actions that may still be written */
    unsigned timer_period;
    unsigned user_functions; /* the first of function[]: they do nothing that needs EL1 */
    bool el0;                /* what is written now runs at EL0, too */
};

/* ---- writing code ---- */

static void put(struct oracle *o, uint32_t word)
{
    if (o->at == TEXT_SIZE / 4) {
        fprintf(stderr, "a program is too long\n");
        exit(2);
    }
    o->text[o->at++] = word;
}

static unsigned pick(struct oracle *o, unsigned count)
{
    return rig_pick(&o->rig, count);
}

static bool chance(struct oracle *o, unsigned one_in)
{
    return !pick(o, one_in);
}

static void put_value(struct oracle *o, unsigned d, uint64_t value)
{
    put(o, asm_movz(d, (uint32_t)value, 0));
    for (unsigned k = 1; k < 4; k++)
        if (value >> k * 16 & 0xffff)
            put(o, asm_movk(d, (uint32_t)(value >> k * 16), k));
}

/* The address of WORD of the text, in D. */
static void put_address(struct oracle *o, unsigned d, uint64_t base, unsigned word)
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

static void put_random(struct oracle *o)
{
    for (;;) {
        const uint32_t word = words_random(&o->words, &o->rig, 8);
        const struct a64_row *row = a64_decode(word);
        if (!row || !may_stand_in_body(row, word))
            continue;
        put(o, word);
        return;
    }
}

static void put_body(struct oracle *o)
{
    for (unsigned n = 1 + pick(o, 8); n; n--)
        put_random(o);
}

static void put_actions(struct oracle *o, unsigned count);

/* ---- actions: control flow ---- */

static void put_loop(struct oracle *o)
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
static void put_if(struct oracle *o)
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

static void put_switch(struct oracle *o)
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

static void put_call(struct oracle *o)
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

/* A counter in memory by exclusives. */
static void put_exclusive(struct oracle *o)
{
    put_value(o, T0, RIG_DATA_VA + pick(o, 64) * 16);
    put(o, 0xc85ffc00u | T0 << 5 | 0); /* LDAXR X0, [T0] */
    put(o, asm_add_imm(0, 0, 1 + pick(o, 100)));
    put(o, 0xc800fc00u | 1 << 16 | T0 << 5 | 0); /* STLXR W1, X0, [T0] */
    put(o, 0x35000000u | 0x7fffdu << 5 | 1);     /* CBNZ W1, back to LDAXR */
}

/* ---- actions: code that changes ---- */

static void put_maintenance(struct oracle *o, unsigned address)
{
    put(o, asm_sys(3, 7, 11, 1, address)); /* DC CVAU */
    put(o, ASM_DSB_ISH);
    switch (pick(o, 3)) {
    case 0:
        put(o, asm_sys(0, 7, 5, 0, 31)); /* IC IALLU */
        break;
    case 1:
        put(o, asm_sys(0, 7, 1, 0, 31)); /* IC IALLUIS */
        break;
    case 2:
        put(o, asm_sys(3, 7, 5, 1, address)); /* IC IVAU */
        break;
    }
    put(o, ASM_DSB_ISH);
    put(o, ASM_ISB);
}

/* Stores MOVZ X0, #(a number and a loop counter) over WORD. */
static void put_patching(struct oracle *o, unsigned word)
{
    put_value(o, T1, asm_movz(0, pick(o, 0x400) << 6, 0));
    put(o, asm_and_low(T2, LOOP, 6));
    put(o, asm_orr(T1, T1, T2, 5));
    put_address(o, T0, WRITABLE, word);
    put(o, asm_str_w(T1, T0));
    put_maintenance(o, T0);
}

static void put_patch(struct oracle *o)
{
    if (chance(o, 3)) { /* a little further on */
        const unsigned room = 24, before = o->at;
        put_patching(o, before + room);
        while (o->at < before + room)
            put(o, ASM_NOP);
        put(o, asm_movz(0, 1, 0));
        return;
    }
    if (o->patches)
        put_patching(o, o->patch[pick(o, o->patches)]);
    put_call(o);
}

/* ---- actions: addresses that change ---- */

static unsigned page_shift(const struct oracle *o)
{
    return o->rig.world.big ? 14 : 12;
}

static uint64_t window_index(const struct oracle *o, uint64_t va)
{
    return (va - WINDOW) >> page_shift(o);
}

static uint64_t window_table(const struct oracle *o, unsigned space)
{
    return o->rig.world.big ? BIG_WINDOW(space) : SMALL_WINDOW(space);
}

static uint64_t swap_descriptor(const struct oracle *o, unsigned page)
{
    return SWAP_PA(page) | DESC_PAGE | DESC_AF | DESC_EL0 | DESC_RO | DESC_NG |
           (o->rig.world.btype_pages ? DESC_GP : 0);
}

static void put_tlbi(struct oracle *o)
{
    put_value(o, T0, SWAP >> 12 | (chance(o, 2) ? 1ull : 2ull) << 48);
    put(o, ASM_DSB_ISH);
    switch (pick(o, 4)) {
    case 0: /* VAAE1IS: of all ASIDs */
        put(o, asm_sys(0, 8, 3, 3, T0));
        break;
    case 1:
        put(o, asm_sys(0, 8, 7, 0, 31)); /* VMALLE1 */
        break;
    case 2: /* VAE1, of both */
        put(o, asm_sys(0, 8, 7, 1, T0));
        put_value(o, T0, SWAP >> 12 | 1ull << 48);
        put(o, asm_sys(0, 8, 7, 1, T0));
        put_value(o, T0, SWAP >> 12 | 2ull << 48);
        put(o, asm_sys(0, 8, 7, 1, T0));
        break;
    case 3: /* ASIDE1IS */
        put_value(o, T0, 1ull << 48);
        put(o, asm_sys(0, 8, 3, 2, T0));
        put_value(o, T0, 2ull << 48);
        put(o, asm_sys(0, 8, 3, 2, T0));
        break;
    }
    put(o, ASM_DSB_ISH);
    put(o, ASM_ISB);
}

static void put_swap_call(struct oracle *o)
{
    put_value(o, T0, SWAP + SWAP_ENTRY);
    put(o, asm_blr(T0));
}

/* The swapped page's entry in one of the address spaces, by the parity of a counter; then a call.
 */
static void put_remap(struct oracle *o)
{
    const unsigned space = pick(o, 2);
    const uint64_t entry = window_table(o, space) + window_index(o, SWAP) * 8;
    put_value(o, T0, swap_descriptor(o, 0));
    put_value(o, T1, swap_descriptor(o, 1));
    put(o, asm_and_low(T2, LOOP, 1));
    put(o, asm_subs_imm(T2, T2, chance(o, 2)));
    put(o, asm_csel(T1, T0, T1, 0)); /* EQ */
    put_value(o, T2, TABLES + (entry - RIG_FREE));
    if (chance(o, 2)) {
        put(o, asm_str_x(31, T2));
        put_tlbi(o);
    }
    put(o, asm_str_x(T1, T2));
    put_tlbi(o);
    put_swap_call(o);
}

static uint64_t root(const struct oracle *o, unsigned space)
{
    if (o->rig.world.big)
        return space ? BIG_ROOT : RIG_BIG_L2;
    return space ? SMALL_ROOT : RIG_SMALL_L1;
}

static void put_space(struct oracle *o)
{
    const unsigned space = pick(o, 2);
    put_value(o, T0, root(o, space) | (space + 1ull) << 48);
    put(o, asm_msr(TTBR0, T0));
    put(o, ASM_ISB);
    put_swap_call(o);
}

/* ---- actions: exceptions and the host ---- */

/* EL0 code, which an SVC ends. */
static void put_user(struct oracle *o)
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

static void put_fpcr(struct oracle *o)
{
    put_value(o, T0, rig_random(&o->rig) & rig_random(&o->rig) & 0x07c80000);
    put(o, asm_msr(FPCR, T0));
}

static void put_timer(struct oracle *o)
{
    put(o, asm_mrs(T0, CNTVCT));
    put(o, asm_add_imm(T0, T0, o->timer_period));
    put(o, asm_msr(CNTV_CVAL, T0));
    put(o, asm_movz(T0, 1, 0));
    put(o, asm_msr(CNTV_CTL, T0));
}

static void put_system_action(struct oracle *o)
{
    switch (pick(o, 10)) {
    case 0:
    case 1:
        put_patch(o);
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

static void put_actions(struct oracle *o, unsigned count)
{
    for (; count && o->budget; count--) {
        o->budget--;
        const unsigned kind = pick(o, 16);
        if (kind < 5)
            put_body(o);
        else if (kind < 7)
            put_loop(o);
        else if (kind < 9)
            put_if(o);
        else if (kind == 9)
            put_switch(o);
        else if (kind == 10)
            put_exclusive(o);
        else if (kind == 11)
            put(o, asm_svc(pick(o, 8)));
        else if (kind < 14 || o->el0)
            put_call(o);
        else
            put_system_action(o);
    }
}

/* ---- the program ---- */

/* Now and then what follows lies across a page's end. */
static void put_gap(struct oracle *o)
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
static void put_function(struct oracle *o)
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

static void put_main(struct oracle *o)
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

/* What the vectors hold. */
static unsigned handler(struct oracle *o, uint32_t *out, bool synchronous, bool fiq)
{
    unsigned n = 0;
    if (fiq) {
        out[n++] = asm_hvc(HOST_LOWER_FIQ);
        out[n++] = asm_add_imm(SUM, SUM, 3);
        out[n++] = ASM_ERET;
        return n;
    }
    if (!synchronous) {
        out[n++] = asm_mrs(H1, CNTVCT);
        out[n++] = asm_add(SUM, SUM, H1, 3);
        out[n++] = asm_add_imm(H1, H1, o->timer_period);
        out[n++] = asm_msr(CNTV_CVAL, H1);
        out[n++] = ASM_ERET;
        return n;
    }
    out[n++] = asm_mrs(H1, ESR);
    out[n++] = 0xcac00000u | SUM << 16 | 7 << 10 | H1 << 5 | SUM; /* EOR SUM, H1, SUM, ROR #7 */
    out[n++] = asm_mrs(H0, FAR);
    out[n++] = asm_add(SUM, SUM, H0, 0);
    out[n++] = asm_lsr(H0, H1, 26);
    out[n++] = asm_subs_imm(31, H0, A64_EC_SVC);
    out[n++] = asm_bcond(0, 9);
    out[n++] = asm_sub_imm(H0, H0, A64_EC_IABT_LOW);
    out[n++] = asm_subs_imm(31, H0, A64_EC_PC_ALIGN - A64_EC_IABT_LOW);
    out[n++] =
        asm_bcond(9, 4); /* LS: instruction aborts and a misaligned PC return to the caller */
    out[n++] = asm_mrs(H0, ELR);
    out[n++] = asm_add_imm(H0, H0, 4);
    out[n++] = asm_b(2);
    out[n++] = asm_mov(H0, LR);
    out[n++] = asm_msr(ELR, H0);
    /* SVC */
    out[n - 9] = asm_bcond(0, 10);
    out[n++] = ASM_ERET;
    out[n++] = 0x92403c00u | H1 << 5 | H1; /* AND H1, H1, #0xffff */
    out[n++] = asm_subs_imm(31, H1, SVC_BACK);
    out[n++] = asm_bcond(1, 4);
    out[n++] = asm_msr(ELR, BACK);
    out[n++] = asm_movz(H1, SPSR_EL1, 0);
    out[n++] = asm_msr(SPSR, H1);
    out[n++] = ASM_ERET;
    return n;
}

static void put_vectors(struct oracle *o)
{
    uint32_t words[32];
    for (unsigned vector = 0; vector < 12; vector++) {
        const unsigned kind = vector % 4;
        const unsigned count = handler(o, words, kind == 0, kind == 2);
        if (kind != 3)
            rig_put_code(&o->rig, RIG_VECTORS + vector * 0x80, words, count);
    }
}

/* The two pages that lie at SWAP in turn. */
static void put_swap_pages(struct oracle *o)
{
    for (unsigned page = 0; page < 2; page++) {
        o->at = 0;
        put(o, ASM_BTI_C);
        put(o, asm_movz(0, 100 + page, 0));
        put_body(o);
        put(o, ASM_RET);
        rig_put_code(&o->rig, SWAP_PA(page) + SWAP_ENTRY, o->text, o->at);
    }
}

static void map(struct oracle *o, struct rig_side *side, uint64_t va, uint64_t pa, uint64_t size,
                uint64_t flags)
{
    const unsigned page = 1u << page_shift(o);
    for (unsigned space = 0; space < 2; space++)
        for (uint64_t at = 0; at < size; at += page)
            rig_put_entry(side, window_table(o, space), window_index(o, va + at),
                          (pa + at) | DESC_PAGE | DESC_AF | flags);
}

/* The window, in both address spaces; they differ in what lies at SWAP. */
static void map_window(struct oracle *o, struct rig_side *side)
{
    const bool big = o->rig.world.big;
    const uint64_t executable = DESC_EL0 | DESC_RO | (o->rig.world.btype_pages ? DESC_GP : 0);
    map(o, side, WRITABLE, RIG_CODE, RIG_CODE_SIZE, DESC_EL0 | DESC_XN);
    map(o, side, SECOND, RIG_CODE, RIG_CODE_SIZE, executable);
    map(o, side, TABLES, RIG_FREE, TABLES_SIZE, DESC_XN);
    for (unsigned space = 0; space < 2; space++)
        rig_put_entry(side, window_table(o, space), window_index(o, SWAP),
                      swap_descriptor(o, space));
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

static struct rig_world random_world(struct oracle *o)
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

/* Writes program P and puts both sides at its start. */
static void prepare(struct oracle *o, uint64_t p)
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
    put_vectors(o);
    o->at = 0;
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
        if (!o->patches)
            break;
        word = asm_movz(0, (uint32_t)random & 0xffff, 0);
        pa = RIG_CODE + o->patch[random % o->patches] * 4ull;
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
    const struct a64_cpu *cpu = o->rig.side[0].cpu;
    const uint64_t random = rig_random(&o->rig);
    if (cpu->icount > LONGEST || o->rig.side[0].stop == ENGINE_LOOP)
        return false;
    unsigned what = HOST_NOTHING;
    if (o->rig.side[0].stop == ENGINE_VMEXIT) {
        if (cpu->exc.ec == A64_EC_SMC)
            return false;
        if (cpu->exc.ec == A64_EC_HVC)
            what = cpu->exc.iss % HOST_CALLS;
        else
            for (unsigned i = 0; i < 2; i++) /* a device that nobody has */
                o->rig.side[i].cpu->pc += 4;
    } else if (o->rig.side[0].stop == ENGINE_SLICE && !(random & 15)) {
        what = (unsigned)(random >> 4) % HOST_CALLS;
    }
    for (unsigned i = 0; i < 2; i++)
        act(o, &o->rig.side[i], what, random >> 16);
    return true;
}

static uint64_t next_step(struct oracle *o)
{
    if (!o->rig.world.counted)
        return ~0ull;
    switch (pick(o, 3)) {
    case 0:
        return 1 + pick(o, 12);
    case 1:
        return 1 + pick(o, 200);
    default:
        return 1 + pick(o, 3000);
    }
}

static void add_to_hash(struct oracle *o)
{
    const struct a64_cpu *cpu = o->rig.side[0].cpu;
    uint64_t h = o->hash ^ cpu->pc ^ cpu->icount << 32;
    for (unsigned n = 0; n < 31; n++)
        h = (h << 5 | h >> 59) * 0x9e3779b97f4a7c15 + cpu->x[n];
    o->hash = h;
}

static bool same_ram(struct oracle *o, FILE *out)
{
    struct rig *rig = &o->rig;
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
        rig_run(&o->rig.side[i], count);
    return rig_same_state(&o->rig, out);
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
        rig_run(&o->rig.side[0], LONGEST);
    while (o->rig.side[0].stop != ENGINE_SLICE && go_on(o));
    return o->rig.side[0].stop == ENGINE_VMEXIT;
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
    struct rig *rig = &o->rig;
    uint64_t again;
    printf("difference: --seed %lu --program %lu, EL1, pages of %s, counted %u, step %lu\n",
           o->seed, p, rig->world.big ? "16K" : "4K", rig->world.counted, done);
    rig_same_state(rig, stdout);
    same_ram(o, stdout);
    prepare(o, p);
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
    prepare(o, p);
    if (!o->rig.world.counted && !ends(o)) {
        o->endless++;
        return;
    }
    prepare(o, p);
    const bool same = run_program(o, ~0ull, &done);
    o->programs++;
    o->steps += done + 1;
    o->insns += o->rig.side[0].cpu->icount;
    if (!same && ++o->differences <= o->show)
        investigate(o, p, done);
}

struct arguments {
    const char *engine[2], *knobs, *model, *plant;
    uint64_t count, seed, show, program;
    bool one;
};

static void parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *arg = argv[i + 1];
        if (!strcmp(name, "--first"))
            a->engine[0] = arg;
        else if (!strcmp(name, "--second"))
            a->engine[1] = arg;
        else if (!strcmp(name, "--knobs"))
            a->knobs = arg;
        else if (!strcmp(name, "--count"))
            a->count = strtoull(arg, NULL, 0);
        else if (!strcmp(name, "--seed"))
            a->seed = strtoull(arg, NULL, 0);
        else if (!strcmp(name, "--show"))
            a->show = strtoull(arg, NULL, 0);
        else if (!strcmp(name, "--model"))
            a->model = arg;
        else if (!strcmp(name, "--plant"))
            a->plant = arg;
        else if (!strcmp(name, "--program"))
            a->program = strtoull(arg, NULL, 0), a->one = true;
        else
            fprintf(stderr, "what is %s?\n", name), exit(2);
    }
    if (argc % 2 == 0)
        fprintf(stderr, "an option has no value\n"), exit(2);
}

int main(int argc, char **argv)
{
    static struct oracle o;
    struct arguments a = {.engine = {"interp", hv_engine_find("dbt") ? "dbt" : "interp"},
                          .model = "max",
                          .count = 2000,
                          .seed = 1,
                          .show = 3};
    parse(&a, argc, argv);
    if (a.plant) {
        rig_plant(a.plant);
        a.engine[1] = rig_planted.name;
    }
    rig_create(&o.rig, a.model, false, a.engine, a.knobs);
    words_init(&o.words, "");
    o.words.forward = true;
    o.seed = a.seed;
    o.show = a.show;
    o.image = rig_image(a.seed);
    for (uint64_t p = a.program; a.one ? p == a.program : p < a.count; p++)
        check_program(&o, p);
    printf("%s and %s, %s, seed %lu: %lu programs, %lu instructions, %lu steps, trace %016lx, %lu "
           "without end left out, %lu differ\n",
           a.engine[0], a.engine[1], a.model, o.seed, o.programs, o.insns, o.steps, o.hash,
           o.endless, o.differences);
    rig_destroy(&o.rig);
    free(o.image);
    return o.differences != 0;
}
