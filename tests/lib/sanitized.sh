# Sets dir to the build by clang under AddressSanitizer and UndefinedBehaviorSanitizer, which has the fuzzers too; sourced.
dir=$POMONA_BUILD/asan
[ -e "$dir/build.ninja" ] || CC=clang CXX=clang++ meson setup "$dir" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
    -Dbuildtype=debug -Doptimization=1
