// SPDX-License-Identifier: Apache-2.0
#pragma once
// http and https URLs: taken apart, resolved, encoded, made fit for messages.

#include <string>
#include <string_view>

namespace nxm {

/// What of a URL decides on trust.
struct UrlParts {
  std::string scheme;  ///< lower case
  std::string host;    ///< lower case
  std::string port;    ///< as given, else the scheme's
  [[nodiscard]] std::string origin() const { return scheme + "://" + host + ":" + port; }
};

/// Throws Error for a URL that is neither http nor https or has no host.
UrlParts split_url(const std::string& url);
/// `location` as seen from `base`: absolute, or relative to it. Throws Error for nonsense.
std::string resolve_url(const std::string& base, const std::string& location);
/// Scheme, host, port and path: user, query and fragment may hold secrets. For messages.
std::string printable_url(const std::string& url);
/// RFC 3986's unreserved characters and those in `keep` stay, others become %XX.
std::string percent_encode(std::string_view text, std::string_view keep = "");

}  // namespace nxm
