/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DEVICE_H
#define POMONA_DEVICE_H

/* What a device is to a board, and a board to a device. A device file has seven blocks in this
 * order: what it is and whose document it follows; register offsets and bits; the state (plain data
 * first, handles after); the one function that derives the interrupt line from the state; read;
 * write; one `const struct device_class`. See docs/adding-a-device.md.
 *
 * Threads: every call into a device (read, write, callbacks, timers) holds the machine's lock; MMIO
 * comes on a vCPU's thread, everything else on the machine's thread. Guest memory is written only
 * through guest_write() and only on the machine's thread or under the lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct machine;

struct device_reg {
    const char *name; /* the document's */
    uint32_t offset;
    uint8_t width; /* bytes: 1, 2, 4, 8 */
    uint64_t reset;
    uint64_t write_mask; /* writable bits; 0: read-only */
};

struct device_field { /* a saved field of the state */
    const char *name;
    uint32_t offset, size;
};
#define DEVICE_FIELD(type, member)                                                                 \
    {                                                                                              \
#member, offsetof(type, member), sizeof(((type *)0)->member)                               \
    }

struct device_class {
    const char *name;                  /* "pl011" */
    const char *description;           /* "Arm PrimeCell UART" */
    size_t state_size;                 /* of the struct that begins with struct device */
    uint64_t mmio_size;                /* bytes of its register window */
    unsigned access_min, access_max;   /* widths that reach read and write; others are split or read
                                          as zero. 0: 1 and 8 */
    const struct device_reg *regs;     /* ended by a NULL name */
    uint32_t version;                  /* of the saved fields */
    const struct device_field *fields; /* ended by a NULL name */
    int (*init)(struct device *dev);   /* 0 or -errno; handles are set */
    void (*reset)(struct device *dev);
    uint64_t (*read)(struct device *dev, uint64_t offset, unsigned size);
    void (*write)(struct device *dev, uint64_t offset, unsigned size, uint64_t value);
    void (*quiesce)(struct device *dev); /* requests in flight complete or go back in their queue */
    void (*fini)(struct device *dev);
};

/* An interrupt input of something, as seen by who drives it. */
struct irq_line {
    void (*set)(void *ctx, unsigned number, bool level);
    void *ctx;
    unsigned number;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->ctx, line->number, level);
}

/* First member of every device's state. */
struct device {
    const struct device_class *cls;
    struct machine *machine;
    uint64_t base; /* guest-physical address of the window */
    struct irq_line irq[4];
    const void
        *config; /* the board's parameters for this device, of a type the device's header names */
};

/* ---- what every device shares (src/device/device.c) ---- */

/* The register of CLS at OFFSET exactly, or NULL. */
const struct device_reg *device_reg_at(const struct device_class *cls, uint64_t offset);
/* A new device of CLS with its window at BASE, its lines (copied) and its CONFIG, initialised and
 * reset; NULL and -errno in *RESULT when init refuses. */
struct device *device_create(const struct device_class *cls, struct machine *machine, uint64_t base,
                             const struct irq_line *irq, unsigned irq_count, const void *config,
                             int *result);
void device_reset(struct device *dev);
void device_destroy(struct device *dev);

/* An access of SIZE bytes (1, 2, 4, 8; any alignment) at OFFSET in the window, cut into the widths
 * that the class answers: too wide an access becomes several, in ascending order; a read narrower
 * than access_min is cut out of the register's value, such a write is extended with zeros.
 * Unaligned accesses go by bytes. */
uint64_t device_read(struct device *dev, uint64_t offset, unsigned size);
void device_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value);

/* What an Arm PrimeCell answers in its last 32 bytes (offsets 0xfe0 to 0xffc): the peripheral's
 * identification PERIPH_ID, a byte a register, then the PrimeCell's 0xb105f00d. *VALUE is set only
 * where there is such a register. */
bool primecell_id(uint32_t periph_id, uint64_t offset, uint64_t *value);

/* ---- what the machine gives a device (src/machine) ---- */

/* Guest-physical memory; -EFAULT where some byte is not RAM, and then nothing was copied. */
int guest_read(struct machine *machine, uint64_t gpa, void *out, size_t size);
/* The one function by which devices and the host write guest memory: it tells the engines about
 * written code. */
int guest_write(struct machine *machine, uint64_t gpa, const void *data, size_t size);
/* Host address of [gpa, gpa + size) when it is one piece of RAM, else NULL. Reading only. */
const void *guest_view(struct machine *machine, uint64_t gpa, size_t size);

/* The board's clock in nanoseconds since it started: host time, or a function of instructions with
 * --clock insn. */
uint64_t machine_now(struct machine *machine);
/* Wall-clock seconds since 1970 for RTCs; a fixed epoch plus machine_now with --clock insn. */
uint64_t machine_wall_seconds(struct machine *machine);

struct device_timer {
    uint64_t when; /* ns of machine_now; UINT64_MAX: off */
    void (*fire)(struct device_timer *timer, void *ctx);
    void *ctx;
    struct machine *machine;
    struct device_timer *next;
};
/* Arms (or with UINT64_MAX disarms) a one-shot timer; fire runs on the machine's thread under the
 * lock. */
void device_timer_set(struct machine *machine, struct device_timer *timer, uint64_t when);

/* Runs WORK once on the machine's thread, soon, under the lock; any thread may call. With --clock
 * insn it runs a fixed number of instructions later. */
void machine_defer(struct machine *machine, void (*work)(void *ctx), void *ctx);

/* Fills OUT with random bytes: the host's, or the seeded generator's. */
void machine_random(struct machine *machine, void *out, size_t size);

/* "unimplemented register" and other odd guest behaviour: once per (device, offset). */
void device_warn(struct device *dev, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A guest asked to stop: from PSCI, pvpanic or a power key. */
enum machine_stop { MACHINE_RUNNING, MACHINE_OFF, MACHINE_RESET, MACHINE_PANIC, MACHINE_QUIT };
void machine_request_stop(struct machine *machine, enum machine_stop why);

/* ---- byte streams (serial lines); src/host makes them, devices use them ---- */

struct chardev {
    /* Sends; never blocks the guest for long. */
    void (*write)(struct chardev *chr, const void *data, size_t size);
    /* Set by the device: bytes arrived (under the machine's lock). Returns how many were taken; the
     * rest waits until chardev_accept. */
    size_t (*receive)(void *ctx, const uint8_t *data, size_t size);
    void *receive_ctx;
    /* The device has room again. */
    void (*accept)(struct chardev *chr);
    /* With the instruction clock nothing arrives by itself: at fixed instructions, under the
     * machine's lock, this delivers what there is. IDLE: the guest did nothing since the last time,
     * so a few milliseconds may be spent on waiting. False: nothing will ever come. NULL: the same. */
    bool (*sample)(struct chardev *chr, bool idle);
    void (*close)(struct chardev *chr);
};

#endif
