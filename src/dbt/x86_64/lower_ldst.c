/* SPDX-License-Identifier: MIT */
/* Loads and stores of one and of two registers (Arm manual C4.1.94).
 *
 * The host is stronger ordered than Arm's plain accesses, and its aligned accesses of up to 8
 * bytes, or 16 with AVX, are single. */

#include "lower_mem.h"

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

void lower_address_indexed(struct lower *l, const struct a64_insn *insn)
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
        lower_address_indexed(l, insn);
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

/* ---- the access ---- */

/* An access: it is at [BASE + (INDEX << SHIFT) + DISP]. */
struct access {
    struct lower_miss miss;
    int base, index;
    unsigned shift;
    int32_t disp;
};

static struct x86_rm operand(const struct access *access, unsigned offset)
{
    const int32_t disp = access->disp + (int32_t)offset;
    return access->shift ? x86_mx(access->base, access->index, access->shift, disp)
                         : x86_mx(access->index, access->base, 0, disp);
}

/* One whose address is in RAX, and what is added to it in RCX. */
static struct access in_rax(void)
{
    return (struct access){.base = RCX, .index = RAX};
}

/* Whether the address is the base and a constant. */
static bool constant(enum mode mode)
{
    return mode == MODE_off || mode == MODE_pre || mode == MODE_post;
}

/* What is added to the base for the access. */
static int32_t disp_of(const struct a64_insn *insn, enum mode mode)
{
    return mode == MODE_post || mode == MODE_reg ? 0 : (int32_t)insn->imm;
}

/* The access is off its base, which is a host register. */
static void at_base(const struct a64_insn *insn, enum mode mode, struct access *access)
{
    access->index = host_of[lower_base(insn)];
    access->disp = disp_of(insn, mode);
}

/* RCX = what is added to the addresses of GROUP, unless it is that already. */
static void load_value(struct lower *l, const struct lower_group *group)
{
    if (l->in_rcx != group->slot)
        x86_mov(&l->a, 1, RCX, x86_at(&group->slot->value));
    l->in_rcx = group->slot;
}

/* The access of a member of a loop's STREAM. */
static void reach_stream(struct lower *l, const struct lower_group *stream, struct access *access)
{
    access->index = (int)lower_src(l, 1, stream->varying, RAX);
    access->shift = stream->scale;
    access->disp = l->loop_disp[l->at];
    if (stream->kept >= 0) {
        access->base = stream->kept;
    } else if (stream->folded) {
        x86_mov(&l->a, 1, RCX, x86_at(stream->folded));
    } else {
        load_value(l, stream);
        l->keeps_rcx = true;
    }
}

/* The access of a member of GROUP; IN_RAX: off RAX. Behind the check it may be there already, and
 * RCX is. */
static void reach(struct lower *l, const struct a64_insn *insn, enum mode mode,
                  const struct lower_group *group, struct access *access, bool in_rax)
{
    const bool first = !group->loop && !(group->members & ((1ull << l->at) - 1));
    if (group->loop && !in_rax) {
        reach_stream(l, group, access);
        return;
    }
    if (first)
        l->in_rcx = group->slot;
    if (constant(mode) && host_of[lower_base(insn)] >= 0 && !in_rax) {
        at_base(insn, mode, access);
    } else if (!first || group->lowest != disp_of(insn, mode)) {
        if (mode == MODE_reg)
            l->in_rcx = NULL;
        address(l, insn, mode);
    }
    load_value(l, group);
    l->keeps_rcx = !in_rax;
}

static enum dbt_fill fill_of(enum mode mode, bool store)
{
    if (mode == MODE_unpriv)
        return store ? DBT_FILL_WRITE_USER : DBT_FILL_READ_USER;
    return store ? DBT_FILL_WRITE : DBT_FILL_READ;
}

/* What an access moves: COUNT elements of SIZE bytes. PUT: how they are stored; NULL: it is a load.
 */
struct moved {
    uint8_t size, count;
    bool vector;
    enum lower_type type; /* of general registers */
    void (*put)(struct lower *l, const struct a64_insn *insn, const struct moved *moved,
                const struct access *access);
};

/* The store off RAX and RCX. */
static void put_again(struct lower *l, const struct a64_insn *insn, const void *what)
{
    const struct moved *moved = what;
    const struct access access = in_rax();
    moved->put(l, insn, moved, &access);
}

/* The address and its check. False: the interpreter's function does it all. */
static bool begin(struct lower *l, const struct a64_insn *insn, enum mode mode,
                  const struct moved *moved, struct access *access)
{
    const unsigned bytes = moved->count * moved->size;
    const enum dbt_fill fill = fill_of(mode, moved->put);
    *access = in_rax();
    if (needs_care(l, insn, mode, moved->size)) {
        lower_call(l, insn);
        return false;
    }
    if (moved->vector)
        lower_vectors(l);
    const bool told = lower_told(l, fill), shares = constant(mode) || mode == MODE_reg;
    if (told)
        lower_clobber(l);
    const bool in_rax = told && !lower_is_simple(l, insn);
    if (constant(mode) && !in_rax) {
        l->address.base = host_of[lower_base(insn)];
        l->address.disp = disp_of(insn, mode);
    }
    const struct lower_group *group = shares ? lower_group_of(l, insn) : NULL;
    if (!group) {
        lower_clobber(l); /* the check will, and it saves NZCV through RAX */
        if (l->address.base >= 0)
            at_base(insn, mode, access);
        else
            address(l, insn, mode);
        access->miss = moved->put ? lower_check_store(l, insn, bytes, fill, moved->vector ? put_again : NULL, moved)
                                  : lower_check(l, insn, bytes, fill);
    }
    l->address.base = X86_NONE;
    if (!group)
        return true;
    reach(l, insn, mode, group, access, in_rax);
    if (told)
        access->miss = lower_look_of_member(l, insn, group, bytes, access->index, access->disp);
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
    struct access access;
    if (!begin(l, insn, mode, &(struct moved){.size = lower_bytes(type), .count = 1}, &access))
        return;
    const unsigned dst = lower_dst(insn->rd, RDX);
    lower_load_general(&l->a, type, dst, operand(&access, 0));
    lower_done(l, insn->rd, dst);
    /* A base that is its own target keeps the loaded value. */
    if (insn->rd != insn->rn || insn->rd == 31)
        write_back(l, insn, mode);
    done(l, insn, mode, access.miss);
}

/* All of a store. */
static void put(struct lower *l, const struct a64_insn *insn, enum mode mode,
                const struct moved *moved)
{
    struct access access;
    if (!begin(l, insn, mode, moved, &access))
        return;
    moved->put(l, insn, moved, &access);
    lower_stored(l, access.miss);
    write_back(l, insn, mode);
    done(l, insn, mode, access.miss);
}

static void put_one(struct lower *l, const struct a64_insn *insn, const struct moved *moved,
                    const struct access *access)
{
    lower_store_general(&l->a, moved->type, operand(access, 0), lower_src(l, 1, insn->rd, RDX));
}

static void store(struct lower *l, const struct a64_insn *insn, enum mode mode,
                  enum lower_type type)
{
    put(l, insn, mode, &(struct moved){lower_bytes(type), 1, false, type, put_one});
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

static void put_vectors(struct lower *l, const struct a64_insn *insn, const struct moved *moved,
                        const struct access *access)
{
    for (unsigned k = 0; k < moved->count; k++)
        store_vector(&l->a, moved->size, operand(access, k * moved->size),
                     lower_vsrc(l, k ? insn->ra : insn->rd, VSCRATCH0));
}

static void vectors(struct lower *l, const struct a64_insn *insn, enum mode mode, unsigned size,
                    unsigned count, bool store)
{
    struct access access;
    if (store) {
        put(l, insn, mode, &(struct moved){(uint8_t)size, (uint8_t)count, true, U64, put_vectors});
        return;
    }
    if (!begin(l, insn, mode,
               &(struct moved){.size = (uint8_t)size, .count = (uint8_t)count, .vector = true},
               &access))
        return;
    for (unsigned k = 0; k < count; k++) {
        const unsigned t = k ? insn->ra : insn->rd, dst = lower_vdst(l, t, VSCRATCH0);
        load_vector(&l->a, size, dst, operand(&access, k * size));
        lower_vdone(l, t, dst);
        lower_made(l, t, size);
    }
    write_back(l, insn, mode);
    done(l, insn, mode, access.miss);
}

/* ---- pairs ---- */

/* Whether two X registers must be one access where they are aligned to 16. */
static bool whole_pair(const struct lower *l, unsigned size)
{
    return size == 8 && l->mode & DBT_MODE_MANY;
}

enum pair { NO_PAIR, LOADS_PAIR, STORES_PAIR };

/* Of X registers. */
static enum pair pair_of(const struct a64_insn *insn)
{
    switch (insn->row == A64_ROW_NONE ? A64_EXEC_none : a64_exec_ids[insn->row]) {
    case A64_EXEC_ldp_off_x:
    case A64_EXEC_ldp_pre_x:
    case A64_EXEC_ldp_post_x:
        return LOADS_PAIR;
    case A64_EXEC_stp_off_x:
    case A64_EXEC_stp_pre_x:
    case A64_EXEC_stp_post_x:
        return STORES_PAIR;
    }
    return NO_PAIR;
}

/* How far a copy's store is looked for behind its load, and the other way round. */
#define COPY_REACH 16

/* Whether instruction I tells if the pair of INSN is only copied: it is the other half of a copy,
 * or writes one of the pair, or stores the pair where a load is looked for. */
static bool tells(const struct lower *l, const struct a64_insn *insn, unsigned i, bool *copied)
{
    const struct a64_insn *other = &l->insn[i];
    const enum pair pair = pair_of(other);
    const bool same = pair && other->rd == insn->rd && other->ra == insn->ra;
    *copied = same && pair != pair_of(insn);
    return *copied || lower_written(other) & (1ull << insn->rd | 1ull << insn->ra);
}

/* Whether what is loaded, or stored, by INSN is stored, or was loaded, as a pair too, by this
 * block; in a loop, by the next turn, or the last one. */
static bool is_copied(const struct lower *l, const struct a64_insn *insn)
{
    const bool loop = l->loop.body && l->at <= l->loop.end, forward = pair_of(insn) == LOADS_PAIR;
    const unsigned count = loop ? l->loop.end + 1 : l->count;
    bool copied;
    unsigned i = l->at;
    for (unsigned n = 0; n < COPY_REACH; n++) {
        const bool wraps = forward ? i + 1 == count : i == 0;
        if (wraps && !loop)
            return false;
        i = !wraps ? i + (forward ? 1 : -1u) : forward ? 0 : count - 1;
        if (i == l->at || tells(l, insn, i, &copied))
            return i != l->at && copied;
    }
    return false;
}

/* Whether the pair of INSN moves as one of 16 bytes between guest memory and where the two
 * registers wait. Only if it is copied: 16 bytes wait long for two stores of 8. */
static bool moves_whole(const struct lower *l, const struct a64_insn *insn, unsigned size)
{
    const unsigned t = insn->rd, u = insn->ra;
    return size == 8 && u == t + 1 && u < 31 && host_of[t] < 0 && host_of[u] < 0 &&
           is_copied(l, insn);
}

/* Where to load register N, while the access is off host register INDEX: its own, or SCRATCH. */
static unsigned target_of(unsigned n, int index, unsigned scratch)
{
    const unsigned dst = lower_dst(n, scratch);
    return (int)dst == index ? scratch : dst;
}

static void get_pair(struct lower *l, const struct a64_insn *insn, enum lower_type type,
                     const struct access *access)
{
    struct x86 *a = &l->a;
    const unsigned size = lower_bytes(type);
    const unsigned first = target_of(insn->rd, access->index, RDX),
                   second = lower_dst(insn->ra, RAX);
    if (moves_whole(l, insn, size)) {
        x86_vload(a, VSCRATCH0, operand(access, 0));
        x86_vstore(a, guest_memory(insn->rd), VSCRATCH0);
        return;
    }
    if (whole_pair(l, size)) {
        x86_vload(a, VSCRATCH0, operand(access, 0));
        x86_vmovd_to(a, 1, x86_r((int)first), VSCRATCH0);
        x86_vpextrq(a, x86_r((int)second), VSCRATCH0, 1);
    } else {
        lower_load_general(a, type, first, operand(access, 0));
        lower_load_general(a, type, second, operand(access, size));
    }
    lower_done(l, insn->rd, first);
    lower_done(l, insn->ra, second);
}

static void load_pair(struct lower *l, const struct a64_insn *insn, enum mode mode,
                      enum lower_type type)
{
    const unsigned size = lower_bytes(type);
    const bool base_loaded = insn->rn != 31 && (insn->rd == insn->rn || insn->ra == insn->rn);
    struct access access;
    if (!begin(l, insn, mode, &(struct moved){.size = (uint8_t)size, .count = 2}, &access))
        return;
    get_pair(l, insn, type, &access);
    if (!base_loaded)
        write_back(l, insn, mode);
    done(l, insn, mode, access.miss);
}

static void put_pair(struct lower *l, const struct a64_insn *insn, const struct moved *moved,
                     const struct access *access)
{
    struct x86 *a = &l->a;
    if (moves_whole(l, insn, moved->size)) {
        x86_vload(a, VSCRATCH0, guest_memory(insn->rd));
        x86_vstore(a, operand(access, 0), VSCRATCH0);
        return;
    }
    if (whole_pair(l, moved->size)) {
        x86_vmovd_from(a, 1, VSCRATCH0, x86_r((int)lower_src(l, 1, insn->rd, RDX)));
        x86_vpinsrq(a, VSCRATCH0, VSCRATCH0, x86_r((int)lower_src(l, 1, insn->ra, RDX)), 1);
        x86_vstore(a, operand(access, 0), VSCRATCH0);
        return;
    }
    lower_store_general(a, moved->type, operand(access, 0), lower_src(l, 1, insn->rd, RDX));
    lower_store_general(a, moved->type, operand(access, moved->size),
                        lower_src(l, 1, insn->ra, RDX));
}

static void store_pair(struct lower *l, const struct a64_insn *insn, enum mode mode,
                       enum lower_type type)
{
    put(l, insn, mode, &(struct moved){lower_bytes(type), 2, false, type, put_pair});
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
    ONE(ldr_##mode##_b, vectors, MODE_##mode, 1, 1, false)                                         \
    ONE(ldr_##mode##_h, vectors, MODE_##mode, 2, 1, false)                                         \
    ONE(ldr_##mode##_s, vectors, MODE_##mode, 4, 1, false)                                         \
    ONE(ldr_##mode##_d, vectors, MODE_##mode, 8, 1, false)                                         \
    ONE(ldr_##mode##_q, vectors, MODE_##mode, 16, 1, false)                                        \
    ONE(str_##mode##_b, vectors, MODE_##mode, 1, 1, true)                                          \
    ONE(str_##mode##_h, vectors, MODE_##mode, 2, 1, true)                                          \
    ONE(str_##mode##_s, vectors, MODE_##mode, 4, 1, true)                                          \
    ONE(str_##mode##_d, vectors, MODE_##mode, 8, 1, true)                                          \
    ONE(str_##mode##_q, vectors, MODE_##mode, 16, 1, true)

#define PAIRS(mode)                                                                                \
    ONE(ldp_##mode##_w, load_pair, MODE_##mode, U32)                                               \
    ONE(ldp_##mode##_x, load_pair, MODE_##mode, U64)                                               \
    ONE(ldp_##mode##_sw, load_pair, MODE_##mode, S32X)                                             \
    ONE(stp_##mode##_w, store_pair, MODE_##mode, U32)                                              \
    ONE(stp_##mode##_x, store_pair, MODE_##mode, U64)                                              \
    ONE(ldp_##mode##_s, vectors, MODE_##mode, 4, 2, false)                                         \
    ONE(ldp_##mode##_d, vectors, MODE_##mode, 8, 2, false)                                         \
    ONE(ldp_##mode##_q, vectors, MODE_##mode, 16, 2, false)                                        \
    ONE(stp_##mode##_s, vectors, MODE_##mode, 4, 2, true)                                          \
    ONE(stp_##mode##_d, vectors, MODE_##mode, 8, 2, true)                                          \
    ONE(stp_##mode##_q, vectors, MODE_##mode, 16, 2, true)

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
ONE(ldr_lit_s, vectors, MODE_lit, 4, 1, false)
ONE(ldr_lit_d, vectors, MODE_lit, 8, 1, false)
ONE(ldr_lit_q, vectors, MODE_lit, 16, 1, false)

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
