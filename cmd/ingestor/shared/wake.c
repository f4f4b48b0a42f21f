/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/wake.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's timespec of 64 bits. A C library's is that too, on 32 bits with _TIME_BITS=64; but
 * SYS_futex there reads two words of 32 bits, so that each wait would end at once. */
struct kernel_timespec {
    int64_t tv_sec, tv_nsec;
};
#ifdef SYS_futex_time64
#define FUTEX_CALL SYS_futex_time64
#else
#define FUTEX_CALL SYS_futex
#endif

/* Not FUTEX_PRIVATE_FLAG: the word is shared between processes. */
static void futex(struct wake *wake, int op, uint32_t value, const struct kernel_timespec *timeout)
{
    /* EAGAIN, EINTR, ETIMEDOUT all mean "look at the queues again", which the
     * caller does anyway. */
    (void)syscall(FUTEX_CALL, &wake->sleeping, op, value, timeout, NULL, 0);
}

/* The pairing of the two fences, C here and P in wake_notify. In their one total order either P is
 * before C: then the consumer's look at the queues, behind C, finds what was published before P; or
 * C is before P: then the producer's look at the word, behind P, finds the 1 stored before C, or
 * what a later exchange made of it. Both "awake" and "empty" can't be. The word itself is relaxed
 * everywhere: the fences order it, and the kernel compares it again under its own lock. */
void wake_prepare(struct wake *wake)
{
    atomic_store_explicit(&wake->sleeping, 1, memory_order_relaxed); /* before C */
    atomic_thread_fence(memory_order_seq_cst);                       /* C */
}

void wake_cancel(struct wake *wake)
{
    /* Relaxed: seen late it costs a producer a useless call. The consumer never sleeps without a
     * new wake_prepare. */
    atomic_store_explicit(&wake->sleeping, 0, memory_order_relaxed);
}

void wake_wait(struct wake *wake, mono_us timeout_us)
{
    const struct kernel_timespec timeout = {timeout_us / US_PER_S, timeout_us % US_PER_S * 1000};
    futex(wake, FUTEX_WAIT, 1, &timeout);
    wake_cancel(wake);
}

void wake_notify(struct wake *wake)
{
    atomic_thread_fence(memory_order_seq_cst);                            /* P */
    if (atomic_load_explicit(&wake->sleeping, memory_order_relaxed) == 0) /* behind P */
        return;
    /* Only one of many producers needs to make the call. Relaxed: an exchange is of the newest
     * value, and the consumer reads nothing on its account before its next wake_prepare. */
    if (atomic_exchange_explicit(&wake->sleeping, 0, memory_order_relaxed) == 1)
        futex(wake, FUTEX_WAKE, 1, NULL);
}
