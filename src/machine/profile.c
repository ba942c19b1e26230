/* SPDX-License-Identifier: MIT */
/* Sampled stacks. A frame is found as the procedure call standard (AAPCS64, 6.4.6) lays it out: X29
 * points to a frame record of the caller's X29 and X30. What is not built so (hand-written entries,
 * leaf functions without a record) is left out of the chain, as by every profiler of this kind.
 *
 * Stacks are kept in a hash table with open addressing, their frames one behind another. */

#include "machine/profile.h"

#include <stdlib.h>
#include <string.h>

#include "machine/state.h"

#define MAX_DEPTH  128u
#define FIRST_ROOM 1024u /* stacks; a power of two */
#define BIT55      (1ull << 55)
#define UPPER_BITS 0xffff000000000000ull

struct stack {
    uint64_t hash, count; /* count 0: free */
    size_t first;         /* of its frames */
    unsigned depth;
};

struct machine_profile {
    struct stack *stacks;
    size_t count, room;
    uint64_t *frames;
    size_t frame_count, frame_room;
};

struct machine_profile *machine_profile_create(void)
{
    struct machine_profile *profile = calloc(1, sizeof(*profile));
    if (profile)
        profile->stacks = calloc(FIRST_ROOM, sizeof(*profile->stacks));
    if (profile && !profile->stacks) {
        free(profile);
        return NULL;
    }
    if (profile)
        profile->room = FIRST_ROOM;
    return profile;
}

void machine_profile_destroy(struct machine_profile *profile)
{
    if (!profile)
        return;
    free(profile->stacks);
    free(profile->frames);
    free(profile);
}

/* ---- the table ---- */

static struct stack *place_of(const struct machine_profile *profile, struct stack *stacks,
                              size_t room, uint64_t hash, const uint64_t *frames, unsigned depth)
{
    for (size_t i = hash & (room - 1);; i = (i + 1) & (room - 1)) {
        struct stack *stack = &stacks[i];
        if (!stack->count ||
            (stack->hash == hash && stack->depth == depth &&
             !memcmp(&profile->frames[stack->first], frames, depth * sizeof(*frames))))
            return stack;
    }
}

static bool grow(struct machine_profile *profile)
{
    const size_t room = profile->room * 2;
    struct stack *stacks = calloc(room, sizeof(*stacks));
    if (!stacks)
        return false;
    for (size_t i = 0; i < profile->room; i++) {
        const struct stack *old = &profile->stacks[i];
        if (old->count)
            *place_of(profile, stacks, room, old->hash, &profile->frames[old->first], old->depth) =
                *old;
    }
    free(profile->stacks);
    profile->stacks = stacks;
    profile->room = room;
    return true;
}

/* FRAMES at the end of all; MAX_DEPTH at most, so doubling is room enough. */
static bool keep_frames(struct machine_profile *profile, const uint64_t *frames, unsigned depth)
{
    if (profile->frame_count + depth > profile->frame_room) {
        const size_t room = profile->frame_room ? profile->frame_room * 2 : 64 * MAX_DEPTH;
        uint64_t *more = realloc(profile->frames, room * sizeof(*more));
        if (!more)
            return false;
        profile->frames = more;
        profile->frame_room = room;
    }
    memcpy(&profile->frames[profile->frame_count], frames, depth * sizeof(*frames));
    profile->frame_count += depth;
    return true;
}

/* Without memory the sample is lost. */
static void count(struct machine_profile *profile, const uint64_t *frames, unsigned depth)
{
    uint64_t hash = depth;
    for (unsigned i = 0; i < depth; i++)
        hash = (hash ^ frames[i]) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 29;
    struct stack *stack = place_of(profile, profile->stacks, profile->room, hash, frames, depth);
    if (stack->count) {
        stack->count++;
        return;
    }
    if (profile->count >= profile->room / 2) {
        if (!grow(profile))
            return;
        stack = place_of(profile, profile->stacks, profile->room, hash, frames, depth);
    }
    const size_t first = profile->frame_count;
    if (!keep_frames(profile, frames, depth))
        return;
    *stack = (struct stack){hash, 1, first, depth};
    profile->count++;
}

/* ---- the guest ---- */

/* POINTER without an authentication code: 48 bits of address, extended. */
static uint64_t plain(uint64_t pointer)
{
    return pointer & BIT55 ? pointer | UPPER_BITS : pointer & ~UPPER_BITS;
}

static uint64_t read_register(const struct machine_cpu *cpu, hv_reg_t name)
{
    uint64_t value = 0;
    hv_vcpu_get_reg(cpu->id, name, &value);
    return value;
}

void machine_profile_sample(struct machine_profile *profile, const struct machine_cpu *cpu)
{
    uint64_t frames[MAX_DEPTH], record[2];
    uint64_t at = read_register(cpu, HV_REG_FP);
    unsigned depth = 0;
    frames[depth++] = read_register(cpu, HV_REG_PC);
    while (depth < MAX_DEPTH && at && !(at & 7) &&
           !hv_pomona_vcpu_read(cpu->id, plain(at), record, sizeof(record)) && record[1]) {
        frames[depth++] = plain(record[1]) - 4; /* the call */
        if (plain(record[0]) <= plain(at))
            break;
        at = record[0];
    }
    count(profile, frames, depth);
}

void machine_profile_each(const struct machine_profile *profile,
                          void (*met)(void *ctx, unsigned cpu, const uint64_t *frames,
                                      unsigned depth, uint64_t count),
                          void *ctx, unsigned cpu)
{
    for (size_t i = 0; i < profile->room; i++) {
        const struct stack *stack = &profile->stacks[i];
        if (stack->count)
            met(ctx, cpu, &profile->frames[stack->first], stack->depth, stack->count);
    }
}
