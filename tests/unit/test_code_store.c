/* SPDX-License-Identifier: MIT */
/* The translator's files of kept code (src/dbt/store.h): what is found again, what is not believed,
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

#define NAME   "file.code"
#define PIECES 4u

/* Sizes on both sides of what the checksum takes in at a time. */
struct content {
    uint8_t first[16], small[7], none[1], large[333];
};

static char directory[] = "/tmp/test_code_store.XXXXXX", path[64];
static const struct dbt_identity identity = {{1, 2, 3, 4}};
static unsigned complaints;

static void said(void *ctx, const char *text)
{
    complaints++;
}

static bool open_store(struct dbt_store *store)
{
    *store = (struct dbt_store){.said = said};
    return dbt_store_open(store, directory);
}

static void pieces_of(struct content *content, struct dbt_piece piece[PIECES])
{
    piece[0] = (struct dbt_piece){content->first, sizeof(content->first)};
    piece[1] = (struct dbt_piece){content->small, sizeof(content->small)};
    piece[2] = (struct dbt_piece){content->none, 0};
    piece[3] = (struct dbt_piece){content->large, sizeof(content->large)};
}

/* All of it says who made it. */
static struct content content_of(uint8_t maker)
{
    struct content content = {.none = {0}};
    memset(content.first, maker, sizeof(content.first));
    memset(content.small, maker, sizeof(content.small));
    memset(content.large, maker, sizeof(content.large));
    return content;
}

static void write_store(uint8_t maker)
{
    struct dbt_store store;
    struct dbt_piece piece[PIECES];
    struct content content = content_of(maker);
    pieces_of(&content, piece);
    assert_true(open_store(&store));
    dbt_store_write(&store, NAME, &identity, piece, PIECES);
    dbt_store_close(&store);
}

/* Whose file is there, all of it; 0: none is believed. */
static uint8_t maker_for(const struct dbt_identity *wanted)
{
    struct dbt_store store;
    struct dbt_piece piece[PIECES];
    struct content content = content_of(0);
    if (!open_store(&store))
        return 0;
    pieces_of(&content, piece);
    const int fd = dbt_store_find(&store, NAME, wanted, piece);
    const bool good = fd >= 0 && dbt_store_read(fd, piece, PIECES);
    if (fd >= 0)
        close(fd);
    dbt_store_close(&store);
    const struct content expected = content_of(content.first[0]);
    if (good)
        assert_memory_equal(&content, &expected, sizeof(content));
    return good ? content.first[0] : 0;
}

static uint8_t maker(void)
{
    return maker_for(&identity);
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

static int make_file(void **state)
{
    write_store(1);
    complaints = 0;
    return 0;
}

static int remove_file(void **state)
{
    return unlink(path);
}

static void finds_what_was_written(void **state)
{
    assert_int_equal(maker(), 1);
    write_store(2);
    assert_int_equal(maker(), 2);
    assert_int_equal(complaints, 0);
}

static void believes_no_changed_bit(void **state)
{
    static uint8_t bytes[1 << 12];
    const size_t size = read_file(bytes, sizeof(bytes));
    assert_in_range(size, sizeof(struct content) - 1, sizeof(bytes) - 1);
    for (size_t at = 0; at < size * 8; at++) {
        bytes[at / 8] ^= (uint8_t)(1u << at % 8);
        write_file(bytes, size);
        assert_int_equal(maker(), 0);
        bytes[at / 8] ^= (uint8_t)(1u << at % 8);
    }
}

static void believes_no_cut_file(void **state)
{
    static uint8_t bytes[1 << 12];
    const size_t size = read_file(bytes, sizeof(bytes));
    for (size_t left = 0; left < size; left++) {
        write_file(bytes, left);
        assert_int_equal(maker(), 0);
    }
}

static void replaces_what_is_damaged(void **state)
{
    write_file((const uint8_t *)"damaged", 7);
    write_store(3);
    assert_int_equal(maker(), 3);
}

static void takes_nothing_of_another_version(void **state)
{
    for (unsigned i = 0; i < DBT_IDENTITY_WORDS; i++) {
        struct dbt_identity other = identity;
        other.word[i]++;
        assert_int_equal(maker_for(&other), 0);
        assert_int_equal(complaints, i + 1);
    }
}

static void wants_a_directory_of_its_own(void **state)
{
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(maker(), 0);
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(maker(), 0);
    assert_int_equal(chmod(path, 0600), 0);
    char other[160];
    snprintf(other, sizeof(other), "%s.other", directory);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(maker(), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(maker(), 0);
    assert_int_equal(complaints, 4);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(maker(), 1);
}

/* Who reads meanwhile gets one of the files, whole. */
static void is_whole_while_two_write(void **state)
{
    enum { ROUNDS = 200 };
    pid_t child[2];
    for (unsigned k = 0; k < 2; k++) {
        child[k] = fork();
        for (unsigned round = 0; !child[k] && round < ROUNDS; round++)
            write_store((uint8_t)(k + 1));
        if (!child[k])
            _exit((int)complaints);
    }
    for (unsigned round = 0; round < ROUNDS; round++)
        assert_in_range(maker(), 1, 2);
    for (unsigned k = 0; k < 2; k++) {
        int status;
        waitpid(child[k], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_in_range(maker(), 1, 2);
    assert_int_equal(complaints, 0);
}

static int make_directory(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/" NAME, directory);
    return 0;
}

static int remove_directory(void **state)
{
    return rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_what_was_written),
        TEST(believes_no_changed_bit),
        TEST(believes_no_cut_file),
        TEST(replaces_what_is_damaged),
        TEST(takes_nothing_of_another_version),
        TEST(wants_a_directory_of_its_own),
        TEST(is_whole_while_two_write),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
