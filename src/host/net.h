/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_NET_H
#define POMONA_HOST_NET_H

/* The guest's network: Ethernet frames in and out. The one back end is libslirp's user-mode network
 * (10.0.2.0/24, DHCP, NAT through the host's sockets), which needs no privileges. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/error.h"

struct host_loop;
struct net_user;

/* A port of the host's that leads to one of the guest's. Addresses as inet_aton reads them. */
struct net_forward {
    bool udp;
    struct in_addr host, guest;
    uint16_t host_port, guest_port;
};

/* What a --net says. */
struct net_spec {
    struct net_forward *forwards;
    unsigned count;
};

/* Reads TEXT, "user[,hostfwd=tcp::2222-:22]..."; net_spec_free frees what is in *OUT. 0, or -1 and
 * *ERR, which names the part that is wrong. */
int net_parse(const char *text, struct net_spec *out, struct error *err);
void net_spec_free(struct net_spec *spec);

struct net_user_config {
    struct host_loop *loop;
    const char *spec; /* of net_parse */
    bool dry_run;     /* the host's ports are not listened on */
    /* A frame for the guest; on the loop's thread, between lock and unlock. False: no room, ask
     * again after net_user_resume. */
    void (*deliver)(void *ctx, const uint8_t *frame, size_t size);
    bool (*ready)(void *ctx);
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    void *ctx;
};

/* NULL and *ERR, which names the part of SPEC that is wrong. */
struct net_user *net_user_open(const struct net_user_config *config, struct error *err);
void net_user_close(struct net_user *net);
/* A frame from the guest. On the loop's thread. */
void net_user_send(struct net_user *net, const uint8_t *frame, size_t size);

#endif
