/* SPDX-License-Identifier: MIT */
/* The translator's file of kept code (src/dbt/store.h): what is found again, what is not believed,
 * and two that write at once. */

#include "../../src/dbt/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RECORDS 5u

struct item {
    struct dbt_record record;
    uint64_t value[4];
};

static char directory[] = "/tmp/test_code_store.XXXXXX", path[128];
static uint8_t identity[DBT_STORE_IDENTITY];
static unsigned complaints;

static void said(void *ctx, const char *text)
{
    complaints++;
}

static struct dbt_store *open_store(void)
{
    return dbt_store_open(directory, identity, said, NULL);
}

static struct item item_of(uint64_t n)
{
    return (struct item){{.size = sizeof(struct item), .key = n * 77}, {n, n * n, ~n, n << 40}};
}

static void add(struct dbt_store *store, uint64_t n)
{
    struct item item = item_of(n);
    dbt_store_add(store, &item.record);
}

static bool is_right(void *ctx, const struct dbt_record *record)
{
    const struct item *wanted = ctx, *found = (const struct item *)record;
    assert_int_equal(found->record.size, sizeof(*found));
    assert_memory_equal(found->value, wanted->value, sizeof(wanted->value));
    return true;
}

/* How many of the records up to COUNT are there; none may be wrong. */
static unsigned found(struct dbt_store *store, unsigned count)
{
    unsigned there = 0;
    for (uint64_t n = 0; n < count; n++) {
        struct item wanted = item_of(n);
        there += dbt_store_find(store, wanted.record.key, is_right, &wanted);
    }
    return there;
}

static unsigned found_in_file(unsigned count)
{
    struct dbt_store *store = open_store();
    assert_non_null(store);
    const unsigned there = found(store, count);
    dbt_store_close(store);
    return there;
}

static size_t read_file(uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void write_file(const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* The only file in the directory. */
static void find_path(void)
{
    char command[64], name[64];
    snprintf(command, sizeof(command), "ls %s", directory);
    FILE *list = popen(command, "r");
    assert_non_null(fgets(name, sizeof(name), list));
    name[strcspn(name, "\n")] = 0;
    assert_null(fgets(command, sizeof(command), list));
    pclose(list);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
}

static int make_file(void **state)
{
    struct dbt_store *store = open_store();
    for (unsigned n = 0; n < RECORDS; n++)
        add(store, n);
    dbt_store_close(store);
    find_path();
    complaints = 0;
    return 0;
}

static int remove_file(void **state)
{
    return unlink(path);
}

static void finds_what_was_added(void **state)
{
    assert_int_equal(found_in_file(RECORDS + 3), RECORDS);
    struct dbt_store *store = open_store();
    add(store, RECORDS);
    assert_int_equal(found(store, RECORDS + 1), RECORDS + 1);
    dbt_store_close(store);
    assert_int_equal(found_in_file(RECORDS + 3), RECORDS + 1);
    assert_int_equal(complaints, 0);
}

static void believes_no_changed_byte(void **state)
{
    static uint8_t bytes[1 << 16];
    const size_t size = read_file(bytes, sizeof(bytes));
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= (uint8_t)(1 + at % 255);
        write_file(bytes, size);
        assert_true(found_in_file(RECORDS) < RECORDS);
        bytes[at] ^= (uint8_t)(1 + at % 255);
    }
}

static void believes_no_cut_file(void **state)
{
    static uint8_t bytes[1 << 16];
    const size_t size = read_file(bytes, sizeof(bytes));
    for (size_t left = 0; left < size; left++) {
        write_file(bytes, left);
        assert_int_equal(found_in_file(RECORDS), 0);
    }
    assert_int_equal(complaints, size);
}

static void replaces_what_is_damaged(void **state)
{
    write_file((const uint8_t *)"damaged", 7);
    struct dbt_store *store = open_store();
    add(store, 1);
    dbt_store_close(store);
    assert_int_equal(found_in_file(RECORDS), 1);
}

static void takes_nothing_of_another_version(void **state)
{
    static uint8_t bytes[1 << 16];
    char ours[sizeof(path)];
    const size_t size = read_file(bytes, sizeof(bytes));
    memcpy(ours, path, sizeof(path));
    identity[3]++;
    assert_int_equal(found_in_file(RECORDS), 0);
    assert_int_equal(complaints, 0); /* it has a file of its own, */
    struct dbt_store *store = open_store();
    add(store, 9);
    dbt_store_close(store);
    unlink(ours);
    find_path();
    write_file(bytes, size); /* and if somebody gives it the other's name */
    assert_int_equal(found_in_file(RECORDS), 0);
    assert_int_equal(complaints, 1);
    identity[3]--;
}

static void wants_a_directory_of_its_own(void **state)
{
    assert_int_equal(chmod(directory, 0755), 0);
    assert_null(open_store());
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(found_in_file(RECORDS), 0);
    assert_int_equal(chmod(path, 0600), 0);
    char other[160];
    snprintf(other, sizeof(other), "%s.other", directory);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(found_in_file(RECORDS), 0);
    assert_int_equal(complaints, 3);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(found_in_file(RECORDS), RECORDS);
}

static void keeps_what_two_write_at_once(void **state)
{
    enum { ROUNDS = 20, EACH = 50 };
    pid_t child[2];
    for (unsigned k = 0; k < 2; k++) {
        child[k] = fork();
        for (unsigned round = 0; !child[k] && round < ROUNDS; round++) {
            struct dbt_store *store = open_store();
            for (uint64_t n = 0; n < EACH; n++)
                add(store, RECORDS + (k * ROUNDS + round) * EACH + n);
            dbt_store_close(store);
        }
        if (!child[k])
            _exit((int)complaints);
    }
    for (unsigned k = 0; k < 2; k++) {
        int status;
        waitpid(child[k], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(found_in_file(RECORDS + 2 * ROUNDS * EACH), RECORDS + 2 * ROUNDS * EACH);
}

static int make_directory(void **state)
{
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    return rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_what_was_added),
        TEST(believes_no_changed_byte),
        TEST(believes_no_cut_file),
        TEST(replaces_what_is_damaged),
        TEST(takes_nothing_of_another_version),
        TEST(wants_a_directory_of_its_own),
        TEST(keeps_what_two_write_at_once),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
