// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "nxm/core/env.h"
#include "nxm/core/error.h"
#include "nxm/io/hub.h"
#include "nxm/io/input_file.h"
#include "nxm/io/url.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultEndpoint = "https://huggingface.co";

// A path of the environment; "~" and "~/…" are the user's home.
std::optional<fs::path> path_of(const char* name) {
  const auto text = env::get(name);
  if (!text) return std::nullopt;
  if (*text == "~") return env::home();
  if (text->starts_with("~/")) return env::home() / text->substr(2);
  return *text;
}

fs::path hub_home() {
  if (const auto home = path_of("HF_HOME")) return *home;
  return path_of("XDG_CACHE_HOME").value_or(env::home() / ".cache") / "huggingface";
}

fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto folder = path_of(name)) return *folder;
  }
  return hub_home() / "hub";
}

// Without line breaks and blanks around it, as they slip in by copy and paste. Never shown.
std::optional<std::string> cleaned_token(std::string token, std::string_view source) {
  std::erase_if(token, [](char c) { return c == '\r' || c == '\n'; });
  const size_t first = token.find_first_not_of(" \t");
  if (first == std::string::npos) return std::nullopt;
  token = token.substr(first, token.find_last_not_of(" \t") - first + 1);
  for (const char c : token) {
    if (c <= ' ' || c > '~') fail_usage("hub", "the token of {} holds a character that no token has", source);
  }
  return token;
}

std::optional<std::string> find_token() {
  if (env::flag("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return std::nullopt;
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (const auto token = env::get(name)) return cleaned_token(*token, name);
  }
  constexpr size_t kLongestFile = 1 << 16;
  const fs::path file = path_of("HF_TOKEN_PATH").value_or(hub_home() / "token");
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  return cleaned_token(read_file(file, kLongestFile), file.string());
}

double seconds_of(const char* name, double fallback) {
  constexpr int kLongest = 86400;  // a day
  const auto text = env::get(name);
  if (!text) return fallback;
  int seconds = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, seconds);
  if (error != std::errc() || stop != end || seconds < 0 || seconds > kLongest) {
    fail_usage(name, "expected whole seconds from 0 to {}, got '{}'", kLongest, *text);
  }
  return seconds == 0 ? fallback : seconds;
}

std::string chosen_endpoint() {
  std::string url = env::get("HF_ENDPOINT").value_or(kDefaultEndpoint);
  while (url.ends_with('/')) url.pop_back();
  try {
    split_url(url);
  } catch (const Error& error) {
    fail_usage("HF_ENDPOINT", "{}", error.what());
  }
  return url;
}

}  // namespace

HubOptions HubOptions::from_environment() {
  HubOptions options;
  options.endpoint = chosen_endpoint();
  options.cache = hub_cache();
  options.token = find_token();
  options.certificates = path_of("SSL_CERT_FILE").value_or("").string();
  // The first that is set decides, whatever the second says.
  options.offline = env::flag(env::get("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE");
  options.etag_timeout = seconds_of("HF_HUB_ETAG_TIMEOUT", options.etag_timeout);
  options.download_timeout = seconds_of("HF_HUB_DOWNLOAD_TIMEOUT", options.download_timeout);
  return options;
}

}  // namespace nxm
