/* SPDX-License-Identifier: MIT */

/* Loads, stores, probes and fetches that the fast paths of mmu.h did not serve: TLB misses,
 * unaligned and page-crossing accesses, faults (Arm ARM B2.2 for atomicity and alignment, D1.13 for
 * priorities).
 *
 * An access that crosses a page is translated for both pages before a byte moves, and its fault
 * names the first byte that failed. It is then made byte by byte, which the manual allows: no
 * single-copy atomicity is promised there. */

#include "mmu_access.h"
#include "system.h"
#include "debug.h"
#include "host_access.h"

/* Whether an unaligned access faults whatever the memory: SCTLR.A, exclusives, and atomics or
 * ordered accesses that FEAT_LSE2 does not excuse because they leave their 16 bytes (SCTLR.nAA
 * excuses the ordered ones). */
static bool alignment_fault(const struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    if (access & A64_ALIGNED || cpu->mmu->align_check)
        return true;
    if (!(access & A64_ATOMIC))
        return false;
    if (!a64_has(&cpu->feat, A64_FEAT_LSE2))
        return true;
    const bool rmw = (access & (A64_READ | A64_WRITE)) == (A64_READ | A64_WRITE);
    const unsigned el = mmu_regime_el(a64_current_regime(cpu));
    if (access & A64_ACQREL && !rmw && cpu->sr.sctlr[el] & SCTLR_nAA)
        return false;
    return (va & 15) + size > 16;
}

/* 1: the caller may go on; 0: cpu->exc is set. *UNALIGNED says what the memory type has to allow.
 */
static bool check_alignment(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access,
                            bool *unaligned)
{
    *unaligned = va & (size - 1);
    if (!*unaligned || access & A64_CACHEOP || !alignment_fault(cpu, va, size, access))
        return true;
    mmu_raise_alignment(cpu, va, access);
    return false;
}

/* Watchpoints come after all faults of the MMU. False: cpu->exc is set. */
static bool pass_watchpoints(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    if (!(cpu->sr.mdscr_el1 & MDSCR_MDE))
        return true;
    return !a64_check_watchpoints(cpu, a64_strip_tbi(cpu->mmu, va), size, access);
}

/* Bytes of [va, va + size) in the first page. */
static unsigned first_part(uint64_t va, unsigned size)
{
    const uint64_t left = A64_PAGE_MASK + 1 - (va & A64_PAGE_MASK);
    return left < size ? (unsigned)left : size;
}

void *a64_host_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    bool unaligned;
    if (!check_alignment(cpu, va, size, access, &unaligned))
        return NULL;
    if (first_part(va, size) != size) {
        mmu_raise_alignment(cpu, va, access);
        return NULL;
    }
    /* DC ZVA faults in Device memory however aligned. */
    void *host = mmu_access_page(cpu, va, access, unaligned || size > 16);
    return host && pass_watchpoints(cpu, va, size, access) ? host : NULL;
}

/* The one or two host ranges of an access. */
struct parts {
    uint8_t *host[2];
    unsigned first; /* bytes in host[0] */
};

static bool find_parts(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access,
                       struct parts *parts)
{
    bool unaligned;
    if (!check_alignment(cpu, va, size, access, &unaligned))
        return false;
    parts->first = first_part(va, size);
    parts->host[0] = mmu_access_page(cpu, va, access, unaligned);
    if (!parts->host[0])
        return false;
    if (parts->first != size) {
        parts->host[1] = mmu_access_page(cpu, va + parts->first, access, unaligned);
        if (!parts->host[1])
            return false;
    }
    return pass_watchpoints(cpu, va, size, access);
}

int a64_ld_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access, void *value)
{
    struct parts parts;
    if (!find_parts(cpu, va, size, access | A64_READ, &parts))
        return A64_FAULT;
    if (parts.first == size) {
        if (va & (size - 1))
            host_load_any(parts.host[0], size, value);
        else
            host_load(parts.host[0], size, value);
        return A64_NEXT;
    }
    uint8_t bytes[16] = {0};
    for (unsigned i = 0; i < size; i++) {
        const uint8_t *from =
            i < parts.first ? parts.host[0] + i : parts.host[1] + (i - parts.first);
        bytes[i] = __atomic_load_n(from, __ATOMIC_RELAXED);
    }
    memcpy(value, bytes, size == 16 ? 16 : 8);
    return A64_NEXT;
}

/* One store under the exclusive monitor's rule; false, and nothing stored, if it leaves the
 * granule. */
static bool store_in_granule(struct a64_cpu *cpu, uint8_t *host, unsigned size, const void *value)
{
    const unsigned granule = 1u << A64_GRANULE_SHIFT;
    if (((uintptr_t)host & (granule - 1)) + size > granule)
        return false;
    struct a64_monitor_entry *entry = a64_store_begin(cpu, host);
    if ((uintptr_t)host & (size - 1))
        host_store_any(host, size, value);
    else
        host_store(host, size, value);
    a64_store_end(entry);
    return true;
}

int a64_st_slow(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access, const void *value)
{
    struct parts parts;
    if (!find_parts(cpu, va, size, access | A64_WRITE, &parts))
        return A64_FAULT;
    if (parts.first == size && store_in_granule(cpu, parts.host[0], size, value))
        return A64_NEXT;
    const uint8_t *bytes = value;
    for (unsigned i = 0; i < size; i++) {
        uint8_t *to = i < parts.first ? parts.host[0] + i : parts.host[1] + (i - parts.first);
        store_in_granule(cpu, to, 1, &bytes[i]);
    }
    return A64_NEXT;
}

int a64_probe(struct a64_cpu *cpu, uint64_t va, unsigned size, unsigned access)
{
    while (size) {
        const unsigned part = first_part(va, size);
        if (!mmu_access_page(cpu, va, access, false))
            return A64_FAULT;
        if (!pass_watchpoints(cpu, va, part, access))
            return A64_FAULT;
        va += part;
        size -= part;
    }
    return A64_NEXT;
}

bool a64_tlb_load(struct a64_cpu *cpu, uint64_t va, unsigned access)
{
    return mmu_access_page(cpu, va, access, false);
}

uint64_t a64_tlb_page(struct a64_cpu *cpu, uint64_t va)
{
    struct a64_mmu *mmu = cpu->mmu;
    const uint64_t addr = a64_strip_tbi(mmu, va);
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, mmu->ctx);
    const uint64_t tag = (addr & ~A64_PAGE_MASK) | mmu->ctx;
    return entry->read == tag || entry->write == tag ? entry->pa : A64_CODE_ALL;
}

/* ---- fetches ---- */

/* PC as fetches take it: without a tag that they ignore. */
static uint64_t fetch_address(const struct a64_mmu *mmu, uint64_t pc)
{
    return mmu->tbi_fetch[pc >> 55 & 1] ? (uint64_t)((int64_t)(pc << 8) >> 8) : pc;
}

/* The TLB entry that now serves fetches from PC. */
static const struct a64_tlb_entry *fetch_entry(const struct a64_cpu *cpu, uint64_t pc)
{
    struct a64_mmu *mmu = cpu->mmu;
    return a64_tlb_slot(mmu, fetch_address(mmu, pc), mmu->ctx_fetch);
}

bool a64_tlb_fetches(const struct a64_cpu *cpu, uint64_t pc)
{
    const uint64_t page = fetch_address(cpu->mmu, pc) & ~A64_PAGE_MASK;
    return fetch_entry(cpu, pc)->exec == (page | cpu->mmu->ctx_fetch);
}

const void *a64_fetch_host(struct a64_cpu *cpu, uint64_t pc, uint64_t *pa, bool *guarded)
{
    if (pc & 3) {
        cpu->exc = (struct a64_exc){.kind = A64_EXC_SYNC, .ec = A64_EC_PC_ALIGN, .far = pc};
        return NULL;
    }
    const void *host = mmu_access_page(cpu, pc, A64_EXEC, false);
    if (!host)
        return NULL;
    const struct a64_tlb_entry *entry = fetch_entry(cpu, pc);
    *pa = entry->pa | (pc & A64_PAGE_MASK);
    *guarded = entry->owner & TLB_OWNER_GUARDED;
    return host;
}

int a64_fetch(struct a64_cpu *cpu, uint64_t pc, uint32_t *word, uint64_t *pa)
{
    bool guarded;
    const void *host = a64_fetch_host(cpu, pc, pa, &guarded);
    if (!host)
        return A64_FAULT;
    *word = a64_code_word(host);
    return A64_NEXT;
}
