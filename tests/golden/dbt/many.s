str x0, [x1]
stp x0, x1, [x2]
str q0, [x1]
ldp x0, x1, [x2]
ldxr x0, [x1]; add x0, x0, #1; stxr w2, x0, [x1]; cbnz w2, .-12
cas x0, x1, [x2]
dc zva, x0
