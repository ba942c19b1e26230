/* SPDX-License-Identifier: MIT */
/* The operands of loads and stores, and the immediates that their decoded instructions carry.
 *
 *   <off12> <off9> <off7> <offpac>     ", #imm", or nothing for 0: the offset inside the brackets
 *   <offtag> <offstgp>                 the same for memory tagging, in granules
 *   <simm9> <simm7> <simmtag> <simmstgp>  the bare number: pre- and post-index, where 0 is printed
 *   <mem.ext>                          "x2, lsl #3": the register offset with its extension
 *   <prfop>                            "pldl1keep", or a number
 *   <{Vt.T}>                           "{v0.16b-v3.16b}": the list of LDn, STn, LDnR
 *   <{Vt.lane}> <Vt.index>             "{v0.b-v2.b}" and the lane's number
 *   <struct.size>                      bytes transferred, the post-index of LDn and STn
 *
 *   <Xs+1> <Ws+1> <Xt+1> <Wt+1>        the second register of CASP's pairs
 *
 * Facts: the Arm manual, C4.1.94 (encodings), C6.2 and C7.2; the layout is GNU objdump's. */

#include <inttypes.h>

#include "a64_ops.h"
#include "decode.h"
#include "dis.h"
#include "ldst.h"

static int64_t sign_extend(uint32_t value, unsigned bits)
{
    return (int64_t)((uint64_t)value << (64 - bits)) >> (64 - bits);
}

uint64_t a64_imm_uimm12(uint32_t word)
{
    const unsigned size = word >> 30 | (word >> 24 & word >> 21 & 4); /* V and opc<1>: 16 bytes */
    return (uint64_t)(word >> 10 & 0xfff) << size;
}

uint64_t a64_imm_simm9(uint32_t word)
{
    return (uint64_t)sign_extend(word >> 12 & 0x1ff, 9);
}

uint64_t a64_imm_pair(uint32_t word)
{
    const unsigned opc = word >> 30, shift = word >> 26 & 1 ? 2 + opc : 2 + (opc >> 1);
    return (uint64_t)sign_extend(word >> 15 & 0x7f, 7) << shift;
}

uint64_t a64_imm_simmpac(uint32_t word)
{
    return (uint64_t)sign_extend((word >> 22 & 1) << 9 | (word >> 12 & 0x1ff), 10) << 3;
}

uint64_t a64_imm_literal(uint32_t word)
{
    return (uint64_t)sign_extend(word >> 5 & 0x7ffff, 19) << 2;
}

uint64_t a64_imm_regoff(uint32_t word)
{
    const unsigned size = word >> 30 | (word >> 24 & word >> 21 & 4);
    const unsigned shift = word >> 12 & 1 ? size : 0;
    return a64_regoff(word >> 13 & 7, shift);
}

/* Memory tagging counts in granules of 16 bytes. */
static uint64_t tag_offset(uint32_t word)
{
    return a64_imm_simm9(word) << 4;
}

static uint64_t stgp_offset(uint32_t word)
{
    return (uint64_t)sign_extend(word >> 15 & 0x7f, 7) << 4;
}

#define OP_OFFSET(token, imm)                                                                      \
    A64_OP(token)                                                                                  \
    {                                                                                              \
        const int64_t value = (int64_t)imm(dis->word);                                             \
        if (value)                                                                                 \
            a64_dis_printf(dis, ", #%" PRId64, value);                                             \
    }
OP_OFFSET(off12, a64_imm_uimm12)
OP_OFFSET(off9, a64_imm_simm9)
OP_OFFSET(off7, a64_imm_pair)
OP_OFFSET(offpac, a64_imm_simmpac)
OP_OFFSET(offtag, tag_offset)
OP_OFFSET(offstgp, stgp_offset)

#define OP_NUMBER(token, imm)                                                                      \
    A64_OP(token)                                                                                  \
    {                                                                                              \
        a64_dis_printf(dis, "%" PRId64, (int64_t)imm(dis->word));                                  \
    }
OP_NUMBER(simm9, a64_imm_simm9)
OP_NUMBER(simm7, a64_imm_pair)
OP_NUMBER(simmtag, tag_offset)
OP_NUMBER(simmstgp, stgp_offset)

A64_OP(mem_ext)
{
    static const char *const names[8] = {"uxtb", "uxth", "uxtw", "lsl",
                                         "sxtb", "sxth", "sxtw", "sxtx"};
    const unsigned m = dis_bits(dis, 20, 16), option = dis_bits(dis, 15, 13);
    const char width = option & 1 ? 'x' : 'w';
    const bool scaled = dis_bits(dis, 12, 12);
    if (m == 31)
        a64_dis_printf(dis, "%czr", width);
    else
        a64_dis_printf(dis, "%c%u", width, m);
    if (scaled)
        a64_dis_printf(dis, ", %s #%u", names[option], a64_regoff_shift(a64_imm_regoff(dis->word)));
    else if (option != A64_EXTEND_LSL)
        a64_dis_printf(dis, ", %s", names[option]);
}

A64_OP(prfop)
{
    static const char *const types[3] = {"pld", "pli", "pst"};
    const unsigned op = dis_bits(dis, 4, 0), type = op >> 3, target = op >> 1 & 3;
    if (type == 3 || target == 3)
        a64_dis_printf(dis, "#0x%02x", op);
    else
        a64_dis_printf(dis, "%sl%u%s", types[type], target + 1, op & 1 ? "strm" : "keep");
}

static void print_list(struct a64_dis *dis, const char *suffix, unsigned count)
{
    const unsigned first = dis_bits(dis, 4, 0), last = (first + count - 1) % 32;
    if (count > 2 && first < last) {
        a64_dis_printf(dis, "{v%u.%s-v%u.%s}", first, suffix, last, suffix);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        a64_dis_printf(dis, "%sv%u.%s", i ? ", " : "{", (first + i) % 32, suffix);
    a64_dis_text(dis, "}");
}

A64_OP(Vt_T)
{
    static const char *const names[8] = {"8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d"};
    const struct a64_struct_form form = a64_struct_form(dis->word);
    print_list(dis, names[form.log2_bytes << 1 | form.full], form.registers);
}

A64_OP(Vt_lane)
{
    static const char *const names[4] = {"b", "h", "s", "d"};
    const struct a64_struct_form form = a64_struct_form(dis->word);
    print_list(dis, names[form.log2_bytes], form.registers);
}

A64_OP(Vt_index)
{
    a64_dis_printf(dis, "%u", a64_struct_form(dis->word).lane);
}

A64_OP(struct_size)
{
    a64_dis_printf(dis, "%u", a64_struct_form(dis->word).bytes);
}

#define OP_NEXT(token, width, high, low)                                                           \
    A64_OP(token)                                                                                  \
    {                                                                                              \
        const unsigned number = dis_bits(dis, high, low) + 1;                                      \
        if (number == 31)                                                                          \
            a64_dis_text(dis, width "zr");                                                         \
        else                                                                                       \
            a64_dis_printf(dis, width "%u", number);                                               \
    }
OP_NEXT(Xs_1, "x", 20, 16)
OP_NEXT(Ws_1, "w", 20, 16)
OP_NEXT(Xt_1, "x", 4, 0)
OP_NEXT(Wt_1, "w", 4, 0)
