/* SPDX-License-Identifier: MIT */
/* Holds the floating-point engine (src/interp/fp_core.h) against Berkeley SoftFloat, through what
 * TestFloat's testfloat_gen prints for a function: a line a case of operands, result and flags, in
 * hexadecimal. tests/steps/35-testfloat.check feeds it.
 *
 *     testfloat_gen -tininessbefore -rMODE FUNCTION | testfloat FUNCTION MODE
 *
 * SoftFloat must have been built with its ARM-VFPv2 NaNs. Those of mulAdd come in another order
 * than Arm's, so that there any quiet NaN stands for any other. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fp_core.h"

struct test {
    const char *name;            /* behind the format and "_" */
    const struct fp_format *fmt; /* of the operands, or of the result of an integer */
    struct fp_env env;
};

static const struct fp_format *format_of(const char *name)
{
    return !strncmp(name, "f16", 3) ? &fp_half : !strncmp(name, "f32", 3) ? &fp_single : &fp_double;
}

/* SoftFloat's exception flags as FPSR's. */
static uint32_t fpsr_of(unsigned flags)
{
    return (flags & 1 ? FPSR_IXC : 0) | (flags & 2 ? FPSR_UFC : 0) | (flags & 4 ? FPSR_OFC : 0) |
           (flags & 8 ? FPSR_DZC : 0) | (flags & 16 ? FPSR_IOC : 0);
}

static uint64_t compare(struct test *t, const uint64_t *a)
{
    const char *name = t->name;
    const bool signal = strstr(name, "_signaling") || !strcmp(name, "le") || !strcmp(name, "lt");
    const uint32_t nzcv = fp_compare(&t->env, t->fmt, a[0], a[1], signal);
    const bool less = nzcv >> 31, equal = nzcv >> 30 & 1;
    return !strncmp(name, "eq", 2) ? equal : !strncmp(name, "lt", 2) ? less : less || equal;
}

static uint64_t to_integer(struct test *t, const char *type, uint64_t a)
{
    const struct fp_fixed to = {strstr(type, "64") ? 64 : 32, 0, type[0] == 'u'};
    return fp_to_fixed(&t->env, t->fmt, a, to, t->env.rounding);
}

/* FUNCTION of TestFloat, begun with a format, on A. */
static uint64_t apply(struct test *t, const uint64_t *a)
{
    static const struct {
        const char *name;
        fp_binary *op;
    } binary[] = {{"add", fp_add}, {"sub", fp_sub}, {"mul", fp_mul}, {"div", fp_div}};
    for (unsigned i = 0; i < 4; i++)
        if (!strcmp(t->name, binary[i].name))
            return binary[i].op(&t->env, t->fmt, a[0], a[1]);
    if (!strcmp(t->name, "sqrt"))
        return fp_sqrt(&t->env, t->fmt, a[0]);
    if (!strcmp(t->name, "mulAdd"))
        return fp_muladd(&t->env, t->fmt, a[2], a[0], a[1]);
    if (!strcmp(t->name, "roundToInt"))
        return fp_round_int(&t->env, t->fmt, a[0], t->env.rounding, true);
    if (!strncmp(t->name, "to_f", 4))
        return fp_convert(&t->env, format_of(t->name + 3), t->fmt, a[0], t->env.rounding);
    if (!strncmp(t->name, "to_", 3))
        return to_integer(t, t->name + 3, a[0]);
    return compare(t, a);
}

static uint64_t run(struct test *t, const char *function, const uint64_t *a)
{
    if (function[0] == 'f')
        return apply(t, a);
    const struct fp_fixed from = {strstr(function, "64_to") ? 64 : 32, 0, function[0] == 'u'};
    return fp_from_fixed(&t->env, t->fmt, a[0], from);
}

/* Where any quiet NaN will do. */
static bool same_nan(const struct test *t, uint64_t x, uint64_t y)
{
    const uint64_t nan = fp_default_nan(t->fmt);
    return !strcmp(t->name, "mulAdd") && (x & nan) == nan && (y & nan) == nan;
}

static bool start(struct test *t, const char *function, const char *mode)
{
    static const char *const modes[] = {"near_even", "max", "min", "minMag", "near_maxMag", "odd"};
    const char *underscore = strchr(function, '_');
    for (unsigned i = 0; underscore && i < 6; i++)
        if (!strcmp(mode, modes[i])) {
            t->name = underscore + 1;
            t->fmt = format_of(function[0] == 'f' ? function : underscore + 4);
            t->env.rounding = (enum fp_rounding)i;
            return true;
        }
    return false;
}

int main(int argc, char **argv)
{
    struct test t = {0};
    if (argc != 3 || !start(&t, argv[1], argv[2])) {
        fprintf(stderr, "usage: testfloat FUNCTION MODE\n");
        return 2;
    }
    char line[200];
    unsigned long cases = 0, wrong = 0;
    while (fgets(line, sizeof line, stdin)) {
        uint64_t value[5] = {0};
        unsigned count = 0;
        for (char *at = line, *end; count < 5; at = end, count++) {
            value[count] = strtoull(at, &end, 16);
            if (end == at)
                break;
        }
        if (count < 3)
            continue;
        t.env.flags = 0;
        const uint64_t result = run(&t, argv[1], value), want = value[count - 2];
        const uint32_t flags = fpsr_of((unsigned)value[count - 1]);
        cases++;
        if ((result == want || same_nan(&t, result, want)) && t.env.flags == flags)
            continue;
        if (wrong++ < 5)
            printf("%s: ours %llx, FPSR %x: %s", argv[1], (unsigned long long)result, t.env.flags,
                   line);
    }
    printf("%s %s: %lu cases, %lu differ\n", argv[1], argv[2], cases, wrong);
    return wrong || !cases;
}
