/* test_trace.c - every format of traces, a small file each: what its records become, and what is
 * refused in which words.
 */
#include "t.h"
#include "tmp.h"
#include "trace_samples.h"

#include "base/mem.h"
#include "sim/load.h"
#include "sim/trace.h"

static const char *const no_trace[] = {"",
                                       "\n",
                                       " \n\t\r\n",
                                       "\xef\xbb\xbf",
                                       "{}\n",
                                       "{\"a\":1}\n",
                                       "3\n",
                                       "nonsense\n",
                                       "{\n",
                                       "\xef\xbb\xbf\n",
                                       "a,b,c\n1,2,3\n",
                                       "TIMESTAMP,ContextTokens\n1,2\n",
                                       "[\n",
                                       "[3]\n",
                                       "[{}]\n",
                                       "[{\"p\":[]}]\n",
                                       "[{\"p\":[{\"input_length\":1,\"output_length\":1}]}]\n",
                                       "[] x\n",
                                       "{\"prompt\":1,\"output\":1,\"t_ns\":0}\n",
                                       "\"TIMESTAMP,ContextTokens,GeneratedTokens\n",
                                       "timestamp,contexttokens,generatedtokens\n"};

/* ---- reading ---- */

/* Records as lines, and what was refused; 0 or an error of opening. */
static int read_as(struct buf *b, const char *path, enum trace_format format, struct err *e)
{
    struct trace_read_opts o = {.format = format};
    struct trace_reader *r;
    struct trace_record rec;
    int rc = trace_open(&r, path, &o, e);

    b->len = 0;
    if (rc < 0)
        return rc;
    while ((rc = trace_read(r, &rec, e)) != 0)
        if (rc > 0)
            T_CHECK(trace_append(b, &rec, e) == 0);
        else if (rc == ERR_INPUT)
            T_CHECK(buf_printf(b, e, "! %s\n", e->msg) == 0);
        else
            break;
    trace_close(r);
    return rc;
}

/* Line by line: ' stands for ", and "*" at a sentence's end for any words. */
static bool same(const char *want, const char *got, size_t len)
{
    const char *end = got + len;

    for (; *want; want++) {
        if (*want == '*') {
            while (got < end && *got != '\n')
                got++;
            continue;
        }
        if (got == end || (*got != *want && !(*want == '\'' && *got == '"')))
            return false;
        got++;
    }
    return got == end;
}

static enum trace_format format_of(const char *name)
{
    const char *p = TRACE_FORMAT_NAMES;
    int f = 0;

    for (; strncmp(p, name, strlen(name)) != 0; f++)
        p = strchr(p, '|') + 1;
    return (enum trace_format)f;
}

static void formats(void)
{
    struct buf b = {0};
    struct err e;

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *s = &samples[i];

        tmp_put("f", s->text, strlen(s->text));
        for (int asked = 0; asked < 2; asked++) {
            e = (struct err){0};
            T_CHECKF(read_as(&b, "f", asked ? format_of(s->format) : TRACE_AUTO, &e) == 0,
                     "%zu: %s", i, e.msg);
            T_CHECKF(same(s->want, b.p, b.len), "%s, %zu:\n%.*s", s->format, i, (int)b.len,
                     b.p ? b.p : "");
        }
        /* What one format's file is, another's is not, but for two that are written alike. */
        for (int f = 0; f < TRACE_FORMATS; f++)
            if (f != (int)format_of(s->format) && strcmp(s->format, "vllm") != 0 &&
                strcmp(s->format, "bailian") != 0)
                T_CHECKF(read_as(&b, "f", (enum trace_format)f, &e) == ERR_INPUT, "%s as %d",
                         s->format, f);
    }
    for (size_t i = 0; i < sizeof no_trace / sizeof *no_trace; i++) {
        tmp_put("f", no_trace[i], strlen(no_trace[i]));
        T_CHECKF(read_as(&b, "f", TRACE_AUTO, &e) == ERR_INPUT, "%zu", i);
        T_CHECKF(strncmp(e.msg, "f: ", 3) == 0, "%s", e.msg);
    }
    buf_free(&b);
}

/* What was written is read again as the same. */
static void round_trip(void)
{
    struct buf b = {0}, again = {0};
    struct err e = {0};

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char *lines;
        size_t n = 0;

        tmp_put("f", samples[i].text, strlen(samples[i].text));
        T_CHECK(read_as(&b, "f", TRACE_AUTO, &e) == 0);
        lines = malloc(b.len + 1);
        for (char *p = b.p, *end; p < b.p + b.len; p = end) {
            end = (char *)memchr(p, '\n', (size_t)(b.p + b.len - p)) + 1;
            if (*p == '!' || !memmem(p, (size_t)(end - p), "\"t_ns\":", 7))
                continue;
            memcpy(lines + n, p, (size_t)(end - p));
            n += (size_t)(end - p);
        }
        tmp_put("g", lines, n);
        if (n > 0) {
            T_CHECK(read_as(&again, "g", TRACE_AUTO, &e) == 0);
            T_CHECK(again.len == n && memcmp(again.p, lines, n) == 0);
        }
        free(lines);
    }
    buf_free(&b);
    buf_free(&again);
}

/* ---- loading ---- */

/* Loads lines of trace(5), ' for "; the count of refused ones, or -1 and the sentence. */
static int load(struct trace_set *t, const char *text, bool skip_bad, struct err *e)
{
    struct trace_load_opts o = {.read = {.format = TRACE_AUTO}, .skip_bad = skip_bad};
    char *json = strdup(text);
    uint64_t bad;
    int rc;

    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    tmp_put("f", json, strlen(json));
    free(json);
    rc = trace_load(t, "f", &o, &bad, e);
    return rc < 0 ? -1 : (int)bad;
}

static void refuses(const char *text, const char *sentence)
{
    struct trace_set t;
    struct err e = {0};

    T_CHECK(load(&t, text, false, &e) == -1);
    T_CHECKF(e.code == ERR_INPUT && strstr(e.msg, sentence), "'%s', not '%s'", e.msg, sentence);
}

#define LINE(id, t, more) "{'id':'" id "','t_ns':" t ",'prompt':40,'output':9" more "}\n"

static void columns(void)
{
    struct trace_set t;
    struct err e = {0};
    size_t len;

    T_CHECK(load(&t,
                 LINE("a", "1", "") LINE("b", "1", ",'tool_ns':5,'tool':'ls'")
                     LINE("c", "3", ",'after':['a','b'],'session':'s','priority':-2")
                         LINE("d", "4", ",'block':16,'hashes':[1,2,3],'out_hashes':[4]")
                             LINE("e", "4", ",'session':'s','tool':'ls','after':['d']"),
                 false, &e) == 0);
    T_CHECK(t.n == 5 && t.t_ns[2] == 3 && t.prompt[4] == 40 && t.output[0] == 9);
    T_CHECK(memcmp(trace_set_id(&t, 3, &len), "d", 1) == 0 && len == 1);
    T_CHECK(t.after_end[1] == 0 && t.after_end[2] == 2 && t.after[0] == 0 && t.after[1] == 1);
    T_CHECK(t.after_end[3] == 2 && t.after_end[4] == 3 && t.after[2] == 3);
    T_CHECK(t.tool_ns[0] == 0 && t.tool_ns[1] == 5 && t.tool_ns[2] == 0);
    T_CHECK(t.priority[0] == 0 && t.priority[2] == -2 && t.priority[4] == 0);
    T_CHECK(t.sessions == 1 && t.session[0] == UINT32_MAX && t.session[2] == 0 &&
            t.session[4] == 0);
    T_CHECK(t.tools == 1 && t.tool[1] == 0 && t.tool[2] == UINT32_MAX && t.tool[4] == 0);
    /* Of the prompt's 40 tokens two blocks are whole; the third hash is of what the answer fills.
     */
    T_CHECK(t.block == 16 && t.hash_end[2] == 0 && t.hash_end[3] == 3 && t.hash_end[4] == 3);
    T_CHECK(t.hashes[0] == 1 && t.hashes[1] == 2 && t.hashes[2] == 4);
    trace_set_free(&t);
}

static void loading(void)
{
    struct trace_set t;
    struct err e = {0};

    refuses(LINE("a", "5", "") LINE("b", "4", ""), "line 2: its time goes back, 1 ns");
    refuses("{'id':'a','t_ns':null,'prompt':1,'output':1}\n", "line 1: it has no time");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['c']"), "waits for 'c'");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['b']"), "waits for 'b'");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['a']") LINE("a", "6", ""),
            "line 3: its id is that of a request above");
    refuses(LINE("a", "5", ",'priority':3000000000"), "beyond 32 bits");
    refuses(LINE("a", "4611686018427387905", ""), "line 1: its time, or its tool's, is beyond");
    refuses(LINE("a", "0", ",'tool_ns':4611686018427387905"), "beyond 146 years");
    refuses(LINE("a", "5", ",'block':16,'hashes':[1,2]")
                LINE("b", "5", ",'block':8,'hashes':[1,2,3,4,5]"),
            "line 2: its hashes stand for 8 tokens each, those above for 16");
    /* The same id twice is of no matter where nobody waits. */
    T_CHECK(load(&t, LINE("a", "5", "") LINE("a", "5", ""), false, &e) == 0 && t.n == 2);
    trace_set_free(&t);
    T_CHECK(load(&t, LINE("a", "5", "") LINE("b", "4", "") "{}\n" LINE("c", "6", ""), true, &e) ==
            2);
    T_CHECK(t.n == 2 && t.t_ns[1] == 6);
    trace_set_free(&t);
    columns();
}

/* What is refused must leave no trace of itself, ids above all. */
static void skipping(void)
{
    struct trace_set t;
    struct err e = {0};
    int bad = load(&t,
                   LINE("a", "1", "") LINE("b", "1", "") LINE("a", "1", "") LINE("c", "1", "")
                       LINE("d", "2", ",'after':['c']") LINE("e", "2", ",'after':['c']")
                           LINE("f", "2", ",'after':['e']") LINE("g", "3", "")
                               LINE("h", "4", ",'after':['g']"),
                   true, &e);

    /* Two requests of one id: whoever waits cannot be sure of any. */
    T_CHECKF(bad == -1 && strstr(e.msg, "f: line 5: two requests above have the id 'a'"),
             "%d bad: %s", bad, e.msg);
    if (bad >= 0)
        trace_set_free(&t);
    bad = load(&t,
               LINE("a", "1", "") LINE("b", "2", ",'after':['a','x']")
                   LINE("c", "2", ",'after':['a'],'session':'s'") LINE("b", "3", ",'after':['c']"),
               true, &e);
    T_CHECK(bad == 1 && t.n == 3 && t.after_end[1] == 1 && t.after[0] == 0 && t.after[1] == 1);
    trace_set_free(&t);
}

static void programs(void)
{
    struct trace_set t;
    struct err e = {0};
    int bad = load(&t,
                   LINE("a", "1", "")
                       LINE("b", "1", ",'after':['a'],'joins':1,'race':'r','winners':2")
                           LINE("c", "1", ",'after':['a','b'],'joins':2,'common':40,'reuse':7")
                               LINE("d", "2", ",'race':'r','winners':1") LINE("d", "2",
                                                                              ",'if_ended':'d',"
                                                                              "'then_output':3")
                                   LINE("d", "2",
                                        ",'after':['c'],'joins':1,'race':'q','winners':1,"
                                        "'if_ended':'b','then_output':3,'background':true"),
                   true, &e);
    const struct trace_program *p = t.program;

    T_CHECKF(bad == 2 && t.n == 4 && t.races == 2, "%d bad, %u, %u races", bad, t.n, t.races);
    T_CHECK(p[0].joins == 0 && p[0].race == 0 && p[0].if_ended == 0 && !p[0].background);
    T_CHECK(p[1].joins == 1 && p[1].common == 0 && p[1].reuse == 0);
    T_CHECK(p[1].race == 1 && p[1].winners == 2);
    T_CHECK(p[2].joins == 2 && p[2].common == 40 && p[2].reuse == 8 && p[2].race == 0);
    T_CHECK(p[3].race == 2 && p[3].winners == 1 && p[3].if_ended == 2 && p[3].then_output == 3);
    T_CHECK(p[3].background && t.after[t.after_end[3] - 1] == 2);
    trace_set_free(&t);
    refuses(LINE("a", "1", "") LINE("b", "1", ",'if_ended':'c','then_output':3"),
            "line 2: its output goes by 'c', which is no request above");
    refuses(LINE("a", "1", ",'race':'r','winners':2") LINE("b", "1", ",'race':'r','winners':1"),
            "line 2: its race has 2 winners above, not 1");
    refuses(LINE("a", "1", "") LINE("b", "1", "")
                LINE("c", "1", ",'after':['a','b'],'joins':2,'common':41"),
            "line 3: 'common' is of 41 tokens, and a prompt of 40 begins with them");
}

int main(void)
{
    tmp_enter();
    formats();
    round_trip();
    loading();
    skipping();
    programs();
    tmp_leave();
    return t_done("test_trace");
}
