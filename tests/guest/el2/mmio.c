/* SPDX-License-Identifier: MIT */
/* Every form of load and store at the registers of devices: those that have a syndrome, and those
 * for which a monitor must decode the instruction (write-back, pairs, SIMD, structures, exclusives,
 * atomics). Of each: what became of the device, of the address and of the data. The devices are a
 * PL061, whose first five registers hold any byte, and the distributor, whose IGROUPR do words. */

#include "guest.h"

#define GPIO_DIR   0x09030400ull
#define GICD_GROUP (GICD + 0x88)

/* x0 is the address, x1 to x7 data. */
static struct registers {
    uint64_t x[8], v[8];
} registers;
static uint64_t device;
static unsigned writable;

static void begin(void)
{
    for (unsigned k = 0; k < writable; k++)
        MMIO32(device + 4 * k) = 0x11 * (k + 1);
    for (unsigned k = 0; k < 8; k++) {
        registers.x[k] = 0x8182838485868788ull + 0x0101010101010101ull * k;
        registers.v[k] = 0xd1d2d3d4d5d6d7d8ull + 0x0808080808080808ull * k;
    }
    registers.x[0] = device;
    registers.x[3] = 2;
}

static void numbers(const char *name, const uint64_t *values, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        field(name, values[k]);
}

static void report(const char *line)
{
    text(device == GPIO_DIR ? "gpio " : "gicd ");
    text(line);
    text(" :");
    for (unsigned k = 0; k < writable; k++)
        field("io", MMIO32(device + 4 * k));
    numbers("x", registers.x, 8);
    numbers("v", registers.v, 8);
    say_events();
    text("\n");
    forget();
}

/* The compiler never has anything in vector registers. */
#define CASE(line)                                                                                 \
    do {                                                                                           \
        begin();                                                                                   \
        __asm__ volatile("mov x8, %0\n\t"                                                          \
                         "ldp q0, q1, [x8, #64]\n\t"                                               \
                         "ldp q2, q3, [x8, #96]\n\t"                                               \
                         "ldp x0, x1, [x8]\n\t"                                                    \
                         "ldp x2, x3, [x8, #16]\n\t"                                               \
                         "ldp x4, x5, [x8, #32]\n\t"                                               \
                         "ldp x6, x7, [x8, #48]\n\t" line "\n\t"                                   \
                         "stp x0, x1, [x8]\n\t"                                                    \
                         "stp x2, x3, [x8, #16]\n\t"                                               \
                         "stp x4, x5, [x8, #32]\n\t"                                               \
                         "stp x6, x7, [x8, #48]\n\t"                                               \
                         "stp q0, q1, [x8, #64]\n\t"                                               \
                         "stp q2, q3, [x8, #96]" ::"r"(&registers)                                 \
                         : "memory", "cc", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8");  \
        report(line);                                                                              \
    } while (0)

static void words(void)
{
    CASE("str w1, [x0]");
    CASE("str wzr, [x0, #4]");
    CASE("str w1, [x0, #4]!");
    CASE("str w1, [x0], #8");
    CASE("stur w1, [x0, #12]");
    CASE("sttr w1, [x0]");
    CASE("stlr w1, [x0]");
    CASE("stlur w1, [x0, #4]");
    CASE("str w1, [x0, x3, lsl #2]");
    CASE("str w1, [x0, w3, uxtw #2]");
    CASE("stp w1, w2, [x0]");
    CASE("stp w1, wzr, [x0, #8]!");
    CASE("stp w1, w2, [x0], #-16");
    CASE("stnp w1, w2, [x0, #8]");
    CASE("str s1, [x0, #4]");
    CASE("str s1, [x0], #4");
    CASE("stp s0, s2, [x0, #8]!");
    CASE("st1 {v0.s}[2], [x0], #4");
    CASE("st1 {v2.s}[1], [x0]");
    CASE("ldr w1, [x0]");
    CASE("ldr w1, [x0, #4]!");
    CASE("ldr wzr, [x0], #4");
    CASE("ldr w1, [x0], #-4");
    CASE("ldrsw x1, [x0, #8]");
    CASE("ldrsw x1, [x0, #8]!");
    CASE("ldtr w1, [x0]");
    CASE("ldar w1, [x0]");
    CASE("ldapr w1, [x0]");
    CASE("ldapursw x1, [x0, #4]");
    CASE("ldp w1, w2, [x0]");
    CASE("ldp w1, w2, [x0, #8]!");
    CASE("ldp w1, w0, [x0]");
    CASE("ldpsw x1, x2, [x0], #8");
    CASE("ldnp w1, w2, [x0]");
    CASE("ldr s1, [x0, #4]");
    CASE("ldr s1, [x0, #4]!");
    CASE("ldp s0, s3, [x0], #8");
    CASE("ld1 {v0.s}[2], [x0], #4");
    CASE("ld1r {v2.4s}, [x0]");
    CASE("prfm pldl1keep, [x0]");
    CASE("swp w1, w2, [x0]");
    CASE("ldadd w1, w2, [x0]");
    CASE("ldclral w1, w2, [x0]");
    CASE("stset w1, [x0]");
    CASE("ldsmax w1, w2, [x0]");
    CASE("ldumin w1, w2, [x0]");
    CASE("cas w1, w2, [x0]");
    CASE("mov w1, #0x11; cas w1, w2, [x0]");
    CASE("ldxr w1, [x0]; stxr w2, w4, [x0]");
    CASE("ldaxp w1, w2, [x0]; stlxp w3, w4, w5, [x0]");
}

static void other_sizes(void)
{
    CASE("strb w1, [x0], #4");
    CASE("strh w1, [x0, #4]!");
    CASE("str x1, [x0]");
    CASE("str x1, [x0, #8]!");
    CASE("stp x1, x2, [x0]");
    CASE("stp x1, xzr, [x0], #16");
    CASE("str b1, [x0, #8]");
    CASE("str h1, [x0], #4");
    CASE("str d1, [x0, #8]!");
    CASE("str q1, [x0]");
    CASE("str q1, [x0], #16");
    CASE("stp d0, d1, [x0]");
    CASE("stp q0, q1, [x0]");
    CASE("st1 {v0.4s}, [x0]");
    CASE("st1 {v0.16b}, [x0], #16");
    CASE("st1 {v1.d}[1], [x0]");
    CASE("st2 {v0.2s, v1.2s}, [x0]");
    CASE("st4 {v0.s, v1.s, v2.s, v3.s}[1], [x0], x3");
    CASE("ldrb w1, [x0, #4]!");
    CASE("ldrsb x1, [x0]");
    CASE("ldrsh w1, [x0], #4");
    CASE("ldr x1, [x0, #8]!");
    CASE("ldp x1, x2, [x0]");
    CASE("ldr b1, [x0]");
    CASE("ldr h1, [x0, #4]!");
    CASE("ldr d1, [x0]");
    CASE("ldr q1, [x0], #16");
    CASE("ldp d0, d1, [x0]");
    CASE("ldp q2, q3, [x0]");
    CASE("ld1 {v0.4s}, [x0]");
    CASE("ld1 {v0.d}[1], [x0], x3");
    CASE("ld2 {v0.4s, v1.4s}, [x0]");
    CASE("ld3 {v0.2s, v1.2s, v2.2s}, [x0]");
    CASE("ld4r {v0.2s, v1.2s, v2.2s, v3.2s}, [x0], #16");
    CASE("ldadd x1, x2, [x0]");
    CASE("swpb w1, w2, [x0]");
    CASE("casp w4, w5, w6, w7, [x0]");
    CASE("mov w4, #0x11; mov w5, #0x22; casp w4, w5, w6, w7, [x0]");
}

void main(void)
{
    MSR("cpacr_el1", 3 << 20);
    device = GICD_GROUP;
    writable = 4;
    words();
    device = GPIO_DIR;
    writable = 5;
    words();
    other_sizes();
}
