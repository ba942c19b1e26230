#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the decoder, the printer and the dispatch table from src/a64/decode/*.decode.

The grammar of a row is in src/a64/decode/README.md. Outputs:
  a64_rows.h       enum a64_row_id
  a64_ops.h        the prototypes of the operand printers (op_*) and immediates (a64_imm_*)
  a64_exec.h       the prototypes of the interpreter's functions (exec_*)
  a64_rows.inc     the table of rows, their guard and print functions, and the look-up buckets
  a64_exec.inc     row -> interpreter function (compiled with src/interp only)
  a64_coverage.md  which rows of which class are implemented, for people
"""
import os
import re
import sys

TOKEN = re.compile(r"<([^<>]+)>")
COMMA = re.compile(r",(?![^(]*\))")  # but not the commas of a function's arguments


class Row:
    def __init__(self, where, name, pattern, feat, execute, flags, templates, group):
        self.where, self.name, self.pattern, self.feat = where, name, pattern, feat
        self.execute, self.flags, self.templates, self.group = execute, flags, templates, group
        self.mask = self.value = 0
        self.fields = {}
        for position, char in enumerate(pattern):
            bit = 31 - position
            if char in "01":
                self.mask |= 1 << bit
                self.value |= int(char) << bit
            elif char != "x":
                self.fields.setdefault(char, []).append(bit)

    def option(self, key):
        for flag in self.flags:
            if flag.startswith(key + "="):
                return flag[len(key) + 1:]
        return None


def fail(where, text):
    sys.exit(f"{where}: {text}")


def split_line(line, where):
    """NAME PATTERN FEAT EXEC FLAGS ["template" [| "alias" if COND]...]"""
    head, quote, tail = line.partition('"')
    columns = head.split()
    if len(columns) != 5:
        fail(where, f"a row has five columns before its template, found {len(columns)}")
    templates = []
    if quote:
        for part in re.split(r"\s\|\s", quote + tail):
            match = re.fullmatch(r'"([^"]*)"(?:\s+if\s+(.+))?', part.strip())
            if not match:
                fail(where, f"cannot read the template {part!r}")
            templates.append((match[1], match[2]))
    return columns, templates


def read_rows(paths):
    rows, names = [], {}
    for path in paths:
        group = ""
        for number, line in enumerate(open(path), 1):
            where = f"{path}:{number}"
            line = line.rstrip("\n")
            if line.startswith("# "):
                group = line[2:].split()[0]
            if not line.strip() or line.startswith("#"):
                continue
            columns, templates = split_line(line, where)
            name, pattern, feat, execute, flags = columns
            if len(pattern) != 32 or re.search(r"[^01A-Za-z]", pattern):
                fail(where, f"the pattern of {name} is not 32 characters of 0, 1 and letters")
            if name in names:
                fail(where, f"{name} stands twice, first at {names[name]}")
            names[name] = where
            if "w" in pattern:
                fail(where, "w is the word in conditions and cannot be a field")
            flags = [] if flags == "-" else COMMA.split(flags)
            rows.append(Row(where, name, pattern, feat, execute, flags, templates, group))
    return rows


def runs(bits):
    """A field's bits, high to low, as (high, low) runs."""
    out = []
    for bit in bits:
        if out and out[-1][1] == bit + 1:
            out[-1][1] = bit
        else:
            out.append([bit, bit])
    return out


def extract(bits):
    parts, low = [], len(bits)
    for high, bottom in runs(bits):
        width = high - bottom + 1
        low -= width
        part = f"((w >> {bottom}) & {hex((1 << width) - 1)}u)"
        parts.append(f"({part} << {low})" if low else part)
    return " | ".join(parts) if len(parts) > 1 else parts[0]


def field_locals(row, text):
    """C declarations of the row's fields that the expression text names."""
    out = ""
    for letter, bits in row.fields.items():
        if re.search(rf"\b{letter}\b", text):
            out += f"    const uint32_t {letter} = {extract(bits)};\n"
    return out


def c_name(token):
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", token)).strip("_")


def guard_bits(row):
    """The bits that the row's `unless` looks at."""
    text = row.option("unless") or ""
    if re.search(r"\bw\b", text):
        return ~row.mask & 0xFFFFFFFF
    return sum(1 << bit for letter, bits in row.fields.items() if re.search(rf"\b{letter}\b", text)
               for bit in bits)


def guard(row):
    text = row.option("unless")
    if not text:
        return ""
    return (f"static bool unless_{row.name}(uint32_t w)\n{{\n{field_locals(row, text)}"
            f"    return {text};\n}}\n")


def emit_template(template, indent):
    out, position = "", 0
    for match in TOKEN.finditer(template):
        literal = template[position:match.start()]
        if literal:
            out += f'{indent}a64_dis_text(dis, "{literal}");\n'
        out += f"{indent}op_{c_name(match[1])}(dis);\n"
        position = match.end()
    if template[position:]:
        out += f'{indent}a64_dis_text(dis, "{template[position:]}");\n'
    return out.replace("\\\\t", "\\t")


def printer(row):
    if not row.templates:
        return ""
    body = ""
    conditions = " ".join(cond or "" for _, cond in row.templates)
    for template, cond in row.templates[1:]:
        body += f"    if ({cond}) {{\n{emit_template(template, ' ' * 8)}        return;\n    }}\n"
    body += emit_template(row.templates[0][0], "    ")
    used = "    const uint32_t w = dis->word;\n" if re.search(r"\w", conditions) else ""
    return (f"static void print_{row.name}(struct a64_dis *dis)\n{{\n{used}"
            f"{field_locals(row, conditions)}{body}}}\n")


def flag_bits(row):
    bits = []
    for flag in row.flags:
        if "=" in flag:
            continue
        bits.append("A64_F_" + flag.upper())
    return " | ".join(bits) or "0"


def register_set(row, key):
    """rx=nm -> a string of the pattern's letters, kept for the translator and the effects test."""
    text = row.option(key)
    return f'"{text}"' if text else "NULL"


def buckets(rows):
    """Bits 31:21 choose a bucket of rows whose fixed bits allow it, most specific first."""
    lists = []
    order = sorted(range(len(rows)), key=lambda k: -bin(rows[k].mask).count("1"))
    for key in range(2048):
        word = key << 21
        lists.append([k for k in order
                      if not ((word ^ rows[k].value) & rows[k].mask & 0xFFE00000)])
    return lists


def write(path, text):
    with open(path, "w") as out:
        out.write("/* Made by src/a64/gen_a64.py from src/a64/decode; do not edit. */\n" + text)


def make_ops_h(rows):
    out = "#include \"dis.h\"\n"
    tokens = sorted({c_name(m) for r in rows for t, _ in r.templates for m in TOKEN.findall(t)})
    out += "".join(f"void op_{t}(struct a64_dis *dis);\n" for t in tokens)
    imms = sorted({r.option("imm") for r in rows if r.option("imm")})
    return out + "".join(f"uint64_t a64_imm_{i}(uint32_t word);\n" for i in imms)


def make_exec_h(rows):
    names = sorted({r.execute for r in rows if r.execute != "-"})
    out = "#pragma once\nstruct a64_cpu;\nstruct a64_insn;\n" + "".join(
        f"int exec_{n}(struct a64_cpu *cpu, const struct a64_insn *insn);\n" for n in names)
    ids = "".join(f"    A64_EXEC_{n},\n" for n in names)
    return out + f"enum a64_exec_id {{\n    A64_EXEC_none,\n{ids}    A64_EXEC_COUNT\n}};\n"


def writes(row):
    """The general registers that the row writes, as enum a64_writes."""
    kinds = {"d": "A64_WRITES_D", "t": "A64_WRITES_D", "u": "A64_WRITES_U", "n": "A64_WRITES_N"}
    return " | ".join(sorted({kinds.get(letter, "A64_WRITES_MORE") for letter in row.option("wx") or ""})) or "0"


def make_rows_inc(rows):
    out = "#include \"a64_ops.h\"\n"
    out += "".join(guard(r) + printer(r) for r in rows)
    out += "const struct a64_row a64_rows[A64_ROW_COUNT] = {\n"
    for r in rows:
        unless = f"unless_{r.name}" if r.option("unless") else "NULL"
        print_fn = f"print_{r.name}" if r.templates else "NULL"
        imm = f"a64_imm_{r.option('imm')}" if r.option("imm") else "NULL"
        feat = "A64_FEAT_BASE" if r.feat == "-" else "A64_FEAT_" + r.feat
        regs = ", ".join(f".{key} = {register_set(r, key)}"
                         for key in ("rx", "wx", "rv", "wv") if r.option(key))
        out += (f'    [A64_ROW_{r.name}] = {{.name = "{r.name}", .group = "{r.group}", '
                f'.pattern = "{r.pattern}", .mask = {hex(r.mask)}u, .value = {hex(r.value)}u, '
                f".feat = {feat}, .flags = {flag_bits(r)}, .implemented = "
                f"{'false' if r.execute == '-' else 'true'}, .writes = {writes(r)}, .unless = {unless}, .unless_bits = {hex(guard_bits(r))}u, "
                f".print = {print_fn}, .imm = {imm}{', ' + regs if regs else ''}}},\n")
    out += "};\n"
    flat, starts, seen = [], [], {}
    for entry in buckets(rows):
        key = tuple(entry)
        if key not in seen:
            seen[key] = len(flat)
            flat += [f"{{{hex(rows[k].mask)}u,{hex(rows[k].value)}u,{k}}}" for k in entry] + ["{0,0,A64_ROW_NONE}"]
        starts.append(seen[key])
    out += f"static const struct candidate bucket_rows[] = {{{','.join(flat)}}};\n"
    out += f"static const uint16_t bucket_start[2048] = {{{','.join(map(str, starts))}}};\n"
    return out


def make_exec_inc(rows):
    out = "#include \"a64_exec.h\"\n"
    out += "a64_exec_fn *const a64_exec_table[A64_ROW_COUNT] = {\n"
    for r in rows:
        if r.execute != "-":
            out += f"    [A64_ROW_{r.name}] = exec_{r.execute},\n"
    out += "};\nconst uint16_t a64_exec_ids[A64_ROW_COUNT] = {\n"
    for r in rows:
        if r.execute != "-":
            out += f"    [A64_ROW_{r.name}] = A64_EXEC_{r.execute},\n"
    return out + "};\n"


def make_coverage(rows):
    groups = {}
    for r in rows:
        groups.setdefault(r.group, []).append(r)
    done = sum(r.execute != "-" for r in rows)
    out = (f"# A64 instructions\n\n{len(rows)} encodings are known outside SVE and SME, {done} are implemented. The others are "
           "UNDEFINED: no CPU model has their feature, or they are Apple's own (apple_*).\n\n"
           "| class | encodings | implemented | features | not implemented |\n|---|---|---|---|---|\n")
    for name, members in sorted(groups.items()):
        missing = [r.name.removesuffix("_" + name) for r in members if r.execute == "-"]
        feats = sorted({r.feat for r in members} - {"-", "ABSENT"})
        out += (f"| {name} | {len(members)} | {len(members) - len(missing)} | {' '.join(feats)} | "
                f"{' '.join(missing) if len(missing) <= 40 else f'{len(missing)} encodings'} |\n")
    return out


def main():
    outdir, paths = sys.argv[1], sorted(sys.argv[2:])
    rows = read_rows(paths)
    ids = "".join(f"    A64_ROW_{r.name},\n" for r in rows)
    write(os.path.join(outdir, "a64_rows.h"),
          f"enum a64_row_id {{\n{ids}    A64_ROW_COUNT,\n    A64_ROW_NONE = 0xFFFF\n}};\n")
    write(os.path.join(outdir, "a64_ops.h"), make_ops_h(rows))
    write(os.path.join(outdir, "a64_exec.h"), make_exec_h(rows))
    write(os.path.join(outdir, "a64_rows.inc"), make_rows_inc(rows))
    write(os.path.join(outdir, "a64_exec.inc"), make_exec_inc(rows))
    with open(os.path.join(outdir, "a64_coverage.md"), "w") as out:
        out.write(make_coverage(rows))


if __name__ == "__main__":
    main()
