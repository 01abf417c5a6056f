// The peer of bench_filter.c: HNSW of hnswlib (Debian's libhnswlib-dev, header only) where only some rows may be
// found, by the masks and the truth of `bench_filter make`.
//   g++ -O3 -march=native -std=c++17 -fopenmp ann_hnswlib_filter.cpp -o ann_hnswlib_filter
//   ann_hnswlib_filter INDEX QUERY.fvecs DIR SECONDS NAME...
// The index is ann_hnswlib's, of inner products. Of each NAME one line a setting, k = 10, one thread, as many queries as
// SECONDS last for:
//   post     searchKnn() for K' neighbours, those allowed are kept
//   functor  the search with a filter functor, as hnswlib 0.7 has it: Debian's 0.6.2 has none, so its own loop over
//            the lowest layer stands here with that change (a row enters the results only if the functor allows it)
#include "hnsw.hpp"
#include <set>

using namespace hnswlib;
enum { K = 10, QUERIES_MOST = 1000 };

struct Allowed {
    const uint64_t *bits;
    bool operator()(labeltype row) const { return bits[row / 64] >> row % 64 & 1; }
};

struct Filtered : HierarchicalNSW<float> {
    using HierarchicalNSW<float>::HierarchicalNSW;
    typedef std::priority_queue<std::pair<float, tableint>, std::vector<std::pair<float, tableint>>, CompareByFirst> Queue;

    float to(const float *q, tableint i) { return fstdistfunc_(q, getDataByInternalId(i), dist_func_param_); }

    tableint descend(const float *q)
    {
        tableint at = enterpoint_node_;
        float best = to(q, at);
        for (int level = maxlevel_; level > 0; level--)
            for (bool changed = true; changed;) {
                changed = false;
                unsigned *data = (unsigned *)get_linklist(at, level);
                int size = getListCount(data);
                for (int i = 0; i < size; i++) {
                    tableint c = ((tableint *)(data + 1))[i];
                    float d = to(q, c);
                    if (d < best) {
                        best = d;
                        at = c;
                        changed = true;
                    }
                }
            }
        return at;
    }

    Queue search(const float *q, size_t ef, Allowed allowed)
    {
        tableint ep = descend(q);
        VisitedList *vl = visited_list_pool_->getFreeVisitedList();
        vl_type *met = vl->mass, tag = vl->curV;
        Queue top, todo;
        float bound = to(q, ep);
        todo.emplace(-bound, ep);
        if (allowed(getExternalLabel(ep)))
            top.emplace(bound, ep);
        else
            bound = std::numeric_limits<float>::max();
        met[ep] = tag;
        while (!todo.empty()) {
            auto now = todo.top();
            if (-now.first > bound && top.size() == ef)
                break;
            todo.pop();
            int *data = (int *)get_linklist0(now.second);
            size_t size = getListCount((linklistsizeint *)data);
            _mm_prefetch((char *)(met + data[1]), _MM_HINT_T0);
            _mm_prefetch(data_level0_memory_ + data[1] * size_data_per_element_ + offsetData_, _MM_HINT_T0);
            for (size_t j = 1; j <= size; j++) {
                int c = data[j];
                _mm_prefetch((char *)(met + data[j + 1]), _MM_HINT_T0);
                _mm_prefetch(data_level0_memory_ + data[j + 1] * size_data_per_element_ + offsetData_, _MM_HINT_T0);
                if (met[c] == tag)
                    continue;
                met[c] = tag;
                float d = to(q, c);
                if (top.size() < ef || bound > d) {
                    todo.emplace(-d, c);
                    _mm_prefetch(data_level0_memory_ + todo.top().second * size_data_per_element_ + offsetLevel0_, _MM_HINT_T0);
                    if (allowed(getExternalLabel(c)))
                        top.emplace(d, c);
                    if (top.size() > ef)
                        top.pop();
                    if (!top.empty())
                        bound = top.top().first;
                }
            }
        }
        visited_list_pool_->releaseVisitedList(vl);
        return top;
    }
};

struct Bench {
    std::vector<float> q;
    std::vector<uint64_t> mask;
    std::vector<int> truth;
    int d, dt;
    size_t n, words;
};

static size_t hits(const Bench &b, size_t i, const std::vector<labeltype> &found)
{
    std::set<int> t(&b.truth[i * b.dt], &b.truth[i * b.dt] + K);
    size_t hit = 0;
    for (labeltype l : found)
        hit += t.count((int)l);
    return hit;
}

static std::vector<labeltype> post(Filtered &h, const Bench &b, size_t i, size_t want)
{
    auto r = h.searchKnn(&b.q[i * b.d], want);
    std::vector<labeltype> all;
    Allowed allowed{&b.mask[i * b.words]};
    for (; !r.empty(); r.pop())
        if (allowed(r.top().second))
            all.push_back(r.top().second);
    if (all.size() > K) // the worst come first
        all.erase(all.begin(), all.end() - K);
    return all;
}

static std::vector<labeltype> functor(Filtered &h, const Bench &b, size_t i, size_t ef)
{
    auto r = h.search(&b.q[i * b.d], ef, Allowed{&b.mask[i * b.words]});
    std::vector<labeltype> all;
    while (r.size() > K)
        r.pop();
    for (; !r.empty(); r.pop())
        all.push_back(h.getExternalLabel(r.top().second));
    return all;
}

template <class F> static void measure(const char *name, const char *how, Filtered &h, const Bench &b, size_t setting, double seconds, F f)
{
    size_t hit = 0, done = 0;
    double began = now();
    h.setEf(setting);
    for (; done < b.n && now() - began < seconds; done++)
        hit += hits(b, done, f(h, b, done, setting));
    printf("%s  hnswlib %s %zu  recall@10 %.4f  qps %.0f  queries %zu\n", name, how, setting, hit / (double)(K * done), done / (now() - began), done);
    fflush(stdout);
}

static void load(Bench &b, const std::string &dir, const std::string &name, size_t rows)
{
    size_t n;
    b.truth = vecs<int>(dir + "/" + name + ".ivecs", b.dt, n);
    b.words = (rows + 63) / 64;
    b.mask.resize(b.words * b.n);
    std::ifstream f(dir + "/" + name + ".mask", std::ios::binary);
    f.read((char *)b.mask.data(), b.mask.size() * sizeof b.mask[0]);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: ann_hnswlib_filter INDEX QUERY DIR SECONDS NAME...\n");
        return 2;
    }
    double seconds = atof(argv[4]);
    Bench b;
    b.q = vecs<float>(argv[2], b.d, b.n);
    b.n = b.n < QUERIES_MOST ? b.n : QUERIES_MOST;
    InnerProductSpace space(b.d);
    Filtered h(&space, std::string(argv[1]));
    for (int a = 5; a < argc; a++) {
        load(b, argv[3], argv[a], h.cur_element_count);
        for (size_t want : {100, 1000})
            measure(argv[a], "post", h, b, want, seconds, post);
        for (size_t ef : {10, 20, 40, 80})
            measure(argv[a], "functor", h, b, ef, seconds, functor);
    }
}
