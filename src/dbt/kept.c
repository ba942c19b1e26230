/* SPDX-License-Identifier: MIT */
/* Blocks that outlive the process: a block's code as a record of the store (store.h), and back.
 *
 * A record holds the words that the block was made from, which must be what memory holds when it is
 * taken, all of them compared; its code, rare paths and constants as bytes; and what in these
 * depends on where they are: noted by the emitters (struct x86_note) as the block was emitted, and
 * told by what it leads to. All else that code depends on is in the store's identity: the program
 * itself, the features of host and guest, and how the memory about the code is laid out. */

#include <link.h>
#include <stdlib.h>

#include "store.h"
#include "x86_64/lower.h"

/* ---- records ---- */

/* What a fix leads to, from the start of that. */
enum kind {
    KIND_HOT,  /* dbt->hot but the block's own slots */
    KIND_STUB, /* the code memory's stubs */
    KIND_SLOT, /* bytes from the block's first slot */
    KIND_CODE,
    KIND_COLD,
    KIND_LITERAL,
    KIND_LINK, /* no address: the number of one of the block's links */
    KIND_EXEC, /* 8 bytes: a function of the program, from ANCHOR */
    KIND_COUNT
};

enum part { PART_CODE, PART_COLD, PART_LITERALS, PART_COUNT };

/* 4 bytes at AT in a part. */
struct fix {
    uint16_t at;
    uint8_t part : 4, kind : 4, imm;
    uint32_t target;
};

/* A jump: where in PART its displacement ends, and in the rare paths what it leads to; else a slot
 * of the block's. */
struct kept_link {
    uint32_t jump, slot;
    uint16_t part, single;
    uint16_t fast, save; /* in code, and in the rare paths */
    uint8_t operand[2];
    uint16_t zero;
};

#define MOST_BYTES 0x8000u /* of a part */
#define MOST_SLOTS 4096u
#define MOST_LINKS 1024u
#define NO_SITE    0xffffu

/* Behind it: words, rows (16 bits), fixes, links, sites (16 bits a slot), parts, each from a
 * multiple of 8 on. */
struct kept {
    struct dbt_record record;
    uint64_t flips[2]; /* a bit an instruction: dbt->flips has its address */
    uint64_t kept;     /* struct dbt_block's */
    uint16_t place;    /* of the first word in its page, in words */
    uint16_t mode, count;
    uint16_t fixes, links, slots;
    uint16_t literals_end; /* modulo 16 */
    uint16_t zero;
    uint32_t size[PART_COUNT];
    uint32_t zero2;
};

/* Where a record's pieces begin. */
struct view {
    const struct kept *kept;
    const uint32_t *words;
    const uint16_t *rows, *sites;
    const struct fix *fixes;
    const struct kept_link *links;
    const uint8_t *part[PART_COUNT];
};

static size_t up(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Lays out KEPT's pieces; its size. */
static size_t view(const struct kept *kept, struct view *view)
{
    const uint8_t *p = (const uint8_t *)(kept + 1);
    view->kept = kept;
    view->words = (const void *)p;
    p += up(kept->count * sizeof(uint32_t));
    view->rows = (const void *)p;
    p += up(kept->count * sizeof(uint16_t));
    view->fixes = (const void *)p;
    p += up(kept->fixes * sizeof(struct fix));
    view->links = (const void *)p;
    p += up(kept->links * sizeof(struct kept_link));
    view->sites = (const void *)p;
    p += up(kept->slots * sizeof(uint16_t));
    for (unsigned part = 0; part < PART_COUNT; part++) {
        view->part[part] = p;
        p += up(kept->size[part]);
    }
    return (size_t)(p - (const uint8_t *)kept);
}

/* Some words, as far as the page goes: enough to tell most blocks, though not its own alone. */
static uint64_t key_of(const uint32_t *host, unsigned place, unsigned mode)
{
    uint64_t key = (uint64_t)mode << 10 | place;
    for (unsigned i = place; i < place + 4 && i < 1024; i++)
        key = (key ^ a64_code_word(&host[i])) * 0x9e3779b97f4a7c15ull ^ key >> 31;
    return key;
}

/* The bits of dbt->flips[LEVEL] that COUNT instructions from PA on have. */
static uint64_t flips_of(const struct dbt *dbt, unsigned level, uint64_t pa, unsigned count)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < count; i++)
        bits |= (uint64_t)dbt_flips(dbt, level, pa + i * 4) << i;
    return bits;
}

static uintptr_t anchor(void)
{
    return (uintptr_t)dbt_translate;
}

/* ---- to a record ---- */

/* The block's parts in the code memory. */
struct parts {
    size_t start[PART_COUNT], size[PART_COUNT];
};

static struct parts parts_of(const struct dbt *dbt, const struct lower *l)
{
    const struct dbt_region *before = &l->before, *now = dbt->now;
    return (struct parts){
        {before->code, before->cold, now->literals},
        {now->code - before->code, now->cold - before->cold, before->literals - now->literals},
    };
}

/* The part that OFFSET is in, or at the end of, and where in it; PART_COUNT: none. */
static unsigned part_at(const struct parts *parts, size_t offset, size_t *at)
{
    for (unsigned part = 0; part < PART_COUNT; part++) {
        *at = offset - parts->start[part];
        if (offset >= parts->start[part] && *at <= parts->size[part])
            return part;
    }
    return PART_COUNT;
}

static bool fix_address(const struct dbt *dbt, const struct lower *l, const struct parts *parts,
                        uintptr_t target, struct fix *fix)
{
    const uintptr_t hot = (uintptr_t)dbt->hot, code = (uintptr_t)dbt->code;
    const uintptr_t slots = (uintptr_t)&dbt->hot->slot[l->before.slots.count];
    size_t at;
    if (target < hot || target >= code + dbt->code_size)
        return false;
    if (target >= code + dbt->stubs_end) {
        const unsigned part = part_at(parts, target - code, &at);
        fix->kind = (KIND_CODE + part) & 15;
        fix->target = (uint32_t)at;
        return part != PART_COUNT;
    }
    const bool stub = target >= code;
    const bool slot = !stub && target >= (uintptr_t)&dbt->hot->slot[DBT_JUMPS];
    fix->kind = stub ? KIND_STUB : slot ? KIND_SLOT : KIND_HOT;
    fix->target = (uint32_t)(target - (stub ? code : slot ? slots : hot));
    return !slot || target >= slots;
}

static bool fix_of(const struct dbt *dbt, const struct lower *l, const struct parts *parts,
                   const struct x86_note *note, struct fix *fix)
{
    size_t at;
    const unsigned part = part_at(parts, (size_t)(note->at - dbt->code_write), &at);
    *fix = (struct fix){.at = (uint16_t)at, .part = part & 15, .imm = note->imm};
    if (part == PART_COUNT || at > MOST_BYTES)
        return false;
    if (note->imm == X86_NOTE_LINK) {
        fix->kind = KIND_LINK;
        fix->target = (uint32_t)(note->target - l->before.links.count);
        return true;
    }
    if (note->imm != X86_NOTE_EXEC)
        return fix_address(dbt, l, parts, note->target, fix);
    uint64_t function;
    memcpy(&function, note->at, sizeof(function));
    fix->kind = KIND_EXEC;
    fix->target = (uint32_t)(function - anchor());
    return (int64_t)(function - anchor()) == (int32_t)fix->target;
}

static bool put_links(const struct dbt *dbt, const struct lower *l, const struct parts *parts,
                      struct kept_link *link)
{
    for (uint32_t i = l->before.links.count; i < dbt->now->links.count; i++, link++) {
        const struct dbt_link *from = &dbt->links[i];
        size_t at, miss;
        if (!from->jump) {
            *link = (struct kept_link){.slot = from->slot - l->before.slots.count};
            continue;
        }
        const unsigned part = part_at(parts, from->jump, &at);
        if (part == PART_COUNT || part_at(parts, from->slot, &miss) != PART_COLD)
            return false;
        *link = (struct kept_link){
            .jump = (uint32_t)at,
            .slot = (uint32_t)miss,
            .part = (uint16_t)part,
            .single = from->single,
        };
        if (!from->fast)
            continue;
        if (part_at(parts, from->fast, &at) != PART_CODE ||
            part_at(parts, from->save, &miss) != PART_COLD)
            return false;
        link->fast = (uint16_t)at;
        link->save = (uint16_t)miss;
        memcpy(link->operand, from->operand, sizeof(link->operand));
    }
    return true;
}

static void put_sites(const struct dbt *dbt, const struct lower *l, uint16_t *sites)
{
    for (uint32_t i = l->before.slots.count; i < dbt->now->slots.count; i++)
        *sites++ = (uint16_t)(dbt->sites[i].place >> 1 | dbt->sites[i].pair);
    for (uint32_t i = l->before.links.count; i < dbt->now->links.count; i++)
        if (!dbt->links[i].jump)
            sites[(int)(dbt->links[i].slot - dbt->now->slots.count)] = NO_SITE;
}

/* Fills the record's pieces; false: something in the block cannot be moved. */
static bool put(const struct dbt *dbt, const struct lower *l, const struct parts *parts,
                const uint32_t *words, const struct view *view)
{
    const struct kept *kept = view->kept;
    struct fix *fixes = (struct fix *)(uintptr_t)view->fixes;
    uint16_t *rows = (uint16_t *)(uintptr_t)view->rows;
    for (unsigned i = 0; i < kept->fixes; i++)
        if (!fix_of(dbt, l, parts, &dbt->notes->note[i], &fixes[i]))
            return false;
    if (!put_links(dbt, l, parts, (struct kept_link *)(uintptr_t)view->links))
        return false;
    put_sites(dbt, l, (uint16_t *)(uintptr_t)view->sites);
    memcpy((void *)(uintptr_t)view->words, words, kept->count * sizeof(*words));
    for (unsigned i = 0; i < kept->count; i++)
        rows[i] = l->insn[i].row;
    for (unsigned part = 0; part < PART_COUNT; part++)
        memcpy((void *)(uintptr_t)view->part[part], dbt->code_write + parts->start[part],
               parts->size[part]);
    return true;
}

void dbt_keep(struct dbt *dbt, const struct lower *l, const struct dbt_block *block,
              const uint32_t *host, const uint32_t *words)
{
    const struct parts parts = parts_of(dbt, l);
    const struct dbt_region *now = dbt->now;
    const unsigned place = (block->pa & A64_PAGE_MASK) / 4;
    const uint32_t links = now->links.count - l->before.links.count,
                   slots = now->slots.count - l->before.slots.count;
    if (dbt->notes->count > sizeof(dbt->notes->note) / sizeof(dbt->notes->note[0]) ||
        links > MOST_LINKS || slots > MOST_SLOTS)
        return;
    struct kept head = {
        .record = {.key = key_of(host, place, block->mode)},
        .flips = {flips_of(dbt, 0, block->pa, block->count),
                  flips_of(dbt, 1, block->pa, block->count)},
        .kept = block->kept,
        .place = (uint16_t)place,
        .mode = block->mode,
        .count = block->count,
        .fixes = (uint16_t)dbt->notes->count,
        .links = (uint16_t)links,
        .slots = (uint16_t)slots,
        .literals_end = (uint16_t)(l->before.literals % 16),
    };
    for (unsigned part = 0; part < PART_COUNT; part++) {
        head.size[part] = (uint32_t)parts.size[part];
        if (parts.size[part] > MOST_BYTES)
            return;
    }
    struct view pieces;
    head.record.size = (uint32_t)view(&head, &pieces);
    struct kept *kept = calloc(1, head.record.size);
    if (!kept)
        return;
    *kept = head;
    view(kept, &pieces);
    if (put(dbt, l, &parts, words, &pieces))
        dbt_store_add(dbt->store, &kept->record);
    free(kept);
}

/* ---- from a record ---- */

/* What is looked for, and what came of it. */
struct search {
    struct dbt *dbt;
    uint64_t pa;
    const uint32_t *host;
    unsigned mode;
    struct dbt_block *block;
};

/* The checksum held, so that this only fails for a record that somebody made. */
static bool is_sound(const struct view *view)
{
    const struct kept *kept = view->kept;
    if (kept->place + kept->count > 1024u || !kept->count || kept->count > DBT_MAX_INSNS)
        return false;
    for (unsigned i = 0; i < kept->fixes; i++) {
        const struct fix *fix = &view->fixes[i];
        const size_t bytes = fix->kind == KIND_EXEC ? 8 : 4;
        if (fix->kind >= KIND_COUNT || fix->part >= PART_COUNT ||
            fix->at + bytes > kept->size[fix->part])
            return false;
    }
    for (unsigned i = 0; i < kept->links; i++) {
        const struct kept_link *link = &view->links[i];
        const bool jump = link->jump != 0;
        if (link->part >= PART_LITERALS || link->jump > kept->size[link->part] ||
            (jump && link->jump < 4) || (link->fast && link->fast < 4) ||
            link->fast > kept->size[PART_CODE] ||
            link->save >= kept->size[PART_COLD] + !link->fast ||
            link->slot >= (jump ? kept->size[PART_COLD] : kept->slots))
            return false;
    }
    for (unsigned i = 0; i < kept->count; i++)
        if (view->rows[i] >= A64_ROW_COUNT && view->rows[i] != A64_ROW_NONE)
            return false;
    return true;
}

static bool matches(const struct search *search, const struct view *view)
{
    const struct kept *kept = view->kept;
    const unsigned place = (search->pa & A64_PAGE_MASK) / 4;
    if (kept->place != place || kept->mode != search->mode || !is_sound(view))
        return false;
    for (unsigned i = 0; i < kept->count; i++)
        if (a64_code_word(&search->host[place + i]) != view->words[i])
            return false;
    return !(flips_of(search->dbt, 0, search->pa, kept->count) & ~kept->flips[0]) &&
           !(flips_of(search->dbt, 1, search->pa, kept->count) & ~kept->flips[1]);
}

/* Whether the region has room for it, and where its parts go then. */
static bool place_parts(const struct dbt_region *now, const struct kept *kept, struct parts *parts)
{
    const size_t end = now->literals - ((now->literals - kept->literals_end) & 15);
    *parts = (struct parts){{now->code, now->cold, end - kept->size[PART_LITERALS]},
                            {kept->size[0], kept->size[1], kept->size[2]}};
    return now->code + kept->size[PART_CODE] <= now->cold_start &&
           now->cold + kept->size[PART_COLD] + kept->size[PART_LITERALS] + 64 <= end &&
           now->blocks.count < now->blocks.limit &&
           now->links.count + kept->links <= now->links.limit &&
           now->slots.count + kept->slots <= now->slots.limit;
}

static uintptr_t target_of(const struct dbt *dbt, const struct parts *parts, const struct fix *fix)
{
    const uintptr_t code = (uintptr_t)dbt->code;
    switch ((enum kind)fix->kind) {
    case KIND_HOT:
        return (uintptr_t)dbt->hot + fix->target;
    case KIND_STUB:
        return code + fix->target;
    case KIND_SLOT:
        return (uintptr_t)&dbt->hot->slot[dbt->now->slots.count] + fix->target;
    case KIND_CODE:
    case KIND_COLD:
    case KIND_LITERAL:
        return code + parts->start[fix->kind - KIND_CODE] + fix->target;
    case KIND_LINK:
        return dbt->now->links.count + fix->target;
    default:
        return anchor() + (uintptr_t)(intptr_t)(int32_t)fix->target;
    }
}

static void apply(const struct dbt *dbt, const struct parts *parts, const struct fix *fix)
{
    const size_t at = parts->start[fix->part] + fix->at;
    const uintptr_t target = target_of(dbt, parts, fix);
    uint32_t value = (uint32_t)target;
    if (fix->kind == KIND_EXEC) {
        const uint64_t function = target;
        memcpy(dbt->code_write + at, &function, sizeof(function));
        return;
    }
    if (fix->kind != KIND_LINK)
        value = (uint32_t)(target - ((uintptr_t)dbt->code + at + 4 + fix->imm));
    memcpy(dbt->code_write + at, &value, sizeof(value));
}

/* Where PARTS lead to slots and links, those are the region's next, taken here. */
static void take_tables(struct dbt *dbt, const struct view *view, const struct parts *parts)
{
    struct dbt_region *now = dbt->now;
    const uint32_t slots = now->slots.count;
    for (unsigned i = 0; i < view->kept->links; i++) {
        const struct kept_link *link = &view->links[i];
        const struct dbt_link made = {
            .jump = link->jump ? (uint32_t)(parts->start[link->part] + link->jump) : 0,
            .slot =
                link->jump ? (uint32_t)(parts->start[PART_COLD] + link->slot) : slots + link->slot,
            .single = link->single,
            .fast = link->fast ? (uint32_t)(parts->start[PART_CODE] + link->fast) : 0,
            .save = (uint32_t)(parts->start[PART_COLD] + link->save),
            .operand = {link->operand[0] & 63, link->operand[1] & 63},
        };
        dbt_add_link(dbt, made);
    }
    dbt_empty_slots(dbt, slots, slots + view->kept->slots);
    for (unsigned i = 0; i < view->kept->slots; i++)
        dbt->sites[slots + i] = (struct dbt_site){
            .block = now->blocks.count,
            .place = (uint16_t)((view->sites[i] & ~1u) << 1),
            .pair = view->sites[i] & 1,
        };
    now->slots.count += view->kept->slots;
}

static void note_flips(struct dbt *dbt, unsigned level, uint64_t pa, uint64_t bits)
{
    for (; bits; bits &= bits - 1)
        dbt_note_flips(dbt, level, pa + (unsigned)__builtin_ctzll(bits) * 4u);
}

/* As if the instructions had been decoded to be executed. */
static void note_rows(struct a64_system *sys, const struct view *view)
{
    for (unsigned i = 0; i < view->kept->count; i++)
        if (view->rows[i] != A64_ROW_NONE &&
            !atomic_load_explicit(&sys->row_met[view->rows[i]], memory_order_relaxed))
            atomic_store_explicit(&sys->row_met[view->rows[i]], true, memory_order_relaxed);
}

static bool take(void *ctx, const struct dbt_record *record)
{
    struct search *search = ctx;
    struct dbt *dbt = search->dbt;
    struct view pieces;
    struct parts parts;
    if (record->size < sizeof(struct kept) ||
        view((const struct kept *)record, &pieces) != record->size || !matches(search, &pieces))
        return false;
    const struct kept *kept = pieces.kept;
    dbt_code_ready(dbt);
    if (!place_parts(dbt->now, kept, &parts)) {
        dbt_next_region(dbt);
        if (!place_parts(dbt->now, kept, &parts))
            return false;
    }
    const unsigned first = kept->place;
    struct dbt_page *page =
        dbt_page_for(dbt, search->pa, search->host, first, pieces.words, kept->count);
    if (!page)
        return false;
    for (unsigned part = 0; part < PART_COUNT; part++)
        memcpy(dbt->code_write + parts.start[part], pieces.part[part], kept->size[part]);
    for (unsigned i = 0; i < kept->fixes; i++)
        apply(dbt, &parts, &pieces.fixes[i]);
    take_tables(dbt, &pieces, &parts);
    struct dbt_block *block =
        dbt_add_block(dbt, page, search->pa, search->mode, pieces.words, kept->count);
    block->code = (uint32_t)parts.start[PART_CODE];
    block->code_size = kept->size[PART_CODE];
    block->kept = kept->kept;
    dbt->now->code += (kept->size[PART_CODE] + 15) & ~15u;
    dbt->now->cold += kept->size[PART_COLD];
    dbt->now->literals = parts.start[PART_LITERALS];
    note_flips(dbt, 0, search->pa, kept->flips[0]);
    note_flips(dbt, 1, search->pa, kept->flips[1]);
    note_rows(dbt->cpu->sys, &pieces);
    dbt_perf_block(dbt, parts.start[PART_CODE], parts.start[PART_COLD]);
    dbt->stats[STAT_TAKEN]++;
    dbt->stats[STAT_TAKEN_INSNS] += kept->count;
    search->block = block;
    return true;
}

struct dbt_block *dbt_take(struct dbt *dbt, uint64_t pa, const uint32_t *host, unsigned mode)
{
    struct search search = {.dbt = dbt, .pa = pa, .host = host, .mode = mode};
    dbt_store_find(dbt->store, key_of(host, (pa & A64_PAGE_MASK) / 4, mode), take, &search);
    return search.block;
}

/* ---- identity ---- */

struct identity {
    uint64_t word[DBT_STORE_IDENTITY / 8];
};

static void add(struct identity *identity, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++)
        for (unsigned k = 0; k < DBT_STORE_IDENTITY / 8; k++) {
            uint64_t *word = &identity->word[k];
            *word = (*word ^ p[i] ^ (uint64_t)k << 8) * (0x9e3779b97f4a7c15ull + 2 * k);
            *word ^= *word >> 32;
        }
}

struct program {
    struct identity *identity;
    bool found;
};

/* The build id in the notes of the object that this function is in, which stands for all of its
 * code. */
static int add_build_id(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct program *program = ctx;
    const uintptr_t here = anchor();
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
static bool identify(const struct dbt *dbt, struct identity *identity)
{
    const struct a64_cpu *cpu = dbt->cpu;
    const uint8_t bits[] = {dbt->avx512,
                            dbt->avx512vnni,
                            dbt->avx512cd,
                            dbt->avx512bitalg,
                            dbt->gfni,
                            dbt->aes,
                            dbt->pclmul,
                            dbt->sha,
                            dbt->vaes,
                            cpu->sys->private_memory,
                            cpu->sys->sysreg_trap != NULL,
                            cpu->sys->paravirt_pac != 0};
    struct program program = {.identity = identity};
    *identity = (struct identity){{0}};
    dl_iterate_phdr(add_build_id, &program);
    add(identity, bits, sizeof(bits));
    add(identity, &cpu->feat, sizeof(cpu->feat));
    const uint64_t base = (uint64_t)(uintptr_t)dbt->code;
    const uintptr_t *stub = (const uintptr_t *)(const void *)&dbt->stub;
    for (size_t i = 0; i < sizeof(dbt->stub) / sizeof(*stub); i++) {
        const uint64_t at = stub[i] ? stub[i] - base : 0;
        add(identity, &at, sizeof(at));
    }
    return program.found;
}

void dbt_store_attach(struct dbt *dbt)
{
    struct a64_system *sys = dbt->cpu->sys;
    const struct a64_knobs *knobs = &sys->knobs;
    struct identity identity;
    if (!knobs->code_cache || !identify(dbt, &identity))
        return;
    dbt->notes = malloc(sizeof(*dbt->notes));
    if (!dbt->notes)
        return;
    pthread_mutex_lock(&sys->lock);
    if (!sys->code_store)
        sys->code_store = dbt_store_open(knobs->code_cache, (const uint8_t *)identity.word,
                                         knobs->code_cache_said, knobs->code_cache_ctx);
    dbt->store = sys->code_store;
    sys->code_store_users += dbt->store != NULL;
    pthread_mutex_unlock(&sys->lock);
    if (!dbt->store) {
        free(dbt->notes);
        dbt->notes = NULL;
    }
}

void dbt_store_detach(struct dbt *dbt)
{
    struct a64_system *sys = dbt->cpu->sys;
    if (!dbt->store)
        return;
    free(dbt->notes);
    dbt->notes = NULL;
    pthread_mutex_lock(&sys->lock);
    if (!--sys->code_store_users) {
        dbt_store_close(dbt->store);
        sys->code_store = NULL;
    }
    pthread_mutex_unlock(&sys->lock);
    dbt->store = NULL;
}
