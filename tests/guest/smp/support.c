/* SPDX-License-Identifier: MIT */
/* See support.h. */

#include "support.h"

#define UART (*(volatile uint32_t *)0x09000000)

void secondary(void);

static void put(char c)
{
    UART = (uint32_t)c;
}

void text(const char *s)
{
    while (*s)
        put(*s++);
}

void number(uint64_t value)
{
    char digits[24], *at = digits + 23;
    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    text(at);
}

void trap(uint64_t esr, uint64_t elr)
{
    text("trap esr ");
    number(esr);
    text(" elr ");
    number(elr);
    text("\n");
}

void say(const char *name, uint64_t wrong, uint64_t met)
{
    text(name);
    if (wrong) {
        text(" wrong ");
        number(wrong);
    } else {
        text(" ok");
    }
    text(" met ");
    number(met);
    text("\n");
}

__attribute__((weak)) bool fault(uint64_t esr, uint64_t far)
{
    (void)esr, (void)far;
    return false;
}

bool start_cpu(unsigned cpu)
{
    register uint64_t x0 __asm__("x0") = 0xc4000003; /* PSCI CPU_ON */
    register uint64_t x1 __asm__("x1") = cpu;
    register uint64_t x2 __asm__("x2") = (uint64_t)(uintptr_t)secondary;
    register uint64_t x3 __asm__("x3") = cpu;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    return !x0;
}
