/* SPDX-License-Identifier: MIT */
/* Operands of branches, system instructions and general data processing, and the general registers
 * and conditions that all classes share:
 *
 *   <Xd> <Xt> <Xn> <Xm> <Xs> <Xa> <Xt2>  x0..x30, xzr from [4:0], [9:5], [20:16], [14:10]; <Wd> ...
 * likewise <Xd|SP> <Xn|SP> <Xm|SP> <Wd|WSP> ... the same with sp, wsp <cond> <invcond> [15:12] and
 * its inverse, with objdump's note on synonyms <nzcv>                               [3:0]
 *
 * Numbers print as GNU objdump prints them: immediates hexadecimal, shifts and positions decimal.
 * Facts: the Arm manual, C4.1.86 to C4.1.93 and C6.2. */

#include <inttypes.h>
#include <stdbool.h>

#include "a64_ops.h"
#include "decode.h"
#include "dis.h"

static void print_register(struct a64_dis *dis, char width, unsigned number, const char *name31)
{
    if (number == 31)
        a64_dis_text(dis, name31);
    else
        a64_dis_printf(dis, "%c%u", width, number);
}

#define OP_GENERAL(role, high, low)                                                                \
    A64_OP(X##role)                                                                                \
    {                                                                                              \
        print_register(dis, 'x', dis_bits(dis, high, low), "xzr");                                 \
    }                                                                                              \
    A64_OP(W##role)                                                                                \
    {                                                                                              \
        print_register(dis, 'w', dis_bits(dis, high, low), "wzr");                                 \
    }                                                                                              \
    A64_OP(X##role##_SP)                                                                           \
    {                                                                                              \
        print_register(dis, 'x', dis_bits(dis, high, low), "sp");                                  \
    }                                                                                              \
    A64_OP(W##role##_WSP)                                                                          \
    {                                                                                              \
        print_register(dis, 'w', dis_bits(dis, high, low), "wsp");                                 \
    }

OP_GENERAL(d, 4, 0)
OP_GENERAL(t, 4, 0)
OP_GENERAL(n, 9, 5)
OP_GENERAL(m, 20, 16)
OP_GENERAL(s, 20, 16)
OP_GENERAL(a, 14, 10)
OP_GENERAL(t2, 14, 10)

/* ---- conditions ---- */

static const char *const conditions[16] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                           "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
/* SVE's and the carry's other names for a condition. */
static const char *const synonyms[16] = {
    "none",  "any",   "hs, nlast", "lo, ul, last", "first", "nfrst", "", "",
    "pmore", "plast", "tcont",     "tstop",        "",      "",      "", ""};

static void print_condition(struct a64_dis *dis, unsigned cond)
{
    a64_dis_text(dis, conditions[cond]);
    if (*synonyms[cond])
        a64_dis_printf(dis, "\t// %s = %s", conditions[cond], synonyms[cond]);
}

A64_OP(cond)
{
    print_condition(dis, dis_bits(dis, 15, 12));
}

A64_OP(invcond)
{
    print_condition(dis, dis_bits(dis, 15, 12) ^ 1);
}

A64_OP(nzcv)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 3, 0));
}

/* The condition of B.cond and BC.cond, [3:0]. */
A64_OP(bcond)
{
    a64_dis_text(dis, conditions[dis_bits(dis, 3, 0)]);
}

/* "  // b.hs, b.nlast": each synonym with the mnemonic. */
static void print_branch_note(struct a64_dis *dis, const char *mnemonic)
{
    const char *at = synonyms[dis_bits(dis, 3, 0)];
    for (const char *lead = "  // "; *at; lead = ", ") {
        int length = 0;
        while (at[length] && at[length] != ',')
            length++;
        a64_dis_printf(dis, "%s%s.%.*s", lead, mnemonic, length, at);
        at += at[length] ? length + 2 : length;
    }
}

A64_OP(bcond_note)
{
    print_branch_note(dis, "b");
}

A64_OP(bccond_note)
{
    print_branch_note(dis, "bc");
}

/* ---- branches and exceptions ---- */

static int64_t sign_extend(uint64_t value, unsigned bits)
{
    return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static void print_label(struct a64_dis *dis, unsigned high, unsigned low)
{
    const int64_t offset = sign_extend(dis_bits(dis, high, low), high - low + 1) * 4;
    a64_dis_printf(dis, "0x%" PRIx64, dis->pc + (uint64_t)offset);
}

A64_OP(label26)
{
    print_label(dis, 25, 0);
}

A64_OP(label19)
{
    print_label(dis, 23, 5);
}

A64_OP(label14)
{
    print_label(dis, 18, 5);
}

A64_OP(tb_reg)
{
    print_register(dis, dis_bits(dis, 31, 31) ? 'x' : 'w', dis_bits(dis, 4, 0),
                   dis_bits(dis, 31, 31) ? "xzr" : "wzr");
}

A64_OP(tb_bit)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 31, 31) << 5 | dis_bits(dis, 23, 19));
}

A64_OP(imm16)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 20, 5));
}

A64_OP(udf_imm)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 15, 0));
}

/* ---- system ---- */

static const char *const barriers[16] = {NULL,    "oshld", "oshst", "osh",   NULL,    "nshld",
                                         "nshst", "nsh",   NULL,    "ishld", "ishst", "ish",
                                         NULL,    "ld",    "st",    "sy"};

A64_OP(barrier)
{
    const unsigned option = dis_bits(dis, 11, 8);
    if (barriers[option])
        a64_dis_text(dis, barriers[option]);
    else
        a64_dis_printf(dis, "#0x%02x", option);
}

A64_OP(barrier_nxs)
{
    a64_dis_printf(dis, "%snxs", barriers[dis_bits(dis, 11, 10) << 2 | 3]);
}

A64_OP(barrier_imm)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 11, 8));
}

A64_OP(hint)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 11, 5));
}

A64_OP(bti)
{
    static const char *const targets[4] = {"", "c", "j", "jc"};
    a64_dis_text(dis, targets[dis_bits(dis, 7, 6)]);
}

static const char *pstate_field_name(unsigned op1, unsigned op2)
{
    switch (op1 << 3 | op2) {
    case 003:
        return "uao";
    case 004:
        return "pan";
    case 005:
        return "spsel";
    case 031:
        return "ssbs";
    case 032:
        return "dit";
    case 034:
        return "tco";
    case 036:
        return "daifset";
    case 037:
        return "daifclr";
    }
    return NULL;
}

bool a64_pstate_field(unsigned op1, unsigned op2)
{
    return pstate_field_name(op1, op2) != NULL;
}

A64_OP(pstate_field)
{
    a64_dis_text(dis, pstate_field_name(dis_bits(dis, 18, 16), dis_bits(dis, 7, 5)));
}

A64_OP(pstate_imm)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 11, 8));
}

A64_OP(genter_imm)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 4, 0));
}

A64_OP(sdsb_domain)
{
    static const char *const domains[4] = {"osh", "nsh", "ish", "sy"};
    a64_dis_text(dis, domains[dis_bits(dis, 1, 0)]);
}

/* ---- data processing, immediate ---- */

static uint64_t width_mask(const struct a64_dis *dis)
{
    return dis_bits(dis, 31, 31) ? ~0ull : 0xffffffffull;
}

/* An immediate of a MOV alias: wide column, then the same in decimal. */
static void print_mov_immediate(struct a64_dis *dis, uint64_t value)
{
    const int64_t decimal = dis_bits(dis, 31, 31) ? (int64_t)value : (int32_t)value;
    a64_dis_printf(dis, "#0x%-20" PRIx64 "\t// #%" PRId64, value, decimal);
}

A64_OP(aimm)
{
    a64_dis_printf(dis, "#0x%x%s", dis_bits(dis, 21, 10), dis_bits(dis, 22, 22) ? ", lsl #12" : "");
}

A64_OP(tag_offset)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 21, 16) * 16);
}

A64_OP(tag_imm)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 13, 10));
}

A64_OP(simm8)
{
    a64_dis_printf(dis, "#%d", (int8_t)dis_bits(dis, 17, 10));
}

A64_OP(uimm8)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 17, 10));
}

A64_OP(bimm_x)
{
    a64_dis_printf(dis, "#0x%" PRIx64, a64_imm_logical(dis->word));
}

A64_OP(bimm_w)
{
    op_bimm_x(dis);
}

A64_OP(bimm_mov_x)
{
    print_mov_immediate(dis, a64_imm_logical(dis->word));
}

A64_OP(bimm_mov_w)
{
    op_bimm_mov_x(dis);
}

A64_OP(himm)
{
    const unsigned shift = dis_bits(dis, 22, 21) * 16;
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 20, 5));
    if (shift)
        a64_dis_printf(dis, ", lsl #%u", shift);
}

A64_OP(himm_mov_z)
{
    print_mov_immediate(dis, a64_imm_movewide(dis->word));
}

A64_OP(himm_mov_n_x)
{
    print_mov_immediate(dis, ~a64_imm_movewide(dis->word));
}

A64_OP(himm_mov_n_w)
{
    print_mov_immediate(dis, ~a64_imm_movewide(dis->word) & width_mask(dis));
}

A64_OP(immr)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 21, 16));
}

A64_OP(imms)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 15, 10));
}

/* The lowest bit that BFI, SBFIZ, UBFIZ, BFC write. */
A64_OP(bf_lsb_x)
{
    a64_dis_printf(dis, "#%u", -dis_bits(dis, 21, 16) & 63);
}

A64_OP(bf_lsb_w)
{
    a64_dis_printf(dis, "#%u", -dis_bits(dis, 21, 16) & 31);
}

A64_OP(bf_width)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 15, 10) + 1);
}

/* The width that BFXIL, SBFX, UBFX extract. */
A64_OP(bfx_width)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 15, 10) - dis_bits(dis, 21, 16) + 1);
}

A64_OP(bf_lsl_x)
{
    a64_dis_printf(dis, "#%u", 63 - dis_bits(dis, 15, 10));
}

A64_OP(bf_lsl_w)
{
    a64_dis_printf(dis, "#%u", 31 - dis_bits(dis, 15, 10));
}

A64_OP(adr)
{
    a64_dis_printf(dis, "0x%" PRIx64, dis->pc + a64_imm_adr(dis->word));
}

A64_OP(adrp)
{
    a64_dis_printf(dis, "0x%" PRIx64, (dis->pc & ~UINT64_C(0xfff)) + a64_imm_adrp(dis->word));
}

/* ---- data processing, register ---- */

/* ", lsl #3"; nothing for LSL by 0. */
A64_OP(shift)
{
    static const char *const kinds[4] = {"lsl", "lsr", "asr", "ror"};
    const unsigned kind = dis_bits(dis, 23, 22), amount = dis_bits(dis, 15, 10);
    if (kind || amount)
        a64_dis_printf(dis, ", %s #%u", kinds[kind], amount);
}

/* "w2, uxtb #1". Where a stack pointer is involved the extension that changes nothing is LSL. */
static void print_extended(struct a64_dis *dis, bool x, bool with_sp)
{
    static const char *const kinds[8] = {"uxtb", "uxth", "uxtw", "uxtx",
                                         "sxtb", "sxth", "sxtw", "sxtx"};
    const unsigned kind = dis_bits(dis, 15, 13), amount = dis_bits(dis, 12, 10);
    const bool lsl = with_sp && kind == (x ? 3 : 2);
    if (x && (kind & 3) == 3)
        op_Xm(dis);
    else
        op_Wm(dis);
    if (!lsl)
        a64_dis_printf(dis, ", %s", kinds[kind]);
    else if (amount)
        a64_dis_text(dis, ", lsl");
    if (amount)
        a64_dis_printf(dis, " #%u", amount);
}

static bool names_sp(const struct a64_dis *dis, bool destination)
{
    return dis_bits(dis, 9, 5) == 31 || (destination && dis_bits(dis, 4, 0) == 31);
}

/* ADD, SUB: destination and first source may be SP. */
A64_OP(ext_x_sp)
{
    print_extended(dis, true, names_sp(dis, true));
}

A64_OP(ext_w_sp)
{
    print_extended(dis, false, names_sp(dis, true));
}

/* ADDS, SUBS: only the first source may be. */
A64_OP(ext_x_s)
{
    print_extended(dis, true, names_sp(dis, false));
}

A64_OP(ext_w_s)
{
    print_extended(dis, false, names_sp(dis, false));
}

A64_OP(ccmp_imm)
{
    a64_dis_printf(dis, "#0x%x", dis_bits(dis, 20, 16));
}

A64_OP(rmif_shift)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 20, 15));
}

A64_OP(rmif_mask)
{
    a64_dis_printf(dis, "#%u", dis_bits(dis, 3, 0));
}
