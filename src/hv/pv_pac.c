/* SPDX-License-Identifier: MIT */
/* Apple's paravirtual pointer-authentication service: HVC #0 with x0 = 0xC10000nn.
 *
 * XNU on a virtual Mac never writes the key registers: it asks the hypervisor, which on Apple's
 * hosts answers inside Hypervisor.framework. A key number k stands for the pair (k, k + 1); A and B
 * keys for data take the next pair. Calls and default keys: reference vmapple.md C.2, "full" level.
 * PAC_NOP says "none newer", which keeps the guest from the OEM calls. On only while the guest has
 * no EL2. */

#include "hv_internal.h"

enum {
    PAC_SET_INITIAL_STATE = 0,
    PAC_GET_DEFAULT_KEYS = 1,
    PAC_SET_A_KEYS = 2,
    PAC_SET_B_KEYS = 3,
    PAC_SET_EL0_DIVERSIFIER = 4,
    PAC_SET_EL0_DIVERSIFIER_AT_EL1 = 5,
    PAC_SET_G_KEY = 6,
    PAC_NOP = 0xf0,
};

#define DEFAULT_KEY     0xfeedfacefeedfacfull
#define DEFAULT_KERNKEY (DEFAULT_KEY + 4)
#define DEFAULT_B       (DEFAULT_KEY + 6)
#define DEFAULT_G       (DEFAULT_KEY + 10)
#define INITIAL_APCTL   0x11u /* AppleMode, UserKeyEn */
#define UNKNOWN_CALL    0xffffffffull
#define NOT_SUPPORTED   UINT64_MAX

static struct a64_pac_key key_pair(uint64_t k)
{
    return (struct a64_pac_key){.lo = k, .hi = k + 1};
}

static void set_a_keys(struct a64_sysregs *sr, uint64_t k)
{
    sr->key[A64_KEY_IA] = key_pair(k);
    sr->key[A64_KEY_DA] = key_pair(k + 2);
}

static void set_b_keys(struct a64_sysregs *sr, uint64_t k)
{
    sr->key[A64_KEY_IB] = key_pair(k);
    sr->key[A64_KEY_DB] = key_pair(k + 2);
}

static void set_initial_state(struct a64_sysregs *sr)
{
    set_a_keys(sr, DEFAULT_KEY);
    set_b_keys(sr, DEFAULT_B);
    sr->key[A64_KEY_GA] = key_pair(DEFAULT_G);
    sr->kernkey = key_pair(DEFAULT_KERNKEY);
    sr->apctl = INITIAL_APCTL;
}

void hv_pv_pac_call(struct a64_cpu *cpu)
{
    struct a64_sysregs *sr = &cpu->sr;
    const unsigned call = cpu->x[0] & 0xffffff;
    const uint64_t x1 = cpu->x[1], x2 = cpu->x[2];
    cpu->x[0] = 0;
    switch (call) {
    case PAC_SET_INITIAL_STATE:
        set_initial_state(sr);
        break;
    case PAC_GET_DEFAULT_KEYS:
        cpu->x[1] = DEFAULT_KEY;
        cpu->x[2] = DEFAULT_B;
        cpu->x[3] = DEFAULT_KERNKEY;
        cpu->x[4] = DEFAULT_G;
        break;
    case PAC_SET_A_KEYS:
        set_a_keys(sr, x1);
        break;
    case PAC_SET_B_KEYS:
        set_b_keys(sr, x1);
        break;
    case PAC_SET_EL0_DIVERSIFIER:
        sr->kernkey = key_pair(x1);
        break;
    case PAC_SET_EL0_DIVERSIFIER_AT_EL1:
        sr->kernkey = key_pair(x2);
        sr->apctl = (sr->apctl & ~2ull) | (x1 & 1) << 1;
        break;
    case PAC_SET_G_KEY:
        sr->key[A64_KEY_GA] = key_pair(x1);
        break;
    default:
        cpu->x[0] = call == PAC_NOP ? NOT_SUPPORTED : UNKNOWN_CALL;
    }
}
