/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_clock.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic int64_t wall_now;
static _Atomic int64_t mono_now;

static wall_us fake_wall(void)
{
    return atomic_load(&wall_now);
}

static mono_us fake_mono(void)
{
    return atomic_load(&mono_now);
}

void fake_clock_install(wall_us wall, mono_us mono)
{
    atomic_store(&wall_now, wall);
    atomic_store(&mono_now, mono);
    clock_set_source(fake_wall, fake_mono);
}

void fake_clock_advance(int64_t us)
{
    atomic_fetch_add(&wall_now, us);
    atomic_fetch_add(&mono_now, us);
}

void fake_clock_set_wall(wall_us wall)
{
    atomic_store(&wall_now, wall);
}

void fake_clock_remove(void)
{
    clock_set_source(NULL, NULL);
}
