// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/hub.h"

#include <array>
#include <set>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/file_lock.h"
#include "nxm/io/hub_cache.h"
#include "nxm/io/hub_client.h"
#include "nxm/io/hub_names.h"
#include "nxm/io/json_fields.h"
#include "nxm/io/model_dir.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kTokenizers = {"tokenizer.json", "vocab.txt"};
constexpr std::array<std::string_view, 4> kOptional = {"tokenizer.json", "vocab.txt", "tokenizer_config.json",
                                                       "special_tokens_map.json"};

// The shards that an index names. They become paths, so nothing is taken on trust.
std::set<std::string> shards_of(const fs::path& index) {
  constexpr size_t kLargestIndex = size_t{64} << 20;
  const std::string where = index.filename().string();
  const Json json = parse_json(read_file(index, kLargestIndex), where);
  const JsonFields map = JsonFields(json, where).object("weight_map");
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map.raw().items()) {
    const std::string name = map.string(tensor);
    if (!is_file_name(name) || !name.ends_with(".safetensors")) {
      map.reject(tensor, "expected the name of a .safetensors file in the repository");
    }
    shards.insert(name);
  }
  if (shards.empty()) fail(where, "$.weight_map names no file");
  return shards;
}

// What of a model is missing from a snapshot on disk, or "" if it can be used as it is.
std::string missing_from(const HubCache& cache, std::string_view commit) {
  if (!cache.has(commit, kConfigFile)) return std::string(kConfigFile);
  if (!cache.has(commit, kWeightsFile)) {
    if (!cache.has(commit, kIndexFile)) return std::string(kWeightsFile);
    for (const std::string& shard : shards_of(cache.snapshot(commit) / kIndexFile)) {
      if (!cache.has(commit, shard)) return shard;
    }
  }
  bool tokenizer = false, absent = true;
  for (const std::string_view file : kTokenizers) {
    tokenizer = tokenizer || cache.has(commit, file);
    absent = absent && cache.known_absent(commit, file);
  }
  return tokenizer || absent ? "" : "tokenizer.json or vocab.txt";
}

std::optional<fs::path> complete_snapshot(const HubCache& cache, std::string_view revision) {
  const auto commit = cache.commit_of(revision);
  if (!commit || !missing_from(cache, *commit).empty()) return std::nullopt;
  return cache.snapshot(*commit);
}

fs::path offline_snapshot(const HubCache& cache, const HubName& name, const HubOptions& options) {
  const auto commit = cache.commit_of(name.revision);
  if (!commit) {
    fail("hub", "'{}' at '{}' is not in the cache {} and nxm is offline (HF_HUB_OFFLINE). Fetch it once with a network",
         name.repo, name.revision, options.cache.string());
  }
  const std::string missing = missing_from(cache, *commit);
  if (missing.empty()) return cache.snapshot(*commit);
  fail("hub", "'{}' at {} is in the cache without {} and nxm is offline (HF_HUB_OFFLINE). Fetch it once with a network",
       name.repo, *commit, missing);
}

class Fetcher {
 public:
  Fetcher(const HubCache& cache, HubName name, const HubOptions& options)
      : cache_(cache), name_(std::move(name)), options_(options), client_(name_.repo, options) {}

  fs::path run() {
    // The first answer tells the commit; all files are then taken from that one.
    std::string absent_commit;
    const auto config = client_.head(kConfigFile, name_.revision, &absent_commit);
    if (!config) fail("hub", "'{}' at '{}' has no config.json: it is not a model", name_.repo, name_.revision);
    commit_ = config->commit;
    cache_.write_ref(name_.revision, commit_);
    store(kConfigFile, *config);
    for (const std::string_view file : kOptional) take(file);
    if (!take(kWeightsFile)) {
      if (!take(kIndexFile)) {
        fail("hub", "'{}' at '{}' has no model.safetensors. Pickled weights are never read; convert them first",
             name_.repo, name_.revision);
      }
      for (const std::string& shard : shards_of(cache_.snapshot(commit_) / kIndexFile)) {
        if (!take(shard)) fail("hub", "'{}' has no '{}', which its index names", name_.repo, shard);
      }
    }
    return cache_.snapshot(commit_);
  }

 private:
  // false if the commit has no such file.
  bool take(std::string_view file) {
    if (cache_.has(commit_, file)) return true;
    if (cache_.known_absent(commit_, file)) return false;
    const auto remote = client_.head(file, commit_);
    if (remote) {
      store(file, *remote);
    } else {
      cache_.note_absent(commit_, file);
    }
    return remote.has_value();
  }

  void store(std::string_view file, const RemoteFile& remote) {
    if (remote.commit != commit_) {
      fail("hub", "'{}' of '{}': asked for commit {}, got {}", file, name_.repo, commit_, remote.commit);
    }
    if (cache_.has(commit_, file)) return;
    cache_.prepare();
    const FileLock lock(cache_.lock(remote.etag), [&] {
      if (options_.say) options_.say(fmt::format("waiting for another download of {}", file));
    });
    const fs::path blob = cache_.blob(remote.etag);
    if (!fs::is_regular_file(blob)) {
      const fs::path partial = cache_.partial(remote.etag);
      client_.download(file, remote, partial);
      fs::rename(partial, blob);
      sync_folder(blob.parent_path());
    }
    cache_.link(commit_, file, remote.etag);
  }

  const HubCache& cache_;
  HubName name_;
  const HubOptions& options_;
  HubClient client_;
  std::string commit_;
};

}  // namespace

HubName HubName::parse(std::string_view text) {
  const size_t at = text.find('@');
  HubName name{std::string(text.substr(0, at)), "main"};
  if (at != std::string_view::npos) name.revision = text.substr(at + 1);
  if (!is_repo_name(name.repo)) {
    fail_usage("hub", "expected a model as org/name or org/name@revision, got '{}'", text);
  }
  if (!is_revision(name.revision)) {
    fail_usage("hub", "'{}': expected a branch, tag or commit after '@'", text);
  }
  return name;
}

fs::path fetch_model(std::string_view repo, std::string_view revision, const HubOptions& options) {
  const HubName name = HubName::parse(fmt::format("{}@{}", repo, revision));
  const HubCache cache(options.cache, name.repo);
  if (options.offline) return offline_snapshot(cache, name, options);
  const auto cached = complete_snapshot(cache, name.revision);
  if (cached && is_commit(name.revision)) return *cached;
  HubOptions how = options;
  if (cached) how.retries = 0;  // there is something to fall back on
  try {
    return Fetcher(cache, name, how).run();
  } catch (const HubUnavailable& error) {
    if (!cached) throw;
    if (options.say) options.say(fmt::format("{}. Taking what the cache holds: {}", error.what(), cached->string()));
    return *cached;
  }
}

fs::path resolve_model(std::string_view text, const HubOptions& options) {
  if (fs::is_directory(text)) return text;
  if (text.find('/') == std::string_view::npos || !is_repo_name(text.substr(0, text.find('@')))) {
    fail("model", "there is no folder '{}'. Give a model directory, or a model of a hub as org/name", text);
  }
  const std::string_view first = text.substr(0, text.find('/'));
  if (fs::is_directory(first) && text.find('@') == std::string_view::npos) {
    fail("model", "there is no folder '{}', though there is one '{}'. If a hub's model is meant, write {}@main", text,
         first, text);
  }
  if (options.say) options.say(fmt::format("there is no folder '{}': looking for it on {}", text, options.endpoint));
  const HubName name = HubName::parse(text);
  return fetch_model(name.repo, name.revision, options);
}

}  // namespace nxm
