// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"
#include "nxm/io/url.h"

namespace nxm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxHeaderBytes = size_t{256} << 10;  // of one response; real ones take a few KiB

constexpr CURLcode kHopeless[] = {
    CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,         CURLE_PEER_FAILED_VERIFICATION,
    CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_CERTPROBLEM,       CURLE_SSL_ISSUER_ERROR,
    CURLE_OUT_OF_MEMORY,        CURLE_BAD_FUNCTION_ARGUMENT, CURLE_NOT_BUILT_IN};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// What the callbacks of one transfer share.
struct Transfer {
  const HttpRequest& request;
  HttpResponse& response;
  size_t header_bytes = 0;
  bool started = false;
  curl_off_t received = 0;
  Clock::time_point moved = Clock::now();  // when the last byte came
  bool stalled = false;
  std::exception_ptr thrown{};

  // libcurl is C: nothing may be thrown through it.
  template <typename Work>
  bool guarded(const Work& work) {
    try {
      if (work()) return true;
      response.stopped = true;
    } catch (...) {
      thrown = std::current_exception();
    }
    return false;
  }

  bool start() {
    if (started) return true;
    started = true;
    return !request.start || request.start(response.status, response.headers);
  }

  bool header_line(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) fail("http", "{}: more than 256 KiB of headers", printable_url(request.url));
    if (line.starts_with("HTTP/")) {  // a new response: what came before was "100 Continue" or a proxy's
      response.headers.clear();
      const size_t space = line.find(' ');
      response.status = space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      response.headers[ascii_lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return true;
  }
};

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  return transfer.guarded([&] { return transfer.header_line({data, size}); }) ? size : 0;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto take = [&] { return transfer.start() && (!transfer.request.body || transfer.request.body({data, size})); };
  return transfer.guarded(take) ? size : CURL_WRITEFUNC_ERROR;
}

int on_progress(void* user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto now = Clock::now();
  if (received != transfer.received) {
    transfer.received = received;
    transfer.moved = now;
  }
  const std::chrono::duration<double> still = now - transfer.moved;
  transfer.stalled = still.count() > transfer.request.stall_timeout;
  return transfer.stalled ? 1 : 0;
}

long milliseconds(double seconds) { return static_cast<long>(seconds * 1000); }

}  // namespace

std::string HttpResponse::header(std::string_view lower_name) const {
  const auto found = headers.find(std::string(lower_name));
  return found == headers.end() ? "" : found->second;
}

bool HttpResponse::is_redirect() const {
  const bool moves = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  return moves && headers.contains("location");
}

struct HttpClient::State {
  CURL* curl = nullptr;
  std::string certificates{};
};

HttpClient::HttpClient(const std::string& certificates)
    : state_(std::make_unique<State>(State{.certificates = certificates})) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global == CURLE_OK) state_->curl = curl_easy_init();
  if (state_->curl == nullptr) fail("http", "libcurl cannot be initialised");
}

HttpClient::~HttpClient() { curl_easy_cleanup(state_->curl); }

HttpResponse HttpClient::send(const HttpRequest& request) {
  HttpResponse response;
  Transfer transfer{.request = request, .response = response};
  CURL* curl = state_->curl;
  curl_easy_reset(curl);  // keeps the connection
  char message[CURL_ERROR_SIZE] = "";
  curl_slist* headers = nullptr;
  for (const std::string& line : request.headers) headers = curl_slist_append(headers, line.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  if (!state_->certificates.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, state_->certificates.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "nxm");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.stall_timeout));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.total_timeout));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  if (code == CURLE_OK) transfer.guarded([&] { return transfer.start(); });  // an empty body
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (code == CURLE_OK || response.stopped) return response;
  response.failure = transfer.stalled     ? fmt::format("no byte for {:g} s", request.stall_timeout)
                     : message[0] != '\0' ? std::string(message)
                                          : std::string(curl_easy_strerror(code));
  response.retryable = std::find(std::begin(kHopeless), std::end(kHopeless), code) == std::end(kHopeless);
  return response;
}

}  // namespace nxm
