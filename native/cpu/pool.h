// A small thread pool: the caller works too, tiles are claimed one by one, idle threads sleep.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace nuwa {

class Pool {
 public:
  // `body(data, tile, thread)`: thread is 0 for the caller, then 1 to threads - 1.
  using Body = void (*)(void* data, int64_t tile, int thread);

  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  // Runs body for tiles 0 .. tiles - 1 and returns when all are done. Not reentrant, and body must not throw.
  void run(int64_t tiles, Body body, void* data);
  // Joins the threads; `run` then works on the calling thread alone.
  void stop();

 private:
  void work(int thread);
  bool takeTile(int thread);
  void waitForWork();
  void waitForDone(int64_t tiles);

  std::vector<std::thread> workers_;

  // (tiles << 32) | next tile. A claim is a compare-and-swap on the whole word: one that succeeds proves that its job
  // is still running, so the fields below it are stable until that tile is counted in done_.
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  Body body_ = nullptr;
  void* data_ = nullptr;

  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> callerWaits_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
};

}  // namespace nuwa
