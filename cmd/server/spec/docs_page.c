/* SPDX-License-Identifier: MIT */
#include "cmd/server/spec/docs_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAT_MAX 76 /* bytes of a shape that still reads well on one line */

static void put_text(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc(text[i], out);
        }
    }
}

static void put(FILE *out, const char *text)
{
    put_text(out, text, strlen(text));
}

/* --- shapes ----------------------------------------------------------------------------------- */

/* A named shape leads to where it stands. False = the word is none. */
static bool put_name(FILE *out, const struct shape_name *names, const char *text, size_t len)
{
    if (shape_find(names, text, len) == NULL)
        return false;
    (void)fprintf(out, "<a href=\"#shape-%.*s\">%.*s</a>", (int)len, text, (int)len, text);
    return true;
}

static void break_line(FILE *out, int depth)
{
    (void)fprintf(out, "\n%*s", 2 * depth, "");
}

/* A word of the shape, or one byte; how much of it is behind us. `is_type`: it stands where a type
 * stands, not a member's name. */
static size_t put_token(FILE *out, const struct shape_name *names, const char *text, bool is_type)
{
    const size_t len = shape_word(text);
    if (len == 0 || !is_type || !put_name(out, names, text, len))
        put_text(out, text, len > 0 ? len : 1);
    return len > 0 ? len : 1;
}

/* Objects that are too long for a line have a line for each member. */
static void put_shape(FILE *out, const struct shape_name *names, const char *text)
{
    bool is_broken[SHAPE_DEPTH_MAX + 1] = {false};
    int depth = 0;
    bool is_type = true;
    while (*text != '\0') {
        const char c = *text;
        const bool closes = c == '}' || c == ']';
        if (closes && is_broken[depth])
            break_line(out, depth - 1);
        if (closes && depth > 0)
            depth--;
        text += put_token(out, names, text, is_type);
        if ((c == '{' || c == '[') && depth < SHAPE_DEPTH_MAX)
            is_broken[++depth] = c == '{' && shape_end(text - 1) - text > FLAT_MAX;
        is_type = c == ':' || c == '[' || (is_type && c == ' ');
        if (!is_broken[depth] || (c != '{' && c != ','))
            continue;
        text += strspn(text, " ");
        if (*text != '}')
            break_line(out, depth);
    }
}

static void put_shape_block(FILE *out, const struct spec_table *table, const char *title,
                            const char *shape)
{
    (void)fprintf(out, "<h4>%s</h4>\n<pre>", title);
    put_shape(out, table->shapes, shape);
    (void)fputs("</pre>\n", out);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void put_parameters(FILE *out, const struct route *route)
{
    static const char *const kinds[] = {
        [HTTP_PARAMETER_FLAG] = "flag: 1 or true", [HTTP_PARAMETER_TEXT] = "text",
        [HTTP_PARAMETER_INT] = "number",           [HTTP_PARAMETER_TIME] = "time",
        [HTTP_PARAMETER_LIST] = "list: a,b",
    };
    if (route->argument == NULL && route->parameters == NULL)
        return;
    (void)fputs("<table>\n", out);
    if (route->argument != NULL) {
        (void)fputs("<tr><th scope=\"row\"><code>", out);
        put(out, strstr(route->path, "/:") != NULL ? strstr(route->path, "/:") + 1 : "");
        (void)fputs("</code></th><td>in the path</td><td>", out);
        put(out, route->argument);
        (void)fputs("</td></tr>\n", out);
    }
    for (const struct http_parameter *p = route->parameters; p != NULL && p->name != NULL; p++) {
        (void)fprintf(out, "<tr><th scope=\"row\"><code>%s</code></th><td>%s</td><td>", p->name,
                      kinds[p->kind]);
        put(out, p->help != NULL ? p->help : "");
        (void)fputs("</td></tr>\n", out);
    }
    (void)fputs("</table>\n", out);
}

static void put_row(FILE *out, const struct spec_table *table, const struct route *route)
{
    (void)fprintf(out, "<section>\n<h3 id=\"%s%s\"><span>%s</span> %s</h3>\n<p>", route->method,
                  route->path, route->method, route->path);
    put(out, route->summary);
    (void)fputs(".", out);
    if (route->access == HTTP_WRITE)
        (void)fputs(" Needs <code>apiKey</code>.", out);
    if (route->access == HTTP_OPEN)
        (void)fputs(" Open to everybody.", out);
    if ((route->listeners & ROUTE_ON_HEALTH) != 0)
        (void)fputs(" On healthPort, too.", out);
    (void)fputs("</p>\n", out);
    put_parameters(out, route);
    if (route->takes != NULL)
        put_shape_block(out, table, "Body", route->takes);
    if (route->answer != NULL && openapi_is_json(route))
        put_shape_block(out, table, "Answer", route->answer);
    else if (route->answer != NULL)
        (void)fprintf(out, "<p>Answer: <code>%s</code></p>\n", route->answer);
    (void)fputs("</section>\n", out);
}

typedef void (*put_route)(FILE *out, const struct spec_table *table, const struct route *route);

static void put_link(FILE *out, const struct spec_table *table, const struct route *route)
{
    (void)table;
    (void)fprintf(out, "<li><a href=\"#%s%s\"><span>%s</span> %s</a> ", route->method, route->path,
                  route->method, route->path);
    put(out, route->summary);
    (void)fputs("</li>\n", out);
}

/* Each row that is told of, in the table's order. */
static void put_rows(FILE *out, const struct spec_table *table, put_route put_one)
{
    for (size_t f = 0; f < table->family_count; f++) {
        for (size_t i = 0; i < table->families[f].count; i++) {
            if (table->families[f].rows[i].summary != NULL)
                put_one(out, table, &table->families[f].rows[i]);
        }
    }
}

static void put_shapes(FILE *out, const struct spec_table *table)
{
    (void)fputs("<h2>Shapes</h2>\n", out);
    for (const struct shape_name *s = table->shapes; s->name != NULL; s++) {
        (void)fprintf(out, "<section>\n<h3 id=\"shape-%s\">%s</h3>\n<pre>", s->name, s->name);
        put_shape(out, table->shapes, s->text);
        (void)fputs("</pre>\n</section>\n", out);
    }
}

/* Named from where the page stands: a proxy may serve it below a path. */
static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Weir: the API</title>\n"
    "<link rel=\"stylesheet\" href=\"../docs.css\">\n<body>\n<main>\n<h1>Weir: the API</h1>\n";
static const char notes[] =
    "<p>Every GET has HEAD, every path OPTIONS. An error is <code>{error: str, field?: str}</code> "
    "with its status. The same as OpenAPI 3.1: <a href=\"spec\">/api/spec</a>.</p>\n"
    "<p>How a shape reads: <code>[T]</code> a list, <code>T?</code> or null, <code>name?:</code> "
    "may be left out, <code>*:</code> any name, <code>time</code> RFC 3339, <code>unix</code> whole "
    "seconds, <code>...</code> and others. What is not known is null or left out, never 0.</p>\n"
    "<p>A key is sent as <code>X-API-Key</code> or as a bearer's token. Where the server has a "
    "<code>readApiKey</code> it is asked for unless a path is open to everybody; the cookie of "
    "<code>POST /api/login</code> counts like it.</p>\n";

char *docs_page(const struct spec_table *table, size_t *out_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, out_len);
    if (out == NULL)
        return NULL;
    (void)fprintf(out, "%s<p>Version %s</p>\n%s<ul>\n", head, table->version, notes);
    put_rows(out, table, put_link);
    (void)fputs("</ul>\n", out);
    put_rows(out, table, put_row);
    put_shapes(out, table);
    (void)fputs("</main>\n</body>\n</html>\n", out);
    const bool is_whole = ferror(out) == 0;
    if (fclose(out) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}
