/* SPDX-License-Identifier: MIT */
/* LD1 to LD4, ST1 to ST4 and LD1R to LD4R with all their post-index forms (Arm manual C4.1.94,
 * "Advanced SIMD load/store multiple structures" and "single structure"). What they move is struct
 * a64_struct_form of src/a64/ldst.h.
 *
 * Each element is one access. A load collects all bytes first and a store is sure of all of them
 * first, so that a fault in the middle leaves registers, base and memory as they were. */

#include "ldst.h"

#include "../a64/host_access.h"
#include "../a64/monitor.h"

#define STRUCT_MAX 64

/* Largest power of two up to 8 that divides the address: the size of single host accesses. */
static inline unsigned chunk_at(uint64_t address)
{
    return 1u << __builtin_ctzll(address | 8);
}

static int load_elements(struct a64_cpu *cpu, uint64_t va, const struct a64_struct_form *form,
                         uint8_t *out)
{
    const unsigned size = 1u << form->log2_bytes;
    for (unsigned at = 0; at < form->bytes; at += size) {
        uint64_t value[2];
        if (a64_ld(cpu, va + at, size, 0, value))
            return A64_FAULT;
        memcpy(out + at, value, size);
    }
    return A64_NEXT;
}

static int load_bytes(struct a64_cpu *cpu, uint64_t va, const struct a64_struct_form *form,
                      uint8_t *out)
{
    const unsigned chunk = chunk_at(va | form->bytes);
    if (chunk >> form->log2_bytes == 0 || !ldst_in_page(cpu, va, form->bytes, A64_READ))
        return load_elements(cpu, va, form, out);
    const uint8_t *host = a64_tlb_host(cpu->mmu, va, 1, A64_READ);
    for (unsigned at = 0; at < form->bytes; at += chunk) {
        uint64_t value[2];
        host_load(host + at, chunk, value);
        memcpy(out + at, value, chunk);
    }
    return A64_NEXT;
}

static int store_bytes(struct a64_cpu *cpu, uint64_t va, const struct a64_struct_form *form,
                       const uint8_t *in)
{
    const unsigned size = 1u << form->log2_bytes;
    if (ldst_reserve(cpu, va, form->bytes, size))
        return A64_FAULT;
    const unsigned chunk = chunk_at(va | form->bytes);
    const unsigned step =
        ldst_in_page(cpu, va, form->bytes, A64_WRITE) && chunk > size ? chunk : size;
    for (unsigned at = 0; at < form->bytes; at += step) {
        uint64_t value[2] = {0, 0};
        memcpy(value, in + at, step);
        if (a64_st(cpu, va + at, step, 0, value))
            return A64_FAULT;
    }
    return A64_NEXT;
}

/* Copies between the bytes in memory's order and registers T..; TO_REGISTERS says which way. */
static void interleave(struct a64_cpu *cpu, unsigned t, const struct a64_struct_form *form,
                       uint8_t *bytes, bool to_registers)
{
    const unsigned size = 1u << form->log2_bytes, width = form->full ? 16 : 8;
    const unsigned blocks = form->registers / form->selem;
    for (unsigned block = 0; block < blocks; block++)
        for (unsigned at = 0; at < width; at += size)
            for (unsigned s = 0; s < form->selem; s++, bytes += size) {
                uint8_t *lane = cpu->v[(t + block + s) % 32].b + at;
                memcpy(to_registers ? lane : bytes, to_registers ? bytes : lane, size);
            }
}

static void clear_registers(struct a64_cpu *cpu, unsigned t, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cpu->v[(t + i) % 32] = (union a64_vreg){.d = {0, 0}};
}

static void post_index(struct a64_cpu *cpu, const struct a64_insn *insn,
                       const struct a64_struct_form *form)
{
    const uint64_t step = insn->rm == 31 ? form->bytes : cpu->x[insn->rm];
    a64_set_xsp(cpu, insn->rn, a64_xsp(cpu, insn->rn) + step);
}

static inline int load_multi(struct a64_cpu *cpu, const struct a64_insn *insn, bool post)
{
    const struct a64_struct_form form = a64_multi_form(insn->word);
    uint64_t va;
    uint8_t bytes[STRUCT_MAX];
    if (ldst_base(cpu, insn->rn, &va) || load_bytes(cpu, va, &form, bytes))
        return A64_FAULT;
    if (post)
        post_index(cpu, insn, &form);
    clear_registers(cpu, insn->rd, form.registers);
    interleave(cpu, insn->rd, &form, bytes, true);
    return A64_NEXT;
}

static inline int store_multi(struct a64_cpu *cpu, const struct a64_insn *insn, bool post)
{
    const struct a64_struct_form form = a64_multi_form(insn->word);
    uint64_t va;
    uint8_t bytes[STRUCT_MAX];
    if (ldst_base(cpu, insn->rn, &va))
        return A64_FAULT;
    interleave(cpu, insn->rd, &form, bytes, false);
    if (store_bytes(cpu, va, &form, bytes))
        return A64_FAULT;
    if (post)
        post_index(cpu, insn, &form);
    return A64_NEXT;
}

/* Lane LANE of register T + k and the k-th element. */
static uint8_t *lane_of(struct a64_cpu *cpu, unsigned t, const struct a64_struct_form *form,
                        unsigned lane, unsigned k)
{
    return cpu->v[(t + k) % 32].b + (lane << form->log2_bytes);
}

static inline int load_lane(struct a64_cpu *cpu, const struct a64_insn *insn, bool post)
{
    const struct a64_struct_form form = a64_single_form(insn->word);
    const unsigned size = 1u << form.log2_bytes;
    uint64_t va;
    uint8_t bytes[STRUCT_MAX];
    if (ldst_base(cpu, insn->rn, &va) || load_elements(cpu, va, &form, bytes))
        return A64_FAULT;
    if (post)
        post_index(cpu, insn, &form);
    for (unsigned k = 0; k < form.registers; k++)
        memcpy(lane_of(cpu, insn->rd, &form, form.lane, k), bytes + k * size, size);
    return A64_NEXT;
}

static inline int load_replicated(struct a64_cpu *cpu, const struct a64_insn *insn, bool post)
{
    const struct a64_struct_form form = a64_single_form(insn->word);
    const unsigned size = 1u << form.log2_bytes, lanes = (form.full ? 16 : 8) / size;
    uint64_t va;
    uint8_t bytes[STRUCT_MAX];
    if (ldst_base(cpu, insn->rn, &va) || load_elements(cpu, va, &form, bytes))
        return A64_FAULT;
    if (post)
        post_index(cpu, insn, &form);
    clear_registers(cpu, insn->rd, form.registers);
    for (unsigned k = 0; k < form.registers; k++)
        for (unsigned lane = 0; lane < lanes; lane++)
            memcpy(lane_of(cpu, insn->rd, &form, lane, k), bytes + k * size, size);
    return A64_NEXT;
}

static inline int store_lane(struct a64_cpu *cpu, const struct a64_insn *insn, bool post)
{
    const struct a64_struct_form form = a64_single_form(insn->word);
    const unsigned size = 1u << form.log2_bytes;
    uint64_t va;
    uint8_t bytes[STRUCT_MAX];
    if (ldst_base(cpu, insn->rn, &va))
        return A64_FAULT;
    for (unsigned k = 0; k < form.registers; k++)
        memcpy(bytes + k * size, lane_of(cpu, insn->rd, &form, form.lane, k), size);
    if (store_bytes(cpu, va, &form, bytes))
        return A64_FAULT;
    if (post)
        post_index(cpu, insn, &form);
    return A64_NEXT;
}

#define STRUCTURE(name, function)                                                                  \
    int exec_simd_##name(struct a64_cpu *cpu, const struct a64_insn *insn)                         \
    {                                                                                              \
        return function(cpu, insn, false);                                                         \
    }                                                                                              \
    int exec_simd_##name##_post(struct a64_cpu *cpu, const struct a64_insn *insn)                  \
    {                                                                                              \
        return function(cpu, insn, true);                                                          \
    }

STRUCTURE(ld_multi, load_multi)
STRUCTURE(st_multi, store_multi)
STRUCTURE(ld_lane, load_lane)
STRUCTURE(ld_rep, load_replicated)
STRUCTURE(st_lane, store_lane)
