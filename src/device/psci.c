/* SPDX-License-Identifier: MIT */
/* The firmware calls of psci.h. Pure: it keeps who is on, decides, and says in a struct psci_result
 * what the board must do, so that every rule can be tested without a CPU.
 *
 * A CPU_SUSPEND that asks for a power-down state is answered with a standby one, as PSCI allows.
 * OS-initiated mode, MEM_PROTECT, the NODE_HW_STATE and STAT calls are not supported. */

#include "device/psci.h"
#include "device/device.h"

#include <string.h>

#define SMC64 0x40000000u

enum {
    SMCCC_VERSION = 0x80000000,
    SMCCC_ARCH_FEATURES = 0x80000001,
    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF_CALL = 0x84000008,
    PSCI_SYSTEM_RESET_CALL = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    PSCI_SYSTEM_SUSPEND = 0x8400000e,
    PSCI_SYSTEM_RESET2 = 0x84000012,
    TRNG_VERSION = 0x84000050,
    TRNG_FEATURES = 0x84000051,
    TRNG_GET_UUID = 0x84000052,
    TRNG_RND = 0x84000053,
};

#define SUCCESS            0
#define NOT_SUPPORTED      (-1)
#define INVALID_PARAMETERS (-2)
#define DENIED             (-3)
#define ALREADY_ON         (-4)
#define ON_PENDING         (-5)
#define INVALID_ADDRESS    (-9)

/* power_state: RES0 bits, and power levels above the CPU's own, which this machine does not have.
 */
#define POWER_STATE_OTHERS 0xfffe0000u

#define PSCI_VERSION_1_1   0x10001 /* Apple's driver refuses later ones */
#define SMCCC_VERSION_1_2  0x10002
#define TRNG_VERSION_1_0   0x10000
#define MIGRATE_NOT_NEEDED 2

/* The calls there are, and whether they have an SMC64 form too. */
static const struct {
    uint32_t id;
    bool smc64;
} calls[] = {
    {SMCCC_VERSION, false},
    {SMCCC_ARCH_FEATURES, false},
    {PSCI_VERSION, false},
    {PSCI_CPU_SUSPEND, true},
    {PSCI_CPU_OFF, false},
    {PSCI_CPU_ON, true},
    {PSCI_AFFINITY_INFO, true},
    {PSCI_MIGRATE_INFO_TYPE, false},
    {PSCI_SYSTEM_OFF_CALL, false},
    {PSCI_SYSTEM_RESET_CALL, false},
    {PSCI_FEATURES, false},
    {PSCI_SYSTEM_SUSPEND, true},
    {PSCI_SYSTEM_RESET2, true},
    {TRNG_VERSION, false},
    {TRNG_FEATURES, false},
    {TRNG_GET_UUID, false},
    {TRNG_RND, true},
};

static bool is_call(uint32_t id)
{
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (id == calls[i].id || (calls[i].smc64 && id == (calls[i].id | SMC64)))
            return true;
    return false;
}

/* The CPU with this affinity, or -1. Bits outside the affinity fields must be zero. */
static int cpu_of(const struct psci *psci, uint64_t affinity)
{
    for (unsigned i = 0; i < psci->cpus; i++)
        if (psci->mpidr[i] == affinity)
            return (int)i;
    return -1;
}

static bool is_entry(const struct psci *psci, uint64_t address)
{
    return !(address & 3) && address - psci->ram_base < psci->ram_size;
}

static int64_t cpu_on(struct psci *psci, struct psci_result *result, const uint64_t x[4])
{
    int target = cpu_of(psci, x[1]);
    if (target < 0)
        return INVALID_PARAMETERS;
    if (!is_entry(psci, x[2]))
        return INVALID_ADDRESS;
    if (psci->power[target] != PSCI_OFF)
        return psci->power[target] == PSCI_ON ? ALREADY_ON : ON_PENDING;
    psci->power[target] = PSCI_ON_PENDING;
    result->action = PSCI_START;
    result->target = (unsigned)target;
    result->entry = x[2];
    result->context = x[3];
    return SUCCESS;
}

/* Levels above 0 may be left out since PSCI 1.0. */
static int64_t affinity_info(const struct psci *psci, const uint64_t x[4])
{
    int target = cpu_of(psci, x[1]);
    return target < 0 || x[2] != 0 ? INVALID_PARAMETERS : psci->power[target];
}

static int64_t system_suspend(const struct psci *psci, struct psci_result *result, unsigned cpu,
                              const uint64_t x[4])
{
    if (!is_entry(psci, x[1]))
        return INVALID_ADDRESS;
    for (unsigned i = 0; i < psci->cpus; i++)
        if (i != cpu && psci->power[i] != PSCI_OFF)
            return DENIED;
    result->action = PSCI_SLEEP;
    result->entry = x[1];
    result->context = x[2];
    return SUCCESS;
}

/* X1 to X3 get the bits asked for, the least significant in X3; SMC64 gives 64 of them a register,
 * SMC32 32. */
static int64_t trng_rnd(struct psci *psci, struct psci_result *result, const uint64_t x[4],
                        bool smc64)
{
    unsigned width = smc64 ? 64 : 32;
    if (x[1] == 0 || x[1] > 3 * width)
        return INVALID_PARAMETERS;
    unsigned left = (unsigned)x[1];
    for (unsigned i = 3; i >= 1; i--) {
        unsigned bits = left < width ? left : width;
        uint64_t random = 0;
        machine_random(psci->machine, &random, sizeof(random));
        result->x[i] = bits ? random >> (64 - bits) : 0;
        left -= bits;
    }
    return SUCCESS;
}

/* Words of our own generator's UUID, d6f6a5c4-2c6f-4a57-9a1e-70b1a9a35c11, as the call returns
 * them. */
static int64_t trng_uuid(struct psci_result *result)
{
    result->x[1] = 0x574a6f2c;
    result->x[2] = 0xb1701e9a;
    result->x[3] = 0x115ca3a9;
    return 0xc4a5f6d6;
}

static int64_t other_call(struct psci *psci, struct psci_result *result, uint32_t id,
                          const uint64_t x[4])
{
    uint32_t asked = (uint32_t)x[1];
    switch (id & ~SMC64) {
    case SMCCC_VERSION:
        return SMCCC_VERSION_1_2;
    case SMCCC_ARCH_FEATURES:
        return asked == SMCCC_VERSION || asked == SMCCC_ARCH_FEATURES ? SUCCESS : NOT_SUPPORTED;
    case PSCI_VERSION:
        return PSCI_VERSION_1_1;
    case PSCI_MIGRATE_INFO_TYPE:
        return MIGRATE_NOT_NEEDED;
    case PSCI_FEATURES:
        return is_call(asked) && asked != SMCCC_ARCH_FEATURES ? SUCCESS : NOT_SUPPORTED;
    case TRNG_VERSION:
        return TRNG_VERSION_1_0;
    case TRNG_FEATURES:
        return is_call(asked) && (asked & ~SMC64) >= TRNG_VERSION ? SUCCESS : NOT_SUPPORTED;
    case TRNG_GET_UUID:
        return trng_uuid(result);
    case TRNG_RND:
        return trng_rnd(psci, result, x, id & SMC64);
    }
    return NOT_SUPPORTED;
}

static int64_t power_call(struct psci *psci, struct psci_result *result, unsigned cpu, uint32_t id,
                          const uint64_t x[4])
{
    switch (id & ~SMC64) {
    case PSCI_CPU_SUSPEND:
        if (x[1] & POWER_STATE_OTHERS)
            return INVALID_PARAMETERS;
        result->action = PSCI_WAIT;
        return SUCCESS;
    case PSCI_CPU_OFF:
        psci->power[cpu] = PSCI_OFF;
        result->action = PSCI_POWER_DOWN;
        return SUCCESS;
    case PSCI_CPU_ON:
        return cpu_on(psci, result, x);
    case PSCI_AFFINITY_INFO:
        return affinity_info(psci, x);
    case PSCI_SYSTEM_SUSPEND:
        return system_suspend(psci, result, cpu, x);
    case PSCI_SYSTEM_OFF_CALL:
        result->action = PSCI_SYSTEM_OFF;
        return SUCCESS;
    case PSCI_SYSTEM_RESET_CALL:
    case PSCI_SYSTEM_RESET2:
        result->action = PSCI_SYSTEM_RESET;
        return SUCCESS;
    }
    return other_call(psci, result, id, x);
}

void psci_reset(struct psci *psci)
{
    memset(psci->power, PSCI_OFF, sizeof(psci->power));
    psci->power[0] = PSCI_ON;
}

struct psci_result psci_call(struct psci *psci, unsigned cpu, const uint64_t x[4])
{
    struct psci_result result = {.action = PSCI_RETURN, .x = {x[0], x[1], x[2], x[3]}};
    uint32_t id = (uint32_t)x[0];
    uint64_t args[4];
    for (unsigned i = 0; i < 4; i++) /* an SMC32 call has 32-bit arguments */
        args[i] = id & SMC64 ? x[i] : (uint32_t)x[i];
    result.x[0] =
        (uint64_t)(is_call(id) ? power_call(psci, &result, cpu, id, args) : NOT_SUPPORTED);
    return result;
}
