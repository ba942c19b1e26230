/* SPDX-License-Identifier: MIT */
#ifndef POMONA_KC_MATCH_H
#define POMONA_KC_MATCH_H

/* Which IOKit personality of a kernel collection would find a node of a device tree, and what keeps
 * the others from it: the answer to "why isn't this driver loading". */

#include "adt.h"
#include "kc.h"

enum kc_verdict {
    KC_MATCHES,     /* a node of the tree, or IOResources */
    KC_FOLLOWS,     /* its provider is no node, but made by a driver that matches */
    KC_UNDECIDED,   /* the names or properties are those that hardware tells its bus */
    KC_NO_LIBRARY,  /* OSBundleLibraries */
    KC_NO_CLASS,    /* no member brings IOClass */
    KC_NO_PROVIDER, /* no member brings IOProviderClass, or nothing that makes such ones matches */
    KC_NO_NODE,     /* no node has what it wants */
};

struct kc_match {
    const struct kc_entry *kext;
    const struct kc_entry *driver; /* whose code it is (CFBundleIdentifier): mostly KEXT itself;
                                      NULL: not in the collection */
    const char *name;              /* the personality's */
    const struct plist *table;     /* the personality */
    const char *class, *provider;  /* IOClass, IOProviderClass; "" where absent */
    enum kc_verdict verdict;
    const char *property;          /* KC_NO_…: the first that fails; else the one that decides */
    const struct adt_node **nodes; /* KC_MATCHES: which; KC_NO_NODE: the one that came nearest */
    size_t node_count;
    char reason[512];
    int64_t score;                 /* IOProbeScore */
    const char *category;          /* IOMatchCategory, NULL: the default one */
    const struct kc_match *behind; /* is probed first on the same node, and if it starts there,
                                      this one is not loaded; NULL: none */
};

struct kc_matches {
    struct kc_match *items; /* in the collection's order */
    size_t count;
};

/* Matches all personalities of KC (kc_load_info'ed) with TREE. KC and TREE must stay while OUT
 * lives. 0, or -1 and *ERR. */
int kc_match(const struct kc *kc, struct adt_node *tree, struct kc_matches *out, struct error *err);
void kc_matches_free(struct kc_matches *matches);
/* "matches", "no-node", …: a word for tables and JSON. */
const char *kc_verdict_name(enum kc_verdict verdict);
/* Whether the driver would be loaded as far as can be told. */
bool kc_match_is_up(const struct kc_match *match);

/* ---- kc_match_node.c ---- */

/* How far TABLE's own criteria get with NODE, in the order in which IOService looks at them. */
struct kc_node_match {
    bool matches;
    const char *property; /* the first that fails; or the last that decided */
    unsigned steps;       /* how many were met */
    char text[400];       /* what it has and what was wanted */
};
void kc_match_node(const struct plist *table, const struct adt_node *node,
                   struct kc_node_match *out);
/* Whether TABLE asks for anything that a node of a device tree can answer. */
bool kc_match_has_criteria(const struct plist *table);

/* A node with a `compatible` that begins like the one that was wanted. */
struct kc_nearest {
    const struct adt_node *node; /* NULL: none shares more than `same` characters */
    const char *text;            /* `size` characters */
    size_t size, same;
};
/* Keeps in BEST the one of NODES that has more in common with WANTED than BEST has. */
void kc_match_nearest(const char *wanted, const struct adt_node *const *nodes, size_t count,
                      struct kc_nearest *best);
/* "; nearest: PATH, compatible …", or nothing. */
void kc_describe_nearest(const struct kc_nearest *best, char *out, size_t size);

#endif
