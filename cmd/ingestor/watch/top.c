/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/top.h"

#include "cmd/ingestor/watch/top_frame.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termcap.h>
#include <unistd.h>

#define LOOK_US     ((mono_us)250 * US_PER_MS) /* the file changes once a second */
#define SECOND_US   ((mono_us)US_PER_S)
#define ONCE_WAIT_S 3 /* for a second sample, which the rates need */

struct top {
    struct glance *glance;
    struct top_history *history;
    struct top_frame *frame;
    size_t scrolled;
    mono_us added_at; /* when the history got its last second */
    bool is_utf8, is_paused, is_over;
};

static void top_done(struct top *top)
{
    free(top->frame);
    free(top->history);
    glance_free(top->glance);
}

static bool top_init(struct top *top, const char *path)
{
    *top = (struct top){.glance = glance_new(path)};
    top->history = malloc(sizeof *top->history);
    top->frame = malloc(sizeof *top->frame);
    if (top->glance == NULL || top->history == NULL || top->frame == NULL) {
        top_done(top);
        return false;
    }
    top_history_init(top->history);
    /* Of the locale only how characters are written: a number keeps its point. */
    top->is_utf8 = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return true;
}

/* A second without a new sample is a second of which nothing is known. */
static void look(struct top *top, mono_us now)
{
    const bool is_new = glance_look(top->glance);
    if (is_new && top->glance->is_fresh)
        top_history_add(top->history, &top->glance->stats);
    else if (now - top->added_at >= 2 * SECOND_US)
        top_history_add(top->history, NULL);
    else
        return;
    top->added_at = now;
}

static void draw(struct top *top, size_t rows, size_t columns)
{
    const struct top_view view = {
        .glance = top->glance,
        .history = top->history,
        .rows = rows,
        .columns = columns,
        .scrolled = top->scrolled,
        .is_utf8 = top->is_utf8,
        .is_paused = top->is_paused,
    };
    top_frame_draw(top->frame, &view);
}

/* --- once ------------------------------------------------------------------------------------- */

int top_once(struct config *config)
{
    struct top top;
    if (!top_init(&top, config->stats_file)) {
        config_done(config);
        return EXIT_NO_MEMORY;
    }
    const mono_us began = clock_mono();
    look(&top, began);
    while (top.glance->is_fresh && top.history->count < 2 &&
           clock_mono() - began < ONCE_WAIT_S * SECOND_US) {
        IGNORE(poll(NULL, 0, 50), "only a pause");
        look(&top, began); /* no second is missed yet */
    }
    draw(&top, 0, 0);
    int code = EXIT_CLEAN;
    for (size_t i = 0; i < top.frame->count; i++) {
        const struct top_row *row = &top.frame->rows[i].row;
        size_t len = row->bytes;
        while (len > 0 && row->text[len - 1] == ' ')
            len--;
        if (printf("%.*s\n", (int)len, row->text) < 0)
            code = EXIT_IO;
    }
    if (fflush(stdout) != 0)
        code = EXIT_IO;
    top_done(&top);
    config_done(config);
    return code;
}

/* --- the terminal ----------------------------------------------------------------------------- */

static const char help[] = "q quit   p pause   up, down: sources";

static attr_t attributes_of(enum top_style style)
{
    return style == TOP_HEAD ? A_BOLD : style == TOP_ALERT ? A_REVERSE : A_NORMAL;
}

static void paint(struct top *top)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    /* The last row is the help's, where there is room for one. */
    const bool has_help = rows >= 12;
    draw(top, (size_t)(rows > 1 ? rows - has_help : 1), (size_t)(columns > 1 ? columns : 1));
    IGNORE(erase(), "fails on no window only");
    for (size_t i = 0; i < top->frame->count; i++) {
        IGNORE(attrset((int)attributes_of(top->frame->rows[i].style)), "always OK");
        /* At the lower right corner it fails, as curses does: the character stands. */
        IGNORE(mvaddstr((int)i, 0, top->frame->rows[i].row.text), "the corner");
    }
    IGNORE(attrset(A_NORMAL), "always OK");
    if (has_help)
        IGNORE(mvaddnstr(rows - 1, 0, help, columns - 1), "a narrow window cuts it");
    IGNORE(refresh(), "a terminal that is gone sends a signal");
}

static void scroll_by(struct top *top, int by)
{
    const size_t last = top->glance->status == STATUS_OK ? top->glance->stats.source_count : 0;
    if (by < 0)
        top->scrolled -= top->scrolled > 0;
    else
        top->scrolled += top->scrolled + 1 < last;
}

static void read_keys(struct top *top)
{
    for (int key = getch(); key != ERR; key = getch()) {
        switch (key) {
        case 'q':
        case 'Q':
            top->is_over = true;
            break;
        case 'p':
        case ' ':
            top->is_paused = !top->is_paused;
            break;
        case 'k':
        case KEY_UP:
            scroll_by(top, -1);
            break;
        case 'j':
        case KEY_DOWN:
            scroll_by(top, 1);
            break;
        case KEY_RESIZE: /* curses knows the new size already */
        default:
            break;
        }
    }
}

/* TERM, INT and HUP end the loop, and so the terminal is given back (I2). -1 = can't. */
static int open_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void loop(struct top *top, int signals)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    while (!top->is_over) {
        if (!top->is_paused)
            look(top, clock_mono());
        paint(top);
        /* A change of the window's size ends the wait (EINTR). */
        const int ready = poll(fds, ARRAY_LEN(fds), (int)(LOOK_US / US_PER_MS));
        if (ready > 0 && (fds[1].revents != 0 || (fds[0].revents & (POLLHUP | POLLERR)) != 0))
            return;
        read_keys(top);
    }
}

static int usage_error(const char *what)
{
    (void)fprintf(stderr, "%s: --top: %s; --top --once prints one plain frame\n",
                  program_invocation_short_name, what);
    return EXIT_USAGE;
}

static int run_screen(struct top *top, int signals)
{
    const char *term = getenv("TERM");
    /* newterm, too, fails for one that is not known, but keeps the memory that it has taken. */
    const bool is_known = term != NULL && tgetent(NULL, term) == 1;
    SCREEN *screen = is_known ? newterm(NULL, stdout, stdin) : NULL;
    if (screen == NULL) {
        char text[120];
        (void)snprintf(text, sizeof text, "the terminal \"%.40s\" (TERM) is not known here",
                       term != NULL ? term : "");
        return usage_error(text);
    }
    IGNORE(cbreak(), "a terminal that can't waits for the end of a line");
    IGNORE(noecho(), "only prettier");
    IGNORE(nodelay(stdscr, true), "fails on no window only");
    IGNORE(keypad(stdscr, true), "without it the arrows are no keys");
    IGNORE(curs_set(0), "not every terminal can hide it");
    loop(top, signals);
    IGNORE(endwin(), "the terminal may be gone");
    delscreen(screen);
    return EXIT_CLEAN;
}

int top_run(struct config *config)
{
    int code = EXIT_NO_MEMORY;
    struct top top;
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        code = usage_error("wants a terminal");
    } else if (top_init(&top, config->stats_file)) {
        const int signals = open_signals();
        code = signals >= 0 ? run_screen(&top, signals) : EXIT_IO;
        if (signals >= 0)
            IGNORE(close(signals), "nothing is written to it");
        top_done(&top);
    }
    config_done(config);
    return code;
}
