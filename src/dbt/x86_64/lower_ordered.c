/* SPDX-License-Identifier: MIT */
/* Load-acquire and store-release: LDAR, STLR, LDAPR, LDAPUR, STLUR, LDLAR, STLLR.
 *
 * The host's loads and stores already are acquire and release; what it lacks is that a
 * store-release stays before a later load-acquire. XCHG, which locks, is the store that later loads
 * wait for; so loads need nothing. A lone CPU (lower_shared()) stores as ever. Misaligned addresses
 * are the interpreter's (FEAT_LSE2, SCTLR_ELx.nAA). */

#include "lower_mem.h"

static void load_acquire(struct lower *l, const struct a64_insn *insn, enum lower_type type,
                         int64_t offset)
{
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_address(l, insn, offset);
    const struct lower_miss miss = lower_check_aligned(l, insn, lower_bytes(type), DBT_FILL_READ);
    const unsigned dst = insn->rd == 31 ? RDX : lower_dst(insn->rd, RDX);
    lower_load_general(&l->a, type, dst, lower_operand(0));
    lower_done(l, insn->rd, dst);
    lower_checked(l, miss);
}

static void store_release(struct lower *l, const struct a64_insn *insn, enum lower_type type,
                          int64_t offset)
{
    static const unsigned xchg[] = {
        [U8] = 0x86 | X_8, [U16] = 0x87 | X_66, [U32] = 0x87, [U64] = 0x87 | X_W};
    if (lower_sp_faults(l, insn)) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    lower_address(l, insn, offset);
    const struct lower_miss miss = lower_check_aligned(l, insn, lower_bytes(type), DBT_FILL_WRITE);
    if (lower_shared(l)) {
        lower_copy(l, 1, insn->rd, RDX);
        x86_op(&l->a, xchg[type], RDX, lower_operand(0), 0);
    } else {
        lower_store_general(&l->a, type, lower_operand(0), lower_src(l, 1, insn->rd, RDX));
    }
    lower_checked(l, miss);
}

/* ---- the table ---- */

ONE(ldar_u8, load_acquire, U8, 0)
ONE(ldar_u16, load_acquire, U16, 0)
ONE(ldar_u32, load_acquire, U32, 0)
ONE(ldar_u64, load_acquire, U64, 0)
ONE(ldapur_u8, load_acquire, U8, (int64_t)insn->imm)
ONE(ldapur_u16, load_acquire, U16, (int64_t)insn->imm)
ONE(ldapur_u32, load_acquire, U32, (int64_t)insn->imm)
ONE(ldapur_u64, load_acquire, U64, (int64_t)insn->imm)
ONE(ldapur_s8w, load_acquire, S8W, (int64_t)insn->imm)
ONE(ldapur_s16w, load_acquire, S16W, (int64_t)insn->imm)
ONE(ldapur_s8x, load_acquire, S8X, (int64_t)insn->imm)
ONE(ldapur_s16x, load_acquire, S16X, (int64_t)insn->imm)
ONE(ldapur_s32x, load_acquire, S32X, (int64_t)insn->imm)
ONE(stlr_u8, store_release, U8, 0)
ONE(stlr_u16, store_release, U16, 0)
ONE(stlr_u32, store_release, U32, 0)
ONE(stlr_u64, store_release, U64, 0)
ONE(stlur_u8, store_release, U8, (int64_t)insn->imm)
ONE(stlur_u16, store_release, U16, (int64_t)insn->imm)
ONE(stlur_u32, store_release, U32, (int64_t)insn->imm)
ONE(stlur_u64, store_release, U64, (int64_t)insn->imm)

lower_fn *const lower_ordered_table[A64_EXEC_COUNT] = {
    ROW(ldar_u8),    ROW(ldar_u16),    ROW(ldar_u32),    ROW(ldar_u64),   ROW(ldapur_u8),
    ROW(ldapur_u16), ROW(ldapur_u32),  ROW(ldapur_u64),  ROW(ldapur_s8w), ROW(ldapur_s16w),
    ROW(ldapur_s8x), ROW(ldapur_s16x), ROW(ldapur_s32x), ROW(stlr_u8),    ROW(stlr_u16),
    ROW(stlr_u32),   ROW(stlr_u64),    ROW(stlur_u8),    ROW(stlur_u16),  ROW(stlur_u32),
    ROW(stlur_u64),
};
