/* SPDX-License-Identifier: MIT */
/* What XNU panics on, or cannot do without, in a device tree (image-format sheet A4, xnu-boot sheet
 * 5): each rule a row or a short function. */

#include <stdlib.h>
#include <string.h>

#include "adt_text.h"
#include "nvram.h"

struct checker {
    struct adt_node *root;
    adt_report *report;
    void *context;
    unsigned count;
};

static void complain(struct checker *c, const char *path, const char *property, const char *text)
{
    c->count++;
    c->report(c->context, path, property, text);
}

/* ---- what every node must be ---- */

static void check_property(struct checker *c, const struct adt_node *node, const char *path,
                           const struct adt_property *property)
{
    if (property->placeholder)
        complain(c, path, property->name,
                 "a placeholder that nobody filled in: XNU takes its length for 2 GiB and panics");
    if (adt_get(node, property->name) != property)
        complain(c, path, property->name, "is there twice: XNU finds the first only");
}

static void check_node(struct checker *c, struct adt_node *node)
{
    char path[1024];
    adt_path(node, path, sizeof(path));
    const struct adt_property *name = adt_get(node, "name");
    if (!node->properties)
        complain(c, path, "", "has no property: XNU takes it for the end of the tree");
    else if (!name || !name->size || name->value[name->size - 1])
        complain(c, path, "name", "is missing or not terminated: XNU cannot find the node");
    else if (strlen(adt_name(node)) > ADT_COMPONENT_MAX)
        complain(c, path, "name", "has more than 63 characters");
    for (const struct adt_property *p = node->properties; p; p = p->next)
        check_property(c, node, path, p);
    for (const struct adt_node *s = node->parent ? node->parent->children : NULL; s && s != node;
         s = s->next)
        if (*adt_name(node) && !strcmp(adt_name(s), adt_name(node)))
            complain(c, path, "name",
                     "is that of another node beside it: XNU finds the first only");
    for (struct adt_node *child = node->children; child; child = child->next)
        check_node(c, child);
}

/* ---- what must be there ---- */

enum need { NEEDED, IF_THERE };

static const struct rule {
    const char *path, *property;
    uint32_t least, most; /* sizes in bytes; most 0: any */
    enum need need;
    const char *text;
} rules[] = {
    {"/", "compatible", 1, 0, NEEDED, "names the platform: no driver for the machine is found"},
    {"/chosen", "dram-base", 8, 8, NEEDED, "the base of memory, 8 bytes: without it a panic"},
    {"/chosen", "dram-size", 8, 8, NEEDED, "the size of memory, 8 bytes: without it a panic"},
    {"/chosen", "random-seed", 64, 0, NEEDED, "64 bytes or more, or a panic"},
    {"/chosen", "nvram-proxy-data", 1, 0, NEEDED, "an NVRAM bank, or IOKit panics"},
    {"/chosen/asmb", "lp-sip0", 8, 8, IF_THERE, "must have exactly 8 bytes, or a panic"},
    {"/chosen/asmb", "lp-sip1", 4, 4, IF_THERE, "must have exactly 4 bytes, or a panic"},
    {"/chosen/asmb", "lp-sip2", 4, 4, IF_THERE, "must have exactly 4 bytes, or a panic"},
    {"/arm-io", "device_type", 1, 32, NEEDED, "the SoC's name, up to 32 bytes"},
    {"/arm-io", "ranges", 16, 0, NEEDED, "its second number is the SoC's base: no console, no GIC"},
};

static const char *const needed_nodes[] = {"/chosen", "/chosen/memory-map", "/cpus", "/defaults",
                                           "/arm-io"};

static void check_rule(struct checker *c, const struct rule *rule)
{
    const struct adt_node *node = adt_walk(c->root, rule->path);
    const struct adt_property *p = node ? adt_get(node, rule->property) : NULL;
    if (!p && (rule->need == IF_THERE || !node))
        return;
    if (!p || p->size < rule->least || (rule->most && p->size > rule->most))
        complain(c, rule->path, rule->property, rule->text);
}

static bool all_zero(const struct adt_property *p)
{
    for (uint32_t i = 0; i < p->size; i++)
        if (p->value[i])
            return false;
    return true;
}

static void check_cpus(struct checker *c)
{
    struct adt_node *cpus = adt_walk(c->root, "/cpus");
    unsigned running = 0;
    for (struct adt_node *cpu = cpus ? cpus->children : NULL; cpu; cpu = cpu->next) {
        char path[1024];
        adt_path(cpu, path, sizeof(path));
        const struct adt_property *state = adt_get(cpu, "state"), *reg = adt_get(cpu, "reg");
        if (!state || !state->size)
            complain(c, path, "state", "is missing: each CPU needs one");
        else
            running += state->size >= 7 && !memcmp(state->value, "running", 7);
        if (!reg || !reg->size)
            complain(c, path, "reg", "is missing: it says which CPU this is");
    }
    if (cpus && running != 1)
        complain(c, "/cpus", "state", "exactly one CPU must be \"running\", the boot CPU");
}

static void check_nvram(struct checker *c)
{
    struct adt_node *chosen = adt_walk(c->root, "/chosen");
    const struct adt_property *bank = chosen ? adt_get(chosen, "nvram-proxy-data") : NULL;
    const struct adt_property *size = chosen ? adt_get(chosen, "nvram-bank-size") : NULL;
    struct nvram nvram;
    struct error err = {0};
    if (!size && chosen)
        size = adt_get(chosen, "nvram-total-size"); /* up to xnu-7195 */
    if (chosen && (!size || size->size != 4 || !get_le32(size->value)))
        complain(c, "/chosen", "nvram-bank-size",
                 "is missing or 0 (nvram-total-size before): a panic");
    if (!bank || !bank->size)
        return;
    if (size && size->size == 4 && get_le32(size->value) != bank->size)
        complain(c, "/chosen", "nvram-proxy-data", "has not the size that nvram-bank-size says");
    const struct blob in = {.data = bank->value, .size = bank->size, .name = "nvram-proxy-data"};
    if (nvram_open(&in, &nvram, &err))
        complain(c, "/chosen", "nvram-proxy-data", err.text);
    else
        nvram_free(&nvram);
}

static void check_memory_map(struct checker *c)
{
    struct adt_node *map = adt_walk(c->root, "/chosen/memory-map");
    for (const struct adt_property *p = map ? map->properties : NULL; p; p = p->next) {
        if (!strcmp(p->name, "name") || !strcmp(p->name, "AAPL,phandle"))
            continue;
        if (p->size != 16)
            complain(c, "/chosen/memory-map", p->name, "must be an address and a length, 16 bytes");
        else if (!strcmp(p->name, "TrustCache") && (!get_le64(p->value) || !get_le64(p->value + 8)))
            complain(c, "/chosen/memory-map", p->name,
                     "an address or length of 0: leave it out instead");
    }
}

/* Kernels that lock memory down panic on each of these that is missing. */
static void check_lock_regs(struct checker *c)
{
    static const char *const amcc[] = {
        "aperture-count",        "aperture-size",           "plane-count",
        "aperture-phys-addr",    "cache-status-reg-offset", "cache-status-reg-mask",
        "cache-status-reg-value"};
    static const char *const ctrr[] = {"page-size-shift",      "lower-limit-reg-offset",
                                       "lower-limit-reg-mask", "upper-limit-reg-offset",
                                       "upper-limit-reg-mask", "lock-reg-offset",
                                       "lock-reg-mask",        "lock-reg-value"};
    const struct adt_node *node = adt_walk(c->root, "/chosen/lock-regs/amcc");
    if (!adt_walk(c->root, "/chosen/lock-regs"))
        return;
    if (!node) {
        complain(c, "/chosen/lock-regs/amcc", "", "is missing");
        return;
    }
    for (size_t i = 0; i < sizeof(amcc) / sizeof(amcc[0]); i++)
        if (!adt_get(node, amcc[i]))
            complain(c, "/chosen/lock-regs/amcc", amcc[i], "is missing: a panic");
    node = adt_walk(c->root, "/chosen/lock-regs/amcc/amcc-ctrr-a");
    for (size_t i = 0; i < sizeof(ctrr) / sizeof(ctrr[0]); i++)
        if (!node || !adt_get(node, ctrr[i]))
            complain(c, "/chosen/lock-regs/amcc/amcc-ctrr-a", ctrr[i], "is missing: a panic");
}

unsigned adt_check(struct adt_node *root, adt_report *report, void *context)
{
    struct checker c = {.root = root, .report = report, .context = context};
    check_node(&c, root);
    if (strcmp(adt_name(root), "device-tree"))
        complain(&c, "/", "name", "is not \"device-tree\": XNU does not find the root");
    for (size_t i = 0; i < sizeof(needed_nodes) / sizeof(needed_nodes[0]); i++)
        if (!adt_walk(root, needed_nodes[i]))
            complain(&c, needed_nodes[i], "", "is missing: a panic");
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        check_rule(&c, &rules[i]);
    const struct adt_node *chosen = adt_walk(root, "/chosen");
    const struct adt_property *seed = chosen ? adt_get(chosen, "random-seed") : NULL;
    if (seed && seed->size >= 64 && all_zero(seed))
        complain(&c, "/chosen", "random-seed", "is all zeros: a panic");
    check_cpus(&c);
    check_nvram(&c);
    check_memory_map(&c);
    check_lock_regs(&c);
    return c.count;
}
