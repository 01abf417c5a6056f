// The peer of bench_tenant.c: one HNSW of hnswlib over all rows; of the EF nearest that it finds those count that
// the tenant may see (Debian's libhnswlib-dev, 0.4, takes no filter).
//   g++ -O3 -march=native -std=c++17 -fopenmp tenant_hnswlib.cpp -o tenant_hnswlib
//   tenant_hnswlib BASE.fvecs QUERY.fvecs FOLDER/peer0 M EFC EF...
// peer0 is bench_tenant's: u32 tenant [2000], u32 truth [2000][10] (~0: none), u64 bits of rows [200][1563]. A line a setting, one thread.
#include "hnsw.hpp"
#include <algorithm>
enum { ROWS = 100000, TENANTS = 200, QUERIES = 2000, K = 10, WORDS = (ROWS + 63) / 64 };

int main(int argc, char **argv)
{
    if (argc < 7) return 2;
    int d; size_t n; auto b = vecs<float>(argv[1], d, n), q = vecs<float>(argv[2], d, n);
    std::vector<uint32_t> tenant(QUERIES), truth(QUERIES * K); std::vector<uint64_t> may(TENANTS * WORDS);
    FILE *f = fopen(argv[3], "rb");
    if (!f || fread(&tenant[0], 4, QUERIES, f) != QUERIES || fread(&truth[0], 4, QUERIES * K, f) != QUERIES * K || fread(&may[0], 8, may.size(), f) != may.size()) return 1;
    hnswlib::L2Space sp(d); hnswlib::HierarchicalNSW<float> h(&sp, ROWS, atoi(argv[4]), atoi(argv[5]));
    printf("build %.1f s, bytes/vector %zu\n", hnsw_fill(h, b, d, ROWS, 2), h.size_data_per_element_);
    for (int a = 6; a < argc; a++) {
        h.setEf(atoi(argv[a])); size_t hit = 0, all = 0; std::vector<double> us(QUERIES);
        for (int i = 0; i < QUERIES; i++) {
            const uint64_t *m = &may[(size_t)tenant[i] * WORDS]; std::vector<uint32_t> got;
            double s = now(); auto r = h.searchKnn(&q[(size_t)i * d], atoi(argv[a]));
            for (; !r.empty(); r.pop()) if (m[r.top().second / 64] >> r.top().second % 64 & 1) got.push_back((uint32_t)r.top().second);
            us[i] = 1e6 * (now() - s);
            const uint32_t *t = &truth[(size_t)i * K]; for (int j = 0; j < K; j++) all += t[j] != UINT32_MAX;
            for (size_t j = got.size() > K ? got.size() - K : 0; j < got.size(); j++) hit += std::count(t, t + K, got[j]);
        }
        double mean = 0; for (double u : us) mean += u / QUERIES; std::sort(us.begin(), us.end());
        printf("hnswlib ef %4d  recall@10 %.4f  us: mean %.1f  p50 %.1f\n", atoi(argv[a]), (double)hit / all, mean, us[QUERIES / 2]); fflush(stdout);
    }
}
