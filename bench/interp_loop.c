/* SPDX-License-Identifier: MIT */
/* How many guest instructions a second the interpreter runs.
 *
 *   interp_loop GUEST [ROUNDS]
 *
 * GUEST is loop_guest.bin: a flat image that stands at 0x40000000 and ends with HVC. The time is
 * the process's own, so a busy machine does not count. Prints the CRC that the guest computed,
 * instructions, seconds and MIPS. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broadcast.h"
#include "cpu.h"
#include "exception.h"
#include "interp.h"
#include "model.h"
#include "monitor.h"
#include "system.h"

#define RAM_BASE 0x40000000ull
#define RAM_SIZE 0x1000000ull

static bool ram_page(void *ctx, uint64_t pa, struct a64_page *out)
{
    if (pa - RAM_BASE >= RAM_SIZE)
        return false;
    *out = (struct a64_page){.host = (char *)ctx + (pa - RAM_BASE), .flags = 7};
    return true;
}

static uint64_t no_time(struct a64_cpu *cpu)
{
    return 0;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *load(const char *path)
{
    void *ram = calloc(1, RAM_SIZE);
    FILE *file = fopen(path, "rb");
    const size_t size = file && ram ? fread(ram, 1, RAM_SIZE / 2, file) : 0;
    if (file)
        fclose(file);
    if (!size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    return ram;
}

int main(int argc, char **argv)
{
    const struct a64_model_options options = {.pa_bits = 36};
    struct a64_cpu *cpu = calloc(1, sizeof(*cpu));
    struct a64_system *sys = calloc(1, sizeof(*sys));
    if (argc < 2 || !cpu || !sys)
        return 2;
    *sys = (struct a64_system){.bus = {ram_page, load(argv[1])}, .clock = {.now = no_time}};
    pthread_mutex_init(&sys->lock, NULL);
    if (a64_monitor_create(sys) || a64_broadcast_create(sys) ||
        a64_cpu_init(cpu, sys, a64_model_find("apple-m1"), &options) || interp_init(cpu))
        return 1;
    sys->cpus[0] = cpu;
    sys->cpu_count = 1;
    cpu->pc = RAM_BASE;
    cpu->x[0] = argc > 2 ? strtoul(argv[2], NULL, 0) : 10000;
    cpu->slice_end = ~0ull;

    const double start = cpu_seconds();
    const enum engine_stop stop = interp_run(cpu);
    const double seconds = cpu_seconds() - start;
    if (stop != ENGINE_VMEXIT || cpu->exc.ec != A64_EC_HVC) {
        fprintf(stderr, "the guest stopped at %#lx: stop %d, EC %#x, ISS %#x, FAR %#lx\n", cpu->pc,
                stop, cpu->exc.ec, cpu->exc.iss, cpu->exc.far);
        return 1;
    }
    printf("crc %04lx, %lu instructions, %.2f s, %.0f MIPS\n", cpu->x[0], cpu->icount, seconds,
           (double)cpu->icount / seconds / 1e6);
    interp_free(cpu);
    a64_cpu_free(cpu);
    return 0;
}
