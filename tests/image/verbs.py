#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every verb about files has in common: a file and the same on standard input print the same; --json prints JSON, of what is
printed or of what was made; bytes that are nothing end in status 65 and a message with the file, the offset and what is wrong, and
leave no file; an encrypted IM4P around a file changes nothing but for --key, without which and with a wrong one it is refused; the man
page and the completions of bash and zsh have the verb and all of its options.

usage: verbs.py POMONA FIXTURES FOLDER"""
import io, json, os, random, re, shutil, subprocess, sys, zipfile
from seal import seal

pomona, fixtures, work = (os.path.abspath(p) for p in sys.argv[1:])
shutil.rmtree(work)
os.mkdir(work)
os.chdir(work)
cases = 0


def run(*args, stdin=b""):
    p = subprocess.run([pomona, *args], input=stdin, capture_output=True, timeout=60)
    return p.returncode, p.stdout, p.stderr.decode()


def check(good, *what):
    global cases
    cases += 1
    if not good:
        sys.exit("FAIL: " + " ".join(str(w) for w in what))


def fixture(name):
    shutil.copy(f"{fixtures}/{name}", name)
    return name


kernel, dylib, tree, img4, im4p = map(fixture, ("kernel.macho", "dylib.macho", "tree.adt", "signed.img4", "plain.im4p"))
trust, chrp, v3, collection = map(fixture, ("trust2.tc", "chrp.nvram", "v3.nvram", "fileset.macho"))
_, text, _ = run("adt", "json", tree)
open("tree.json", "wb").write(text)
entry = json.loads(run("macho", "entry", "--json", kernel)[1])
address = re.search(r"0xf[0-9a-f]+", json.dumps(entry)).group()
hash_ = "00112233445566778899aabbccddeeff00112233"
nvram_name = run("nvram", "list", chrp)[1].decode().split("common:")[1].split("=")[0]
open("bad", "wb").write(random.Random(4).randbytes(500))

# The verb's words, the file, what follows. Of the makers (True) --json says what was written where.
verbs = [
    ("macho info", kernel, [], False), ("macho entry", kernel, [], False), ("macho symbols", kernel, [], False),
    ("macho fixups", collection, [], False), ("macho strings", kernel, [], False), ("macho disass --entry -c 9", kernel, [], False),
    ("macho disass --style otool --entry", kernel, [], False), ("macho disass", dylib, [], False), ("macho a2o", kernel, [address], False),
    ("macho o2a", kernel, ["0x100"], False), ("macho diff", kernel, [dylib], False),
    ("macho sign --adhoc --identifier x", dylib, [], True),
    ("adt print", tree, [], False), ("adt get", tree, ["/:name"], False), ("adt diff", tree, [tree], False),
    ("adt edit --sip 8", tree, [], True), ("adt build", "tree.json", [], True),
    ("img4 info", img4, [], False), ("img4 -a", img4, [], False), ("img4 extract", im4p, [], True), ("img4 create -p", im4p, [], True),
    ("tc info", trust, [], False), ("tc append", trust, [hash_], True), ("tc region", trust, [], True), ("tc create", dylib, [], True),
    ("nvram list", chrp, [], False), ("nvram check", v3, [], False), ("nvram get", chrp, [nvram_name], False),
    ("nvram set -o made", v3, ["boot-args=-v"], True),
    ("kc inspect", collection, [], False), ("kc version", collection, [], False), ("kc ghidra -o copy", collection, [], False),
]
for words, file, rest, makes in verbs:
    words = words.split()
    status, out, err = run(*words, file, *rest)
    check(status == 0, words, err)
    if "-o" not in words:
        check(run(*words, "-", *rest, stdin=open(file, "rb").read()) == (0, out, err), words, "-")
    if makes and "-o" not in words:
        check(run(*words[:2], "--json", *words[2:], file, *rest)[0] == 64, words, "JSON and what is made, both to standard output")
        words[2:2] = ["-o", "made"]
    status, said, err = run(*words[:2], "--json", *words[2:], file, *rest)
    check(status == 0, words, "--json", err)
    said = json.loads(said)
    if makes:
        check("made" in (said.get("written"), said.get("payload")) and said.get("size", -1) in (-1, os.path.getsize("made")), words, said)
        check(words[0] == "nvram" or open("made", "rb").read() == out, words, "another file with --json")
        os.remove("made")
    status, _, err = run(*words, "bad", *rest)
    check(status == 65 and re.match(r"pomona: bad: offset 0x[0-9a-f]+: .*\w\w", err), words, "bad:", status, err)
    check(not os.path.exists("made"), words, "left a file")

# A file that is cut off says so, whatever it is asked for.
for words, source, size in (("macho disass", kernel, 2052), ("macho disass -x __TEXT_EXEC.__text", kernel, 2052),
                            ("macho strings", collection, 3000), ("macho symbols", dylib, 1000), ("macho fixups", dylib, 1000),
                            ("kc inspect", collection, 3000), ("kc extract -o made --all", collection, 3000), ("adt print", tree, 100),
                            ("img4 extract", im4p, 100), ("nvram list", v3, 100), ("tc info", trust, 30)):
    open("cut", "wb").write(open(source, "rb").read()[:size])
    status, _, err = run(*words.split(), "cut")
    check(status == 65 and re.match("pomona: cut: offset 0x[0-9a-f]+: .*(get a whole copy|makes (one|a sound bank))", err), words, "cut off:", status, err)

# The same files encrypted, Mach-O compressed in it. Two files have a key each.
keys = ["0123456789abcdef" * 6, "fedcba9876543210" * 6]


def sealed(file, key=keys[0]):
    data = open(file, "rb").read()
    if not file.endswith((".macho", ".zip")):
        return seal("data", data, key)
    stream = run("img4", "extract", "--raw", "-", stdin=run("img4", "create", "-t", "data", "-c", "lzfse", "-i", file)[1])[1]
    return seal("data", stream, key, len(data))


def with_keys(words, file, rest=[], second=None):
    """The verb on FILE, on standard input, as it is and encrypted; of two files the SECOND is the last word of REST."""
    plain = run(*words, "-", *rest, stdin=open(file, "rb").read())
    check(plain[0] in (0, 65) and "encrypted" not in plain[2], words, plain)
    if second:
        open("second.im4p", "wb").write(sealed(second, keys[1]))
        rest = [*rest[:-1], "second.im4p"]
    stdin, changed = sealed(file), lambda answer: (answer[0], answer[1].replace(b"second.im4p", str(second).encode()), answer[2])
    check(changed(run(*words, "--key", ",".join(reversed(keys)), "-", *rest, stdin=stdin)) == plain, words, "encrypted")
    status, _, err = run(*words, "-", *rest, stdin=stdin)
    check(status == 65 and re.match("pomona: standard input: offset 0x[0-9a-f]+: .* encrypted: give its key with --iv and --key", err), words, status, err)
    status, _, err = run(*words, "--key", keys[1], "-", *rest, stdin=stdin)
    check(status == 65 and re.match("pomona: standard input: offset 0x[0-9a-f]+: .* encrypted, and the key given makes nothing", err), words, status, err)
    if second:
        status, _, err = run(*words, "--key", keys[0], "-", *rest, stdin=stdin)
        check(status == 65 and re.match("pomona: second.im4p: offset 0x[0-9a-f]+: .* encrypted, and the key given", err), words, status, err)


for words, file, rest, _ in verbs:
    if words.split()[0] != "img4" and words not in ("adt build", "macho diff", "adt diff", "tc region", "tc create"):
        with_keys(words.split(), file, rest)
with_keys(["macho", "diff"], kernel, [dylib], dylib)
with_keys(["adt", "diff"], tree, [tree], tree)
with_keys(["adt", "json"], tree)
with_keys(["adt", "check"], tree)
with_keys(["tc", "region"], trust, [trust], trust)
with_keys(["tc", "remove"], trust, [json.loads(run("tc", "info", "--json", trust)[1])[0]["entries"][0]["cdhash"]])
with_keys(["tc", "create"], dylib)
with_keys(["kc", "exclude"], collection)
with_keys(["kc", "extract"], collection, ["com.apple.kernel"])
with_keys(["kc", "diff"], collection, [collection], collection)
with_keys(["kc", "match", "--adt", tree], collection)
with_keys(["macho", "disass", "--raw", "-c", "9"], kernel)
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("kernel", open(kernel, "rb").read())
    z.writestr("kernel.im4p", sealed(kernel))
open("archive.zip", "wb").write(archive.getvalue())
with_keys(["ipsw", "ls", "-l"], "archive.zip")
open("archive.im4p", "wb").write(sealed("archive.zip", keys[1]))
plain = open(kernel, "rb").read()
check(run("ipsw", "cat", "--key", keys[1], "archive.im4p:kernel")[:2] == (0, plain), "a member of an encrypted archive")
info = run("macho", "info", "-", stdin=plain)[1]
for nested in ("archive.zip:kernel.im4p", "archive.im4p:kernel.im4p", "archive.im4p:kernel"):
    check(run("macho", "info", "--key", ",".join(keys), nested)[:2] == (0, info), nested)
check(run("macho", "info", "--key", keys[0], "archive.im4p:kernel.im4p")[0] == 65, "the archive's key is missing")

# Instructions as JSON are those of the other form.
lines = [l for l in run("macho", "disass", kernel)[1].decode().splitlines() if re.match(r" *[0-9a-f]+:\t[0-9a-f]{8} ", l)]
objects = json.loads(run("macho", "disass", "--json", kernel)[1])
check(len(lines) == len(objects) > 0, "disass --json", len(lines), len(objects))
for line, one in zip(lines, objects):
    where, word, *text = line.split("\t")
    check(int(where[:-1], 16) == int(one["address"], 16) and word.strip() == one["word"] and text[0].split("  ")[0] == one["mnemonic"] and
          (not one["operands"] or text[1].startswith(one["operands"])), "disass --json", line, one)

# The man page and the completions.
names = re.findall(r"^  ([a-z0-9]+(?: [a-z0-9]+)?)(?:  +|$)", run("--help")[1].decode(), re.M)
bash, zsh, man = (run("complete", form)[1].decode() for form in ("bash", "zsh", "man"))
for name in names:
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z0-9-]+)", run(*name.split(), "--help")[1].decode(), re.M)) - {"--help"}
    check(f"\n.SS pomona {name} " in man and f"'{name} '*)" in bash and f"'{name} '*)" in zsh, name, "is not in the man page or the completions")
    for option in options:
        check(option in bash.split(f"'{name} '*)")[1].split(" '*)")[0] and
              re.search(re.escape(option) + r"(}')?\[", zsh.split(f"'{name} '*)")[1].split(" '*)")[0]), name, option)
    if name not in ("run", "machine", "help", "complete", "adt json") and not name.endswith(" cat"):
        check("--json" in options, name, "has no --json")
    if name not in ("machine", "help", "complete", "adt build", "nvram new", "bundle info", "bundle import"):
        check({"--iv", "--key"} <= options, name, "takes no key")
print(f"result: {len(names)} verbs, {cases} checks")
