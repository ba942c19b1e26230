/* SPDX-License-Identifier: MIT */
/* libFuzzer target for the boot protocols: the first byte says which (as --boot would) and whether the CPUs start at EL2, the
 * rest is the guest's file. What is loaded goes into 64 MiB of memory of a machine that has nothing else. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/state.h"

#define RAM_SIZE (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine *make_machine(void)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    machine->config = (struct machine_config){.board = &board_vmapple, .cpu = "apple-m1", .cpus = 2, .memory = RAM_SIZE, .seeded = true};
    machine->ram[0] = (struct machine_ram){
        board_first(&board_vmapple, BOARD_RAM)->base, RAM_SIZE,
        mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), -1};
    machine->ram_count = 1;
    return machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum boot_kind kinds[8] = {BOOT_AUTO, BOOT_LINUX, BOOT_XNU, BOOT_ELF, BOOT_RAW, BOOT_LINUX, BOOT_XNU, BOOT_ELF};
    static struct machine *machine;
    if (!machine)
        machine = make_machine();
    if (size < 2)
        return 0;
    /* A copy of exactly this size, so that reading past it is seen. */
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    const struct boot_options options = {
        .kind = kinds[data[0] & 7],
        .el2 = data[0] & 8,
        .file = "input",
        .command_line = data[0] & 16 ? "-v serial=3" : NULL,
        .embedded = copy,
        .embedded_size = size - 1,
    };
    struct boot_entry entry;
    struct error err = {0};
    if (boot_load(machine, &options, &entry, &err) && (!err.code || !err.text[0]))
        abort();
    free(copy);
    return 0;
}
