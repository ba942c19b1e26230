/* SPDX-License-Identifier: MIT */
/* The SYS space: cache maintenance, address translation, prediction restriction. TLB maintenance is
 * in sysreg_tlbi.c.
 *
 * Caches are not modelled, so a clean or invalidate does nothing but what software can see: it
 * translates its address and may fault, and an instruction-cache operation makes engines
 * re-validate their code. Facts: Arm ARM C5.3 to C5.6, D7.5; HCR_EL2.{TSW,TPCP,TPU,TOCU,TICAB,TDZ}.
 */

#include "sysreg_sys.h"

#include "exception.h"
#include "mmu.h"
#include "sysreg.h"
#include "system.h"

#define ZVA_BYTES 64u

#define OP(op1, crn, crm, op2) ((op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum sys_kind {
    SYS_DC_VA,   /* by address, needs to be readable */
    SYS_DC_VA_W, /* by address, needs to be writable (DC IVAC) */
    SYS_DC_SW,   /* by set and way */
    SYS_DC_ZVA,
    SYS_IC_ALL,
    SYS_IC_VA,
    SYS_AT,
    SYS_RCTX,
};

struct sys_op {
    uint16_t op;
    uint8_t kind; /* enum sys_kind */
    uint8_t min_el;
    uint8_t feat;
    uint8_t fgt;   /* bit of HFGITR_EL2 + 1 */
    uint64_t trap; /* HCR_EL2 */
    uint64_t el0;  /* SCTLR bit that lets EL0 */
};

static const struct sys_op ops[] = {
    {OP(0, 7, 1, 0), SYS_IC_ALL, 1, 0, 1, A64_HCR_TPU | A64_HCR_TICAB, 0},
    {OP(0, 7, 5, 0), SYS_IC_ALL, 1, 0, 2, A64_HCR_TPU | A64_HCR_TOCU, 0},
    {OP(3, 7, 5, 1), SYS_IC_VA, 0, 0, 3, A64_HCR_TPU | A64_HCR_TOCU, A64_SCTLR_UCI},
    {OP(0, 7, 6, 1), SYS_DC_VA_W, 1, 0, 4, A64_HCR_TPCP, 0},
    {OP(0, 7, 6, 2), SYS_DC_SW, 1, 0, 5, A64_HCR_TSW, 0},
    {OP(0, 7, 10, 2), SYS_DC_SW, 1, 0, 6, A64_HCR_TSW, 0},
    {OP(0, 7, 14, 2), SYS_DC_SW, 1, 0, 7, A64_HCR_TSW, 0},
    {OP(3, 7, 4, 1), SYS_DC_ZVA, 0, 0, 12, A64_HCR_TDZ, A64_SCTLR_DZE},
    {OP(3, 7, 10, 1), SYS_DC_VA, 0, 0, 55, A64_HCR_TPCP, A64_SCTLR_UCI},
    {OP(3, 7, 11, 1), SYS_DC_VA, 0, 0, 8, A64_HCR_TPU | A64_HCR_TOCU, A64_SCTLR_UCI},
    {OP(3, 7, 12, 1), SYS_DC_VA, 0, A64_FEAT_DPB, 9, A64_HCR_TPCP, A64_SCTLR_UCI},
    {OP(3, 7, 13, 1), SYS_DC_VA, 0, A64_FEAT_DPB2, 10, A64_HCR_TPCP, A64_SCTLR_UCI},
    {OP(3, 7, 14, 1), SYS_DC_VA, 0, 0, 11, A64_HCR_TPCP, A64_SCTLR_UCI},
    {OP(0, 7, 8, 0), SYS_AT, 1, 0, 13, 0, 0},
    {OP(0, 7, 8, 1), SYS_AT, 1, 0, 14, 0, 0},
    {OP(0, 7, 8, 2), SYS_AT, 1, 0, 15, 0, 0},
    {OP(0, 7, 8, 3), SYS_AT, 1, 0, 16, 0, 0},
    {OP(0, 7, 9, 0), SYS_AT, 1, A64_FEAT_PAN2, 17, 0, 0},
    {OP(0, 7, 9, 1), SYS_AT, 1, A64_FEAT_PAN2, 18, 0, 0},
    {OP(4, 7, 8, 0), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(4, 7, 8, 1), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(4, 7, 8, 4), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(4, 7, 8, 5), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(4, 7, 8, 6), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(4, 7, 8, 7), SYS_AT, 2, A64_FEAT_EL2, 0, 0, 0},
    {OP(3, 7, 3, 4), SYS_RCTX, 0, A64_FEAT_SPECRES, 49, 0, A64_SCTLR_ENRCTX},
    {OP(3, 7, 3, 5), SYS_RCTX, 0, A64_FEAT_SPECRES, 50, 0, A64_SCTLR_ENRCTX},
    {OP(3, 7, 3, 7), SYS_RCTX, 0, A64_FEAT_SPECRES, 51, 0, A64_SCTLR_ENRCTX},
};

static const struct sys_op *find_op(unsigned op)
{
    for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
        if (ops[k].op == op)
            return &ops[k];
    }
    return NULL;
}

static int check_op(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    const unsigned el = cpu->ps.el;
    if (el < op->min_el || (op->feat && !a64_has(&cpu->feat, (enum a64_feat)op->feat)))
        return a64_undefined(cpu);
    if (el == 0 && op->el0 && !(a64_sctlr(cpu) & op->el0))
        return a64_sysreg_trap(cpu, insn, a64_regime_el(cpu));
    if (el < 2 && !a64_e2h_tge(cpu) && (a64_hcr(cpu) & op->trap))
        return a64_sysreg_trap(cpu, insn, 2);
    if (op->fgt && a64_fgt_trap(cpu, cpu->sr.hfgitr_el2, op->fgt - 1u))
        return a64_sysreg_trap(cpu, insn, 2);
    return A64_NEXT;
}

/* DC ZVA: a store of a whole aligned block, so only its first part can fault; Device memory makes
 * it an alignment fault, which a64_host() sees to. It is no cache maintenance (CM = 0), and its FAR
 * is the address as given. */
static int zero_block(struct a64_cpu *cpu, uint64_t va)
{
    static const uint64_t zero[2];
    const uint64_t start = va & ~(uint64_t)(ZVA_BYTES - 1);
    if (!a64_host(cpu, start, ZVA_BYTES, A64_WRITE)) {
        cpu->exc.far = va;
        return A64_FAULT;
    }
    for (unsigned at = 0; at < ZVA_BYTES; at += 16) {
        if (a64_st(cpu, start + at, 16, A64_WRITE, zero) != A64_NEXT)
            return A64_FAULT;
    }
    return A64_NEXT;
}

static int run_op(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op,
                  uint64_t value)
{
    switch ((enum sys_kind)op->kind) {
    case SYS_DC_VA:
        return a64_probe(cpu, value, 1, A64_READ | A64_CACHEOP);
    case SYS_DC_VA_W:
        return a64_probe(cpu, value, 1, A64_WRITE | A64_CACHEOP);
    case SYS_DC_ZVA:
        return zero_block(cpu, value);
    case SYS_IC_VA:
        if (a64_probe(cpu, value, 1, A64_READ | A64_CACHEOP) != A64_NEXT)
            return A64_FAULT;
        a64_code_changed_at(cpu->sys, a64_tlb_page(cpu, value));
        return A64_SYNC;
    case SYS_IC_ALL:
        a64_code_changed(cpu->sys);
        return A64_SYNC;
    case SYS_AT:
        return a64_address_translate(cpu, op->op >> 11, op->op >> 3 & 15, op->op & 7, value);
    case SYS_DC_SW:
    case SYS_RCTX:
        break;
    }
    return A64_NEXT;
}

/* Nothing architected: implementation-defined space may be trapped, the monitor may want it. */
static int unallocated(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const unsigned crn = insn->word >> 12 & 15;
    if ((crn == 11 || crn == 15) && cpu->ps.el < 2 && !a64_e2h_tge(cpu) &&
        (a64_hcr(cpu) & A64_HCR_TIDCP))
        return a64_sysreg_trap(cpu, insn, 2);
    return a64_undefined(cpu);
}

int a64_sys(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value)
{
    const unsigned number = insn->word >> 5 & 0x3fff;
    if ((number >> 7 & 15) == 8)
        return a64_sys_tlbi(cpu, insn, value);
    const struct sys_op *op = find_op(number);
    if (!op)
        return unallocated(cpu, insn);
    if (check_op(cpu, insn, op) != A64_NEXT)
        return A64_FAULT;
    return run_op(cpu, insn, op, value);
}

/* No SYSL is allocated. */
int a64_sysl(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *value)
{
    return unallocated(cpu, insn);
}
