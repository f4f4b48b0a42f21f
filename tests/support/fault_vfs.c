/* SPDX-License-Identifier: MIT */
#include "tests/support/fault_vfs.h"

#include <sqlite3.h>
#include <string.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind this struct, in the memory that SQLite gave */
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    uint64_t operations, nth, length, fired;
    int rc;
} state;

/* SQLITE_OK, or the failure that is due. */
static int count_operation(void)
{
    state.operations++;
    if (state.nth == 0 || state.operations < state.nth ||
        state.operations >= state.nth + state.length)
        return SQLITE_OK;
    state.fired++;
    return state.rc;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static int on_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int on_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), out, n, at);
}
static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    int rc = count_operation();
    if (rc == SQLITE_OK)
        return real_of(f)->pMethods->xWrite(real_of(f), bytes, n, at);
    /* A failing disk may have taken a part. */
    IGNORE(real_of(f)->pMethods->xWrite(real_of(f), bytes, n / 2, at), "the failure is reported");
    return rc;
}
static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = count_operation();
    return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}
static int on_sync(sqlite3_file *f, int flags)
{
    /* Counted, never done: no test cuts the power, and a real sync would take most
     * of their time. */
    (void)f;
    (void)flags;
    return count_operation();
}
static int on_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), out);
}
static int on_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int on_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int on_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int on_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int on_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    int rc = extend ? count_operation() : SQLITE_OK;
    return rc == SQLITE_OK ? real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out)
                           : rc;
}
static int on_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}
static void on_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int on_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

/* Version 2: no xFetch, so nothing goes around xRead and xWrite. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *out_flags)
{
    (void)vfs;
    struct fault_file *wrapper = (struct fault_file *)file;
    memset(wrapper, 0, sizeof *wrapper);
    wrapper->real = (sqlite3_file *)(wrapper + 1);
    int rc = state.real->xOpen(state.real, name, wrapper->real, flags, out_flags);
    if (wrapper->real->pMethods != NULL)
        wrapper->base.pMethods = &methods;
    return rc;
}

bool fault_vfs_install(void)
{
    state.real = sqlite3_vfs_find(NULL);
    if (state.real == NULL)
        return false;
    state.vfs = *state.real;
    state.vfs.pNext = NULL;
    state.vfs.zName = "fault";
    state.vfs.szOsFile = (int)sizeof(struct fault_file) + state.real->szOsFile;
    state.vfs.xOpen = on_open;
    return sqlite3_vfs_register(&state.vfs, 1) == SQLITE_OK;
}

void fault_vfs_arm(uint64_t nth, uint64_t length, int sqlite_rc)
{
    state.operations = 0;
    state.fired = 0;
    state.nth = nth;
    state.length = length;
    state.rc = sqlite_rc;
}

uint64_t fault_vfs_operations(void)
{
    return state.operations;
}

uint64_t fault_vfs_fired(void)
{
    return state.fired;
}
