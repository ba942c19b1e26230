/* SPDX-License-Identifier: MIT */
#ifndef POMONA_A64_SYSREG_SETS_H
#define POMONA_A64_SYSREG_SETS_H

/* The tables of src/a64/sysreg_*.c, and what their rows are written with. */

#include <stddef.h>

#include "sysreg.h"

extern const struct a64_sysreg_set a64_sysregs_id, a64_sysregs_el1, a64_sysregs_el2,
    a64_sysregs_timer, a64_sysregs_debug, a64_sysregs_pmu, a64_sysregs_gic;

/* A row: name, encoding, lowest EL for reading, for writing, and further members by designator. */
#define SYSREG(NAME, op0, op1, crn, crm, op2, READ_EL, WRITE_EL, ...)                              \
    {                                                                                              \
        .name = NAME, .enc = A64_SYSREG(op0, op1, crn, crm, op2), .min_el = READ_EL,               \
        .write_el = WRITE_EL, __VA_ARGS__                                                          \
    }

/* Where the row's value is kept. */
#define AT_CPU(member) .offset = offsetof(struct a64_cpu, member)
#define AT_SR(member)  .offset = offsetof(struct a64_cpu, sr.member)
#define AT_MISC(n)     .offset = offsetof(struct a64_cpu, sr.misc) + 8 * (n)

#define SYSREG_SET(NAME, ROWS)                                                                     \
    const struct a64_sysreg_set NAME = {ROWS, sizeof(ROWS) / sizeof((ROWS)[0])}

#endif
