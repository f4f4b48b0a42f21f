/* SPDX-License-Identifier: MIT
 *
 * A fuzz target without libFuzzer: each file named on the command line is one input, given as
 * libFuzzer would. So that every crash ever found stays an ordinary test, with any compiler. */
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as large as the file, so that a sanitizer sees a read behind its end.
 * NULL: said on stderr. */
static uint8_t *read_file(const char *path, size_t *out_size)
{
    uint8_t *bytes = NULL;
    long size = -1;
    FILE *stream = fopen(path, "rb");
    if (stream != NULL && fseek(stream, 0, SEEK_END) == 0)
        size = ftell(stream);
    if (size >= 0 && fseek(stream, 0, SEEK_SET) == 0)
        bytes = malloc(size > 0 ? (size_t)size : 1);
    if (bytes != NULL && fread(bytes, 1, (size_t)size, stream) != (size_t)size) {
        free(bytes);
        bytes = NULL;
    }
    if (bytes == NULL)
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (stream != NULL)
        IGNORE(fclose(stream), "only read");
    *out_size = bytes != NULL ? (size_t)size : 0;
    return bytes;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t size;
        uint8_t *bytes = read_file(argv[i], &size);
        if (bytes == NULL)
            return EXIT_FAILURE;
        IGNORE(LLVMFuzzerTestOneInput(bytes, size), "libFuzzer wants 0 and nothing else");
        free(bytes);
    }
    (void)printf("%d inputs replayed\n", argc - 1);
    return EXIT_SUCCESS;
}
