/* SPDX-License-Identifier: MIT */
/* From an instruction to its accesses, for device emulation. A word is first looked up in the
 * decode table, so that nothing unallocated gets here, and then taken apart by the fixed bits of
 * the encoding classes of C4.1.94.
 *
 * The plan holds all bytes that the instruction moves, in memory's order. Loads fill them, stores
 * were given them by decode, atomics do both with a step between. */

#include "mmio.h"

#include <errno.h>
#include <string.h>

#include "a64_ops.h"
#include "decode.h"

#define ISS_WNR   (1u << 6)
#define DC_ZVA    0xd50b7420u
#define ZVA_BYTES 64 /* DCZID_EL0.BS = 4 on every model */
#define BIT(n)    (word >> (n)&1)

static uint64_t get_x(const struct a64_mmio_regs *regs, unsigned n)
{
    return n == 31 ? 0 : regs->get_x(regs->ctx, n);
}

static void set_x(const struct a64_mmio_regs *regs, unsigned n, uint64_t value)
{
    if (n != 31)
        regs->set_x(regs->ctx, n, value);
}

static uint64_t get_base(const struct a64_mmio_regs *regs, unsigned n)
{
    return n == 31 ? regs->get_sp(regs->ctx) : get_x(regs, n);
}

static unsigned field(uint32_t word, unsigned low)
{
    return word >> low & 31;
}

/* Bytes a register transfers in the classes "load/store register": V and opc<1> together mean 16.
 */
static unsigned register_size(uint32_t word)
{
    return 1u << (word >> 30 | (word >> 24 & word >> 21 & 4));
}

static void set_bytes(struct a64_mmio_plan *plan, unsigned bytes, unsigned element)
{
    plan->bytes = (uint8_t)bytes;
    plan->step = (uint8_t)(element > 8 ? 8 : element);
}

/* COUNT registers of SIZE bytes each; stores take their values now. */
static void set_registers(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs,
                          unsigned count, unsigned size, bool load)
{
    plan->registers = (uint8_t)count;
    plan->size = (uint8_t)size;
    plan->reads = load;
    plan->writes = !load;
    set_bytes(plan, count * size, size);
    for (unsigned i = 0; i < count && !load; i++) {
        uint8_t value[16] = {0};
        if (plan->kind == A64_MMIO_VECTOR) {
            regs->get_v(regs->ctx, plan->rt[i], value);
        } else {
            const uint64_t x = get_x(regs, plan->rt[i]);
            memcpy(value, &x, 8);
        }
        memcpy(plan->data + i * size, value, size);
    }
}

/* opc of the integer forms: 2 sign-extends to 64 bits, 3 to 32. */
static void set_one(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs, unsigned size)
{
    const uint32_t word = plan->word;
    const unsigned opc = word >> 22 & 3;
    const bool vector = BIT(26);
    plan->kind = vector ? A64_MMIO_VECTOR : A64_MMIO_GENERAL;
    plan->sign = !vector && opc >= 2;
    plan->wide = opc == 2;
    set_registers(plan, regs, 1, size, vector ? opc & 1 : opc != 0);
}

static void set_address(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs,
                        uint64_t offset, bool post, bool write_back)
{
    const uint64_t base = get_base(regs, plan->rn);
    plan->va = post ? base : base + offset;
    plan->base = base + offset;
    plan->write_back = write_back;
}

/* ---- classes ---- */

static void rmw(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    const uint32_t word = plan->word;
    plan->kind = A64_MMIO_RMW;
    plan->size = (uint8_t)(1u << (word >> 30));
    plan->operand[0] = get_x(regs, field(word, 16));
    plan->reads = plan->writes = true;
    set_bytes(plan, plan->size, plan->size);
    set_address(plan, regs, 0, false, false);
}

static void authenticated(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs,
                          uint64_t far)
{
    const uint32_t word = plan->word;
    plan->kind = A64_MMIO_GENERAL;
    set_registers(plan, regs, 1, 8, true);
    plan->va = plan->base = far;
    plan->write_back = BIT(11);
}

static int load_store_register(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs,
                               uint64_t far)
{
    const uint32_t word = plan->word;
    const unsigned form = word >> 10 & 3;
    if (BIT(21) && form == 2) {
        const uint64_t m = get_x(regs, field(word, 16));
        set_address(plan, regs, a64_regoff_value(a64_imm_regoff(word), m), false, false);
        set_one(plan, regs, register_size(word));
    } else if (BIT(21) && form & 1) {
        authenticated(plan, regs, far);
    } else if (BIT(21)) {
        if ((word & 0x3ffffc00) != 0x38bfc000) { /* LDAPR is among the atomics */
            rmw(plan, regs);
            return 0;
        }
        set_address(plan, regs, 0, false, false);
        plan->kind = A64_MMIO_GENERAL;
        set_registers(plan, regs, 1, 1u << (word >> 30), true);
    } else {
        set_address(plan, regs, a64_imm_simm9(word), form == 1, form & 1);
        set_one(plan, regs, register_size(word));
    }
    return 0;
}

static void literal(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs, uint64_t pc)
{
    const uint32_t word = plan->word;
    const unsigned opc = word >> 30;
    plan->kind = BIT(26) ? A64_MMIO_VECTOR : A64_MMIO_GENERAL;
    plan->sign = plan->wide = !BIT(26) && opc == 2;
    set_registers(plan, regs, 1, BIT(26) ? 4u << opc : opc == 1 ? 8 : 4, true);
    plan->va = pc + a64_imm_literal(word);
}

static void pair(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    const uint32_t word = plan->word;
    const unsigned opc = word >> 30, index = word >> 23 & 3;
    const bool vector = BIT(26);
    plan->kind = vector ? A64_MMIO_VECTOR : A64_MMIO_GENERAL;
    plan->sign = plan->wide = !vector && opc == 1; /* LDPSW */
    set_address(plan, regs, a64_imm_pair(word), index == 1, index & 1);
    set_registers(plan, regs, 2, vector ? 4u << opc : opc == 2 ? 8 : 4, BIT(22));
}

static void cas(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs, unsigned count,
                unsigned size)
{
    const unsigned s = field(plan->word, 16), t = field(plan->word, 0);
    plan->kind = A64_MMIO_CAS;
    plan->registers = (uint8_t)count;
    plan->size = (uint8_t)size;
    plan->reads = plan->writes = true;
    set_bytes(plan, count * size, size);
    for (unsigned i = 0; i < count; i++) {
        plan->expected[i] = get_x(regs, s + i);
        plan->operand[i] = get_x(regs, t + i);
    }
}

/* Bits 23 and 21: 00 exclusive, 01 exclusive pair or CASP, 10 ordered, 11 CAS. */
static void exclusive_or_ordered(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    const uint32_t word = plan->word;
    const unsigned size = 1u << (word >> 30);
    set_address(plan, regs, 0, false, false);
    if (BIT(21) && (BIT(23) || !BIT(31))) {
        cas(plan, regs, BIT(23) ? 1 : 2, BIT(23) ? size : 4u << BIT(30));
        return;
    }
    plan->kind = A64_MMIO_GENERAL;
    plan->status = !BIT(23) && !BIT(22);
    set_registers(plan, regs, BIT(21) ? 2 : 1, size, BIT(22));
}

/* A load of one lane leaves the others; all else clears what it does not load. */
static bool keeps_lanes(const struct a64_struct_form *form)
{
    return form->single && !form->replicate;
}

/* Where the INDEX-th element in memory's order stands in the registers. */
static uint8_t *element(const struct a64_struct_form *form, uint8_t value[4][16], unsigned index)
{
    if (form->single)
        return value[index] + (form->replicate ? 0u : (unsigned)form->lane << form->log2_bytes);
    const unsigned lanes = (form->full ? 16u : 8u) >> form->log2_bytes;
    const unsigned group = index / form->selem, k = index % form->selem;
    return value[group / lanes + k] + (group % lanes << form->log2_bytes);
}

/* Moves between a structure's bytes in memory's order and the registers. */
static void move_structure(const struct a64_struct_form *form, unsigned t, uint8_t *bytes,
                           bool to_registers, const struct a64_mmio_regs *regs)
{
    const unsigned size = 1u << form->log2_bytes;
    uint8_t value[4][16] = {{0}};
    for (unsigned r = 0; r < form->registers && !(to_registers && !keeps_lanes(form)); r++)
        regs->get_v(regs->ctx, (t + r) % 32, value[r]);
    for (unsigned at = 0; at < form->bytes; at += size) {
        uint8_t *lane = element(form, value, at / size);
        memcpy(to_registers ? lane : bytes + at, to_registers ? bytes + at : lane, size);
    }
    for (unsigned r = 0; r < form->registers && to_registers; r++) {
        for (unsigned at = size; form->replicate && at < (form->full ? 16u : 8u); at += size)
            memcpy(value[r] + at, value[r], size);
        regs->set_v(regs->ctx, (t + r) % 32, value[r]);
    }
}

static void structure(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    const uint32_t word = plan->word;
    const bool post = BIT(23);
    const unsigned m = field(word, 16);
    plan->kind = A64_MMIO_STRUCTURE;
    plan->form = a64_struct_form(word);
    plan->reads = BIT(22);
    plan->writes = !BIT(22);
    set_bytes(plan, plan->form.bytes, 1u << plan->form.log2_bytes);
    set_address(plan, regs, !post ? 0 : m == 31 ? plan->form.bytes : get_x(regs, m), true, post);
    if (plan->writes)
        move_structure(&plan->form, plan->rt[0], plan->data, false, regs);
}

static int system_instruction(struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    plan->kind = A64_MMIO_NONE;
    if ((plan->word & ~31u) == DC_ZVA) {
        plan->kind = A64_MMIO_ZERO;
        plan->writes = true;
        plan->va = get_x(regs, field(plan->word, 0)) & ~(uint64_t)(ZVA_BYTES - 1);
        set_bytes(plan, ZVA_BYTES, 8);
        return 0;
    }
    const unsigned crn = plan->word >> 12 & 15, crm = plan->word >> 8 & 15;
    return crn == 7 && crm != 8 && crm != 9 ? 0 : -ENOTSUP; /* DC and IC, not AT */
}

int a64_mmio_decode(struct a64_mmio_plan *plan, uint32_t word, uint64_t pc, uint64_t far,
                    const struct a64_mmio_regs *regs)
{
    const struct a64_row *row = a64_decode(word);
    *plan = (struct a64_mmio_plan){.word = word, .rn = (uint8_t)field(word, 5)};
    plan->rt[0] = (uint8_t)field(word, 0);
    plan->rt[1] = (uint8_t)field(word, 10);
    plan->rs = (uint8_t)field(word, 16);
    if ((word & 0xfff80000) == 0xd5080000)
        return system_instruction(plan, regs);
    if (!row || !row->implemented)
        return -ENOTSUP;
    if (!(row->flags & (A64_F_MR | A64_F_MW)))
        return strncmp(row->name, "PRF", 3) == 0 ? 0 : -ENOTSUP;
    switch (word >> 24 & 0x3b) {
    case 0x39:
        set_address(plan, regs, a64_imm_uimm12(word), false, false);
        set_one(plan, regs, register_size(word));
        return 0;
    case 0x38:
        return load_store_register(plan, regs, far);
    case 0x18:
        literal(plan, regs, pc);
        return 0;
    case 0x19: /* LDAPUR, STLUR */
        set_address(plan, regs, a64_imm_simm9(word), false, false);
        set_one(plan, regs, register_size(word));
        return 0;
    case 0x28:
    case 0x29:
        pair(plan, regs);
        return 0;
    case 0x08:
    case 0x09:
        if (BIT(26))
            structure(plan, regs);
        else
            exclusive_or_ordered(plan, regs);
        return 0;
    default:
        return -ENOTSUP;
    }
}

void a64_mmio_from_iss(struct a64_mmio_plan *plan, uint32_t iss, uint64_t va,
                       const struct a64_mmio_regs *regs)
{
    *plan = (struct a64_mmio_plan){.kind = A64_MMIO_GENERAL, .va = va};
    plan->rt[0] = iss >> A64_ISS_SRT_SHIFT & 31;
    plan->sign = iss & A64_ISS_SSE;
    plan->wide = iss & A64_ISS_SF;
    set_registers(plan, regs, 1, 1u << (iss >> A64_ISS_SAS_SHIFT & 3), !(iss & ISS_WNR));
}

/* ---- stepping ---- */

static int64_t as_signed(uint64_t value, unsigned size)
{
    const unsigned shift = 64 - 8 * size;
    return (int64_t)(value << shift) >> shift;
}

/* The value an atomic writes: operation by bits 15 (SWP) and 14:12. */
static uint64_t combine(uint32_t word, unsigned size, uint64_t old, uint64_t operand)
{
    const uint64_t low = ~0ull >> (64 - 8 * size);
    if (BIT(15))
        return operand;
    switch (word >> 12 & 7) {
    case 0:
        return old + operand;
    case 1:
        return old & ~operand;
    case 2:
        return old ^ operand;
    case 3:
        return old | operand;
    case 4:
        return as_signed(old, size) > as_signed(operand, size) ? old : operand;
    case 5:
        return as_signed(old, size) < as_signed(operand, size) ? old : operand;
    case 6:
        return (old & low) > (operand & low) ? old : operand;
    default:
        return (old & low) < (operand & low) ? old : operand;
    }
}

/* Between reads and writes: keeps what was read in expected[], puts what is to be written in data.
 * False: no write. */
static bool modify(struct a64_mmio_plan *plan)
{
    const unsigned count = plan->kind == A64_MMIO_CAS ? plan->registers : 1;
    bool equal = true;
    for (unsigned i = 0; i < count; i++) {
        uint64_t old = 0, value = plan->operand[i];
        memcpy(&old, plan->data + i * plan->size, plan->size);
        if (plan->kind == A64_MMIO_RMW)
            value = combine(plan->word, plan->size, old, value);
        else
            equal = equal && memcmp(&old, &plan->expected[i], plan->size) == 0;
        plan->expected[i] = old;
        memcpy(plan->data + i * plan->size, &value, plan->size);
    }
    return equal;
}

struct a64_mmio_access *a64_mmio_next(struct a64_mmio_plan *plan)
{
    struct a64_mmio_access *access = &plan->access;
    if (plan->at && !access->write)
        memcpy(plan->data + plan->at - plan->step, &access->value, plan->step);
    if (!plan->writing && (!plan->reads || plan->at == plan->bytes)) {
        if (plan->reads && plan->writes && !modify(plan))
            plan->writes = false;
        plan->writing = true;
        plan->at = plan->writes ? 0 : plan->bytes;
    }
    if (plan->at == plan->bytes)
        return NULL;
    *access = (struct a64_mmio_access){
        .va = plan->va + plan->at, .size = plan->step, .write = plan->writing};
    if (plan->writing)
        memcpy(&access->value, plan->data + plan->at, plan->step);
    plan->at += plan->step;
    return access;
}

/* ---- registers ---- */

static uint64_t extend(const struct a64_mmio_plan *plan, uint64_t value)
{
    if (!plan->sign)
        return value;
    const int64_t extended = as_signed(value, plan->size);
    return plan->wide ? (uint64_t)extended : (uint32_t)extended;
}

static void commit_registers(const struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    for (unsigned i = 0; i < plan->registers; i++) {
        uint8_t bytes[16] = {0};
        memcpy(bytes, plan->data + i * plan->size, plan->size);
        if (plan->kind == A64_MMIO_VECTOR) {
            regs->set_v(regs->ctx, plan->rt[i], bytes);
        } else {
            uint64_t value;
            memcpy(&value, bytes, 8);
            set_x(regs, plan->rt[i], extend(plan, value));
        }
    }
}

void a64_mmio_commit(const struct a64_mmio_plan *plan, const struct a64_mmio_regs *regs)
{
    if (plan->write_back && plan->rn == 31)
        regs->set_sp(regs->ctx, plan->base);
    else if (plan->write_back)
        set_x(regs, plan->rn, plan->base);
    if (plan->status)
        set_x(regs, plan->rs, 0);
    if (plan->kind == A64_MMIO_RMW)
        set_x(regs, plan->rt[0], plan->expected[0]);
    for (unsigned i = 0; plan->kind == A64_MMIO_CAS && i < plan->registers; i++)
        set_x(regs, plan->rs + i, plan->expected[i]);
    if (!plan->reads)
        return;
    if (plan->kind == A64_MMIO_STRUCTURE) {
        uint8_t bytes[sizeof plan->data];
        memcpy(bytes, plan->data, sizeof bytes);
        move_structure(&plan->form, plan->rt[0], bytes, true, regs);
    } else if (plan->kind == A64_MMIO_GENERAL || plan->kind == A64_MMIO_VECTOR) {
        commit_registers(plan, regs);
    }
}
