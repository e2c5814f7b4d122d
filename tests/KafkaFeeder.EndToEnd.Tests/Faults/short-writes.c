/* Preloaded into a process: each pwrite to a segment writes at most SHORT_BYTES bytes, for real. With FAIL_AT=n the n-th
   of them writes its part and the one behind it fails with EIO, once; with FAIL_CUT=1 cutting the file fails then too.
   Says so on standard error, so that a test knows that it happened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number(const char *name)
{
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

static int is_segment(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 4)
        return 0;
    path[n] = 0;
    return strcmp(path + n - 4, ".szn") == 0;
}

static int writes, failed;

static ssize_t write_some(ssize_t (*real)(int, const void *, size_t, off64_t), int fd, const void *from, size_t count, off64_t at)
{
    size_t most = (size_t)number("SHORT_BYTES");
    int fail_at = number("FAIL_AT");
    if (!is_segment(fd))
        return real(fd, from, count, at);
    writes++;
    if (fail_at && writes == fail_at + 1) {
        failed = 1;
        fprintf(stderr, "fault: EIO\n");
        errno = EIO;
        return -1;
    }
    if (most && count > most) {
        if (writes == 1)
            fprintf(stderr, "fault: short\n");
        count = most;
    }
    return real(fd, from, count, at);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at)
{
    return write_some((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"), fd, from, count, at);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at)
{
    return write_some((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"), fd, from, count, at);
}

static int cut(int fd, off64_t length)
{
    int (*real)(int, off64_t) = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    if (failed && number("FAIL_CUT") && is_segment(fd)) {
        fprintf(stderr, "fault: not cut\n");
        errno = EIO;
        return -1;
    }
    return real(fd, length);
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
