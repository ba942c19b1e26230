/* SPDX-License-Identifier: MIT */
/* TLB maintenance: from a TLBI instruction to a struct a64_tlbi.
 *
 * The encoding is regular. CRm tells the shareability (1, 5: Outer Shareable; 2, 3: Inner
 * Shareable; 6, 7: this CPU) and whether the operation is by range (2, 5, 6); op1 4 with CRm 0 and
 * 4 are the stage-2 operations. Last-level forms do what the others do: intermediate levels of
 * walks are not cached. The nXS forms (CRn 9) are of FEAT_XS and undefined. Facts: Arm ARM C5.5,
 * D8.14 (range operands), HCR_EL2.{FB,TTLB,TTLBIS,TTLBOS}. */

#include "sysreg_sys.h"

#include "exception.h"
#include "mmu.h"
#include "sysreg.h"
#include "system.h"

enum share { LOCAL, INNER, OUTER };

struct form {
    uint8_t op1, crm, op2;
    uint8_t kind;  /* of struct a64_tlbi */
    uint8_t share; /* enum share */
    bool range;
    bool stage12, any_vmid;
    uint8_t fgt; /* HFGITR_EL2 bit + 1 */
};

#define VMALL(op1, crm, op2, share, fgt)                                                           \
    {                                                                                              \
        op1, crm, op2, A64_TLBI_VMALL, share, 0, 0, 0, fgt                                         \
    }
#define FORM(op1, crm, op2, kind, share, range, fgt)                                               \
    {                                                                                              \
        op1, crm, op2, A64_TLBI_##kind, share, range, 0, 0, fgt                                    \
    }

/* VMALLE1, VAE1, ASIDE1, VAAE1, VALE1, VAALE1 of one shareability; FGT is the first one's bit. */
#define EL1_FORMS(crm, share, fgt)                                                                 \
    VMALL(0, crm, 0, share, (fgt) + 1), FORM(0, crm, 1, VA, share, 0, (fgt) + 2),                  \
        FORM(0, crm, 2, ASID, share, 0, (fgt) + 3), FORM(0, crm, 3, VAA, share, 0, (fgt) + 4),     \
        FORM(0, crm, 5, VA, share, 0, (fgt) + 5), FORM(0, crm, 7, VAA, share, 0, (fgt) + 6)
/* RVAE1, RVAAE1, RVALE1, RVAALE1. */
#define EL1_RANGES(crm, share, fgt)                                                                \
    FORM(0, crm, 1, VA, share, 1, (fgt) + 1), FORM(0, crm, 3, VAA, share, 1, (fgt) + 2),           \
        FORM(0, crm, 5, VA, share, 1, (fgt) + 3), FORM(0, crm, 7, VAA, share, 1, (fgt) + 4)
/* ALLE2, VAE2, ALLE1, VALE2, VMALLS12E1. */
#define EL2_FORMS(crm, share)                                                                      \
    FORM(4, crm, 0, ALL, share, 0, 0), FORM(4, crm, 1, VA, share, 0, 0),                           \
        {4, crm, 4, A64_TLBI_ALL, share, 0, 1, 1, 0}, FORM(4, crm, 5, VA, share, 0, 0),            \
    {                                                                                              \
        4, crm, 6, A64_TLBI_VMALL, share, 0, 1, 0, 0                                               \
    }
#define EL2_RANGES(crm, share) FORM(4, crm, 1, VA, share, 1, 0), FORM(4, crm, 5, VA, share, 1, 0)

static const struct form forms[] = {
    EL1_FORMS(1, OUTER, 18),
    EL1_RANGES(2, INNER, 34),
    EL1_FORMS(3, INNER, 28),
    EL1_RANGES(5, OUTER, 24),
    EL1_RANGES(6, LOCAL, 38),
    EL1_FORMS(7, LOCAL, 42),
    EL2_FORMS(1, OUTER),
    EL2_RANGES(2, INNER),
    EL2_FORMS(3, INNER),
    EL2_RANGES(5, OUTER),
    EL2_RANGES(6, LOCAL),
    EL2_FORMS(7, LOCAL),
    FORM(4, 0, 1, IPA, INNER, 0, 0), /* IPAS2E1IS */
    FORM(4, 0, 2, IPA, INNER, 1, 0), /* RIPAS2E1IS */
    FORM(4, 0, 5, IPA, INNER, 0, 0), /* IPAS2LE1IS */
    FORM(4, 0, 6, IPA, INNER, 1, 0), /* RIPAS2LE1IS */
    FORM(4, 4, 0, IPA, OUTER, 0, 0), /* IPAS2E1OS */
    FORM(4, 4, 1, IPA, LOCAL, 0, 0), /* IPAS2E1 */
    FORM(4, 4, 2, IPA, LOCAL, 1, 0), /* RIPAS2E1 */
    FORM(4, 4, 3, IPA, OUTER, 1, 0), /* RIPAS2E1OS */
    FORM(4, 4, 4, IPA, OUTER, 0, 0), /* IPAS2LE1OS */
    FORM(4, 4, 5, IPA, LOCAL, 0, 0), /* IPAS2LE1 */
    FORM(4, 4, 6, IPA, LOCAL, 1, 0), /* RIPAS2LE1 */
    FORM(4, 4, 7, IPA, OUTER, 1, 0), /* RIPAS2LE1OS */
};

static const struct form *find_form(uint32_t word)
{
    const unsigned op1 = word >> 16 & 7, crm = word >> 8 & 15, op2 = word >> 5 & 7;
    for (unsigned k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
        if (forms[k].op1 == op1 && forms[k].crm == crm && forms[k].op2 == op2)
            return &forms[k];
    }
    return NULL;
}

static int check_form(struct a64_cpu *cpu, const struct a64_insn *insn, const struct form *form)
{
    const struct a64_features *feat = &cpu->feat;
    const bool el2_op = form->op1 == 4;
    if (cpu->ps.el < (el2_op ? 2 : 1) ||
        (form->share == OUTER && !a64_has(feat, A64_FEAT_TLBIOS)) ||
        (form->range && !a64_has(feat, A64_FEAT_TLBIRANGE)))
        return a64_undefined(cpu);
    const uint64_t trap = A64_HCR_TTLB | (form->share == INNER   ? A64_HCR_TTLBIS
                                          : form->share == OUTER ? A64_HCR_TTLBOS
                                                                 : 0);
    if (cpu->ps.el == 1 && (a64_hcr(cpu) & trap))
        return a64_sysreg_trap(cpu, insn, 2);
    if (form->fgt && a64_fgt_trap(cpu, cpu->sr.hfgitr_el2, form->fgt - 1u))
        return a64_sysreg_trap(cpu, insn, 2);
    return A64_NEXT;
}

/* EL1's operations act on EL2&0 when a host executes them. */
static enum a64_regime regime_of(const struct a64_cpu *cpu, const struct form *form)
{
    const bool e2h = a64_hcr(cpu) & A64_HCR_E2H;
    if (form->op1 == 0)
        return a64_e2h_tge(cpu) ? A64_REGIME_EL20 : A64_REGIME_EL10;
    if (form->kind == A64_TLBI_IPA || form->stage12)
        return A64_REGIME_EL10;
    return e2h ? A64_REGIME_EL20 : A64_REGIME_EL2;
}

static uint16_t vmid_of(const struct a64_cpu *cpu)
{
    if (!a64_el2_enabled(cpu))
        return 0;
    const bool wide = a64_has(&cpu->feat, A64_FEAT_VMID16) && (cpu->sr.vtcr_el2 >> 19 & 1);
    return cpu->sr.vttbr_el2 >> 48 & (wide ? 0xffff : 0xff);
}

/* With TCR.AS = 0, or a CPU of 8-bit ASIDs, the upper byte is ignored. */
static uint16_t asid_of(const struct a64_cpu *cpu, enum a64_regime regime, uint64_t value)
{
    const uint64_t tcr = cpu->sr.tcr[regime == A64_REGIME_EL10 ? 1 : 2];
    const bool wide = a64_has(&cpu->feat, A64_FEAT_ASID16) && (tcr >> 36 & 1);
    return value >> 48 & (wide ? 0xffff : 0xff);
}

/* Log2 of the granule that translates VA in REGIME, so that an operation on any address of a page
 * drops the whole page. */
static unsigned granule(const struct a64_cpu *cpu, enum a64_regime regime, bool high)
{
    const uint64_t tcr = cpu->sr.tcr[regime == A64_REGIME_EL10 ? 1 : 2];
    if (regime != A64_REGIME_EL2 && high)
        return (tcr >> 30 & 3) == 1 ? 14 : (tcr >> 30 & 3) == 3 ? 16 : 12;
    return (tcr >> 14 & 3) == 2 ? 14 : (tcr >> 14 & 3) == 1 ? 16 : 12;
}

static void set_address(const struct a64_cpu *cpu, struct a64_tlbi *op, uint64_t value)
{
    if (op->kind == A64_TLBI_IPA) {
        const unsigned tg0 = cpu->sr.vtcr_el2 >> 14 & 3, shift = tg0 == 2 ? 14 : tg0 == 1 ? 16 : 12;
        op->start = (value & 0xfffffffffull) << 12 >> shift << shift;
        op->end = op->start + (1ull << shift);
        return;
    }
    const uint64_t va = (uint64_t)((int64_t)(value << 20) >> 8);
    const unsigned shift = granule(cpu, op->regime, va >> 63);
    op->start = va >> shift << shift;
    op->end = op->start + (1ull << shift);
}

/* The range operand: BaseADDR[36:0], TTL[38:37], NUM[43:39], SCALE[45:44], TG[47:46]. False: TG is
 * reserved, and nothing happens. */
static bool set_range(struct a64_tlbi *op, uint64_t value)
{
    const unsigned tg = value >> 46 & 3, scale = value >> 44 & 3, num = value >> 39 & 31;
    const unsigned shift = 10 + 2 * tg;
    if (!tg)
        return false;
    const uint64_t base = value & 0x1fffffffffull;
    const bool is_signed = op->kind != A64_TLBI_IPA;
    const uint64_t page = is_signed ? (uint64_t)((int64_t)(base << 27) >> 27) : base;
    op->start = page << shift;
    op->end = op->start + ((uint64_t)(num + 1) << (5 * scale + 1) << shift);
    if (op->end < op->start)
        op->end = ~0ull; /* up to the top of the upper half */
    return true;
}

int a64_sys_tlbi(struct a64_cpu *cpu, const struct a64_insn *insn, uint64_t value)
{
    const struct form *form = find_form(insn->word);
    if (!form)
        return a64_undefined(cpu);
    if (check_form(cpu, insn, form) != A64_NEXT)
        return A64_FAULT;
    struct a64_tlbi op = {
        .kind = form->kind,
        .regime = regime_of(cpu, form),
        .vmid = vmid_of(cpu),
        .any_vmid = form->any_vmid,
        .stage12 = form->stage12,
    };
    if (op.regime == A64_REGIME_EL2 && op.kind == A64_TLBI_VA)
        op.kind = A64_TLBI_VAA; /* has no ASIDs */
    op.asid = asid_of(cpu, op.regime, value);
    if (form->range) {
        if (!set_range(&op, value))
            return A64_NEXT;
    } else if (op.kind == A64_TLBI_VA || op.kind == A64_TLBI_VAA || op.kind == A64_TLBI_IPA) {
        set_address(cpu, &op, value);
    }
    if (form->share != LOCAL || (cpu->ps.el == 1 && (a64_hcr(cpu) & A64_HCR_FB)))
        a64_tlbi_broadcast(cpu, &op);
    else
        a64_tlb_invalidate(cpu, &op);
    return A64_SYNC;
}
