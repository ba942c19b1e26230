/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_H
#define KERNEL_H

/* What the made-up kernel offers its kexts. */

#define AUTHENTICATED __attribute__((section(".auth"), used))
#define CONSTANT      __attribute__((section(".data.rel.ro"), used))

struct service {
    const char *name;
    int (*probe)(struct service *);
    struct service *next;
};

/* A class of libkern, by its mangled name ("9IOService"): its metaclass, and the pointer to that of the class above. */
#define CLASS(name, above) CLASS_OF(__COUNTER__, name, above)
#define CLASS_OF(number, name, above) CLASS_NUMBER(number, name, above)
#define CLASS_NUMBER(number, name, above)                                                                                        \
    unsigned long meta_##number __asm__("_ZN" name "10gMetaClassE");                                                             \
    extern unsigned long above_##number __asm__("_ZN" above "10gMetaClassE");                                                    \
    unsigned long *const super_##number __asm__("_ZN" name "10superClassE") CONSTANT = &above_##number

/* kmod_info, as XNU's libkern lays it out. */
struct __attribute__((packed, aligned(4))) kmod_info {
    struct kmod_info *next;
    int info_version;
    unsigned id;
    char name[64], version[64];
    int reference_count;
    void *reference_list;
    unsigned long address, size, hdr_size;
    int (*start)(struct kmod_info *, void *);
    int (*stop)(struct kmod_info *, void *);
};

/* A kext's: FIRST and LAST are its start and stop functions. */
#define KMOD(bundle, number, first, last)                                                                                        \
    struct kmod_info kmod_info = {                                                                                               \
        .info_version = 1, .id = ~0u, .name = bundle, .version = number, .start = first, .stop = last}

extern const char version[];
void start(void);
void IOLog(const char *text, ...);
void panic(const char *text, ...);
int IORegisterService(struct service *service);

/* com.example.iokit.SerialFamily */
int serial_attach(struct service *service, unsigned long base);
extern unsigned serial_ports;

#endif
