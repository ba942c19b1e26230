/* SPDX-License-Identifier: MIT */
/* From GNU's spelling of instructions to Apple's: no remarks, conditions LO and HS, offsets of
 * addresses in hexadecimal, and the arrangement of vectors in the mnemonic ("fmla.4s v0, v1, v2").
 * As llvm-otool-19 prints them; tests/image/macho.py compares. */

#include "cli/otool_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 256

/* Text that is being put together; what does not fit is left out. */
struct output {
    char text[MOST];
    size_t used;
};

static void begin(struct output *out)
{
    out->text[0] = 0;
    out->used = 0;
}

static void put(struct output *out, const char *text, size_t size)
{
    if (size > MOST - 1 - out->used)
        size = MOST - 1 - out->used;
    memcpy(out->text + out->used, text, size);
    out->used += size;
    out->text[out->used] = 0;
}

/* Cuts a remark off; the number in it when it is negative, which is how Apple writes it, else 0. */
static long long cut_remark(char *text)
{
    char *remark = strstr(text, "//");
    if (!remark)
        return 0;
    const long long number = !strncmp(remark, "// #-", 5) ? atoll(remark + 4) : 0;
    while (remark > text && isspace((unsigned char)remark[-1]))
        remark--;
    *remark = 0;
    return number;
}

static void rename_condition(char *text)
{
    const size_t length = strlen(text);
    char *condition = !strncmp(text, "b.c", 3)                              ? text + 2
                      : length > 4 && !strncmp(text + length - 4, ", c", 3) ? text + length - 2
                                                                            : NULL;
    if (condition && (condition[1] == 'c' || condition[1] == 's'))
        memcpy(condition, condition[1] == 'c' ? "lo" : "hs", 2);
}

/* How long the name of a vector register at AT is that has an arrangement behind it ("v12" of
 * "v12.4s"); 0: there is none. */
static size_t vector_at(const char *text, size_t at)
{
    size_t length = 1;
    if (text[at] != 'v' || (at && isalnum((unsigned char)text[at - 1])))
        return 0;
    while (isdigit((unsigned char)text[at + length]))
        length++;
    return length > 1 && text[at + length] == '.' ? length : 0;
}

static size_t arrangement_size(const char *text)
{
    size_t size = 1;
    while (isalnum((unsigned char)text[size]))
        size++;
    return size;
}

/* These keep it with their operands. */
static bool keeps_arrangements(const char *text)
{
    static const char *const names[] = {"fcvtl", "fcvtn", "fcvtxn"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(text, names[i], strlen(names[i])) && !strchr("smpauz", text[strlen(names[i])]))
            return true;
    return false;
}

/* "v0.16b-v3.16b" of a list: all four. */
static void put_range(struct output *out, unsigned first, unsigned last)
{
    char name[16];
    for (unsigned n = first;; n = (n + 1) % 32) {
        snprintf(name, sizeof(name), n == first ? "v%u" : ", v%u", n);
        put(out, name, strlen(name));
        if (n == last)
            break;
    }
}

static void move_arrangement(const char *text, struct output *out)
{
    const size_t name = strcspn(text, "\t");
    size_t at = name;
    begin(out);
    while (text[at] && !vector_at(text, at))
        at++;
    put(out, text, name);
    if (!text[at] || keeps_arrangements(text)) {
        put(out, text + name, strlen(text + name));
        return;
    }
    const size_t first = at + vector_at(text, at);
    put(out, text + first, arrangement_size(text + first));
    for (at = name; text[at];) {
        const size_t vector = vector_at(text, at);
        if (!vector) {
            if (text[at] == '}')
                put(out, " ", 1);
            put(out, text + at, 1);
            if (text[at] == '{')
                put(out, " ", 1);
            at++;
            continue;
        }
        const unsigned number = (unsigned)atoi(text + at + 1);
        size_t end = at + vector + arrangement_size(text + at + vector);
        unsigned last = number;
        if (text[end] == '-' && vector_at(text, end + 1)) {
            last = (unsigned)atoi(text + end + 2);
            end += 1 + vector_at(text, end + 1);
            end += arrangement_size(text + end);
        }
        put_range(out, number, last);
        at = end;
    }
}

/* Whether the number at AT of an address says by how much a register is shifted. */
static bool is_shift(const char *text, size_t at)
{
    return at >= 4 && text[at - 1] == ' ' && isalpha((unsigned char)text[at - 2]) &&
           (isalpha((unsigned char)text[at - 3]));
}

/* The number at IN, which begins with '#', as otool has it; moves *IN behind it. */
static void put_number(struct output *out, const char **in, bool hexadecimal, long long negative)
{
    char *end, number[48];
    const char *text = *in + 1;
    const size_t size = strcspn(text, ",] \t}!");
    if (memchr(text, '.', size) && strncmp(text, "0.0", 3)) {
        snprintf(number, sizeof(number), "#%.8f", strtod(text, NULL));
        end = (char *)text + size;
    } else {
        const long long value = strtoll(text, &end, 0);
        if (negative)
            snprintf(number, sizeof(number), "#-0x%llx", -(unsigned long long)negative);
        else if (hexadecimal && strncmp(text, "0x", 2))
            snprintf(number, sizeof(number), value < 0 ? "#-0x%llx" : "#0x%llx", llabs(value));
        else
            snprintf(number, sizeof(number), "#%.*s", (int)(end - text), text);
    }
    put(out, number, strlen(number));
    *in = end;
}

/* Numbers that are in hexadecimal without an address: bits that are tested, and those of vectors
 * but for lists and comparisons. */
static bool all_hexadecimal(const char *text)
{
    if (!strncmp(text, "tbz", 3) || !strncmp(text, "tbnz", 4))
        return true;
    const size_t name = strcspn(text, "\t");
    return memchr(text, '.', name) && *text != 'b' && strncmp(text, "cm", 2) && !strchr(text, '{');
}

static void rewrite_numbers(const char *text, struct output *out, long long negative)
{
    const char *const start = text;
    bool hexadecimal = all_hexadecimal(text);
    const bool list = strchr(text, '{') != NULL;
    begin(out);
    while (*text) {
        if (*text == '[' && !list)
            hexadecimal = true;
        if (*text == '#') {
            put_number(out, &text, hexadecimal && !is_shift(start, (size_t)(text - start)),
                       negative);
        } else {
            const size_t plain = 1 + strcspn(text + 1, "[#");
            put(out, text, plain);
            text += plain;
        }
    }
}

void otool_text(char *text, size_t size)
{
    struct output out, numbers;
    const long long negative = cut_remark(text);
    rename_condition(text);
    move_arrangement(text, &out);
    rewrite_numbers(out.text, &numbers, negative);
    const size_t length = numbers.used < size ? numbers.used : size - 1;
    memcpy(text, numbers.text, length);
    text[length] = 0;
}
