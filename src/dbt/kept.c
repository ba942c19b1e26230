/* SPDX-License-Identifier: MIT */
/* A CPU's code cache that outlives the process: it is written to a file when the CPU is done, and
 * read when it begins.
 *
 * What is written is the code memory as far as it is filled, with the tables of its blocks, links
 * and sites, in as many pieces as the regions have parts. Nothing in them depends on where the
 * memory is: code reaches the context, slots, stubs and other code RIP-relative, at distances that
 * are the same in each run, and names the interpreter's functions by their distance from another
 * (call() of x86_64/lower.c). So a file is read to where it came from, and all that is done to it
 * is to compare its checksum and to enter its blocks in the hash table, where they sleep until
 * somebody asks for their words (wake.c).
 *
 * All else that code depends on is in the file's identity: the program itself, the features of host
 * and guest, and how the memory about the code is laid out. */

#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kept.h"

/* ---- identity ---- */

static void add(struct dbt_identity *identity, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++)
        for (unsigned k = 0; k < DBT_IDENTITY_WORDS; k++) {
            uint64_t *word = &identity->word[k];
            *word = (*word ^ p[i] ^ (uint64_t)k << 8) * (0x9e3779b97f4a7c15ull + 2 * k);
            *word ^= *word >> 32;
        }
}

struct program {
    struct dbt_identity *identity;
    bool found;
};

/* The build id in the notes of the object that this function is in, which stands for all of its
 * code. */
static int add_build_id(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct program *program = ctx;
    const uintptr_t here = (uintptr_t)dbt_translate;
    bool mine = false;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        mine |= header->p_type == PT_LOAD &&
                here - (info->dlpi_addr + header->p_vaddr) < header->p_memsz;
    }
    for (unsigned i = 0; mine && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_NOTE)
            continue;
        const uint8_t *p = (const uint8_t *)(info->dlpi_addr + header->p_vaddr),
                      *end = p + header->p_memsz;
        while ((size_t)(end - p) >= sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)p;
            const uint8_t *name = p + sizeof(*note), *text = name + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
                add(program->identity, text, note->n_descsz);
                program->found = true;
            }
            p = text + ((note->n_descsz + 3) & ~3u);
        }
    }
    return mine;
}

/* False: the program does not say which one it is. */
static bool identify(const struct dbt *dbt, struct dbt_identity *identity)
{
    const struct a64_cpu *cpu = dbt->cpu;
    const struct a64_system *sys = cpu->sys;
    const uint8_t bits[] = {dbt->avx512,
                            dbt->avx512vnni,
                            dbt->avx512cd,
                            dbt->avx512bitalg,
                            dbt->gfni,
                            dbt->aes,
                            dbt->pclmul,
                            dbt->sha,
                            dbt->vaes,
                            sys->private_memory,
                            sys->sysreg_trap != NULL,
                            sys->paravirt_pac != 0,
                            sys->knobs.every_block,
                            dbt->check != NULL};
    struct program program = {.identity = identity};
    *identity = (struct dbt_identity){{0}};
    dl_iterate_phdr(add_build_id, &program);
    add(identity, bits, sizeof(bits));
    add(identity, &cpu->feat, sizeof(cpu->feat));
    const uint64_t sizes[] = {dbt->code_size, dbt->stubs_end,
                              (uint64_t)(dbt->code - (const uint8_t *)dbt->hot)};
    add(identity, sizes, sizeof(sizes));
    const uint64_t base = (uint64_t)(uintptr_t)dbt->code;
    const uintptr_t *stub = (const uintptr_t *)(const void *)&dbt->stub;
    for (size_t i = 0; i < sizeof(dbt->stub) / sizeof(*stub); i++) {
        const uint64_t at = stub[i] ? stub[i] - base : 0;
        add(identity, &at, sizeof(at));
    }
    return program.found;
}

/* ---- the file ---- */

/* The first piece: how large the others are. */
struct shape {
    struct dbt_region region[DBT_REGIONS];
    uint32_t now, words;
};

#define REGION_PIECES 6
#define MOST_PIECES   (1 + DBT_REGIONS * REGION_PIECES + 3)

struct pieces {
    struct dbt_piece piece[MOST_PIECES];
    unsigned count;
};

static void put(struct pieces *pieces, void *bytes, size_t size)
{
    pieces->piece[pieces->count++] = (struct dbt_piece){bytes, size};
}

static void put_part(struct pieces *pieces, void *table, size_t size, const struct dbt_part *part)
{
    put(pieces, (uint8_t *)table + part->first * size, (part->count - part->first) * size);
}

/* SHAPE, and what it says is in the file behind it, and where in memory. */
static void put_all(struct dbt *dbt, struct shape *shape, struct pieces *pieces)
{
    put(pieces, shape, sizeof(*shape));
    for (unsigned n = 0; n < dbt->region_count; n++) {
        const struct dbt_region *region = &shape->region[n];
        put(pieces, dbt->code_write + region->start, region->code - region->start);
        put(pieces, dbt->code_write + region->cold_start, region->cold - region->cold_start);
        put(pieces, dbt->code_write + region->literals, region->end - region->literals);
        put_part(pieces, dbt->blocks, sizeof(dbt->blocks[0]), &region->blocks);
        put_part(pieces, dbt->links, sizeof(dbt->links[0]), &region->links);
        put_part(pieces, dbt->sites, sizeof(dbt->sites[0]), &region->slots);
    }
    put(pieces, dbt->flips, sizeof(dbt->flips));
    const struct dbt_bed *bed = &dbt->kept->bed;
    put(pieces, bed->words, shape->words * sizeof(bed->words[0]));
    put(pieces, bed->rows, shape->words * sizeof(bed->rows[0]));
}

/* ---- reading ---- */

static bool has_part(const struct dbt_part *own, const struct dbt_part *part)
{
    return part->first == own->first && part->limit == own->limit && part->count >= own->first &&
           part->count <= own->limit;
}

/* Whether REGION is OWN, which is empty, with something in it. */
static bool has_region(const struct dbt_region *own, const struct dbt_region *region)
{
    return region->start == own->start && region->cold_start == own->cold_start &&
           region->end == own->end && region->code >= region->start &&
           region->code <= region->cold_start && region->cold >= region->cold_start &&
           region->cold <= region->literals && region->literals <= region->end &&
           has_part(&own->blocks, &region->blocks) && has_part(&own->links, &region->links) &&
           has_part(&own->slots, &region->slots);
}

static bool has_shape(const struct dbt *dbt, const struct shape *shape)
{
    for (unsigned n = 0; n < dbt->region_count; n++)
        if (!has_region(&dbt->region[n], &shape->region[n]))
            return false;
    return shape->now < dbt->region_count &&
           shape->words <= (uint64_t)DBT_MAX_INSNS * dbt->code_size / DBT_BYTES_A_BLOCK;
}

/* Reads FD, which has SHAPE, to where it belongs. */
static bool read_pieces(struct dbt *dbt, struct shape *shape, int fd)
{
    struct pieces pieces = {.count = 0};
    if (!has_shape(dbt, shape) || !dbt_make_bed(&dbt->kept->bed, shape->words))
        return false;
    dbt->kept->bed.count = shape->words;
    for (unsigned n = 0; n < dbt->region_count; n++)
        dbt_code_fill(dbt, &dbt->region[n], &shape->region[n]);
    put_all(dbt, shape, &pieces);
    return dbt_store_read(fd, pieces.piece, pieces.count);
}

static void load(struct dbt *dbt)
{
    const struct dbt_kept *kept = dbt->kept;
    struct shape shape;
    const struct dbt_piece first = {&shape, sizeof(shape)};
    const int fd = dbt_store_find(&kept->store, kept->name, &kept->identity, &first);
    if (fd < 0)
        return;
    if (read_pieces(dbt, &shape, fd)) {
        dbt->now = &dbt->region[shape.now];
        dbt_enter_sleeping(dbt);
    } else {
        dbt_store_say(&kept->store, kept->name, "ignored: damaged");
        dbt_code_begin(dbt);
    }
    close(fd);
}

/* ---- writing ---- */

/* Whether a sixteenth of what this run had from the file or made was not there before. */
static bool is_worth_it(const struct dbt *dbt)
{
    const uint64_t *stats = dbt->stats;
    return stats[STAT_BLOCKS] * 16 > stats[STAT_BLOCKS] + stats[STAT_TAKEN];
}

static void save(struct dbt *dbt)
{
    const struct dbt_kept *kept = dbt->kept;
    struct pieces pieces = {.count = 0};
    dbt_leave_pages(dbt);
    if (!dbt_sleep_all(dbt))
        return;
    struct shape shape = {.now = (uint32_t)(dbt->now - dbt->region), .words = kept->bed.count};
    memcpy(shape.region, dbt->region, sizeof(shape.region));
    put_all(dbt, &shape, &pieces);
    dbt_store_write(&kept->store, kept->name, &kept->identity, pieces.piece, pieces.count);
}

void dbt_kept_attach(struct dbt *dbt)
{
    const struct a64_knobs *knobs = &dbt->cpu->sys->knobs;
    struct dbt_kept *kept = knobs->code_cache ? calloc(1, sizeof(*kept)) : NULL;
    if (!kept)
        return;
    kept->store.said = knobs->code_cache_said;
    kept->store.ctx = knobs->code_cache_ctx;
    if (!identify(dbt, &kept->identity) || !dbt_store_open(&kept->store, knobs->code_cache)) {
        free(kept);
        return;
    }
    snprintf(kept->name, sizeof(kept->name), "%016" PRIx64 "-%u.code", kept->identity.word[0],
             dbt->cpu->index);
    dbt->kept = kept;
    load(dbt);
}

void dbt_kept_detach(struct dbt *dbt)
{
    struct dbt_kept *kept = dbt->kept;
    if (!kept)
        return;
    if (is_worth_it(dbt))
        save(dbt);
    dbt_store_close(&kept->store);
    dbt_free_bed(&kept->bed);
    free(kept);
    dbt->kept = NULL;
}
