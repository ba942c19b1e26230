/* SPDX-License-Identifier: MIT */
/* Random instructions and registers: see words.h. What is steered: base registers hold addresses,
 * offsets are mostly small, branches go a few words forward, system registers and operations are
 * mostly ones that exist. Writes to registers that the translation of addresses depends on are left
 * out: what then happens before a TLBI is up to each engine; tests/oracle/engines/programs.c has
 * them with all that belongs to them. */

#include "words.h"

#include <string.h>

#include "a64/exception.h"
#include "a64/sysreg.h"

#define FIRST_SMALL   4u
#define FIRST_ADDRESS 8u
#define LAST_ADDRESS  15u

static bool is_group(const struct a64_row *row, const char *prefix)
{
    return !strncmp(row->group, prefix, strlen(prefix));
}

static bool names(const char *set, char letter)
{
    return set && strchr(set, letter);
}

void words_init(struct words *words, const char *prefix)
{
    words->count = words->group_count = 0;
    for (unsigned i = 0; i < A64_ROW_COUNT; i++) {
        const struct a64_row *row = &a64_rows[i];
        if (!row->implemented ||
            (strncmp(row->name, prefix, strlen(prefix)) && !is_group(row, prefix)))
            continue;
        if (!words->count || strcmp(words->row[words->count - 1]->group, row->group))
            words->group[words->group_count++] = words->count;
        words->row[words->count++] = row;
    }
}

/* ---- fields ---- */

static void set_field(uint32_t *word, const char *pattern, char letter, uint64_t value)
{
    for (int position = 31; position >= 0; position--)
        if (pattern[position] == letter) {
            *word = (*word & ~(1u << (31 - position))) | (uint32_t)(value & 1) << (31 - position);
            value >>= 1;
        }
}

static bool is_memory(const struct a64_row *row)
{
    return (row->value & 0x0a000000) == 0x08000000 && row->flags & (A64_F_MR | A64_F_MW);
}

static unsigned value_register(struct rig *rig)
{
    const unsigned n = rig_pick(rig, 19);
    return n < FIRST_SMALL ? n : n + (LAST_ADDRESS + 1 - FIRST_SMALL); /* and 31 from here on */
}

static unsigned address_register(struct rig *rig)
{
    const unsigned n = FIRST_ADDRESS + rig_pick(rig, LAST_ADDRESS + 2 - FIRST_ADDRESS);
    return n > LAST_ADDRESS ? 31 : n;
}

static unsigned general_register(struct rig *rig, const struct a64_row *row, char letter)
{
    if (!rig_pick(rig, 24))
        return rig_pick(rig, 32);
    if (is_memory(row) && letter == 'n')
        return address_register(rig);
    if (is_memory(row) && letter == 'm')
        return FIRST_SMALL + rig_pick(rig, FIRST_ADDRESS - FIRST_SMALL);
    if (names(row->wx, letter) || is_memory(row))
        return value_register(rig);
    return rig_pick(rig, 32);
}

/* Offsets in bytes of a branch or literal, in words. */
static uint64_t forward(struct rig *rig, unsigned left)
{
    return 1 + rig_pick(rig, left > 6 ? 6 : left ? left : 1);
}

static uint64_t immediate(struct rig *rig, const struct a64_row *row, char letter, unsigned left)
{
    const uint64_t any = rig_random(rig) >> 16;
    const bool is_branch = is_group(row, "branch_imm") || is_group(row, "condbranch") ||
                           is_group(row, "compbranch") || is_group(row, "testbranch");
    if (letter == 'i' && (is_branch || is_group(row, "loadlit")))
        return is_branch || any & 7 ? forward(rig, left) : any >> 3 & 63;
    if (is_memory(row) && any & 7)
        return any & 8 && !is_group(row, "ldst_pos") ? -(any >> 4 & 15) : any >> 4 & 15;
    switch (any & 7) {
    case 0:
        return 0;
    case 1:
        return ~0ull;
    case 2:
        return 1ull << (any >> 3 & 15);
    default:
        return any >> 3;
    }
}

/* ---- system registers and operations ---- */

/* That may be written at random. */
static const uint16_t writable[] = {
    A64_SYSREG(3, 3, 4, 2, 0),  /* NZCV */
    A64_SYSREG(3, 3, 4, 2, 1),  /* DAIF */
    A64_SYSREG(3, 3, 4, 2, 5),  /* DIT */
    A64_SYSREG(3, 3, 4, 2, 6),  /* SSBS */
    A64_SYSREG(3, 3, 4, 4, 0),  /* FPCR */
    A64_SYSREG(3, 3, 4, 4, 1),  /* FPSR */
    A64_SYSREG(3, 0, 4, 2, 0),  /* SPSel */
    A64_SYSREG(3, 0, 4, 2, 3),  /* PAN */
    A64_SYSREG(3, 0, 4, 2, 4),  /* UAO */
    A64_SYSREG(3, 0, 4, 1, 0),  /* SP_EL0 */
    A64_SYSREG(3, 0, 4, 0, 0),  /* SPSR_EL1 */
    A64_SYSREG(3, 0, 4, 0, 1),  /* ELR_EL1 */
    A64_SYSREG(3, 0, 5, 2, 0),  /* ESR_EL1 */
    A64_SYSREG(3, 0, 6, 0, 0),  /* FAR_EL1 */
    A64_SYSREG(3, 0, 7, 4, 0),  /* PAR_EL1 */
    A64_SYSREG(3, 0, 5, 1, 0),  /* AFSR0_EL1 */
    A64_SYSREG(3, 0, 13, 0, 1), /* CONTEXTIDR_EL1 */
    A64_SYSREG(3, 0, 13, 0, 4), /* TPIDR_EL1 */
    A64_SYSREG(3, 3, 13, 0, 2), /* TPIDR_EL0 */
    A64_SYSREG(3, 3, 13, 0, 3), /* TPIDRRO_EL0 */
    A64_SYSREG(3, 0, 2, 1, 0),  /* APIAKeyLo_EL1 */
    A64_SYSREG(3, 0, 2, 2, 3),  /* APDBKeyHi_EL1 */
    A64_SYSREG(3, 0, 1, 0, 2),  /* CPACR_EL1 */
    A64_SYSREG(3, 0, 14, 1, 0), /* CNTKCTL_EL1 */
    A64_SYSREG(3, 3, 14, 3, 0), /* CNTV_TVAL_EL0 */
    A64_SYSREG(3, 3, 14, 3, 1), /* CNTV_CTL_EL0 */
    A64_SYSREG(3, 3, 14, 3, 2), /* CNTV_CVAL_EL0 */
    A64_SYSREG(2, 0, 0, 2, 2),  /* MDSCR_EL1 */
    A64_SYSREG(2, 0, 1, 0, 4),  /* OSLAR_EL1 */
};

/* That are only read. */
static const uint16_t readable[] = {
    A64_SYSREG(3, 0, 0, 0, 0),  /* MIDR_EL1 */
    A64_SYSREG(3, 0, 0, 0, 5),  /* MPIDR_EL1 */
    A64_SYSREG(3, 0, 0, 4, 0),  /* ID_AA64PFR0_EL1 */
    A64_SYSREG(3, 0, 0, 6, 1),  /* ID_AA64ISAR1_EL1 */
    A64_SYSREG(3, 0, 1, 0, 0),  /* SCTLR_EL1 */
    A64_SYSREG(3, 0, 2, 0, 0),  /* TTBR0_EL1 */
    A64_SYSREG(3, 0, 4, 2, 2),  /* CurrentEL */
    A64_SYSREG(3, 0, 12, 0, 0), /* VBAR_EL1 */
    A64_SYSREG(3, 0, 12, 1, 0), /* ISR_EL1 */
    A64_SYSREG(3, 3, 0, 0, 1),  /* CTR_EL0 */
    A64_SYSREG(3, 3, 0, 0, 7),  /* DCZID_EL0 */
    A64_SYSREG(3, 3, 14, 0, 0), /* CNTFRQ_EL0 */
    A64_SYSREG(3, 3, 14, 0, 1), /* CNTPCT_EL0 */
    A64_SYSREG(3, 3, 14, 0, 2), /* CNTVCT_EL0 */
    A64_SYSREG(3, 3, 14, 0, 6), /* CNTVCTSS_EL0 */
};

/* SYS, as op0 = 1. */
static const uint16_t operations[] = {
    A64_SYSREG(1, 3, 7, 4, 1),  A64_SYSREG(1, 3, 7, 4, 1),  /* DC ZVA */
    A64_SYSREG(1, 3, 7, 10, 1), A64_SYSREG(1, 3, 7, 11, 1), /* DC CVAC, CVAU */
    A64_SYSREG(1, 3, 7, 14, 1), A64_SYSREG(1, 0, 7, 6, 1),  /* DC CIVAC, IVAC */
    A64_SYSREG(1, 3, 7, 5, 1),  A64_SYSREG(1, 0, 7, 5, 0),  /* IC IVAU, IALLU */
    A64_SYSREG(1, 0, 7, 1, 0),  A64_SYSREG(1, 0, 8, 7, 0),  /* IC IALLUIS, TLBI VMALLE1 */
    A64_SYSREG(1, 0, 8, 7, 1),  A64_SYSREG(1, 0, 8, 3, 1),  /* TLBI VAE1, VAE1IS */
    A64_SYSREG(1, 0, 8, 7, 2),  A64_SYSREG(1, 0, 8, 3, 3),  /* TLBI ASIDE1, VAAE1IS */
    A64_SYSREG(1, 0, 7, 8, 0),  A64_SYSREG(1, 0, 7, 8, 1),  /* AT S1E1R, S1E1W */
    A64_SYSREG(1, 0, 7, 8, 2),  A64_SYSREG(1, 0, 7, 8, 3),  /* AT S1E0R, S1E0W */
};

#define PICK(rig, list) ((list)[rig_pick(rig, sizeof(list) / sizeof(*(list)))])

static uint32_t with_encoding(uint32_t word, unsigned enc)
{
    return (word & ~0x7ffe0u) | (enc & 0x3fff) << 5 | (enc >> 14 & 1) << 19;
}

/* MRS, MSR, SYS, SYSL. */
static uint32_t system_word(struct rig *rig, const struct a64_row *row, uint32_t word)
{
    const bool mrs = word >> 21 & 1;
    if (is_group(row, "systemmove")) {
        if (!mrs)
            return with_encoding(word, PICK(rig, writable));
        if (rig_pick(rig, 8))
            return with_encoding(word,
                                 rig_pick(rig, 2) ? PICK(rig, writable) : PICK(rig, readable));
        return word;
    }
    if (!rig_pick(rig, 8))
        return word;
    const unsigned enc = PICK(rig, operations);
    word = (word & ~0x7ffe0u) | (enc & 0x3fff) << 5 | 1u << 19;
    return (word & ~31u) | address_register(rig);
}

/* ---- words ---- */

uint32_t words_of(struct rig *rig, const struct a64_row *row, unsigned left)
{
    uint32_t word = row->value;
    for (unsigned tries = 0; tries < 64; tries++) {
        for (char letter = 'A'; letter <= 'z'; letter++) {
            const bool general = names(row->rx, letter) || names(row->wx, letter);
            const bool vector = names(row->rv, letter) || names(row->wv, letter);
            if (strchr(row->pattern, letter) && letter != 'x')
                set_field(&word, row->pattern, letter,
                          general  ? general_register(rig, row, letter)
                          : vector ? rig_pick(rig, 32)
                                   : immediate(rig, row, letter, left));
        }
        if (is_group(row, "systemmove") || !strcmp(row->group, "systeminstrs"))
            word = system_word(rig, row, word);
        if (a64_decode(word) == row)
            break;
    }
    return word;
}

/* Whether ROW may go back, or leave the block for a place where nothing is known of. */
static bool may_go_back(const struct a64_row *row)
{
    return is_group(row, "branch_reg");
}

uint32_t words_random(struct words *words, struct rig *rig, unsigned left)
{
    for (;;) {
        unsigned at = rig_pick(rig, words->count);
        if (rig_pick(rig, 2)) { /* all groups alike: those with few rows too */
            const unsigned group = rig_pick(rig, words->group_count);
            const unsigned end =
                group + 1 < words->group_count ? words->group[group + 1] : words->count;
            at = words->group[group] + rig_pick(rig, end - words->group[group]);
        }
        const struct a64_row *row = words->row[at];
        const bool rare = is_group(row, "exception") || is_group(row, "perm_undef") ||
                          is_group(row, "branch_reg") || is_group(row, "systeminstrswithreg");
        if (rare && rig_pick(rig, 6))
            continue;
        if (!words->forward || !may_go_back(row))
            return words_of(rig, row, left);
    }
}

/* ---- which registers ---- */

static unsigned field(const struct a64_row *row, uint32_t word, char letter)
{
    unsigned value = 0;
    for (unsigned k = 0; k < 32; k++)
        if (row->pattern[k] == letter)
            value = value << 1 | (word >> (31 - k) & 1);
    return value & 31;
}

/* Those that EFFECT names; 31 counts in the field SP_LETTER. */
static uint32_t named(const struct a64_row *row, uint32_t word, const char *effect, char sp_letter)
{
    uint32_t mask = 0;
    for (const char *at = effect ? effect : ""; *at; at++) {
        if (*at == '#') {
            mask |= 1u << ((at[1] - '0') * 10 + (at[2] - '0'));
            at += 2;
            continue;
        }
        const unsigned first = field(row, word, *at);
        const bool several = at[1] >= '1' && at[1] <= '9';
        if (first != 31 || *at == sp_letter)
            for (unsigned k = 0; k < (several ? (unsigned)(at[1] - '0') : 1); k++)
                mask |= 1u << ((first + k) & 31);
        at += several;
    }
    return mask;
}

uint32_t words_written(const struct a64_row *row, uint32_t word)
{
    return named(row, word, row->wx, is_memory(row) ? 'n' : row->flags & A64_F_WSP ? 'd' : 0);
}

uint32_t words_read(const struct a64_row *row, uint32_t word)
{
    return named(row, word, row->rx, is_memory(row) || row->flags & A64_F_RSP ? 'n' : 0);
}

/* ---- registers ---- */

/* Where nothing can be, or that arithmetic on addresses may get wrong. */
static const uint64_t strange[] = {
    0,          0xffffffffffffffff, 0x0000800000000000, 0xffff7fffffffffff, 0x00007ffffffffff8,
    1ull << 63, 0xfffffffffffffff8, 0x0001000000000000, 0x0000000100000000, 0xffff800000000000,
};

uint64_t words_address(struct rig *rig)
{
    const unsigned size = rig_page_size(rig);
    const uint64_t random = rig_random(rig);
    if (!(random >> 48 & 127))
        return strange[rig_pick(rig, sizeof strange / sizeof *strange)];
    const uint64_t page = random >> 8 & 7 ? rig_pick(rig, RIG_PAGES) : 0;
    uint64_t at = page * size + ((random >> 16 & 3) ? random >> 18 & 0xff : random >> 18 & 0xfff);
    if (random & 1)
        at = (page + 1) * size - 128 + (at & 0xff); /* around the page's end */
    if (random >> 1 & 3 || !rig->world.mmu)
        at &= ~15ull;
    if (!rig->world.mmu)
        return RIG_DATA + at % rig_data_size(rig);
    if (rig_pages[at / size % RIG_PAGES] != RIG_RW && random >> 3 & 3) /* faults end runs early */
        at %= size * 2;
    at += RIG_DATA_VA;
    if ((random >> 5 & 3) == 0 && rig->world.high)
        return at | rig_high(rig);
    return rig->world.tbi & 1 && (random >> 5 & 3) == 1 ? at | (random & 0xff00) << 48 : at;
}

/* Random bits, or one of the values where flags, saturation and rounding turn. */
static uint64_t value(struct rig *rig)
{
    static const uint64_t ends[] = {
        0,
        1,
        ~0ull,
        1ull << 63,
        ~0ull >> 1,
        0x80000000,
        0x7fffffff,
        0xffff,
        0x8000,
        0x7f,
        0x80,
        0x3ff0000000000000,
        0x7ff0000000000000,
        0x7ff8000000000000,
        0xfff0000000000001,
        0x0010000000000000,
        0x000fffffffffffff,
        0x7fefffffffffffff,
        0x3f8000007f800000,
        0x7fc00000ff800001,
        0x00800000007fffff,
        0x7f7fffff80000000,
        0x3c007c007e000001,
        0x7bff0400fc01fbff,
        0x43e0000000000000,
        0xc3e0000000000000,
        0x4f0000004f800000,
        0x41dfffffffc00000,
    };
    const uint64_t random = rig_random(rig);
    switch (random & 7) {
    case 0:
    case 1:
        return PICK(rig, ends);
    case 2: /* a double of moderate size */
        return (random & 0x800fffffffffffff) | (0x3e0 + (random >> 52 & 0x3f)) << 52;
    case 3: { /* two floats */
        const uint64_t sign = random & 0x807fffff807fffff;
        return sign | (0x70 + (random >> 23 & 0x1f)) << 23 | (0x70 + (random >> 55 & 0x1f)) << 55;
    }
    case 4: /* whose products and sums are about the smallest normal number, or denormal */
        if (random >> 3 & 1)
            return (random & 0x800fffffffffffff) | (0x1f8 + (random >> 52 & 0xf)) << 52;
        return (random & 0x807fffff807fffff) | (0x3c + (random >> 23 & 7)) << 23 |
               (0x3c + (random >> 55 & 7)) << 55;
    default:
        return rig_random(rig);
    }
}

static void set_registers(struct rig *rig, struct a64_cpu *cpu)
{
    for (unsigned n = 0; n < 31; n++)
        cpu->x[n] = value(rig);
    for (unsigned n = FIRST_SMALL; n < FIRST_ADDRESS; n++)
        cpu->x[n] = rig_random(rig) & 0x3f;
    for (unsigned n = FIRST_ADDRESS; n <= LAST_ADDRESS; n++)
        cpu->x[n] = words_address(rig);
    for (unsigned n = 0; n < 32; n++)
        cpu->v[n] = (union a64_vreg){.d = {value(rig), value(rig)}};
    cpu->sp = words_address(rig) & ~(rig_pick(rig, 16) ? 15ull : 0ull);
    a64_set_sp_el(cpu, !cpu->ps.spsel, words_address(rig) & ~15ull);
    cpu->nzcv = (uint32_t)rig_random(rig) & 0xf0000000u;
    cpu->fpsr = rig_pick(rig, 2) ? 0 : (uint32_t)rig_random(rig) & 0x0800009f;
}

void words_registers(struct rig *rig)
{
    const uint64_t seed = rig->seed;
    for (unsigned i = 0; i < 2; i++) {
        rig->seed = seed;
        set_registers(rig, rig->side[i].cpu);
    }
}
