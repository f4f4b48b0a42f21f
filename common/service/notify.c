/* SPDX-License-Identifier: MIT */
#include "common/service/notify.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1;
static struct sockaddr_un notify_address;
static socklen_t notify_address_len;
static mono_us watchdog_interval_us;

static void read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
        return;
    const long long value = strtoll(usec, NULL, 10);
    watchdog_interval_us = value > 0 ? value / 2 : 0;
}

void notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t len = path != NULL ? strlen(path) : 0;
    if (len > 1 && len < sizeof notify_address.sun_path && (path[0] == '/' || path[0] == '@')) {
        notify_address.sun_family = AF_UNIX;
        memcpy(notify_address.sun_path, path, len);
        if (path[0] == '@')
            notify_address.sun_path[0] = '\0'; /* the abstract name space */
        notify_address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        read_watchdog();
    }
    IGNORE(unsetenv("NOTIFY_SOCKET"), "a valid name can't fail");
    IGNORE(unsetenv("WATCHDOG_USEC"), "a valid name can't fail");
    IGNORE(unsetenv("WATCHDOG_PID"), "a valid name can't fail");
}

bool notify_is_heard(void)
{
    return notify_fd >= 0;
}

void notify_send(const char *state)
{
    if (!notify_is_heard())
        return;
    IGNORE(sendto(notify_fd, state, strlen(state), MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify_address, notify_address_len),
           "systemd reads the next one");
}

void notify_status(const char *sentence)
{
    char text[sizeof "STATUS=" + NOTIFY_STATUS_MAX] = "STATUS=";
    const size_t at = strlen(text);
    (void)utf8_clean(text + at, sizeof text - at, (const uint8_t *)sentence, strlen(sentence));
    notify_send(text);
}

void notify_reloading(void)
{
    char text[80];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   (int64_t)clock_mono());
    notify_send(text);
}

void notify_stopping(const char *sentence, mono_us at_most)
{
    char text[80];
    (void)snprintf(text, sizeof text, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, (int64_t)at_most);
    notify_send(text);
    notify_status(sentence);
}

mono_us notify_watchdog_interval_us(void)
{
    return notify_is_heard() ? watchdog_interval_us : 0;
}
