/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_SLOTS_H
#define POMONA_DBT_SLOTS_H

/* What translated code remembers of addresses: slots, what is known of the sites that have them, windows, and the lists by
 * which they are found when an address changes what it means. What is done with them: slots.c, held.h, window.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBT_BUCKETS   32u
#define DBT_BUCKET_ROOM 8192u
#define DBT_RANGE     65536u       /* pages that one slot may hold */
#define DBT_SPANS     16u          /* of addresses in which there may be wide slots */
#define DBT_HELD_LOG  11           /* bits of a bucket say which of its pages are held, 2 to this */
#define DBT_HELD_SHIFT 17          /* what a page's bit is made of, in its address, above the bucket's number */
#define DBT_HELD_MIX   0x9e3779b1u

/* A place that remembers one translation.
 *
 * Of an access site: the page that it reached last, how far from its start an access may begin, and what to add to a
 * guest address there to get the host's; with it, as many pages behind that one as the host has in the same order. In
 * the jump cache: an address, and its code for a mode. Of a jump into another page: the page, and the code. */
struct dbt_slot {
    uint64_t tag;
    uint64_t limit; /* 0: empty; of a jump's, the page that it leads to */
    uint64_t value;
    /* The buckets, of those for the half of the address space that its pages lie in, that name it: it may be filled with
     * a page of these without telling. */
    uint32_t named;
    union {
        uint16_t misses; /* so many more until its pages' neighbours are looked at; DBT_FLIPPING */
        uint16_t mode;   /* in the jump cache: what the CPU must be like, of enum dbt_mode */
    };
    uint16_t more;   /* pages behind the first */
};
#define DBT_FLIPPING 0xffffu
/* A tag that is no page's. */
#define DBT_NO_TAG 1u

/* The access that a slot is filled for. USER: as EL0 would. */
enum dbt_fill {
    DBT_FILL_READ,
    DBT_FILL_WRITE,
    DBT_FILL_BOTH, /* read and write */
    DBT_FILL_READ_USER,
    DBT_FILL_WRITE_USER,
    DBT_FILL_COUNT
};

/* Whose a slot is, if it is an access's. */
struct dbt_site {
    uint32_t block; /* index */
    uint16_t place; /* the instruction's, from the start of its page */
    bool pair : 1;   /* the site has two slots */
    bool by_tlb : 1; /* it has none in truth: it looks into the TLB every time, */
    bool by_piece : 1; /* for whole pieces */
    bool window : 1;   /* its slot is to hold a window */
    uint8_t tries;   /* how often many pages did not help */
    uint32_t ticks;  /* when the slot began to count misses */
};

#define DBT_FLIPS (1u << 16)
/* What is known of a site that reaches one page now and another then. */
enum dbt_flips {
    DBT_FLIPS_PAIR,      /* it does: it has a slot for even pages and one for odd pages */
    DBT_FLIPS_TLB,       /* that is not enough: it looks into the TLB every time, */
    DBT_FLIPS_PIECE,     /* for pieces of 2 MiB */
    DBT_FLIPS_SLOWLY,    /* it does, but takes its time: it has one slot */
    DBT_FLIPS_WINDOW,    /* it is to have a window, and one slot for it */
    DBT_FLIPS_NO_WINDOW, /* it has had windows, which did not help */
    DBT_FLIP_KINDS
};

/* Guest pages that follow one another at MEMORY too: see window.c. */
struct dbt_window {
    uint64_t first, last; /* pages' addresses, without tags; first > last: none */
    uint64_t ctx;         /* as a run's (struct a64_tlb_run) */
    uintptr_t addend;     /* the host's address is an address's sum with it */
    bool writes, global;  /* stores may go there; for every ASID */
    uint8_t *memory;      /* NULL: none */
    size_t size;
};
#define DBT_WINDOWS        64u
#define DBT_WINDOW_PAGES   65536u /* at most */
#define DBT_WINDOW_PLACES  256u
/* A site that goes to and fro between windows so often has nothing of them. */
#define DBT_WINDOW_TRIES   96u
#define DBT_WINDOW_MEMORY  (128u << 20) /* of all, on all CPUs */
#define DBT_WINDOW_SAMPLES 4u

struct dbt_windows {
    struct dbt_window window[DBT_WINDOWS];
    unsigned count, next; /* the last live one's index + 1; the one that makes room next */
    /* By piece of 2 MiB: the window that was made there last; [1]: one for stores too. */
    uint8_t place[2][DBT_WINDOW_PLACES];
    struct dbt_scan *scan; /* what one is made of; NULL: none was yet */
    bool off;              /* none can be made */
    bool ended;            /* some that have memory ended */
    bool refused;          /* the one that was asked for last was not made */
    unsigned failures;
    size_t mapped; /* bytes */
    uint64_t credit, asked, sampled; /* ticks that may be spent; of the host's clock */
    uint64_t seen[DBT_WINDOW_SAMPLES]; /* code pages where time was spent lately */
    unsigned samples;
};

/* Numbers of slots, or of links. */
struct dbt_log {
    uint32_t *slot;
    uint32_t count;
};

/* The same, each once. */
struct dbt_set {
    struct dbt_log log;
    uint64_t *named; /* a bit a slot */
};

struct dbt_span {
    uint64_t first, last;
};

/* Where slots may hold pages, by half of the address space: see held.h. `page` is first, as emitted code has it. */
struct dbt_held {
    uint64_t page[2][DBT_BUCKETS][(1u << DBT_HELD_LOG) / 64];
    struct dbt_span span[2][DBT_SPANS];
    unsigned spans[2];
};

#endif
