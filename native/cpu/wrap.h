// Turns a kernel's signature into a Node-API callback: JavaScript passes the context, then numbers and booleans.
// Addresses are numbers (exact up to 2^53), so a call copies and allocates nothing.
#pragma once
#include <node_api.h>

#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include "context.h"
#include "kernels.h"

namespace nuwa {

// Throws NuwaError(code, message) in JavaScript.
void throwToJavaScript(napi_env env, const char* code, const char* message);

inline bool readArgument(napi_env env, napi_value value, bool& out) {
  return napi_get_value_bool(env, value, &out) == napi_ok;
}
template <typename T>
bool readArgument(napi_env env, napi_value value, T& out) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  // A released storage has the address NaN; a NaN among the other numbers is data.
  if (number != number && !std::is_floating_point_v<T>) return false;
  if constexpr (std::is_pointer_v<T>) out = reinterpret_cast<T>(static_cast<uintptr_t>(number));
  else out = static_cast<T>(number);
  return true;
}

// Runs f and turns what it throws into a JavaScript error.
template <typename F>
napi_value guarded(napi_env env, const F& f) {
  try {
    return f();
  } catch (const Failure& failure) {
    throwToJavaScript(env, failure.code, failure.message);
  } catch (const std::bad_alloc&) {
    throwToJavaScript(env, "MEMORY", "out of memory");
  }
  return nullptr;
}

template <typename Signature>
struct Caller;

template <typename... Arguments>
struct Caller<void (*)(Context&, Arguments...)> {
  template <auto Member, size_t... I>
  static napi_value call(napi_env env, napi_callback_info info, std::index_sequence<I...>) {
    constexpr size_t kCount = sizeof...(Arguments) + 1;
    napi_value values[kCount];
    size_t count = kCount;
    void* raw = nullptr;
    if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok || count < kCount ||
        napi_get_value_external(env, values[0], &raw) != napi_ok) {
      napi_throw_type_error(env, nullptr, "native kernel called with too few arguments, or on a disposed device");
      return nullptr;
    }
    std::tuple<Arguments...> arguments;
    if (!(readArgument(env, values[I + 1], std::get<I>(arguments)) && ...)) {
      napi_throw_type_error(env, nullptr, "native kernel called with an argument of the wrong type, or with released memory");
      return nullptr;
    }
    return guarded(env, [&]() -> napi_value {
      Context& context = *static_cast<Context*>(raw);
      (context.kernels->*Member)(context, std::get<I>(arguments)...);
      return nullptr;
    });
  }

  template <auto Member>
  static napi_value entry(napi_env env, napi_callback_info info) {
    return call<Member>(env, info, std::index_sequence_for<Arguments...>{});
  }
};

template <auto Member>
napi_value kernelEntry(napi_env env, napi_callback_info info) {
  using Pointer = std::remove_reference_t<decltype(std::declval<KernelTable>().*Member)>;
  return Caller<Pointer>::template entry<Member>(env, info);
}

}  // namespace nuwa
