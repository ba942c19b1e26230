/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_FEAT_H
#define POMONA_A64_FEAT_H

/* The architecture's optional features, named as Arm names them without FEAT_. A row of the decode
 * table is gated by one; a CPU model is a set of them (src/a64/model.c) and its ID registers must say
 * the same (tests/unit/test_models.c holds the two against each other). */

#include <stdbool.h>
#include <stdint.h>

#define A64_FEATURES(X)                                                                            \
    X(BASE) X(ABSENT) X(APPLE) X(AES) X(PMULL) X(SHA1) X(SHA256) X(SHA512) X(SHA3) X(CRC32)         \
    X(LSE) X(LSE2) X(RDM) X(FP16) X(DotProd) X(FHM) X(FCMA) X(JSCVT) X(FRINTTS) X(BF16) X(I8MM)     \
    X(LRCPC) X(LRCPC2) X(LOR) X(PAuth) X(EPAC) X(PAuth2) X(FPAC) X(FPACCOMBINE) X(PACQARMA5) X(BTI) X(FlagM)      \
    X(FlagM2) X(SB) X(SSBS) X(SSBS2) X(SPECRES) X(DIT) X(PAN) X(PAN2) X(UAO) X(DPB) X(DPB2)        \
    X(TLBIOS) X(TLBIRANGE) X(TTL) X(ECV) X(ECV_POFF) X(FGT) X(WFxT) X(RAS) X(VHE) X(HPDS) X(HPDS2) X(XNX)      \
    X(E0PD) X(EVT) X(IDST) X(S2FWB) X(CNP) X(ExS) X(IESB) X(CSV2) X(CSV3) X(HAFDBS) X(VMID16)      \
    X(ASID16) X(LVA) X(LPA) X(PMUv3) X(DoubleLock) X(DGH) X(NV) X(TRF) X(GICv3) X(EL2) X(M1) X(M2)

enum a64_feat {
#define X(name) A64_FEAT_##name,
    A64_FEATURES(X)
#undef X
    A64_FEAT_COUNT
};

struct a64_features {
    uint64_t bits[2];
};

static inline bool a64_has(const struct a64_features *set, enum a64_feat feat)
{
    return set->bits[feat >> 6] >> (feat & 63) & 1;
}

static inline void a64_feature_add(struct a64_features *set, enum a64_feat feat)
{
    set->bits[feat >> 6] |= 1ull << (feat & 63);
}

static inline void a64_feature_remove(struct a64_features *set, enum a64_feat feat)
{
    set->bits[feat >> 6] &= ~(1ull << (feat & 63));
}

/* "LSE2", without FEAT_. */
const char *a64_feature_name(enum a64_feat feat);

#endif
