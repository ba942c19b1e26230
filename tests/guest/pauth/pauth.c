/* SPDX-License-Identifier: MIT */
/* Every form of pointer authentication, by what it must do whatever the algorithm: a form signs as
 * PACxx with the same key and modifier does, authenticates what that signed, and rejects a
 * corrupted pointer, with an exception or with an address that cannot be used. A line a form. */

#include <stdint.h>

#define UART     (*(volatile uint32_t *)0x09000000)
#define POINTER  0x40123456789abcull /* cut to the address size below */
#define ADDRESS  (POINTER & 0x7fffffffff)
#define MODIFIER 0x1122334455667788ull
#define BAD_BITS 0x0010000000000000ull

static void text(const char *s)
{
    while (*s)
        UART = (uint32_t)*s++;
}

static void say(const char *name, int good, int rejects)
{
    text(name);
    text(good ? " good" : " WRONG");
    text(rejects ? " rejects\n" : " ACCEPTS\n");
}

/* Runs INSN with X0 = value, X1 = modifier, X16, X17, X30, SP as the hints want; *FAULT when it was
 * an exception. */
#define RUN(insn, value, modifier, result, fault)                                                  \
    do {                                                                                           \
        register uint64_t x0_ __asm__("x0") = (value);                                             \
        register uint64_t x1_ __asm__("x1") = (modifier);                                          \
        register uint64_t x10_ __asm__("x10") = 0;                                                 \
        __asm__ volatile("mov x13, sp\n adr x9, 9f\n msr tpidr_el1, x9\n isb\n" insn               \
                         "\n9: mov sp, x13\n"                                                      \
                         : "+r"(x0_), "+r"(x1_), "+r"(x10_)::"x9", "x11", "x12", "x13", "x16",     \
                           "x17", "x30", "memory");                                                \
        (result) = x0_;                                                                            \
        (fault) = x10_;                                                                            \
    } while (0)

/* X30 or X17 in, the same out. */
#define LR(insn)   "mov sp, x1\n mov x30, x0\n" insn "\n mov x0, x30"
#define LR_Z(insn) "mov x30, x0\n" insn "\n mov x0, x30"
#define X17(insn)  "mov x17, x0\n mov x16, x1\n" insn "\n mov x0, x17"
#define SPM        (MODIFIER & ~15ull)

/* A signing form against PACxx, an authenticating one against what PACxx signed. */
#define SIGN(name, insn, plain, modifier)                                                          \
    do {                                                                                           \
        uint64_t a, b, f, g;                                                                       \
        RUN(insn, ADDRESS, modifier, a, f);                                                        \
        RUN(plain, ADDRESS, modifier, b, g);                                                       \
        say(name, a == b && a != ADDRESS && !f && !g, 1);                                          \
    } while (0)

#define AUTH(name, insn, plain, modifier)                                                          \
    do {                                                                                           \
        uint64_t s, a, b, f, g;                                                                    \
        RUN(plain, ADDRESS, modifier, s, f);                                                       \
        RUN(insn, s, modifier, a, f);                                                              \
        RUN(insn, s ^ BAD_BITS, modifier, b, g);                                                   \
        say(name, a == ADDRESS && !f, g || b != ADDRESS);                                          \
    } while (0)

/* Takes the signature off, whether right or wrong. */
#define STRIP(name, insn, plain)                                                                   \
    do {                                                                                           \
        uint64_t s, a, b, f, g;                                                                    \
        RUN(plain, ADDRESS, MODIFIER, s, f);                                                       \
        RUN(insn, s, MODIFIER, a, f);                                                              \
        RUN(insn, s ^ BAD_BITS, MODIFIER, b, g);                                                   \
        say(name, s != ADDRESS && a == ADDRESS && b == ADDRESS && !f && !g, 1);                    \
    } while (0)

/* A branch to a signed address: X12 says whether it got there. */
#define BRANCH(name, insn, plain, modifier)                                                        \
    do {                                                                                           \
        uint64_t a, b, f, g;                                                                       \
        RUN("adr x0, 8f\n" plain "\n mov x12, #0\n" insn                                           \
            "\n b 9f\n 8: bti jc\n mov x12, #77\n 9: mov x0, x12\n adr x9, 9f",                    \
            0, modifier, a, f);                                                                    \
        RUN("mov x12, #0\n adr x0, 8f\n" plain "\n eor x0, x0, #0x10000000000000\n" insn           \
            "\n b 9f\n 8: bti jc\n mov x12, #77\n 9: mov x0, x12\n adr x9, 9f",                    \
            0, modifier, b, g);                                                                    \
        say(name, a == 77 && !f, g && b != 77);                                                    \
    } while (0)

static const uint64_t word[2] = {0xabcdef0123456789ull, 0x55aa55aa55aa55aaull};

#define LOAD(name, insn, plain, offset)                                                            \
    do {                                                                                           \
        uint64_t s, a, b, f, g;                                                                    \
        RUN(plain, (uint64_t)(uintptr_t)word - (offset) + 8, 0, s, f);                             \
        RUN(insn, s, 0, a, f);                                                                     \
        RUN(insn, s ^ BAD_BITS, 0, b, g);                                                          \
        say(name, a == word[1] && !f, g || b != word[1]);                                          \
    } while (0)

static void set_keys(uint64_t seed)
{
#define KEY(name)                                                                                  \
    __asm__ volatile("msr ap" name "keylo_el1, %0; msr ap" name "keyhi_el1, %1" ::"r"(seed),       \
                     "r"(~seed * 3));                                                              \
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    KEY("ia") KEY("ib") KEY("da") KEY("db") KEY("ga") __asm__ volatile("isb");
}

static uint64_t generic(uint64_t value, uint64_t modifier)
{
    uint64_t result;
    __asm__ volatile("pacga %0, %1, %2" : "=r"(result) : "r"(value), "r"(modifier));
    return result;
}

int main(void)
{
    set_keys(0x123456789);
#define FOUR(X, name, key) X(name key, name key " x0, x1", "pac" key " x0, x1", MODIFIER);
    FOUR(AUTH, "aut", "ia")
    FOUR(AUTH, "aut", "ib")
    FOUR(AUTH, "aut", "da")
    FOUR(AUTH, "aut", "db")
    SIGN("paciza", "paciza x0", "mov x1, #0\n pacia x0, x1", 0);
    SIGN("pacizb", "pacizb x0", "mov x1, #0\n pacib x0, x1", 0);
    SIGN("pacdza", "pacdza x0", "mov x1, #0\n pacda x0, x1", 0);
    SIGN("pacdzb", "pacdzb x0", "mov x1, #0\n pacdb x0, x1", 0);
    AUTH("autiza", "autiza x0", "paciza x0", 0);
    AUTH("autizb", "autizb x0", "pacizb x0", 0);
    AUTH("autdza", "autdza x0", "pacdza x0", 0);
    AUTH("autdzb", "autdzb x0", "pacdzb x0", 0);
    SIGN("paciasp", LR("paciasp"), "pacia x0, x1", SPM);
    SIGN("pacibsp", LR("pacibsp"), "pacib x0, x1", SPM);
    AUTH("autiasp", LR("autiasp"), "pacia x0, x1", SPM);
    AUTH("autibsp", LR("autibsp"), "pacib x0, x1", SPM);
    SIGN("paciaz", LR_Z("paciaz"), "paciza x0", 0);
    SIGN("pacibz", LR_Z("pacibz"), "pacizb x0", 0);
    AUTH("autiaz", LR_Z("autiaz"), "paciza x0", 0);
    AUTH("autibz", LR_Z("autibz"), "pacizb x0", 0);
    SIGN("pacia1716", X17("pacia1716"), "pacia x0, x1", MODIFIER);
    SIGN("pacib1716", X17("pacib1716"), "pacib x0, x1", MODIFIER);
    AUTH("autia1716", X17("autia1716"), "pacia x0, x1", MODIFIER);
    AUTH("autib1716", X17("autib1716"), "pacib x0, x1", MODIFIER);
    STRIP("xpaci", "xpaci x0", "pacia x0, x1");
    STRIP("xpacd", "xpacd x0", "pacda x0, x1");
    STRIP("xpaclri", LR_Z("xpaclri"), "pacib x0, x1");
    BRANCH("braa", "braa x0, x1", "pacia x0, x1", MODIFIER);
    BRANCH("brab", "brab x0, x1", "pacib x0, x1", MODIFIER);
    BRANCH("braaz", "braaz x0", "paciza x0", 0);
    BRANCH("brabz", "brabz x0", "pacizb x0", 0);
    BRANCH("blraa", "blraa x0, x1", "pacia x0, x1", MODIFIER);
    BRANCH("blrab", "blrab x0, x1", "pacib x0, x1", MODIFIER);
    BRANCH("blraaz", "blraaz x0", "paciza x0", 0);
    BRANCH("blrabz", "blrabz x0", "pacizb x0", 0);
    BRANCH("retaa", "mov x30, x0\n retaa", "mov x1, sp\n pacia x0, x1", 0);
    BRANCH("retab", "mov x30, x0\n retab", "mov x1, sp\n pacib x0, x1", 0);
    BRANCH("eretaa", "msr elr_el1, x0\n mov x1, #0x3c5\n msr spsr_el1, x1\n eretaa",
           "mov x1, sp\n pacia x0, x1", 0);
    BRANCH("eretab", "msr elr_el1, x0\n mov x1, #0x3c5\n msr spsr_el1, x1\n eretab",
           "mov x1, sp\n pacib x0, x1", 0);
    LOAD("ldraa", "ldraa x0, [x0]", "pacdza x0", 0);
    LOAD("ldrab", "ldrab x0, [x0]", "pacdzb x0", 0);
    LOAD("ldraa-offset", "ldraa x0, [x0, #8]", "pacdza x0", 8);
    LOAD("ldrab-offset", "ldrab x0, [x0, #-16]", "pacdzb x0", -16);
    LOAD("ldraa-pre", "mov x11, x0\n ldraa x0, [x11, #8]!\n sub x11, x11, x1", "pacdza x0", 8);
    LOAD("ldrab-pre", "mov x11, x0\n ldrab x0, [x11, #-16]!", "pacdzb x0", -16);
    const uint64_t first = generic(ADDRESS, MODIFIER);
    set_keys(0x987654321);
    say("pacga",
        first && !(uint32_t)first &&
            first == ((void)set_keys(0x123456789), generic(ADDRESS, MODIFIER)),
        ((void)set_keys(0x987654321), generic(ADDRESS, MODIFIER)) != first);
    text("done\n");
    return 0;
}
