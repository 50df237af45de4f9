/* Counts the calls that change files below one folder, and at the n-th of them kills the process or lets the call fail.
 *
 * Loaded with LD_PRELOAD. Disarmed until `faults_arm` is called, so that a process can load what it needs, fork, and
 * arm only the child. What counts: everything after which a power cut would find other bytes or names on the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static long calls, fail_at = -1;
static int failure; /* an errno; 0 means SIGKILL */
static int lasting; /* every call from there on fails, as on a disk that is full or has become read-only */

void faults_arm(const char *folder, long at, int error, int persistent) {
    snprintf(root, sizeof root, "%s", folder);
    calls = 0;
    fail_at = at;
    failure = error;
    lasting = persistent;
}

long faults_calls(void) { return calls; }

static int below(const char *path) {
    size_t length = strlen(root);
    return length && path && strncmp(path, root, length) == 0;
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!root[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether this call fails; does not return where the process is to die. A disk that is full, or a file that may not
 * grow, still lets files be forced to disk, renamed and removed. */
static int strikes(int takes_room) {
    long now = ++calls;
    if (fail_at < 1 || now < fail_at || (now > fail_at && !lasting)) return 0;
    if (!takes_room && (failure == ENOSPC || failure == EFBIG)) return 0;
    if (!failure) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = failure;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FD(type, name, parameters, arguments, takes_room)    \
    type name parameters {                                      \
        static __typeof__(&name) real;                          \
        if (!real) real = REAL(name);                           \
        if (fd_below(fd) && strikes(takes_room)) return -1;     \
        return real arguments;                                  \
    }

#define ON_PATH(type, name, parameters, arguments, path, takes_room) \
    type name parameters {                                      \
        static __typeof__(&name) real;                          \
        if (!real) real = REAL(name);                           \
        if (below(path) && strikes(takes_room)) return -1;      \
        return real arguments;                                  \
    }

ON_FD(ssize_t, write, (int fd, const void *data, size_t count), (fd, data, count), 1)
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t count, off_t at), (fd, data, count, at), 1)
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t count, off64_t at), (fd, data, count, at), 1)
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), 1)
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length), 1)
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length), 1)
ON_FD(int, fsync, (int fd), (fd), 0)
ON_FD(int, fdatasync, (int fd), (fd), 0)
ON_FD(ssize_t, sendfile, (int fd, int from, off_t *at, size_t count), (fd, from, at, count), 1)
ON_FD(ssize_t, sendfile64, (int fd, int from, off64_t *at, size_t count), (fd, from, at, count), 1)
ON_PATH(int, rename, (const char *from, const char *to), (from, to), to, 0)
ON_PATH(int, unlink, (const char *path), (path), path, 0)
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode), path, 1)
ON_PATH(int, rmdir, (const char *path), (path), path, 0)

/* Opening counts where it makes a file or cuts one off. */
#define OPENING (O_CREAT | O_TRUNC)

#define ON_OPEN(name, first, passed)                            \
    int name(first const char *path, int flags, ...) {          \
        static int (*real)(first const char *, int, ...);       \
        if (!real) real = dlsym(RTLD_NEXT, #name);              \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                           \
        if (flags & OPENING && below(path) && strikes(1)) return -1; \
        return real(passed path, flags, mode);                  \
    }

#define NOTHING
#define FOLDER int folder,
#define PASS_FOLDER folder,
ON_OPEN(open, NOTHING, NOTHING)
ON_OPEN(open64, NOTHING, NOTHING)
ON_OPEN(openat, FOLDER, PASS_FOLDER)
ON_OPEN(openat64, FOLDER, PASS_FOLDER)
