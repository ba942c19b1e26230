/* SPDX-License-Identifier: MIT */
/* The SYS space: cache maintenance, address translation, TLB maintenance, prediction restriction.
 *
 * Caches are coherent here, so DC only checks that it may: by-address forms translate, and can fault, like a load (or, IVAC, a
 * store). IC tells every CPU to re-validate its code. TLBI becomes a struct a64_tlbi: inner- and outer-shareable forms, and all
 * EL1 forms under HCR_EL2.FB, are broadcast. Facts: Arm ARM C5.3, C5.5, D8.14. */

#include "exception.h"
#include "mmu.h"
#include "sysreg.h"
#include "system.h"

#define OP(op1, crn, crm, op2) ((op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define ZVA_SIZE 64
#define PAGE 4096ull

struct sys_op {
    unsigned op1, crn, crm, op2;
    uint64_t value;
};

static struct sys_op decode(uint32_t word, uint64_t value)
{
    return (struct sys_op){word >> 16 & 7, word >> 12 & 15, word >> 8 & 15, word >> 5 & 7, value};
}

static bool hcr_traps(const struct a64_cpu *cpu, uint64_t bits)
{
    return cpu->ps.el < 2 && !a64_e2h_tge(cpu) && (a64_hcr(cpu) & bits);
}

/* ---- caches ---- */

/* Translates VA as ACCESS would; CM marks the abort as of cache maintenance. */
static int touch(struct a64_cpu *cpu, uint64_t va, unsigned access)
{
    return a64_probe(cpu, va, 1, access | A64_CACHEOP);
}

static int zero_block(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t va)
{
    static const union a64_vreg zero;
    const uint64_t start = va & ~(uint64_t)(ZVA_SIZE - 1);
    if (cpu->ps.el == 0 && !(a64_sctlr(cpu) & A64_SCTLR_DZE))
        return a64_sysreg_trap(cpu, insn, a64_regime_el(cpu));
    if (hcr_traps(cpu, A64_HCR_TDZ))
        return a64_sysreg_trap(cpu, insn, 2);
    if (!a64_host(cpu, start, ZVA_SIZE, A64_WRITE))
        return A64_FAULT;
    for (unsigned at = 0; at < ZVA_SIZE; at += 16) {
        const int status = a64_st(cpu, start + at, 16, A64_WRITE, &zero);
        if (status)
            return status;
    }
    return A64_NEXT;
}

/* By-address maintenance that EL0 may do under SCTLR.UCI: CVAC, CVAU, CVAP, CVADP, CIVAC, IC IVAU. */
static int user_maintenance(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    const bool unification = op->crm == 11 || op->crm == 5;
    if (cpu->ps.el == 0 && !(a64_sctlr(cpu) & A64_SCTLR_UCI))
        return a64_sysreg_trap(cpu, insn, a64_regime_el(cpu));
    if (hcr_traps(cpu, unification ? A64_HCR_TPU | A64_HCR_TOCU : A64_HCR_TPCP))
        return a64_sysreg_trap(cpu, insn, 2);
    const int status = touch(cpu, op->value, A64_READ);
    if (status || op->crm != 5)
        return status;
    a64_code_changed(cpu->sys);
    return A64_SYNC;
}

/* What only EL1 and above may do. */
static int privileged_maintenance(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    if (cpu->ps.el == 0)
        return a64_undefined(cpu);
    switch (OP(op->op1, op->crn, op->crm, op->op2)) {
    case OP(0, 7, 1, 0): /* IC IALLUIS */
    case OP(0, 7, 5, 0): /* IC IALLU */
        if (hcr_traps(cpu, A64_HCR_TPU | A64_HCR_TOCU | (op->crm == 1 ? A64_HCR_TICAB : 0)))
            return a64_sysreg_trap(cpu, insn, 2);
        a64_code_changed(cpu->sys);
        return A64_SYNC;
    case OP(0, 7, 6, 1): /* DC IVAC: needs write permission, since it may drop what others wrote */
        if (hcr_traps(cpu, A64_HCR_TPCP))
            return a64_sysreg_trap(cpu, insn, 2);
        return touch(cpu, op->value, A64_WRITE);
    case OP(0, 7, 6, 2):  /* DC ISW */
    case OP(0, 7, 10, 2): /* DC CSW */
    case OP(0, 7, 14, 2): /* DC CISW */
        return hcr_traps(cpu, A64_HCR_TSW) ? a64_sysreg_trap(cpu, insn, 2) : A64_NEXT;
    }
    return a64_undefined(cpu);
}

/* CFP, DVP, CPP RCTX: nothing is predicted. */
static int restrict_prediction(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    if (!a64_has(&cpu->feat, A64_FEAT_SPECRES))
        return a64_undefined(cpu);
    if (cpu->ps.el == 0 && !(a64_sctlr(cpu) & A64_SCTLR_ENRCTX))
        return a64_sysreg_trap(cpu, insn, a64_regime_el(cpu));
    return A64_NEXT;
}

static int cache_op(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    const enum a64_feat feat = op->crm == 12 ? A64_FEAT_DPB : op->crm == 13 ? A64_FEAT_DPB2 : A64_FEAT_BASE;
    if (op->op1 != 3)
        return privileged_maintenance(cpu, insn, op);
    if (op->crm == 3 && op->op2 >= 4 && op->op2 != 6)
        return restrict_prediction(cpu, insn);
    if (op->op2 != 1 || !a64_has(&cpu->feat, feat))
        return a64_undefined(cpu);
    switch (op->crm) {
    case 4:
        return zero_block(cpu, insn, op->value);
    case 5:
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
        return user_maintenance(cpu, insn, op);
    }
    return a64_undefined(cpu);
}

/* ---- AT ---- */

static int translate(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    const bool el2_form = op->op1 == 4;
    const bool known = op->crm == 8 ? (el2_form ? op->op2 < 2 || op->op2 >= 4 : op->op1 == 0 && op->op2 < 4)
                                    : op->op1 == 0 && op->op2 < 2 && a64_has(&cpu->feat, A64_FEAT_PAN2);
    if (!known || cpu->ps.el == 0 || (el2_form && cpu->ps.el != 2))
        return a64_undefined(cpu);
    return a64_address_translate(cpu, op->op1, op->crm, op->op2, op->value);
}

/* ---- TLBI ---- */

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static uint16_t current_vmid(const struct a64_cpu *cpu)
{
    const bool wide = a64_has(&cpu->feat, A64_FEAT_VMID16) && (cpu->sr.vtcr_el2 >> 19 & 1);
    return (uint16_t)(cpu->sr.vttbr_el2 >> 48 & (wide ? 0xffff : 0xff));
}

/* The bits of an ASID argument that count. */
static uint16_t asid_of(const struct a64_cpu *cpu, uint64_t value)
{
    return (uint16_t)(value >> 48 & (a64_has(&cpu->feat, A64_FEAT_ASID16) ? 0xffff : 0xff));
}

/* The address argument: one page, or a range (BaseADDR, NUM, SCALE, TG). */
static void set_addresses(struct a64_tlbi *out, uint64_t value, bool range, bool ipa)
{
    if (!range) {
        out->start = ipa ? (value & 0xfffffffffull) << 12 : sign_extend(value, 44) << 12;
        out->end = out->start + PAGE;
        return;
    }
    const unsigned tg = value >> 46 & 3, shift = tg == 2 ? 14 : tg == 3 ? 16 : 12;
    const uint64_t base = ipa ? value & 0x1fffffffffull : sign_extend(value, 37);
    const uint64_t pages = ((value >> 39 & 31) + 1) << (5 * (value >> 44 & 3) + 1);
    out->start = base << shift;
    out->end = out->start + (pages << shift);
}

/* Which CPUs: CRm 1 and 5 outer, 2 and 3 inner shareable, 6 and 7 this one. */
static bool is_shared(const struct sys_op *op)
{
    if (op->op1 == 4 && op->crm == 0)
        return true;
    if (op->op1 == 4 && op->crm == 4) /* IPAS2E1OS 0, RIPAS2E1OS 3, IPAS2LE1OS 4, RIPAS2LE1OS 7 */
        return op->op2 % 4 == 0 || op->op2 % 4 == 3;
    return op->crm < 6;
}

static bool is_outer(const struct sys_op *op)
{
    return op->crm == 1 || op->crm == 5 || (op->op1 == 4 && op->crm == 4 && is_shared(op));
}

static bool is_range(const struct sys_op *op)
{
    if (op->op1 == 4 && (op->crm == 0 || op->crm == 4))
        return op->op2 % 4 >= 2;
    return op->crm == 2 || op->crm == 5 || op->crm == 6;
}

/* EL1 forms, in the regime that they name now. False: unallocated. */
static bool el1_form(const struct a64_cpu *cpu, const struct sys_op *op, struct a64_tlbi *out)
{
    out->regime = a64_e2h_tge(cpu) && cpu->ps.el == 2 ? A64_REGIME_EL20 : A64_REGIME_EL10;
    out->asid = asid_of(cpu, op->value);
    switch (op->op2) {
    case 0:
        out->kind = A64_TLBI_VMALL;
        return !is_range(op);
    case 2:
        out->kind = A64_TLBI_ASID;
        return !is_range(op);
    case 1:
    case 5:
        out->kind = A64_TLBI_VA;
        return true;
    case 3:
    case 7:
        out->kind = A64_TLBI_VAA;
        return true;
    }
    return false;
}

static bool el2_form(const struct a64_cpu *cpu, const struct sys_op *op, struct a64_tlbi *out)
{
    out->regime = a64_hcr(cpu) & A64_HCR_E2H ? A64_REGIME_EL20 : A64_REGIME_EL2;
    out->asid = asid_of(cpu, op->value);
    if (op->crm == 0 || op->crm == 4) {
        out->regime = A64_REGIME_EL10;
        out->kind = A64_TLBI_IPA;
        return op->crm == 4 || (op->op2 & 3) == 1 || (op->op2 & 3) == 2;
    }
    if (op->op2 == 1 || op->op2 == 5) {
        out->kind = out->regime == A64_REGIME_EL20 ? A64_TLBI_VA : A64_TLBI_VAA;
        return true;
    }
    if (is_range(op))
        return false;
    out->kind = op->op2 == 6 ? A64_TLBI_VMALL : A64_TLBI_ALL;
    out->stage12 = op->op2 == 4 || op->op2 == 6;
    out->any_vmid = op->op2 == 4;
    if (out->stage12)
        out->regime = A64_REGIME_EL10;
    return op->op2 == 0 || op->op2 == 4 || op->op2 == 6;
}

static bool tlbi_exists(const struct a64_cpu *cpu, const struct sys_op *op)
{
    if (is_outer(op) && !a64_has(&cpu->feat, A64_FEAT_TLBIOS))
        return false;
    return !is_range(op) || a64_has(&cpu->feat, A64_FEAT_TLBIRANGE);
}

static uint64_t tlbi_trap_bits(const struct sys_op *op)
{
    return A64_HCR_TTLB | (is_shared(op) ? is_outer(op) ? A64_HCR_TTLBOS : A64_HCR_TTLBIS : 0);
}

static int tlbi(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    struct a64_tlbi out = {.vmid = current_vmid(cpu)};
    const bool el2 = op->op1 == 4;
    if (cpu->ps.el == 0 || (el2 && cpu->ps.el != 2) || (op->op1 != 0 && !el2) || !tlbi_exists(cpu, op))
        return a64_undefined(cpu);
    if (!(el2 ? el2_form(cpu, op, &out) : el1_form(cpu, op, &out)))
        return a64_undefined(cpu);
    if (!el2 && hcr_traps(cpu, tlbi_trap_bits(op)))
        return a64_sysreg_trap(cpu, insn, 2);
    if (out.kind == A64_TLBI_VA || out.kind == A64_TLBI_VAA || out.kind == A64_TLBI_IPA)
        set_addresses(&out, op->value, is_range(op), out.kind == A64_TLBI_IPA);
    if (is_shared(op) || (cpu->ps.el == 1 && (a64_hcr(cpu) & A64_HCR_FB)))
        a64_tlbi_broadcast(cpu, &out);
    else
        a64_tlb_invalidate(cpu, &out);
    return A64_SYNC;
}

/* Nothing answers: the implementation-defined space may be the monitor's. */
static int unknown(struct a64_cpu *cpu, const struct a64_insn *insn, const struct sys_op *op)
{
    const bool impdef = op->crn == 11 || op->crn == 15;
    if (impdef && hcr_traps(cpu, A64_HCR_TIDCP))
        return a64_sysreg_trap(cpu, insn, 2);
    return a64_undefined(cpu);
}

int a64_sys(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value)
{
    const struct sys_op op = decode(insn->word, value);
    if (op.crn == 8)
        return tlbi(cpu, insn, &op);
    if (op.crn == 7 && (op.crm == 8 || op.crm == 9))
        return translate(cpu, insn, &op);
    return op.crn == 7 ? cache_op(cpu, insn, &op) : unknown(cpu, insn, &op);
}

int a64_sysl(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t *value)
{
    const struct sys_op op = decode(insn->word, 0);
    return unknown(cpu, insn, &op);
}
