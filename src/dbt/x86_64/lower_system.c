/* SPDX-License-Identifier: MIT */
/* System registers and barriers that kernels use all the time: registers that are plain storage, SP_EL0,
 * interrupt masks, ISB. Whatever else there is to them (traps, pending interrupts, debug) is looked for
 * here and left to the interpreter's functions. */

#include "lower_mem.h"

#include "../../a64/exception.h"
#include "../../a64/sysreg.h"
#include "../../a64/system.h"

#define SYSREG_SP_EL0     A64_SYSREG(3, 0, 4, 1, 0)
#define SYSREG_CURRENT_EL A64_SYSREG(3, 0, 4, 2, 2)
#define SYSREG_DAIF       A64_SYSREG(3, 3, 4, 2, 1)
#define SYSREG_DCZID      A64_SYSREG(3, 3, 0, 0, 7)
#define SYSREG_FPCR       A64_SYSREG(3, 3, 4, 4, 0)
#define SYSREG_FPSR       A64_SYSREG(3, 3, 4, 4, 1)

#define FPSR_BITS 0x0800009f /* QC, IDC, IXC, UFC, OFC, DZC, IOC */

/* MDSCR_EL1 bits that make PSTATE.D matter: SS, KDE, MDE. */
#define MDSCR_ACTIVE (1 << 0 | 1 << 13 | 1 << 15)

/* Whether interrupts are a matter of cpu->lines and PSTATE alone: no virtual ones can be taken here. */
static bool simple_interrupts(const struct lower *l)
{
    const unsigned el = l->mode & DBT_MODE_EL;
    return el == 2 || (el == 1 && !a64_el2_enabled(l->dbt->cpu));
}

/* If CC holds, the instruction is the interpreter's; join() ends what it does not do then. */
static void otherwise(struct lower *l, const struct a64_insn *insn, enum x86_cc cc)
{
    const struct x86_label other = x86_jcc(&l->a, cc);
    x86_land(&l->cold, other);
    lower_call_cold(l, insn);
}

static void join(struct lower *l)
{
    x86_jmp_to(&l->cold, x86_here(&l->a));
}

/* ---- MRS ---- */

static void read_plain(struct lower *l, const struct a64_insn *insn, size_t offset)
{
    const unsigned dst = lower_dst(insn->rd, RAX);
    x86_mov(&l->a, 1, dst, x86_m(RBP, (int32_t)offset - CPU_BIAS));
    lower_done(l, insn->rd, dst);
}

static bool read_special(struct lower *l, const struct a64_insn *insn, unsigned enc)
{
    struct x86 *a = &l->a;
    const unsigned el = l->mode & DBT_MODE_EL;
    if (el == 0)
        return false;
    const unsigned dst = lower_dst(insn->rd, RAX);
    switch (enc) {
    case SYSREG_CURRENT_EL:
        x86_imm(a, dst, el << 2);
        break;
    case SYSREG_DAIF:
        lower_clobber(l);
        x86_movzx8(a, dst, CPU(ps.daif));
        x86_shift_imm(a, SHIFT_SHL, 0, dst, 6);
        break;
    case SYSREG_SP_EL0:
        lower_clobber(l);
        x86_cmp8_imm(a, CPU(ps.spsel), 0);
        otherwise(l, insn, CC_E);
        x86_mov(a, 1, dst, CPU(sp_el[0]));
        lower_done(l, insn->rd, dst);
        join(l);
        return true;
    default:
        return false;
    }
    lower_done(l, insn->rd, dst);
    return true;
}

/* FPCR and FPSR, which has what MXCSR has seen. */
static void read_float(struct lower *l, const struct a64_insn *insn, unsigned enc)
{
    const unsigned dst = lower_dst(insn->rd, RAX);
    if (enc == SYSREG_FPSR) {
        lower_clobber(l);
        x86_call_to(&l->a, l->dbt->stub.read_fpsr);
    }
    x86_mov(&l->a, 0, dst, enc == SYSREG_FPSR ? CPU(fpsr) : CPU(fpcr));
    lower_done(l, insn->rd, dst);
}

/* DC ZVA is trapped by EL2 never here, and by SCTLR_EL1.DZE = 0 at EL0. */
static bool may_zero(const struct lower *l)
{
    return (l->mode & DBT_MODE_EL) == 2 || !a64_el2_enabled(l->dbt->cpu);
}

/* Whether and how much DC ZVA zeroes, which each call of a memset() may ask. */
static void read_dczid(struct lower *l, const struct a64_insn *insn)
{
    const bool el0 = !(l->mode & DBT_MODE_EL);
    if (el0) {
        lower_clobber(l);
        x86_test_imm(&l->a, 0, CPU(sr.sctlr[1]), A64_SCTLR_DZE);
        otherwise(l, insn, CC_E);
    }
    read_plain(l, insn, offsetof(struct a64_cpu, sr.misc[A64_MISC_DCZID]));
    if (el0)
        join(l);
}

static void lower_mrs(struct lower *l, const struct a64_insn *insn)
{
    size_t offset;
    uint64_t mask;
    const unsigned enc = a64_sysreg_of(insn->word);
    if (insn->rd == 31)
        lower_call(l, insn);
    else if ((enc == SYSREG_FPCR || enc == SYSREG_FPSR) && !(l->mode & DBT_MODE_NO_FP))
        read_float(l, insn, enc);
    else if (enc == SYSREG_DCZID && may_zero(l))
        read_dczid(l, insn);
    else if (a64_sysreg_plain(l->dbt->cpu, enc, false, &offset, &mask))
        read_plain(l, insn, offset);
    else if (!read_special(l, insn, enc))
        lower_call(l, insn);
}

/* ---- MSR ---- */

/* Whether write_plain() takes MASK. */
static bool can_mask(uint64_t mask)
{
    return mask == (uint32_t)mask || mask == (uint64_t)(int32_t)mask;
}

static void write_plain(struct lower *l, const struct a64_insn *insn, size_t offset, uint64_t mask)
{
    struct x86 *a = &l->a;
    const struct x86_rm storage = x86_m(RBP, (int32_t)offset - CPU_BIAS);
    const int w = mask != (uint32_t)mask;
    if (mask == ~0ull) {
        x86_store(a, 1, storage, lower_src(l, 1, insn->rd, RAX));
        return;
    }
    lower_clobber(l);
    lower_copy(l, w, insn->rd, RAX);
    if (mask != UINT32_MAX)
        x86_alu_imm(a, ALU_AND, w, x86_r(RAX), (int32_t)mask);
    x86_store(a, 1, storage, RAX);
}

static void write_daif(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    x86_test_imm(a, 0, CPU(sr.mdscr_el1), MDSCR_ACTIVE);
    const struct x86_label debug = x86_jcc(a, CC_NE);
    x86_alu_imm(a, ALU_CMP, 0, CPU(lines), 0);
    x86_land(&l->cold, debug);
    otherwise(l, insn, CC_NE);
    lower_copy(l, 0, insn->rd, RAX);
    x86_shift_imm(a, SHIFT_SHR, 0, RAX, 6);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), 15);
    x86_store8(a, CPU(ps.daif), RAX);
    join(l);
}

static void write_sp_el0(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    x86_cmp8_imm(a, CPU(ps.spsel), 0);
    otherwise(l, insn, CC_E);
    x86_store(a, 1, CPU(sp_el[0]), lower_src(l, 1, insn->rd, RAX));
    join(l);
}

static void write_fpsr(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    lower_copy(l, 0, insn->rd, RAX);
    x86_alu_imm(a, ALU_AND, 0, x86_r(RAX), FPSR_BITS);
    x86_store(a, 0, CPU(fpsr), RAX);
    x86_call_to(a, l->dbt->stub.clear_mxcsr);
}

static void lower_msr(struct lower *l, const struct a64_insn *insn)
{
    size_t offset;
    uint64_t mask;
    const unsigned enc = a64_sysreg_of(insn->word), el = l->mode & DBT_MODE_EL;
    if (a64_sysreg_plain(l->dbt->cpu, enc, true, &offset, &mask) && can_mask(mask))
        write_plain(l, insn, offset, mask);
    else if (enc == SYSREG_DAIF && simple_interrupts(l))
        write_daif(l, insn);
    else if (enc == SYSREG_SP_EL0 && el)
        write_sp_el0(l, insn);
    else if (enc == SYSREG_FPSR && !(l->mode & (DBT_MODE_NO_FP | DBT_MODE_FZ | DBT_MODE_FPCR)))
        write_fpsr(l, insn);
    else
        lower_call(l, insn);
}

/* DAIFSet and DAIFClr. */
static void lower_msr_imm(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const unsigned op = (insn->word >> 16 & 7) << 3 | (insn->word >> 5 & 7), imm = insn->word >> 8 & 15;
    if ((op != 036 && op != 037) || !simple_interrupts(l)) {
        lower_call(l, insn);
        return;
    }
    lower_clobber(l);
    const bool clear = op == 037, debug = imm & 8;
    if (clear || debug) {
        /* One rare path for both. */
        struct x86_label first = {0};
        if (debug) {
            x86_test_imm(a, 0, CPU(sr.mdscr_el1), MDSCR_ACTIVE);
            if (clear)
                first = x86_jcc(a, CC_NE);
        }
        if (clear)
            x86_alu_imm(a, ALU_CMP, 0, CPU(lines), 0);
        if (first.at)
            x86_land(&l->cold, first);
        otherwise(l, insn, CC_NE);
    }
    x86_op(a, 0x80 | X_8, clear ? ALU_AND : ALU_OR, CPU(ps.daif), 1);
    x86_u8(a, clear ? ~imm & 0xff : imm);
    if (clear || debug)
        join(l);
}

/* ---- SYS ---- */

#define SYS_DC(crm)  (3u << 16 | 7 << 12 | (crm) << 8 | 1 << 5)
#define SYS_DC_ZVA   SYS_DC(4)
#define SYS_DC_CVAC  SYS_DC(10)
#define SYS_DC_CVAU  SYS_DC(11)
#define SYS_DC_CIVAC SYS_DC(14)
#define SYS_OP       (7u << 16 | 15 << 12 | 15 << 8 | 7 << 5)
#define ZVA_BYTES    64

/* Stores of zeros to the aligned block of ZVA_BYTES around Xt. */
static void zero_block(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    lower_clobber(l);
    struct x86_label denied = {0};
    if (!(l->mode & DBT_MODE_EL)) {
        x86_test_imm(a, 0, CPU(sr.sctlr[1]), A64_SCTLR_DZE);
        denied = x86_jcc(a, CC_E);
    }
    lower_copy(l, 1, insn->rd, RAX);
    x86_alu_imm(a, ALU_AND, 1, x86_r(RAX), -ZVA_BYTES);
    const struct lower_miss miss = lower_check_with_slow(l, insn, ZVA_BYTES, DBT_FILL_WRITE);
    if (denied.at && !a->full && !l->cold.full)
        x86_patch(a, denied, miss.slow);
    x86_lea(a, 1, RCX, x86_mx(RAX, RCX, 0, 0));
    x86_vex(a, 0xef | X_0F | X_66, VSCRATCH0, VSCRATCH0, x86_r(VSCRATCH0), 0); /* VPXOR */
    for (int at = 0; at < ZVA_BYTES; at += 32)
        x86_vex(a, 0x7f | X_0F | X_F3 | X_L, VSCRATCH0, 0, x86_m(RCX, at), 0); /* VMOVDQU m256 */
    lower_checked(l, miss);
}

/* There are no caches to clean: where Xt leads must be translated, and is if it can be read. */
static void clean_line(struct lower *l, const struct a64_insn *insn)
{
    lower_clobber(l);
    lower_copy(l, 1, insn->rd, RAX);
    lower_checked(l, lower_check(l, insn, 1, DBT_FILL_READ));
}

static void lower_sys(struct lower *l, const struct a64_insn *insn)
{
    const bool untrapped = may_zero(l), el0 = !(l->mode & DBT_MODE_EL);
    const unsigned op = insn->word & SYS_OP;
    if (op == SYS_DC_ZVA && untrapped)
        zero_block(l, insn);
    else if ((op == SYS_DC_CVAC || op == SYS_DC_CVAU || op == SYS_DC_CIVAC) && untrapped && !el0)
        clean_line(l, insn);
    else
        lower_call(l, insn);
}

/* ---- barriers ---- */

/* Leaves the block if code may have changed; whatever else an ISB waits for has left it already. */
static void lower_isb(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    struct dbt_hot *hot = l->dbt->hot;
    lower_clobber(l);
    x86_mov(a, 1, RAX, x86_at(&hot->system_generation));
    x86_mov(a, 1, RAX, x86_m(RAX, 0));
    x86_alu(a, ALU_CMP, 1, RAX, x86_at(&hot->code_generation));
    otherwise(l, insn, CC_NE);
    join(l);
}

static void lower_dsb(struct lower *l, const struct a64_insn *insn)
{
    if (l->mode & DBT_MODE_MANY) {
        lower_call(l, insn); /* waits for the TLB maintenance of other CPUs */
        return;
    }
    lower_clobber(l);
    x86_u8(&l->a, 0xf0); /* LOCK OR [RSP - 8], 0 */
    x86_alu_imm(&l->a, ALU_OR, 0, x86_m(RSP, -8), 0);
}

lower_fn *const lower_system_table[A64_EXEC_COUNT] = {
    ROW(mrs), ROW(msr), ROW(msr_imm), ROW(sys), ROW(isb), ROW(dsb),
};
