/* test_set.c - lib/fm/set.c: which line is written for which path, and that it is read back. */
#include "t.h"
#include "tmp.h"

#include <limits.h>
#include <sys/stat.h>

#include "fm/set.h"

static char here[PATH_MAX];

static void holds(const char *path, const char *want)
{
    char got[4096] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(got, 1, sizeof got - 1, f) : 0;

    if (f)
        fclose(f);
    T_CHECKF(n == strlen(want) && strcmp(got, want) == 0, "%s: %s", path, got);
}

/* A set of one member holds this line; %s in it is the working folder. */
static void line_is(const char *set, const char *member, const char *format)
{
    char want[2 * PATH_MAX] = "sluice-set 1\n";
    struct err e = {0};

    T_CHECKF(fm_set_write(set, &member, 1, &e) == 0, "%s: %s", member, e.msg);
    const char *at = strstr(format, "%s");
    if (at)
        snprintf(want + 13, sizeof want - 13, "%.*s%s%s\n", (int)(at - format), format, here,
                 at + 2);
    else
        snprintf(want + 13, sizeof want - 13, "%s\n", format);
    holds(set, want);
    T_CHECK(set_is(set, &e) == 1);
}

static void test_lines(void)
{
    char set[2 * PATH_MAX], member[2 * PATH_MAX];

    line_is("x.set", "a.fmi", "a.fmi");
    line_is("x.set", "./a.fmi", "a.fmi");
    line_is("x.set", "d/a.fmi", "d/a.fmi");
    line_is("./d/../x.set", "d/e//a.fmi", "d/e/a.fmi");
    line_is("x.set", "a\\b\r\t c.fmi", "a\\b\r\t c.fmi");
    line_is("d/x.set", "d/a.fmi", "a.fmi");
    line_is("d/x.set", "d/e/a.fmi", "e/a.fmi");
    line_is("d/x.set", "a.fmi", "%s/a.fmi");
    line_is("d/x.set", "dd/a.fmi", "%s/dd/a.fmi"); /* not below d, though it begins so */
    line_is("d/x.set", "d/../dd/../a.fmi", "%s/a.fmi");
    line_is("d/x.set", "/tmp/../tmp/a.fmi", "/tmp/../tmp/a.fmi"); /* absolute: as it is */
    line_is("link/x.set", "d/a.fmi", "a.fmi");
    line_is("d/x.set", "link/a.fmi", "a.fmi");
    line_is("d/x.set", "/a.fmi", "/a.fmi");
    snprintf(member, sizeof member, "%s/d/e/a.fmi", here);
    line_is("d/x.set", member, "e/a.fmi");
    line_is("dd/x.set", member, "%s/d/e/a.fmi");
    snprintf(set, sizeof set, "%s/d/x.set", here);
    line_is(set, "d/a.fmi", "a.fmi");
    line_is("new\nline/x.set", "new\nline/a.fmi", "a.fmi");
}

static void test_refused(void)
{
    static const char *const bad[] = {"a\nb.fmi", "new\nline/a.fmi", "d/",          "d/..", "",
                                      "x.set",    "./d/../x.set",    "absent/a.fmi"};
    static const char *const two[] = {"d/a.fmi", "a\nb.fmi"};
    const char **many = calloc(FM_SET_MAX + 1, sizeof *many);
    struct err e;

    line_is("x.set", "old.fmi", "old.fmi");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = i == 7 ? ERR_IO : ERR_USAGE;
        T_CHECKF(fm_set_write("x.set", &bad[i], 1, &e) == code, "%s: %s", bad[i], e.msg);
    }
    T_CHECK(fm_set_write("x.set", two, 2, &e) == ERR_USAGE);
    T_CHECK(fm_set_write("x.set", two, 0, &e) == ERR_USAGE);
    T_CHECK(fm_set_write("absent/x.set", two, 1, &e) == ERR_IO);
    T_CHECK(fm_set_write("d", two, 1, &e) == ERR_IO);
    if (!many)
        abort();
    for (size_t i = 0; i <= FM_SET_MAX; i++)
        many[i] = "a";
    T_CHECK(fm_set_write("x.set", many, FM_SET_MAX + 1, &e) == ERR_USAGE);
    holds("x.set", "sluice-set 1\nold.fmi\n");
    T_CHECK(fm_set_write("x.set", many, FM_SET_MAX, &e) == 0);
    free(many);
}

static int join(void *ctx, const char *path, struct err *e)
{
    if (strcmp(path, "d/stop") == 0)
        return err_set(e, ERR_CORRUPT, "stopped");
    strcat(strcat(ctx, path), " ");
    return 0;
}

static void test_read(void)
{
    static const char *const members[] = {"d/a.fmi", "d/e/b.fmi", "/c.fmi", "d/a.fmi"};
    char got[200] = "";
    struct err e = {0};

    T_CHECK(fm_set_write("d/x.set", members, 4, &e) == 0);
    T_CHECK(set_read("d/x.set", join, got, &e) == 0);
    T_CHECKF(strcmp(got, "d/a.fmi d/e/b.fmi /c.fmi d/a.fmi ") == 0, "%s", got);
    *got = '\0';
    tmp_put("d/x.set", "sluice-set 1\n\na\n\nstop\nb", 24);
    T_CHECK(set_is("d/x.set", &e) == 1 && set_read("d/x.set", join, got, &e) == ERR_CORRUPT);
    T_CHECKF(strcmp(e.msg, "d/x.set:5: stopped") == 0 && strcmp(got, "d/a ") == 0, "%s %s", e.msg,
             got);
    tmp_put("x", "sluice-set 1", 12);
    T_CHECK(set_is("x", &e) == 1);
    tmp_put("x", "sluice-set 10\n", 14);
    T_CHECK(set_is("x", &e) == 0);
    tmp_put("x", "sluice-set", 10);
    T_CHECK(set_is("x", &e) == 0 && set_is("absent", &e) == ERR_IO && set_is("d", &e) == 0);
}

int main(void)
{
    tmp_enter();
    if (!realpath(".", here) || mkdir("d", 0777) || mkdir("d/e", 0777) || mkdir("dd", 0777) ||
        mkdir("new\nline", 0777) || symlink("d", "link"))
        abort();
    test_lines();
    test_refused();
    test_read();
    tmp_leave();
    return t_done("set");
}
