/* SPDX-License-Identifier: MIT */
#include "common/base/wake.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not FUTEX_PRIVATE_FLAG: the word is shared between processes. */
static void futex(struct wake *wake, int op, uint32_t value, const struct timespec *timeout)
{
    /* EAGAIN, EINTR, ETIMEDOUT all mean "look at the queues again", which the caller does anyway. */
    (void)syscall(SYS_futex, &wake->sleeping, op, value, timeout, NULL, 0);
}

void wake_prepare(struct wake *wake)
{
    atomic_store_explicit(&wake->sleeping, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void wake_cancel(struct wake *wake)
{
    atomic_store_explicit(&wake->sleeping, 0, memory_order_relaxed);
}

void wake_wait(struct wake *wake, mono_us timeout_us)
{
    const struct timespec timeout = {.tv_sec = timeout_us / US_PER_S,
                                     .tv_nsec = timeout_us % US_PER_S * 1000};
    futex(wake, FUTEX_WAIT, 1, &timeout);
    wake_cancel(wake);
}

void wake_notify(struct wake *wake)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&wake->sleeping, memory_order_relaxed) == 0)
        return;
    /* Only one of many producers needs to make the call. */
    if (atomic_exchange_explicit(&wake->sleeping, 0, memory_order_relaxed) == 1)
        futex(wake, FUTEX_WAKE, 1, NULL);
}
