/* SPDX-License-Identifier: MIT */
/* Run-time support; guest.h describes it. The MMU is off, so memory is one and the same for all
 * CPUs. */

#include "guest.h"

#define UART MMIO32(0x09000000)

volatile unsigned events;
struct event event[16];
void (*volatile on_interrupt)(struct frame *frame, unsigned el, unsigned vector);

static uint32_t slot[16] __attribute__((aligned(64)));

void text(const char *s)
{
    while (*s)
        UART = (uint8_t)*s++;
}

void hex(uint64_t value)
{
    unsigned digits = 1;
    while (digits < 16 && value >> (4 * digits))
        digits++;
    while (digits--)
        UART = (uint8_t) "0123456789abcdef"[value >> (4 * digits) & 15];
}

void field(const char *name, uint64_t value)
{
    text(" ");
    text(name);
    text("=");
    hex(value);
}

void forget(void)
{
    events = 0;
}

void say_events(void)
{
    if (!events)
        text(" taken=none");
    for (unsigned k = 0; k < events && k < ARRAY_SIZE(event); k++) {
        field("taken", event[k].el);
        text("/");
        hex(event[k].vector);
        if ((event[k].vector & 3) == 0) { /* no syndrome with an interrupt */
            text("/");
            hex(event[k].esr);
        }
    }
}

static void note(const struct frame *frame, unsigned el)
{
    if (events < ARRAY_SIZE(event))
        event[events] =
            (struct event){el, frame->vector, frame->esr, frame->spsr, frame->far, frame->elr};
    events++;
}

/* Called by the vectors of EL; true: what lower() began ends, X0 is its value. */
bool exception(struct frame *frame, unsigned el)
{
    const uint64_t ec = frame->esr >> 26;
    if ((frame->vector & 3) != 0) {
        note(frame, el);
        frame->spsr |= 0x1c0;
        if (on_interrupt)
            on_interrupt(frame, el, (unsigned)frame->vector);
        return false;
    }
    if ((ec == 0x15 || ec == 0x16) && (frame->esr & 0xffff) == 0x77) {
        if (el == 1 && MRS("CurrentEL") == 4 && (frame->spsr & 0xf) == 0) {
            register uint64_t x0 __asm__("x0") = frame->x[0];
            __asm__ volatile("hvc #0x77" ::"r"(x0)); /* EL2 began it */
        }
        return true;
    }
    note(frame, el);
    if (ec >> 1 == 0x32 >> 1)
        MSR("mdscr_el1", 0); /* a step; the next would come at once */
    else if (ec != 0x15 && ec != 0x16) /* SVC and HVC return behind themselves */
        frame->elr += 4;
    if (ec == 0x20 || ec == 0x21 || ec == 0x22 || ec == 0x0d)
        frame->elr = frame->x[30]; /* a call to nowhere */
    frame->spsr &= ~(0xc00 | BIT(20)); /* BTYPE, IL */
    return false;
}

void end(uint64_t value)
{
    register uint64_t x0 __asm__("x0") = value;
    if (MRS("CurrentEL") == 4)
        __asm__ volatile("hvc #0x77" ::"r"(x0));
    for (;;)
        __asm__ volatile("svc #0x77" ::"r"(x0));
}

static void put_word(uint32_t word, uint32_t behind)
{
    slot[0] = word;
    slot[1] = behind;
    __asm__ volatile("dc cvau, %0; dsb sy; ic ivau, %0; dsb sy; isb" ::"r"(slot) : "memory");
}

uint64_t execute(uint32_t word, uint64_t x0)
{
    put_word(word, 0xd65f03c0); /* RET */
    return ((uint64_t(*)(uint64_t))(uintptr_t)slot)(x0);
}

uint64_t execute_at(uint64_t spsr, uint32_t word, uint64_t x0)
{
    put_word(word, spsr & 4 ? 0xd4000ee2 : 0xd4000ee1); /* HVC, SVC #0x77 */
    return lower((void (*)(uint64_t))(uintptr_t)slot, x0, spsr);
}

#define CALL(name)                                                                                 \
    uint64_t name(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)                              \
    {                                                                                              \
        register uint64_t x0 __asm__("x0") = a0;                                                   \
        register uint64_t x1 __asm__("x1") = a1;                                                   \
        register uint64_t x2 __asm__("x2") = a2;                                                   \
        register uint64_t x3 __asm__("x3") = a3;                                                   \
        __asm__ volatile(#name " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");          \
        return x0;                                                                                 \
    }
CALL(smc)
CALL(hvc)

uint64_t psci(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return MRS("CurrentEL") == 8 ? smc(x0, x1, x2, x3) : hvc(x0, x1, x2, x3);
}

void power_off(void)
{
    text("done\n");
    psci(0x84000008, 0, 0, 0);
}

uint64_t ticks(void)
{
    return MRS("cntpct_el0");
}

void wait_ticks(uint64_t count)
{
    const uint64_t start = ticks();
    while (ticks() - start < count)
        ;
}

bool wait_for(volatile uint32_t *flag, uint32_t value)
{
    const uint64_t start = ticks(), second = MRS("cntfrq_el0");
    while (*flag != value)
        if (ticks() - start > second)
            return false;
    return true;
}

__attribute__((weak)) void secondary_main(uint64_t cpu, uint64_t context)
{
    (void)cpu, (void)context;
}
