/* SPDX-License-Identifier: MIT */
#include "cmd/server/life/life.h"

#include "common/base/log.h"
#include "common/service/log_relay.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define TICK_US ((mono_us)US_PER_S)

/* From then on a signal is a second wish. Constant when the handler is armed. */
static mono_us second_from;

static void exit_now(int signal)
{
    if (signal == SIGALRM || clock_mono() >= second_from)
        _exit(EXIT_CLEAN);
}

void life_begin(struct life *life)
{
    sigset_t all;
    (void)sigfillset(&all); /* these can't fail with valid arguments */
    (void)sigdelset(&all, SIGABRT);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    (void)sigemptyset(&life->stop_signals);
    (void)sigaddset(&life->stop_signals, SIGTERM);
    (void)sigaddset(&life->stop_signals, SIGINT);
    notify_init();
}

static void tell_systemd(struct life *life)
{
    char text[sizeof life->said] = "";
    if (!notify_is_heard())
        return;
    life->describe(life->described, text, sizeof text);
    if (strcmp(text, life->said) != 0) {
        memcpy(life->said, text, sizeof text);
        notify_status(text);
    }
    if (notify_watchdog_interval_us() > 0 && life->has_turned(life->turning))
        notify_send("WATCHDOG=1");
}

static void reload(struct life *life)
{
    notify_reloading();
    IGNORE(reload_now(life->reload), "the log says so");
    notify_send("READY=1");
}

/* The signal, or 0 = the time is over. */
static int wait_signal(const sigset_t *signals, mono_us until, siginfo_t *info)
{
    const mono_us left = until - clock_mono();
    const struct timespec timeout = clock_timespec(left > 0 ? left : 0);
    const int signal = sigtimedwait(signals, info, &timeout);
    return signal > 0 ? signal : 0;
}

/* Says who asked: what ends a server unasked for is looked for in the log. */
void life_wait_for_stop(struct life *life)
{
    siginfo_t info = {.si_signo = 0};
    sigset_t signals = life->stop_signals;
    (void)sigaddset(&signals, SIGHUP);
    notify_send("READY=1");
    for (mono_us next = clock_mono();;) {
        if (clock_mono() >= next) {
            log_relay_look();
            tell_systemd(life);
            next = clock_mono() + TICK_US;
        }
        const int signal = wait_signal(&signals, next, &info);
        if (signal == SIGHUP)
            reload(life);
        else if (signal != 0)
            break;
    }
    second_from = clock_mono() + SECOND_SIGNAL_MS * US_PER_MS;
    const int delay_s = atomic_load(&life->reload->live.shutdown_delay_s);
    log_event(LOG_INFO, "server", "stopping",
              KV(KV_INT("signal", info.si_signo), KV_INT("fromPid", info.si_pid),
                 KV_INT("delaySeconds", delay_s)));
    notify_stopping("Draining", (mono_us)(delay_s + 2 * LIFE_EXIT_DEADLINE_S) * US_PER_S);
}

bool life_wait_for_drain(const struct life *life)
{
    const int seconds = atomic_load(&life->reload->live.shutdown_delay_s);
    const mono_us until = clock_mono() + (mono_us)seconds * US_PER_S;
    while (clock_mono() < until) {
        if (wait_signal(&life->stop_signals, until, NULL) != 0 && clock_mono() >= second_from)
            return true;
    }
    return false;
}

void life_arm_exit(const struct life *life)
{
    const struct sigaction action = {.sa_handler = exit_now};
    (void)sigaction(SIGTERM, &action, NULL); /* valid signals, valid action */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(LIFE_EXIT_DEADLINE_S);
    sigset_t set = life->stop_signals;
    (void)sigaddset(&set, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
