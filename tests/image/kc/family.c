/* SPDX-License-Identifier: MIT */
/* com.example.iokit.SerialFamily: a library, which other kexts call. */

#include "kernel.h"

unsigned serial_ports;
static const char *const family_names[] CONSTANT = {"SerialFamily", "port"};

__attribute__((noinline)) static int check(unsigned long base)
{
    if (!base)
        panic("%s without an address", family_names[1]);
    return base != 0;
}

int serial_attach(struct service *service, unsigned long base)
{
    serial_ports += (unsigned)check(base);
    return IORegisterService(service);
}

static int family_start(struct kmod_info *info, void *data)
{
    IOLog("%s\n", family_names[0]);
    return 0;
}

KMOD("com.example.iokit.SerialFamily", "2.1.0", family_start, 0);
