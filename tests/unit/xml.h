/* xml.h - is this text well-formed XML, as far as our pictures use it: one root, tags that close in
 * order, attributes in double quotes and not twice, known entities, no stray '<' or '&'? */
#ifndef TESTS_XML_H
#define TESTS_XML_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

enum { XML_DEEP = 16, XML_NAME = 40, XML_ATTRIBUTES = 24 };

static inline const char *xml_name(const char *p, char *name)
{
    size_t n = 0;

    while ((isalnum((unsigned char)*p) || strchr("-_:", *p)) && *p && n + 1 < XML_NAME)
        name[n++] = *p++;
    name[n] = '\0';
    return n ? p : NULL;
}

/* Text until `end`; NULL if something must not be there. */
static inline const char *xml_text(const char *p, char end)
{
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (; *p && *p != end; p++) {
        bool known = *p != '&';
        if (*p == '<' || ((unsigned char)*p < 0x20 && !strchr("\n\t\r", *p)))
            return NULL;
        for (size_t i = 0; i < 5; i++)
            known |= strncmp(p, entity[i], strlen(entity[i])) == 0;
        if (!known)
            return NULL;
    }
    return *p == end ? p : NULL;
}

/* From behind the tag's name to its '>' or '/'. */
static inline const char *xml_attributes(const char *p)
{
    char names[XML_ATTRIBUTES][XML_NAME];
    size_t n = 0;

    for (; *p == ' '; n++) {
        if (n == XML_ATTRIBUTES || !(p = xml_name(p + 1, names[n])) || strncmp(p, "=\"", 2) != 0 ||
            !(p = xml_text(p + 2, '"')))
            return NULL;
        p++;
        for (size_t i = 0; i < n; i++)
            if (strcmp(names[i], names[n]) == 0)
                return NULL;
    }
    return *p == '>' || strncmp(p, "/>", 2) == 0 || strncmp(p, "?>", 2) == 0 ? p : NULL;
}

/* How many elements there are; 0: it is not well-formed. text ends in NUL. */
static inline size_t xml_elements(const char *text)
{
    char open[XML_DEEP][XML_NAME], name[XML_NAME];
    size_t depth = 0, n = 0;
    const char *p = text;

    if (!utf8_valid(text, strlen(text)))
        return 0;
    if (strncmp(p, "<?xml", 5) == 0 && (!(p = xml_attributes(p + 5)) || *(p += 2) != '\n'))
        return 0;
    for (; *p; p++) {
        if (*p != '<') {
            if (!(p = xml_text(p, '<')))
                return 0;
        }
        if (p[1] == '/') {
            if (!(p = xml_name(p + 2, name)) || *p != '>' || depth == 0 ||
                strcmp(open[--depth], name) != 0)
                return 0;
            if (depth == 0)
                return strcmp(p, ">\n") == 0 ? n : 0;
            continue;
        }
        if (depth == XML_DEEP || !(p = xml_name(p + 1, open[depth])) || !(p = xml_attributes(p)))
            return 0;
        n++;
        if (*p == '/')
            p++;
        else
            depth++;
    }
    return 0;
}

#endif
