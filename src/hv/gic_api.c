/* SPDX-License-Identifier: MIT */
/* hv_gic_*: configuration objects, parameters, and the monitor's view of the registers. Reference
 * hypervisor-api.md A8. */

#include <stdlib.h>

#include "../a64/exception.h"
#include "gic_internal.h"

/* ---- configuration ---- */

hv_gic_config_t hv_gic_config_create(void)
{
    return hv_object_create(sizeof(struct hv_gic_config_s));
}

/* Whether CONFIG may have a region of SIZE bytes at BASE. */
static bool base_valid(hv_gic_config_t config, uint64_t base, uint64_t size)
{
    return config && !(base & (GIC_REGION_ALIGN - 1)) && base <= UINT64_MAX - size;
}

hv_return_t hv_gic_config_set_distributor_base(hv_gic_config_t config,
                                               hv_ipa_t distributor_base_address)
{
    if (!base_valid(config, distributor_base_address, GIC_DIST_SIZE))
        return HV_BAD_ARGUMENT;
    config->dist_base = distributor_base_address;
    return HV_SUCCESS;
}

hv_return_t hv_gic_config_set_redistributor_base(hv_gic_config_t config,
                                                 hv_ipa_t redistributor_base_address)
{
    if (!base_valid(config, redistributor_base_address, GIC_REDIST_REGION))
        return HV_BAD_ARGUMENT;
    config->redist_base = redistributor_base_address;
    return HV_SUCCESS;
}

hv_return_t hv_gic_config_set_msi_region_base(hv_gic_config_t config,
                                              hv_ipa_t msi_region_base_address)
{
    if (!base_valid(config, msi_region_base_address, GIC_MSI_SIZE))
        return HV_BAD_ARGUMENT;
    config->msi_base = msi_region_base_address;
    config->has_msi = true;
    return HV_SUCCESS;
}

hv_return_t hv_gic_config_set_msi_interrupt_range(hv_gic_config_t config, uint32_t msi_intid_base,
                                                  uint32_t msi_intid_count)
{
    if (!config || msi_intid_base < GIC_SPI_BASE || msi_intid_base >= GIC_INTIDS ||
        msi_intid_count > GIC_INTIDS - msi_intid_base)
        return HV_BAD_ARGUMENT;
    config->msi_intid = msi_intid_base;
    config->msi_count = msi_intid_count;
    return HV_SUCCESS;
}

/* ---- parameters ---- */

static hv_return_t put_size(size_t *out, size_t value)
{
    if (!out)
        return HV_BAD_ARGUMENT;
    *out = value;
    return HV_SUCCESS;
}

hv_return_t hv_gic_get_distributor_size(size_t *distributor_size)
{
    return put_size(distributor_size, GIC_DIST_SIZE);
}

hv_return_t hv_gic_get_distributor_base_alignment(size_t *distributor_base_alignment)
{
    return put_size(distributor_base_alignment, GIC_REGION_ALIGN);
}

hv_return_t hv_gic_get_redistributor_region_size(size_t *redistributor_region_size)
{
    return put_size(redistributor_region_size, GIC_REDIST_REGION);
}

hv_return_t hv_gic_get_redistributor_size(size_t *redistributor_size)
{
    return put_size(redistributor_size, GIC_REDIST_SIZE);
}

hv_return_t hv_gic_get_redistributor_base_alignment(size_t *redistributor_base_alignment)
{
    return put_size(redistributor_base_alignment, GIC_REGION_ALIGN);
}

hv_return_t hv_gic_get_msi_region_size(size_t *msi_region_size)
{
    return put_size(msi_region_size, GIC_MSI_SIZE);
}

hv_return_t hv_gic_get_msi_region_base_alignment(size_t *msi_region_base_alignment)
{
    return put_size(msi_region_base_alignment, GIC_REGION_ALIGN);
}

hv_return_t hv_gic_get_spi_interrupt_range(uint32_t *spi_intid_base, uint32_t *spi_intid_count)
{
    if (!spi_intid_base || !spi_intid_count)
        return HV_BAD_ARGUMENT;
    *spi_intid_base = GIC_SPI_BASE;
    *spi_intid_count = GIC_SPI_COUNT;
    return HV_SUCCESS;
}

hv_return_t hv_gic_get_intid(hv_gic_intid_t interrupt, uint32_t *intid)
{
    if (!intid)
        return HV_BAD_ARGUMENT;
    switch ((uint16_t)interrupt) {
    case HV_GIC_INT_PERFORMANCE_MONITOR:
    case HV_GIC_INT_MAINTENANCE:
    case HV_GIC_INT_EL2_PHYSICAL_TIMER:
    case HV_GIC_INT_EL1_VIRTUAL_TIMER:
    case HV_GIC_INT_EL1_PHYSICAL_TIMER:
        *intid = interrupt;
        return HV_SUCCESS;
    default:
        return HV_BAD_ARGUMENT;
    }
}

/* ---- distributor and MSI registers ---- */

/* The current context's GIC with its lock held, or NULL. */
static struct hv_gic *lock_gic(void)
{
    struct hv_vm *vm = hv_context()->vm;
    if (!vm || !vm->gic)
        return NULL;
    pthread_mutex_lock(&vm->gic->lock);
    return vm->gic;
}

/* Bytes of the register at OFFSET of the distributor, 0 where there is none. */
static unsigned dist_reg_size(uint32_t offset)
{
    const bool aligned8 = !(offset & 7), aligned4 = !(offset & 3);
    if (offset >= HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER32 &&
        offset <= HV_GIC_DISTRIBUTOR_REG_GICD_IROUTER1019)
        return aligned8 ? 8 : 0;
    return aligned4 && offset < GIC_DIST_SIZE ? 4 : 0;
}

hv_return_t hv_gic_get_distributor_reg(hv_gic_distributor_reg_t reg, uint64_t *value)
{
    const unsigned size = dist_reg_size(reg);
    if (!size || !value)
        return HV_BAD_ARGUMENT;
    struct hv_gic *gic = lock_gic();
    if (!gic)
        return HV_NO_DEVICE;
    *value = gic_dist_read(gic, reg, size);
    pthread_mutex_unlock(&gic->lock);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_distributor_reg(hv_gic_distributor_reg_t reg, uint64_t value)
{
    const unsigned size = dist_reg_size(reg);
    if (!size)
        return HV_BAD_ARGUMENT;
    struct hv_gic *gic = lock_gic();
    if (!gic)
        return HV_NO_DEVICE;
    gic_dist_write(gic, reg, size, value);
    pthread_mutex_unlock(&gic->lock);
    return HV_SUCCESS;
}

hv_return_t hv_gic_get_msi_reg(hv_gic_msi_reg_t reg, uint64_t *value)
{
    if (!value || (reg != HV_GIC_REG_GICM_TYPER && reg != HV_GIC_REG_GICM_SET_SPI_NSR))
        return HV_BAD_ARGUMENT;
    struct hv_gic *gic = lock_gic();
    if (!gic)
        return HV_NO_DEVICE;
    *value = gic_msi_read(gic, reg, 4);
    pthread_mutex_unlock(&gic->lock);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_msi_reg(hv_gic_msi_reg_t reg, uint64_t value)
{
    if (reg != HV_GIC_REG_GICM_TYPER && reg != HV_GIC_REG_GICM_SET_SPI_NSR)
        return HV_BAD_ARGUMENT;
    struct hv_gic *gic = lock_gic();
    if (!gic)
        return HV_NO_DEVICE;
    gic_msi_write(gic, reg, 4, value);
    pthread_mutex_unlock(&gic->lock);
    return HV_SUCCESS;
}

hv_return_t hv_gic_send_msi(hv_ipa_t address, uint32_t intid)
{
    struct hv_gic *gic = lock_gic();
    if (!gic)
        return HV_NO_DEVICE;
    const bool valid = gic->msi_count && address == gic->msi_base + HV_GIC_REG_GICM_SET_SPI_NSR &&
                       intid >= gic->msi_intid && intid - gic->msi_intid < gic->msi_count;
    if (valid)
        gic_send_message(gic, intid);
    pthread_mutex_unlock(&gic->lock);
    return valid ? HV_SUCCESS : HV_BAD_ARGUMENT;
}

/* ---- redistributors ---- */

/* VCPU's redistributor with the GIC's lock held, or NULL and *RESULT why. */
static struct gic_redist *lock_redist(hv_vcpu_t id, hv_return_t *result)
{
    struct hv_vcpu *vcpu = hv_vcpu_mine(id);
    *result = !vcpu ? HV_BAD_ARGUMENT : vcpu->vm->gic ? HV_SUCCESS : HV_NO_DEVICE;
    if (*result != HV_SUCCESS)
        return NULL;
    pthread_mutex_lock(&vcpu->vm->gic->lock);
    return vcpu->vm->gic->redist[vcpu->cpu.index];
}

static void unlock_redist(struct gic_redist *redist)
{
    pthread_mutex_unlock(&redist->vcpu->vm->gic->lock);
}

hv_return_t hv_gic_get_redistributor_base(hv_vcpu_t vcpu, hv_ipa_t *redistributor_base_address)
{
    hv_return_t result;
    if (!redistributor_base_address)
        return HV_BAD_ARGUMENT;
    struct gic_redist *redist = lock_redist(vcpu, &result);
    if (!redist)
        return result;
    const struct hv_vcpu *self = redist->vcpu;
    *redistributor_base_address =
        self->vm->gic->redist_base + (uint64_t)self->cpu.index * GIC_REDIST_SIZE;
    unlock_redist(redist);
    return HV_SUCCESS;
}

/* Bytes of the register at OFFSET of a redistributor, 0 where there is none. */
static unsigned redist_reg_size(uint32_t offset)
{
    if (offset == HV_GIC_REDISTRIBUTOR_REG_GICR_TYPER)
        return 8;
    return !(offset & 3) && offset < GIC_REDIST_SIZE ? 4 : 0;
}

hv_return_t hv_gic_get_redistributor_reg(hv_vcpu_t vcpu, hv_gic_redistributor_reg_t reg,
                                         uint64_t *value)
{
    hv_return_t result;
    const unsigned size = redist_reg_size(reg);
    if (!size || !value)
        return HV_BAD_ARGUMENT;
    struct gic_redist *redist = lock_redist(vcpu, &result);
    if (!redist)
        return result;
    *value = gic_redist_read(redist->vcpu->vm->gic, redist, reg, size);
    unlock_redist(redist);
    return HV_SUCCESS;
}

hv_return_t hv_gic_set_redistributor_reg(hv_vcpu_t vcpu, hv_gic_redistributor_reg_t reg,
                                         uint64_t value)
{
    hv_return_t result;
    const unsigned size = redist_reg_size(reg);
    if (!size)
        return HV_BAD_ARGUMENT;
    struct gic_redist *redist = lock_redist(vcpu, &result);
    if (!redist)
        return result;
    gic_redist_write(redist->vcpu->vm->gic, redist, reg, size, value);
    unlock_redist(redist);
    return HV_SUCCESS;
}

/* ---- CPU interfaces ---- */

/* Which of the CPU interface's registers the API names: not those with effects. */
static bool is_named(unsigned enc)
{
    switch (enc) {
    case ICC_PMR_EL1:
    case ICC_BPR0_EL1:
    case ICC_AP0R0_EL1:
    case ICC_AP1R0_EL1:
    case ICC_RPR_EL1:
    case ICC_BPR1_EL1:
    case ICC_CTLR_EL1:
    case ICC_SRE_EL1:
    case ICC_IGRPEN0_EL1:
    case ICC_IGRPEN1_EL1:
        return true;
    default:
        return false;
    }
}

typedef bool gic_read_fn(struct gic_cpu *gic, unsigned enc, uint64_t *value);
typedef bool gic_write_fn(struct gic_cpu *gic, unsigned enc, uint64_t value);

static hv_return_t get_reg(hv_vcpu_t vcpu, bool named, bool el2, unsigned enc, uint64_t *value,
                           gic_read_fn *read)
{
    hv_return_t result;
    if (!named || !value)
        return HV_BAD_ARGUMENT;
    struct gic_redist *redist = lock_redist(vcpu, &result);
    if (!redist)
        return result;
    if (el2 && !a64_el2_enabled(&redist->vcpu->cpu))
        result = HV_UNSUPPORTED;
    else if (!read(&redist->cpu_interface, enc, value))
        result = HV_BAD_ARGUMENT;
    unlock_redist(redist);
    return result;
}

static hv_return_t set_reg(hv_vcpu_t vcpu, bool named, bool el2, unsigned enc, uint64_t value,
                           gic_write_fn *write)
{
    hv_return_t result;
    if (!named)
        return HV_BAD_ARGUMENT;
    struct gic_redist *redist = lock_redist(vcpu, &result);
    if (!redist)
        return result;
    if (el2 && !a64_el2_enabled(&redist->vcpu->cpu))
        result = HV_UNSUPPORTED;
    else if (enc == ICC_RPR_EL1)
        result = HV_DENIED;
    else if (!write(&redist->cpu_interface, enc, value))
        result = HV_BAD_ARGUMENT;
    unlock_redist(redist);
    return result;
}

hv_return_t hv_gic_get_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t *value)
{
    const bool el2 = reg == HV_GIC_ICC_REG_SRE_EL2;
    return get_reg(vcpu, el2 || is_named(reg), el2, reg, value, gic_icc_read);
}

hv_return_t hv_gic_set_icc_reg(hv_vcpu_t vcpu, hv_gic_icc_reg_t reg, uint64_t value)
{
    const bool el2 = reg == HV_GIC_ICC_REG_SRE_EL2;
    return set_reg(vcpu, el2 || is_named(reg), el2, reg, value, gic_icc_write);
}

hv_return_t hv_gic_get_ich_reg(hv_vcpu_t vcpu, hv_gic_ich_reg_t reg, uint64_t *value)
{
    return get_reg(vcpu, true, true, reg, value, gic_ich_read);
}

hv_return_t hv_gic_set_ich_reg(hv_vcpu_t vcpu, hv_gic_ich_reg_t reg, uint64_t value)
{
    return set_reg(vcpu, true, true, reg, value, gic_ich_write);
}

hv_return_t hv_gic_get_icv_reg(hv_vcpu_t vcpu, hv_gic_icv_reg_t reg, uint64_t *value)
{
    return get_reg(vcpu, is_named(reg), true, reg, value, gic_icv_read);
}

hv_return_t hv_gic_set_icv_reg(hv_vcpu_t vcpu, hv_gic_icv_reg_t reg, uint64_t value)
{
    return set_reg(vcpu, is_named(reg), true, reg, value, gic_icv_write);
}
