/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_PAUTH_H
#define POMONA_DBT_X86_64_PAUTH_H

/* The stubs that sign, authenticate and strip pointers: one for each key and each place that code
 * can run in, as that decides which enable bits and traps apply.
 *
 * They are called with the pointer in RAX and the modifier in RDX, use RCX too, and return the
 * result in RAX with CF clear; or CF set: the instruction is the interpreter's. sign[] of the
 * generic key is PACGA: RAX and RDX in, the code in RAX. strip[] cannot fail. */

#include "target.h"

void dbt_emit_pauth(struct dbt *dbt, struct x86 *a);

/* Index of DBT_PAC_PLACES for code of block mode MODE. */
static inline unsigned dbt_pac_place(unsigned mode)
{
    const unsigned el = mode & DBT_MODE_EL;
    return el == 0 && mode & DBT_MODE_HOST ? 3 : el;
}

#endif
