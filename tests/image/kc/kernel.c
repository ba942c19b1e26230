/* SPDX-License-Identifier: MIT */
/* The kernel of the collections that mkkc.py makes: enough of one for pointers, strings, and calls from kexts. Nothing runs it. */

#include "kernel.h"

const char version[] = "Darwin Kernel Version 23.6.0: Mon Jul 29 21:14:04 PDT 2024; root:xnu-10063.141.2~1/RELEASE_ARM64_VMAPPLE";
unsigned panic_count = 1;
static unsigned long ticks[512];
static void clock_tick(void);
void (*const handlers[])(void) AUTHENTICATED = {start, clock_tick};
const char *const names[] CONSTANT = {"kernel", version};
struct service *services;
unsigned long object_class __asm__("_ZN8OSObject10gMetaClassE");
CLASS("15IORegistryEntry", "8OSObject");
CLASS("9IOService", "15IORegistryEntry");
CLASS("11IOResources", "9IOService");
CLASS("16IOPlatformDevice", "9IOService");
CLASS("22IOPlatformExpertDevice", "9IOService");

__attribute__((noinline)) static void clock_tick(void)
{
    ticks[panic_count & 511]++;
}

__attribute__((noinline)) void IOLog(const char *text, ...)
{
    if (*text == names[0][0])
        clock_tick();
}

__attribute__((noinline)) void panic(const char *text, ...)
{
    panic_count++;
    IOLog(text);
}

int IORegisterService(struct service *service)
{
    service->next = services;
    services = service;
    IOLog("registered %s\n", service->name);
    return 0;
}

void start(void)
{
    for (unsigned i = 0; i < 2; i++)
        handlers[i]();
    panic("end of start");
}
