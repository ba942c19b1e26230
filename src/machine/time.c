/* SPDX-License-Identifier: MIT */
/* The machine's time: its clock, the devices' timers, deferred work and random numbers.
 *
 * With the host's clock, timers and deferred work run on the machine's thread, woken through the
 * event loop. With the instruction clock they run when the engine's time reaches a deadline, on the
 * thread of the vCPU that holds the token, between two instructions, and so at the same instruction
 * in every run. */

#include "host/loop.h"
#include "machine/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_HZ           24000000u
#define NS_PER_SECOND     1000000000ull
#define DEFER_NS          20000   /* with the instruction clock: between a kick and its work */
#define SAMPLE_NS         5000000 /* and between two looks at the host's input */
#define IDLE_INSTRUCTIONS 2000
#define EPOCH_SECONDS     1767225600ull /* 2026-01-01 00:00 UTC, the instruction clock's start */

static uint64_t ticks_to_ns(uint64_t ticks)
{
    return ticks / TICK_HZ * NS_PER_SECOND + ticks % TICK_HZ * NS_PER_SECOND / TICK_HZ;
}

/* Rounded up, so that what is due at the result is due. */
static uint64_t ns_to_ticks(uint64_t ns)
{
    uint64_t rest = ns % NS_PER_SECOND * TICK_HZ;
    return ns / NS_PER_SECOND * TICK_HZ + (rest + NS_PER_SECOND - 1) / NS_PER_SECOND;
}

uint64_t machine_now(struct machine *machine)
{
    if (!machine->config.insn_clock)
        return host_monotonic_ns() - machine->start_ns;
    uint64_t ticks = 0;
    hv_pomona_vm_get_time(&ticks);
    return ticks_to_ns(ticks);
}

uint64_t machine_wall_seconds(struct machine *machine)
{
    if (machine->config.insn_clock)
        return EPOCH_SECONDS + machine_now(machine) / NS_PER_SECOND;
    return (uint64_t)time(NULL);
}

static bool on_machine_thread(const struct machine *machine)
{
    return pthread_equal(pthread_self(), machine->thread);
}

static void deadline_reached(void *ctx)
{
    struct machine *machine = ctx;
    machine_lock(machine);
    machine_time_service(machine);
    machine_unlock(machine);
}

void machine_time_rearm(struct machine *machine)
{
    uint64_t when = machine->timers ? machine->timers->when : UINT64_MAX;
    if (machine->config.insn_clock) {
        hv_pomona_vm_set_deadline(when == UINT64_MAX ? when : ns_to_ticks(when), deadline_reached,
                                  machine);
    } else if (on_machine_thread(machine)) {
        uint64_t now = machine_now(machine);
        host_loop_set_timer(machine->loop, when == UINT64_MAX ? when : when > now ? when - now : 0);
    } else {
        host_loop_wake(machine->loop);
    }
}

static void unlink_timer(struct machine *machine, struct device_timer *timer)
{
    for (struct device_timer **at = &machine->timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            return;
        }
    }
}

void device_timer_set(struct machine *machine, struct device_timer *timer, uint64_t when)
{
    const struct device_timer *first = machine->timers;
    if (timer->when != UINT64_MAX)
        unlink_timer(machine, timer);
    timer->when = when;
    if (when != UINT64_MAX) {
        struct device_timer **at = &machine->timers;
        while (*at && (*at)->when <= when)
            at = &(*at)->next;
        timer->next = *at;
        *at = timer;
    }
    if (machine->timers != first || first == timer)
        machine_time_rearm(machine);
}

static void run_deferred(struct machine *machine)
{
    struct machine_queue queue = machine->deferred;
    machine->deferred = (struct machine_queue){0};
    for (size_t i = 0; i < queue.count; i++)
        queue.items[i].work(queue.items[i].ctx);
    free(queue.items);
}

static void defer_fire(struct device_timer *timer, void *ctx)
{
    run_deferred(ctx);
}

void machine_time_service(struct machine *machine)
{
    if (!machine->config.insn_clock)
        run_deferred(machine);
    uint64_t now = machine_now(machine);
    while (machine->timers && machine->timers->when <= now) {
        struct device_timer *timer = machine->timers;
        machine->timers = timer->next;
        timer->when = UINT64_MAX;
        timer->fire(timer, timer->ctx);
    }
    machine_time_rearm(machine);
}

void machine_defer(struct machine *machine, void (*work)(void *ctx), void *ctx)
{
    struct machine_queue *queue = &machine->deferred;
    if (queue->count == queue->room) {
        size_t room = queue->room ? queue->room * 2 : 16;
        struct machine_defer *items = realloc(queue->items, room * sizeof(*items));
        if (!items)
            abort(); /* a promise to a device that cannot be kept */
        queue->items = items;
        queue->room = room;
    }
    queue->items[queue->count++] = (struct machine_defer){work, ctx};
    if (!machine->config.insn_clock)
        host_loop_wake(machine->loop);
    else if (machine->defer_timer.when == UINT64_MAX)
        device_timer_set(machine, &machine->defer_timer, machine_now(machine) + DEFER_NS);
}

/* SplitMix64, which spreads a seed over the generator's state. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, unsigned count)
{
    return x << count | x >> (64 - count);
}

/* xoshiro256**, by Blackman and Vigna (public domain). */
static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

void machine_random(struct machine *machine, void *out, size_t size)
{
    if (!machine->config.seeded) {
        host_random(out, size);
        return;
    }
    for (uint8_t *at = out; size;) {
        uint64_t random = next_random(machine->random_state);
        size_t part = size < sizeof(random) ? size : sizeof(random);
        memcpy(at, &random, part);
        at += part;
        size -= part;
    }
}

/* ---- input, with the instruction clock ---- */

/* Whether the guest has done next to nothing since the last time. */
static bool was_idle(struct machine *machine)
{
    const uint64_t before = machine->sampled_instructions;
    hv_pomona_vm_get_instruction_count(&machine->sampled_instructions);
    return machine->sampled_instructions - before < IDLE_INSTRUCTIONS;
}

static void sample_input(struct device_timer *timer, void *ctx)
{
    struct machine *machine = ctx;
    const bool idle = was_idle(machine);
    bool more = false;
    for (unsigned i = 0; i < machine->config.serial_count; i++) {
        struct chardev *chr = machine->config.serial[i];
        if (chr && chr->sample)
            more |= chr->sample(chr, idle);
    }
    if (more)
        device_timer_set(machine, timer, machine_now(machine) + SAMPLE_NS);
}

void machine_time_start(struct machine *machine)
{
    machine->sample_timer = (struct device_timer){UINT64_MAX, sample_input, machine, machine, NULL};
    if (machine->config.insn_clock)
        device_timer_set(machine, &machine->sample_timer, SAMPLE_NS);
}

void machine_time_init(struct machine *machine)
{
    machine->thread = pthread_self();
    machine->start_ns = host_monotonic_ns();
    machine->defer_timer = (struct device_timer){UINT64_MAX, defer_fire, machine, machine, NULL};
    machine->power_key.when = UINT64_MAX;
    uint64_t seed = machine->config.seed;
    for (unsigned i = 0; i < 4; i++)
        machine->random_state[i] = split_mix(&seed);
}

void machine_time_free(struct machine *machine)
{
    free(machine->deferred.items);
}
