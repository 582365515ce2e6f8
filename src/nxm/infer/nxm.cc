// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/nxm.h"

#include <algorithm>
#include <exception>
#include <string>

#include "nxm/core/error.h"
#include "nxm/infer/session.h"

struct nxm_session {  // NOLINT(readability-identifier-naming): C
  nxm::Session session;
};

namespace {

thread_local std::string last_error;

/// What `action` gives, or `failure` with the reason in last_error: no exception may reach C.
template <typename T, typename Action>
T guarded(T failure, const Action& action) noexcept {
  try {
    return action();
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception of unknown type";
  }
  return failure;
}

void need(const void* argument, const char* function, const char* name) {
  if (argument == nullptr) nxm::fail(function, "'{}' is NULL, expected a pointer. Correct the call", name);
}

}  // namespace

nxm_session* nxm_session_load(const char* folder, int threads, int max_length) {
  return guarded<nxm_session*>(nullptr, [&] {
    need(folder, "nxm_session_load", "folder");
    return new nxm_session{nxm::Session::load(folder, {.threads = threads, .max_length = max_length})};
  });
}

void nxm_session_free(nxm_session* session) { delete session; }

size_t nxm_session_outputs(const nxm_session* session) {
  return guarded<size_t>(0, [&] {
    need(session, "nxm_session_outputs", "session");
    return static_cast<size_t>(session->session.outputs());
  });
}

const char* nxm_session_label(const nxm_session* session, size_t output) {
  return guarded<const char*>(nullptr, [&] {
    need(session, "nxm_session_label", "session");
    const auto& labels = session->session.config().labels;
    return output < labels.size() ? labels[output].c_str() : nullptr;
  });
}

int nxm_session_predict(const nxm_session* session, const char* text, size_t bytes, const char* second,
                        size_t second_bytes, float* logits) {
  return guarded(-1, [&] {
    need(session, "nxm_session_predict", "session");
    need(text, "nxm_session_predict", "text");
    need(logits, "nxm_session_predict", "logits");
    nxm::Text one{{text, bytes}, std::nullopt};
    if (second != nullptr) one.b = {second, second_bytes};
    const nxm::Prediction prediction = session->session.predict({&one, 1}).front();
    std::ranges::copy(prediction.logits, logits);
    return 0;
  });
}

const char* nxm_last_error(void) { return last_error.c_str(); }
