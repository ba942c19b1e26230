/* SPDX-License-Identifier: MIT */
/* A guest that writes a function into page after page, COUNT of them, calls it, and writes something else over it: no page has
 * code any more. Says so, and ends, by semihosting. */
    .globl _start
_start:
    adr x0, stack
    mov sp, x0
    adr x20, _start
    add x20, x20, #0x100000
    ldr x21, =COUNT
    ldr w22, =0xd65f03c0 /* RET */
    ldr w23, =0xd503201f /* NOP */
next:
    str w22, [x20]
    ic ivau, x20
    dsb ish
    isb
    blr x20
    str w23, [x20]
    ic ivau, x20
    dsb ish
    isb
    add x20, x20, #4096
    subs x21, x21, #1
    b.ne next
    adr x1, good
    mov w0, #4 /* SYS_WRITE0 */
    hlt #0xf000
    adr x1, leave
    mov w0, #0x18 /* SYS_EXIT */
    hlt #0xf000
    b .
    .ltorg
good:
    .asciz "all pages were written and called\n"
    .balign 16
leave:
    .quad 0x20026, 0
    .skip 256
stack:
    .quad 0
