/* SPDX-License-Identifier: MIT */

/* AT by us and by qemu-system-aarch64 7.2 on random translation tables:
 *
 *     mmu_oracle make SEED COUNT FILE       writes the cases for guest.c
 *     mmu_oracle check SEED COUNT PAR.BIN   compares the answers; exit status 1 if any differs
 *
 * run.sh does both. Not compared are PAR_EL1.NS (UNKNOWN), walks that leave the pool of tables (the
 * two machines have different memory there), and what QEMU does in its own way:
 *
 *  - it takes a block descriptor at level 0, or with 16K at level 1, for a block; to us it is
 *    reserved: a translation fault;
 *  - it holds a stage 2's input size and SL0 against VTCR_EL2.PS, the manual against PARange;
 *  - it reports a descriptor's SH for Device and Non-cacheable memory, the manual Outer Shareable;
 *  - its PA size is 52 bits: with stage 1 off, an address above our 48 is none too large;
 *  - it takes Normal memory of stage 1 whose inner half is Non-cacheable for Device-nGnRE when
 *    stage 2 makes it Device;
 *  - for a stage-2 fault on a stage-1 walk it reports stage 1's level, the manual stage 2's;
 *  - with HCR_EL2.FWB, when stage 2 forces Device memory to Write-Back, it keeps SH of stage 1's
 *    descriptor, which Device memory does not look at;
 *  - with HCR_EL2.FWB it forgets stage 1's Device type where stage 2 has another one. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/mmu_rig.h"
#include "ops.h"

#define PAR_NS    (1ull << 9)
#define PAR_PTW   (1ull << 8)
#define PAR_LEVEL (3ull << 1)
#define PAR_SH    (3ull << 7)

static int make(uint64_t seed, uint64_t count, FILE *file)
{
    uint64_t *ram = malloc(GEN_RAM_SIZE);
    fwrite(&count, 8, 1, file);
    for (uint64_t i = 0; i < count; i++) {
        struct gen_case c;
        uint64_t words = 0;
        gen_make(&seed, &c, (uint8_t *)ram);
        fwrite(&c, sizeof c, 1, file);
        for (uint64_t w = 0; w < GEN_RAM_SIZE / 8; w++)
            words += ram[w] != 0;
        fwrite(&words, 8, 1, file);
        for (uint64_t w = 0; w < GEN_RAM_SIZE / 8; w++)
            if (ram[w])
                fwrite((uint64_t[]){w, ram[w]}, 16, 1, file);
    }
    free(ram);
    return ferror(file);
}

static uint64_t ours(struct a64_cpu *cpu, unsigned op, uint64_t va)
{
    static const uint8_t code[AT_COUNT][3] = {
#define X(name, op1, crm, op2) {op1, crm, op2},
        AT_OPS(X)
#undef X
    };
    cpu->sr.par_el1 = 0;
    if (a64_address_translate(cpu, code[op][0], code[op][1], code[op][2], va))
        return AT_EXCEPTION;
    return cpu->sr.par_el1;
}

static const char *const names[AT_COUNT] = {
#define X(name, op1, crm, op2) #name,
    AT_OPS(X)
#undef X
};

static bool same(uint64_t a, uint64_t b)
{
    if (a & 1)
        return a == b;
    const uint64_t attr = a >> 56;
    const uint64_t ignore = PAR_NS | (attr < 0x10 || attr == 0x44 ? PAR_SH : 0);
    return (a | ignore) == (b | ignore);
}

/* Whether a difference can be one of those explained above. */
static bool explained(const struct gen_case *c, uint64_t va, uint64_t mine, uint64_t theirs)
{
    static const uint8_t sizes[8] = {32, 36, 40, 42, 44, 48, 52, 52};
    const uint64_t ps = sizes[c->vtcr_el2 >> 16 & 7], sl0 = c->vtcr_el2 >> 6 & 3;
    if (c->mode == GEN_EL10_S2 && (64 - (c->vtcr_el2 & 0x3f) > ps || (sl0 == 2 && ps < 44)))
        return true;
    if (mine & 1 && mine & PAR_PTW && !((mine ^ theirs) & ~PAR_LEVEL))
        return true;
    if (!(mine & 1) && mine >> 56 < 0x10 && theirs >> 56 == 0x04)
        return true;
    const bool fwb = c->hcr_el2 >> 46 & 1;
    if (fwb && !(mine & 1) && mine >> 56 < 0x10)
        return true;
    if (fwb && mine >> 56 == 0xff && !((mine ^ theirs) & ~(PAR_SH | PAR_NS)))
        return true;
    if ((mine & 0x7f) == 1 && va >> 48 & 0xf)
        return true;
    const unsigned fst = mine >> 1 & 0x3f;
    return mine & 1 && (fst == 4 || fst == 5);
}

static int check(uint64_t seed, uint64_t count, FILE *file)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t compared = 0, differ = 0, faults = 0, skipped = 0, known = 0;
    cpu->ps.el = 2;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t from = seed;
        struct gen_case c;
        gen_make(&seed, &c, rig->ram);
        rig_load(cpu, &c);
        cpu->ps.pan = c.pan;
        for (unsigned n = 0; n < GEN_VAS * AT_COUNT; n++) {
            const unsigned op = n % AT_COUNT;
            const uint64_t va = c.va[n / AT_COUNT];
            uint64_t theirs;
            if (fread(&theirs, 8, 1, file) != 1)
                return fprintf(stderr, "the answers end early\n"), 1;
            if (!at_applies(c.mode, op))
                continue;
            const uint64_t mine = ours(cpu, op, va);
            if (mine == AT_EXCEPTION) {
                skipped++;
                continue;
            }
            compared++;
            faults += mine & 1;
            if (same(mine, theirs))
                continue;
            if (explained(&c, va, mine, theirs))
                known++;
            else if (differ++ < 20)
                printf("seed %#" PRIx64 " mode %" PRIu64 " %s %016" PRIx64 ": %016" PRIx64
                       ", theirs %016" PRIx64 "\n",
                       from, c.mode, names[op], va, mine, theirs);
        }
    }
    printf("%" PRIu64 " compared, %" PRIu64 " of them faults, %" PRIu64 " left the pool, %" PRIu64
           " differ as explained, %" PRIu64 " differ\n",
           compared, faults, skipped, known, differ);
    rig_free(rig);
    return differ != 0 || compared < count * 10;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "usage: mmu_oracle make|check SEED COUNT FILE\n"), 2;
    const bool making = !strcmp(argv[1], "make");
    const uint64_t seed = strtoull(argv[2], NULL, 0), count = strtoull(argv[3], NULL, 0);
    FILE *file = fopen(argv[4], making ? "wb" : "rb");
    if (!file)
        return perror(argv[4]), 2;
    const int status = making ? make(seed, count, file) : check(seed, count, file);
    return fclose(file) || status;
}
