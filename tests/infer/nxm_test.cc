// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/nxm.h"

#include <limits>

#include "infer/support.h"

namespace nxm {
namespace {

using testing::ModelFolder;
using testing::small_config;

/// The message of a call that failed; "" for one that did not and left the latest message as it was.
template <typename Call>
std::string error_of(const Call& call) {
  nxm_session_load("no such folder", 1, 0);
  const std::string before = nxm_last_error();
  call();
  const std::string after = nxm_last_error();
  return after == before ? "" : after;
}

TEST(CApi, AnswersAsTheSessionDoes) {
  const ModelFolder folder(small_config(), Pattern{2, 4});
  const Prediction expected = Session::load(folder.path(), {.threads = 1}).predict("w5 w6");
  nxm_session* session = nxm_session_load(folder.path().c_str(), 1, 0);
  ASSERT_NE(session, nullptr) << nxm_last_error();
  ASSERT_EQ(nxm_session_outputs(session), 3U);
  EXPECT_STREQ(nxm_session_label(session, 2), "yes");
  EXPECT_EQ(nxm_session_label(session, 3), nullptr);
  std::vector<float> logits(3), pair(3);
  EXPECT_EQ(nxm_session_predict(session, "w5 w6 and more", 5, nullptr, 0, logits.data()), 0);
  EXPECT_EQ(logits, expected.logits);
  EXPECT_EQ(nxm_session_predict(session, "", 0, "w6", 2, pair.data()), 0);
  EXPECT_NE(pair, logits);
  nxm_session_free(session);
}

TEST(CApi, NullIsAnErrorThatNamesTheArgument) {
  const ModelFolder folder;
  nxm_session* session = nxm_session_load(folder.path().c_str(), 1, 0);
  ASSERT_NE(session, nullptr) << nxm_last_error();
  std::vector<float> logits(3, 7);
  const auto expect_null = [](const std::string& error, const char* function, const char* argument) {
    EXPECT_EQ(error, fmt::format("[{}] '{}' is NULL, expected a pointer. Correct the call", function, argument));
  };
  const auto predict = [&](const nxm_session* of, const char* text, float* out) {
    return error_of([&] { EXPECT_EQ(nxm_session_predict(of, text, 0, nullptr, 0, out), -1); });
  };
  expect_null(error_of([] { EXPECT_EQ(nxm_session_load(nullptr, 1, 0), nullptr); }), "nxm_session_load", "folder");
  expect_null(error_of([] { EXPECT_EQ(nxm_session_outputs(nullptr), 0U); }), "nxm_session_outputs", "session");
  expect_null(error_of([] { EXPECT_EQ(nxm_session_label(nullptr, 0), nullptr); }), "nxm_session_label", "session");
  expect_null(predict(nullptr, "w5", logits.data()), "nxm_session_predict", "session");
  expect_null(predict(session, nullptr, logits.data()), "nxm_session_predict", "text");
  expect_null(predict(session, "w5", nullptr), "nxm_session_predict", "logits");
  EXPECT_EQ(logits, std::vector<float>(3, 7));
  EXPECT_EQ(error_of([] { nxm_session_free(nullptr); }), "");
  nxm_session_free(session);
}

TEST(CApi, FailuresAreTold) {
  EXPECT_EQ(nxm_session_load("no such folder", 1, 0), nullptr);
  EXPECT_NE(std::string(nxm_last_error()).find("no such folder"), std::string::npos);
  const auto spoil_word = [](auto& model) {
    model.values("bert.embeddings.word_embeddings.weight")[5 * 64] = std::numeric_limits<float>::quiet_NaN();
  };
  const ModelFolder damaged(small_config(), std::nullopt, spoil_word);
  EXPECT_EQ(nxm_session_load(damaged.path().c_str(), -5, 0), nullptr);
  EXPECT_NE(std::string(nxm_last_error()).find("threads"), std::string::npos);
  nxm_session* session = nxm_session_load(damaged.path().c_str(), 1, 0);
  ASSERT_NE(session, nullptr) << nxm_last_error();
  std::vector<float> logits(3);
  EXPECT_EQ(nxm_session_predict(session, "w5", 2, nullptr, 0, logits.data()), -1);
  EXPECT_NE(std::string(nxm_last_error()).find("damaged"), std::string::npos);
  nxm_session_free(session);
}

}  // namespace
}  // namespace nxm
