/* SPDX-License-Identifier: MIT */
/* The disassembler's core: output buffer and entry point. The templates are in decode/, the
 * operands in dis_*.c. A kernel has millions of instructions of some ten pieces each, so that the
 * usual conversions do without stdio. */

#include "dis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"

static void put(struct a64_dis *dis, const char *text, size_t size)
{
    const size_t used = size < dis->left ? size : dis->left - 1;
    memcpy(dis->out, text, used);
    dis->out += used;
    dis->left -= used;
    *dis->out = 0;
}

static void put_number(struct a64_dis *dis, uint64_t value, unsigned base)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    put(dis, digits + at, sizeof(digits) - at);
}

/* One conversion, SPEC being what follows '%', of those that operands are made of: %c %s %u %x and
 * a 64-bit %x. How many characters of SPEC it was; 0: another. */
static size_t put_conversion(struct a64_dis *dis, const char *spec, va_list *args)
{
    static const char wide[] = PRIx64;
    const char c = *spec;
    if (c == 'c') {
        const char letter = (char)va_arg(*args, int);
        put(dis, &letter, 1);
    } else if (c == 's') {
        const char *text = va_arg(*args, const char *);
        put(dis, text, strlen(text));
    } else if (c == 'u' || c == 'x') {
        put_number(dis, va_arg(*args, unsigned), c == 'u' ? 10 : 16);
    } else if (!strncmp(spec, wide, sizeof(wide) - 1)) {
        put_number(dis, va_arg(*args, uint64_t), 16);
        return sizeof(wide) - 1;
    } else {
        return 0;
    }
    return 1;
}

/* FORMAT as far as it is made of these: true when it was all. */
static bool put_simple(struct a64_dis *dis, const char *format, va_list *args)
{
    for (;;) {
        const char *const percent = strchr(format, '%');
        put(dis, format, percent ? (size_t)(percent - format) : strlen(format));
        if (!percent)
            return true;
        const size_t used = put_conversion(dis, percent + 1, args);
        if (!used)
            return false;
        format = percent + 1 + used;
    }
}

void a64_dis_printf(struct a64_dis *dis, const char *format, ...)
{
    const struct a64_dis before = *dis;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    if (!put_simple(dis, format, &args)) {
        *dis = before;
        const int written = vsnprintf(dis->out, dis->left, format, again);
        const size_t used = written < 0                   ? 0
                            : (size_t)written < dis->left ? (size_t)written
                                                          : dis->left - 1;
        dis->out += used;
        dis->left -= used;
    }
    va_end(again);
    va_end(args);
}

void a64_dis_text(struct a64_dis *dis, const char *text)
{
    put(dis, text, strlen(text));
}

char *a64_disassemble(uint32_t word, uint64_t pc, char *out, size_t size)
{
    struct a64_dis dis = {.word = word, .pc = pc, .out = out, .left = size};
    const struct a64_row *row = a64_decode(word);
    if (row && row->print)
        row->print(&dis);
    else
        a64_dis_printf(&dis, ".inst\t0x%08x ; undefined", word);
    return out;
}
