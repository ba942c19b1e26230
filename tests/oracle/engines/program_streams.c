/* SPDX-License-Identifier: MIT */
/* Loops whose accesses are at registers that each turn adds constants to, as compilers write them:
 * over pages of all kinds and their ends, with other instructions in between that may spoil it. And
 * counters in memory. */

#include "program.h"

/* The registers of a loop; others' values are what they happen to be. */
enum { COUNTER, BASE, BASES = 3, INDEX = 4, DATA };

#define VECTOR (1u << 26)
#define STORE  0u
#define LOAD   (1u << 22)

static unsigned base(struct program *o)
{
    return BASE + pick(o, BASES);
}

/* Off a base and an immediate: added for the access, before it, or behind it. */
static uint32_t access(struct program *o, unsigned size, uint32_t kind)
{
    static const uint32_t write_back[3] = {0x38000000, 0x38000400,
                                           0x38000c00}; /* STUR, post, pre */
    const uint32_t imm = pick(o, 4) ? (pick(o, 9) - 4) << size : pick(o, 512);
    return size << 30 | kind | write_back[pick(o, 3)] | (imm & 511) << 12 | base(o) << 5 |
           (DATA + pick(o, 4));
}

static uint32_t scaled(struct program *o, unsigned size, uint32_t kind)
{
    return size << 30 | kind | 0x39000000 | pick(o, 12) << 10 | base(o) << 5 | (DATA + pick(o, 4));
}

static uint32_t indexed(struct program *o, unsigned size, uint32_t kind)
{
    static const uint32_t option[4] = {3, 3, 7, 6}; /* LSL, SXTX, SXTW */
    return size << 30 | kind | 0x38200800 | (pick(o, 2) ? INDEX : COUNTER) << 16 |
           option[pick(o, 4)] << 13 | pick(o, 2) << 12 | base(o) << 5 | (DATA + pick(o, 4));
}

/* LDP and STP of X, D and Q registers. */
static uint32_t pair(struct program *o)
{
    static const uint32_t type[3] = {0xa8000000, 0x6c000000, 0xac000000};
    static const uint32_t mode[3] = {1u << 23, 2u << 23, 3u << 23}; /* post, offset, pre */
    return (type[pick(o, 3)] & ~(3u << 23)) | mode[pick(o, 3)] | (pick(o, 2) ? LOAD : STORE) |
           ((pick(o, 5) - 2) & 127) << 15 | (DATA + 1) << 10 | base(o) << 5 | DATA;
}

static uint32_t moving_access(struct program *o, bool vectors)
{
    const bool q = chance(o, 5);
    const unsigned size = q ? 0 : pick(o, 4);
    const bool general = !q && !vectors && pick(o, 3);
    const uint32_t kind = (pick(o, 3) ? LOAD : STORE) | (q         ? VECTOR | 1u << 23
                                                         : general ? 0
                                                                   : VECTOR);
    switch (pick(o, 5)) {
    case 0:
        return scaled(o, size, kind);
    case 1:
        return indexed(o, size, kind);
    case 2:
        return pair(o) | (vectors ? VECTOR | 0x40000000 : 0);
    default:
        return access(o, size, kind);
    }
}

static uint32_t constant_added(struct program *o)
{
    const unsigned n = base(o) + pick(o, 2);
    const uint32_t constant = pick(o, 3) ? 1u << pick(o, 5) : pick(o, chance(o, 4) ? 1024 : 200);
    switch (pick(o, 4)) {
    case 0:
        return asm_sub_imm(n, n, constant);
    case 1:
        return asm_subs_imm(n, n, constant);
    default:
        return asm_add_imm(n, n, constant);
    }
}

/* One base or the index from another one, as when a variable's old value is kept. */
static void put_copy(struct program *o)
{
    const unsigned to = base(o), from = base(o) + pick(o, 2);
    put(o, pick(o, 2) ? asm_mov(to, from) : asm_add_imm(to, from, pick(o, 3) << pick(o, 5)));
}

/* LDR to a base off another one that moves, and an access there. */
static void put_chase(struct program *o)
{
    const unsigned from = base(o), to = BASE + (from - BASE + 1) % BASES;
    put(o, 0xf8400400u | 8u << 12 | from << 5 | to);
    put(o, 0xb9400000u | to << 5 | DATA);
}

/* A register that is the sum of two, one shifted, and an access there. */
static void put_sum(struct program *o)
{
    const unsigned to = base(o), shift = pick(o, 4);
    put(o, asm_add(to, to, pick(o, 2) ? INDEX : COUNTER, shift));
    if (pick(o, 2))
        put(o, access(o, pick(o, 4), LOAD));
    else
        put(o, 0xb85fc000u | to << 5 | DATA); /* LDUR #-4 */
    if (pick(o, 2)) {
        put(o, asm_orr(to, SP, INDEX, 0));
        put(o, asm_add_imm(to, to, pick(o, 64)));
    }
}

/* A register that says where an element of an array is, and accesses to its parts off that and off
 * what it is the sum of. */
static void put_element(struct program *o)
{
    const unsigned from = base(o), to = BASE + (from - BASE + 1) % BASES;
    const unsigned size = pick(o, 4), scaled = pick(o, 2);
    put(o, asm_add(to, from, INDEX, scaled ? size : 0));
    for (unsigned n = 2 + pick(o, 4); n; n--) {
        const uint32_t kind = size << 30 | (pick(o, 3) ? LOAD : STORE) | (DATA + pick(o, 4));
        if (pick(o, 2))
            put(o, kind | 0x38206800 | INDEX << 16 | (scaled ^ chance(o, 8)) << 12 | from << 5);
        else
            put(o, kind | 0x38000000 | ((pick(o, 40) - 16) & 511) << 12 | to << 5);
        if (chance(o, 8))
            put(o, asm_add_imm(pick(o, 2) ? to : pick(o, 2) ? from : INDEX, to, pick(o, 16)));
    }
}

/* Arithmetic on what is loaded: numbers of all kinds, and NaNs. */
static uint32_t vector_arithmetic(struct program *o)
{
    static const uint32_t rows[] = {
        0x4e20cc00, 0x4e60cc00, 0x6e20dc00, 0x4e20d400, /* FMLA 4S, 2D; FMUL, FADD 4S */
        0x1e200800, 0x1e602800, 0x1f400000, 0x4e201c00, /* FMUL S, FADD D, FMADD D, AND */
        0x4ea08400, 0x4e608400, 0x2e208000, 0x4e600c00, /* ADD 4S, 8H; UMLAL 8H, SQADD 8H */
        0x4e020400, 0x5ea1d800, 0x6e070400, 0x4e001800, /* DUP H, FRECPE S, INS B, UZP1 */
    };
    const uint32_t registers = pick(o, 4) << 16 | pick(o, 4) << 5 | pick(o, 4);
    const uint32_t row = rows[pick(o, sizeof(rows) / sizeof(rows[0]))];
    const bool one = (row & 0xdfe08400) == 0x4e000400 || (row & 0xff3ffc00) == 0x5e21d800;
    return row + (one ? registers & 0xffff : registers) + (one ? 0 : DATA << 16) + DATA * 0x21;
}

static void put_turn(struct program *o)
{
    for (unsigned n = 1 + pick(o, 7); n; n--) {
        if (chance(o, 4))
            put(o, constant_added(o));
        else if (chance(o, 12)) /* over the next one */
            put(o, asm_tbz(DATA, pick(o, 3), 2));
        else if (chance(o, 8))
            put_copy(o);
        else if (chance(o, 16))
            put_chase(o);
        else if (chance(o, 16))
            put_sum(o);
        else if (chance(o, 8))
            put_element(o);
        else if (chance(o, 6))
            put(o, vector_arithmetic(o));
        else if (chance(o, 8)) /* its value stays, but nobody knows */
            put(o, asm_orr(BASE, BASE, SP, 0));
        else if (chance(o, 8))
            put(o, asm_orr(DATA + pick(o, 3), DATA, DATA + 1, pick(o, 3)));
        else
            put(o, moving_access(o, false));
    }
    put(o, ASM_NOP);
}

/* The same of nothing but vectors, and what moves the bases. */
static void put_vector_turn(struct program *o)
{
    for (unsigned n = 1 + pick(o, 7); n; n--)
        put(o, chance(o, 5)   ? constant_added(o) & ~(1u << 29) /* ADD, SUB */
               : chance(o, 3) ? vector_arithmetic(o)
                              : moving_access(o, true));
}

/* How T0 counts; or COUNTER, in steps, to a constant or what T0 is. */
enum count { DOWN, UP_TO_0, UP, DOWN_ALONE, STEPS_TO, STEPS_TO_T0, STEPS_DOWN, COUNTS };

/* The end of TURNS turns from START on: flags of all kinds are left by it. COUNTER moves by STEP.
 */
static void put_end(struct program *o, enum count count, int start, unsigned turns, unsigned step)
{
    enum { NE = 1, MI = 4, LT = 11, GT };
    unsigned cond = NE;
    switch (count) {
    case DOWN:
        put(o, asm_subs_imm(T0, T0, 1));
        cond = pick(o, 2) ? GT : NE;
        break;
    case UP_TO_0:
        put(o, 0xb1000400u | T0 << 5 | T0); /* ADDS #1 */
        cond = pick(o, 2) ? MI : NE;
        break;
    case UP:
        put(o, asm_add_imm(T0, T0, 1));
        put(o, asm_subs_imm(31, T0, turns));
        cond = pick(o, 2) ? LT : NE;
        break;
    case STEPS_TO:
        put(o, asm_add_imm(COUNTER, COUNTER, step));
        put(o, asm_subs_imm(31, COUNTER, turns * step));
        break;
    case STEPS_TO_T0:
        put(o, asm_add_imm(COUNTER, COUNTER, step));
        put(o, pick(o, 2) ? asm_subs(31, COUNTER, T0) : asm_subs(31, T0, COUNTER));
        break;
    case STEPS_DOWN:
        put(o, asm_subs_imm(COUNTER, COUNTER, step));
        break;
    default:
        put(o, asm_sub_imm(T0, T0, 1));
        put(o, asm_cbnz(T0, start - (int)o->at));
        return;
    }
    if (pick(o, 2))
        put(o, asm_add_imm(INDEX, INDEX, 1u << pick(o, 4)));
    put(o, asm_bcond(cond, start - (int)o->at));
}

/* The page at VA leaves the TLB again and again, so that nobody keeps copies of what is known of it. */
static void put_brief(struct program *o, uint64_t va)
{
    put_value(o, T0, va >> 12 & ((1ull << 44) - 1));
    put(o, asm_movz(T1, 1 + pick(o, 8), 0));
    put(o, asm_sys(0, 8, 7, 3, T0)); /* TLBI VAAE1 */
    put(o, asm_sub_imm(T1, T1, 1));
    put(o, asm_cbnz(T1, -2));
    put(o, ASM_DSB_ISH);
    put(o, ASM_ISB);
}

void program_put_streams(struct program *o)
{
    const uint64_t page = rig_page_size(&o->rig);
    const uint64_t high = o->rig.world.high && chance(o, 3) ? rig_high(&o->rig) : 0;
    for (unsigned n = 0; n < BASES; n++) {
        const uint64_t first = (pick(o, RIG_PAGES) + 1) * page;
        const uint64_t near = pick(o, 2) ? pick(o, 1024) - 900ull : -512ull * pick(o, 4);
        const uint64_t at = (high | RIG_DATA_VA) + first + near;
        if (!o->el0 && chance(o, 4))
            put_brief(o, at + (pick(o, 3) - 1ull) * page);
        put_value(o, BASE + n, at);
    }
    put_value(o, INDEX, pick(o, 64));
    const unsigned turns = 1 + pick(o, 90);
    const enum count count = pick(o, COUNTS);
    const unsigned step = chance(o, 3) ? 1 + pick(o, 45) : 1u << pick(o, 6);
    put_value(o, T0,
              count == UP            ? 0
              : count == UP_TO_0     ? -(uint64_t)turns
              : count == STEPS_TO_T0 ? turns * step
                                     : turns);
    put_value(o, COUNTER, count == STEPS_DOWN ? turns * step : 0);
    const int start = (int)o->at;
    if (pick(o, 3))
        put_turn(o);
    else
        put_vector_turn(o);
    put_end(o, count, start, turns, step);
}

/* ---- exclusives ---- */

/* A register for an exclusive store, which may read what random instructions may not write. */
static unsigned pick_stored(struct program *o, unsigned loaded)
{
    return chance(o, 3) ? LOOP + pick(o, 3) : loaded;
}

/* A counter in memory by exclusives of each size, alone and in pairs, with acquire and release and
 * without. */
void program_put_exclusive(struct program *o)
{
    const unsigned form = pick(o, 6), t = pick(o, 16), status = pick(o, 2) ? t + 2 : (t + 17) % 18;
    const bool pair = form >= 4;
    const uint32_t size = pair ? form - 2 : form;
    const uint32_t word =
        size << 30 | pick(o, 2) << 15 | T0 << 5 | (pair ? 1u << 21 | (t + 1) << 10 : 0x7c00);
    put_value(o, T0, RIG_DATA_VA + pick(o, 64) * 16);
    put(o, 0x085f0000u | word | t); /* LDXR, LDXP */
    put(o, asm_add_imm(t, t, 1 + pick(o, 100)));
    const unsigned first = pick_stored(o, t), second = pick_stored(o, t + 1);
    put(o,
        0x08000000u | (pair ? (word & ~(31u << 10)) | second << 10 : word) | status << 16 | first);
    put(o, 0x35000000u | 0x7fffdu << 5 | status); /* CBNZ: back to the load */
}
