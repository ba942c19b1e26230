/* SPDX-License-Identifier: MIT */
/* libslirp on libuv. slirp owns its sockets and tells which events it wants; a prepare handle asks
 * it before every wait and keeps one poll handle a socket, a check handle hands the events back.
 * Its timers are uv timers. All of it runs on the loop's thread. */

#include "host/net.h"

#include <arpa/inet.h>
#include <libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host/loop.h"

#define MAX_POLLS 512

struct net_poll {
    uv_poll_t handle;
    struct net_user *net;
    int fd, wanted, got; /* SLIRP_POLL_* */
    bool open, used;
};

struct net_timer {
    uv_timer_t handle;
    struct net_user *net;
    SlirpTimerCb callback;
    void *opaque;
};

struct net_user {
    struct net_user_config config;
    Slirp *slirp;
    uv_loop_t *uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timeout; /* bounds the wait as slirp asks */
    struct net_poll *polls[MAX_POLLS];
    unsigned poll_count;
    SlirpCb callbacks;
};

/* ---- slirp's callbacks ---- */

static ssize_t send_packet(const void *data, size_t size, void *opaque)
{
    struct net_user *net = opaque;
    net->config.lock(net->config.ctx);
    if (net->config.ready(net->config.ctx))
        net->config.deliver(net->config.ctx, data, size);
    net->config.unlock(net->config.ctx);
    return (ssize_t)size;
}

static void guest_error(const char *text, void *opaque)
{
}

static int64_t clock_ns(void *opaque)
{
    return (int64_t)host_monotonic_ns();
}

static void timer_fired(uv_timer_t *handle)
{
    struct net_timer *timer = handle->data;
    timer->callback(timer->opaque);
}

static void *timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
    struct net_user *net = opaque;
    struct net_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    timer->net = net;
    timer->callback = callback;
    timer->opaque = callback_opaque;
    uv_timer_init(net->uv, &timer->handle);
    timer->handle.data = timer;
    return timer;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle->data);
}

static void timer_free(void *timer, void *opaque)
{
    if (timer)
        uv_close((uv_handle_t *)&((struct net_timer *)timer)->handle, free_timer);
}

static void timer_mod(void *opaque_timer, int64_t expire_ms, void *opaque)
{
    struct net_timer *timer = opaque_timer;
    const int64_t now = (int64_t)(host_monotonic_ns() / 1000000);
    uv_timer_start(&timer->handle, timer_fired, expire_ms > now ? (uint64_t)(expire_ms - now) : 0,
                   0);
}

static void register_fd(int fd, void *opaque)
{
}

static void notify(void *opaque)
{
}

/* ---- polling ---- */

static void free_poll(uv_handle_t *handle)
{
    free(handle->data);
}

static int from_uv(int status, int events)
{
    int got = status < 0 ? SLIRP_POLL_ERR | SLIRP_POLL_HUP : 0;
    got |= events & UV_READABLE ? SLIRP_POLL_IN : 0;
    got |= events & UV_WRITABLE ? SLIRP_POLL_OUT : 0;
    got |= events & UV_PRIORITIZED ? SLIRP_POLL_PRI : 0;
    return got | (events & UV_DISCONNECT ? SLIRP_POLL_HUP : 0);
}

static void poll_ready(uv_poll_t *handle, int status, int events)
{
    struct net_poll *poll = handle->data;
    poll->got |= from_uv(status, events);
}

static int to_uv(int wanted)
{
    return (wanted & SLIRP_POLL_IN ? UV_READABLE : 0) |
           (wanted & SLIRP_POLL_OUT ? UV_WRITABLE : 0) |
           (wanted & SLIRP_POLL_PRI ? UV_PRIORITIZED : 0) |
           (wanted & SLIRP_POLL_HUP ? UV_DISCONNECT : 0);
}

static struct net_poll *poll_for(struct net_user *net, int fd)
{
    for (unsigned i = 0; i < net->poll_count; i++)
        if (net->polls[i]->fd == fd)
            return net->polls[i];
    if (net->poll_count == MAX_POLLS)
        return NULL;
    struct net_poll *poll = calloc(1, sizeof(*poll));
    if (!poll || uv_poll_init(net->uv, &poll->handle, fd)) {
        free(poll);
        return NULL;
    }
    poll->handle.data = poll;
    poll->net = net;
    poll->fd = fd;
    net->polls[net->poll_count++] = poll;
    return poll;
}

/* The index by which slirp asks for the result: -1 when there is no room, which it treats as no
 * event. */
static int add_poll(int fd, int events, void *opaque)
{
    struct net_user *net = opaque;
    struct net_poll *poll = poll_for(net, fd);
    if (!poll)
        return -1;
    poll->used = true;
    if (!poll->open || poll->wanted != events) {
        poll->wanted = events;
        poll->open = !uv_poll_start(&poll->handle, to_uv(events), poll_ready);
    }
    for (unsigned i = 0; i < net->poll_count; i++)
        if (net->polls[i] == poll)
            return (int)i;
    return -1;
}

static int get_events(int index, void *opaque)
{
    struct net_user *net = opaque;
    return index >= 0 && (unsigned)index < net->poll_count ? net->polls[index]->got : 0;
}

/* Sockets that slirp no longer names are closed there: their handles must go before the number is
 * used again. */
static void drop_unused(struct net_user *net)
{
    for (unsigned i = 0; i < net->poll_count;) {
        struct net_poll *poll = net->polls[i];
        if (poll->used) {
            i++;
            continue;
        }
        net->polls[i] = net->polls[--net->poll_count];
        uv_close((uv_handle_t *)&poll->handle, free_poll);
    }
}

static void timeout_fired(uv_timer_t *handle)
{
}

static void before_wait(uv_prepare_t *handle)
{
    struct net_user *net = handle->data;
    uint32_t timeout = 1000;
    for (unsigned i = 0; i < net->poll_count; i++) {
        net->polls[i]->used = false;
        net->polls[i]->got = 0;
    }
    slirp_pollfds_fill(net->slirp, &timeout, add_poll, net);
    drop_unused(net);
    uv_timer_start(&net->timeout, timeout_fired, timeout, 0);
}

static void after_wait(uv_check_t *handle)
{
    struct net_user *net = handle->data;
    slirp_pollfds_poll(net->slirp, 0, get_events, net);
}

/* ---- opening ---- */

static int add_forwards(struct net_user *net, const struct net_spec *spec, struct error *err)
{
    for (unsigned i = 0; i < spec->count; i++) {
        const struct net_forward *forward = &spec->forwards[i];
        if (slirp_add_hostfwd(net->slirp, forward->udp, forward->host, forward->host_port,
                              forward->guest, forward->guest_port))
            return error_set(err, ERROR_UNAVAILABLE,
                             "--net %s: the host's port %u cannot be used: %s", net->config.spec,
                             forward->host_port, strerror(errno));
    }
    return 0;
}

static int apply_spec(struct net_user *net, struct error *err)
{
    struct net_spec spec;
    int result = net_parse(net->config.spec, &spec, err);
    if (!result && !net->config.dry_run)
        result = add_forwards(net, &spec, err);
    net_spec_free(&spec);
    return result;
}

static void start_handles(struct net_user *net)
{
    uv_prepare_init(net->uv, &net->prepare);
    uv_check_init(net->uv, &net->check);
    uv_timer_init(net->uv, &net->timeout);
    net->prepare.data = net->check.data = net->timeout.data = net;
    uv_prepare_start(&net->prepare, before_wait);
    uv_check_start(&net->check, after_wait);
}

static SlirpConfig slirp_settings(void)
{
    SlirpConfig config = {.version = 1, .in_enabled = true, .vhostname = "pomona"};
    inet_aton("10.0.2.0", &config.vnetwork);
    inet_aton("255.255.255.0", &config.vnetmask);
    inet_aton("10.0.2.2", &config.vhost);
    inet_aton("10.0.2.15", &config.vdhcp_start);
    inet_aton("10.0.2.3", &config.vnameserver);
    return config;
}

struct net_user *net_user_open(const struct net_user_config *config, struct error *err)
{
    struct net_user *net = calloc(1, sizeof(*net));
    const SlirpConfig settings = slirp_settings();
    if (!net) {
        error_set(err, ERROR_OS, "no memory for the network");
        return NULL;
    }
    net->config = *config;
    net->uv = host_loop_uv(config->loop);
    net->callbacks = (SlirpCb){.send_packet = send_packet,
                               .guest_error = guest_error,
                               .clock_get_ns = clock_ns,
                               .timer_new = timer_new,
                               .timer_free = timer_free,
                               .timer_mod = timer_mod,
                               .register_poll_fd = register_fd,
                               .unregister_poll_fd = register_fd,
                               .notify = notify};
    start_handles(net);
    net->slirp = slirp_new(&settings, &net->callbacks, net);
    if (net->slirp && !apply_spec(net, err))
        return net;
    if (!net->slirp)
        error_set(err, ERROR_OS, "libslirp could not start the user network");
    net_user_close(net);
    return NULL;
}

static void free_net(uv_handle_t *handle)
{
    free(handle->data);
}

void net_user_close(struct net_user *net)
{
    if (!net)
        return;
    uv_prepare_stop(&net->prepare);
    uv_check_stop(&net->check);
    if (net->slirp)
        slirp_cleanup(net->slirp);
    for (unsigned i = 0; i < net->poll_count; i++)
        uv_close((uv_handle_t *)&net->polls[i]->handle, free_poll);
    uv_close((uv_handle_t *)&net->prepare, NULL);
    uv_close((uv_handle_t *)&net->check, NULL);
    uv_close((uv_handle_t *)&net->timeout, free_net);
}

void net_user_send(struct net_user *net, const uint8_t *frame, size_t size)
{
    slirp_input(net->slirp, frame, (int)size);
}
