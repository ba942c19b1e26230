/* SPDX-License-Identifier: MIT */
/* A guest that misuses its machine: random values of random widths to random addresses among the devices, forms with and
 * without a syndrome (pairs, SIMD, write-back, atomics) mixed in; every exception is skipped. After x20 rounds it powers off by PSCI. */
    .globl _start
_start:
    adr x9, vectors
    msr vbar_el1, x9
    mov x9, #3 << 20
    msr cpacr_el1, x9
    isb
    ldr x19, =SEED
    ldr x20, =ROUNDS
    ldr x21, =0x10000000          /* first device address */
    ldr x22, =0x5fffffff          /* span: a mask */
next:
    /* xorshift64 */
    eor x19, x19, x19, lsl #13
    eor x19, x19, x19, lsr #7
    eor x19, x19, x19, lsl #17
    /* Half of the time the first 64 KiB of a likely block, so that registers are hit and not only holes. */
    and x10, x19, x22
    tbz x19, #63, 1f
    and x10, x10, #0xffff
    ubfx x11, x19, #40, #4
    adr x12, blocks
    ldr w11, [x12, x11, lsl #2]
    add x10, x10, x11
    b 2f
1:  add x10, x10, x21
2:  and x10, x10, #~15
    ubfx x11, x19, #56, #4
    adr x12, forms
    add x12, x12, x11, lsl #3
    ror x13, x19, #23
    br x12
forms:
    str w13, [x10]
    b done
    ldr w14, [x10]
    b done
    str x13, [x10]
    b done
    ldrb w14, [x10, #1]
    b done
    strb w13, [x10, #3]
    b done
    strh w13, [x10, #2]
    b done
    stp w13, w14, [x10]
    b done
    ldp x14, x15, [x10]
    b done
    str w13, [x10, #4]!
    b done
    ldr q0, [x10]
    b done
    str q1, [x10]
    b done
    swp w13, w14, [x10]
    b done
    ldxr w14, [x10]
    b done
    stlr w13, [x10]
    b done
    ldr w14, [x10, #8]
    b done
    str w13, [x10, #12]
    b done
done:
    subs x20, x20, #1
    b.ne next
    ldr w0, =0x84000008           /* PSCI SYSTEM_OFF */
    hvc #0
    b .

    .balign 4
blocks:
    .word 0x10000000, 0x10010000, 0x10020000, 0x1fff0000, 0x20010000, 0x20050000, 0x20060000, 0x20070000
    .word 0x40000000, 0x40008000, 0x40010000, 0x50000000, 0x50004000, 0x50008000, 0x30000000, 0x00400000

    .balign 2048
vectors:
    .rept 16
    .balign 128
    mrs x0, elr_el1
    add x0, x0, #4
    msr elr_el1, x0
    eret
    .endr
    .ltorg
