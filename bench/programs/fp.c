/* SPDX-License-Identifier: MIT */
/* Scalar floating point. The compiler contracts products and sums to FMA on AArch64 and not on
 * plain x86-64, so the checksums of most rows are comparable between AArch64 machines only
 * (BENCH_FLOAT). */

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t image(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double uniform(uint64_t *seed)
{
    return (double)(bench_random(seed) >> 11) * 0x1p-53;
}

/* ---- five bodies that attract each other, N steps ---- */

struct body {
    double at[3], speed[3], mass;
};

static void attract(struct body *bodies, int count, double step)
{
    for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count; j++) {
            double d[3], square = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].at[k] - bodies[j].at[k];
                square += d[k] * d[k];
            }
            const double pull = step / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].speed[k] -= d[k] * bodies[j].mass * pull;
                bodies[j].speed[k] += d[k] * bodies[i].mass * pull;
            }
        }
    }
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 3; k++)
            bodies[i].at[k] += step * bodies[i].speed[k];
    }
}

static uint64_t nbody(struct bench *b, uint64_t n)
{
    struct body bodies[5];
    uint64_t seed = b->seed;
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 3; k++) {
            bodies[i].at[k] = 20 * uniform(&seed) - 10;
            bodies[i].speed[k] = uniform(&seed) - 0.5;
        }
        bodies[i].mass = 0.1 + uniform(&seed);
    }
    for (uint64_t k = 0; k < n; k++)
        attract(bodies, 5, 0.001);
    return bench_hash(bodies, sizeof(bodies));
}

/* ---- the Mandelbrot set on an N x N grid ---- */

static uint64_t mandelbrot(struct bench *b, uint64_t n)
{
    uint64_t sum = 0;
    (void)b;
    for (uint64_t row = 0; row < n; row++) {
        for (uint64_t column = 0; column < n; column++) {
            const double cr = 2.0 * (double)column / (double)n - 1.5,
                         ci = 2.0 * (double)row / (double)n - 1.0;
            double zr = 0, zi = 0;
            unsigned k = 0;
            for (; k < 50 && zr * zr + zi * zi <= 4; k++) {
                const double next = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = next;
            }
            sum = sum * 31 + k;
        }
    }
    return sum;
}

/* ---- N products of 96 x 96 matrices, by rows and columns ---- */

static uint64_t matmul(struct bench *b, uint64_t n)
{
    enum { SIDE = 96 };
    double(*x)[SIDE] = bench_alloc(3 * SIDE * sizeof(*x)), (*y)[SIDE] = x + SIDE,
    (*z)[SIDE] = y + SIDE;
    uint64_t seed = b->seed;
    for (int k = 0; k < SIDE * SIDE; k++) {
        x[0][k] = uniform(&seed);
        y[0][k] = uniform(&seed) / SIDE;
    }
    for (uint64_t round = 0; round < n; round++) {
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) {
                double sum = 0;
                for (int k = 0; k < SIDE; k++)
                    sum += x[i][k] * y[k][j];
                z[i][j] = sum;
            }
        }
        memcpy(x, z, SIDE * sizeof(*x));
    }
    return bench_hash(z, SIDE * sizeof(*z));
}

/* ---- Gaussian elimination with pivoting, N systems of 100 equations ---- */

enum { ORDER = 100 };

static void eliminate(double a[ORDER][ORDER + 1])
{
    for (int k = 0; k < ORDER; k++) {
        int pivot = k;
        for (int i = k + 1; i < ORDER; i++)
            pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
        for (int j = k; j <= ORDER && pivot != k; j++) {
            const double kept = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = kept;
        }
        for (int i = k + 1; i < ORDER; i++) {
            const double factor = a[i][k] / a[k][k];
            for (int j = k; j <= ORDER; j++)
                a[i][j] -= factor * a[k][j];
        }
    }
}

static uint64_t linpack(struct bench *b, uint64_t n)
{
    double(*a)[ORDER + 1] = bench_alloc(ORDER * sizeof(*a));
    uint64_t seed = b->seed, sum = 0;
    for (uint64_t round = 0; round < n; round++) {
        for (int k = 0; k < ORDER * (ORDER + 1); k++)
            a[0][k] = uniform(&seed) - 0.5;
        eliminate(a);
        for (int k = 0; k < ORDER; k++)
            sum = bench_mix(sum, image(a[k][ORDER] / a[k][k]));
    }
    return sum;
}

/* ---- the C library's functions ---- */

static uint64_t libm(struct bench *b, uint64_t n)
{
    uint64_t seed = b->seed;
    double sum = 0;
    for (uint64_t k = 0; k < n; k++) {
        const double x = 4 * uniform(&seed) + 0.01;
        sum += sin(x) * cos(x / 3) + exp(-x) + log(x) + pow(x, 0.3) + atan2(x, 2) + floor(8 * x) +
               fmod(x, 0.7);
    }
    return image(sum);
}

/* ---- conversions: integers, single, double, and text ---- */

static uint64_t fpconv(struct bench *b, uint64_t n)
{
    uint64_t seed = b->seed, sum = 0;
    char text[64];
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t x = bench_random(&seed);
        const double d = (double)(int64_t)x * 0x1p-40;
        const float f = (float)d;
        sum += (uint64_t)(int64_t)(f * 3) + (uint64_t)(int32_t)(d / 16777216) + (uint64_t)lrint(d) +
               (uint64_t)(float)(uint32_t)x;
        if (k % 64 == 0) {
            snprintf(text, sizeof(text), "%.9g", d);
            sum = bench_mix(sum, image(strtod(text, NULL)));
        }
    }
    return sum;
}

/* ---- the spectral norm of an infinite matrix cut to N x N ---- */

static void spectral_product(uint64_t n, const double *v, double *out, bool transposed)
{
    for (uint64_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint64_t j = 0; j < n; j++) {
            const uint64_t row = transposed ? j : i, diagonal = i + j;
            sum += v[j] / (double)(diagonal * (diagonal + 1) / 2 + row + 1);
        }
        out[i] = sum;
    }
}

static uint64_t spectral(struct bench *b, uint64_t n)
{
    double *u = bench_alloc(n * sizeof(*u)), *v = bench_alloc(n * sizeof(*v)),
           *w = bench_alloc(n * sizeof(*w));
    double dot = 0, norm = 0;
    for (uint64_t k = 0; k < n; k++)
        u[k] = 1;
    bench_begin(b);
    for (int k = 0; k < 4; k++) {
        spectral_product(n, u, w, false);
        spectral_product(n, w, v, true);
        spectral_product(n, v, w, false);
        spectral_product(n, w, u, true);
    }
    for (uint64_t k = 0; k < n; k++) {
        dot += u[k] * v[k];
        norm += v[k] * v[k];
    }
    return image(sqrt(dot / norm));
}

/* ---- N steps of dependent fused products; x86-64's is a call of the library's unless built with
 * FMA, so natively too ---- */

#ifdef __x86_64__
__attribute__((target("fma")))
#endif
static uint64_t
fused(struct bench *b, uint64_t n)
{
    double x = 0.5, y = 0.25, z = 0.125;
    for (uint64_t k = 0; k < n; k++) {
        x = __builtin_fma(x, 0.999, 0.0003);
        y = __builtin_fma(y, x, 0.1);
        z = __builtin_fma(-z, y, 1.1);
    }
    return image(x) ^ image(y + (double)(b->seed >> 63)) * 3 ^ image(z) * 5;
}

/* ---- a radix-2 FFT of 4096 single-precision complex numbers, N times ---- */

enum { POINTS = 4096 };

struct complex32 {
    float re, im;
};

static void transform(struct complex32 *data, const struct complex32 *roots)
{
    for (unsigned k = 1, reversed = 0; k < POINTS; k++) {
        unsigned bit = POINTS >> 1;
        for (; reversed & bit; bit >>= 1)
            reversed ^= bit;
        reversed |= bit;
        if (k < reversed) {
            const struct complex32 kept = data[k];
            data[k] = data[reversed];
            data[reversed] = kept;
        }
    }
    for (unsigned half = 1; half < POINTS; half *= 2) {
        for (unsigned k = 0; k < POINTS / 2; k++) {
            const unsigned low = (k & ~(half - 1)) * 2 + (k & (half - 1));
            const struct complex32 root = roots[(k & (half - 1)) * (POINTS / 2 / half)],
                                   h = data[low + half], l = data[low];
            const float re = h.re * root.re - h.im * root.im, im = h.re * root.im + h.im * root.re;
            data[low] = (struct complex32){l.re + re, l.im + im};
            data[low + half] = (struct complex32){l.re - re, l.im - im};
        }
    }
}

static uint64_t fft32(struct bench *b, uint64_t n)
{
    struct complex32 *data = bench_alloc(POINTS * sizeof(*data)),
                     *roots = bench_alloc(POINTS / 2 * sizeof(*roots));
    uint64_t seed = b->seed;
    for (int k = 0; k < POINTS; k++)
        data[k] = (struct complex32){(float)uniform(&seed), 0};
    for (int k = 0; k < POINTS / 2; k++)
        roots[k] = (struct complex32){(float)cos(k * 2 * M_PI / POINTS),
                                      (float)-sin(k * 2 * M_PI / POINTS)};
    bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        transform(data, roots);
        for (int k = 0; k < POINTS; k++) {
            data[k].re /= 64;
            data[k].im /= 64;
        }
    }
    return bench_hash(data, POINTS * sizeof(*data));
}

const struct benchmark bench_fp[] = {
    {"fp", "nbody", nbody, 400000, BENCH_FLOAT},
    {"fp", "mandelbrot", mandelbrot, 500, BENCH_FLOAT},
    {"fp", "matmul", matmul, 50, BENCH_FLOAT},
    {"fp", "linpack", linpack, 120, BENCH_FLOAT},
    {"fp", "libm", libm, 300000, BENCH_FLOAT},
    {"fp", "fpconv", fpconv, 4000000, 0},
    {"fp", "spectral", spectral, 800, BENCH_FLOAT},
    {"fp", "fma", fused, 5000000, 0},
    {"fp", "fft32", fft32, 250, BENCH_FLOAT},
    {0},
};
