/* SPDX-License-Identifier: MIT */
/* The configuration objects of VMs and vCPUs, Apple's setters and ours. */

#include <stdlib.h>
#include <string.h>

#include "../a64/sysreg.h"
#include "hv_internal.h"

#define DEFAULT_MODEL          "apple-m1"
#define DEFAULT_INSNS_PER_TICK 10
#define DEFAULT_QUANTUM        100000

void hv_vm_config_defaults(struct hv_vm_config_s *config)
{
    config->granule = HV_IPA_GRANULE_16KB;
    config->model = a64_model_find(DEFAULT_MODEL);
    if (hv_engine_knobs(getenv("POMONA_ENGINE_KNOBS"), &config->knobs))
        config->engine = hv_engine_find(NULL);
}

hv_vm_config_t hv_vm_config_create(void)
{
    struct hv_vm_config_s *config = hv_object_create(sizeof(*config));
    if (config)
        hv_vm_config_defaults(config);
    return config;
}

hv_return_t hv_vm_config_get_max_ipa_size(uint32_t *ipa_bit_length)
{
    if (!ipa_bit_length)
        return HV_BAD_ARGUMENT;
    *ipa_bit_length = HV_MAX_IPA_BITS;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_default_ipa_size(uint32_t *ipa_bit_length)
{
    if (!ipa_bit_length)
        return HV_BAD_ARGUMENT;
    *ipa_bit_length = HV_DEFAULT_IPA_BITS;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_set_ipa_size(hv_vm_config_t config, uint32_t ipa_bit_length)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    if (ipa_bit_length > HV_MAX_IPA_BITS)
        return HV_UNSUPPORTED;
    config->ipa_bits = ipa_bit_length;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_ipa_size(hv_vm_config_t config, uint32_t *ipa_bit_length)
{
    if (!config || !ipa_bit_length)
        return HV_BAD_ARGUMENT;
    *ipa_bit_length = config->ipa_bits;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_el2_supported(bool *el2_supported)
{
    if (!el2_supported)
        return HV_BAD_ARGUMENT;
    *el2_supported = true;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_el2_enabled(hv_vm_config_t config, bool *el2_enabled)
{
    if (!config || !el2_enabled)
        return HV_BAD_ARGUMENT;
    *el2_enabled = config->el2;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_set_el2_enabled(hv_vm_config_t config, bool el2_enabled)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->el2 = el2_enabled;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_default_ipa_granule(hv_ipa_granule_t *granule)
{
    if (!granule)
        return HV_BAD_ARGUMENT;
    *granule = HV_IPA_GRANULE_16KB;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_get_ipa_granule(hv_vm_config_t config, hv_ipa_granule_t *granule)
{
    if (!config || !granule)
        return HV_BAD_ARGUMENT;
    *granule = config->granule;
    return HV_SUCCESS;
}

hv_return_t hv_vm_config_set_ipa_granule(hv_vm_config_t config, hv_ipa_granule_t granule)
{
    if (!config || (uint32_t)granule > HV_IPA_GRANULE_16KB)
        return HV_BAD_ARGUMENT;
    config->granule = granule;
    return HV_SUCCESS;
}

/* ---- ours ---- */

hv_return_t hv_pomona_vm_config_set_cpu_model(hv_vm_config_t config, const char *name)
{
    const struct a64_model *model = config && name ? a64_model_find(name) : NULL;
    if (!model)
        return HV_BAD_ARGUMENT;
    config->model = model;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_pa_bits(hv_vm_config_t config, uint32_t bits)
{
    static const uint8_t known[] = {0, 32, 36, 40, 42, 44, 48};
    if (!config || bits > 48 || !memchr(known, (int)bits, sizeof(known)))
        return HV_BAD_ARGUMENT;
    config->pa_bits = bits;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_e2h_fixed(hv_vm_config_t config, bool fixed)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->e2h_fixed = fixed;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_engine(hv_vm_config_t config, const char *name)
{
    const struct hv_engine *engine = config && name ? hv_engine_find(name) : NULL;
    if (!engine)
        return HV_BAD_ARGUMENT;
    config->engine = engine;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_engine_knobs(hv_vm_config_t config, const char *list)
{
    struct a64_knobs knobs;
    if (!config || !list || !hv_engine_knobs(list, &knobs))
        return HV_BAD_ARGUMENT;
    knobs.perf_map = config->knobs.perf_map;
    knobs.count_refills = config->knobs.count_refills;
    knobs.code_cache = config->knobs.code_cache;
    knobs.code_cache_said = config->knobs.code_cache_said;
    knobs.code_cache_ctx = config->knobs.code_cache_ctx;
    knobs.differs = config->knobs.differs;
    knobs.differs_ctx = config->knobs.differs_ctx;
    knobs.every_block |= config->knobs.differs != NULL;
    config->knobs = knobs;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_engine_check(hv_vm_config_t config,
                                                 void (*differs)(void *context, const char *text),
                                                 void *context)
{
    if (!config || !differs)
        return HV_BAD_ARGUMENT;
    config->knobs.differs = differs;
    config->knobs.differs_ctx = context;
    config->knobs.every_block = true;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_code_cache(hv_vm_config_t config, const char *directory,
                                               void (*said)(void *context, const char *text),
                                               void *context)
{
    if (!config || !directory || !*directory)
        return HV_BAD_ARGUMENT;
    config->knobs.code_cache = directory;
    config->knobs.code_cache_said = said;
    config->knobs.code_cache_ctx = context;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_code_memory(hv_vm_config_t config, size_t size)
{
    if (!config || size < HV_LEAST_CODE || size > HV_MOST_CODE)
        return HV_BAD_ARGUMENT;
    config->knobs.code_size = (uint32_t)size & ~0xfffu;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_perf_map(hv_vm_config_t config, bool enabled)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->knobs.perf_map = enabled;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_statistics(hv_vm_config_t config, bool enabled)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->knobs.count_refills = enabled;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_clock(hv_vm_config_t config,
                                          const hv_pomona_clock_config_t *clock)
{
    if (!config || !clock || (uint32_t)clock->clock > HV_POMONA_CLOCK_INSN)
        return HV_BAD_ARGUMENT;
    config->clock = *clock;
    if (!config->clock.insns_per_tick)
        config->clock.insns_per_tick = DEFAULT_INSNS_PER_TICK;
    if (!config->clock.quantum)
        config->clock.quantum = DEFAULT_QUANTUM;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_loop_exit(hv_vm_config_t config, bool enabled)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->loop_exit = enabled;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_timer_wires(hv_vm_config_t config, bool to_fiq)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->timers_to_fiq = to_fiq;
    return HV_SUCCESS;
}

hv_return_t hv_pomona_vm_config_set_private_memory(hv_vm_config_t config, bool enabled)
{
    if (!config)
        return HV_BAD_ARGUMENT;
    config->private_memory = enabled;
    return HV_SUCCESS;
}

/* ---- vCPU configurations ---- */

hv_vcpu_config_t hv_vcpu_config_create(void)
{
    return hv_object_create(sizeof(struct hv_vcpu_config_s));
}

/* hv_feature_reg_t to encoding. */
static const uint16_t feature_regs[] = {
    [HV_FEATURE_REG_ID_AA64DFR0_EL1] = HV_SYS_REG_ID_AA64DFR0_EL1,
    [HV_FEATURE_REG_ID_AA64DFR1_EL1] = HV_SYS_REG_ID_AA64DFR1_EL1,
    [HV_FEATURE_REG_ID_AA64ISAR0_EL1] = HV_SYS_REG_ID_AA64ISAR0_EL1,
    [HV_FEATURE_REG_ID_AA64ISAR1_EL1] = HV_SYS_REG_ID_AA64ISAR1_EL1,
    [HV_FEATURE_REG_ID_AA64MMFR0_EL1] = HV_SYS_REG_ID_AA64MMFR0_EL1,
    [HV_FEATURE_REG_ID_AA64MMFR1_EL1] = HV_SYS_REG_ID_AA64MMFR1_EL1,
    [HV_FEATURE_REG_ID_AA64MMFR2_EL1] = HV_SYS_REG_ID_AA64MMFR2_EL1,
    [HV_FEATURE_REG_ID_AA64PFR0_EL1] = HV_SYS_REG_ID_AA64PFR0_EL1,
    [HV_FEATURE_REG_ID_AA64PFR1_EL1] = HV_SYS_REG_ID_AA64PFR1_EL1,
    [HV_FEATURE_REG_CTR_EL0] = A64_SYSREG(3, 3, 0, 0, 1),
    [HV_FEATURE_REG_CLIDR_EL1] = A64_SYSREG(3, 1, 0, 0, 1),
    [HV_FEATURE_REG_DCZID_EL0] = A64_SYSREG(3, 3, 0, 0, 7),
    [HV_FEATURE_REG_ID_AA64SMFR0_EL1] = HV_SYS_REG_ID_AA64SMFR0_EL1,
    [HV_FEATURE_REG_ID_AA64ZFR0_EL1] = HV_SYS_REG_ID_AA64ZFR0_EL1,
};

struct a64_model_options hv_model_options(const struct hv_vm *vm)
{
    const struct hv_vm_config_s *config = &vm->config;
    const bool wider = config->ipa_bits > HV_DEFAULT_IPA_BITS;
    return (struct a64_model_options){
        .el2 = config->el2,
        .gic = vm->gic != NULL,
        .e2h_fixed = config->e2h_fixed,
        .vipt = config->knobs.vipt,
        .pa_bits = config->pa_bits ? config->pa_bits
                   : wider         ? HV_MAX_IPA_BITS
                                   : 0,
    };
}

/* The CPU that hv_vcpu_create would make now: of the context's VM, or of one with the defaults. */
static const struct a64_model *next_model(struct a64_model_options *options)
{
    const struct a64_model *model = a64_model_find(DEFAULT_MODEL);
    struct hv_pomona_context_s *context = hv_context();
    *options = (struct a64_model_options){0};
    pthread_mutex_lock(&context->lock);
    if (context->vm) {
        model = context->vm->config.model;
        *options = hv_model_options(context->vm);
    }
    pthread_mutex_unlock(&context->lock);
    return model;
}

hv_return_t hv_vcpu_config_get_feature_reg(hv_vcpu_config_t config, hv_feature_reg_t feature_reg,
                                           uint64_t *value)
{
    struct a64_model_options options;
    if (!config || !value ||
        (uint32_t)feature_reg >= sizeof(feature_regs) / sizeof(feature_regs[0]))
        return HV_BAD_ARGUMENT;
    const struct a64_model *model = next_model(&options);
    *value = a64_model_id(model, &options, feature_regs[feature_reg]);
    return HV_SUCCESS;
}

hv_return_t hv_vcpu_config_get_ccsidr_el1_sys_reg_values(hv_vcpu_config_t config,
                                                         hv_cache_type_t cache_type,
                                                         uint64_t values[8])
{
    struct a64_model_options options;
    if (!config || !values || (uint32_t)cache_type > HV_CACHE_TYPE_INSTRUCTION)
        return HV_BAD_ARGUMENT;
    const struct a64_model *model = next_model(&options);
    for (unsigned level = 0; level < 8; level++)
        values[level] = a64_model_ccsidr(model, level, cache_type == HV_CACHE_TYPE_INSTRUCTION);
    return HV_SUCCESS;
}
