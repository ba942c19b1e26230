/* SPDX-License-Identifier: MIT */
/* Chained fixups of the collection (kernel-cache format), applied by the kernel itself before anything uses a pointer from memory:
 * each word becomes base + target, signed where it says so. The chain heads come from LC_DYLD_CHAINED_FIXUPS, found through
 * the collection's own header. */

#include "pip.h"

#define LC_SEGMENT_64 0x19
#define LC_DYLD_CHAINED_FIXUPS 0x80000034
#define FORMAT_64_KERNEL_CACHE 8
#define NO_CHAIN 0xffff

extern char pip_collection[];
unsigned fixups_plain, fixups_signed;

struct starts_in_segment {
    uint32_t size;
    uint16_t page_size, pointer_format;
    uint64_t segment_offset;
    uint32_t max_valid_pointer;
    uint16_t page_count, page_start[];
};

static uint64_t sign(uint64_t pointer, uint64_t modifier, unsigned key)
{
    switch (key) {
    case 0:
        __asm__ volatile(".arch_extension pauth\n\tpacia %0, %1" : "+r"(pointer) : "r"(modifier));
        break;
    case 1:
        __asm__ volatile(".arch_extension pauth\n\tpacib %0, %1" : "+r"(pointer) : "r"(modifier));
        break;
    case 2:
        __asm__ volatile(".arch_extension pauth\n\tpacda %0, %1" : "+r"(pointer) : "r"(modifier));
        break;
    default:
        __asm__ volatile(".arch_extension pauth\n\tpacdb %0, %1" : "+r"(pointer) : "r"(modifier));
    }
    return pointer;
}

static void fix(uint64_t *at, uint64_t word)
{
    uint64_t pointer = (uint64_t)pip_collection + (word & 0x3fffffff);
    if (word >> 63) {
        const uint64_t diversity = word >> 32 & 0xffff;
        uint64_t modifier = diversity;
        if (word >> 48 & 1)
            modifier = diversity ? ((uint64_t)at & 0xffffffffffffull) | diversity << 48 : (uint64_t)at;
        pointer = sign(pointer, modifier, word >> 49 & 3);
        fixups_signed++;
    } else {
        fixups_plain++;
    }
    *at = pointer;
}

static bool fix_segment(const struct starts_in_segment *starts)
{
    if (starts->pointer_format != FORMAT_64_KERNEL_CACHE)
        return false;
    for (unsigned page = 0; page < starts->page_count; page++) {
        if (starts->page_start[page] == NO_CHAIN)
            continue;
        uint8_t *at = (uint8_t *)pip_collection + starts->segment_offset + page * starts->page_size +
                      starts->page_start[page];
        for (;;) {
            const uint64_t word = *(uint64_t *)at;
            const uint64_t next = word >> 51 & 0xfff;
            fix((uint64_t *)at, word);
            if (!next)
                break;
            at += next * 4;
        }
    }
    return true;
}

/* The address of a file offset, through the collection's segments. */
static const uint8_t *at_offset(const uint32_t *command, uint32_t count, uint64_t offset)
{
    for (uint32_t i = 0; i < count; i++, command = (const uint32_t *)((const uint8_t *)command + command[1])) {
        const uint64_t *segment = (const uint64_t *)(command + 6); /* vmaddr, vmsize, fileoff, filesize */
        if (command[0] == LC_SEGMENT_64 && offset >= segment[2] && offset < segment[2] + segment[3])
            return (const uint8_t *)pip_collection + (segment[0] - 0xfffffe0007004000ull) + (offset - segment[2]);
    }
    return NULL;
}

bool fixups_apply(void)
{
    const uint32_t *header = (const uint32_t *)pip_collection, *first = header + 8;
    const uint32_t *command = first;
    for (uint32_t i = 0; i < header[4]; i++, command = (const uint32_t *)((const uint8_t *)command + command[1])) {
        if (command[0] != LC_DYLD_CHAINED_FIXUPS)
            continue;
        const uint8_t *data = at_offset(first, header[4], command[2]);
        if (!data)
            return false;
        const uint32_t *starts = (const uint32_t *)(data + ((const uint32_t *)data)[1]);
        for (uint32_t segment = 0; segment < starts[0]; segment++)
            if (starts[1 + segment] &&
                !fix_segment((const struct starts_in_segment *)((const uint8_t *)starts + starts[1 + segment])))
                return false;
        return true;
    }
    return false;
}
