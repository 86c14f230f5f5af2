// Device memory copy and f32 multiply-add rate of one NVIDIA card, as a CUDA program reaches them. Prints one line of
// JSON: {"copy": bytes/s, "fma": operations/s, "device": name, ...}. Each figure is the best of its repetitions, timed
// by CUDA events; both results are checked.
//
//     nvcc -O3 -arch=native -o gpu_cuda gpu_cuda.cu && ./gpu_cuda [BYTES OF EACH ARRAY] [REPETITIONS]
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                                                   \
    do {                                                                                              \
        cudaError_t error_ = (call);                                                                  \
        if (error_ != cudaSuccess) {                                                                  \
            fprintf(stderr, "%s: %s (line %d)\n", #call, cudaGetErrorString(error_), __LINE__);       \
            exit(1);                                                                                  \
        }                                                                                             \
    } while (0)

static const int LANES = 256;

__host__ __device__ inline unsigned mixed(unsigned h) {
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

__global__ void fill(uint4 *to, size_t count) {
    for (size_t at = blockIdx.x * (size_t)blockDim.x + threadIdx.x; at < count; at += (size_t)gridDim.x * blockDim.x) {
        unsigned first = (unsigned)at * 4u;
        to[at] = make_uint4(mixed(first), mixed(first + 1), mixed(first + 2), mixed(first + 3));
    }
}

__global__ void differ(const uint4 *one, const uint4 *other, size_t count, unsigned long long *wrong) {
    unsigned long long mine = 0;
    for (size_t at = blockIdx.x * (size_t)blockDim.x + threadIdx.x; at < count; at += (size_t)gridDim.x * blockDim.x) {
        uint4 a = one[at], b = other[at];
        mine += a.x != b.x || a.y != b.y || a.z != b.z || a.w != b.w;
    }
    if (mine) atomicAdd(wrong, mine);
}

// One block copies LOADS rows of 256 vectors of 16 bytes.
template <int LOADS>
__global__ void copy(const float4 *__restrict__ from, float4 *__restrict__ to) {
    size_t at = blockIdx.x * (size_t)(LANES * LOADS) + threadIdx.x;
    float4 v[LOADS];
#pragma unroll
    for (int k = 0; k < LOADS; k++) v[k] = from[at + k * LANES];
#pragma unroll
    for (int k = 0; k < LOADS; k++) to[at + k * LANES] = v[k];
}

// 32 independent chains in each thread; the step is not linear, so that none can be shortened.
static const int CHAINS = 32;
static const int UNROLLED = 8;

__global__ void chains(float *ends, int trips, float bias) {
    float x[CHAINS];
#pragma unroll
    for (int k = 0; k < CHAINS; k++) x[k] = (mixed((threadIdx.x % 64) * CHAINS + k) >> 22) * 0.0009765625f;
    for (int trip = 0; trip < trips; trip++) {
#pragma unroll
        for (int step = 0; step < UNROLLED; step++) {
#pragma unroll
            for (int k = 0; k < CHAINS; k++) x[k] = fmaf(x[k], x[k], bias);
        }
    }
    float sum = 0;
#pragma unroll
    for (int k = 0; k < CHAINS; k++) sum += x[k];
    ends[blockIdx.x * (size_t)blockDim.x + threadIdx.x] = sum;
}

// Best seconds of one launch, over so many repetitions of `launches` launches between two events.
template <typename F>
static float best(int repetitions, int launches, F launch) {
    cudaEvent_t start, stop;
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&stop));
    launch();
    CHECK(cudaDeviceSynchronize());
    float least = 1e30f;
    for (int number = 0; number < repetitions; number++) {
        CHECK(cudaEventRecord(start));
        for (int k = 0; k < launches; k++) launch();
        CHECK(cudaEventRecord(stop));
        CHECK(cudaEventSynchronize(stop));
        CHECK(cudaGetLastError());
        float ms = 0;
        CHECK(cudaEventElapsedTime(&ms, start, stop));
        least = ms < least ? ms : least;
    }
    CHECK(cudaEventDestroy(start));
    CHECK(cudaEventDestroy(stop));
    return least * 1e-3f / launches;
}

template <int LOADS>
static double copy_rate(int repetitions, const float4 *from, float4 *to, size_t bytes) {
    unsigned blocks = (unsigned)(bytes / 16 / LANES / LOADS);
    float seconds = best(repetitions, 16, [&] { copy<LOADS><<<blocks, LANES>>>(from, to); });
    return 2.0 * (double)blocks * LANES * LOADS * 16 / seconds;
}

int main(int argc, char **argv) {
    size_t bytes = argc > 1 ? strtoull(argv[1], nullptr, 10) : (size_t)1 << 30;
    int repetitions = argc > 2 ? atoi(argv[2]) : 10;
    bytes = bytes / 32768 * 32768;
    cudaDeviceProp card;
    CHECK(cudaGetDeviceProperties(&card, 0));

    float4 *from, *to;
    unsigned long long *wrong, count = 0;
    CHECK(cudaMalloc(&from, bytes));
    CHECK(cudaMalloc(&to, bytes));
    CHECK(cudaMalloc(&wrong, sizeof *wrong));
    CHECK(cudaMemset(wrong, 0, sizeof *wrong));
    fill<<<4096, LANES>>>((uint4 *)from, bytes / 16);
    double rates[4] = {copy_rate<1>(repetitions, from, to, bytes), copy_rate<2>(repetitions, from, to, bytes),
                       copy_rate<4>(repetitions, from, to, bytes), copy_rate<8>(repetitions, from, to, bytes)};
    double engine = 2.0 * bytes / best(repetitions, 16, [&] {
        CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice));
    });
    CHECK(cudaMemset(to, 0, bytes));
    copy_rate<4>(1, from, to, bytes);
    differ<<<4096, LANES>>>((uint4 *)from, (uint4 *)to, bytes / 16, wrong);
    CHECK(cudaMemcpy(&count, wrong, sizeof count, cudaMemcpyDeviceToHost));
    double copied = 0;
    for (double rate : rates) copied = rate > copied ? rate : copied;

    const int blocks = 32768, trips = 128;
    const float bias = -1.8203125f;
    float *ends;
    CHECK(cudaMalloc(&ends, (size_t)blocks * LANES * sizeof *ends));
    float seconds = best(repetitions, 2, [&] { chains<<<blocks, LANES>>>(ends, trips, bias); });
    double fma = 2.0 * blocks * LANES * CHAINS * (double)trips * UNROLLED / seconds;
    std::vector<float> host((size_t)blocks * LANES);
    CHECK(cudaMemcpy(host.data(), ends, host.size() * sizeof(float), cudaMemcpyDeviceToHost));
    size_t bad = 0;
    for (int thread = 0; thread < 64; thread++) {
        float sum = 0;
        for (int k = 0; k < CHAINS; k++) {
            float x = (mixed(thread * CHAINS + k) >> 22) * 0.0009765625f;
            for (int step = 0; step < trips * UNROLLED; step++) x = __builtin_fmaf(x, x, bias);
            sum += x;
        }
        for (size_t at = thread; at < host.size(); at += 64) bad += host[at] != sum;
    }
    printf("{\"copy\": %.6e, \"fma\": %.6e, \"memcpy\": %.6e, \"copies\": [%.6e, %.6e, %.6e, %.6e], "
           "\"wrong\": %llu, \"device\": \"%s\", \"multiprocessors\": %d, \"bytes\": %zu}\n",
           copied, fma, engine, rates[0], rates[1], rates[2], rates[3], count + bad, card.name,
           card.multiProcessorCount, bytes);
    return count + bad ? 1 : 0;
}
