#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtual Macs as other programs keep them: bundles.py FOLDER

Makes FOLDER/{macosvm,Tart,Buddy.vbvm,Mac.utm,VM.bundle,Lost.bundle}: property lists by plistutil, in both forms, and in base 64 where
the program keeps them so.
"""
import base64
import json
import os
import plistlib
import subprocess
import sys

ECID = 6058536491512803386
top = sys.argv[1]
header, contents = 0x4000, 32 << 20


def plist(value, form="bin"):
    """VALUE as plistutil writes it."""
    return subprocess.run(["plistutil", "-i", "-", "-f", form], input=plistlib.dumps(value), stdout=subprocess.PIPE, check=True).stdout


def write(path, data):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())


def disk(path, size=1 << 20):
    write(path, b"")
    os.truncate(os.path.join(top, path), size)


def aux(path, wrapped=True, number=None):
    """An auxiliary image: the framework's header, then a manifest's property among zeros."""
    number = number or ECID.to_bytes(8, "big")
    data = bytearray(b"framework".ljust(header, b"\0") if wrapped else b"")
    data += b"contents".ljust(0x68804, b"\xff") + b"\xff\x84\xa2\x30\x10\x16\x04ECID\x02" + bytes([len(number)]) + number
    write(path, bytes(data))
    os.truncate(os.path.join(top, path), contents + (header if wrapped else 0))


identifier, model = {"ECID": ECID}, {"DataRepresentationVersion": 1, "PlatformVersion": 2, "MinimumSupportedOS": [13, 0, 0]}


def text(value, form="bin"):
    return base64.b64encode(plist(value, form)).decode()


write("macosvm/vm.json", {
    "version": 1, "os": "macos", "cpus": 4, "ram": 8 << 30, "hardwareModel": text(model), "machineId": text(identifier),
    "storage": [{"type": "disk", "file": "disk.img"}, {"type": "aux", "file": "aux.img"}, {"type": "disk", "file": "data.img", "readOnly": True}],
    "displays": [{"width": 2560, "height": 1600, "dpi": 200}], "networks": [{"type": "nat", "mac": "5a:94:ef:01:02:03"}]})
disk("macosvm/disk.img")
disk("macosvm/data.img", 2 << 20)
aux("macosvm/aux.img")

write("Tart/config.json", {
    "version": 1, "os": "darwin", "arch": "arm64", "ecid": text(identifier, "xml"), "hardwareModel": text(model), "cpuCount": 6, "cpuCountMin": 4,
    "memorySize": 12 << 30, "memorySizeMin": 4 << 30, "macAddress": "7E:12:34:56:78:9a", "display": {"width": 1024, "height": 768}, "diskFormat": "raw"})
disk("Tart/disk.img")
aux("Tart/nvram.bin")

write("Buddy.vbvm/MachineIdentifier", plist(identifier))
write("Buddy.vbvm/HardwareModel", plist(model))
write("Buddy.vbvm/.vbdata/Config.plist", plist({"hardware": {
    "cpuCount": 8, "memorySize": 6 << 30, "displayDevices": [{"width": 1920, "height": 1080}],
    "networkDevices": [{"id": "Default", "kind": 0, "macAddress": "0A:82:7F:CE:C0:58"}],
    "storageDevices": [{"isReadOnly": False, "backing": {"managedImage": {"_0": {"filename": "Disk", "format": 0, "size": 1 << 20}}}}]}}))
disk("Buddy.vbvm/Disk.img")
aux("Buddy.vbvm/AuxiliaryStorage")

write("Mac.utm/config.plist", plist({
    "Backend": "Apple", "ConfigurationVersion": 4, "Information": {"Name": "Mac", "UUID": "0"},
    "System": {"Architecture": "aarch64", "CPUCount": 2, "MemorySize": 4096, "Boot": {"OperatingSystem": "macOS", "UEFIBoot": False},
               "MacPlatform": {"HardwareModel": plist(model, "xml"), "MachineIdentifier": plist(identifier), "AuxiliaryStoragePath": "AuxiliaryStorage"}},
    "Display": [{"WidthPixels": 1920, "HeightPixels": 1200}], "Network": [{"Mode": "Shared", "MacAddress": "D2:00:00:00:00:01"}],
    "Drive": [{"ImageName": "F0.img", "ReadOnly": False, "Nvme": False, "Identifier": "F0"}]}, "xml"))
disk("Mac.utm/Data/F0.img")
aux("Mac.utm/Data/AuxiliaryStorage")

write("VM.bundle/MachineIdentifier", plist(identifier, "xml"))
write("VM.bundle/HardwareModel", plist(model))
disk("VM.bundle/Disk.img")
aux("VM.bundle/AuxiliaryStorage")

# The identifier is lost, the integer has a leading zero, and the image is without its header already.
disk("Lost.bundle/Disk.img")
aux("Lost.bundle/AuxiliaryStorage", wrapped=False, number=b"\0" + (ECID | 1 << 63).to_bytes(8, "big"))
