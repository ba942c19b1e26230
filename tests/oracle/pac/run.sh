#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [SEED [COUNT]]: our pointer authentication against qemu-system-aarch64's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=$(cd "$1" && pwd)/tests/oracle/pac/pac_oracle seed=${2:-1} count=${3:-100000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
aarch64-linux-gnu-gcc -O2 -march=armv8.4-a -mgeneral-regs-only -ffreestanding -fno-builtin -fno-stack-protector -fno-pic \
    -static -nostdlib -Wl,-Ttext=0x4e000000,--build-id=none -o "$dir/guest" "$here/start.S" "$here/guest.c"
"$tool" make "$seed" "$count" "$dir/blob"
cd "$dir"
timeout 300 qemu-system-aarch64 -M virt -cpu max -m 1024 -nic none -display none -serial null -monitor none \
    -semihosting-config enable=on,target=native \
    -device loader,file=guest,cpu-num=0 -device loader,file=blob,addr=0x50000000,force-raw=on
"$tool" check "$seed" "$count" pac.bin
