/* SPDX-License-Identifier: MIT */
/* Changes that make an Apple device tree of one machine serve another, as published device-tree
 * rewriters make them (image-format sheet A4): `virt-macos11` for an iPad's tree on a board that
 * has none of its devices, `vma2` for the virtual Mac's, `m1` for a Mac under a hypervisor that
 * keeps the first USB port. What depends on the board (memory, registers) is the caller's. */

#include <stdlib.h>
#include <string.h>

#include "adt_text.h"

#define DISABLED '~'

static void spoil(struct adt_node *node, const char *property, uint32_t bytes)
{
    struct adt_property *p = adt_get(node, property);
    for (uint32_t i = 0; p && i < p->size && i < bytes; i++)
        if (p->value[i])
            p->value[i] = DISABLED;
}

void adt_disable(struct adt_node *node)
{
    spoil(node, "name", 1);
    spoil(node, "device_type", 1);
    spoil(node, "compatible", UINT32_MAX);
}

/* Whether one of the texts in the `compatible` of NODE is in LIST; "a,*" stands for all that begin
 * with "a,". */
static bool compatible_in(const struct adt_node *node, const char *const *list)
{
    const struct adt_property *p = adt_get(node, "compatible");
    for (uint32_t at = 0; p && at < p->size;) {
        const char *text = (const char *)p->value + at;
        const size_t length = strnlen(text, p->size - at);
        for (const char *const *item = list; item && *item; item++) {
            const size_t wanted = strlen(*item), star = wanted && (*item)[wanted - 1] == '*';
            if (star ? length >= wanted - 1 && !memcmp(text, *item, wanted - 1)
                     : length == wanted && !memcmp(text, *item, wanted))
                return true;
        }
        at += (uint32_t)length + 1;
    }
    return false;
}

/* Calls CHANGE for NODE and all below it. */
typedef void node_fn(struct adt_node *node, const char *const *list);

static void for_each(struct adt_node *node, node_fn *change, const char *const *list)
{
    change(node, list);
    for (struct adt_node *child = node->children; child; child = child->next)
        for_each(child, change, list);
}

static void spoil_unless_kept(struct adt_node *node, const char *const *keep)
{
    if (node->parent && !compatible_in(node, keep))
        spoil(node, "compatible", UINT32_MAX);
}

static void spoil_if_listed(struct adt_node *node, const char *const *list)
{
    if (compatible_in(node, list))
        spoil(node, "compatible", UINT32_MAX);
}

static void disable_if_named(struct adt_node *node, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(adt_name(node), *names)) {
            spoil(node, "name", 1);
            spoil(node, "device_type", 1);
            return;
        }
}

/* Of the boot CPU's functions only those for interrupts between CPUs are of use. */
static void drop_functions(struct adt_node *cpu)
{
    for (struct adt_property *p = cpu->properties, *next; p; p = next) {
        next = p->next;
        if (!strncmp(p->name, "function-", 9) && strncmp(p->name, "function-ipi_dispatch", 21))
            adt_remove(cpu, p->name);
    }
}

int adt_set_sip(struct adt_node *root, uint64_t sip)
{
    struct adt_node *asmb = adt_make(root, "/chosen/asmb");
    return asmb ? adt_set_u64(asmb, "lp-sip0", sip) : -1;
}

int adt_add_amcc(struct adt_node *root)
{
    static const char *const registers[] = {
        "aperture-count",          "aperture-size",         "plane-count",           "plane-stride",
        "cache-status-reg-offset", "cache-status-reg-mask", "cache-status-reg-value"};
    static const char *const locks[] = {
        "lower-limit-reg-offset", "lower-limit-reg-mask",     "upper-limit-reg-offset",
        "upper-limit-reg-mask",   "lock-reg-offset",          "lock-reg-mask",
        "lock-reg-value",         "enable-reg-offset",        "enable-reg-mask",
        "enable-reg-value",       "write-disable-reg-offset", "write-disable-reg-mask",
        "write-disable-reg-value"};
    struct adt_node *amcc = adt_make(root, "/chosen/lock-regs/amcc");
    struct adt_node *ctrr = adt_make(root, "/chosen/lock-regs/amcc/amcc-ctrr-a");
    int failed = !amcc || !ctrr;
    for (size_t i = 0; !failed && i < sizeof(registers) / sizeof(registers[0]); i++)
        failed |= adt_set_u32(amcc, registers[i], 0);
    failed = failed || adt_set(amcc, "aperture-phys-addr", "", 0) ||
             adt_set_u32(ctrr, "page-size-shift", 14);
    for (size_t i = 0; !failed && i < sizeof(locks) / sizeof(locks[0]); i++)
        failed |= adt_set_u32(ctrr, locks[i], 0);
    return failed ? -1 : 0;
}

static int virt_macos11(struct adt_node *root, const struct adt_preset_values *values)
{
    static const char *const unwanted[] = {"wdt", "backlight", "dockchannel-uart", NULL};
    struct adt_node *chosen = adt_make(root, "/chosen"), *cpus = adt_make(root, "/cpus");
    if (!chosen || !cpus)
        return -1;
    for_each(root, spoil_unless_kept, values->keep);
    for_each(root, disable_if_named, unwanted);
    adt_remove(chosen, "secure-root-prefix");
    int failed = adt_set_u32(chosen, "debug-enabled", 1) |
                 adt_set_u32(chosen, "security-domain", 0) | adt_set_u32(chosen, "chip-epoch", 0) |
                 adt_set_sip(root, 8) | adt_add_amcc(root);
    if (cpus->children) {
        failed |= adt_set_string(cpus->children, "state", "running");
        drop_functions(cpus->children);
    }
    return failed;
}

static int vma2(struct adt_node *root, const struct adt_preset_values *values)
{
    static const char *const unwanted[] = {"aes,s8000", "qemu,pvpanic-mmio",
                                           "paravirtualizedgraphics,*", NULL};
    static const char *const names[] = {"pram", "vram", NULL};
    for_each(root, spoil_if_listed, unwanted);
    for_each(root, disable_if_named, names);
    return 0;
}

/* Segment `__OS_LOG` out of iBoot's lists: names between semicolons, ranges of 32 bytes. */
static int drop_os_log(struct adt_node *chosen)
{
    static const char unwanted[] = "__OS_LOG";
    const struct adt_property *names = adt_get(chosen, "segment-names");
    struct adt_property *ranges = adt_get(chosen, "segment-ranges");
    if (!names || !ranges || !names->size || names->value[names->size - 1])
        return 0;
    const char *text = (const char *)names->value, *at = strstr(text, unwanted);
    const size_t length = strlen(unwanted);
    if (!at || (at != text && at[-1] != ';') || (at[length] && at[length] != ';'))
        return 0;
    uint32_t index = 0;
    for (const char *p = text; p < at; p++)
        index += *p == ';';
    if (32 * (index + 1) > ranges->size)
        return 0;
    memmove(ranges->value + 32 * index, ranges->value + 32 * (index + 1),
            ranges->size - 32 * (index + 1));
    ranges->size -= 32;
    char *left = strdup(text);
    if (!left)
        return -1;
    const size_t start = (size_t)(at - text), end = start + length;
    const size_t from = start && !text[end] ? start - 1 : start, to = text[end] ? end + 1 : end;
    memmove(left + from, left + to, strlen(left + to) + 1);
    const int result = adt_set_string(chosen, "segment-names", left);
    free(left);
    return result;
}

static int m1(struct adt_node *root, const struct adt_preset_values *values)
{
    static const char *const port[] = {"/arm-io/usb-drd0", "/arm-io/dart-usb0", "/arm-io/atc-phy0"};
    struct adt_node *cpus = adt_make(root, "/cpus"), *chosen = adt_make(root, "/chosen");
    if (!cpus || !chosen)
        return -1;
    for (size_t i = 0; i < sizeof(port) / sizeof(port[0]); i++) {
        struct adt_node *node = adt_walk(root, port[i]);
        if (node)
            adt_remove_node(node);
    }
    unsigned index = 0;
    for (struct adt_node *cpu = cpus->children, *next; cpu; cpu = next) {
        next = cpu->next;
        if (values->cpus && index++ >= values->cpus)
            adt_remove_node(cpu);
    }
    return drop_os_log(chosen);
}

int adt_preset(struct adt_node *root, const char *name, const struct adt_preset_values *values,
               struct error *err)
{
    const int result = !strcmp(name, "virt-macos11") ? virt_macos11(root, values)
                       : !strcmp(name, "vma2")       ? vma2(root, values)
                                                     : m1(root, values);
    return result ? error_set(err, ERROR_OS, "no memory for the device tree") : 0;
}
