/* SPDX-License-Identifier: MIT */
/* The event loop (loop.h) on libuv. */

#include "host/loop.h"

#include <stdlib.h>
#include <uv.h>

struct host_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    void (*service)(void *ctx);
    void *ctx;
};

static void serve(struct host_loop *loop)
{
    if (loop->service)
        loop->service(loop->ctx);
}

static void on_wake(uv_async_t *handle)
{
    serve(handle->data);
}

static void on_timer(uv_timer_t *handle)
{
    serve(handle->data);
}

struct host_loop *host_loop_create(void)
{
    struct host_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    if (uv_loop_init(&loop->uv)) {
        free(loop);
        return NULL;
    }
    if (uv_async_init(&loop->uv, &loop->wake, on_wake)) {
        uv_loop_close(&loop->uv);
        free(loop);
        return NULL;
    }
    uv_timer_init(&loop->uv, &loop->timer);
    loop->wake.data = loop->timer.data = loop;
    return loop;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void host_loop_destroy(struct host_loop *loop)
{
    if (!loop)
        return;
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop);
}

uv_loop_t *host_loop_uv(struct host_loop *loop)
{
    return &loop->uv;
}

void host_loop_set_service(struct host_loop *loop, void (*service)(void *ctx), void *ctx)
{
    loop->service = service;
    loop->ctx = ctx;
}

void host_loop_run(struct host_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void host_loop_stop(struct host_loop *loop)
{
    uv_stop(&loop->uv);
}

void host_loop_wake(struct host_loop *loop)
{
    uv_async_send(&loop->wake);
}

void host_loop_set_timer(struct host_loop *loop, uint64_t ns)
{
    if (ns == UINT64_MAX)
        uv_timer_stop(&loop->timer);
    else
        uv_timer_start(&loop->timer, on_timer, ns / 1000000 + (ns % 1000000 != 0), 0);
}

uint64_t host_monotonic_ns(void)
{
    return uv_hrtime();
}

void host_random(void *out, unsigned long size)
{
    if (uv_random(NULL, NULL, out, size, 0, NULL))
        abort(); /* the kernel has no random numbers: nothing can be trusted */
}
