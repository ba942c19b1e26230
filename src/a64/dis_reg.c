/* SPDX-License-Identifier: MIT */
/* Operands that several encoding classes share: the general-purpose registers at the places that loads and
 * stores (Rt, Rt2, Rs) and addresses (Rn as a base) have them. Number 31 is the zero register, and the
 * stack pointer for a base. */

#include "a64_ops.h"
#include "dis.h"

static void print_register(struct a64_dis *dis, char width, unsigned number)
{
    if (number == 31)
        a64_dis_printf(dis, "%czr", width);
    else
        a64_dis_printf(dis, "%c%u", width, number);
}

#define OP_GPR(token, width, high, low)                                                            \
    A64_OP(token)                                                                                  \
    {                                                                                              \
        print_register(dis, width, dis_bits(dis, high, low));                                      \
    }
OP_GPR(Xt, 'x', 4, 0)
OP_GPR(Wt, 'w', 4, 0)
OP_GPR(Xt2, 'x', 14, 10)
OP_GPR(Wt2, 'w', 14, 10)
OP_GPR(Xm, 'x', 20, 16)
OP_GPR(Xs, 'x', 20, 16)
OP_GPR(Ws, 'w', 20, 16)

/* <Xn|SP> */
A64_OP(Xn_SP)
{
    const unsigned n = dis_bits(dis, 9, 5);
    if (n == 31)
        a64_dis_text(dis, "sp");
    else
        print_register(dis, 'x', n);
}

/* The second register of CASP's pairs: <Xs+1> <Ws+1> <Xt+1> <Wt+1>. */
#define OP_NEXT(token, width, high, low)                                                           \
    A64_OP(token)                                                                                  \
    {                                                                                              \
        print_register(dis, width, dis_bits(dis, high, low) + 1);                                  \
    }
OP_NEXT(Xs_1, 'x', 20, 16)
OP_NEXT(Ws_1, 'w', 20, 16)
OP_NEXT(Xt_1, 'x', 4, 0)
OP_NEXT(Wt_1, 'w', 4, 0)
