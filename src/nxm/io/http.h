// SPDX-License-Identifier: Apache-2.0
#pragma once
// HTTP requests through libcurl, one at a time, without following redirects: who may see which header is the caller's
// decision at each hop. Internal to the hub client.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

struct HttpRequest {
  std::string method = "GET";  ///< or HEAD
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  double total_timeout = 0;          ///< seconds; 0 = none
  double stall_timeout = 10;         ///< seconds to connect, and without a byte
  /// Called once with the final status and headers, before the first byte of the body; false ends the transfer there.
  std::function<bool(int status, const std::map<std::string, std::string>& headers)> start;
  /// Takes the body; false ends the transfer.
  std::function<bool(std::string_view bytes)> body;
};

struct HttpResponse {
  int status = 0;                              ///< 0: no answer, see `failure`
  std::map<std::string, std::string> headers;  ///< lower-case names; the last of equals
  std::string failure;                         ///< the transfer's own failure, or ""
  bool retryable = false;                      ///< that failure may be gone the next time
  bool stopped = false;                        ///< a callback ended it

  /// The header's value, or "".
  [[nodiscard]] std::string header(std::string_view lower_name) const;
  [[nodiscard]] bool is_redirect() const;
};

/// Keeps its connection open between requests. Exceptions of the callbacks come out of send().
class HttpClient {
 public:
  /// `certificates`: PEM file of those to trust for https; "": the system's.
  explicit HttpClient(const std::string& certificates = "");
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpResponse send(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nxm
