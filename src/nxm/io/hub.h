// SPDX-License-Identifier: Apache-2.0
#pragma once
// A client for Hugging Face style hubs that shares huggingface_hub's cache on disk and its environment variables.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

struct HubOptions {
  std::string endpoint;              ///< no trailing slash
  std::filesystem::path cache;       ///< the "hub" folder
  std::optional<std::string> token;  ///< never logged; sent to the endpoint's own hosts only
  std::string certificates;          ///< PEM file of those to trust for https; "": the system's
  bool offline = false;              ///< no socket at all
  double etag_timeout = 10;          ///< seconds
  double download_timeout = 10;      ///< seconds without a byte
  int retries = 5;                   ///< reset by progress
  double retry_delay = 1;            ///< seconds before the first retry, doubled each time
  /// Called as bytes arrive: file, bytes so far, size (0: unknown).
  std::function<void(std::string_view, uint64_t, uint64_t)> progress;
  /// Called with a sentence for people: the hub is down and the cache is used, another process holds a lock.
  std::function<void(std::string_view)> say;

  /// From HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE, SSL_CERT_FILE, … (core/env.h).
  static HubOptions from_environment();
};

/// Downloads (or finds in the cache) what nxm needs of `repo` ("org/name") at `revision` (branch, tag or commit):
/// config.json, tokenizer*.json, vocab.txt, special_tokens_map.json, model.safetensors or its index and shards; never
/// a pickle. Returns the snapshot folder. LFS files are checked by their SHA-256.
/// Throws Error: bad names, missing repo or revision or file, gated, wrong hash or size, no network and nothing cached.
std::filesystem::path fetch_model(std::string_view repo, std::string_view revision, const HubOptions& options);

/// "org/name@revision" in its two parts; the revision is "main" if none is given. Throws UsageError for illegal names.
struct HubName {
  std::string repo;
  std::string revision;
  static HubName parse(std::string_view text);
};

/// `text` as a model: an existing folder is returned as it is; "org/name" or "org/name@revision" is fetched. "org/name"
/// where "org" is a folder here is an Error: a path mistyped, more likely than not.
std::filesystem::path resolve_model(std::string_view text, const HubOptions& options);

}  // namespace nxm
