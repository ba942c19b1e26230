/* SPDX-License-Identifier: MIT */
/* A small virtual machine monitor that boots Linux under this kernel's KVM: vmm IMAGE INITRD DTB
 * CPUS. It runs as a program of the guest under test, so that a kernel boots two levels down. RAM,
 * a GICv3 in the kernel, PSCI in the kernel, and a PL011 whose FIFO is always empty; linux.dts says
 * the same to the guest. */

#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM       0x40000000ull
#define RAM_SIZE  (256u << 20)
#define DTB_AT    0x06000000u /* in RAM */
#define INITRD_AT 0x07000000u
#define DIST      0x08000000ull
#define REDIST    0x080a0000ull
#define UART      0x09000000ull
#define UART_SPI  1u
#define CORE(reg) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(reg))

enum {
    UARTDR = 0x00,
    UARTFR = 0x18,
    UARTIMSC = 0x38,
    UARTRIS = 0x3c,
    UARTMIS = 0x40,
    PERIPH_ID = 0xfe0
};
#define FR_EMPTY 0x90u /* TXFE, RXFE */
#define INT_TX   0x20u

static int vm_fd;
static uint32_t uart_mask;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static void load(uint8_t *ram, const char *path, size_t at)
{
    const int fd = must(open(path, O_RDONLY), path);
    ssize_t got;
    while ((got = read(fd, ram + at, RAM_SIZE - at)) > 0)
        at += (size_t)got;
    close(fd);
}

/* ---- the UART; its transmit interrupt is pending whenever it is not masked ---- */

static uint32_t uart_read(uint64_t offset)
{
    static const uint8_t id[8] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    if (offset >= PERIPH_ID && offset < PERIPH_ID + 32)
        return id[(offset - PERIPH_ID) / 4];
    switch (offset) {
    case UARTFR:
        return FR_EMPTY;
    case UARTIMSC:
        return uart_mask;
    case UARTRIS:
        return INT_TX;
    case UARTMIS:
        return INT_TX & uart_mask;
    }
    return 0;
}

static void uart_write(uint64_t offset, uint32_t value)
{
    if (offset == UARTDR) {
        putchar((int)(value & 0xff));
        fflush(stdout);
    }
    if (offset != UARTIMSC)
        return;
    uart_mask = value;
    struct kvm_irq_level irq = {
        .irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (32 + UART_SPI),
        .level = (value & INT_TX) != 0,
    };
    must(ioctl(vm_fd, KVM_IRQ_LINE, &irq), "KVM_IRQ_LINE");
}

static void mmio(struct kvm_run *run)
{
    uint32_t value = 0;
    pthread_mutex_lock(&lock);
    const uint64_t offset = run->mmio.phys_addr - UART;
    if (run->mmio.is_write) {
        memcpy(&value, run->mmio.data, run->mmio.len < 4 ? run->mmio.len : 4);
        uart_write(offset, value);
    } else {
        value = uart_read(offset);
        memcpy(run->mmio.data, &value, run->mmio.len < 4 ? run->mmio.len : 4);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- vCPUs ---- */

static void *run_vcpu(void *arg)
{
    const int *fds = arg;
    struct kvm_run *run = mmap(NULL, (size_t)fds[1], PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    for (;;) {
        must(ioctl(fds[0], KVM_RUN, 0), "KVM_RUN");
        if (run->exit_reason == KVM_EXIT_MMIO) {
            mmio(run);
        } else if (run->exit_reason == KVM_EXIT_SYSTEM_EVENT) {
            printf("vmm: system event %u\n", run->system_event.type);
            fflush(stdout);
            _exit(run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN ? 0 : 1);
        } else {
            printf("vmm: exit %u\n", run->exit_reason);
            _exit(1);
        }
    }
    return NULL;
}

static void set_reg(int vcpu, uint64_t id, uint64_t value)
{
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)&value};
    must(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

static int make_vcpu(unsigned index)
{
    const int vcpu = must(ioctl(vm_fd, KVM_CREATE_VCPU, index), "KVM_CREATE_VCPU");
    struct kvm_vcpu_init init;
    must(ioctl(vm_fd, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
    init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2 | (index ? 1u << KVM_ARM_VCPU_POWER_OFF : 0);
    must(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
    return vcpu;
}

static void make_gic(void)
{
    struct kvm_create_device device = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
    uint64_t dist = DIST, redist = REDIST;
    must(ioctl(vm_fd, KVM_CREATE_DEVICE, &device), "vgic");
    struct kvm_device_attr attr = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
                                   .attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
                                   .addr = (uintptr_t)&dist};
    must(ioctl((int)device.fd, KVM_SET_DEVICE_ATTR, &attr), "distributor");
    attr.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
    attr.addr = (uintptr_t)&redist;
    must(ioctl((int)device.fd, KVM_SET_DEVICE_ATTR, &attr), "redistributor");
    attr = (struct kvm_device_attr){.group = KVM_DEV_ARM_VGIC_GRP_CTRL,
                                    .attr = KVM_DEV_ARM_VGIC_CTRL_INIT};
    must(ioctl((int)device.fd, KVM_SET_DEVICE_ATTR, &attr), "vgic init");
}

int main(int argc, char **argv)
{
    static int fds[8][2];
    if (argc != 5)
        return 64;
    const unsigned cpus = (unsigned)atoi(argv[4]);
    const int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
    const int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    const int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
    vm_fd = must(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits)), "KVM_CREATE_VM");
    uint8_t *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    load(ram, argv[1], 0);
    load(ram, argv[2], INITRD_AT);
    load(ram, argv[3], DTB_AT);
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = RAM, .memory_size = RAM_SIZE, .userspace_addr = (uintptr_t)ram};
    must(ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region), "memory");
    for (unsigned i = 0; i < cpus; i++) {
        fds[i][0] = make_vcpu(i);
        fds[i][1] = size;
    }
    make_gic();
    set_reg(fds[0][0], CORE(regs.pc), RAM);
    set_reg(fds[0][0], CORE(regs.regs[0]), RAM + DTB_AT);
    for (unsigned i = 1; i < cpus; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run_vcpu, fds[i]);
    }
    run_vcpu(fds[0]);
    return 0;
}
