mrs x0, tpidr_el0
msr tpidr_el0, x0
mrs x0, cntvct_el0
mrs x0, fpcr
msr fpcr, x0
mrs x0, fpsr
mrs x0, dczid_el0
mrs x0, ctr_el0
ic ivau, x0
dc cvau, x0
yield
wfe
