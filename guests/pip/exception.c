/* SPDX-License-Identifier: MIT */
/* What the vectors call: interrupts go to gic.c; a synchronous exception is either expected by faults(), or the end. */

#include "pip.h"

uint64_t fault_esr, fault_far;
static volatile bool expecting;

bool faults(void (*function)(void))
{
    expecting = true;
    const bool failed = try_call(function);
    expecting = false;
    return failed;
}

void exception(unsigned kind, struct frame *frame);
void exception(unsigned kind, struct frame *frame)
{
    if (kind % 4 == 1) {
        gic_irq();
        return;
    }
    if (kind % 4 == 2) {
        gic_fiq();
        return;
    }
    fault_esr = SYSREG_READ("esr_el1");
    fault_far = SYSREG_READ("far_el1");
    if (expecting && kind == 4) {
        frame->elr = (uint64_t)try_failed;
        return;
    }
    print("\nexception %u: esr 0x%lx far 0x%lx elr 0x%lx spsr 0x%lx\n", kind, fault_esr, fault_far, frame->elr, frame->spsr);
    for (unsigned i = 0; i < 31; i++)
        print("x%u 0x%lx%s", i, frame->x[i], i % 4 == 3 ? "\n" : "  ");
    panic("unexpected exception");
}
