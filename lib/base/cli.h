/* cli.h - the command line of every tool: one option table drives getopt_long, --help, the
 * completions and the checks of the man page.
 *
 * cli_parse() reads the options into the table's destinations and returns the index of the first
 * operand in argv, which getopt_long has permuted. -h and -V print and exit 0; misuse prints one
 * sentence and a hint and exits 2. The hidden --help-options prints the table for programs, a row
 * an option: short TAB long TAB argument TAB choices TAB help.
 *
 * This file and progress.c alone, of all the library, print, exit and read the environment
 * (SLUICE_CPU), and only commands call them.
 */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSE = 2 };

enum cli_type {
    CLI_T_END,
    CLI_T_FLAG,   /* bool: true when given */
    CLI_T_STR,    /* const char *: the last one given */
    CLI_T_LIST,   /* struct cli_list: every one given */
    CLI_T_U64,    /* uint64_t */
    CLI_T_INT,    /* int, 0 or more */
    CLI_T_DOUBLE, /* double */
    CLI_T_SIZE,   /* uint64_t bytes, K/M/G suffixes */
    CLI_T_CHOICE, /* int: the index of the word in `arg`, words separated by '|' */
    CLI_T_KIND,   /* enum: the same and 1 more, 0 being its "as may be" when nothing is asked */
};

struct cli_list {
    const char **v;
    size_t n, cap;
};

struct cli_opt {
    enum cli_type type;
    char letter; /* 0: long only */
    const char *name;
    void *dst;
    const char *arg; /* the argument's name, or the choices "a|b|c" */
    const char *help;
};

#define CLI_FLAG(letter, name, dst, help)         \
    {                                             \
        CLI_T_FLAG, letter, name, dst, NULL, help \
    }
#define CLI_STR(letter, name, dst, arg, help)   \
    {                                           \
        CLI_T_STR, letter, name, dst, arg, help \
    }
#define CLI_LIST(letter, name, dst, arg, help)   \
    {                                            \
        CLI_T_LIST, letter, name, dst, arg, help \
    }
#define CLI_U64(letter, name, dst, arg, help)   \
    {                                           \
        CLI_T_U64, letter, name, dst, arg, help \
    }
#define CLI_INT(letter, name, dst, arg, help)   \
    {                                           \
        CLI_T_INT, letter, name, dst, arg, help \
    }
#define CLI_DOUBLE(letter, name, dst, arg, help)   \
    {                                              \
        CLI_T_DOUBLE, letter, name, dst, arg, help \
    }
#define CLI_SIZE(letter, name, dst, arg, help)   \
    {                                            \
        CLI_T_SIZE, letter, name, dst, arg, help \
    }
#define CLI_CHOICE(letter, name, dst, choices, help)   \
    {                                                  \
        CLI_T_CHOICE, letter, name, dst, choices, help \
    }
#define CLI_KIND(letter, name, dst, choices, help)   \
    {                                                \
        CLI_T_KIND, letter, name, dst, choices, help \
    }
#define CLI_END                              \
    {                                        \
        CLI_T_END, 0, NULL, NULL, NULL, NULL \
    }

/* Options that many tools share, spelled and explained once. */
#define CLI_OUT(dst)     CLI_STR('o', "output", dst, "FILE", "write to FILE, whole or not at all")
#define CLI_JSON(dst)    CLI_FLAG(0, "json", dst, "write JSON Lines instead of TSV")
#define CLI_THREADS(dst) CLI_INT('T', "threads", dst, "N", "use N threads (default: every CPU)")
#define CLI_SEED(dst)    CLI_U64(0, "seed", dst, "N", "seed of the random choice (default 1)")
#define CLI_QUIET(dst)   CLI_FLAG('q', "quiet", dst, "no progress, no remarks")
#define CLI_VERBOSE(dst) \
    CLI_FLAG('v', "verbose", dst, "end with wall time, CPU time and peak memory on stderr")

#define CLI_LOAD(dst) CLI_FLAG(0, "load", dst, "read the index into memory first: for many queries")

/* What most tools take, as one row of the table: CLI_COMMON(&common). */
struct cli_common {
    const char *out; /* NULL: standard output */
    bool json, quiet, verbose;
    int threads; /* 0: every CPU (par.h) */
};

#define CLI_COMMON(co)                                                       \
    CLI_OUT(&(co)->out), CLI_JSON(&(co)->json), CLI_THREADS(&(co)->threads), \
        CLI_QUIET(&(co)->quiet), CLI_VERBOSE(&(co)->verbose)

struct cli_prog {
    const char *name;     /* "fm-count" */
    const char *operands; /* "IDX [PATTERN...]" */
    const char *summary;  /* one sentence, what it does */
    int min_operands;
    int max_operands; /* -1: any number */
};

/* A SLUICE_CPU that says no level is misuse. Also sets SIGPIPE to be ignored, so that a closed pipe
 * is a write error (exit 1), not a death that skips cleaning up. */
int cli_parse(const struct cli_prog *prog, const struct cli_opt *opts, int argc, char **argv);

/* "NAME: sentence" and "Try 'NAME --help'." on stderr; exits 2. For rules the table cannot say. */
void cli_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Misuse, in the words of the error; but where memory has ended, which is nobody's misuse, exits 1.
 */
void cli_wrong(const struct err *e) __attribute__((noreturn));

/* Misuse unless the value of an option ("--lists") is within [least, most]. */
void cli_count_in(const char *option, uint64_t v, uint64_t least, uint64_t most);
void cli_number_in(const char *option, double v, double least, double most);

/* "NAME: sentence" on stderr, control characters made visible; an empty sentence prints nothing.
 * Returns CLI_FAILED, for main to return. */
int cli_fail(const struct err *e);
/* The same, and what err_show() put below the sentence. */
int cli_fail_shown(struct err *e);

/* "NAME: remark" on stderr, unless quiet. */
void cli_note(bool quiet, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* With verbose: wall time, CPU time, peak memory since cli_parse(), on stderr. */
void cli_finish(bool verbose);

/* Is this standard output, or input? NULL and "-" are. */
bool cli_is_std(const char *path);
/* Misuse when two of n inputs are "-"; NULL: one that is not given. */
void cli_std_once(const char *const *paths, size_t n);
/* Misuse when two of n outputs, `what` they are, would be one: standard output ("-"), or a file,
 * however it is spelled. NULL: one that is not given. */
void cli_outputs_once(const char *const *paths, size_t n, const char *what);
/* Misuse when one of n outputs would take the place of one of m files that are read, by whatever
 * names; "-" is what standard input comes from. NULL: one that is not given. */
void cli_inputs_stay(const char *const *outputs, size_t n, const char *const *inputs, size_t m);
/* That and cli_std_once(), of what a tool writes and reads. */
void cli_files(const char *const *outputs, size_t n, const char *const *inputs, size_t m);
/* Misuse when `out` is standard output and that is a terminal: `what` ("codes") is not for eyes. */
void cli_not_on_terminal(const char *out, const char *what);

/* The CPU level to use: what the machine has, capped by SLUICE_CPU=portable|avx2|avx512. */
enum cpu_level cli_cpu(void);

void cli_list_free(struct cli_list *l);

#endif
