/* SPDX-License-Identifier: MIT */
#ifndef SMP_SUPPORT_H
#define SMP_SUPPORT_H

/* What guests of several CPUs share: the serial line, starting CPUs. Entry and MMU are in start.S,
 * which calls main(number of the CPU) on each. */

#include <stdbool.h>
#include <stdint.h>

void text(const char *s);
void number(uint64_t value);
/* An exception that nobody expects; start.S calls it and turns the machine off. */
void trap(uint64_t esr, uint64_t elr);

/* Starts CPU number CPU (PSCI, by HVC): false if there is none. */
bool start_cpu(unsigned cpu);

static inline uint64_t load_acquire(const volatile uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

int main(unsigned cpu);

#endif
