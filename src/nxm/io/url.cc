// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/url.h"

#include <curl/urlapi.h>

#include <memory>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

// nullptr for what is not a URL. A relative one is taken from `base`.
Url parse(const std::string& text, const std::string& base = "") {
  Url url(curl_url(), &curl_url_cleanup);
  if (!url) throw std::bad_alloc();
  const auto set = [&](const std::string& from) {
    return curl_url_set(url.get(), CURLUPART_URL, from.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  };
  const bool good = (base.empty() || set(base)) && set(text);
  return good ? std::move(url) : Url(nullptr, &curl_url_cleanup);
}

}  // namespace

UrlParts split_url(const std::string& url) {
  const Url parsed = parse(url);
  UrlParts parts;
  if (parsed) {
    parts = {ascii_lower(part(parsed, CURLUPART_SCHEME)), ascii_lower(part(parsed, CURLUPART_HOST)),
             part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  }
  if ((parts.scheme != "http" && parts.scheme != "https") || parts.host.empty()) {
    fail("url", "expected http://host… or https://host…, got '{}'", printable_url(url));
  }
  return parts;
}

std::string resolve_url(const std::string& base, const std::string& location) {
  const Url parsed = parse(location, base);
  std::string resolved = parsed ? part(parsed, CURLUPART_URL) : "";
  if (resolved.empty()) fail("url", "{} points to something that is not a URL", printable_url(base));
  return resolved;
}

std::string printable_url(const std::string& url) {
  const Url parsed = parse(url);
  if (!parsed) return "(not a URL)";
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(parsed.get(), secret, nullptr, 0);
  }
  return part(parsed, CURLUPART_URL);
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    const bool stays = kUnreserved.find(c) != std::string_view::npos || keep.find(c) != std::string_view::npos;
    encoded += stays ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace nxm
