/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_NET_H
#define POMONA_HOST_NET_H

/* The guest's network: Ethernet frames in and out. The one back end is libslirp's user-mode network
 * (10.0.2.0/24, DHCP, NAT through the host's sockets), which needs no privileges. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/error.h"

struct host_loop;
struct net_user;

struct net_user_config {
    struct host_loop *loop;
    const char *spec; /* "user[,hostfwd=tcp::2222-:22]..." as given on the command line */
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
