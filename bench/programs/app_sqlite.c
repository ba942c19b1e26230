/* SPDX-License-Identifier: MIT */
/* Debian's SQLite with a database in memory: N rows inserted, indexed, joined, sorted, changed and
 * counted. */

#include "bench.h"

#include <sqlite3.h>
#include <stdio.h>

static void execute(sqlite3 *database, const char *statement)
{
    bench_check(sqlite3_exec(database, statement, NULL, NULL, NULL) == SQLITE_OK,
                sqlite3_errmsg(database));
}

static uint64_t query(sqlite3 *database, const char *text)
{
    sqlite3_stmt *statement;
    uint64_t sum = 0;
    bench_check(sqlite3_prepare_v2(database, text, -1, &statement, NULL) == SQLITE_OK,
                sqlite3_errmsg(database));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int k = 0; k < sqlite3_column_count(statement); k++)
            sum = bench_mix(sum, bench_hash(sqlite3_column_text(statement, k),
                                            (size_t)sqlite3_column_bytes(statement, k)));
    }
    sqlite3_finalize(statement);
    return sum;
}

static void insert(sqlite3 *database, uint64_t n, uint64_t seed)
{
    sqlite3_stmt *statement;
    bench_check(sqlite3_prepare_v2(database, "INSERT INTO item VALUES(?,?,?,?)", -1, &statement,
                                   NULL) == SQLITE_OK,
                "INSERT");
    for (uint64_t k = 0; k < n; k++) {
        char name[32];
        const uint64_t x = bench_random(&seed);
        const int length =
            snprintf(name, sizeof(name), "item %u of %u", (unsigned)x % 1000, (unsigned)k);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)k);
        sqlite3_bind_text(statement, 2, name, length, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)(x >> 20 & 63));
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)(x >> 40));
        bench_check(sqlite3_step(statement) == SQLITE_DONE, "INSERT");
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
}

static uint64_t sqlite(struct bench *b, uint64_t n)
{
    sqlite3 *database;
    uint64_t sum = 0;
    bench_check(sqlite3_open(":memory:", &database) == SQLITE_OK, "sqlite3_open");
    execute(database,
            "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, price INTEGER);"
            "CREATE TABLE kind(id INTEGER PRIMARY KEY, name TEXT);");
    bench_begin(b);
    execute(database, "BEGIN; INSERT INTO kind WITH RECURSIVE k(x) AS (SELECT 0 UNION ALL SELECT "
                      "x+1 FROM k WHERE x<63) "
                      "SELECT x, 'kind ' || x FROM k");
    insert(database, n, b->seed);
    execute(database, "COMMIT; CREATE INDEX by_kind ON item(kind, price)");
    sum ^= query(database, "SELECT kind.name, count(*), sum(price), max(item.name) FROM item JOIN "
                           "kind ON kind.id=item.kind "
                           "GROUP BY kind.id ORDER BY sum(price)");
    sum += query(database, "SELECT name, price FROM item WHERE name LIKE '%77 of%' OR price % 97 = "
                           "3 ORDER BY name LIMIT 500");
    execute(database, "UPDATE item SET price = price + kind WHERE kind BETWEEN 10 AND 30; DELETE "
                      "FROM item WHERE id % 7 = 0");
    sum ^= query(database, "SELECT count(*), sum(price), min(name), max(length(name)) FROM item "
                           "WHERE kind IN (3, 12, 29, 60)");
    sqlite3_close(database);
    return sum;
}

const struct benchmark bench_app_sqlite[] = {
    {"app", "sqlite", sqlite, 8000, 0},
    {0},
};
