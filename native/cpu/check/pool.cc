// The thread pool under stress, for ThreadSanitizer: jobs follow each other at once and after pauses longer than the
// pool's spin, with bodies, data and tile counts that change from job to job, on more threads than there are cores.
// Each tile must run exactly once, in its own job: a worker that wakes late and claims a tile of the next job must
// find that job's body and data. Two pools at a time, as two engines in one process have.
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "check.h"

namespace check {

namespace {

struct Job {
  int64_t number;
  std::vector<int> runs;  // plain: two threads on one tile are a race that ThreadSanitizer names
  std::vector<int64_t> seen;
};

void bodyA(void* raw, int64_t tile, int) {
  auto* job = static_cast<Job*>(raw);
  job->runs[static_cast<size_t>(tile)]++;
  job->seen[static_cast<size_t>(tile)] = 2 * job->number;
}

void bodyB(void* raw, int64_t tile, int) {
  auto* job = static_cast<Job*>(raw);
  job->runs[static_cast<size_t>(tile)]++;
  job->seen[static_cast<size_t>(tile)] = 2 * job->number + 1;
}

int stressOne(int threads, int jobs, uint32_t seed) {
  nuwa::Pool pool(threads);
  Random random;
  random.state = seed;
  int wrong = 0;
  for (int64_t number = 0; number < jobs; number++) {
    const auto tiles = static_cast<int64_t>((random.next() + 1.0f) * 10.0f);
    // A new place each time: what an old job's pointer would write to is freed by then, which AddressSanitizer names.
    auto job = std::make_unique<Job>();
    job->number = number;
    job->runs.assign(static_cast<size_t>(tiles), 0);
    job->seen.assign(static_cast<size_t>(tiles), -1);
    const bool second = random.next() > 0;
    pool.run(tiles, second ? bodyB : bodyA, job.get());
    for (int64_t tile = 0; tile < tiles; tile++) {
      if (job->runs[static_cast<size_t>(tile)] != 1) wrong++;
      if (job->seen[static_cast<size_t>(tile)] != 2 * number + (second ? 1 : 0)) wrong++;
    }
    const float pause = random.next();
    if (pause > 0.99f) std::this_thread::sleep_for(std::chrono::microseconds(200));
    else if (pause > 0.9f) std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(random.next() * 40 + 40)));
  }
  return wrong;
}

}  // namespace

int poolStress() {
  constexpr int kJobs = 20000;
  int wrong[2] = {};
  std::thread beside([&] { wrong[1] = stressOne(3, kJobs, 7) + stressOne(2, kJobs, 3); });
  wrong[0] = stressOne(2, kJobs, 1) + stressOne(7, kJobs / 4, 5);
  beside.join();
  // Made and stopped at once: threads that have not begun, that spin, that sleep.
  for (int i = 0; i < 200; i++) {
    nuwa::Pool pool(1 + i % 5);
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i));
    Job job{i, std::vector<int>(9, 0), std::vector<int64_t>(9, 0)};
    if (i % 2 == 0) pool.run(9, bodyA, &job);
    pool.stop();
    pool.run(9, bodyB, &job);
    for (const int runs : job.runs) wrong[0] += runs != (i % 2 == 0 ? 2 : 1);
  }
  if (wrong[0] + wrong[1] != 0) std::printf("pool: %d tiles ran not once, or in another job\n", wrong[0] + wrong[1]);
  return wrong[0] + wrong[1];
}

}  // namespace check
