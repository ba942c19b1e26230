# Builds the fuzzers and runs each for SECONDS, two at a time; sourced. Corpora are kept in the cache.

fuzz_all() {
    seconds=$1
    dir=$POMONA_BUILD/fuzz
    [ -e "$dir/build.ninja" ] || CC=clang CXX=clang++ meson setup "$dir" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debug -Doptimization=1
    ninja -C "$dir" $(cd "$dir" 2>/dev/null && ninja -t targets all | grep -o '^tests/fuzz/fuzz_[a-z0-9]*:' | tr -d :)
    seeds=$POMONA_CACHE/fuzz-seeds
    mkdir -p "$seeds"
    cp "$POMONA_BUILD/guests/pip/pip.im4p" "$seeds/" 2>/dev/null || true
    printf 'bvx-\004\000\000\000abcdbvx$' >"$seeds/raw.lzfse"
    for program in "$dir"/tests/fuzz/fuzz_*[a-z0-9]; do
        [ -f "$program" ] && [ -x "$program" ] && echo "$program"
    done >"$dir/programs"
    failed=0
    xargs -P2 -I{} sh -c 'corpus="$0/fuzz-$(basename {})"; mkdir -p "$corpus"
        {} -max_total_time='"$seconds"' -rss_limit_mb=3000 -timeout=10 -max_len=200000 -artifact_prefix="$corpus/crash-" \
            "$corpus" "$0/fuzz-seeds" >"$corpus.log" 2>&1 || { tail -30 "$corpus.log"; exit 1; }' "$POMONA_CACHE" <"$dir/programs" || failed=1
    echo "result: $(wc -l <"$dir/programs") fuzzers, $seconds s each"
    return $failed
}
