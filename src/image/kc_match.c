/* SPDX-License-Identifier: MIT */
/* Why a driver loads, or does not. A personality is looked at as the kernel would: can its kext
 * link, is its class there, can there be a provider of the class it wants, and does that have what
 * it wants (kc_match_node.c). A provider is a node of the device tree, one of the kernel's own
 * objects, or what a driver is or makes; so the personalities that are up grow from those on nodes,
 * round by round, until nothing is added.
 *
 * What a driver makes is not written anywhere. Who can make objects of a class are the drivers that
 * are such, or, where no driver is, those of the kext that brings the class and of the kexts that
 * link against it. Facts as in kc_match_node.c; names of nubs: image-format sheet A4. */

#include "kc_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adt_text.h"
#include "kc_class.h"
#include "kc_library.h"

#define PATH_SIZE 512

/* A class that personalities want as provider. */
struct provider {
    const char *name;
    const struct kc_entry *owner; /* brings the class; NULL: none is known to */
    bool there;                   /* some member brings it */
    bool always;                  /* the kernel makes such objects */
    size_t *makers;               /* of matches->items */
    size_t maker_count;
};

struct matcher {
    const struct kc *kc;
    struct kc_matches *out;
    const struct adt_node **nodes; /* all, the root first */
    size_t node_count;
    struct kc_classes classes;
    struct kc_library_problem *problems;
    struct provider *providers;
    size_t provider_count;
    size_t *provider_of; /* by match */
    bool *up;            /* by match */
    bool no_memory;
};

const char *kc_verdict_name(enum kc_verdict verdict)
{
    static const char *const names[] = {
        [KC_MATCHES] = "matches",     [KC_FOLLOWS] = "follows",
        [KC_UNDECIDED] = "undecided", [KC_NO_LIBRARY] = "no-library",
        [KC_NO_CLASS] = "no-class",   [KC_NO_PROVIDER] = "no-provider",
        [KC_NO_NODE] = "no-node",
    };
    return names[verdict];
}

bool kc_match_is_up(const struct kc_match *match)
{
    return match->verdict <= KC_UNDECIDED;
}

__attribute__((format(printf, 4, 5))) static void judge(struct kc_match *match,
                                                        enum kc_verdict verdict,
                                                        const char *property, const char *format,
                                                        ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(match->reason, sizeof(match->reason), format, args);
    va_end(args);
    match->verdict = verdict;
    match->property = property;
}

/* ---- collecting ---- */

static const char *text_or(const struct plist *table, const char *key, const char *otherwise)
{
    const char *text = plist_text(table, key);
    return text ? text : otherwise;
}

static size_t count_children(const struct plist *node)
{
    size_t count = 0;
    for (const struct plist *at = node ? node->children : NULL; at; at = at->next)
        count++;
    return count;
}

/* A kext may have personalities of another one, which brings the code. */
static const struct kc_entry *find_driver(const struct kc *kc, const struct kc_entry *kext,
                                          const struct plist *table)
{
    const char *id = plist_text(table, "CFBundleIdentifier");
    const struct kc_entry *found = id ? kc_find(kc, id) : kext;
    return found || !kc_kernel_provides(id) ? found : kc_find(kc, KC_KERNEL);
}

static void add_personality(const struct kc *kc, struct kc_matches *out,
                            const struct kc_entry *kext, const struct plist *named)
{
    const struct plist *table = plist_resolve(named);
    uint64_t score = 0;
    if (!table || table->kind != PLIST_DICT)
        return;
    plist_number(table, "IOProbeScore", &score);
    out->items[out->count++] = (struct kc_match){.kext = kext,
                                                 .driver = find_driver(kc, kext, table),
                                                 .name = named->key,
                                                 .table = table,
                                                 .class = text_or(table, "IOClass", ""),
                                                 .provider = text_or(table, "IOProviderClass", ""),
                                                 .score = (int64_t)score,
                                                 .category = plist_text(table, "IOMatchCategory")};
}

static int collect(struct matcher *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->kc->count; i++)
        count += count_children(kc_entry_personalities(&m->kc->entries[i]));
    m->out->items = malloc((count + 1) * sizeof(*m->out->items));
    if (!m->out->items)
        return -1;
    for (size_t i = 0; i < m->kc->count; i++) {
        const struct plist *all = kc_entry_personalities(&m->kc->entries[i]);
        for (const struct plist *at = all ? all->children : NULL; at; at = at->next)
            add_personality(m->kc, m->out, &m->kc->entries[i], at);
    }
    return 0;
}

/* Of NODE and all below; how many. OUT may be NULL to count. */
static size_t flatten(const struct adt_node *node, const struct adt_node **out)
{
    size_t count = 1;
    if (out)
        out[0] = node;
    for (const struct adt_node *child = node->children; child; child = child->next)
        count += flatten(child, out ? out + count : NULL);
    return count;
}

static int prepare(struct matcher *m, const struct adt_node *tree)
{
    m->node_count = flatten(tree, NULL);
    m->nodes = malloc(m->node_count * sizeof(struct adt_node *));
    m->problems = malloc((m->kc->count + 1) * sizeof(*m->problems));
    if (!m->nodes || !m->problems || collect(m))
        return -1;
    flatten(tree, m->nodes);
    kc_library_problems(m->kc, m->problems);
    m->providers = calloc(m->out->count + 1, sizeof(*m->providers));
    m->provider_of = calloc(m->out->count + 1, sizeof(*m->provider_of));
    m->up = calloc(m->out->count + 1, sizeof(*m->up));
    return m->providers && m->provider_of && m->up ? 0 : -1;
}

/* ---- providers ---- */

/* Which kext brings the class NAME; its strings speak where there are no symbols, but not those of
 * kexts that want one as provider. */
static const struct kc_entry *find_owner(const struct matcher *m, const char *name)
{
    const struct kc_class *class = kc_class_find(&m->classes, name);
    if (class)
        return class->owner;
    const struct kc_entry *kernel = kc_find(m->kc, KC_KERNEL);
    if (kernel && kc_class_mentioned_in(kernel, name))
        return kernel;
    bool *askers = calloc(m->kc->count, sizeof(*askers));
    for (size_t i = 0; askers && i < m->out->count; i++)
        if (!strcmp(m->out->items[i].provider, name))
            askers[m->out->items[i].kext - m->kc->entries] = true;
    const struct kc_entry *found = kc_class_mentioned(m->kc, name, askers);
    free(askers);
    return found;
}

static size_t add_makers(const struct matcher *m, struct provider *p, const bool *linkers)
{
    for (size_t i = 0; i < m->out->count; i++) {
        const struct kc_match *match = &m->out->items[i];
        if (!match->driver)
            continue;
        if (linkers ? linkers[match->driver - m->kc->entries]
                    : kc_class_is(&m->classes, match->class, p->name))
            p->makers[p->maker_count++] = i;
    }
    return p->maker_count;
}

static void find_makers(struct matcher *m, struct provider *p)
{
    p->makers = malloc((m->out->count + 1) * sizeof(*p->makers));
    m->no_memory |= !p->makers;
    if (!p->makers || p->always || add_makers(m, p, NULL) || !p->owner)
        return;
    bool *linkers = malloc(m->kc->count * sizeof(*linkers));
    m->no_memory |= !linkers;
    if (!linkers)
        return;
    kc_linkers(m->kc, p->owner, linkers);
    add_makers(m, p, linkers);
    free(linkers);
}

/* The number of the provider called NAME, which is looked up where it is new. */
static size_t find_provider(struct matcher *m, const char *name)
{
    size_t at = 0;
    while (at < m->provider_count && strcmp(m->providers[at].name, name))
        at++;
    if (at < m->provider_count)
        return at;
    struct provider *p = &m->providers[m->provider_count++];
    p->name = name;
    p->owner = find_owner(m, name);
    p->always = p->owner && kc_is_kernel(p->owner);
    find_makers(m, p);
    p->there = p->owner || p->maker_count;
    return at;
}

static bool is_resource(const char *class)
{
    return !strcmp(class, "IOResources") || !strcmp(class, "IOUserResources");
}

/* Whether objects of CLASS stand for nodes of the device tree and nothing else. */
static bool is_nub(const struct matcher *m, const char *class)
{
    return kc_class_is(&m->classes, class, "IOPlatformDevice") ||
           kc_class_is(&m->classes, class, "IOPlatformExpertDevice") ||
           kc_class_is(&m->classes, class, "AppleARMIODevice");
}

static bool wants_root(const struct kc_match *match)
{
    return !strcmp(match->provider, "IOPlatformExpertDevice");
}

/* ---- nodes ---- */

static void list_names(const struct plist *wanted, char *out, size_t size)
{
    size_t used = 0;
    *out = 0;
    if (wanted->kind == PLIST_STRING)
        snprintf(out, size, "\"%s\"", wanted->text);
    for (const struct plist *at = wanted->kind == PLIST_ARRAY ? wanted->children : NULL;
         at && used + 1 < size; at = at->next) {
        const struct plist *one = plist_resolve(at);
        if (one && one->kind == PLIST_STRING)
            used +=
                (size_t)snprintf(out + used, size - used, "%s\"%s\"", used ? ", " : "", one->text);
    }
}

/* No node has one of the names of IONameMatch. */
static void judge_names(const struct matcher *m, struct kc_match *match, enum kc_verdict verdict)
{
    struct kc_nearest best = {.same = 3}; /* fewer characters in common say nothing */
    char names[160], near[200];
    const struct plist *wanted = plist_get(match->table, "IONameMatch");
    const bool several = wanted->kind == PLIST_ARRAY;
    list_names(wanted, names, sizeof(names));
    for (const struct plist *at = several ? wanted->children : wanted; at;
         at = several ? at->next : NULL) {
        const struct plist *one = plist_resolve(at);
        if (one && one->kind == PLIST_STRING)
            kc_match_nearest(one->text, m->nodes, m->node_count, &best);
    }
    match->nodes[0] = best.node;
    match->node_count = best.node != NULL;
    kc_describe_nearest(&best, near, sizeof(near));
    if (wants_root(match))
        judge(match, verdict, "IONameMatch",
              "the root's name, compatible, device_type and model are not %s", names);
    else
        judge(match, verdict, "IONameMatch",
              "no node's name, compatible, device_type or model is %s%s%s", names, near,
              verdict == KC_UNDECIDED ? "; but its provider's objects may have names of their own"
                                      : "");
}

/* Keeps the nodes that match, and else the one that got furthest. */
static void search_nodes(const struct matcher *m, struct kc_match *match, size_t count,
                         struct kc_node_match *last)
{
    struct kc_node_match one;
    const struct adt_node *nearest = NULL;
    *last = (struct kc_node_match){0};
    for (size_t i = 0; i < count; i++) {
        kc_match_node(match->table, m->nodes[i], &one);
        if (one.matches)
            match->nodes[match->node_count++] = m->nodes[i];
        const bool first = one.matches && match->node_count == 1;
        if (first || (!match->node_count && (!nearest || one.steps > last->steps))) {
            nearest = m->nodes[i];
            *last = one;
        }
    }
    if (!match->node_count)
        match->nodes[0] = nearest;
}

/* NODE came nearest: it met some criteria, or none is about names. */
static void judge_nearest(struct kc_match *match, enum kc_verdict otherwise,
                          const struct kc_node_match *last)
{
    char path[PATH_SIZE];
    const char *wanted = plist_text(match->table, last->property);
    adt_path(match->nodes[0], path, sizeof(path));
    if (last->steps)
        judge(match, KC_NO_NODE, last->property, "%.120s: %.350s", path, last->text);
    else
        judge(match, otherwise, last->property, "no node of the tree has it%s%.200s",
              wanted ? ": " : "", wanted ? wanted : "");
    match->node_count = last->steps != 0;
}

static void judge_nodes(struct matcher *m, struct kc_match *match)
{
    const size_t count = wants_root(match) ? 1 : m->node_count;
    const enum kc_verdict otherwise = is_nub(m, match->provider) ? KC_NO_NODE : KC_UNDECIDED;
    struct kc_node_match last;
    match->nodes = malloc((count + 1) * sizeof(struct adt_node *));
    m->no_memory |= !match->nodes;
    if (!match->nodes)
        return;
    search_nodes(m, match, count, &last);
    if (match->node_count)
        judge(match, KC_MATCHES, last.property ? last.property : "IOProviderClass", "%s",
              last.text);
    else if (!last.steps && plist_get(match->table, "IONameMatch"))
        judge_names(m, match, otherwise);
    else
        judge_nearest(match, otherwise, &last);
}

/* ---- one personality ---- */

static bool judge_library(const struct matcher *m, struct kc_match *match)
{
    const char *id = plist_text(match->table, "CFBundleIdentifier");
    char text[300];
    if (!match->driver) {
        judge(match, KC_NO_LIBRARY, "CFBundleIdentifier",
              "%.200s, which has its code, is not in the collection", id);
        return true;
    }
    const struct kc_library_problem *problem = &m->problems[match->driver - m->kc->entries];
    if (problem->fault == KC_LIBRARY_FINE)
        return false;
    kc_library_describe(m->kc, problem, text, sizeof(text));
    if (problem->kext == match->driver)
        judge(match, KC_NO_LIBRARY, "OSBundleLibraries", "%s", text);
    else
        judge(match, KC_NO_LIBRARY, "OSBundleLibraries", "it needs %.160s, which cannot link: %s",
              problem->kext->id, text);
    return true;
}

static bool judge_class(const struct matcher *m, struct kc_match *match)
{
    if (*match->class && (kc_class_find(&m->classes, match->class) ||
                          kc_class_mentioned_in(match->driver, match->class) ||
                          kc_class_mentioned(m->kc, match->class, NULL)))
        return false;
    if (*match->class)
        judge(match, KC_NO_CLASS, "IOClass", "no member of the collection brings the class %.200s",
              match->class);
    else
        judge(match, KC_NO_CLASS, "IOClass", "it has no IOClass");
    return true;
}

static bool judge_provider(const struct matcher *m, struct kc_match *match)
{
    const struct provider *p = &m->providers[m->provider_of[match - m->out->items]];
    if (!*match->provider)
        judge(match, KC_NO_PROVIDER, "IOProviderClass", "it has no IOProviderClass");
    else if (!p->there)
        judge(match, KC_NO_PROVIDER, "IOProviderClass",
              "no member of the collection brings the class %.200s", match->provider);
    else
        return false;
    return true;
}

static void judge_resource(struct kc_match *match)
{
    const char *resource = plist_text(match->table, "IOResourceMatch");
    if (resource)
        judge(match, KC_MATCHES, "IOResourceMatch", "%s, once %.200s is published there",
              match->provider, resource);
    else
        judge(match, KC_MATCHES, "IOProviderClass", "%s, which is always there", match->provider);
}

/* Everything but whether the provider is up. */
static void judge_alone(struct matcher *m, struct kc_match *match)
{
    if (judge_library(m, match) || judge_class(m, match) || judge_provider(m, match))
        return;
    if (is_resource(match->provider))
        judge_resource(match);
    else if (kc_match_has_criteria(match->table) || wants_root(match))
        judge_nodes(m, match);
    else
        judge(match, KC_FOLLOWS, "IOProviderClass", "any %.200s", match->provider);
}

/* ---- what follows from what ---- */

static bool provider_is_up(const struct matcher *m, const struct provider *p)
{
    bool up = p->always;
    for (size_t i = 0; i < p->maker_count && !up; i++)
        up = m->up[p->makers[i]];
    return up;
}

static void raise_all(struct matcher *m)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < m->out->count; i++) {
            if (m->up[i] || !kc_match_is_up(&m->out->items[i]) ||
                !provider_is_up(m, &m->providers[m->provider_of[i]]))
                continue;
            m->up[i] = more = true;
        }
    }
}

/* The other kexts that could make the provider, none of which is up: the first few. */
static void list_makers(const struct kc_match *match, const struct matcher *m,
                        const struct provider *p, char *out, size_t size)
{
    size_t used = 0;
    const struct kc_entry *last = match->driver;
    *out = 0;
    for (size_t i = 0; i < p->maker_count && used + 1 < size; i++) {
        const struct kc_match *maker = &m->out->items[p->makers[i]];
        if (maker->driver == last || maker->driver == match->driver)
            continue;
        last = maker->driver;
        used += (size_t)snprintf(out + used, size - used, "%s%s (%s)", used ? ", " : "",
                                 maker->driver->id, kc_verdict_name(maker->verdict));
    }
}

static void judge_makers(const struct matcher *m, struct kc_match *match)
{
    const struct provider *p = &m->providers[m->provider_of[match - m->out->items]];
    char makers[240];
    list_makers(match, m, p, makers, sizeof(makers));
    judge(match, KC_NO_PROVIDER, "IOProviderClass", "nothing that would make a %.100s matches%s%s",
          match->provider, *makers ? ": " : "", makers);
}

static void say_maker(const struct matcher *m, struct kc_match *match)
{
    const struct provider *p = &m->providers[m->provider_of[match - m->out->items]];
    for (size_t i = 0; i < p->maker_count; i++)
        if (m->up[p->makers[i]]) {
            judge(match, KC_FOLLOWS, "IOProviderClass", "a %.150s, by %.200s", match->provider,
                  m->out->items[p->makers[i]].driver->id);
            return;
        }
}

static void judge_together(struct matcher *m)
{
    raise_all(m);
    for (size_t i = 0; i < m->out->count; i++) {
        struct kc_match *match = &m->out->items[i];
        if (m->up[i] && match->verdict == KC_FOLLOWS)
            say_maker(m, match);
    }
    for (size_t i = 0; i < m->out->count; i++)
        if (!m->up[i] && kc_match_is_up(&m->out->items[i]))
            judge_makers(m, &m->out->items[i]);
}

/* ---- who comes first ---- */

static bool share_node(const struct kc_match *a, const struct kc_match *b)
{
    for (size_t i = 0; i < a->node_count; i++)
        for (size_t j = 0; j < b->node_count; j++)
            if (a->nodes[i] == b->nodes[j])
                return true;
    return false;
}

static bool same_category(const struct kc_match *a, const struct kc_match *b)
{
    return !strcmp(a->category ? a->category : "", b->category ? b->category : "");
}

/* Of those that match one node in one category, the one with the highest score is tried first. */
static void find_rivals(struct kc_matches *out)
{
    for (size_t i = 0; i < out->count; i++)
        for (size_t j = 0; j < out->count; j++) {
            struct kc_match *a = &out->items[i], *b = &out->items[j];
            if (a->verdict == KC_MATCHES && b->verdict == KC_MATCHES && b->score > a->score &&
                (!a->behind || b->score > a->behind->score) && same_category(a, b) &&
                share_node(a, b))
                a->behind = b;
        }
}

/* ---- all ---- */

static void release(struct matcher *m)
{
    for (size_t i = 0; i < m->provider_count; i++)
        free(m->providers[i].makers);
    kc_classes_free(&m->classes);
    free(m->providers);
    free(m->provider_of);
    free(m->up);
    free(m->nodes);
    free(m->problems);
}

int kc_match(const struct kc *kc, struct adt_node *tree, struct kc_matches *out, struct error *err)
{
    struct matcher m = {.kc = kc, .out = out};
    *out = (struct kc_matches){0};
    if (kc_classes_load(kc, &m.classes, err))
        return -1;
    m.no_memory = prepare(&m, tree) != 0;
    for (size_t i = 0; !m.no_memory && i < out->count; i++)
        m.provider_of[i] = find_provider(&m, out->items[i].provider);
    for (size_t i = 0; !m.no_memory && i < out->count; i++)
        judge_alone(&m, &out->items[i]);
    if (!m.no_memory) {
        judge_together(&m);
        find_rivals(out);
    }
    release(&m);
    if (!m.no_memory)
        return 0;
    kc_matches_free(out);
    return error_set(err, ERROR_OS, "%s: no memory to match its personalities",
                     kc->macho.file.name);
}

void kc_matches_free(struct kc_matches *matches)
{
    for (size_t i = 0; i < matches->count; i++)
        free((void *)matches->items[i].nodes);
    free(matches->items);
    *matches = (struct kc_matches){0};
}
