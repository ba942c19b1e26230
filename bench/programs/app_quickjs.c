/* SPDX-License-Identifier: MIT */
/* Debian's QuickJS: objects, closures, regular expressions, sorting, JSON, big integers; N rounds.
 */

#include "bench.h"

#include <quickjs.h>
#include <string.h>

static const char script[] =
    "function random(seed) { return () => seed = (Math.imul(seed, 1103515245) + 12345) & "
    "0x7fffffff; }\n"
    "class Shape { constructor(n) { this.n = n; } area() { return this.n * this.n; } }\n"
    "class Circle extends Shape { area() { return 3 * super.area() + 1; } }\n"
    "function main(rounds) {\n"
    "  let sum = 0, next = random(42), big = 1n;\n"
    "  for (let round = 0; round < rounds; round++) {\n"
    "    const numbers = [];\n"
    "    for (let k = 0; k < 200; k++) numbers.push(next() % 10007);\n"
    "    numbers.sort((a, b) => a - b);\n"
    "    sum = (sum * 31 + numbers[0] + numbers[99] * 7 + numbers.filter(x => x & 1).map(x => x * "
    "2).reduce((a, b) => a + b, 0)) | 0;\n"
    "    const shapes = numbers.map((n, k) => k % 3 ? new Shape(n) : new Circle(n));\n"
    "    for (const shape of shapes) sum = (sum + shape.area()) | 0;\n"
    "    const text = shapes.map(s => 'w' + s.n.toString(16)).join(' ');\n"
    "    sum = (sum + text.replace(/w([0-9a-f])/g, '$1-').split('-').length) | 0;\n"
    "    const copy = JSON.parse(JSON.stringify({ text, numbers, round }));\n"
    "    sum = (sum ^ copy.numbers.length ^ copy.text.length) | 0;\n"
    "    big = (big * 1000003n + BigInt(sum & 0xffff)) % (2n ** 521n - 1n);\n"
    "    const counts = new Map();\n"
    "    for (const n of numbers) counts.set(n % 17, (counts.get(n % 17) || 0) + 1);\n"
    "    for (const [key, value] of counts) sum = (sum + key * value) | 0;\n"
    "  }\n"
    "  return Number((big ^ BigInt(sum >>> 0)) % 4294967291n);\n"
    "}\n";

static uint64_t quickjs(struct bench *b, uint64_t n)
{
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    double sum = 0;
    bench_begin(b);
    JSValue loaded = JS_Eval(context, script, strlen(script), "bench", JS_EVAL_TYPE_GLOBAL);
    JSValue global = JS_GetGlobalObject(context),
            function = JS_GetPropertyStr(context, global, "main");
    JSValue rounds = JS_NewInt64(context, (int64_t)n),
            result = JS_Call(context, function, JS_UNDEFINED, 1, &rounds);
    bench_check(!JS_IsException(loaded) && !JS_IsException(result), "the script");
    JS_ToFloat64(context, &sum, result);
    JS_FreeValue(context, result);
    JS_FreeValue(context, function);
    JS_FreeValue(context, global);
    JS_FreeValue(context, loaded);
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    return (uint64_t)sum;
}

const struct benchmark bench_app_quickjs[] = {
    {"app", "quickjs", quickjs, 60, 0},
    {0},
};
