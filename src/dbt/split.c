/* SPDX-License-Identifier: MIT */
/* Plain loads and stores that cross a page, for emitted code: both pages are looked up in the TLB,
 * and the bytes go by way of dbt_hot.crossing, where they lie in one piece.
 *
 * Each page's part is copied in the widest accesses that are aligned there, so that elements of up
 * to 8 bytes that do not cross the border themselves are single. What the TLB does not let through
 * without a check is left to the interpreter's function. Built like slots.c, for the same reason.
 */

#include "../a64/host_access.h"
#include "x86_64/target.h"

#define PAGE (A64_PAGE_MASK + 1)
#define HALF (DBT_CROSSING / 2)

/* Where an access's first page ends and its second one begins. */
struct border {
    uint64_t va; /* of the second */
    uint8_t *end, *start;
};

/* The host's page at ADDR, which has no tag; NULL: the TLB does not let ACCESS through. */
static uint8_t *find_page(struct a64_mmu *mmu, uint64_t addr, unsigned access)
{
    const struct a64_tlb_entry *entry = a64_tlb_slot(mmu, addr, mmu->ctx);
    const uint64_t tag = access & A64_WRITE ? entry->plain_write : entry->plain_read;
    return tag == (addr | mmu->ctx) ? (uint8_t *)(uintptr_t)(addr + entry->addend) : NULL;
}

/* Aligned elements of 16 bytes are single too, if anybody may notice. */
static bool is_single(const struct a64_cpu *cpu, uint64_t va, uint32_t size)
{
    const struct a64_system *sys = cpu->sys;
    return size > 16 && !(va & 15) && (sys->cpu_count > 1 || !sys->private_memory);
}

static bool find_border(struct a64_cpu *cpu, uint64_t va, uint32_t size, unsigned access,
                        struct border *border)
{
    const uint64_t page = a64_strip_tbi(cpu->mmu, va) & ~A64_PAGE_MASK;
    if ((va & A64_PAGE_MASK) + size <= PAGE || size > HALF || is_single(cpu, va, size))
        return false;
    uint8_t *first = find_page(cpu->mmu, page, access);
    uint8_t *second = find_page(cpu->mmu, page + PAGE, access);
    if (!first || !second)
        return false;
    *border = (struct border){(va & ~A64_PAGE_MASK) + PAGE, first + PAGE, second};
    return true;
}

uint64_t dbt_split_load(struct a64_cpu *cpu, uint64_t va, uint32_t size)
{
    struct dbt *dbt = cpu->engine;
    uint64_t *to = dbt->hot->crossing;
    struct border border;
    if (!find_border(cpu, va, size, A64_READ, &border))
        return 0;
    const uint64_t *end = (const uint64_t *)border.end, *start = (const uint64_t *)border.start;
    for (int i = 0; i < HALF / 8; i++) {
        to[i] = __atomic_load_n(end - HALF / 8 + i, __ATOMIC_RELAXED);
        to[HALF / 8 + i] = __atomic_load_n(start + i, __ATOMIC_RELAXED);
    }
    return (uintptr_t)to + HALF - border.va;
}

/* STEP bytes, 1, 2, 4 or 8, as one access that is aligned at TO. */
static void store(uint8_t *to, unsigned step, const uint8_t *from)
{
    switch (step) {
    case 1:
        __atomic_store_n(to, *from, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((uint16_t *)to, *(const host_u16 *)from, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)to, *(const host_u32 *)from, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint64_t *)to, *(const host_u64 *)from, __ATOMIC_RELAXED);
    }
}

static void store_part(uint8_t *to, const uint8_t *from, unsigned size)
{
    while (size) {
        const unsigned step = host_step(to, size);
        store(to, step, from);
        to += step;
        from += step;
        size -= step;
    }
}

uint64_t dbt_split_store(struct a64_cpu *cpu, uint64_t va, uint32_t size)
{
    struct dbt *dbt = cpu->engine;
    const uint8_t *from = (const uint8_t *)dbt->hot->crossing;
    struct border border;
    if (!find_border(cpu, va, size, A64_WRITE, &border))
        return 0;
    const unsigned first = (unsigned)(border.va - va);
    store_part(border.end - first, from, first);
    store_part(border.start, from + first, size - first);
    return 1;
}
