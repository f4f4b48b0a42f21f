/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct input_pool {
    char *memory;
    size_t stride, count;
    size_t fresh; /* so many were ever handed out: a list of the others would touch them */
    struct http_input *warm, *cold; /* put back: of the first INPUT_WARM, and of the others */
};

static size_t place_of(const struct input_pool *pool, const struct http_input *input)
{
    return (size_t)((const char *)input - pool->memory) / pool->stride;
}

static void push(struct input_pool *pool, struct http_input *input)
{
    struct http_input **list = place_of(pool, input) < INPUT_WARM ? &pool->warm : &pool->cold;
    input->next = *list;
    *list = input;
}

struct input_pool *input_pool_new(size_t count)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct input_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->count = count;
    pool->stride = (sizeof(struct http_input) + page - 1) / page * page;
    pool->memory = mmap(NULL, count * pool->stride, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool->memory == MAP_FAILED) {
        free(pool);
        return NULL;
    }
    return pool;
}

void input_pool_free(struct input_pool *pool)
{
    if (pool == NULL)
        return;
    (void)munmap(pool->memory, pool->count * pool->stride); /* the whole of what was mapped */
    free(pool);
}

struct http_input *input_take(struct input_pool *pool)
{
    struct http_input **list = pool->warm != NULL ? &pool->warm : &pool->cold;
    struct http_input *input = *list;
    if (input != NULL)
        *list = input->next;
    else if (pool->fresh < pool->count)
        input = (struct http_input *)(void *)(pool->memory + pool->stride * pool->fresh++);
    else
        return NULL;
    input->used = input->seen = input->head_len = 0;
    input->wants_continue = false;
    return input;
}

void input_put(struct input_pool *pool, struct http_input *input)
{
    /* Advice may fail; then the memory just stays. Its first page is written to in any case. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (place_of(pool, input) >= INPUT_WARM)
        (void)madvise((char *)input + page, pool->stride - page, MADV_DONTNEED);
    push(pool, input);
}

char *input_room(struct http_input *input, size_t *out_len)
{
    *out_len = INPUT_BYTES - input->used;
    return input->bytes + input->used;
}

void input_next(struct http_input *input)
{
    /* A body is followed by its NUL; exchange.c has moved what came behind it. */
    const size_t done =
        min_size(input->head_len + (input->body.len > 0 ? input->body.len + 1 : 0), input->used);
    input->used -= done;
    if (input->used > 0)
        memmove(input->bytes, input->bytes + done, input->used);
    input->seen = input->head_len = 0;
    input->wants_continue = false;
}
