// The addon: work on texts that is too slow in JavaScript. Holds nothing global, so it loads in any number of threads.
#define NAPI_VERSION 8
#include <node_api.h>

#include <new>

#include "suffix-array.h"

namespace nuwa {

namespace {

napi_value fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

struct Words {
  int32_t* data = nullptr;
  size_t length = 0;
};

bool readWords(napi_env env, napi_value value, Words& out) {
  bool isTypedArray = false;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &isTypedArray) != napi_ok || !isTypedArray) return false;
  if (napi_get_typedarray_info(env, value, &type, &out.length, &data, nullptr, nullptr) != napi_ok) return false;
  out.data = static_cast<int32_t*>(data);
  return type == napi_int32_array && out.length < INT32_MAX;
}

// suffixArray(text: Int32Array, symbols: number, result: Int32Array)
napi_value suffixArrayEntry(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  Words text;
  Words result;
  int32_t symbols = 0;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok || count < 3 ||
      !readWords(env, values[0], text) || napi_get_value_int32(env, values[1], &symbols) != napi_ok ||
      !readWords(env, values[2], result) || result.length != text.length) {
    return fail(env, "expected (Int32Array, number, Int32Array of the same length)");
  }
  for (size_t i = 0; i < text.length; i++) {
    if (text.data[i] < 0 || text.data[i] >= symbols) return fail(env, "expected symbols from 0 to below their number");
  }
  try {
    suffixArray(text.data, result.data, static_cast<int32_t>(text.length), symbols);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "MEMORY", "out of memory");
  }
  return nullptr;
}

// firstWindows(tokens: Int32Array, width: number, first: Int32Array)
napi_value firstWindowsEntry(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  Words tokens;
  Words first;
  int32_t width = 0;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok || count < 3 ||
      !readWords(env, values[0], tokens) || napi_get_value_int32(env, values[1], &width) != napi_ok ||
      !readWords(env, values[2], first) || first.length != tokens.length) {
    return fail(env, "expected (Int32Array, number, Int32Array of the same length)");
  }
  try {
    firstWindows(tokens.data, first.data, static_cast<int32_t>(tokens.length), width);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "MEMORY", "out of memory");
  }
  return nullptr;
}

}  // namespace

}  // namespace nuwa

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback entry;
  } functions[] = {{"suffixArray", nuwa::suffixArrayEntry}, {"firstWindows", nuwa::firstWindowsEntry}};
  for (const auto& [name, entry] : functions) {
    napi_value function;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, entry, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, name, function) != napi_ok) {
      napi_throw_error(env, nullptr, "unexpected failure in Node-API");
      return nullptr;
    }
  }
  return exports;
}
