/* SPDX-License-Identifier: MIT */
/* Guest memory in large pages of the host: what the host translates of the guest's accesses costs less then, the more the
 * guest spreads them.
 *
 * The machine's thread looks now and then which pieces of memory have been touched by a good part, and makes each of those
 * one page. So a guest costs four times the memory that it touches at the very most: Linux touches nearly all of a piece, or
 * nothing. */

#include "machine/large.h"

#include "a64/host_large.h"
#include "host/loop.h"
#include "machine/state.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

/* Of a piece's pages, the part that is touched at least. */
#define TOUCHED_PART 4
/* Pieces that are met, looked into and made large at a time: one, ten and some hundred microseconds each. */
#define MEET_MOST 1024
#define LOOK_MOST 64
#define MAKE_MOST 4
/* So many refusals one after the other: the host makes none. */
#define REFUSALS_MOST 8
/* Milliseconds before the first look, as what is over sooner gains nothing; between two, after one that found something, and
 * after many that did not. */
#define FIRST_MS 1000
#define LEAST_MS 10
#define MOST_MS  1000

struct machine_large {
    uv_timer_t timer;
    struct machine *machine;
    unsigned ram; /* which memory is looked at next, */
    uint64_t at;  /* and from which piece on */
    uint64_t *done[MACHINE_MAX_RAM]; /* a bit a piece: it is large, or cannot be */
    unsigned met, looked, made; /* this time */
    unsigned refusals;          /* one after the other */
    uint64_t pause;
};

static bool is_touched(uint8_t *piece)
{
#ifdef __linux__
    unsigned char present[HOST_LARGE / 4096];
    const size_t pages = HOST_LARGE / (size_t)sysconf(_SC_PAGESIZE);
    size_t count = 0;
    if (mincore(piece, HOST_LARGE, present))
        return false;
    for (size_t i = 0; i < pages; i++)
        count += present[i] & 1;
    return count >= pages / TOUCHED_PART;
#else
    return false;
#endif
}

/* Makes the piece LARGE stands at one page, if it is time. */
static void make_piece(struct machine_large *large)
{
    const uint64_t piece = large->at / HOST_LARGE;
    uint64_t *done = &large->done[large->ram][piece / 64];
    uint8_t *host = large->machine->ram[large->ram].host + large->at;
    if (*done >> piece % 64 & 1)
        return;
    large->looked++;
    if (!is_touched(host))
        return;
    *done |= 1ull << piece % 64;
    const bool made = !host_make_large(host);
    large->made += made;
    large->refusals = made ? 0 : large->refusals + 1;
}

/* To the next piece of this memory, from where LARGE stands on, that has anything; false: there is none. */
static bool find_piece(struct machine_large *large)
{
#ifdef SEEK_DATA
    const struct machine_ram *ram = &large->machine->ram[large->ram];
    const off_t found = ram->fd < 0 ? -1 : lseek(ram->fd, (off_t)large->at, SEEK_DATA);
    if (found < 0)
        return false;
    large->at = (uint64_t)found & ~(uint64_t)(HOST_LARGE - 1);
    return large->at + HOST_LARGE <= ram->size;
#else
    return false;
#endif
}

static bool has_time(const struct machine_large *large)
{
    return large->met < MEET_MOST && large->looked < LOOK_MOST && large->made < MAKE_MOST &&
           large->refusals < REFUSALS_MOST;
}

/* Goes on where it was left the last time, at most once round. */
static void look(uv_timer_t *timer)
{
    struct machine_large *large = timer->data;
    large->met = large->looked = large->made = 0;
    for (unsigned left = large->machine->ram_count + 1; left && has_time(large); large->met++) {
        if (find_piece(large)) {
            make_piece(large);
            large->at += HOST_LARGE;
        } else {
            left--;
            large->at = 0;
            large->ram = (large->ram + 1) % large->machine->ram_count;
        }
    }
    large->pause = large->made ? LEAST_MS : large->pause < MOST_MS / 2 ? large->pause * 2 : MOST_MS;
    if (large->refusals < REFUSALS_MOST)
        uv_timer_start(timer, look, large->pause, 0);
}

static void free_large(uv_handle_t *handle)
{
    struct machine_large *large = handle->data;
    for (unsigned i = 0; i < MACHINE_MAX_RAM; i++)
        free(large->done[i]);
    free(large);
}

/* Memory for what is known of all pieces; false: there is none. */
static bool prepare(struct machine_large *large)
{
    const struct machine *machine = large->machine;
    for (unsigned i = 0; i < machine->ram_count; i++) {
        large->done[i] = calloc(machine->ram[i].size / HOST_LARGE / 64 + 1, sizeof(uint64_t));
        if (!large->done[i])
            return false;
    }
    return true;
}

void machine_large_start(struct machine *machine)
{
    struct machine_large *large = calloc(1, sizeof(*large));
    if (!large)
        return;
    large->machine = machine;
    large->pause = LEAST_MS;
    large->timer.data = large;
    uv_timer_init(host_loop_uv(machine->loop), &large->timer);
    machine->large = large;
    if (prepare(large))
        uv_timer_start(&large->timer, look, FIRST_MS, 0);
}

void machine_large_stop(struct machine *machine)
{
    if (machine->large)
        uv_close((uv_handle_t *)&machine->large->timer, free_large);
    machine->large = NULL;
}
