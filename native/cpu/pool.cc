#include "pool.h"

#include <chrono>
#include <system_error>

namespace nuwa {

namespace {

// Kernels of one training step follow each other within microseconds, so a short spin saves a sleep and a wake-up.
constexpr auto kSpin = std::chrono::microseconds(30);

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Ready>
bool spinUntil(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; i++) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

inline uint64_t tilesOf(uint64_t state) { return state >> 32; }
inline uint64_t nextOf(uint64_t state) { return state & 0xffffffffu; }

}  // namespace

Pool::Pool(int threads) {
  for (int t = 1; t < threads; t++) {
    try {
      workers_.emplace_back([this, t] { work(t); });
    } catch (const std::system_error&) {
      break;  // The system gives no more threads: fewer work, with the same results.
    }
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

bool Pool::takeTile(int thread) {
  uint64_t state = state_.load(std::memory_order_acquire);
  for (;;) {
    if (nextOf(state) >= tilesOf(state)) return false;
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire)) break;
  }
  const int64_t tiles = static_cast<int64_t>(tilesOf(state));
  body_(data_, static_cast<int64_t>(nextOf(state)), thread);
  if (done_.fetch_add(1) + 1 == tiles && thread != 0 && callerWaits_.load()) {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_.notify_one();
  }
  return true;
}

void Pool::waitForWork() {
  const auto ready = [this] {
    const uint64_t state = state_.load();
    return nextOf(state) < tilesOf(state) || stopping_.load();
  };
  if (spinUntil(ready)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_.fetch_add(1);
  wake_.wait(lock, ready);
  sleepers_.fetch_sub(1);
}

void Pool::work(int thread) {
  while (!stopping_.load()) {
    while (takeTile(thread)) {
    }
    waitForWork();
  }
}

void Pool::waitForDone(int64_t tiles) {
  const auto ready = [this, tiles] { return done_.load() == tiles; };
  if (spinUntil(ready)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  callerWaits_.store(true);
  finished_.wait(lock, ready);
  callerWaits_.store(false);
}

void Pool::run(int64_t tiles, Body body, void* data) {
  // The counters have 32 bits; larger jobs go in several rounds.
  constexpr int64_t kMost = 1 << 30;
  if (tiles <= 1 || workers_.empty()) {
    for (int64_t tile = 0; tile < tiles; tile++) body(data, tile, 0);
    return;
  }
  if (tiles > kMost) {
    struct Shifted {
      Body body;
      void* data;
      int64_t first;
    };
    for (int64_t first = 0; first < tiles; first += kMost) {
      Shifted shifted{body, data, first};
      run(
          tiles - first < kMost ? tiles - first : kMost,
          [](void* raw, int64_t tile, int thread) {
            auto* s = static_cast<Shifted*>(raw);
            s->body(s->data, s->first + tile, thread);
          },
          &shifted);
    }
    return;
  }
  body_ = body;
  data_ = data;
  done_.store(0);
  state_.store(static_cast<uint64_t>(tiles) << 32);
  // Sequentially consistent with waitForWork: either the sleeper sees the job, or we see the sleeper.
  if (sleepers_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  while (takeTile(0)) {
  }
  waitForDone(tiles);
}

}  // namespace nuwa
