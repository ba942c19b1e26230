/* SPDX-License-Identifier: MIT */
/* What a boot protocol leaves, told on the serial line at UART: Exception level, MMU and caches, masks, x0, the word it points to,
 * where the program runs, the first word of RAM. Position-independent, so that it is a flat image, a boot ROM, an ELF program and,
 * with LINUX, an arm64 Image. The first instruction is at ENTRY. With SEMIHOSTING it ends by EXIT, otherwise by PSCI. */
    .globl _start
_start:
#ifdef LINUX
    b go
    .word 0
    .quad LINUX                 /* text_offset */
    .quad 0x80000               /* image_size */
    .quad 2                     /* little-endian, 4K pages */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0
#endif
#if ENTRY
    .skip ENTRY, 0
#endif
go: mov x20, x0
    adr x21, _start
    ldr x2, =UART
    mov w4, #0x301
    str w4, [x2, #0x30]
    mrs x5, CurrentEL
    lsr x5, x5, #2
    mov x28, x5
    bl field
    cmp x28, #2
    mrs x5, sctlr_el1
    b.ne 1f
    mrs x5, sctlr_el2
1:  mov x6, #0x1005             /* I, C, M */
    and x5, x5, x6
    bl field
    mrs x5, daif
    bl field
    cmp x20, #0
    b.eq 2f
    ldr w5, [x20]
    bl field
2:  mov x5, x21
    bl field
    ldr x6, =RAM
    ldr w5, [x6]
    bl field
    mov w4, #10
    str w4, [x2]
#ifdef SEMIHOSTING
    adr x1, greeting
    mov w0, #4                  /* WRITE0 */
    hlt #0xf000
    adr x1, letter
    mov w0, #3                  /* WRITEC */
    hlt #0xf000
    adr x1, leave
    mov w0, #0x18               /* EXIT */
    hlt #0xf000
#endif
    mov w0, #0x84000000
    add w0, w0, #8
    cmp x28, #2
    b.eq 3f
    hvc #0
3:  smc #0
    b .
field:
    mov x6, #60
4:  lsr x7, x5, x6
    cbnz x7, 5f
    cbz x6, 5f
    subs x6, x6, #4
    b 4b
5:  lsr x7, x5, x6
    and x7, x7, #15
    cmp x7, #10
    add x8, x7, #'0'
    add x9, x7, #'a' - 10
    csel x8, x8, x9, lo
    str w8, [x2]
    subs x6, x6, #4
    b.pl 5b
    mov w4, #' '
    str w4, [x2]
    ret
    .ltorg
greeting:
    .asciz "written by WRITE0"
letter:
    .ascii "!"
    .balign 8
leave:
    .quad 0x20026, 7
end:
