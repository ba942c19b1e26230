/* SPDX-License-Identifier: MIT */
#ifndef POMONA_TEST_DEV_RIG_H
#define POMONA_TEST_DEV_RIG_H

/* A machine for one device: what src/machine gives a device (device/device.h), with memory that is
 * a buffer, a clock that the test moves, lines that remember their level and work that runs when
 * the test says so. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"

#define RAM_BASE    0x70000000ull
#define RAM_SIZE    0x80000u
#define RIG_LINES   16
#define RIG_SECONDS 1700000000ull /* the wall clock at machine_now() == 0 */

struct machine {
    uint8_t *ram;
    uint64_t cfg_base; /* a second piece of memory, of 64 KiB */
    uint8_t *cfg;
    bool level[RIG_LINES];
    unsigned edges[RIG_LINES]; /* changes of level */
    uint64_t now, wall_offset;
    struct device_timer *timers;
    struct {
        void (*work)(void *ctx);
        void *ctx;
    } deferred[64];
    unsigned deferred_count;
    struct {
        uint64_t address;
        uint32_t data;
    } msi; /* the last one */
    unsigned msi_count;
    enum machine_stop stop;
    unsigned warnings;
    uint8_t random; /* what the next random byte is */
    /* What the rig's character device got, and how often it was told that there is room. */
    uint8_t sent[4096];
    size_t sent_count;
    unsigned accepted;
    struct chardev chr;
};

struct machine *rig_create(void);
void rig_destroy(struct machine *m);
/* Line NUMBER of the rig. */
struct irq_line rig_line(struct machine *m, unsigned number);
/* Moves the clock, firing what becomes due on the way. */
void rig_advance(struct machine *m, uint64_t ns);
/* Runs what was deferred until now. */
void rig_run_deferred(struct machine *m);
bool rig_send_msi(struct machine *m, uint64_t address, uint32_t data);
/* The host's address of guest memory; NULL outside. */
uint8_t *rig_memory(struct machine *m, uint64_t gpa, size_t size);

/* A device of CLS at BASE with line 0. */
struct device *rig_device(struct machine *m, const struct device_class *cls, uint64_t base,
                          const void *config);
/* Checks the registers against the class's table: a fresh device reads the reset values (but for
 * those at the offsets in EXCEPT, ended by UINT32_MAX), and read-only ones do not change when all
 * ones are written. */
void rig_check_reset_values(struct device *dev, const uint32_t *except);

static inline uint32_t r32(struct device *dev, uint64_t offset)
{
    return (uint32_t)device_read(dev, offset, 4);
}

static inline void w32(struct device *dev, uint64_t offset, uint32_t value)
{
    device_write(dev, offset, 4, value);
}

#endif
