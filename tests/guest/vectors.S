/* SPDX-License-Identifier: MIT */
/* Additions of vectors that a host without AVX-512 keeps in memory. */
    .global _start
_start:
    mrs x0, cpacr_el1
    orr x0, x0, #3 << 20
    msr cpacr_el1, x0
    isb
    .rept 40
    add v8.4s, v9.4s, v21.4s
    add v22.4s, v10.4s, v23.4s
    .endr
    movz x0, #0x8400, lsl #16 /* PSCI SYSTEM_OFF */
    movk x0, #8
    hvc #0
    b .
