/* wellformed.c - wellformed FILE...: a line for each picture (.svg) that is no well-formed XML, and
 * each page (.html) with an element or an attribute that could run or fetch something, or a tag
 * that does not end; a line for either that has no element at all. Exit 1 if there is one. For
 * pages.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "../unit/xml.h"

static char *load(const char *path)
{
    FILE *f = fopen(path, "rb");
    long n = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *p = n < 0 ? NULL : malloc((size_t)n + 1);

    if (p && (fseek(f, 0, SEEK_SET) != 0 || fread(p, 1, (size_t)n, f) != (size_t)n)) {
        free(p);
        p = NULL;
    }
    if (p)
        p[strlen(p) < (size_t)n ? 0 : n] = '\0'; /* a NUL is in no page */
    if (f)
        fclose(f);
    return p;
}

static bool may_stand(const char *name)
{
    static const char *const never[] = {"script", "iframe", "img",  "object", "embed",
                                        "link",   "base",   "form", "body2",  "foreignobject"};

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strcasecmp(name, never[i]) == 0)
            return false;
    return true;
}

/* An attribute of a page from p on: its end, or NULL if it must not be. Links go to a place of the
 * page. */
static const char *attribute(const char *p)
{
    char name[XML_NAME];
    const char *value;
    bool link;

    if (!(p = xml_name(p, name)) || strncasecmp(name, "on", 2) == 0)
        return NULL;
    link = strcasecmp(name, "href") == 0 || strcasecmp(name, "src") == 0;
    if (*p != '=')
        return link ? NULL : p;
    if (p[1] != '"')
        return NULL;
    value = p + 2;
    p = strchr(value, '"');
    return !p || (link && *value != '#') ? NULL : p + 1;
}

/* A tag from behind its '<': its end, or NULL. */
static const char *tag(const char *p)
{
    char name[XML_NAME];

    if (strncasecmp(p, "!doctype html>", 14) == 0)
        return p + 14;
    p += *p == '/';
    if (!(p = xml_name(p, name)) || !may_stand(name))
        return NULL;
    while (*p == ' ' || *p == '\n')
        if (strchr("/>", *++p) == NULL && !(p = attribute(p)))
            return NULL;
    p += *p == '/';
    return *p == '>' ? p + 1 : NULL;
}

static size_t page_elements(const char *p)
{
    size_t n = 0;

    while ((p = strchr(p, '<'))) {
        if (strncmp(p, "<?xml ", 6) == 0 || !(p = tag(p + 1)))
            return 0;
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    int wrong = argc < 2;

    for (int i = 1; i < argc; i++) {
        size_t len = strlen(argv[i]);
        bool is_page = len > 5 && strcmp(argv[i] + len - 5, ".html") == 0;
        char *text = load(argv[i]);
        if (!text || (is_page ? page_elements(text) : xml_elements(text)) == 0) {
            printf("%s is not well-formed\n", argv[i]);
            wrong = 1;
        }
        free(text);
    }
    return wrong;
}
