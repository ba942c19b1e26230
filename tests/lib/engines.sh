# Which program runs the guests of a step, and on which engines; sourced. POMONA_PROGRAM and POMONA_ENGINE say so, or it is
# the one that was built, on every engine that runs here. POMONA_ENGINE_KNOBS the program reads itself.
pomona=${POMONA_PROGRAM:-$POMONA_BUILD/pomona}
engines=${POMONA_ENGINE:-interp}
[ -n "${POMONA_ENGINE:-}" ] || ! "$pomona" run --engine dbt --dry-run >/dev/null 2>&1 || engines="interp dbt"
