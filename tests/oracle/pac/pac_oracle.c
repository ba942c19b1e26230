/* SPDX-License-Identifier: MIT */

/* Pointer authentication with QARMA5 by us and by qemu-system-aarch64 (7.2: FEAT_PAuth without
 * EPAC and PAuth2):
 *
 *     pac_oracle make SEED COUNT FILE       writes the cases for guest.c
 *     pac_oracle check SEED COUNT PAC.BIN   compares the results; exit status 1 if any differs
 *
 * run.sh does both. Explained and not compared:
 *
 *  - pointers whose bits 63 and 55 differ, unless both halves of the address space ignore the top
 *    byte. To sign, the manual chooses the half by bit 63 where neither ignores it, else by bit 55
 *    (AddPAC); QEMU takes size and TBI of bit 55's half;
 *  - XPACI and XPACD with all four keys disabled, which are NOPs to QEMU. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/mmu_rig.h"
#include "a64/pac.h"
#include "case.h"

#define ENABLE (1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13)
#define TBI    37
#define TBID   51

static void make_case(uint64_t *seed, struct pac_case *c)
{
    const uint64_t r = gen_random(seed);
    const uint64_t tsz0 = 16 + r % 24, tsz1 = 16 + (r >> 8) % 24;
    c->op = (r >> 16) % PAC_OPS;
    c->tcr_el1 = tsz0 | tsz1 << 16 | 2ull << 30 | (r & (3ull << TBI | 3ull << TBID));
    c->sctlr_el1 = 0x30d00800 | (r >> 60 ? ENABLE : gen_random(seed) & ENABLE);
    for (unsigned k = 0; k < 10; k++)
        c->key[k / 2][k % 2] = gen_random(seed);
    const uint64_t bits = 64 - (r >> 20 & 1 ? tsz1 : tsz0);
    c->pointer = gen_random(seed) & ((1ull << bits) - 1);
    if (r >> 20 & 1)
        c->pointer |= ~0ull << bits;
    if (r >> 21 & 1)
        c->pointer ^= gen_random(seed) << 56;
    if ((r >> 22 & 15) == 0)
        c->pointer = gen_random(seed);
    c->modifier = gen_random(seed);
    c->flip = r >> 26 & 1 ? 1ull << (r >> 32 & 63) : 0;
}

static int make(uint64_t seed, uint64_t count, FILE *file)
{
    fwrite(&count, 8, 1, file);
    for (uint64_t i = 0; i < count; i++) {
        struct pac_case c;
        make_case(&seed, &c);
        fwrite(&c, sizeof c, 1, file);
    }
    return ferror(file);
}

static uint64_t ours(struct a64_cpu *cpu, const struct pac_case *c)
{
    uint64_t result;
    const enum a64_key key = (enum a64_key)(c->op & 3);
    cpu->sr.tcr[1] = c->tcr_el1;
    cpu->sr.sctlr[1] = c->sctlr_el1;
    for (unsigned k = 0; k < A64_KEY_COUNT; k++)
        cpu->sr.key[k] = (struct a64_pac_key){c->key[k][0], c->key[k][1]};
    a64_mmu_update(cpu);
    if (c->op == PAC_GA)
        return a64_pac_generic(cpu, c->pointer, c->modifier);
    if (c->op >= XPAC_I)
        return a64_pac_strip(cpu, c->pointer, c->op == XPAC_D);
    const uint64_t code = a64_pac_sign(cpu, c->pointer, c->modifier, key);
    if (c->op < AUT_IA)
        return code;
    return a64_pac_auth(cpu, code ^ c->flip, c->modifier, key, &result) ? 0 : result;
}

static bool explained(const struct pac_case *c)
{
    const bool instruction = c->op == XPAC_I || (c->op < XPAC_I && (c->op & 3) < 2);
    bool tbi[2];
    if ((c->op == XPAC_I || c->op == XPAC_D) && !(c->sctlr_el1 & ENABLE))
        return true;
    for (unsigned half = 0; half < 2; half++)
        tbi[half] =
            c->tcr_el1 >> (TBI + half) & 1 && !(instruction && c->tcr_el1 >> (TBID + half) & 1);
    return !(tbi[0] && tbi[1]) && ((c->pointer >> 63 ^ c->pointer >> 55) & 1);
}

static int check(uint64_t seed, uint64_t count, FILE *file)
{
    struct rig *rig = rig_new();
    struct a64_cpu *cpu = &rig->cpu[0];
    uint64_t differ = 0, known = 0;
    a64_feature_remove(&cpu->feat, A64_FEAT_EL2);
    a64_feature_add(&cpu->feat, A64_FEAT_PACQARMA5);
    for (uint64_t i = 0; i < count; i++) {
        struct pac_case c;
        uint64_t theirs;
        make_case(&seed, &c);
        if (fread(&theirs, 8, 1, file) != 1)
            return fprintf(stderr, "the answers end early\n"), 1;
        const uint64_t mine = ours(cpu, &c);
        if (mine == theirs)
            continue;
        if (explained(&c))
            known++;
        else if (differ++ < 20)
            printf("op %" PRIu64 " tcr %016" PRIx64 " pointer %016" PRIx64 ": %016" PRIx64
                   ", theirs %016" PRIx64 "\n",
                   c.op, c.tcr_el1, c.pointer, mine, theirs);
    }
    printf("%" PRIu64 " compared, %" PRIu64 " differ as explained, %" PRIu64 " differ\n", count,
           known, differ);
    rig_free(rig);
    return differ != 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "usage: pac_oracle make|check SEED COUNT FILE\n"), 2;
    const bool making = !strcmp(argv[1], "make");
    const uint64_t seed = strtoull(argv[2], NULL, 0), count = strtoull(argv[3], NULL, 0);
    FILE *file = fopen(argv[4], making ? "wb" : "rb");
    if (!file)
        return perror(argv[4]), 2;
    const int status = making ? make(seed, count, file) : check(seed, count, file);
    return fclose(file) || status;
}
