/* SPDX-License-Identifier: MIT */
#ifndef POMONA_HOST_SERIAL_H
#define POMONA_HOST_SERIAL_H

/* Where a serial line of the guest goes: the terminal, a pseudo-terminal, a socket, a file. */

#include "device/device.h"
#include "host/error.h"

struct host_loop;

struct serial_host {
    struct host_loop *loop;
    bool sampled; /* bytes wait until chardev.sample */
    /* Bytes for the guest are delivered between these, on the loop's thread. */
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    void (*quit)(void *ctx);                     /* Ctrl-A x on the terminal */
    void (*power)(void *ctx);                    /* Ctrl-A p: the guest's power key */
    void (*notice)(void *ctx, const char *text); /* "serial line at /dev/pts/3" */
    void *ctx;
};

/* Opens SPEC: stdio | pty | unix:PATH | tcp:HOST:PORT | file:PATH | none. Sockets listen, for one
 * client at a time; what is sent while nobody listens is lost. HOST is copied. Closed by its
 * close(). NULL and *ERR. */
struct chardev *serial_open(const char *spec, const struct serial_host *host, struct error *err);

/* Whether serial_open would take SPEC: as far as can be told while no file is made or emptied and
 * nothing listens. 0, or -1 and the same *ERR. */
int serial_check(const char *spec, struct error *err);

#endif
