/* SPDX-License-Identifier: MIT */
/* Pointer authentication: the hypervisor's key calls, signed function pointers from the collection's fixups, and what becomes of
 * a corrupted one. */

#include "pip.h"

#define PAC_GET_DEFAULT_KEYS 0xc1000001
#define PAC_SET_B_KEYS 0xc1000003
#define DIVERSITY 0x7069 /* what mkfileset.py gives every pointer in .auth */

typedef uint64_t signed_function(uint64_t x);

static uint64_t twice(uint64_t x)
{
    return 2 * x;
}

static uint64_t square(uint64_t x)
{
    return x * x;
}

/* In the collection these are chained fixups with isAuth: key IA, address diversity. */
__attribute__((section(".auth"), used)) signed_function *volatile signed_functions[2] = {twice, square};

uint64_t hvc(uint64_t function, uint64_t in, uint64_t *out1, uint64_t *out2)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = in;
    register uint64_t x2 __asm__("x2") = 0;
    register uint64_t x3 __asm__("x3") = 0;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory", "x4");
    if (out1)
        *out1 = x2;
    if (out2)
        *out2 = x3;
    return x0;
}

static uint64_t modifier_of(const void *at)
{
    return ((uint64_t)at & 0xffffffffffffull) | (uint64_t)DIVERSITY << 48;
}

/* Calls through BLRAA. */
static uint64_t call_signed(uint64_t pointer, uint64_t modifier, uint64_t argument)
{
    register uint64_t x0 __asm__("x0") = argument;
    __asm__ volatile(".arch_extension pauth\n\tblraa %1, %2"
                     : "+r"(x0)
                     : "r"(pointer), "r"(modifier)
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x30", "memory");
    return x0;
}

/* The same as a tail call, through BRAA. */
__attribute__((naked)) static uint64_t jump_signed(uint64_t argument, uint64_t pointer, uint64_t modifier)
{
    __asm__(".arch_extension pauth\n\tbraa x1, x2");
}

static void call_corrupted(void)
{
    const uint64_t pointer = (uint64_t)signed_functions[0] ^ 1ull << 50;
    call_signed(pointer, modifier_of((void *)&signed_functions[0]), 1);
}

static void jump_corrupted(void)
{
    const uint64_t pointer = (uint64_t)signed_functions[1] ^ 1ull << 50;
    jump_signed(1, pointer, modifier_of((void *)&signed_functions[1]));
}

static uint64_t sign_b(uint64_t pointer)
{
    __asm__ volatile(".arch_extension pauth\n\tpacizb %0" : "+r"(pointer));
    return pointer;
}

/* The signature changes with the B key and comes back with it. No signed return address may be live across. */
__attribute__((target("branch-protection=none"), noinline)) static bool switch_b_keys(uint64_t rop)
{
    const uint64_t before = sign_b((uint64_t)twice);
    hvc(PAC_SET_B_KEYS, rop + 0x1234, NULL, NULL);
    const uint64_t other = sign_b((uint64_t)twice);
    hvc(PAC_SET_B_KEYS, rop, NULL, NULL);
    return before != other && sign_b((uint64_t)twice) == before;
}

void pac_checks(void)
{
    uint64_t rop, jop;
    const uint64_t status = hvc(PAC_GET_DEFAULT_KEYS, 0, &rop, &jop);
    check("pac keys", status == 0 && rop && jop, "default ROP 0x%lx JOP 0x%lx", rop, jop);
    uint64_t sum = 0;
    for (unsigned i = 0; i < 2; i++)
        sum += call_signed((uint64_t)signed_functions[i], modifier_of((void *)&signed_functions[i]), 7);
    check("pac call", sum == 14 + 49, "signed pointers called through BLRAA");
    sum = 0;
    for (unsigned i = 0; i < 2; i++)
        sum += jump_signed(9, (uint64_t)signed_functions[i], modifier_of((void *)&signed_functions[i]));
    check("pac jump", sum == 18 + 81, "signed pointers jumped to through BRAA");
    const bool jump = faults(jump_corrupted);
    check("pac corrupt", faults(call_corrupted) && jump, "a corrupted pointer faults: esr 0x%lx far 0x%lx", fault_esr, fault_far);
    check("pac switch", switch_b_keys(rop), "SET_B_KEYS changes the signature and back");
}
