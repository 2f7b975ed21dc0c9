/* A file as a place for records: created for its owner and group, overwritten, honest about a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "output/transport.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64], path[80];
    void *file;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *x = memory_get(sizeof *x);
    strcpy(x->folder, "/tmp/mailtap-test-XXXXXX");
    if (!mkdtemp(x->folder))
        return -1;
    snprintf(x->path, sizeof x->path, "%s/out", x->folder);
    x->file = memory_get(transport_file.state_size);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    unlink(x->path);
    rmdir(x->folder);
    free(x->file);
    free(x);
    return 0;
}

static size_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static void targets(void **state)
{
    (void)state;
    assert_true(transport_file.takes(NULL) && transport_file.takes("-") && transport_file.takes("/tmp/x"));
    assert_false(transport_file.takes("tcp://127.0.0.1:1"));
    assert_ptr_equal(transport_find("a:b"), &transport_file);
    assert_null(transport_find("nothing://x"));
}

static void writes(void **state)
{
    struct fixture *x = *state;
    FILE *old = fopen(x->path, "w");
    fputs("what was there before, and longer", old);
    fclose(old);
    assert_true(transport_file.open(x->file, x->path, &x->err));
    assert_int_equal(size_of(x->path), 0);
    assert_true(transport_file.send(x->file, BYTES("one\n"), &x->err));
    assert_int_equal(size_of(x->path), 0); /* waits */
    assert_true(transport_file.flush(x->file, &x->err));
    assert_int_equal(size_of(x->path), 4);
    size_t len = 300000; /* larger than the buffer, in order with what waits */
    char *big = memory_get(len);
    memset(big, 'b', len);
    assert_true(transport_file.send(x->file, BYTES("two\n"), &x->err));
    assert_true(transport_file.send(x->file, bytes_of(big, len), &x->err));
    assert_true(transport_file.send(x->file, BYTES("end\n"), &x->err));
    assert_true(transport_file.close(x->file, &x->err));
    assert_int_equal(size_of(x->path), 12 + len);
    char head[9] = "", tail[6] = "";
    FILE *f = fopen(x->path, "r");
    assert_int_equal(fread(head, 1, 8, f), 8);
    fseek(f, -5, SEEK_END);
    assert_int_equal(fread(tail, 1, 5, f), 5);
    fclose(f);
    free(big);
    assert_string_equal(head, "one\ntwo\n");
    assert_string_equal(tail, "bend\n");
}

static void mode(void **state)
{
    struct fixture *x = *state;
    struct stat st;
    mode_t mask = umask(0);
    assert_true(transport_file.open(x->file, x->path, &x->err));
    assert_true(transport_file.close(x->file, &x->err));
    umask(mask);
    assert_int_equal(stat(x->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void failures(void **state)
{
    struct fixture *x = *state;
    char path[100];
    snprintf(path, sizeof path, "%s/not/there", x->folder);
    assert_false(transport_file.open(x->file, path, &x->err));
    assert_non_null(strstr(x->err.text, path));
    if (access("/dev/full", W_OK) == 0) {
        memset(x->file, 0, transport_file.state_size);
        assert_true(transport_file.open(x->file, "/dev/full", &x->err));
        assert_true(transport_file.send(x->file, BYTES("x\n"), &x->err));
        errno = 0;
        assert_false(transport_file.flush(x->file, &x->err));
        assert_int_equal(errno, ENOSPC);
        assert_non_null(strstr(x->err.text, strerror(ENOSPC)));
        assert_false(transport_file.send(x->file, BYTES("x\n"), &x->err));
        assert_true(transport_file.close(x->file, &x->err)); /* told once */
    }
}

/* A reader that goes away is EPIPE. */
static void broken_pipe(void **state)
{
    struct fixture *x = *state;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    signal(SIGPIPE, SIG_IGN);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    assert_true(transport_file.open(x->file, path, &x->err));
    close(ends[0]);
    assert_true(transport_file.send(x->file, BYTES("x\n"), &x->err));
    errno = 0;
    assert_false(transport_file.close(x->file, &x->err));
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test_setup_teardown(writes, setup, teardown),
        cmocka_unit_test_setup_teardown(mode, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_pipe, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
