/* SPDX-License-Identifier: MIT */

/* The MMU's front: from the current state to a context, from a walk's result to a host address or
 * an exception.
 *
 * A translation that fails becomes a Data or Instruction Abort with the syndrome of the Arm manual
 * (ISS encodings of both; the ISV fields are the engine's to add, it knows the instruction). An
 * address that translates but has nothing behind it in the VM's map becomes an exit to the monitor
 * with the syndrome a hypervisor's stage 2 would give. Order: alignment that no memory type
 * excuses, translation, watchpoints, the VM's map.
 *
 * The TLB is in tlb.c, the tables in walk.c. */

#include <errno.h>
#include <stdlib.h>

#include "broadcast.h"
#include "mmu_access.h"
#include "model.h"
#include "sysreg.h"
#include "system.h"

#define ISS_WNR   (1u << 6)
#define ISS_S1PTW (1u << 7)
#define ISS_CM    (1u << 8)

int a64_mmu_init(struct a64_cpu *cpu)
{
    static const uint8_t bits[16] = {32, 36, 40, 42, 44, 48, 48, 48,
                                     48, 48, 48, 48, 48, 48, 48, 48};
    cpu->mmu = calloc(1, sizeof *cpu->mmu);
    if (!cpu->mmu)
        return -ENOMEM;
    const int status = mmu_tlb_init(cpu);
    if (status) {
        free(cpu->mmu);
        cpu->mmu = NULL;
        return status;
    }
    cpu->mmu->pa_bits = bits[a64_id(cpu, A64_SYSREG(3, 0, 0, 7, 0)) & 0xf];
    a64_mmu_update(cpu);
    return 0;
}

void a64_mmu_free(struct a64_cpu *cpu)
{
    if (!cpu->mmu)
        return;
    a64_broadcast_detach(cpu);
    mmu_tlb_free(cpu);
    free(cpu->mmu);
    cpu->mmu = NULL;
}

enum a64_regime a64_current_regime(const struct a64_cpu *cpu)
{
    const uint64_t hcr = a64_hcr(cpu);
    if (cpu->ps.el == 2)
        return hcr & A64_HCR_E2H ? A64_REGIME_EL20 : A64_REGIME_EL2;
    return cpu->ps.el == 0 && mmu_host_mode(hcr) ? A64_REGIME_EL20 : A64_REGIME_EL10;
}

/* A TxSZ that is out of range acts as the nearest in range here (CalculateBottomPACBit). */
static uint8_t va_bits(const struct a64_cpu *cpu, enum a64_regime regime, unsigned high)
{
    const uint64_t tcr = cpu->sr.tcr[mmu_regime_el(regime)];
    const unsigned tsz = (high && regime != A64_REGIME_EL2 ? tcr >> 16 : tcr) & 0x3f;
    return tsz < 16 ? 48 : tsz > 39 ? 25 : (uint8_t)(64 - tsz);
}

/* What an address is, which follows from TCR alone. */
static void update_pointers(struct a64_cpu *cpu, enum a64_regime regime)
{
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t tcr = cpu->sr.tcr[mmu_regime_el(regime)];
    if (mmu->pointers.known && mmu->pointers.regime == regime && mmu->pointers.tcr == tcr)
        return;
    mmu->pointers.known = true;
    mmu->pointers.regime = (uint8_t)regime;
    mmu->pointers.tcr = tcr;
    for (unsigned high = 0; high < 2; high++) {
        mmu->tbi[high] = mmu_tbi(cpu, regime, false, high);
        mmu->tbi_fetch[high] = mmu_tbi(cpu, regime, true, high);
        mmu->va_bits[high] = va_bits(cpu, regime, high);
        mmu->pac_field[0][!high] = a64_pac_field(mmu->va_bits[high], mmu->tbi_fetch[high]);
        mmu->pac_field[1][!high] = a64_pac_field(mmu->va_bits[high], mmu->tbi[high]);
    }
}

void a64_mmu_update(struct a64_cpu *cpu)
{
    struct a64_mmu *mmu = cpu->mmu;
    const enum a64_regime regime = a64_current_regime(cpu);
    mmu_tlb_watch(cpu);
    const uint64_t group = mmu_tlb_context(cpu, regime);
    const unsigned el = cpu->ps.el;
    const bool unpriv = (el == 1 || (el == 2 && mmu_host_mode(a64_hcr(cpu)))) && !cpu->ps.uao;
    mmu->ctx = group + (el == 0 ? MMU_EL0 : cpu->ps.pan ? MMU_PRIV_PAN : MMU_PRIV);
    mmu->ctx_user = unpriv ? group + MMU_EL0 : mmu->ctx;
    mmu->ctx_fetch = group + (el == 0 ? MMU_EL0 : MMU_PRIV);
    mmu->ctx_any_asid = mmu_tlb_any_asid(cpu, mmu->ctx);
    mmu->align_check = cpu->sr.sctlr[mmu_regime_el(regime)] & SCTLR_A;
    update_pointers(cpu, regime);
}

/* ---- exceptions ---- */

/* WnR, CM and EC of an abort of ACCESS; a read-modify-write that a read would not have passed is no
 * write. */
static uint32_t abort_iss(unsigned access, bool read_fails)
{
    if (access & A64_EXEC)
        return 0;
    if (access & A64_CACHEOP)
        return ISS_CM | ISS_WNR;
    return access & A64_WRITE && !(access & A64_READ && read_fails) ? ISS_WNR : 0;
}

/* Memory that the VM's map does not have, or not for this access; or a descriptor that it does not
 * have. */
static void exit_to_monitor(struct a64_cpu *cpu, const struct a64_walk *walk, uint64_t va,
                            unsigned access, unsigned fsc)
{
    const bool walking = walk->fsc != FSC_NONE;
    const bool stage2 = walking && walk->stage == 2;
    cpu->exc = (struct a64_exc){
        .kind = A64_EXC_VMEXIT,
        .ec = access & A64_EXEC ? A64_EC_IABT_LOW : A64_EC_DABT_LOW,
        .iss = fsc | abort_iss(access, (fsc & 0x3c) != FSC_PERMISSION) | (walking ? ISS_S1PTW : 0),
        .far = va,
        .ipa = walking ? walk->pa : (walk->pa & ~A64_PAGE_MASK) | (va & A64_PAGE_MASK),
        .bus_iss = (walking ? walk->fsc : FSC_EXTERNAL) | abort_iss(access, true) |
                   (stage2 && walk->s1ptw ? ISS_S1PTW : 0),
        .bus_stage2 = stage2,
    };
}

void a64_external_abort(struct a64_cpu *cpu)
{
    const struct a64_exc exit = cpu->exc;
    const bool fetching = exit.ec == A64_EC_IABT_LOW;
    const bool to_el2 =
        cpu->ps.el < 2 && (exit.bus_stage2 || a64_hcr(cpu) & (A64_HCR_TEA | A64_HCR_TGE));
    const bool lower = cpu->ps.el == 0 || to_el2;
    a64_raise_far(cpu,
                  fetching ? (lower ? A64_EC_IABT_LOW : A64_EC_IABT)
                           : (lower ? A64_EC_DABT_LOW : A64_EC_DABT),
                  exit.bus_iss ? exit.bus_iss : FSC_EXTERNAL, exit.far, to_el2 ? 2 : 0);
    a64_take_exception(cpu);
}

void mmu_raise(struct a64_cpu *cpu, const struct a64_walk *walk, uint64_t va, unsigned access)
{
    if ((walk->fsc & 0x3c) == FSC_EXTERNAL_WALK) {
        exit_to_monitor(cpu, walk, va, access, FSC_TRANSLATION | 3);
        return;
    }
    const bool stage2 = walk->stage == 2;
    const bool lower = cpu->ps.el == 0 || (stage2 && cpu->ps.el < 2);
    const bool permission = (walk->fsc & 0x3c) == FSC_PERMISSION;
    const bool user = cpu->ps.el == 0 || access & A64_UNPRIV;
    const bool pan = access & A64_PAN && !user && walk->user_read;
    const bool read_fails = !permission || walk->s1ptw || pan || !(walk->perm[user] & A64_READ);
    cpu->exc = (struct a64_exc){
        .kind = A64_EXC_SYNC,
        .target_el = stage2 ? 2 : 0,
        .stage2 = stage2,
        .iss = walk->fsc | abort_iss(access, read_fails) | (walk->s1ptw ? ISS_S1PTW : 0),
        .far = va,
        .ipa = walk->s1ptw ? walk->ipa : (walk->ipa & ~A64_PAGE_MASK) | (va & A64_PAGE_MASK),
    };
    if (access & A64_EXEC)
        cpu->exc.ec = lower ? A64_EC_IABT_LOW : A64_EC_IABT;
    else
        cpu->exc.ec = lower ? A64_EC_DABT_LOW : A64_EC_DABT;
}

void mmu_raise_alignment(struct a64_cpu *cpu, uint64_t va, unsigned access)
{
    const struct a64_walk walk = {.fsc = FSC_ALIGNMENT, .stage = 1};
    mmu_raise(cpu, &walk, va, access);
}

/* ---- pages ---- */

/* What stands in the context id, for the walker. */
static bool context_is_el0(uint64_t ctx)
{
    return (ctx & 3) == MMU_EL0;
}

static unsigned context_pan(uint64_t ctx, unsigned access)
{
    return (ctx & 3) == MMU_PRIV_PAN && !(access & A64_CACHEOP) ? A64_PAN : 0;
}

/* The host address of a page that the TLB has with the right to ACCESS; unaligned accesses to
 * Device memory go to the walk. */
static void *lookup(const struct a64_tlb_entry *entry, uint64_t addr, uint64_t tag, unsigned access,
                    bool unaligned)
{
    if ((access & A64_READ && entry->read != tag) || (access & A64_WRITE && entry->write != tag) ||
        (access & A64_EXEC && entry->exec != tag))
        return NULL;
    if (unaligned && entry->owner & TLB_OWNER_DEVICE)
        return NULL;
    return (void *)(uintptr_t)(addr + entry->addend);
}

void *mmu_access_page(struct a64_cpu *cpu, uint64_t va, unsigned access, bool unaligned)
{
    struct a64_mmu *mmu = cpu->mmu;
    const bool fetch = access & A64_EXEC;
    const uint64_t ctx = fetch ? mmu->ctx_fetch : access & A64_UNPRIV ? mmu->ctx_user : mmu->ctx;
    const bool tbi = (fetch ? mmu->tbi_fetch : mmu->tbi)[va >> 55 & 1];
    const uint64_t addr = tbi ? (uint64_t)((int64_t)(va << 8) >> 8) : va;
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, ctx);
    void *host = lookup(entry, addr, (addr & ~A64_PAGE_MASK) | ctx, access, unaligned);
    if (host)
        return host;
    if (mmu_run_enter(cpu, addr & ~A64_PAGE_MASK, ctx, access)) {
        mmu->run_hits++;
        return (void *)(uintptr_t)(addr + entry->addend);
    }
    mmu->walks++;
    struct a64_walk walk;
    struct a64_page page = {0};
    const unsigned under_pan = access | context_pan(ctx, access);
    if (mmu_translate(cpu, a64_current_regime(cpu), false, context_is_el0(ctx), under_pan, va,
                      unaligned, &walk)) {
        mmu_raise(cpu, &walk, va, under_pan);
        return NULL;
    }
    const unsigned wanted = access & (A64_READ | A64_WRITE | A64_EXEC);
    const bool mapped = mmu_page(cpu, walk.pa, &page);
    if (!mapped || (page.flags & wanted) != wanted) {
        exit_to_monitor(cpu, &walk, va, access, mapped ? FSC_PERMISSION | 3 : FSC_TRANSLATION | 3);
        return NULL;
    }
    mmu_tlb_fill(cpu, addr, ctx, &walk, &page);
    if (mmu->note_write && access & A64_WRITE)
        mmu->note_write(mmu->note_write_ctx, page.host);
    return (uint8_t *)page.host + (va & A64_PAGE_MASK);
}
