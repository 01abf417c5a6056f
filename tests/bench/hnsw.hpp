// hnsw.hpp - what the peers on hnswlib share: a clock, vectors of TEXMEX's files, and an index that is built once and kept.
#ifndef BENCH_HNSW_HPP
#define BENCH_HNSW_HPP
#include <hnswlib/hnswlib.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <class T> std::vector<T> vecs(const std::string &path, int &d, size_t &n)
{
    std::ifstream f(path, std::ios::binary | std::ios::ate);
    if (!f) {
        fprintf(stderr, "%s cannot be read\n", path.c_str());
        exit(1);
    }
    size_t size = f.tellg();
    f.seekg(0);
    f.read((char *)&d, 4);
    f.seekg(0);
    n = size / (4 + 4 * (size_t)d);
    std::vector<T> v(n * d);
    for (size_t i = 0; i < n; i++) {
        f.seekg(4, std::ios::cur);
        f.read((char *)&v[i * d], 4 * d);
    }
    return v;
}

// Of M links and efConstruction efc; seconds are those it took.
inline double hnsw_fill(hnswlib::HierarchicalNSW<float> &h, const std::vector<float> &base, int d, size_t n, int threads)
{
    double began = now();
    h.addPoint(&base[0], 0);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 64)
    for (long i = 1; i < (long)n; i++)
        h.addPoint(&base[i * d], i);
    return now() - began;
}
#endif
