/* cli.c - see cli.h. The parser is getopt_long; its two tables are made from ours. */
#include "base/cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/term.h"

enum {
    MAX_OPTS = 160,
    FIRST_LONG = 1000,
    OPT_HELP = 900,
    OPT_VERSION,
    OPT_TABLE,
    HELP_COLUMN = 28
};

/* What the command is, for messages and for the closing report: set once by cli_parse(). */
static const struct cli_prog *program;
static struct timespec started;

static const struct cli_opt standard[] = {
    CLI_FLAG('h', "help", NULL, "print this help"),
    CLI_FLAG('V', "version", NULL, "print the version"),
    CLI_END,
};

static void vsay(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void vsay(const char *fmt, va_list ap)
{
    char line[1024];

    vsnprintf(line, sizeof line, fmt, ap);
    fprintf(stderr, "%s: %.*s\n", program ? program->name : "sluice",
            (int)term_clean(line, strlen(line), ""), line);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsay(fmt, ap);
    va_end(ap);
}

void cli_misuse(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsay(fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try '%s --help'.\n", program->name);
    exit(CLI_MISUSE);
}

int cli_fail(const struct err *e)
{
    if (e->msg[0])
        say("%s", e->msg);
    return CLI_FAILED;
}

void cli_wrong(const struct err *e)
{
    if (e->code == ERR_MEM)
        exit(cli_fail(e));
    cli_misuse("%s", e->msg);
}

int cli_fail_shown(struct err *e)
{
    char *more = e->msg + strlen(e->msg) - e->shown;
    unsigned shown = e->shown;
    int rc;

    if (shown)
        *more++ = '\0'; /* its newline */
    rc = cli_fail(e);
    if (shown)
        fprintf(stderr, "%.*s\n", (int)term_clean(more, strlen(more), "\n"), more);
    return rc;
}

void cli_note(bool quiet, const char *fmt, ...)
{
    va_list ap;

    if (quiet)
        return;
    va_start(ap, fmt);
    vsay(fmt, ap);
    va_end(ap);
}

static void print_option(const struct cli_opt *o)
{
    char left[200]; /* a list of choices may be long */
    int n = o->letter ? snprintf(left, sizeof left, "-%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "    --%s", o->name);

    if (o->arg)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->arg);
    if (n > HELP_COLUMN)
        printf("  %s\n  %-*s %s\n", left, HELP_COLUMN, "", o->help);
    else
        printf("  %-*s %s\n", HELP_COLUMN, left, o->help);
}

static void print_help(const struct cli_opt *opts)
{
    printf("Usage: %s [OPTION]... %s\n%s\n\n", program->name, program->operands, program->summary);
    for (const struct cli_opt *o = opts; o->type != CLI_T_END; o++)
        print_option(o);
    for (const struct cli_opt *o = standard; o->type != CLI_T_END; o++)
        print_option(o);
    printf("\nExit status: 0 done, 1 failed, 2 misuse. The manual: man %s; man 7 sluice.\n",
           program->name);
}

static bool has_choices(const struct cli_opt *o)
{
    return o->type == CLI_T_CHOICE || o->type == CLI_T_KIND;
}

static void print_table(const struct cli_opt *opts)
{
    for (const struct cli_opt *o = opts; o->type != CLI_T_END; o++)
        printf("%.*s\t%s\t%s\t%s\t%s\n", o->letter ? 1 : 0, &o->letter, o->name,
               o->arg && !has_choices(o) ? o->arg : "", has_choices(o) ? o->arg : "", o->help);
}

static void close_stdout(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE) /* who has gone is not told */
            say("cannot write 'stdout': %s", strerror(errno));
        exit(CLI_FAILED);
    }
    exit(CLI_DONE);
}

/* The index of word in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *word)
{
    size_t len = strlen(word);
    int i = 0;

    for (const char *p = choices;; i++) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, word, n) == 0)
            return i;
        if (!p[n])
            return -1;
        p += n + 1;
    }
}

static void bad_value(const struct cli_opt *o, const char *value, const char *wanted)
{
    cli_misuse("option '--%s' wants %s, not '%s'", o->name, wanted, value);
}

static void set_option(const struct cli_opt *o, const char *value)
{
    uint64_t u;

    switch (o->type) {
    case CLI_T_FLAG:
        *(bool *)o->dst = true;
        break;
    case CLI_T_STR:
        *(const char **)o->dst = value;
        break;
    case CLI_T_LIST: {
        struct cli_list *l = o->dst;
        struct err e;
        if (mem_reserve(&l->v, &l->cap, l->n + 1, sizeof *l->v, &e) < 0)
            exit(cli_fail(&e));
        l->v[l->n++] = value;
        break;
    }
    case CLI_T_U64:
        if (!num_u64(value, o->dst))
            bad_value(o, value, "a whole number");
        break;
    case CLI_T_INT:
        if (!num_u64(value, &u) || u > 1 << 20)
            bad_value(o, value, "a whole number up to 1048576");
        *(int *)o->dst = (int)u;
        break;
    case CLI_T_DOUBLE:
        if (!num_double(value, o->dst))
            bad_value(o, value, "a number");
        break;
    case CLI_T_SIZE:
        if (!num_size(value, o->dst))
            bad_value(o, value, "a size such as 64K, 200M or 1.5G");
        break;
    case CLI_T_CHOICE:
    case CLI_T_KIND: {
        int i = choice_index(o->arg, value);
        if (i < 0)
            bad_value(o, value, o->arg);
        *(int *)o->dst = i + (o->type == CLI_T_KIND);
        break;
    }
    case CLI_T_END:
        break;
    }
}

/* getopt_long's tables from ours. Returns the number of the tool's own options. */
static int make_tables(const struct cli_opt *opts, struct option *longs, char *shorts)
{
    int n = 0;
    char *s = shorts;

    *s++ = ':'; /* a missing argument is told from an unknown option */
    for (; opts[n].type != CLI_T_END; n++) {
        int takes = opts[n].type == CLI_T_FLAG ? no_argument : required_argument;
        longs[n] = (struct option){opts[n].name, takes, NULL, FIRST_LONG + n};
        if (opts[n].letter) {
            *s++ = opts[n].letter;
            if (takes == required_argument)
                *s++ = ':';
        }
        if (n + 4 >= MAX_OPTS)
            abort();
    }
    longs[n] = (struct option){"help", no_argument, NULL, OPT_HELP};
    longs[n + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    longs[n + 2] = (struct option){"help-options", no_argument, NULL, OPT_TABLE};
    longs[n + 3] = (struct option){0};
    memcpy(s, "hV", 3);
    return n;
}

static void check_operands(int n)
{
    if (n < program->min_operands)
        cli_misuse("missing operand (usage: %s [OPTION]... %s)", program->name, program->operands);
    if (program->max_operands >= 0 && n > program->max_operands)
        cli_misuse("too many operands (usage: %s [OPTION]... %s)", program->name,
                   program->operands);
}

static bool is_choice_of_many(const char *word, const struct option *longs)
{
    size_t len = strcspn(word + 2, "="), n = 0;

    for (; longs->name; longs++)
        n += strncmp(longs->name, word + 2, len) == 0;
    return n > 1;
}

/* What getopt_long would have said, through say(): c is what it returned, word what it read. */
static void bad_option(int c, const char *word, const struct option *longs)
{
    const struct option *o = longs;
    char letter[] = "-x";

    letter[1] = (char)optopt;
    while (o->name && o->val != optopt)
        o++;
    if (c == ':')
        cli_misuse("option '%s%s' wants an argument", o->name ? "--" : "",
                   o->name ? o->name : letter);
    if (o->name)
        cli_misuse("option '--%s' takes no argument", o->name);
    if (optopt)
        cli_misuse("unknown option '%s'", letter);
    if (is_choice_of_many(word, longs))
        cli_misuse("option '%s' could be one of several", word);
    cli_misuse("unknown option '%s'", word);
}

static void print_version(void)
{
    printf("%s (sluice) %s\nCPU level: %s (this machine: %s)\n", program->name, SLUICE_VERSION,
           cpu_name(cli_cpu()), cpu_name(cpu_detect()));
}

int cli_parse(const struct cli_prog *prog, const struct cli_opt *opts, int argc, char **argv)
{
    struct option longs[MAX_OPTS];
    char shorts[2 * MAX_OPTS];
    int n, c;

    program = prog;
    clock_gettime(CLOCK_MONOTONIC, &started);
    signal(SIGPIPE, SIG_IGN);
    n = make_tables(opts, longs, shorts);
    opterr = 0;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (c == '?' || c == ':') {
            bad_option(c, argv[optind - 1], longs);
        } else if (c == OPT_HELP || c == 'h') {
            print_help(opts);
            close_stdout();
        } else if (c == OPT_VERSION || c == 'V') {
            print_version();
            close_stdout();
        } else if (c == OPT_TABLE) {
            print_table(opts);
            print_table(standard);
            close_stdout();
        }
        int i = c - FIRST_LONG;
        if (i < 0)
            for (i = 0; i < n && opts[i].letter != c; i++)
                ;
        set_option(&opts[i], optarg);
    }
    cli_cpu(); /* a bad SLUICE_CPU is misuse of every tool */
    check_operands(argc - optind);
    return optind;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

void cli_finish(bool verbose)
{
    struct rusage u;
    struct timespec now;
    char peak[NUM_HUMAN];

    if (!verbose)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &u);
    say("%.2f s wall, %.2f s user, %.2f s system, peak memory %s",
        (double)(now.tv_sec - started.tv_sec) + (double)(now.tv_nsec - started.tv_nsec) * 1e-9,
        seconds(u.ru_utime), seconds(u.ru_stime),
        num_human_bytes((uint64_t)u.ru_maxrss * 1024, peak));
}

void cli_count_in(const char *option, uint64_t v, uint64_t least, uint64_t most)
{
    if (v >= least && v <= most)
        return;
    if (least == 0)
        cli_misuse("'%s' is up to %llu", option, (unsigned long long)most);
    cli_misuse("'%s' is %llu to %llu", option, (unsigned long long)least, (unsigned long long)most);
}

void cli_number_in(const char *option, double v, double least, double most)
{
    if (!(v >= least && v <= most))
        cli_misuse("'%s' is %g to %g", option, least, most);
}

bool cli_is_std(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

void cli_std_once(const char *const *paths, size_t n)
{
    size_t std = 0;

    for (size_t i = 0; i < n; i++)
        std += paths[i] && strcmp(paths[i], "-") == 0;
    if (std > 1)
        cli_misuse("standard input is one file: it cannot be read as two");
}

/* Devices take what several write. */
static bool is_device(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Is the path a name of the file or pipe that standard output is? */
static bool is_stdout(const char *path)
{
    struct stat a, b;

    return stat(path, &a) == 0 && fstat(STDOUT_FILENO, &b) == 0 && !S_ISCHR(a.st_mode) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void cli_outputs_once(const char *const *paths, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; paths[i] && k < n; k++) {
            const char *a = paths[i], *b = paths[k];

            if (!b)
                continue;
            if (cli_is_std(a) ? cli_is_std(b) || is_stdout(b) : cli_is_std(b) && is_stdout(a))
                cli_misuse("of %s one at most goes to standard output", what);
            if (!cli_is_std(a) && !cli_is_std(b) && !is_device(a) && atomic_same_target(a, b))
                cli_misuse("of %s one at most goes to '%s'", what, a);
        }
}

/* Is standard input this file? */
static bool comes_from(const struct stat *file)
{
    struct stat st;

    return fstat(STDIN_FILENO, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

void cli_inputs_stay(const char *const *outputs, size_t n, const char *const *inputs, size_t m)
{
    struct stat there;

    for (size_t i = 0; i < n; i++) {
        const char *out = outputs[i];

        if (!out || cli_is_std(out) || stat(out, &there) < 0 || !S_ISREG(there.st_mode))
            continue; /* the rule, and quick where inputs are many */
        for (size_t k = 0; k < m; k++) {
            const char *in = inputs[k];

            if (in && (cli_is_std(in) ? comes_from(&there) : atomic_same_target(out, in)))
                cli_misuse("'%s' is read: nothing is written in its place", out);
        }
    }
}

void cli_files(const char *const *outputs, size_t n, const char *const *inputs, size_t m)
{
    cli_std_once(inputs, m);
    cli_inputs_stay(outputs, n, inputs, m);
}

void cli_not_on_terminal(const char *out, const char *what)
{
    if (cli_is_std(out) && isatty(STDOUT_FILENO))
        cli_misuse("a terminal shows no %s: use '--output' or a pipe", what);
}

enum cpu_level cli_cpu(void)
{
    const char *cap = getenv("SLUICE_CPU");
    enum cpu_level have = cpu_detect(), level;

    if (!cap || !*cap)
        return have;
    if (cpu_parse(cap, &level) < 0)
        cli_misuse("SLUICE_CPU wants portable|avx2|avx512, not '%s'", cap);
    return level < have ? level : have;
}

void cli_list_free(struct cli_list *l)
{
    free(l->v);
    *l = (struct cli_list){0};
}
