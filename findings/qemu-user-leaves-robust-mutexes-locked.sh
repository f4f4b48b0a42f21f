#!/bin/bash
# SPDX-License-Identifier: MIT
# qemu-user 7.2 (Debian 12): a robust mutex whose owner dies stays locked for ever.
#
# A process that dies with a PTHREAD_MUTEX_ROBUST mutex locked leaves a list of such mutexes to the
# kernel, which marks them, and the next who locks is told EOWNERDEAD. The emulator answers
# set_robust_list with ENOSYS, glibc does not tell anybody (pthread_mutexattr_setrobust returns 0),
# and the next who locks waits without end. So what recovers from a crash on a machine hangs when
# it is tried under emulation, which proves nothing about the program. What works in both is a lock
# of the file system (flock, fcntl): the kernel gives it back at the owner's end.
#
# Compiles a small program and runs it by this machine and by qemu-x86_64, out of Debian's package
# unpacked in a temporary folder: a child locks a mutex in shared memory and a file, and ends. Exit
# status: 0 as described, 1 it has changed, 2 the package can't be fetched.
set -euo pipefail

version=1:7.2+dfsg-7+deb12u18+b3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

[ "$(uname -m)" = x86_64 ] || { echo 'for an x86-64 machine'; exit 2; }
apt-get -q -o APT::Sandbox::User="$(id -un)" download "qemu-user-static=$version" >log 2>&1 || { tail -n 3 log; exit 2; }
dpkg-deb -x ./*.deb .

cat >robust.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    pthread_mutex_t *mutex =
        mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    const int asked = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attr);
    const pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(mutex);
        flock(open("file", O_RDWR | O_CREAT, 0600), LOCK_EX);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    const int got = pthread_mutex_timedlock(mutex, &until);
    const int file = flock(open("file", O_RDWR), LOCK_EX | LOCK_NB);
    printf("setrobust %d, mutex: %s, file: %s\n", asked,
           got == EOWNERDEAD ? "its owner died" : got == ETIMEDOUT ? "locked" : "other",
           file == 0 ? "free" : "locked");
    return 0;
}
C
cc -std=c11 -static -pthread robust.c -o robust
usr/bin/qemu-x86_64-static --version | head -n 1
native=$(./robust)
emulated=$(usr/bin/qemu-x86_64-static ./robust)
printf 'native: %s\nemulated: %s\n' "$native" "$emulated"
[ "$native" = 'setrobust 0, mutex: its owner died, file: free' ] || exit 1
[ "$emulated" = 'setrobust 0, mutex: locked, file: free' ] || exit 1
echo 'as described'
