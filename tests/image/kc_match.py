#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kc match against a collection with planted faults, each of which has to be named: kc_match.py POMONA WORK"""
import json
import os
import subprocess
import sys

import mkkc

pomona, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.makedirs(work, exist_ok=True)
KERNEL_H = os.path.join(mkkc.HERE, "kc", "kernel.h")
KPI = {"com.apple.kpi.iokit": "8.0.0"}
FAMILY = "com.example.iokit.BusFamily"


def run(*command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode() if status == 0 else done.stderr.decode()


# ---- the tree ----

def node(name, *children, **properties):
    values = [{"name": "name", "type": "str", "value": name}]
    for key, value in properties.items():
        kind, text = value.split(":", 1) if ":" in value else ("str", value)
        values.append({"name": key.replace("_", "-") if key != "device_type" else key, "type": kind, "value": text})
    return {"properties": values, "children": list(children)}


TREE = node("device-tree",
            node("chosen", debug_enabled="u32:1"),
            node("arm-io",
                 node("uart0", compatible="strs:uart-1,pomona|uart-1,samsung", device_type="uart", boot_console="hex:"),
                 node("i2c0", node("sensor", compatible="sensor,one", address="u32:72"), compatible="i2c,pomona"),
                 node("pcie", compatible="apcie,pomona"),
                 compatible="arm-io,pomona", device_type="pomona-io"),
            compatible="strs:Pomona1,1|AppleARM", model="Pomona1,1")
open(f"{work}/tree.json", "w").write(json.dumps(TREE))
run(pomona, "adt", "build", f"{work}/tree.json", "-o", f"{work}/tree")

# ---- the kexts ----


def mangled(name):
    return f"{len(name)}{name}"


def kext(short, classes, personalities, libraries=None, version="1.0", **info):
    """Brings CLASSES (name: the class above; None: only a string says it)."""
    path = f"{work}/{short}.c"
    with open(path, "w") as f:
        f.write(f'#include "{KERNEL_H}"\n')
        for name, above in classes.items():
            f.write(f'CLASS("{mangled(name)}", "{mangled(above)}");\n' if above else f'const char *const {name} CONSTANT = "{name}";\n')
        f.write('int driver_start(struct kmod_info *info, void *data) { return 0; }\nKMOD(NAME, "1.0", driver_start, 0);\n')
    bundle = short if short.startswith("com.") else f"com.example.driver.{short}"
    return mkkc.Kext(bundle, path, version, {**KPI, **(libraries or {})}, personalities or None, **info)


def one(short, match=None, provider="IOPlatformDevice", libraries=None, missing_class=False, above="IOService", **more):
    """A kext with one class and one personality, both called SHORT."""
    table = {"IOClass": short, "IOProviderClass": provider, **more}
    if match:
        table["IONameMatch"] = match
    return kext(short, {} if missing_class else {short: above}, {"P": table}, libraries)


SENSOR = {"compatible": "sensor,one", "address": b"\x48\0\0\0"}
KEXTS = [
    mkkc.Kext("com.apple.kpi.iokit", None, "23.6.0", OSKernelResource=True, OSBundleCompatibleVersion="8.0.0"),
    kext(FAMILY, {"BusDevice": "IOService", "BusDisk": "BusDevice"}, {}, version="2.1", OSBundleCompatibleVersion="2.0"),
    kext("com.example.iokit.LonelyFamily", {"LonelyDevice": "IOService"}, {}, OSBundleCompatibleVersion="1.0"),
    kext("NoLibrary", {}, {}),
    one("Root", "AppleARM", "IOPlatformExpertDevice"),
    mkkc.Kext("com.example.driver.Merge", None, "1.0", KPI, {"P": {"CFBundleIdentifier": "com.example.driver.Uart", "IOClass": "Uart",
                                                                   "IOProviderClass": "IOPlatformDevice", "IONameMatch": "i2c0"}}),
    mkkc.Kext("com.example.driver.NoCode", None, "1.0", KPI, {"P": {"CFBundleIdentifier": "com.example.driver.Gone", "IOClass": "Uart",
                                                                    "IOProviderClass": "IOPlatformDevice", "IONameMatch": "i2c0"}}),
    one("Uart", ["uart-9,none", "uart-1,samsung"], IOProbeScore=1000),
    one("BetterUart", "uart0", IOProbeScore=2000),
    one("UartConsole", "uart0", IOProbeScore=9000, IOMatchCategory="console"),
    one("UartClient", provider="Uart"),
    one("Star", "sensor,*"),
    one("Property", "sensor", IOPropertyMatch=SENSOR),
    one("AnyProperty", "sensor", IOPropertyMatch=[{"address": b"\0"}, SENSOR]),
    one("Exists", None, IOPropertyExistsMatch="boot-console"),
    one("Path", None, IOPathMatch="IODeviceTree:/arm-io/i2c0@35010000/sensor"),
    one("Parent", "sensor", IOParentMatch={"IONameMatch": "arm-io"}),
    one("Resource", provider="IOResources", IOResourceMatch="IOBSD"),
    one("BusMaker", "i2c0", libraries={FAMILY: "2.0"}),
    one("BusClient", provider="BusDevice", libraries={FAMILY: "2.1"}),
    one("PciCard", "pci1af4,1000", provider="BusDevice", libraries={FAMILY: "2.0"}),
    one("ByString", "uart0", missing_class=True),
    one("WrongCompatible", "uart-1,samsunk"),
    one("WrongRoot", "uart0", "IOPlatformExpertDevice"),
    one("WrongValue", "sensor", IOPropertyMatch={"compatible": "sensor,two"}),
    one("WrongNumber", "sensor", IOPropertyMatch={"address": 72}),
    one("WrongExists", "sensor", IOPropertyExistsMatch=["one", "two"]),
    one("WrongPath", None, IOPathMatch="IODeviceTree:/arm-io/none"),
    one("WrongParent", "sensor", IOParentMatch={"IONameMatch": "pcie"}),
    one("MissingProvider", "uart0", provider="NoSuchDevice"),
    one("NoProvider", "uart0", provider=""),
    one("MissingClass", "uart0", missing_class=True),
    one("MissingLibrary", "uart0", libraries={"com.example.iokit.Absent": "1.0"}),
    one("OldLibrary", "uart0", libraries={FAMILY: "2.1.1"}),
    one("NewLibrary", "uart0", libraries={FAMILY: "1.9"}),
    one("NotALibrary", "uart0", libraries={"com.example.driver.NoLibrary": "1.0"}),
    one("LonelyMaker", "no-such-bus", libraries={"com.example.iokit.LonelyFamily": "1.0"}),
    one("LonelyClient", provider="LonelyDevice", libraries={"com.example.iokit.LonelyFamily": "1.0"}),
]
KEXTS.append(kext("Strings", {"ByString": None}, {}))
KEXTS.append(kext("Dependent", {"Dependent": "IOService"}, {"P": {"IOClass": "Dependent", "IOProviderClass": "IOResources"}},
                  {"com.example.driver.Old": "1.0"}))
KEXTS.append(kext("Old", {}, {}, {FAMILY: "9.9"}, OSBundleCompatibleVersion="1.0"))

# Versions with stages, in kexts without code: those need no class of their own.
STAGES = "com.example.iokit.StageFamily"
KEXTS.append(mkkc.Kext(STAGES, None, "3.0d5", KPI, OSBundleCompatibleVersion="1.0"))
FINE, OLD = ("3.0d5", "3.0d4", "2.99.99", "3.0.0d5", "1.0"), ("3.0", "3.0b1", "3.0a1", "3.0fc1", "3.0d6", "3.1", "3.0.1d1")
for number, wanted in enumerate(FINE + OLD):
    KEXTS.append(mkkc.Kext(f"com.example.driver.Wants{number}", None, "1.0", {**KPI, STAGES: wanted},
                           {"P": {"IOClass": "Uart", "IOProviderClass": "IOPlatformDevice", "IONameMatch": "pcie"}}))

# Verdict, property, and what the reason, or the first node, has to say.
EXPECTED = {
    "Root": ("matches", None, "/"),
    "Merge": ("matches", "IONameMatch", "/arm-io/i2c0"),
    "NoCode": ("no-library", "CFBundleIdentifier", "com.example.driver.Gone, which has its code, is not in the collection"),
    "Uart": ("matches", "IONameMatch", "/arm-io/uart0"),
    "BetterUart": ("matches", "IONameMatch", "/arm-io/uart0"),
    "UartConsole": ("matches", "IONameMatch", "/arm-io/uart0"),
    "UartClient": ("follows", "IOProviderClass", "a Uart, by com.example.driver.Uart"),
    "Star": ("matches", "IONameMatch", "/arm-io/i2c0/sensor"),
    "Property": ("matches", "IONameMatch", "/arm-io/i2c0/sensor"),
    "AnyProperty": ("matches", "IONameMatch", "/arm-io/i2c0/sensor"),
    "Exists": ("matches", "IOPropertyExistsMatch", "/arm-io/uart0"),
    "Path": ("matches", "IOPathMatch", "/arm-io/i2c0/sensor"),
    "Parent": ("matches", None, "/arm-io/i2c0/sensor"),
    "Resource": ("matches", "IOResourceMatch", "once IOBSD is published"),
    "BusMaker": ("matches", "IONameMatch", "/arm-io/i2c0"),
    "BusClient": ("follows", "IOProviderClass", "a BusDevice, by com.example.driver.BusMaker"),
    "PciCard": ("undecided", "IONameMatch", '"pci1af4,1000"'),
    "ByString": ("matches", "IONameMatch", "/arm-io/uart0"),
    "WrongCompatible": ("no-node", "IONameMatch", 'is "uart-1,samsunk"; nearest: /arm-io/uart0, compatible "uart-1,samsung"'),
    "WrongRoot": ("no-node", "IONameMatch", 'model are not "uart0"'),
    "WrongValue": ("no-node", "IOPropertyMatch", "/arm-io/i2c0/sensor: its compatible is str:sensor,one, not str:sensor,two"),
    "WrongNumber": ("no-node", "IOPropertyMatch", "not a number, which no property of a tree equals"),
    "WrongExists": ("no-node", "IOPropertyExistsMatch", "/arm-io/i2c0/sensor: no property two"),
    "WrongPath": ("no-node", "IOPathMatch", "no node of the tree has it: IODeviceTree:/arm-io/none"),
    "WrongParent": ("no-node", "IOParentMatch", "/arm-io/i2c0/sensor: nothing above it matches"),
    "MissingProvider": ("no-provider", "IOProviderClass", "brings the class NoSuchDevice"),
    "NoProvider": ("no-provider", "IOProviderClass", "no IOProviderClass"),
    "MissingClass": ("no-class", "IOClass", "brings the class MissingClass"),
    "MissingLibrary": ("no-library", "OSBundleLibraries", "com.example.iokit.Absent 1.0 is not in the collection"),
    "OldLibrary": ("no-library", "OSBundleLibraries", f"{FAMILY} 2.1.1 is wanted, the collection has 2.1"),
    "NewLibrary": ("no-library", "OSBundleLibraries", "compatible from 2.0 on"),
    "NotALibrary": ("no-library", "OSBundleLibraries", "com.example.driver.NoLibrary has no OSBundleCompatibleVersion"),
    "LonelyMaker": ("no-node", "IONameMatch", '"no-such-bus"'),
    "LonelyClient": ("no-provider", "IOProviderClass",
                     "nothing that would make a LonelyDevice matches: com.example.driver.LonelyMaker (no-node)"),
    "Dependent": ("no-library", "OSBundleLibraries", f"it needs com.example.driver.Old, which cannot link: {FAMILY} 9.9 is wanted"),
}
for number, wanted in enumerate(FINE + OLD):
    EXPECTED[f"Wants{number}"] = ("matches", "IONameMatch", "/arm-io/pcie") if wanted in FINE else \
        ("no-library", "OSBundleLibraries", f"{STAGES} {wanted} is wanted, the collection has 3.0d5")
BEHIND = dict.fromkeys(("Uart", "ByString", "Exists"), "com.example.driver.BetterUart")


def check(path, what, kexts):
    expected = {k.bundle.split(".")[-1]: EXPECTED[k.bundle.split(".")[-1]] for k in kexts if "IOKitPersonalities" in k.info}
    found = {m["kext"].split(".")[-1]: m for m in json.loads(run(pomona, "kc", "match", "--json", "--adt", f"{work}/tree", path))}
    text = {line.split(" ")[0].split(".")[-1]: line
            for line in run(pomona, "kc", "match", "--adt", f"{work}/tree", path).splitlines()}
    if set(found) != set(expected) or set(text) != set(expected):
        sys.exit(f"{what}: the personalities are those of {sorted(set(found) ^ set(expected))}")
    for name, (verdict, decided, says) in expected.items():
        match = found[name]
        said = [match["reason"], *match.get("nodes", [])[:1]] if "reason" in match else match["nodes"][:1]
        if match["verdict"] != verdict or match.get("property") != decided and decided or not any(says in s for s in said):
            sys.exit(f"{what}: {name}: {match}, not {verdict} {decided} {says!r}")
        if f" P: {verdict}" not in text[name] or says not in text[name]:
            sys.exit(f"{what}: {name}: {text[name]!r} does not say {says!r}")
        if match.get("behind") != BEHIND.get(name):
            sys.exit(f"{what}: {name} is behind {match.get('behind')}")
    return len(expected)


cases = 0
# The older form has its pointers plain; a few suffice.
for kind, chosen in (("fileset", KEXTS), ("prelinked", KEXTS[:14])):
    open(f"{work}/{kind}.kc", "wb").write(mkkc.build(kind, chosen, work).data)
    cases += check(f"{work}/{kind}.kc", kind, chosen)

# ---- the rest of the verb ----

kc = f"{work}/fileset.kc"
failed = json.loads(run(pomona, "kc", "match", "--json", "--failed", "--adt", f"{work}/tree", kc))
assert {m["kext"].split(".")[-1] for m in failed} == {n for n, e in EXPECTED.items() if e[0].startswith("no-") or n in BEHIND}
one_kext = json.loads(run(pomona, "kc", "match", "--json", "--kext", "com.example.driver.Star", "--adt", f"{work}/tree", kc))
assert [m["class"] for m in one_kext] == ["Star"]
for arguments, wanted in ((["--kext", "com.none", "--adt", f"{work}/tree", kc], "no kext 'com.none'"),
                          (["--adt", f"{work}/tree.json", kc], "offset"), (["--adt", f"{work}/tree", f"{work}/tree"], "Mach-O")):
    if wanted not in run(pomona, "kc", "match", *arguments, status=65):
        sys.exit(f"kc match {arguments}: no {wanted!r}")
    cases += 1
if "--adt" not in run(pomona, "kc", "match", kc, status=64):
    sys.exit("kc match without --adt")
print(f"result: {cases} verdicts")
