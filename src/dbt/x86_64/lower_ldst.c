/* SPDX-License-Identifier: MIT */
/* Loads and stores of one and of two registers (Arm manual C4.1.94).
 *
 * Every access has a slot of its own: the virtual pages it reached last and what leads from there
 * to host memory. The check, that the whole access lies in them, is the only one; a slot is filled
 * only where the TLB allows the access without any other. When it fails, the rare path asks the
 * TLB, and if that does not know either, the interpreter's function does the instruction. An access
 * that reaches another page every other time is translated anew, to ask the TLB at once.
 *
 * The host is stronger ordered than Arm's plain accesses, and its aligned accesses of up to 8
 * bytes, or 16 with AVX, are single. */

#include "lower_mem.h"

#include "../../a64/exception.h"
#include "../../a64/ldst.h"
#include "../../a64/mmu.h"

enum mode { MODE_off, MODE_pre, MODE_post, MODE_reg, MODE_lit, MODE_unpriv };

/* Whether the instruction is the interpreter's: a misaligned SP is checked, or every address. */
static bool needs_care(const struct lower *l, const struct a64_insn *insn, enum mode mode,
                       unsigned size)
{
    return (mode != MODE_lit && lower_sp_faults(l, insn)) || (size > 1 && l->mode & DBT_MODE_ALIGN);
}

/* ---- the address, in RAX ---- */

static void add_constant(struct lower *l, int64_t imm)
{
    if (imm)
        x86_lea(&l->a, 1, RAX, x86_m(RAX, (int32_t)imm));
}

void lower_address(struct lower *l, const struct a64_insn *insn, int64_t imm)
{
    struct x86 *a = &l->a;
    const unsigned n = lower_base(insn);
    if (host_of[n] >= 0 && imm) {
        x86_lea(a, 1, RAX, x86_m(host_of[n], (int32_t)imm));
        return;
    }
    lower_copy(l, 1, n, RAX);
    add_constant(l, imm);
}

/* The base plus register M, extended and shifted. EFLAGS stay. */
static void address_register(struct lower *l, const struct a64_insn *insn)
{
    struct x86 *a = &l->a;
    const unsigned option = (unsigned)(insn->imm >> 8), shift = a64_regoff_shift(insn->imm);
    const unsigned n = lower_base(insn);
    unsigned m = RCX;
    if (insn->rm == 31)
        x86_imm(a, RCX, 0);
    else if (option == A64_EXTEND_UXTW || option == A64_EXTEND_SXTW)
        lower_extend(l, RCX, insn->rm, option);
    else
        m = lower_src(l, 1, insn->rm, RCX);
    const unsigned base = lower_src(l, 1, n, RAX);
    if (shift <= 3) {
        x86_lea(a, 1, RAX, x86_mx((int)base, (int)m, shift, 0));
        return;
    }
    x86_lea(a, 1, RCX, x86_mx(X86_NONE, (int)m, 3, 0));
    x86_lea(a, 1, RAX, x86_mx((int)base, RCX, shift - 3, 0));
}

static void address_literal(struct lower *l, const struct a64_insn *insn)
{
    x86_mov(&l->a, 1, RAX, x86_at(&l->dbt->hot->page));
    add_constant(l, (int64_t)insn->imm + lower_place(l, l->at));
}

static void address(struct lower *l, const struct a64_insn *insn, enum mode mode)
{
    if (mode == MODE_reg)
        address_register(l, insn);
    else if (mode == MODE_lit)
        address_literal(l, insn);
    else
        lower_address(l, insn, mode == MODE_post ? 0 : (int64_t)insn->imm);
}

static void write_back(struct lower *l, const struct a64_insn *insn, enum mode mode)
{
    struct x86 *a = &l->a;
    if (mode != MODE_pre && mode != MODE_post)
        return;
    const unsigned n = lower_base(insn);
    const int32_t imm = (int32_t)insn->imm;
    if (host_of[n] >= 0) {
        x86_lea(a, 1, (unsigned)host_of[n], x86_m(host_of[n], imm));
    } else {
        x86_mov(a, 1, RAX, guest_memory(n));
        x86_lea(a, 1, RAX, x86_m(RAX, imm));
        x86_store(a, 1, guest_memory(n), RAX);
    }
}

/* ---- the check ---- */

/* The site's slot; NULL: none is left. */
static struct dbt_slot *new_slot(struct lower *l)
{
    struct dbt *dbt = l->dbt;
    if (dbt->now->slots.count == dbt->now->slots.limit) {
        l->a.full = true;
        return NULL;
    }
    const uint32_t number = dbt->now->slots.count++;
    dbt->sites[number] = (struct dbt_site){dbt->now->blocks.count, lower_place(l, l->at), 0};
    struct dbt_slot *slot = &dbt->hot->slot[number];
    *slot = (struct dbt_slot){.tag = DBT_NO_TAG};
    return slot;
}

/* Whether the access reaches other pages so often that a slot does not pay. */
static bool flips(const struct lower *l)
{
    const unsigned at = dbt_flips_at(l->pa + l->at * 4);
    return l->dbt->flips[at / 64] >> at % 64 & 1;
}

/* What an access asks for. */
struct want {
    unsigned size; /* bytes, in one page */
    bool aligned;  /* to their size, or the rare path does it */
    enum dbt_fill fill;
    bool told; /* a store that the exclusive monitor may want to know of */
};

/* How far from its page's start the access may begin, in bytes or, ALIGNED, in units of its size.
 */
static unsigned limit_of(const struct want *want)
{
    const unsigned page = (unsigned)A64_PAGE_MASK + 1;
    return want->aligned ? page / want->size : page + 1 - want->size;
}

/* Where a check sends what it does not let through. */
struct others {
    struct x86_label jump[2];
    unsigned count;
};

static void leave_on(struct x86 *a, struct others *others, enum x86_cc cc)
{
    others->jump[others->count++] = x86_jcc(a, cc);
}

/* RCX = what SLOT adds to RAX, if it is for its pages. Bits of the address that must be 0 come to
 * the top, above those of the page's offset in units of the size. */
static void check_slot(struct lower *l, const struct dbt_slot *slot, const struct want *want,
                       struct others *others)
{
    struct x86 *a = &l->a;
    x86_mov_rr(a, 1, RCX, RAX);
    x86_alu(a, ALU_SUB, 1, RCX, x86_at(&slot->tag));
    if (want->aligned && want->size > 1)
        x86_rorx(a, 1, RCX, x86_r(RCX), (unsigned)__builtin_ctz(want->size));
    x86_alu(a, ALU_CMP, 1, RCX, x86_at(&slot->limit));
    leave_on(a, others, CC_AE);
    x86_mov(a, 1, RCX, x86_at(&slot->value));
}

void lower_find_entry(const struct dbt *dbt, struct x86 *a, unsigned to, bool user)
{
    _Static_assert(sizeof(struct a64_tlb_entry) << 6 == A64_PAGE_MASK + 1,
                   "a page number's place by one shift");
    x86_mov_rr(a, 1, to, RAX);
    x86_shift_imm(a, SHIFT_SHR, 1, to, 6);
    x86_alu(a, ALU_XOR, 1, to, x86_at(&dbt->hot->ctx_offset[user]));
    x86_op(a, 0x81, ALU_AND, x86_r((int)to), 4);
    x86_u32(a, (uint32_t)((A64_TLB_SIZE - 1) * sizeof(struct a64_tlb_entry)));
    x86_alu(a, ALU_ADD, 1, to, x86_at(&dbt->hot->tlb));
}

/* The same by the TLB, of which the first and the last byte's tags must be the same. */
static void check_tlb(struct lower *l, const struct want *want, struct others *others)
{
    struct x86 *a = &l->a;
    const enum dbt_fill fill = want->fill;
    const bool user = fill == DBT_FILL_READ_USER || fill == DBT_FILL_WRITE_USER;
    const bool write_only = fill == DBT_FILL_WRITE || fill == DBT_FILL_WRITE_USER;
    const int32_t page = -(int32_t)(A64_PAGE_MASK + 1), rest = (int32_t)want->size - 1;
    lower_find_entry(l->dbt, a, RCX, user);
    x86_lea(a, 1, RDX, x86_m(RAX, want->aligned ? 0 : rest));
    x86_alu_imm(a, ALU_AND, 1, x86_r(RDX), want->aligned ? page | rest : page);
    x86_alu(a, ALU_XOR, 1, RDX, x86_at(&l->dbt->hot->ctx[user]));
    if (!write_only) {
        x86_alu(a, ALU_CMP, 1, RDX, x86_m(RCX, offsetof(struct a64_tlb_entry, plain_read)));
        leave_on(a, others, CC_NE);
    }
    if (write_only || fill == DBT_FILL_BOTH) {
        x86_alu(a, ALU_CMP, 1, RDX, x86_m(RCX, offsetof(struct a64_tlb_entry, plain_write)));
        leave_on(a, others, CC_NE);
    }
    x86_mov(a, 1, RCX, x86_m(RCX, offsetof(struct a64_tlb_entry, addend)));
}

/* The check that WANT asks for; `cold` goes on where it fails. */
static void ask(struct lower *l, const struct dbt_slot *slot, const struct want *want)
{
    struct x86 *cold = &l->cold;
    struct others others = {.count = 0};
    if (flips(l))
        check_tlb(l, want, &others);
    else
        check_slot(l, slot, want, &others);
    for (unsigned i = 0; i < others.count; i++)
        x86_land(cold, others.jump[i]);
    x86_lea(cold, 1, RCX, x86_at(slot));
    x86_imm(cold, RDX, limit_of(want));
    x86_call_to(cold, l->dbt->stub.fill[(l->mode & DBT_MODE_EL) != 0][want->fill][want->aligned]);
    x86_jcc_to(cold, CC_NE, x86_here(&l->a));
}

/* The rare path: the interpreter's function. */
static struct lower_miss rarely(struct lower *l, const struct a64_insn *insn)
{
    const uintptr_t slow = x86_here(&l->cold);
    lower_call_cold(l, insn);
    return (struct lower_miss){x86_jmp(&l->cold), slow};
}

static struct lower_miss check(struct lower *l, const struct a64_insn *insn,
                               const struct want *want)
{
    const struct dbt_slot *slot = new_slot(l);
    if (!slot)
        return (struct lower_miss){{l->a.p}, 0};
    ask(l, slot, want);
    const struct lower_miss miss = rarely(l, insn);
    if (want->told)
        lower_look(l, want->size - 1, miss.slow);
    return miss;
}

/* ---- groups ---- */

/* The check for all of GROUP; where it fails, they are all made one by one. */
static void check_group(struct lower *l, const struct a64_insn *insn, struct lower_group *group)
{
    const struct want want = {group->bytes, false, group->fill, false};
    group->slot = new_slot(l);
    if (!group->slot)
        return;
    lower_clobber(l);
    lower_address(l, insn, group->lowest);
    ask(l, group->slot, &want);
    if (flips(l)) /* the members look there */
        x86_store(&l->a, 1, x86_at(&group->slot->value), RCX);
    lower_link(l, x86_jmp(&l->cold), lower_place(l, l->at), true);
}

/* Makes [RAX + RCX] the access of a member of GROUP. Behind the check it may be there already. */
static void reach(struct lower *l, const struct a64_insn *insn, enum mode mode,
                  const struct lower_group *group)
{
    const bool first = !(group->members & ((1ull << l->at) - 1));
    if (first && group->lowest == (mode == MODE_post ? 0 : (int32_t)insn->imm))
        return;
    address(l, insn, mode);
    x86_mov(&l->a, 1, RCX, x86_at(&group->slot->value));
}

/* The group that the access is one of, whose check then stands before it; NULL: none. */
static const struct lower_group *group_of(struct lower *l, const struct a64_insn *insn)
{
    for (unsigned i = 0; i < LOWER_GROUPS; i++)
        if (l->group[i].members >> l->at & 1)
            return &l->group[i];
    struct lower_group *group = lower_begin_group(l);
    if (group)
        check_group(l, insn, group);
    return group && group->slot ? group : NULL;
}

/* With several CPUs every store is told. */
static bool is_told(const struct lower *l, enum dbt_fill fill)
{
    return fill != DBT_FILL_READ && fill != DBT_FILL_READ_USER && l->mode & DBT_MODE_MANY;
}

struct lower_miss lower_check(struct lower *l, const struct a64_insn *insn, unsigned size,
                              enum dbt_fill fill)
{
    return check(l, insn, &(struct want){size, false, fill, is_told(l, fill)});
}

struct lower_miss lower_check_aligned(struct lower *l, const struct a64_insn *insn, unsigned size,
                                      enum dbt_fill fill)
{
    return check(l, insn, &(struct want){size, true, fill, is_told(l, fill)});
}

struct lower_miss lower_check_exclusive(struct lower *l, const struct a64_insn *insn, unsigned size)
{
    return check(l, insn, &(struct want){size, true, DBT_FILL_WRITE, false});
}

void lower_checked(struct lower *l, struct lower_miss miss)
{
    if (miss.done.at && !l->a.full && !l->cold.full)
        x86_patch(&l->a, miss.done, x86_here(&l->a));
}

static enum dbt_fill fill_of(enum mode mode, bool store)
{
    if (mode == MODE_unpriv)
        return store ? DBT_FILL_WRITE_USER : DBT_FILL_READ_USER;
    return store ? DBT_FILL_WRITE : DBT_FILL_READ;
}

/* Whether the address is the base and a constant. */
static bool constant(enum mode mode)
{
    return mode == MODE_off || mode == MODE_pre || mode == MODE_post;
}

/* Of what an access moves. */
enum { STORE = 1, VECTOR = 2 };

/* The address and its check, for COUNT elements of SIZE bytes. False: the interpreter's function
 * does it all. */
static bool begin(struct lower *l, const struct a64_insn *insn, enum mode mode, unsigned size,
                  unsigned count, unsigned kind, struct lower_miss *miss)
{
    if (needs_care(l, insn, mode, size)) {
        lower_call(l, insn);
        return false;
    }
    if (kind & VECTOR)
        lower_vectors(l);
    const struct lower_group *group = constant(mode) ? group_of(l, insn) : NULL;
    if (!group) {
        lower_clobber(l); /* the check will, and it saves NZCV through RAX */
        address(l, insn, mode);
        *miss = lower_check(l, insn, count * size, fill_of(mode, kind & STORE));
        return true;
    }
    *miss = (struct lower_miss){{NULL}, 0};
    const bool told = is_told(l, fill_of(mode, kind & STORE));
    if (told)
        lower_clobber(l);
    reach(l, insn, mode, group);
    if (told) {
        *miss = rarely(l, insn);
        lower_look(l, count * size - 1, miss->slow);
    }
    return true;
}

static void done(struct lower *l, const struct a64_insn *insn, enum mode mode,
                 struct lower_miss miss)
{
    lower_checked(l, miss);
    if ((mode == MODE_pre || mode == MODE_post) && insn->rn == 31)
        lower_sp_written(l, !(insn->imm & 15));
}

/* ---- one general register ---- */

void lower_load_general(struct x86 *a, enum lower_type type, unsigned dst, struct x86_rm from)
{
    switch (type) {
    case U8:
        x86_movzx8(a, dst, from);
        break;
    case U16:
        x86_movzx16(a, dst, from);
        break;
    case U32:
        x86_mov(a, 0, dst, from);
        break;
    case U64:
        x86_mov(a, 1, dst, from);
        break;
    case S8W:
        x86_movsx8(a, 0, dst, from);
        break;
    case S16W:
        x86_movsx16(a, 0, dst, from);
        break;
    case S8X:
        x86_movsx8(a, 1, dst, from);
        break;
    case S16X:
        x86_movsx16(a, 1, dst, from);
        break;
    case S32X:
        x86_movsxd(a, dst, from);
        break;
    }
}

void lower_store_general(struct x86 *a, enum lower_type type, struct x86_rm to, unsigned src)
{
    if (type == U8)
        x86_store8(a, to, src);
    else if (type == U16)
        x86_store16(a, to, src);
    else
        x86_store(a, type == U64, to, src);
}

static void load(struct lower *l, const struct a64_insn *insn, enum mode mode, enum lower_type type)
{
    struct lower_miss miss;
    if (!begin(l, insn, mode, lower_bytes(type), 1, 0, &miss))
        return;
    const unsigned dst = lower_dst(insn->rd, RDX);
    lower_load_general(&l->a, type, dst, lower_operand(0));
    lower_done(l, insn->rd, dst);
    /* A base that is its own target keeps the loaded value. */
    if (insn->rd != insn->rn || insn->rd == 31)
        write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

static void store(struct lower *l, const struct a64_insn *insn, enum mode mode,
                  enum lower_type type)
{
    struct lower_miss miss;
    if (!begin(l, insn, mode, lower_bytes(type), 1, STORE, &miss))
        return;
    lower_store_general(&l->a, type, lower_operand(0), lower_src(l, 1, insn->rd, RDX));
    write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

/* ---- one vector register ---- */

static void load_vector(struct x86 *a, unsigned size, unsigned dst, struct x86_rm from)
{
    switch (size) {
    case 1:
        x86_movzx8(a, RDX, from);
        x86_vmovd_from(a, 0, dst, x86_r(RDX));
        break;
    case 2:
        x86_movzx16(a, RDX, from);
        x86_vmovd_from(a, 0, dst, x86_r(RDX));
        break;
    case 4:
        x86_vmovd_from(a, 0, dst, from);
        break;
    case 8:
        x86_vmovd_from(a, 1, dst, from);
        break;
    default:
        x86_vload(a, dst, from);
    }
}

static void store_vector(struct x86 *a, unsigned size, struct x86_rm to, unsigned src)
{
    switch (size) {
    case 1:
        x86_vmovd_to(a, 0, x86_r(RDX), src);
        x86_store8(a, to, RDX);
        break;
    case 2:
        x86_vmovd_to(a, 0, x86_r(RDX), src);
        x86_store16(a, to, RDX);
        break;
    case 4:
        x86_vmovd_to(a, 0, to, src);
        break;
    case 8:
        x86_vmovd_to(a, 1, to, src);
        break;
    default:
        x86_vstore(a, to, src);
    }
}

static void vector(struct lower *l, const struct a64_insn *insn, enum mode mode, unsigned size,
                   bool store)
{
    struct lower_miss miss;
    if (!begin(l, insn, mode, size, 1, VECTOR | store, &miss))
        return;
    if (store) {
        store_vector(&l->a, size, lower_operand(0), lower_vsrc(l, insn->rd, VSCRATCH0));
    } else {
        const unsigned dst = lower_vdst(l, insn->rd, VSCRATCH0);
        load_vector(&l->a, size, dst, lower_operand(0));
        lower_vdone(l, insn->rd, dst);
        lower_made(l, insn->rd, size);
    }
    write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

/* ---- pairs ---- */

/* Whether two X registers must be one access where they are aligned to 16. */
static bool whole_pair(const struct lower *l, unsigned size)
{
    return size == 8 && l->mode & DBT_MODE_MANY;
}

static void load_pair(struct lower *l, const struct a64_insn *insn, enum mode mode,
                      enum lower_type type)
{
    struct x86 *a = &l->a;
    const unsigned size = lower_bytes(type);
    struct lower_miss miss;
    if (!begin(l, insn, mode, size, 2, 0, &miss))
        return;
    const bool base_loaded = insn->rn != 31 && (insn->rd == insn->rn || insn->ra == insn->rn);
    if (whole_pair(l, size)) {
        x86_vload(a, VSCRATCH0, lower_operand(0));
        x86_vmovd_to(a, 1, x86_r(RDX), VSCRATCH0);
        x86_vpextrq(a, x86_r(RAX), VSCRATCH0, 1);
    } else {
        lower_load_general(a, type, RDX, lower_operand(0));
        lower_load_general(a, type, RAX, lower_operand((int32_t)size));
    }
    lower_done(l, insn->rd, RDX);
    lower_done(l, insn->ra, RAX);
    if (!base_loaded)
        write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

static void store_pair(struct lower *l, const struct a64_insn *insn, enum mode mode,
                       enum lower_type type)
{
    struct x86 *a = &l->a;
    const unsigned size = lower_bytes(type);
    struct lower_miss miss;
    if (!begin(l, insn, mode, size, 2, STORE, &miss))
        return;
    if (whole_pair(l, size)) {
        x86_vmovd_from(a, 1, VSCRATCH0, x86_r((int)lower_src(l, 1, insn->rd, RDX)));
        x86_vpinsrq(a, VSCRATCH0, VSCRATCH0, x86_r((int)lower_src(l, 1, insn->ra, RDX)), 1);
        x86_vstore(a, lower_operand(0), VSCRATCH0);
    } else {
        lower_store_general(a, type, lower_operand(0), lower_src(l, 1, insn->rd, RDX));
        lower_store_general(a, type, lower_operand((int32_t)size), lower_src(l, 1, insn->ra, RDX));
    }
    write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

static void vector_pair(struct lower *l, const struct a64_insn *insn, enum mode mode, unsigned size,
                        bool store)
{
    struct x86 *a = &l->a;
    struct lower_miss miss;
    if (!begin(l, insn, mode, size, 2, VECTOR | store, &miss))
        return;
    for (unsigned k = 0; k < 2; k++) {
        const unsigned t = k ? insn->ra : insn->rd;
        if (store) {
            store_vector(a, size, lower_operand((int32_t)(k * size)), lower_vsrc(l, t, VSCRATCH0));
        } else {
            const unsigned dst = lower_vdst(l, t, VSCRATCH0);
            load_vector(a, size, dst, lower_operand((int32_t)(k * size)));
            lower_vdone(l, t, dst);
            lower_made(l, t, size);
        }
    }
    write_back(l, insn, mode);
    done(l, insn, mode, miss);
}

static void lower_prfm(struct lower *l, const struct a64_insn *insn)
{
}

/* ---- the table ---- */

#define GENERAL(mode)                                                                              \
    ONE(ldr_##mode##_u8, load, MODE_##mode, U8)                                                    \
    ONE(ldr_##mode##_u16, load, MODE_##mode, U16)                                                  \
    ONE(ldr_##mode##_u32, load, MODE_##mode, U32)                                                  \
    ONE(ldr_##mode##_u64, load, MODE_##mode, U64)                                                  \
    ONE(ldr_##mode##_s8w, load, MODE_##mode, S8W)                                                  \
    ONE(ldr_##mode##_s16w, load, MODE_##mode, S16W)                                                \
    ONE(ldr_##mode##_s8x, load, MODE_##mode, S8X)                                                  \
    ONE(ldr_##mode##_s16x, load, MODE_##mode, S16X)                                                \
    ONE(ldr_##mode##_s32x, load, MODE_##mode, S32X)                                                \
    ONE(str_##mode##_u8, store, MODE_##mode, U8)                                                   \
    ONE(str_##mode##_u16, store, MODE_##mode, U16)                                                 \
    ONE(str_##mode##_u32, store, MODE_##mode, U32)                                                 \
    ONE(str_##mode##_u64, store, MODE_##mode, U64)

#define VECTOR(mode)                                                                               \
    ONE(ldr_##mode##_b, vector, MODE_##mode, 1, false)                                             \
    ONE(ldr_##mode##_h, vector, MODE_##mode, 2, false)                                             \
    ONE(ldr_##mode##_s, vector, MODE_##mode, 4, false)                                             \
    ONE(ldr_##mode##_d, vector, MODE_##mode, 8, false)                                             \
    ONE(ldr_##mode##_q, vector, MODE_##mode, 16, false)                                            \
    ONE(str_##mode##_b, vector, MODE_##mode, 1, true)                                              \
    ONE(str_##mode##_h, vector, MODE_##mode, 2, true)                                              \
    ONE(str_##mode##_s, vector, MODE_##mode, 4, true)                                              \
    ONE(str_##mode##_d, vector, MODE_##mode, 8, true)                                              \
    ONE(str_##mode##_q, vector, MODE_##mode, 16, true)

#define PAIRS(mode)                                                                                \
    ONE(ldp_##mode##_w, load_pair, MODE_##mode, U32)                                               \
    ONE(ldp_##mode##_x, load_pair, MODE_##mode, U64)                                               \
    ONE(ldp_##mode##_sw, load_pair, MODE_##mode, S32X)                                             \
    ONE(stp_##mode##_w, store_pair, MODE_##mode, U32)                                              \
    ONE(stp_##mode##_x, store_pair, MODE_##mode, U64)                                              \
    ONE(ldp_##mode##_s, vector_pair, MODE_##mode, 4, false)                                        \
    ONE(ldp_##mode##_d, vector_pair, MODE_##mode, 8, false)                                        \
    ONE(ldp_##mode##_q, vector_pair, MODE_##mode, 16, false)                                       \
    ONE(stp_##mode##_s, vector_pair, MODE_##mode, 4, true)                                         \
    ONE(stp_##mode##_d, vector_pair, MODE_##mode, 8, true)                                         \
    ONE(stp_##mode##_q, vector_pair, MODE_##mode, 16, true)

GENERAL(off)
GENERAL(pre)
GENERAL(post)
GENERAL(reg)
GENERAL(unpriv)
VECTOR(off)
VECTOR(pre)
VECTOR(post)
VECTOR(reg)
PAIRS(off)
PAIRS(pre)
PAIRS(post)
ONE(ldr_lit_u32, load, MODE_lit, U32)
ONE(ldr_lit_u64, load, MODE_lit, U64)
ONE(ldr_lit_s32x, load, MODE_lit, S32X)
ONE(ldr_lit_s, vector, MODE_lit, 4, false)
ONE(ldr_lit_d, vector, MODE_lit, 8, false)
ONE(ldr_lit_q, vector, MODE_lit, 16, false)

#define GENERAL_ROWS(mode)                                                                         \
    ROW(ldr_##mode##_u8), ROW(ldr_##mode##_u16), ROW(ldr_##mode##_u32), ROW(ldr_##mode##_u64),     \
        ROW(ldr_##mode##_s8w), ROW(ldr_##mode##_s16w), ROW(ldr_##mode##_s8x),                      \
        ROW(ldr_##mode##_s16x), ROW(ldr_##mode##_s32x), ROW(str_##mode##_u8),                      \
        ROW(str_##mode##_u16), ROW(str_##mode##_u32), ROW(str_##mode##_u64)
#define VECTOR_ROWS(mode)                                                                          \
    ROW(ldr_##mode##_b), ROW(ldr_##mode##_h), ROW(ldr_##mode##_s), ROW(ldr_##mode##_d),            \
        ROW(ldr_##mode##_q), ROW(str_##mode##_b), ROW(str_##mode##_h), ROW(str_##mode##_s),        \
        ROW(str_##mode##_d), ROW(str_##mode##_q)
#define PAIR_ROWS(mode)                                                                            \
    ROW(ldp_##mode##_w), ROW(ldp_##mode##_x), ROW(ldp_##mode##_sw), ROW(stp_##mode##_w),           \
        ROW(stp_##mode##_x), ROW(ldp_##mode##_s), ROW(ldp_##mode##_d), ROW(ldp_##mode##_q),        \
        ROW(stp_##mode##_s), ROW(stp_##mode##_d), ROW(stp_##mode##_q)

lower_fn *const lower_ldst_table[A64_EXEC_COUNT] = {
    GENERAL_ROWS(off), GENERAL_ROWS(pre), GENERAL_ROWS(post), GENERAL_ROWS(reg),
    VECTOR_ROWS(off),  VECTOR_ROWS(pre),  VECTOR_ROWS(post),  VECTOR_ROWS(reg),
    PAIR_ROWS(off),    PAIR_ROWS(pre),    PAIR_ROWS(post),    GENERAL_ROWS(unpriv),
    ROW(ldr_lit_u32),  ROW(ldr_lit_u64),  ROW(ldr_lit_s32x),  ROW(ldr_lit_s),
    ROW(ldr_lit_d),    ROW(ldr_lit_q),    ROW(prfm),
};
