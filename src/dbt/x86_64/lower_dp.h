/* SPDX-License-Identifier: MIT */
#ifndef POMONA_DBT_X86_64_LOWER_DP_H
#define POMONA_DBT_X86_64_LOWER_DP_H

/* What the lowerings of integer data processing share: where to compute, and how their functions get into
 * their tables. */

#include "lower.h"

/* Where register D may be computed step by step while host register OTHER (X86_NONE: none) is still needed. */
static inline unsigned lower_work_in(unsigned d, int other)
{
    return d != 31 && host_of[d] >= 0 && host_of[d] != other ? (unsigned)host_of[d] : RAX;
}

/* NZCV is in EFLAGS and somebody will look at it: better not to touch them. */
static inline bool lower_keep_flags(const struct lower *l)
{
    return l->flags.host && l->flags_live[l->at + 1];
}

/* lower_NAME_w() and lower_NAME_x() call FUNCTION, with `w` among the arguments. */
#define BOTH(name, function, ...)                                                                  \
    static void lower_##name##_w(struct lower *l, const struct a64_insn *insn)                     \
    {                                                                                              \
        const int w = 0;                                                                           \
        function(l, insn, __VA_ARGS__);                                                            \
    }                                                                                              \
    static void lower_##name##_x(struct lower *l, const struct a64_insn *insn)                     \
    {                                                                                              \
        const int w = 1;                                                                           \
        function(l, insn, __VA_ARGS__);                                                            \
    }

#define W_X(name)                                                                                  \
    [A64_EXEC_##name##_w] = lower_##name##_w, [A64_EXEC_##name##_x] = lower_##name##_x

#endif
