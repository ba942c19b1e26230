# The `lzfse` tool of Debian trixie, unpacked beside the system; sourced. $LZFSE is the command.

fetch_lzfse() {
    lzfse=$POMONA_CACHE/lzfse-$(dpkg --print-architecture)
    tools/fetch-debs trixie "$(dpkg --print-architecture)" "$lzfse" libc6 liblzfse1 lzfse
    LZFSE="$(find "$lzfse" -name 'ld-linux*.so.*' | head -1) --library-path $(find "$lzfse" -name '*.so*' -exec dirname {} + |
        sort -u | paste -sd:) $lzfse/usr/bin/lzfse"
    export LZFSE
}
