// SPDX-License-Identifier: Apache-2.0
// The parts of the hub client that need no server. The rest is in test_hub.py.
#include "nxm/io/hub.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "io/support.h"
#include "nxm/core/error.h"
#include "nxm/io/file_lock.h"
#include "nxm/io/http.h"
#include "nxm/io/hub_cache.h"
#include "nxm/io/partial_file.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

class HubTest : public ::testing::Test {
 protected:
  HubTest() {
    options_.endpoint = "http://127.0.0.1:1";  // nobody listens there
    options_.cache = folder_ / "hub";
    options_.retry_delay = 0;
    options_.say = [this](std::string_view text) { said_.emplace_back(text); };
  }

  testing::TempFolder folder_;
  HubOptions options_;
  std::vector<std::string> said_;
};

TEST_F(HubTest, NoNetworkAndNothingCached) {
  const auto fetch = [&] { (void)fetch_model("org/name", "main", options_); };
  testing::expect_error(fetch, {"[hub]", "127.0.0.1:1/org/name/resolve/main/config.json", "Fail"});
  EXPECT_EQ(said_.size(), 5U);  // one a retry
  EXPECT_FALSE(fs::exists(options_.cache));
}

TEST_F(HubTest, IllegalNamesAreTheUsersFault) {
  EXPECT_THROW((void)fetch_model("a/../b", "main", options_), UsageError);
  EXPECT_THROW((void)fetch_model("a/b", "../main", options_), UsageError);
  EXPECT_THROW((void)HubName::parse("a/b@"), UsageError);
  EXPECT_EQ(HubName::parse("a/b").revision, "main");
  EXPECT_EQ(HubName::parse("a/b@refs/pr/1").revision, "refs/pr/1");
}

TEST_F(HubTest, ResolvesFolders) {
  EXPECT_EQ(resolve_model(folder_.path().string(), options_), folder_.path());
  for (const char* text : {"no-such-folder", "/no/such/folder", "./a/b", "a/b/c", ""}) {
    EXPECT_THROW((void)resolve_model(text, options_), Error) << text;
  }
  EXPECT_TRUE(said_.empty()) << "a slip of the keyboard went to the network";
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::create_directory(folder_ / "runs");
  std::filesystem::current_path(folder_.path());
  testing::expect_error([&] { (void)resolve_model("runs/mrpc", options_); },
                        {"there is no folder 'runs/mrpc', though there is one 'runs'", "runs/mrpc@main"});
  std::filesystem::current_path(before);
  EXPECT_TRUE(said_.empty());
  options_.offline = true;
  testing::expect_error([&] { (void)resolve_model("org/name@v2", options_); },
                        {"'org/name' at 'v2' is not in the cache", "offline"});
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_TRUE(said_[0].starts_with("there is no folder 'org/name@v2': looking for it on")) << said_[0];
}

TEST_F(HubTest, CacheThatCannotBeMade) {
  std::ofstream(folder_ / "hub") << "a file";
  const HubCache cache(folder_ / "hub", "org/name");
  EXPECT_THROW(cache.prepare(), Error);
  EXPECT_THROW(cache.write_ref("main", std::string(40, 'a')), Error);
  EXPECT_THROW(cache.note_absent(std::string(40, 'a'), "x"), Error);
  EXPECT_THROW(cache.link(std::string(40, 'a'), "x", "etag"), Error);
  EXPECT_FALSE(cache.commit_of("main"));
}

TEST_F(HubTest, LinkToABlobThatIsGoneIsReplaced) {
  const HubCache cache(folder_ / "hub", "name");
  const std::string commit(40, 'b');
  cache.prepare();
  cache.link(commit, "x/y.json", "old");
  EXPECT_FALSE(cache.has(commit, "x/y.json"));
  std::ofstream(cache.blob("new")) << "bytes";
  cache.link(commit, "x/y.json", "new");
  EXPECT_TRUE(cache.has(commit, "x/y.json"));
  EXPECT_EQ(fs::read_symlink(cache.snapshot(commit) / "x/y.json"), "../../../blobs/new");
}

TEST_F(HubTest, LocksExclude) {
  const fs::path path = folder_ / "lock";
  std::atomic<int> inside = 0, most = 0, through = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const FileLock lock(path, nullptr);  // an open file each, so flock excludes threads too
      most = std::max(most.load(), ++inside);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      --inside;
      ++through;
    });
  }
  threads.clear();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(through, 4);
  EXPECT_THROW(FileLock(folder_ / "none/lock", nullptr), Error);
}

TEST_F(HubTest, ALockWhoseFileWasRemovedGuardsNothing) {
  const fs::path path = folder_ / "lock";
  auto first = std::make_unique<FileLock>(path, nullptr);
  bool second_has_it = false;
  std::jthread second([&] {
    const FileLock lock(path, [&] { fs::remove(path); });
    second_has_it = fs::exists(path);
  });
  second.join();
  EXPECT_TRUE(second_has_it) << "it holds a file without a name";
}

TEST_F(HubTest, PartialFiles) {
  const fs::path path = folder_ / "blob.incomplete";
  PartialFile(path).append("abc");
  PartialFile file(path);
  EXPECT_EQ(file.size(), 3U);
  file.append("de");
  file.sync();
  EXPECT_EQ(fs::file_size(path), 5U);
  file.truncate();
  file.append("x");
  EXPECT_EQ(fs::file_size(path), 1U);
  file.remove();
  EXPECT_FALSE(fs::exists(path));
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(PartialFile(folder_ / "fifo"), Error);
  EXPECT_THROW(PartialFile(folder_ / "no/folder"), Error);
  fs::create_symlink(path, folder_ / "link");
  EXPECT_THROW(PartialFile(folder_ / "link"), Error);
}

TEST_F(HubTest, TransfersThatFail) {
  HttpClient http;
  HttpRequest request;
  request.url = options_.endpoint;
  const HttpResponse refused = http.send(request);
  EXPECT_EQ(refused.status, 0);
  EXPECT_FALSE(refused.failure.empty());
  EXPECT_TRUE(refused.retryable);
  for (const char* url : {"gopher://127.0.0.1/", "file:///etc/hostname", "http://a b/"}) {
    request.url = url;
    const HttpResponse hopeless = http.send(request);
    EXPECT_FALSE(hopeless.failure.empty()) << url;
    EXPECT_FALSE(hopeless.retryable) << url;
  }
}

}  // namespace
}  // namespace nxm
