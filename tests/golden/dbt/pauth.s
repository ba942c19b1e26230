paciasp
autiasp
paciasp; stp x29, x30, [sp, #-16]!
ldp x29, x30, [sp], #16; autiasp; ret
retaa
pacda x0, x1
autdb x0, x1
xpaci x0
pacga x0, x1, x2
blraaz x0
