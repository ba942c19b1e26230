/* SPDX-License-Identifier: MIT */
/* The page tables, built before the MMU is on (so: no pointers from memory here, only code-relative addresses). Allocated upward from
 * topOfKernelData, as XNU does. 16 KiB pages, three levels from a 47-bit root: RAM in 32 MiB blocks in the kernel half, the blocks
 * that hold the kernel in pages with their own permissions, device memory in a window of blocks, RAM once more at its
 * physical addresses for the moment of switching on. */

#include "pip.h"

#define PAGE 0x4000ull
#define BLOCK 0x2000000ull
#define VALID_TABLE 3ull
#define VALID_PAGE 3ull
#define VALID_BLOCK 1ull
#define ACCESSED (1ull << 10)
#define INNER (3ull << 8)
#define READ_ONLY (1ull << 7)
#define DEVICE (1ull << 2) /* MAIR index 1 */
#define NO_EXEC (3ull << 53)
#define NO_USER_EXEC (1ull << 54)

uint64_t pip_tables[2], pip_slide;

extern char pip_collection[], pip_data_const[], pip_text_exec[], pip_data[], pip_linkedit[];

struct builder {
    uint64_t next; /* free page */
    uint64_t slide;
};

static uint64_t *new_table(struct builder *b)
{
    uint64_t *table = (uint64_t *)b->next;
    for (unsigned i = 0; i < PAGE / 8; i++)
        table[i] = 0;
    b->next += PAGE;
    return table;
}

static uint64_t *level2(struct builder *b, uint64_t *root, uint64_t va)
{
    uint64_t *slot = &root[va >> 36 & 2047];
    if (!*slot)
        *slot = (uint64_t)new_table(b) | VALID_TABLE;
    return (uint64_t *)(*slot & 0xffffffffc000ull);
}

static void map_block(struct builder *b, uint64_t *root, uint64_t va, uint64_t pa, uint64_t attributes)
{
    level2(b, root, va)[va >> 25 & 2047] = pa | attributes | ACCESSED | VALID_BLOCK;
}

/* Read-only constants, read-only code, the rest writable and not executable. Symbols are physical here. */
static uint64_t page_attributes(uint64_t pa)
{
    if (pa >= (uint64_t)pip_text_exec && pa < (uint64_t)pip_data)
        return READ_ONLY | NO_USER_EXEC;
    if (pa >= (uint64_t)pip_collection && pa < (uint64_t)pip_data_const)
        return READ_ONLY | NO_EXEC;
    return NO_EXEC;
}

static void map_pages(struct builder *b, uint64_t *root, uint64_t va, uint64_t pa)
{
    uint64_t *pages = new_table(b);
    for (uint64_t i = 0; i < BLOCK / PAGE; i++)
        pages[i] = (pa + i * PAGE) | page_attributes(pa + i * PAGE) | INNER | ACCESSED | VALID_PAGE;
    level2(b, root, va)[va >> 25 & 2047] = (uint64_t)pages | VALID_TABLE;
}

void early_map(struct boot_args *physical_args);
void early_map(struct boot_args *physical_args)
{
    const uint64_t base = physical_args->phys_base, end = base + physical_args->mem_size;
    const uint64_t kernel = (uint64_t)pip_collection, kernel_end = (uint64_t)pip_linkedit;
    struct builder b = {physical_args->top_of_kernel_data, physical_args->virt_base - base};
    uint64_t *low = new_table(&b), *high = new_table(&b);
    for (uint64_t pa = base & ~(BLOCK - 1); pa < end; pa += BLOCK) {
        map_block(&b, low, pa, pa, INNER | NO_USER_EXEC);
        if (pa < kernel_end && pa + BLOCK > kernel)
            map_pages(&b, high, pa + b.slide, pa);
        else
            map_block(&b, high, pa + b.slide, pa, INNER | NO_EXEC);
    }
    for (uint64_t pa = 0; pa < DEVICE_SIZE; pa += BLOCK)
        map_block(&b, high, DEVICE_BASE + pa, pa, DEVICE | NO_EXEC);
    pip_tables[0] = (uint64_t)low;
    pip_tables[1] = (uint64_t)high;
    pip_slide = b.slide;
}
