/* SPDX-License-Identifier: MIT */
/* The machine of dev_rig.h. Memory is allocated to the byte, so that the address sanitizer sees a
 * device that leaves it. */

#include "dev_rig.h"

#include <errno.h>

#define CFG_SIZE 0x10000u

static size_t chr_room(struct machine *m)
{
    return sizeof(m->sent) - m->sent_count;
}

static void chr_write(struct chardev *chr, const void *data, size_t size)
{
    struct machine *m = (struct machine *)((char *)chr - offsetof(struct machine, chr));
    const size_t part = size < chr_room(m) ? size : chr_room(m);
    memcpy(m->sent + m->sent_count, data, part);
    m->sent_count += part;
}

static void chr_accept(struct chardev *chr)
{
    struct machine *m = (struct machine *)((char *)chr - offsetof(struct machine, chr));
    m->accepted++;
}

struct machine *rig_create(void)
{
    struct machine *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->ram = calloc(1, RAM_SIZE);
    m->cfg = calloc(1, CFG_SIZE);
    m->cfg_base = 0x400000;
    m->chr.write = chr_write;
    m->chr.accept = chr_accept;
    return m;
}

void rig_destroy(struct machine *m)
{
    assert_null(m->timers); /* a device that goes takes its timers along */
    free(m->ram);
    free(m->cfg);
    free(m);
}

static void set_level(void *ctx, unsigned number, bool level)
{
    struct machine *m = ctx;
    assert_in_range(number, 0, RIG_LINES - 1);
    m->edges[number] += m->level[number] != level;
    m->level[number] = level;
}

struct irq_line rig_line(struct machine *m, unsigned number)
{
    return (struct irq_line){set_level, m, number};
}

struct device *rig_device(struct machine *m, const struct device_class *cls, uint64_t base,
                          const void *config)
{
    const struct irq_line line = rig_line(m, 0);
    int result = 0;
    struct device *dev = device_create(cls, m, base, &line, 1, config, &result);
    assert_non_null(dev);
    assert_int_equal(result, 0);
    return dev;
}

static bool listed(const uint32_t *list, uint32_t offset)
{
    while (list && *list != UINT32_MAX)
        if (*list++ == offset)
            return true;
    return false;
}

void rig_check_reset_values(struct device *dev, const uint32_t *except)
{
    for (const struct device_reg *reg = dev->cls->regs; reg->name; reg++) {
        if (listed(except, reg->offset))
            continue;
        const uint64_t value = device_read(dev, reg->offset, reg->width);
        if (value != reg->reset)
            fail_msg("%s reads 0x%llx after reset, not 0x%llx", reg->name,
                     (unsigned long long)value, (unsigned long long)reg->reset);
        if (reg->write_mask)
            continue;
        device_write(dev, reg->offset, reg->width, UINT64_MAX);
        if (device_read(dev, reg->offset, reg->width) != reg->reset)
            fail_msg("%s is read-only and was written", reg->name);
    }
}

/* ---- time ---- */

void device_timer_set(struct machine *m, struct device_timer *timer, uint64_t when)
{
    for (struct device_timer **at = &m->timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->when = when;
    if (when == UINT64_MAX)
        return;
    struct device_timer **at = &m->timers;
    while (*at && (*at)->when <= when)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

void rig_advance(struct machine *m, uint64_t ns)
{
    const uint64_t end = m->now + ns;
    while (m->timers && m->timers->when <= end) {
        struct device_timer *timer = m->timers;
        if (timer->when > m->now)
            m->now = timer->when;
        m->timers = timer->next;
        timer->when = UINT64_MAX;
        timer->fire(timer, timer->ctx);
    }
    m->now = end;
}

uint64_t machine_now(struct machine *m)
{
    return m->now;
}

uint64_t machine_wall_seconds(struct machine *m)
{
    return RIG_SECONDS + m->wall_offset + m->now / 1000000000;
}

void machine_defer(struct machine *m, void (*work)(void *ctx), void *ctx)
{
    assert_in_range(m->deferred_count, 0, 63);
    m->deferred[m->deferred_count].work = work;
    m->deferred[m->deferred_count++].ctx = ctx;
}

void rig_run_deferred(struct machine *m)
{
    const unsigned count = m->deferred_count;
    for (unsigned i = 0; i < count; i++)
        m->deferred[i].work(m->deferred[i].ctx);
    m->deferred_count -= count;
    memmove(m->deferred, m->deferred + count, m->deferred_count * sizeof(m->deferred[0]));
}

/* ---- memory ---- */

static uint8_t *in_piece(uint8_t *host, uint64_t base, uint64_t length, uint64_t gpa, size_t size)
{
    const uint64_t offset = gpa - base;
    return gpa >= base && offset < length && size <= length - offset ? host + offset : NULL;
}

uint8_t *rig_memory(struct machine *m, uint64_t gpa, size_t size)
{
    uint8_t *ram = in_piece(m->ram, RAM_BASE, RAM_SIZE, gpa, size);
    return ram ? ram : in_piece(m->cfg, m->cfg_base, CFG_SIZE, gpa, size);
}

int guest_read(struct machine *m, uint64_t gpa, void *out, size_t size)
{
    const uint8_t *from = rig_memory(m, gpa, size);
    if (!from)
        return size ? -EFAULT : 0;
    memcpy(out, from, size);
    return 0;
}

int guest_write(struct machine *m, uint64_t gpa, const void *data, size_t size)
{
    uint8_t *to = rig_memory(m, gpa, size);
    if (!to)
        return size ? -EFAULT : 0;
    memcpy(to, data, size);
    return 0;
}

const void *guest_view(struct machine *m, uint64_t gpa, size_t size)
{
    return rig_memory(m, gpa, size);
}

/* ---- the rest ---- */

void machine_random(struct machine *m, void *out, size_t size)
{
    for (uint8_t *at = out; size--; at++)
        *at = m->random++;
}

/* As the machine's, this asks the class for names. */
void device_warn(struct device *dev, uint64_t offset, const char *format, ...)
{
    const struct device_reg *reg = device_reg_at(dev->cls, offset);
    assert_non_null(dev->cls->name);
    assert_true(!reg || reg->name);
    dev->machine->warnings++;
}

void machine_request_stop(struct machine *m, enum machine_stop why)
{
    m->stop = why;
}

bool rig_send_msi(struct machine *m, uint64_t address, uint32_t data)
{
    m->msi.address = address;
    m->msi.data = data;
    m->msi_count++;
    return true;
}
