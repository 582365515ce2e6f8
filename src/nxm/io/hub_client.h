// SPDX-License-Identifier: Apache-2.0
#pragma once
// The wire side of the hub: what a file is (HEAD) and its bytes (GET). Internal to hub.h.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/io/http.h"
#include "nxm/io/hub.h"

namespace nxm {

/// The hub gave no usable answer, for a reason that a copy in the cache makes up for: no network, overload, no access.
class HubUnavailable : public Error {
 public:
  using Error::Error;
};

/// Names from the server are checked before they come into this struct.
struct RemoteFile {
  std::string commit;
  std::string etag;  ///< git's SHA-1, or the SHA-256 of a file in large-file storage; legal as a file name
  std::optional<uint64_t> size;
  std::string location;  ///< where the bytes are
};

class HubClient {
 public:
  HubClient(std::string repo, const HubOptions& options)
      : repo_(std::move(repo)), options_(options), http_(options.certificates) {}

  /// nullopt if the revision has no such file; then `absent_commit` holds its commit if the hub tells it.
  std::optional<RemoteFile> head(std::string_view file, std::string_view revision,
                                 std::string* absent_commit = nullptr);

  /// Completes `partial`, going on after the bytes it holds, and checks size and, where the etag is one, SHA-256. A
  /// file that fails a check is removed.
  void download(std::string_view file, const RemoteFile& remote, const std::filesystem::path& partial);

 private:
  HttpResponse follow(HttpRequest request, bool until_off_hub, std::string* final_url);
  [[nodiscard]] bool is_hub(const std::string& host) const;
  [[nodiscard]] bool may_see_token(const std::string& url) const;

  std::string repo_;
  const HubOptions& options_;
  HttpClient http_;
};

}  // namespace nxm
