/* SPDX-License-Identifier: MIT */
/* The PL011, initialised as XNU initialises it and polled, and printing on it. */

#include <stdarg.h>

#include "pip.h"

#define DR 0x00
#define ECR 0x04
#define FR 0x18
#define IBRD 0x24
#define FBRD 0x28
#define LCR_H 0x2c
#define CR 0x30
#define IMSC 0x38
#define ICR 0x44
#define FR_RXFE 0x10
#define FR_TXFF 0x20

static uint64_t uart;
unsigned checks_failed;

void console_init(uint64_t base)
{
    uart = base;
    write32(uart + CR, 0);
    write32(uart + ECR, 0);
    write32(uart + LCR_H, 0x70);
    write32(uart + IBRD, 0x27);
    write32(uart + FBRD, 9);
    write32(uart + IMSC, 0);
    write32(uart + ICR, 0x7ff);
    write32(uart + CR, 0x301);
}

void put_char(char c)
{
    if (!uart)
        return;
    if (c == '\n')
        put_char('\r');
    while (read32(uart + FR) & FR_TXFF)
        ;
    write32(uart + DR, (uint8_t)c);
}

int get_char(void)
{
    return read32(uart + FR) & FR_RXFE ? -1 : (int)(read32(uart + DR) & 0xff);
}

static void put_number(uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = count; i < width; i++)
        put_char(pad);
    while (count)
        put_char(digits[--count]);
}

static void put_text(const char *text, unsigned width)
{
    size_t length = strlen(text);
    for (; *text; text++)
        put_char(*text);
    for (; length < width; length++)
        put_char(' ');
}

/* %s %c %d %u %x with width, zero padding and the l modifier. */
static void print_args(const char *format, va_list list)
{
    for (; *format; format++) {
        if (*format != '%') {
            put_char(*format);
            continue;
        }
        char pad = ' ';
        unsigned width = 0;
        bool is_long = false;
        for (format++; *format == '0' || *format == '-'; format++)
            pad = *format == '0' ? '0' : pad;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (unsigned)(*format - '0');
        for (; *format == 'l'; format++)
            is_long = true;
        const char kind = *format;
        if (kind == 's') {
            put_text(va_arg(list, const char *), width);
        } else if (kind == 'c') {
            put_char((char)va_arg(list, int));
        } else if (kind == '%') {
            put_char('%');
        } else {
            uint64_t value = is_long ? va_arg(list, uint64_t) : va_arg(list, unsigned);
            if (kind == 'd' && (is_long ? (int64_t)value < 0 : (int32_t)value < 0)) {
                put_char('-');
                value = is_long ? -value : (uint32_t)-(int32_t)value;
            }
            put_number(value, kind == 'x' ? 16 : 10, width, pad);
        }
    }
}

void print(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_args(format, list);
    va_end(list);
}

void check(const char *name, bool ok, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print("[%s] %-14s ", ok ? " ok " : "FAIL", name);
    print_args(format, list);
    print("\n");
    va_end(list);
    checks_failed += !ok;
}

void *memset(void *to, int value, size_t size)
{
    volatile uint8_t *at = to;
    while (size--)
        *at++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    volatile uint8_t *out = to;
    const uint8_t *in = from;
    while (size--)
        *out++ = *in++;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;
    for (; size; size--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++)
        b++;
    return (uint8_t)*a - (uint8_t)*b;
}
