// SPDX-License-Identifier: Apache-2.0
// What a run finds of itself when it goes on: whole, damaged, saved twice, finished.
#include "nxm/train/checkpoint.h"

#include <atomic>
#include <limits>
#include <thread>

#include "nxm/io/atomic_file.h"
#include "nxm/io/model_dir.h"
#include "train/finetune_support.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

TEST_F(FinetuneTest, NanInTheStateStopsAtThatStepAndIsNeverSaved) {
  const Recipe r = recipe("checkpoint_every = 1");
  finetune(r, out("run"), {.go_on = [](int64_t stage, int64_t step) { return stage != 3 || step != 4; }});
  const RunState good = load_checkpoint(out("run")).value();
  const std::string layer = "bert.encoder.layer.1.output.dense.weight";
  for (const auto& [kind, says] : {std::pair<std::string, std::string>{"u.", "the ADMM target of '" + layer + "'"},
                                   {"z.", "the ADMM target of '" + layer + "'"},
                                   {"weight.", "the gradient of"},
                                   {"first.", "'first." + layer},
                                   {"second.", "'second." + layer}}) {
    RunState bad = good;
    bad.tensors[kind + layer] = bad.tensors.at(kind + layer).clone();
    bad.tensors[kind + layer][0][0] =
        kind == "second." ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    save_checkpoint(out("run"), bad);
    const std::string newest = newest_checkpoint(out("run"));
    const std::string text = message_of([&] { finetune(r, out("run"), {.resume = true}); });
    for (const std::string& part : {std::string("stage 'admm', step 5"), says, newest})
      EXPECT_NE(text.find(part), std::string::npos) << kind << ": " << text;
    EXPECT_EQ(newest_checkpoint(out("run")), newest) << kind;
  }
}

TEST_F(FinetuneTest, DamagedFileOfACheckpointIsNamed) {
  finetune(recipe(), out("run"), {.go_on = [](int64_t, int64_t step) { return step < 3; }});
  const fs::path saved = newest_checkpoint(out("run"));
  for (const char* name : {"tensors.safetensors", "state.json"}) {
    const std::string good = read_file(saved / name);
    std::string bad = good;
    char& last_digit = bad[bad.find_last_not_of("}] \n")];  // state.json stays JSON, with another number
    last_digit = static_cast<char>(last_digit ^ 1);
    write_file(saved / name, bad);
    const std::string text = message_of([&] { finetune(recipe(), out("run"), {.resume = true}); });
    for (const std::string& part : {(saved / name).string(), std::string("SHA-256"), std::string("--force")})
      EXPECT_NE(text.find(part), std::string::npos) << text;
    write_file(saved / name, good);
  }
  fs::remove(saved / "SHA256SUMS");
  EXPECT_NE(message_of([&] { finetune(recipe(), out("run"), {.resume = true}); }).find("SHA256SUMS"),
            std::string::npos);
}

TEST_F(FinetuneTest, SavingAStepAgainNeverLeavesTheRunWithoutACheckpoint) {
  finetune(recipe(), out("run"), {.go_on = [](int64_t, int64_t step) { return step < 3; }});
  const RunState state = load_checkpoint(out("run")).value();
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0, without = 0;
  std::thread watcher([&] {
    for (; !done; ++looks) {
      bool found = false;
      for (const auto& entry : fs::directory_iterator(out("run") / "checkpoints")) {
        found = found || entry.path().extension() != ".tmp";
      }
      if (!found) ++without;
    }
  });
  for (int i = 0; i < 50; ++i) save_checkpoint(out("run"), state);
  done = true;
  watcher.join();
  EXPECT_GT(looks, 50);
  EXPECT_EQ(without, 0);
  EXPECT_EQ(load_checkpoint(out("run")).value().step, state.step);
  const fs::directory_iterator left(out("run") / "checkpoints");
  EXPECT_EQ(std::distance(begin(left), end(left)), 1);
}

TEST_F(FinetuneTest, AFinishedRunWhoseModelIsGoneSaysSo) {
  finetune(recipe(), out("run"), {});
  EXPECT_EQ(finetune(recipe(), out("run"), {.resume = true}).model, out("run") / "model");
  EXPECT_TRUE(fs::exists(out("run") / "model" / "tokenizer.json"));  // the base had a vocab.txt alone
  fs::remove_all(out("run") / "model");
  const std::string text = message_of([&] { finetune(recipe(), out("run"), {.resume = true}); });
  EXPECT_NE(text.find("its model is gone"), std::string::npos) << text;
}

TEST_F(FinetuneTest, CheckpointThatLacksATensorIsTheWorldsFault) {
  finetune(recipe(), out("run"), {.go_on = [](int64_t, int64_t step) { return step < 3; }});
  const RunState good = load_checkpoint(out("run")).value();
  for (const char* name : {"generator", "weight.bert.pooler.dense.bias", "second.bert.pooler.dense.bias"}) {
    RunState bad = good;
    ASSERT_EQ(bad.tensors.erase(name), 1U);
    save_checkpoint(out("run"), bad);
    const std::string text = message_of([&] { finetune(recipe(), out("run"), {.resume = true}); });
    EXPECT_NE(text.find("is not a checkpoint of this stage"), std::string::npos) << name << ": " << text;
  }
}

}  // namespace
}  // namespace nxm
