// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/hub_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <thread>

#include "nxm/io/hub_names.h"
#include "nxm/io/partial_file.h"
#include "nxm/io/sha256.h"
#include "nxm/io/url.h"

namespace nxm {
namespace {

constexpr int kMaxRedirects = 20;
constexpr uint64_t kUnsizedLimit = uint64_t{64} << 20;  // for a file whose size the server does not tell
constexpr double kLongestOwnWait = 8;                   // seconds between two tries
constexpr double kLongestWait = 60;                     // the same, if the server asks for more
constexpr size_t kLongestMessage = 300;                 // of a server's words that are passed on
constexpr std::array kHubHosts = {"huggingface.co", "hf.co", "hub-ci.huggingface.co"};
constexpr std::array kTransient = {408, 429, 500, 502, 503, 504};

bool is_transient(const HttpResponse& response) {
  return response.status == 0 || !response.failure.empty()
             ? response.retryable
             : std::ranges::find(kTransient, response.status) != kTransient.end();
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// Waits longer and longer between tries, or as long as the server asks, and says so.
class Backoff {
 public:
  explicit Backoff(const HubOptions& options) : options_(options) { reset(); }
  void reset() { used_ = 0; }
  /// false when no try is left.
  bool wait(const HttpResponse& response) {
    if (used_ >= options_.retries) return false;
    double seconds = std::min(options_.retry_delay * std::ldexp(1.0, used_), kLongestOwnWait);
    if (const auto asked = number(response.header("retry-after"))) {
      seconds = std::min(static_cast<double>(*asked), kLongestWait);
    }
    ++used_;
    if (options_.say) {
      const std::string reason =
          response.failure.empty() ? fmt::format("HTTP status {}", response.status) : response.failure;
      options_.say(fmt::format("{}; trying again in {:g} s", reason, seconds));
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    return true;
  }

 private:
  const HubOptions& options_;
  int used_ = 0;
};

// A server's words, fit for a terminal.
std::string server_message(const HttpResponse& response) {
  std::string text = response.header("x-error-message");
  std::erase_if(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
  if (text.empty()) return "";
  return fmt::format(" The server says: {}", text.substr(0, kLongestMessage));
}

// Answers with a status of 400 and more, other than a missing file.
[[noreturn]] void fail_status(const HttpResponse& response, const std::string& repo, std::string_view revision) {
  const std::string code = response.header("x-error-code");
  const std::string said = server_message(response);
  const bool bad_token = response.header("x-error-message") == "Invalid credentials in Authorization header";
  if (code == "RevisionNotFound") {
    fail("hub", "'{}' has no revision '{}': give a branch, tag or commit that it has.{}", repo, revision, said);
  }
  std::string problem = fmt::format("'{}': HTTP status {}.{}", repo, response.status, said);
  if (code == "GatedRepo") {
    problem = fmt::format("'{}' is gated: ask for access on its page, then give a token in HF_TOKEN.{}", repo, said);
  } else if (bad_token) {
    problem = "the token is refused: correct HF_TOKEN (or the token file), or unset it for a public model";
  } else if (code == "RepoNotFound" || response.status == 401) {
    problem =
        fmt::format("there is no '{}', or it is private: check the name, or give a token in HF_TOKEN.{}", repo, said);
  }
  throw HubUnavailable("hub", problem);
}

std::string normalised_etag(std::string tag) {
  if (tag.starts_with("W/")) tag.erase(0, 2);
  std::erase(tag, '"');
  return tag;
}

}  // namespace

bool HubClient::is_hub(const std::string& host) const {
  return std::ranges::find(kHubHosts, host) != kHubHosts.end() || host == split_url(options_.endpoint).host;
}

bool HubClient::may_see_token(const std::string& url) const {
  const UrlParts parts = split_url(url);
  return parts.origin() == split_url(options_.endpoint).origin() || (parts.scheme == "https" && is_hub(parts.host));
}

// The first answer that is no redirect or, with `until_off_hub`, that redirects away from the hub.
HttpResponse HubClient::follow(HttpRequest request, bool until_off_hub, std::string* final_url) {
  const std::vector<std::string> headers = request.headers;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    request.headers = headers;
    request.headers.emplace_back("Accept-Encoding: identity");  // sizes and ranges of the file itself
    if (options_.token && may_see_token(request.url))
      request.headers.push_back("Authorization: Bearer " + *options_.token);
    HttpResponse response = http_.send(request);
    if (final_url != nullptr) *final_url = request.url;
    if (!response.is_redirect()) return response;
    const std::string target = resolve_url(request.url, response.header("location"));
    const UrlParts parts = split_url(target);
    if (parts.scheme == "http" && split_url(request.url).scheme == "https") {
      fail("hub", "{} redirects to {}: expected https, which nobody on the way can read or change. {}",
           printable_url(request.url), printable_url(target), "Check HF_ENDPOINT and proxy");
    }
    if (until_off_hub && !is_hub(parts.host)) return response;
    request.url = target;
  }
  fail("hub", "more than {} redirects, the last one to {}", kMaxRedirects, printable_url(request.url));
}

std::optional<RemoteFile> HubClient::head(std::string_view file, std::string_view revision,
                                          std::string* absent_commit) {
  HttpRequest request;
  request.method = "HEAD";
  request.url =
      fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, repo_, percent_encode(revision), percent_encode(file, "/"));
  request.total_timeout = request.stall_timeout = options_.etag_timeout;
  std::string url;
  Backoff backoff(options_);
  HttpResponse response;
  do {
    response = follow(request, true, &url);
  } while (is_transient(response) && backoff.wait(response));
  if (response.status == 0 || !response.failure.empty()) {
    throw HubUnavailable("hub", fmt::format("{}: {}", printable_url(url), response.failure));
  }
  const std::string commit = response.header("x-repo-commit");
  if (!commit.empty() && !is_commit(commit)) {
    fail("hub", "{}: expected a commit of 40 hexadecimal digits in X-Repo-Commit", printable_url(url));
  }
  if (response.header("x-error-code") == "EntryNotFound") {
    if (absent_commit != nullptr) *absent_commit = commit;
    return std::nullopt;
  }
  if (response.status >= 400) fail_status(response, repo_, revision);
  if (commit.empty()) {
    throw HubUnavailable("hub", fmt::format("{} is not answered by a model hub (no X-Repo-Commit header): check "
                                            "HF_ENDPOINT, proxy and firewall",
                                            printable_url(url)));
  }
  const bool moved = response.is_redirect();
  RemoteFile remote{.commit = commit, .etag = {}, .size = {}, .location = url};
  if (moved) remote.location = resolve_url(url, response.header("location"));
  const std::string linked = response.header("x-linked-etag");
  remote.etag = normalised_etag(linked.empty() ? response.header("etag") : linked);
  if (!is_etag(remote.etag)) fail("hub", "{}: expected an ETag that can name a file", printable_url(url));
  std::string size = response.header("x-linked-size");
  if (size.empty() && !moved) size = response.header("content-length");
  remote.size = number(size);
  if (!size.empty() && !remote.size) fail("hub", "{}: expected a size in bytes", printable_url(url));
  return remote;
}

void HubClient::download(std::string_view file, const RemoteFile& remote, const std::filesystem::path& partial) {
  PartialFile out(partial);
  const auto reject = [&](const std::string& problem) {
    out.remove();
    fail("hub", "'{}' of '{}': {}. What was downloaded is removed; fetch again", file, repo_, problem);
  };
  const uint64_t limit = remote.size.value_or(kUnsizedLimit);
  if (out.size() > limit || (!remote.size && out.size() > 0)) out.truncate();

  HttpRequest request;
  request.url = remote.location;
  request.stall_timeout = options_.download_timeout;
  request.start = [&](int status, const std::map<std::string, std::string>& headers) {
    if (status == 200) out.truncate();  // also when a range was asked for: then it was ignored
    if (status != 206) return status == 200;
    const auto range = headers.find("content-range");
    const std::string expected = fmt::format("bytes {}-", out.size());
    if (range == headers.end() || !range->second.starts_with(expected) || out.size() == 0) {
      reject(fmt::format("asked for '{}…', got another range", expected));
    }
    return true;
  };
  request.body = [&](std::string_view bytes) {
    if (bytes.size() > limit - out.size()) reject(fmt::format("expected {} bytes, got more", limit));
    out.append(bytes);
    if (options_.progress) options_.progress(file, out.size(), remote.size.value_or(0));
    return true;
  };

  Backoff backoff(options_);
  for (bool complete = remote.size == out.size(); !complete;) {
    const uint64_t before = out.size();
    request.headers.clear();
    if (before > 0) request.headers.push_back(fmt::format("Range: bytes={}-", before));
    std::string url;
    const HttpResponse response = follow(request, false, &url);
    if (response.status == 416) reject(fmt::format("the server has nothing after byte {}", before));
    const bool whole = response.failure.empty() && !response.stopped;
    complete = whole && (!remote.size || out.size() == *remote.size);
    if (complete) break;
    if (out.size() > before) backoff.reset();
    if ((is_transient(response) || whole) && backoff.wait(response)) continue;
    if (whole) reject(fmt::format("expected {} bytes, got {}", limit, out.size()));
    if (!response.failure.empty()) {
      throw HubUnavailable("hub", fmt::format("{}: {}. {} bytes are kept; fetch again to go on", printable_url(url),
                                              response.failure, out.size()));
    }
    fail_status(response, repo_, remote.commit);
  }
  out.sync();
  if (!is_sha256(remote.etag)) return;
  const std::string found = sha256_of_file(partial);
  if (found != remote.etag) reject(fmt::format("expected SHA-256 {}, got {}", remote.etag, found));
}

}  // namespace nxm
