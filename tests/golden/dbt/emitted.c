/* SPDX-License-Identifier: MIT */
/* What the translator makes of guest sequences, without running them: for tools/golden-dbt, which
 * makes readable text of it.
 *
 *     emitted [KNOBS]
 *
 * Reads lines of a mode (plain, el1, count or many) and hexadecimal guest words. Every line is a
 * block of its own in an empty code cache, its last word perhaps left out because the one before
 * ends blocks. Prints first "symbol ADDRESS NAME" for what emitted code reaches, and "cpu
 * DISPLACEMENT NAME" for what it finds by RBP; then for each line "hot ADDRESS BYTES" and "cold
 * ADDRESS BYTES". */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oracle/engines/rig.h"
#include "dbt/internal.h"
#include "dbt/x86_64/target.h"

#define SLOTS_NAMED 64u
#define NOP         0x90 /* what a block is filled up with */
#define ROOM        0x10000u

static void symbol(const volatile void *address, const char *name)
{
    printf("symbol %" PRIxPTR " %s\n", (uintptr_t)address, name);
}

static void print_stub(void *ctx, uintptr_t at, const char *name)
{
    symbol((const void *)at, name);
}

static void print_hot(const struct dbt_hot *hot)
{
#define HOT(name) symbol(&hot->name, #name)
    HOT(page);
    HOT(frames);
    HOT(mode[0]);
    HOT(mode[1]);
    HOT(mode[2]);
    HOT(mode[3]);
    HOT(flags);
    HOT(mxcsr_guest);
    HOT(mxcsr_seen);
    HOT(mxcsr_host);
    HOT(unordered);
    HOT(system_generation);
    HOT(code_generation);
    HOT(tlb);
    HOT(strip_end);
    HOT(crossing);
    for (unsigned i = 0; i < DBT_STREAMS; i++) {
        char base[32];
        snprintf(base, sizeof base, "strip_base[%u]", i);
        symbol(&hot->strip_base[i], base);
    }
    HOT(ctx[0]);
    HOT(ctx[1]);
    HOT(ctx_offset[0]);
    HOT(ctx_offset[1]);
    symbol(hot->estimate[0], "recip_estimate");
    symbol(hot->estimate[1], "root_estimate");
    char name[64];
    for (unsigned i = 0; i < DBT_CONSTANTS; i++) {
        snprintf(name, sizeof name, "constant[%u]", i);
        symbol(&hot->constant[i], name);
    }
    static const char *const formats[] = {"half", "single", "double"};
    for (unsigned i = 0; i < 3; i++) {
        const struct dbt_fp_constants *c = &hot->fp[i];
        const void *const at[] = {c->abs, c->sign, c->least, c->most, c->ones};
        static const char *const what[] = {"abs", "sign", "least", "most", "ones"};
        for (unsigned k = 0; k < 5; k++) {
            snprintf(name, sizeof name, "%s.%s", formats[i], what[k]);
            symbol(at[k], name);
        }
    }
    symbol(&hot->slot[0], "jumps");
    for (unsigned i = 0; i < SLOTS_NAMED; i++) {
        const struct dbt_slot *slot = &hot->slot[DBT_JUMPS + i];
        const void *const at[] = {&slot->tag, &slot->limit, &slot->value};
        static const char *const what[] = {"tag", "limit", "value"};
        for (unsigned k = 0; k < 3; k++) {
            snprintf(name, sizeof name, "slot%u.%s", i, what[k]);
            symbol(at[k], name);
        }
    }
}

static void cpu_field(size_t offset, const char *name)
{
    printf("cpu %d %s\n", (int)offset - CPU_BIAS, name);
}

static void print_cpu(void)
{
    char name[8];
    for (unsigned n = 0; n < 31; n++) {
        snprintf(name, sizeof name, "x%u", n);
        cpu_field(offsetof(struct a64_cpu, x) + n * 8, name);
    }
    for (unsigned n = 0; n < 32; n++) {
        snprintf(name, sizeof name, "v%u", n);
        cpu_field(offsetof(struct a64_cpu, v) + n * 16, name);
    }
#define FIELD(field) cpu_field(offsetof(struct a64_cpu, field), #field)
    FIELD(sp);
    FIELD(pc);
    FIELD(nzcv);
    FIELD(fpcr);
    FIELD(fpsr);
    FIELD(icount);
    FIELD(slice_end);
    FIELD(vectors_away);
    FIELD(attention);
    FIELD(mmu);
    FIELD(ps);
    FIELD(excl.key);
    FIELD(excl.value);
    FIELD(excl.entry);
    FIELD(excl.version);
    FIELD(monitored);
    FIELD(excl.looks);
    FIELD(excl.table);
    FIELD(sr);
}

static void print_bytes(const char *what, const struct dbt *dbt, size_t from, size_t to)
{
    printf("%s %" PRIxPTR " ", what, (uintptr_t)dbt->code + from);
    for (size_t i = from; i < to; i++)
        printf("%02x", dbt->code[i]);
    printf("\n");
}

static unsigned mode_named(const char *name)
{
    static const struct {
        const char *name;
        unsigned mode;
    } modes[] = {{"plain", 0}, {"el1", 1}, {"count", DBT_MODE_COUNT}, {"many", DBT_MODE_MANY}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (!strcmp(modes[i].name, name))
            return modes[i].mode;
    fprintf(stderr, "no mode %s\n", name);
    exit(2);
}

static void translate(struct rig *rig, char *line)
{
    struct dbt *dbt = rig->side[1].cpu->engine;
    uint32_t words[DBT_MAX_INSNS];
    unsigned count = 0;
    const unsigned mode = mode_named(strtok(line, " \n"));
    const unsigned el = mode & DBT_MODE_EL;
    rig_set_world(rig, &(struct rig_world){.mmu = true, .el = el, .spsel = el});
    for (char *word; (word = strtok(NULL, " \n")) && count < DBT_MAX_INSNS;)
        words[count++] = (uint32_t)strtoul(word, NULL, 16);
    dbt_flush(dbt);
    memset(dbt->code_write + dbt->now->code, NOP, ROOM);
    rig_put_code(rig, RIG_CODE, words, count);
    const size_t cold = dbt->now->cold;
    const struct dbt_block *block =
        dbt_translate(dbt, RIG_CODE, rig_at(&rig->side[1], RIG_CODE), mode);
    if (!block || block->count + 1u < count) {
        fprintf(stderr, "a line of %u words, from %#x, is more than a block\n", count, words[0]);
        exit(2);
    }
    print_bytes("hot", dbt, block->code, dbt->now->code);
    print_bytes("cold", dbt, cold, dbt->now->cold);
}

int main(int argc, char **argv)
{
    static char line[4096];
    struct rig rig;
    rig_create(&rig, "max", false, (const char *const[]){"interp", "dbt"},
               argc > 1 ? argv[1] : NULL, NULL);
    const struct dbt *dbt = rig.side[1].cpu->engine;
    dbt_each_stub(dbt, print_stub, NULL);
    print_hot(dbt->hot);
    print_cpu();
    while (fgets(line, sizeof line, stdin))
        translate(&rig, line);
    rig_destroy(&rig);
    return 0;
}
