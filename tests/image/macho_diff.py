#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds `macho diff` against planted changes: generated programs are built twice, with their functions in another order and some of
them changed; llvm-nm-19 and llvm-otool-19 say what symbols and sections each has: macho_diff.py POMONA WORK"""
import json
import random
import re
import subprocess
import sys

import judge
from judge import run, same

pomona, work = sys.argv[1:]


HEAD = """
extern int imported0(const char *, double), imported1(int);
extern int external;
int counter = 5, words[8];
int (*table[4])(const char *, double) = {imported0, imported0, 0, imported0};
"""
TAIL = """
void *pointers[] = {&counter, words, main, (void *)imported1, &words[3]};
"""
BODIES = (
    "return x * {k} + counter;",
    "return imported0(\"text {k}\", {k}.75) + x;",
    "switch (x & 7) {{ case 0: return {k}; case 1: return x + 9; case 2: return words[{s}]; case 3: return imported1(x);"
    " case 4: return x * x; case 5: counter++; return 3; default: return external; }}",
    "static const int odd[] = {{{k}, 7, 1, 9, 4, 3, 8}}; return odd[x % 7] + words[x & 7];",
    "int sum = 0; for (int i = 0; i < x; i++) sum += words[i & 7] ^ {k}; return sum;",
    "return table[x & 3](\"shared text\", 1.5) + {k};",
    "counter = x; words[{s}] = {k}; external += {k}; return 0;",
)
random.seed(21)


def functions(count):
    made = {}
    for i in range(count):
        body, k = random.choice(BODIES), random.randrange(100, 30000)
        made[f"f{i}"] = (body, k, random.sample(sorted(made), min(len(made), random.randrange(3))))
    return made


def source(made, order):
    text = HEAD + "".join(f"int {n}(int x);\n" for n in made) + "int main(int argc, char **argv);\n"
    for name in order:
        body, k, calls = made[name]
        code = body.format(k=k, s=k % 8)
        called = "".join(f"counter += {c}(x);" for c in calls)
        text += f"__attribute__((noinline)) int {name}(int x) {{ {called} {code} }}\n"
    return text + "int main(int argc, char **argv) { return " + " + ".join(f"{n}(argc)" for n in sorted(made)) + "; }" + TAIL


def build(name, text, target, level):
    open(f"{work}/{name}.c", "w").write(text)
    run("clang-19", f"--target={target}-apple-macos13", level, "-w", "-c", f"{work}/{name}.c", "-o", f"{work}/{name}.o")
    run("ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-undefined", "dynamic_lookup", "-fixup_chains",
        "-e", "_main", f"{work}/{name}.o", "-o", f"{work}/{name}")


def symbols(name):
    return {n: int(a, 16) for a, n in re.findall(r"^([0-9a-f]+) [a-tv-zA-TV-Z] (\S+)$", run("llvm-nm-19", f"{work}/{name}"), re.M)}


def sections(name):
    text = run("llvm-otool-19", "-l", f"{work}/{name}")
    return {f"{g}.{s}": (int(a, 16), int(z, 16)) for s, g, a, z in
            re.findall(r"sectname (\S+)\s+segname (\S+)\s+addr (\S+)\s+size (\S+)", text)}


for level, target, changes in (("-O1", "arm64", 0), ("-O1", "arm64", 4), ("-O2", "arm64", 6), ("-Os", "arm64", 5)):
    before = functions(40)
    after = dict(before)
    changed = random.sample(sorted(before), changes)
    for name in changed:
        body, k, calls = after[name]
        # The number of the fourth body is in a table of its own name, not in the code.
        in_code = body != BODIES[3] and random.random() < .7
        after[name] = (body, k + 1, calls) if in_code else (body, k, calls + ["f0"])
    if changes:
        # One goes, one comes; main calls neither of them any more, or the new one: it is changed too.
        unused = [n for n in sorted(before) if n not in changed and not any(n in c for _, _, c in before.values())]
        gone = unused[0]
        del after[gone]
        after["brand_new"] = (BODIES[0], 5, [])
    order = list(after)
    random.shuffle(order)
    build("old", source(before, list(before)), target, level)
    build("new", source(after, order), target, level)
    said = json.loads(run(pomona, "macho", "diff", "--json", f"{work}/old", f"{work}/new"))
    expected = {f"_{n}" for n in changed} | ({"_main"} if changes else set())
    same(f"{level}: functions that changed", {f["name"] for f in said["functions"]["changed"]}, expected)
    same(f"{level}: functions that did not", said["functions"]["equal"], len(before) + 1 - len(expected) - bool(changes))
    old, new = symbols("old"), symbols("new")
    same("added", {s["name"]: int(s["value"], 16) for s in said["symbols"]["added"]}, {n: a for n, a in new.items() if n not in old})
    same("removed", {s["name"]: int(s["value"], 16) for s in said["symbols"]["removed"]}, {n: a for n, a in old.items() if n not in new})
    same("moved", {s["name"]: (int(s["old"], 16), int(s["new"], 16)) for s in said["symbols"]["moved"]},
         {n: (a, new[n]) for n, a in old.items() if n in new and a != new[n]})
    old, new = sections("old"), sections("new")
    fields = {s["section"]: {f["field"]: (int(f["old"], 16), int(f["new"], 16)) for f in s["fields"] if f["field"] in ("addr", "size")}
              for s in said["sections"]}
    for name in old:
        theirs = {k: (old[name][i], new[name][i]) for i, k in enumerate(("addr", "size")) if old[name][i] != new[name][i]}
        same(f"section {name}", fields.get(name, {}), theirs)
    # Pointers to what has moved are not changed.
    data = [s for s in said["sections"] if s["section"] == "__DATA.__data"]
    same("pointers", [s["bytes_that_differ"] for s in data if s["bytes_that_differ"]], [])
    text = run(pomona, "macho", "diff", f"{work}/old", f"{work}/new")
    same("as text", set(re.findall(r"^function (\S+) changed", text, re.M)), expected)
    same("a file and itself", run(pomona, "macho", "diff", f"{work}/new", f"{work}/new"), "")

# A number in a data section, a pointer to something else, a load command.
build("old", source(before, list(before)), "arm64", "-O1")
build("new", source(before, list(before)).replace("counter = 5", "counter = 6").replace("{&counter, words", "{&words[1], words"),
      "arm64", "-O1")
said = json.loads(run(pomona, "macho", "diff", "--json", f"{work}/old", f"{work}/new"))
data = [s for s in said["sections"] if s["section"] == "__DATA.__data"][0]
same("bytes that differ", (data["bytes_that_differ"] >= 2, said["functions"]["changed"]), (True, []))
assert [c for c in said["commands"] if c["command"] == "LC_UUID"]
run("llvm-install-name-tool-19", "-add_rpath", "/usr/lib/swift", f"{work}/new")
said = json.loads(run(pomona, "macho", "diff", "--json", f"{work}/old", f"{work}/new"))
same("LC_RPATH", [c["change"] for c in said["commands"] if c["command"] == "LC_RPATH"], ["added"])
run(pomona, "macho", "diff", f"{work}/old", f"{work}/old.c", status=65)
print(f"result: {judge.cases} comparisons")
