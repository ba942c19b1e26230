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

/* An exception of EL1's own at FAR: whether to go on where it was. Runs between any two instructions:
 * must leave SIMD registers alone. Unless the guest has one, none is expected. */
bool fault(uint64_t esr, uint64_t far);

/* A line of a test: its name, ok or how often it went wrong, and how often the CPUs really met. */
void say(const char *name, uint64_t wrong, uint64_t met);

/* Starts CPU number CPU (PSCI, by HVC): false if there is none. */
bool start_cpu(unsigned cpu);

static inline uint64_t load_acquire(const volatile uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* The root of the tables: of its 512 entries, 1 GiB each, the first two are used. */
extern uint64_t l1[512];

int main(unsigned cpu);

#endif
