/* SPDX-License-Identifier: MIT */
#ifndef PIP_H
#define PIP_H

/* pip: a small kernel in XNU's manner, to prove a virtual Mac without Apple's software. What each file does stands at its top. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* xnu-10063's layout. */
struct boot_args {
    uint16_t revision, version;
    uint64_t virt_base, phys_base, mem_size, top_of_kernel_data;
    uint64_t video[6];
    uint32_t machine_type;
    uint64_t device_tree;
    uint32_t device_tree_length;
    char command_line[1024];
    uint64_t boot_flags, mem_size_actual;
};

extern struct boot_args *args;

/* early.c */
extern uint64_t pip_tables[2], pip_slide; /* TTBR0, TTBR1; VA - PA */
#define DEVICE_BASE 0xffffff0000000000ull /* device memory at this plus its physical address */
#define DEVICE_SIZE 0x100000000ull
static inline uint64_t to_physical(const volatile void *p)
{
    return (uint64_t)p - pip_slide;
}
static inline void *to_virtual(uint64_t physical)
{
    return (void *)(physical + pip_slide);
}

/* fixups.c */
extern unsigned fixups_plain, fixups_signed;
bool fixups_apply(void);

/* console.c */
void console_init(uint64_t base);
void put_char(char c);
int get_char(void); /* -1: none */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
/* One line a check. */
void check(const char *name, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
extern unsigned checks_failed;

/* adt.c */
struct adt {
    const uint8_t *node;
};
bool adt_path(const char *path, struct adt *out);
const void *adt_get(struct adt node, const char *name, uint32_t *size);
uint64_t adt_number(struct adt node, const char *name, unsigned index, uint64_t otherwise); /* u32 or u64 element */
unsigned adt_count(struct adt node);
struct adt adt_child(struct adt node, unsigned index);
void adt_print(struct adt node, unsigned depth);

/* exception.c */
struct frame {
    uint64_t x[31], elr, spsr;
};
/* Runs FUNCTION; true when it took a synchronous exception, whose syndrome and address are then here. */
bool faults(void (*function)(void));
extern uint64_t fault_esr, fault_far;
bool try_call(void (*function)(void));
void try_failed(void);

/* gic.c */
extern volatile unsigned timer_ticks, ipis_taken;
bool gic_init(void);
void gic_cpu_init(unsigned cpu);
void gic_fiq(void);
void gic_irq(void);
void timer_start(uint64_t ticks);
void ipi_send(uint64_t mpidr);

/* smp.c */
extern volatile unsigned cpus_online;
unsigned cpus_total(void);
void cpus_start(void);
int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
__attribute__((noreturn)) void power_off(void);

/* pac.c */
uint64_t hvc(uint64_t function, uint64_t x1, uint64_t *out1, uint64_t *out2);
void pac_checks(void);

/* pci.c, disk.c */
struct pci_device {
    volatile uint8_t *config;
    uint16_t vendor, device;
};
bool pci_init(void);
extern struct pci_device pci_devices[32];
extern unsigned pci_count;
uint64_t pci_bar(struct pci_device *dev, unsigned index); /* virtual address of the BAR; assigned on first use */
bool disk_init(void);
extern uint64_t disk_sectors;
bool disk_transfer(uint64_t sector, void *buffer, bool write); /* 512 bytes */

/* shell.c */
void shell(void);
__attribute__((noreturn)) void panic(const char *why);

#define SYSREG_READ(name)                                                                          \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " name : "=r"(value_));                                          \
        value_;                                                                                    \
    })
#define SYSREG_WRITE(name, value)                                                                  \
    __asm__ volatile("msr " name ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

static inline uint32_t read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
static inline void write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}
static inline uint64_t read64(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);

#endif
