/* SPDX-License-Identifier: MIT */
#include "boot_rig.h"

#include <stdio.h>
#include <sys/mman.h>

#include "image/macho.h"

struct machine *boot_rig_create(const struct board *board, uint64_t memory, unsigned cpus)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    machine->config = (struct machine_config){
        .board = board,
        .cpu = "apple-m1",
        .cpus = cpus,
        .memory = memory,
        .seeded = true,
        .ecid = 0x1234,
    };
    machine->random_state[0] = 1;
    void *ram = mmap(NULL, memory, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(ram != MAP_FAILED);
    machine->ram[0] = (struct machine_ram){board_first(board, BOARD_RAM)->base, memory, ram, -1};
    machine->ram_count = 1;
    return machine;
}

void boot_rig_destroy(struct machine *machine)
{
    munmap(machine->ram[0].host, machine->ram[0].size);
    free(machine);
}

const uint8_t *boot_rig_at(struct machine *machine, uint64_t address, uint64_t size)
{
    const uint8_t *data = guest_view(machine, address, size);
    assert_non_null(data);
    return data;
}

/* ---- kernels ---- */

#define HEADER        32u
#define SEGMENT       72u
#define THREAD        288u /* LC_UNIXTHREAD: flavor 6, 68 words */
#define THREAD_PC     (16 + 32 * 8)
#define SOURCE        16u
#define ARM_THREAD_64 6u

static uint32_t put_segment(uint8_t *at, const struct rig_segment *segment)
{
    put_le32(at, LC_SEGMENT_64);
    put_le32(at + 4, SEGMENT);
    memcpy(at + 8, segment->name, strlen(segment->name));
    put_le64(at + 24, segment->vmaddr);
    put_le64(at + 32, segment->vmsize);
    put_le64(at + 40, segment->fileoff);
    put_le64(at + 48, segment->filesize);
    return SEGMENT;
}

static uint32_t put_thread(uint8_t *at, uint64_t pc)
{
    put_le32(at, LC_UNIXTHREAD);
    put_le32(at + 4, THREAD);
    put_le32(at + 8, ARM_THREAD_64);
    put_le32(at + 12, 68);
    put_le64(at + THREAD_PC, pc);
    return THREAD;
}

static uint32_t put_source(uint8_t *at, unsigned major)
{
    put_le32(at, LC_SOURCE_VERSION);
    put_le32(at + 4, SOURCE);
    put_le64(at + 8, (uint64_t)major << 40);
    return SOURCE;
}

struct blob rig_kernel(uint32_t filetype, unsigned xnu_major, uint64_t entry,
                       const struct rig_segment *segments)
{
    uint64_t size = 0x4000; /* the headers have a page */
    unsigned count = 0;
    for (; segments[count].name; count++) {
        const uint64_t end = segments[count].fileoff + segments[count].filesize;
        size = end > size ? end : size;
    }
    const uint32_t commands = count * SEGMENT + THREAD + SOURCE;
    uint8_t *data = malloc(size), *next = data + HEADER;
    for (uint64_t k = 0; k < size; k++)
        data[k] = (uint8_t)(k * 7 + (k >> 8));
    memset(data, 0, HEADER + commands);
    for (unsigned k = 0; k < count; k++)
        next += put_segment(next, &segments[k]);
    next += put_thread(next, entry);
    next += put_source(next, xnu_major);
    put_le32(data, MH_MAGIC_64);
    put_le32(data + 4, CPU_TYPE_ARM64);
    put_le32(data + 12, filetype);
    put_le32(data + 16, count + 2);
    put_le32(data + 20, commands);
    struct blob blob;
    blob_adopt(&blob, data, size, "kernel");
    return blob;
}

const char *rig_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    return name;
}
