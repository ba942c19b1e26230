/* SPDX-License-Identifier: MIT */
/* Load-exclusive and store-exclusive, single and pair, with and without acquire and release. The
 * monitors are in src/a64/monitor.h. An address must be aligned to what is loaded in all. */

#include "ldst.h"

#include "../a64/monitor.h"

static inline int load_exclusive(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size,
                                 uint64_t value[2])
{
    uint64_t address;
    if (ldst_base(cpu, insn->rn, &address))
        return A64_FAULT;
    void *host = a64_host(cpu, address, size, A64_READ | A64_ALIGNED);
    if (!host)
        return A64_FAULT;
    a64_exclusive_load(cpu, host, size, value);
    atomic_thread_fence(memory_order_acquire); /* only LDAXR asks for it */
    return A64_NEXT;
}

static inline int store_exclusive(struct a64_cpu *cpu, const struct a64_insn *insn, unsigned size,
                                  const void *value)
{
    uint64_t address;
    if (ldst_base(cpu, insn->rn, &address))
        return A64_FAULT;
    void *host = a64_host(cpu, address, size, A64_WRITE | A64_ALIGNED);
    if (!host)
        return A64_FAULT;
    a64_set_x(cpu, insn->rm, !a64_exclusive_store(cpu, host, size, value));
    return A64_NEXT;
}

#define EXCLUSIVE(bits)                                                                            \
    int exec_ldxr##bits(struct a64_cpu *cpu, const struct a64_insn *insn)                          \
    {                                                                                              \
        uint64_t value[2];                                                                         \
        if (load_exclusive(cpu, insn, bits / 8, value))                                            \
            return A64_FAULT;                                                                      \
        a64_set_x(cpu, insn->rd, value[0]);                                                        \
        return A64_NEXT;                                                                           \
    }                                                                                              \
    int exec_stxr##bits(struct a64_cpu *cpu, const struct a64_insn *insn)                          \
    {                                                                                              \
        return store_exclusive(cpu, insn, bits / 8, &cpu->x[insn->rd]);                            \
    }

EXCLUSIVE(8)
EXCLUSIVE(16)
EXCLUSIVE(32)
EXCLUSIVE(64)

int exec_ldxp32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    uint64_t value[2];
    if (load_exclusive(cpu, insn, 8, value))
        return A64_FAULT;
    a64_set_w(cpu, insn->rd, (uint32_t)value[0]);
    a64_set_w(cpu, insn->ra, (uint32_t)(value[0] >> 32));
    return A64_NEXT;
}

int exec_ldxp64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    uint64_t value[2];
    if (load_exclusive(cpu, insn, 16, value))
        return A64_FAULT;
    a64_set_x(cpu, insn->rd, value[0]);
    a64_set_x(cpu, insn->ra, value[1]);
    return A64_NEXT;
}

int exec_stxp32(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint64_t value = (uint32_t)cpu->x[insn->rd] | cpu->x[insn->ra] << 32;
    return store_exclusive(cpu, insn, 8, &value);
}

int exec_stxp64(struct a64_cpu *cpu, const struct a64_insn *insn)
{
    const uint64_t value[2] = {cpu->x[insn->rd], cpu->x[insn->ra]};
    return store_exclusive(cpu, insn, 16, value);
}
