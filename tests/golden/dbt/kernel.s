mrs x0, sp_el0
mrs x0, currentel
mrs x0, daif
msr daifset, #2
msr daifclr, #2
mrs x0, tpidr_el1
msr ttbr0_el1, x0
mrs x0, esr_el1
mrs x0, far_el1
msr elr_el1, x0
msr spsr_el1, x0
tlbi vaae1is, x0
dsb ishst
eret
ldtr x0, [x1]
sttrb w0, [x1]
ldr x0, [x1]
mrs x0, dczid_el0
dc cvau, x0
