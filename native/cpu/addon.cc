// The addon: contexts, memory, and one function per kernel. Holds nothing global, so it loads in any number of
// worker threads and engines of one process.
#define NAPI_VERSION 8
#include <node_api.h>

#include "wrap.h"

namespace nuwa {

namespace {

// What one environment (the main thread or a worker) keeps.
struct Instance {
  napi_ref raise = nullptr;  // JavaScript: (code, message) => never
};

// Memory seen by JavaScript as an ArrayBuffer. Freed by `free`, or with the ArrayBuffer.
struct Block {
  void* pointer;
  size_t bytes;
};

bool check(napi_env env, napi_status status) {
  if (status == napi_ok) return true;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, "unexpected failure in Node-API");
  return false;
}

void setNumber(napi_env env, napi_value object, const char* name, double value) {
  napi_value number;
  if (check(env, napi_create_double(env, value, &number))) napi_set_named_property(env, object, name, number);
}

napi_value toString(napi_env env, const char* text) {
  napi_value value = nullptr;
  check(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value));
  return value;
}

// onError(raise)
napi_value onError(napi_env env, napi_callback_info info) {
  napi_value raise;
  size_t count = 1;
  Instance* instance = nullptr;
  if (!check(env, napi_get_cb_info(env, info, &count, &raise, nullptr, nullptr))) return nullptr;
  if (!check(env, napi_get_instance_data(env, reinterpret_cast<void**>(&instance)))) return nullptr;
  if (instance->raise != nullptr) napi_delete_reference(env, instance->raise);
  check(env, napi_create_reference(env, raise, 1, &instance->raise));
  return nullptr;
}

// createContext(threads, forcedInstructionSet, bfloat16Products) -> external
napi_value createContext(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  double threads = 1;
  bool bfloat16Products = false;
  char forced[48] = "";
  size_t length = 0;
  if (!check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr)) ||
      !check(env, napi_get_value_double(env, values[0], &threads)) ||
      !check(env, napi_get_value_string_utf8(env, values[1], forced, sizeof(forced), &length)) ||
      !check(env, napi_get_value_bool(env, values[2], &bfloat16Products))) {
    return nullptr;
  }
  return guarded(env, [&]() -> napi_value {
    auto* context = new Context(static_cast<int>(threads), chooseKernels(forced));
    context->bfloat16Products = bfloat16Products;
    napi_value result = nullptr;
    const napi_status status = napi_create_external(
        env, context, [](napi_env, void* data, void*) { delete static_cast<Context*>(data); }, nullptr, &result);
    if (status != napi_ok) delete context;
    check(env, status);
    return result;
  });
}

Context* contextOf(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  void* context = nullptr;
  if (!check(env, napi_get_cb_info(env, info, &count, &value, nullptr, nullptr)) ||
      !check(env, napi_get_value_external(env, value, &context))) {
    return nullptr;
  }
  return static_cast<Context*>(context);
}

// describeContext(context) -> { instructionSet, vectorWidth, threads, scratchBytes }
napi_value describeContext(napi_env env, napi_callback_info info) {
  Context* context = contextOf(env, info);
  napi_value result = nullptr;
  if (context == nullptr || !check(env, napi_create_object(env, &result))) return nullptr;
  napi_set_named_property(env, result, "instructionSet", toString(env, context->kernels->name));
  setNumber(env, result, "vectorWidth", context->kernels->vectorWidth);
  setNumber(env, result, "threads", context->pool.threads());
  setNumber(env, result, "scratchBytes", static_cast<double>(context->scratchBytes()));
  return result;
}

// stopContext(context): joins its threads. Calls after it run on the calling thread.
napi_value stopContext(napi_env env, napi_callback_info info) {
  Context* context = contextOf(env, info);
  if (context != nullptr) context->pool.stop();
  return nullptr;
}

// runnable() -> the instruction sets of this build that this processor has, best first
napi_value runnable(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  if (!check(env, napi_create_array(env, &result))) return nullptr;
  uint32_t i = 0;
  for (const char* const* name = runnableInstructionSets(); *name != nullptr; name++) {
    napi_set_element(env, result, i++, toString(env, *name));
  }
  return result;
}

void finalizeBlock(napi_env, void*, void* hint) {
  auto* block = static_cast<Block*>(hint);
  freeAligned(block->pointer, block->bytes);
  delete block;
}

// allocate(bytes, zeroed) -> { buffer, address, block } or null when there is no memory
napi_value allocate(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  double bytes = 0;
  bool zeroed = false;
  if (!check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr)) ||
      !check(env, napi_get_value_double(env, values[0], &bytes)) ||
      !check(env, napi_get_value_bool(env, values[1], &zeroed))) {
    return nullptr;
  }
  napi_value result = nullptr, buffer = nullptr;
  const auto size = static_cast<size_t>(bytes);
  void* pointer = allocateAligned(size, zeroed);
  if (pointer == nullptr) {
    napi_get_null(env, &result);
    return result;
  }
  auto* block = new Block{pointer, size};
  if (napi_create_external_arraybuffer(env, pointer, size, finalizeBlock, block, &buffer) != napi_ok) {
    finalizeBlock(env, nullptr, block);
    napi_get_null(env, &result);
    return result;
  }
  if (!check(env, napi_create_object(env, &result))) return nullptr;
  napi_set_named_property(env, result, "buffer", buffer);
  setNumber(env, result, "address", static_cast<double>(reinterpret_cast<uintptr_t>(pointer)));
  setNumber(env, result, "block", static_cast<double>(reinterpret_cast<uintptr_t>(block)));
  return result;
}

// release(buffer, block): the memory goes back at once, and views of the buffer become empty
napi_value release(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  double address = 0;
  if (!check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr)) ||
      !check(env, napi_get_value_double(env, values[1], &address))) {
    return nullptr;
  }
  // Detaching may run the finalizer, which deletes the block: take the memory out of it first.
  auto* block = reinterpret_cast<Block*>(static_cast<uintptr_t>(address));
  const Block taken = *block;
  block->pointer = nullptr;
  if (check(env, napi_detach_arraybuffer(env, values[0]))) freeAligned(taken.pointer, taken.bytes);
  else block->pointer = taken.pointer;  // still the ArrayBuffer's, which gives it back in the end
  return nullptr;
}

// measurePeak(context, seconds) -> GFLOP/s of all threads in registers alone
napi_value measurePeak(napi_env env, napi_callback_info info) {
  napi_value values[2], result = nullptr;
  size_t count = 2;
  void* context = nullptr;
  double seconds = 0, gflops = 0;
  if (!check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr)) ||
      !check(env, napi_get_value_external(env, values[0], &context)) ||
      !check(env, napi_get_value_double(env, values[1], &seconds))) {
    return nullptr;
  }
  auto& c = *static_cast<Context*>(context);
  return guarded(env, [&]() -> napi_value {
    c.kernels->measurePeak(c, &gflops, seconds);
    check(env, napi_create_double(env, gflops, &result));
    return result;
  });
}

void addFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  if (check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function))) {
    napi_set_named_property(env, exports, name, function);
  }
}

napi_value initialize(napi_env env, napi_value exports) {
  auto* instance = new Instance();
  check(env, napi_set_instance_data(
                 env, instance, [](napi_env, void* data, void*) { delete static_cast<Instance*>(data); }, nullptr));
#define NUWA_EXPORT(name, ...) addFunction(env, exports, #name, kernelEntry<&KernelTable::name>);
  NUWA_KERNELS(NUWA_EXPORT)
#undef NUWA_EXPORT
  napi_set_named_property(env, exports, "kernelsHash", toString(env, NUWA_KERNELS_HASH));
  addFunction(env, exports, "onError", onError);
  addFunction(env, exports, "createContext", createContext);
  addFunction(env, exports, "describeContext", describeContext);
  addFunction(env, exports, "stopContext", stopContext);
  addFunction(env, exports, "runnable", runnable);
  addFunction(env, exports, "allocate", allocate);
  addFunction(env, exports, "release", release);
  addFunction(env, exports, "measurePeak", measurePeak);
  return exports;
}

}  // namespace

void throwToJavaScript(napi_env env, const char* code, const char* message) {
  Instance* instance = nullptr;
  napi_value raise = nullptr, receiver = nullptr;
  napi_get_instance_data(env, reinterpret_cast<void**>(&instance));
  if (instance == nullptr || instance->raise == nullptr ||
      napi_get_reference_value(env, instance->raise, &raise) != napi_ok ||
      napi_get_undefined(env, &receiver) != napi_ok) {
    napi_throw_error(env, code, message);
    return;
  }
  napi_value arguments[2] = {toString(env, code), toString(env, message)};
  napi_call_function(env, receiver, raise, 2, arguments, nullptr);  // leaves its exception pending
}

}  // namespace nuwa

NAPI_MODULE_INIT() { return nuwa::initialize(env, exports); }
