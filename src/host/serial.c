/* SPDX-License-Identifier: MIT */
/* Serial lines over file descriptors. Output is written where it happens, on any thread; input is
 * read on the loop's thread as long as the device takes it. With the instruction clock it waits in
 * the buffer until the machine samples it; a regular file is then read at that instant, so that
 * what the guest sees when is the same in every run. A terminal is put in raw mode and restored at
 * exit, and when a signal asks for the end; Ctrl-A is its escape: x leaves, p presses the power
 * key, h helps, Ctrl-A sends one. */

#include "host/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#include "host/loop.h"
#include "host/writable.h"

#define BUFFER 4096
#define ESCAPE 1 /* Ctrl-A */

struct serial {
    struct chardev chr;
    struct serial_host host;
    int in, out;   /* -1: not open */
    int listener;  /* of a socket; -1: none */
    bool terminal; /* Ctrl-A counts */
    bool file;     /* a regular file: always ready */
    bool escaped;
    char unlink_path[108];
    uint8_t buffer[BUFFER]; /* read and not yet taken */
    size_t start, end;
    uv_poll_t poll, accept_poll;
    uv_async_t wake;  /* the device has room */
    uv_timer_t again; /* reads descriptors that cannot be polled: files */
    bool poll_open, poll_closing, accept_open, reading;
    unsigned handles; /* of the loop's that live in here: the last one that is closed frees all */
    bool closed;
};

/* ---- the terminal ---- */

static struct termios saved_terminal;
static volatile sig_atomic_t terminal_is_raw;

static void restore_terminal(void)
{
    if (terminal_is_raw)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_terminal);
    terminal_is_raw = false;
}

/* tcsetattr and raise are async-signal-safe; SA_RESETHAND has brought back the default action. */
static void restore_and_end(int signal)
{
    restore_terminal();
    raise(signal);
}

/* What is ignored stays so, as under nohup. */
static void restore_at_signals(void)
{
    static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT};
    const struct sigaction action = {.sa_handler = restore_and_end, .sa_flags = SA_RESETHAND};
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        struct sigaction old;
        if (!sigaction(ending[i], NULL, &old) && old.sa_handler == SIG_DFL)
            sigaction(ending[i], &action, NULL);
    }
}

static void make_raw(void)
{
    struct termios raw;
    if (terminal_is_raw || tcgetattr(STDIN_FILENO, &saved_terminal))
        return;
    raw = saved_terminal;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST; /* our own messages */
    if (!tcsetattr(STDIN_FILENO, TCSANOW, &raw))
        terminal_is_raw = true;
    atexit(restore_terminal);
    restore_at_signals();
}

static void help(void)
{
    static const char text[] = "\r\nCtrl-A x  leaves\r\nCtrl-A p  presses the guest's power key\r\n"
                               "Ctrl-A h  this help\r\nCtrl-A Ctrl-A  sends Ctrl-A\r\n";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        return;
}

/* Takes escapes out of the SIZE bytes at DATA; returns how many are left. */
static size_t filter_escapes(struct serial *s, uint8_t *data, size_t size)
{
    size_t kept = 0;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = data[i];
        if (!s->escaped && byte == ESCAPE) {
            s->escaped = true;
            continue;
        }
        if (s->escaped && byte == 'x')
            s->host.quit(s->host.ctx);
        else if (s->escaped && byte == 'p')
            s->host.power(s->host.ctx);
        else if (s->escaped && byte == 'h')
            help();
        else
            data[kept++] = byte;
        s->escaped = false;
    }
    return kept;
}

/* ---- input ---- */

static void stop_reading(struct serial *s)
{
    if (s->poll_open)
        uv_poll_stop(&s->poll);
    uv_timer_stop(&s->again);
    s->reading = false;
}

static void start_reading(struct serial *s);

static void handle_closed(uv_handle_t *handle)
{
    struct serial *s = handle->data;
    const bool poll = handle == (uv_handle_t *)&s->poll;
    if (poll)
        s->poll_closing = false;
    if (--s->handles == 0)
        free(s);
    else if (poll && !s->closed)
        start_reading(s); /* another client may have come meanwhile */
}

static void close_poll(struct serial *s)
{
    if (!s->poll_open)
        return;
    s->poll_open = false;
    s->poll_closing = true;
    uv_close((uv_handle_t *)&s->poll, handle_closed);
}

static void drop_client(struct serial *s)
{
    stop_reading(s);
    close_poll(s);
    s->host.lock(s->host.ctx);
    if (s->listener >= 0 && s->in >= 0) {
        close(s->in);
        s->out = -1;
    }
    s->in = -1;
    s->host.unlock(s->host.ctx);
}

/* Under the lock. */
static void deliver(struct serial *s)
{
    if (s->end > s->start && s->chr.receive)
        s->start += s->chr.receive(s->chr.receive_ctx, s->buffer + s->start, s->end - s->start);
    if (s->start == s->end)
        s->start = s->end = 0;
}

/* False at the end of the input. */
static bool read_some(struct serial *s)
{
    const ssize_t got = read(s->in, s->buffer + s->end, BUFFER - s->end);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    const size_t kept =
        s->terminal ? filter_escapes(s, s->buffer + s->end, (size_t)got) : (size_t)got;
    s->end += kept;
    return got > 0;
}

static void input_ready(struct serial *s)
{
    s->host.lock(s->host.ctx);
    const bool more = read_some(s);
    if (!s->host.sampled)
        deliver(s);
    const bool full = s->host.sampled ? s->end == BUFFER : s->start != s->end;
    s->host.unlock(s->host.ctx);
    if (!more)
        drop_client(s);
    else if (full)
        stop_reading(s); /* until the device has room */
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
    input_ready(poll->data);
}

static void timer_ready(uv_timer_t *timer)
{
    input_ready(timer->data);
}

static void start_reading(struct serial *s)
{
    if (s->reading || s->in < 0 || s->poll_closing || (s->file && s->host.sampled))
        return;
    if (!s->poll_open && !uv_poll_init(host_loop_uv(s->host.loop), &s->poll, s->in)) {
        s->poll.data = s;
        s->poll_open = true;
        s->handles++;
    }
    s->reading = true;
    if (!s->poll_open || uv_poll_start(&s->poll, UV_READABLE | UV_DISCONNECT, poll_ready))
        uv_timer_start(&s->again, timer_ready, 1, 10);
}

static void woken(uv_async_t *wake)
{
    struct serial *s = wake->data;
    s->host.lock(s->host.ctx);
    if (!s->host.sampled)
        deliver(s);
    const bool empty = s->start == s->end;
    s->host.unlock(s->host.ctx);
    if (empty)
        start_reading(s);
}

static void serial_accept(struct chardev *chr)
{
    uv_async_send(&((struct serial *)chr)->wake);
}

/* Reads a regular file as far as there is room. */
static void read_file(struct serial *s)
{
    while (s->in >= 0 && s->end < BUFFER)
        if (!read_some(s))
            s->in = -1;
}

#define IDLE_WAIT_MS 5

static bool serial_sample(struct chardev *chr, bool idle)
{
    struct serial *s = (struct serial *)chr;
    if (s->file)
        read_file(s);
    struct pollfd ready = {.fd = s->in, .events = POLLIN};
    if (idle && !s->file && s->start == s->end && s->in >= 0)
        poll(&ready, 1, IDLE_WAIT_MS);
    deliver(s);
    if (s->start == s->end)
        uv_async_send(&s->wake);
    return s->in >= 0 || s->listener >= 0 || s->start != s->end;
}

/* ---- output ---- */

static void serial_write(struct chardev *chr, const void *data, size_t size)
{
    struct serial *s = (struct serial *)chr;
    const char *at = data;
    while (size && s->out >= 0) {
        const ssize_t put = write(s->out, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return; /* nobody reads: lost, as on a cable that is not plugged in */
        at += put;
        size -= (size_t)put;
    }
}

/* ---- opening and closing ---- */

static void serial_close(struct chardev *chr)
{
    struct serial *s = (struct serial *)chr;
    s->closed = true;
    stop_reading(s);
    close_poll(s);
    if (s->accept_open)
        uv_close((uv_handle_t *)&s->accept_poll, handle_closed);
    uv_close((uv_handle_t *)&s->wake, handle_closed);
    if (s->terminal)
        restore_terminal();
    if (s->in > STDERR_FILENO)
        close(s->in);
    if (s->out > STDERR_FILENO && s->out != s->in)
        close(s->out);
    if (s->listener >= 0)
        close(s->listener);
    if (s->unlink_path[0])
        unlink(s->unlink_path);
    uv_close((uv_handle_t *)&s->again, handle_closed);
}

static int open_stdio(struct serial *s)
{
    s->in = STDIN_FILENO;
    s->out = STDOUT_FILENO;
    s->terminal = isatty(STDIN_FILENO);
    struct stat stat;
    s->file = !fstat(STDIN_FILENO, &stat) && S_ISREG(stat.st_mode);
    if (s->terminal)
        make_raw();
    return 0;
}

static int cannot_write(const char *path, int error, struct error *err)
{
    return error_set(err, ERROR_IO, "%s: cannot be written: %s", path, strerror(error));
}

static int open_file(struct serial *s, const char *path, struct error *err)
{
    s->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return s->out < 0 ? cannot_write(path, errno, err) : 0;
}

static int open_pty(struct serial *s, struct error *err)
{
    char text[128];
    s->in = s->out = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (s->in < 0 || grantpt(s->in) || unlockpt(s->in))
        return error_set(err, ERROR_OS, "no pseudo-terminal: %s", strerror(errno));
    /* Held open so that the line lives while nobody is attached. */
    s->listener = open(ptsname(s->in), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    if (s->listener >= 0 && !tcgetattr(s->listener, &raw)) {
        cfmakeraw(&raw);
        tcsetattr(s->listener, TCSANOW, &raw);
    }
    snprintf(text, sizeof(text), "serial line at %s", ptsname(s->in));
    s->host.notice(s->host.ctx, text);
    return 0;
}

static void client_ready(uv_poll_t *poll, int status, int events)
{
    struct serial *s = poll->data;
    const int client = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    if (s->in >= 0) { /* one at a time */
        close(client);
        return;
    }
    s->in = s->out = client;
    start_reading(s);
}

static int cannot_listen(const char *spec, int error, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "--serial %s: cannot listen: %s", spec,
                     strerror(error));
}

static int listen_on(struct serial *s, const char *spec, const struct sockaddr *address,
                     socklen_t size, struct error *err)
{
    const int one = 1;
    s->listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener >= 0 && address->sa_family != AF_UNIX)
        setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (s->listener < 0 || bind(s->listener, address, size) || listen(s->listener, 1))
        return cannot_listen(spec, errno, err);
    uv_poll_init(host_loop_uv(s->host.loop), &s->accept_poll, s->listener);
    s->accept_poll.data = s;
    s->accept_open = true;
    s->handles++;
    uv_poll_start(&s->accept_poll, UV_READABLE, client_ready);
    return 0;
}

static int unix_address(const char *spec, const char *path, struct sockaddr_un *out,
                        struct error *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(out->sun_path))
        return error_set(err, ERROR_USAGE, "--serial %s: the path is longer than %zu characters",
                         spec, sizeof(out->sun_path) - 1);
    strcpy(out->sun_path, path);
    return 0;
}

/* Whether the path is a socket at which nobody listens any more: the file outlives a process that was killed. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return false;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
                       errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale;
}

static int open_unix(struct serial *s, const char *spec, const char *path, struct error *err)
{
    struct sockaddr_un address;
    if (unix_address(spec, path, &address, err))
        return -1;
    if (is_stale(&address))
        unlink(path);
    if (listen_on(s, spec, (struct sockaddr *)&address, sizeof(address), err))
        return -1;
    strcpy(s->unlink_path, path);
    return 0;
}

/* REST is HOST:PORT; *FOUND is for freeaddrinfo. */
static int tcp_address(const char *spec, const char *rest, struct addrinfo **found,
                       struct error *err)
{
    char host[256];
    const char *colon = strrchr(rest, ':');
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (!colon || !colon[1] || (size_t)(colon - rest) >= sizeof(host))
        return error_set(err, ERROR_USAGE, "--serial %s: write it as tcp:HOST:PORT", spec);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - rest), rest);
    const int failed = getaddrinfo(*host ? host : NULL, colon + 1, &hints, found);
    return failed ? error_set(err, ERROR_USAGE, "--serial %s: %s", spec, gai_strerror(failed)) : 0;
}

static int open_tcp(struct serial *s, const char *spec, const char *rest, struct error *err)
{
    struct addrinfo *found;
    if (tcp_address(spec, rest, &found, err))
        return -1;
    const int result = listen_on(s, spec, found->ai_addr, found->ai_addrlen, err);
    freeaddrinfo(found);
    return result;
}

enum serial_kind { SERIAL_STDIO, SERIAL_NONE, SERIAL_PTY, SERIAL_FILE, SERIAL_UNIX, SERIAL_TCP };

/* What kind SPEC is of; *REST is what it says behind that. */
static int parse_spec(const char *spec, enum serial_kind *kind, const char **rest,
                      struct error *err)
{
    static const char *const words[] = {"stdio", "none", "pty", "file:", "unix:", "tcp:"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const size_t length = strlen(words[i]);
        if (strncmp(spec, words[i], length) || (words[i][length - 1] != ':' && spec[length]))
            continue;
        *kind = (enum serial_kind)i;
        *rest = spec + length;
        return 0;
    }
    return error_set(err, ERROR_USAGE,
                     "--serial %s: give stdio, pty, unix:PATH, tcp:HOST:PORT, file:PATH or none",
                     spec);
}

static int open_spec(struct serial *s, const char *spec, struct error *err)
{
    enum serial_kind kind;
    const char *rest;
    if (parse_spec(spec, &kind, &rest, err))
        return -1;
    switch (kind) {
    case SERIAL_STDIO:
        return open_stdio(s);
    case SERIAL_NONE:
        return 0;
    case SERIAL_PTY:
        return open_pty(s, err);
    case SERIAL_FILE:
        return open_file(s, rest, err);
    case SERIAL_UNIX:
        return open_unix(s, spec, rest, err);
    case SERIAL_TCP:
        return open_tcp(s, spec, rest, err);
    }
    return -1;
}

static int check_unix(const char *spec, const char *path, struct error *err)
{
    struct sockaddr_un address;
    if (unix_address(spec, path, &address, err))
        return -1;
    const int error = host_cannot_make(path);
    if (error == EEXIST && is_stale(&address))
        return 0;
    return error ? cannot_listen(spec, error == EEXIST ? EADDRINUSE : error, err) : 0;
}

static int check_tcp(const char *spec, const char *rest, struct error *err)
{
    struct addrinfo *found;
    if (tcp_address(spec, rest, &found, err))
        return -1;
    freeaddrinfo(found);
    return 0;
}

int serial_check(const char *spec, struct error *err)
{
    enum serial_kind kind;
    const char *rest;
    if (parse_spec(spec, &kind, &rest, err))
        return -1;
    if (kind == SERIAL_UNIX)
        return check_unix(spec, rest, err);
    if (kind == SERIAL_TCP)
        return check_tcp(spec, rest, err);
    const int error = kind == SERIAL_FILE ? host_cannot_write(rest) : 0;
    return error ? cannot_write(rest, error, err) : 0;
}

struct chardev *serial_open(const char *spec, const struct serial_host *host, struct error *err)
{
    struct serial *s = calloc(1, sizeof(*s));
    if (!s) {
        error_set(err, ERROR_OS, "no memory for a serial line");
        return NULL;
    }
    s->chr =
        (struct chardev){.write = serial_write, .accept = serial_accept, .close = serial_close};
    if (host->sampled)
        s->chr.sample = serial_sample;
    s->host = *host;
    s->in = s->out = s->listener = -1;
    uv_async_init(host_loop_uv(host->loop), &s->wake, woken);
    uv_timer_init(host_loop_uv(host->loop), &s->again);
    s->wake.data = s->again.data = s;
    s->handles = 2;
    if (open_spec(s, spec, err)) {
        serial_close(&s->chr);
        return NULL;
    }
    start_reading(s);
    return &s->chr;
}
