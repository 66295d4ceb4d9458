// Fused multiply-adds on registers alone, on as many threads as argv[1]; prints GFLOP/s.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float Vector __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / sizeof(float);
// As many independent sums as units times cycles of latency, or more, keep all units busy: two times
// five, four times four on some Arm processors. With the two constants they must fit into registers,
// of which AVX has sixteen, AVX-512 and Arm thirty-two.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kSums = 24;
#else
constexpr int kSums = 12;
#endif
constexpr long kTurns = 500'000;
constexpr int kRepetitions = 200;

static float multiply_add() {
  Vector sums[kSums], factor, term;
  for (int i = 0; i < kLanes; i++) factor[i] = 0.999f, term[i] = 0.001f;
  for (Vector& sum : sums) sum = term;
  for (long turn = 0; turn < kTurns; turn++)
#pragma GCC unroll 24
    for (int i = 0; i < kSums; i++) sums[i] = sums[i] * factor + term;
  Vector total = sums[0];
  for (int i = 1; i < kSums; i++) total += sums[i];
  return total[0];
}

// A thread's fastest repetition, in seconds. Threads are timed one by one, since the system may run
// several of them on one processor for a while.
static double best_seconds(float& result) {
  double best = 1e9;
  for (int repetition = 0; repetition < kRepetitions; repetition++) {
    const auto start = std::chrono::steady_clock::now();
    result = multiply_add();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

int main(int, char** argv) {
  const int threads = std::atoi(argv[1]);
  std::vector<float> results(threads);
  std::vector<double> seconds(threads);
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; i++)
    workers.emplace_back([&, i] { seconds[i] = best_seconds(results[i]); });
  for (std::thread& worker : workers) worker.join();
  double rate = 0;
  for (double each : seconds) rate += 2.0 * kSums * kLanes * kTurns / each;
  // The results are used, so that the loop is not optimized away.
  if (results[0] < 0) return 1;
  std::printf("%.1f\n", rate / 1e9);
}
