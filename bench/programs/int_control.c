/* SPDX-License-Identifier: MIT */
/* Integer programs whose cost is control flow: calls, returns, indirect jumps, switches, string
 * handling; and a mix in the manner of the embedded benchmarks. `fib_pac` is `fib` with signed
 * return addresses (a plain fib natively). */

#include "bench.h"

#include <string.h>

#ifdef __aarch64__
#define SIGNED_RETURNS   __attribute__((target("branch-protection=pac-ret"), noinline))
#define UNSIGNED_RETURNS __attribute__((target("branch-protection=none"), noinline))
#else
#define SIGNED_RETURNS   __attribute__((noinline))
#define UNSIGNED_RETURNS __attribute__((noinline))
#endif

/* ---- list, matrix, state machine, checksum ---- */

struct node {
    struct node *next;
    uint32_t value;
};

static uint32_t crc16(uint32_t crc, uint32_t value)
{
    for (int bit = 0; bit < 16; bit++) {
        const uint32_t out = (crc ^ value >> bit) & 1;
        crc = crc >> 1 ^ (out ? 0xa001 : 0);
    }
    return crc;
}

static uint32_t lists(struct node *nodes, unsigned count, uint32_t seed)
{
    struct node *head = NULL, *reversed = NULL;
    uint32_t found = 0;
    for (unsigned k = 0; k < count; k++) {
        nodes[k] = (struct node){head, seed = seed * 1103515245 + 12345};
        head = &nodes[k];
    }
    for (unsigned k = 0; k < 8; k++) {
        for (const struct node *n = head; n; n = n->next)
            found += (n->value >> 16 & 15) == k;
    }
    while (head) {
        struct node *next = head->next;
        head->next = reversed;
        reversed = head;
        head = next;
    }
    return found ^ reversed->value;
}

static uint32_t matrix(int16_t a[12][12], int16_t c[12][12], uint32_t seed)
{
    uint32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 12; j++) {
            a[i][j] = (int16_t)(seed + (uint32_t)(i * j));
            c[i][j] = (int16_t)(seed - (uint32_t)(i + j));
        }
    }
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 12; j++) {
            int32_t product = 0;
            for (int k = 0; k < 12; k++)
                product += a[i][k] * c[k][j];
            sum = (sum << 1 | sum >> 31) ^ (uint32_t)product;
        }
    }
    return sum;
}

enum lexeme { START, SIGN, INTEGER, HEX, FRACTION, EXPONENT, WORD };

static enum lexeme lex(enum lexeme state, char c)
{
    const bool digit = c >= '0' && c <= '9';
    switch (state) {
    case START:
        return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? FRACTION : WORD;
    case SIGN:
        return digit ? INTEGER : WORD;
    case INTEGER:
        return digit ? INTEGER : c == 'x' ? HEX : c == '.' ? FRACTION : c == 'e' ? EXPONENT : WORD;
    case HEX:
        return digit || (c >= 'a' && c <= 'f') ? HEX : WORD;
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : WORD;
    case EXPONENT:
        return digit || c == '+' || c == '-' ? EXPONENT : WORD;
    default:
        return WORD;
    }
}

static uint32_t states(uint32_t seed)
{
    static const char text[] =
        "0x12ab,-1.5e+7,+42,hello,0.001,99999,abc,-7,1e9,0xff,12,,3.14159265,0";
    uint32_t seen[7] = {0}, sum = 0;
    enum lexeme state = START;
    for (unsigned k = 0; k < sizeof(text) - 1; k++) {
        const char c = (char)(text[k] ^ (seed >> (k & 31) & 1 && k % 11 == 0));
        if (c == ',') {
            seen[state]++;
            state = START;
        } else {
            state = lex(state, c);
        }
    }
    for (int k = 0; k < 7; k++)
        sum = sum * 31 + seen[k];
    return sum;
}

static uint64_t embedded(struct bench *b, uint64_t n)
{
    struct node nodes[64];
    int16_t a[12][12], c[12][12];
    uint32_t crc = (uint32_t)b->seed;
    for (uint64_t k = 0; k < n; k++) {
        crc = crc16(crc, lists(nodes, 64, crc));
        crc = crc16(crc, matrix(a, c, crc));
        crc = crc16(crc, states(crc));
    }
    return crc;
}

/* ---- records, strings and procedure calls, in the manner of Dhrystone ---- */

struct record {
    struct record *link;
    int kind, choice, number;
    char text[32];
};

__attribute__((noinline)) static int compare(const char *one, const char *other, int *which)
{
    int k = 2;
    while (k <= 2 && one[k] != other[k + 1])
        k++;
    *which = k;
    return strcmp(one, other) > 0;
}

__attribute__((noinline)) static void adjust(struct record *r, int by)
{
    struct record *next = r->link;
    *next = *r;
    r->number = 5;
    next->number = r->number + by;
    next->link = r->link;
    if (next->kind == 0) {
        next->choice = by & 3;
        next->number += 10;
    } else {
        *r = *next;
    }
}

__attribute__((noinline)) static void indices(int *one, int (*two)[50], int x, int y)
{
    const int at = x + 5;
    one[at] = y;
    one[at + 1] = one[at];
    one[at + 30] = at;
    for (int k = at; k <= at + 1; k++)
        two[at][k] = at;
    two[at][at - 1] += 1;
    two[at + 20][at] = one[at];
}

static uint64_t records(struct bench *b, uint64_t n)
{
    static int one[50], two[50][50];
    struct record first, second;
    char text[32];
    uint64_t sum = 0;
    first = (struct record){&second, 0, 2, 40, "SOME PROGRAM, SOME STRING"};
    second = first;
    for (uint64_t k = 0; k < n; k++) {
        int which = 0;
        strcpy(text, "SOME PROGRAM, 2'ND STRING");
        text[14] = (char)('0' + (k & 7));
        sum += (uint64_t)compare(first.text, text, &which);
        indices(one, two, (int)(k & 7), (int)sum);
        first.kind = (int)(k & 1);
        first.link = &second;
        adjust(&first, which + (int)(b->seed & 3));
        sum += (uint64_t)(first.number + second.number * 3 + one[8] % 7 + (int)strlen(second.text));
    }
    return bench_mix(sum, (uint64_t)two[10][9]);
}

/* ---- a byte-code interpreter with computed jumps ---- */

enum op { PUSH, ADD, SUB, MUL, XOR, LOAD, STORE, DECREMENT, JUMP_NOT_ZERO, SHIFT, HALT };

__attribute__((noinline)) static uint64_t execute(const uint8_t *code, uint64_t count)
{
    static const void *const targets[] = {&&push,          &&add,   &&sub,   &&mul,
                                          &&xor,           &&load,  &&store, &&decrement,
                                          &&jump_not_zero, &&shift, &&halt};
    uint64_t stack[16], *top = stack, variables[8] = {count, 1, 2, 3, 4, 5, 6, 7};
    const uint8_t *pc = code;
#define NEXT goto *targets[*pc++]
    NEXT;
push:
    *++top = *pc++;
    NEXT;
add:
    top--;
    top[0] += top[1];
    NEXT;
sub:
    top--;
    top[0] -= top[1];
    NEXT;
mul:
    top--;
    top[0] *= top[1];
    NEXT;
    xor : top--;
    top[0] ^= top[1];
    NEXT;
load:
    *++top = variables[*pc++];
    NEXT;
store:
    variables[*pc++] = *top--;
    NEXT;
decrement:
    variables[*pc++]--;
    NEXT;
jump_not_zero:
    pc = variables[pc[0]] ? code + pc[1] : pc + 2;
    NEXT;
shift:
    top[0] = top[0] << 7 | top[0] >> 57;
    NEXT;
halt:
    return variables[1] ^ variables[2] ^ variables[3];
#undef NEXT
}

static uint64_t interp(struct bench *b, uint64_t n)
{
    static const uint8_t code[] = {
        LOAD,      1, PUSH,          3,    MUL, LOAD, 2,     ADD, STORE, 1, /* v1 = 3 v1 + v2 */
        LOAD,      2, SHIFT,         LOAD, 1,   XOR,  STORE, 2, /* v2 = rol(v2, 7) ^ v1 */
        LOAD,      3, LOAD,          2,    SUB, PUSH, 17,    ADD, STORE, 3, /* v3 = v3 - v2 + 17 */
        DECREMENT, 0, JUMP_NOT_ZERO, 0,    0,   HALT,
    };
    (void)b;
    return execute(code, n);
}

/* ---- calls through pointers to functions ---- */

#define OPERATION(name, expression)                                                                \
    __attribute__((noinline)) static uint64_t name(uint64_t x, uint64_t y)                         \
    {                                                                                              \
        return expression;                                                                         \
    }
OPERATION(call_add, x + y)
OPERATION(call_xor, x ^ y >> 3)
OPERATION(call_mul, x * 5 + y)
OPERATION(call_rot, (x << 9 | x >> 55) + y)
OPERATION(call_sub, x - y)
OPERATION(call_and, (x & ~y) + 3)
OPERATION(call_neg, y - x)
OPERATION(call_mix, (x ^ x >> 7) + (y << 1))

static uint64_t indcall(struct bench *b, uint64_t n)
{
    static uint64_t (*const operations[])(uint64_t, uint64_t) = {
        call_add, call_xor, call_mul, call_rot, call_sub, call_and, call_neg, call_mix};
    uint64_t x = b->seed, seed = b->seed;
    for (uint64_t k = 0; k < n; k += 4) {
        const uint64_t choice = bench_random(&seed);
        x = operations[choice >> 61](x, k);
        x = operations[choice >> 58 & 7](x, k);
        x = operations[choice >> 55 & 7](x, k);
        x = operations[k >> 2 & 7](x, k);
    }
    return x;
}

/* ---- recursion ---- */

UNSIGNED_RETURNS static uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

SIGNED_RETURNS static uint64_t fibonacci_signed(uint64_t n)
{
    return n < 2 ? n : fibonacci_signed(n - 1) + fibonacci_signed(n - 2);
}

static uint64_t fib(struct bench *b, uint64_t n)
{
    return fibonacci(n + (b->seed >> 63));
}

static uint64_t fib_pac(struct bench *b, uint64_t n)
{
    return fibonacci_signed(n + (b->seed >> 63));
}

/* The queens' problem on an N x N board: recursion and unpredictable branches. */
static uint64_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    uint64_t count = 0;
    if (columns == all)
        return 1;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        const uint32_t bit = free & -free;
        count += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

static uint64_t queens(struct bench *b, uint64_t n)
{
    (void)b;
    return place((1U << n) - 1, 0, 0, 0);
}

const struct benchmark bench_int_control[] = {
    {"int", "embedded", embedded, 3500, 0},
    {"int", "records", records, 2500000, 0},
    {"int", "interp", interp, 900000, 0},
    {"int", "indcall", indcall, 6000000, 0},
    {"int", "fib", fib, 35, 0},
    {"int", "fib_pac", fib_pac, 34, 0},
    {"int", "queens", queens, 13, 0},
    {0},
};
