add x0, x1, x2
subs x0, x0, #1; b.ne .-4
cbz x0, .+32
ldr x0, [x1]; add x0, x0, #1; str x0, [x1]
mrs x0, cntvct_el0
bl .+64
ret
