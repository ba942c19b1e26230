/* SPDX-License-Identifier: MIT */
/* The only program of an initramfs: runs guest.S under this kernel's KVM with a virtual GICv3,
 * prints what it reports, and powers off. What it proves of the machine below: stage 2, the virtual
 * CPU interface with its maintenance, timers and traps of a guest's guest. */

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#define RAM       0x40000000u
#define RAM_SIZE  0x400000u
#define DIST      0x08000000ull
#define REDIST    0x080a0000ull
#define CORE(reg) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(reg))

extern const char guest_start[], guest_end[];

static int check(int result, const char *what)
{
    if (result < 0)
        printf("kvm: %s: %m\n", what);
    return result;
}

static int make_gic(int vm)
{
    struct kvm_create_device device = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
    const uint64_t dist = DIST, redist = REDIST;
    if (check(ioctl(vm, KVM_CREATE_DEVICE, &device), "vgic"))
        return -1;
    struct kvm_device_attr attr = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
                                   .attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
                                   .addr = (uintptr_t)&dist};
    check(ioctl(device.fd, KVM_SET_DEVICE_ATTR, &attr), "distributor");
    attr.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
    attr.addr = (uintptr_t)&redist;
    check(ioctl(device.fd, KVM_SET_DEVICE_ATTR, &attr), "redistributor");
    attr = (struct kvm_device_attr){.group = KVM_DEV_ARM_VGIC_GRP_CTRL,
                                    .attr = KVM_DEV_ARM_VGIC_CTRL_INIT};
    return check(ioctl(device.fd, KVM_SET_DEVICE_ATTR, &attr), "vgic init");
}

static void run(int vcpu, struct kvm_run *state)
{
    while (!check(ioctl(vcpu, KVM_RUN, 0), "run")) {
        if (state->exit_reason != KVM_EXIT_MMIO) {
            printf("kvm: exit %u, event %u\n", state->exit_reason,
                   state->exit_reason == KVM_EXIT_SYSTEM_EVENT ? state->system_event.type : 0);
            return;
        }
        uint64_t value;
        memcpy(&value, state->mmio.data, sizeof(value));
        printf("kvm: step %u value %#x\n", (unsigned)(value >> 32), (unsigned)value);
    }
}

static void start(int kvm)
{
    const int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
    const int vm = check(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits)), "vm");
    uint8_t *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(ram, guest_start, (size_t)(guest_end - guest_start));
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = RAM, .memory_size = RAM_SIZE, .userspace_addr = (uintptr_t)ram};
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "memory");
    const int vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "vcpu");
    struct kvm_vcpu_init init;
    check(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "target");
    init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
    check(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "init");
    if (make_gic(vm))
        return;
    uint64_t pc = RAM;
    struct kvm_one_reg reg = {.id = CORE(regs.pc), .addr = (uintptr_t)&pc};
    check(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "pc");
    const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    run(vcpu, mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0));
}

int main(void)
{
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    const int console = open("/dev/console", O_RDWR);
    dup2(console, 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    const int kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
    if (kvm >= 0)
        start(kvm);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
