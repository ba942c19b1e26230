/* SPDX-License-Identifier: MIT */
/* A driver kext on top of SerialFamily, several times over: NAME is its identifier. */

#include "kernel.h"

static int driver_probe(struct service *service);
static struct service driver_service = {.name = NAME, .probe = driver_probe};
int (*const driver_methods[])(struct service *) AUTHENTICATED = {driver_probe};
static unsigned char driver_buffer[3000];

static int driver_probe(struct service *service)
{
    driver_buffer[serial_ports % sizeof(driver_buffer)]++;
    return serial_attach(service, (unsigned long)driver_buffer);
}

int driver_start(struct kmod_info *info, void *data)
{
    IOLog("starting %s\n", NAME);
    return driver_methods[0](&driver_service);
}

int driver_stop(struct kmod_info *info, void *data)
{
    return driver_service.next != 0;
}

KMOD(NAME, "1.0", driver_start, driver_stop);
