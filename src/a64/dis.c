/* SPDX-License-Identifier: MIT */
/* The disassembler's core: output buffer and entry point. The templates are in decode/, the
 * operands in dis_*.c. */

#include "dis.h"

#include <stdarg.h>
#include <stdio.h>

#include "decode.h"

void a64_dis_printf(struct a64_dis *dis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int written = vsnprintf(dis->out, dis->left, format, args);
    va_end(args);
    const size_t used = written < 0                   ? 0
                        : (size_t)written < dis->left ? (size_t)written
                                                      : dis->left - 1;
    dis->out += used;
    dis->left -= used;
}

void a64_dis_text(struct a64_dis *dis, const char *text)
{
    a64_dis_printf(dis, "%s", text);
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
