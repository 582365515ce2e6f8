// SPDX-License-Identifier: Apache-2.0
#pragma once
// One repository's place in the cache on disk that huggingface_hub and nxm share. Knows no network.
//
//   <hub>/models--org--name/blobs/<etag>                a file's bytes; may be a link into a store of the hub folder
//                           refs/<revision>             the commit it stood for when last seen
//                           snapshots/<commit>/<file>   relative link to the blob
//                           .no_exist/<commit>/<file>   empty: that commit has no such file
//   <hub>/.locks/models--org--name/<etag>.lock          held by whoever writes that blob

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace nxm {

class HubCache {
 public:
  /// `repo` must be a legal name (hub_names.h).
  HubCache(std::filesystem::path hub, std::string_view repo);

  [[nodiscard]] std::filesystem::path snapshot(std::string_view commit) const;
  [[nodiscard]] std::filesystem::path blob(std::string_view etag) const;
  /// Where nxm collects the bytes of a blob. huggingface_hub's clean-up knows the suffix; the name is always the same,
  /// so that a later run can go on.
  [[nodiscard]] std::filesystem::path partial(std::string_view etag) const;
  [[nodiscard]] std::filesystem::path lock(std::string_view etag) const;

  /// The commit that `revision` is (a commit) or stood for (refs); none if that is not known.
  [[nodiscard]] std::optional<std::string> commit_of(std::string_view revision) const;
  [[nodiscard]] bool has(std::string_view commit, std::string_view file) const;
  [[nodiscard]] bool known_absent(std::string_view commit, std::string_view file) const;

  void write_ref(std::string_view revision, std::string_view commit) const;
  void note_absent(std::string_view commit, std::string_view file) const;
  /// Makes the folders that a download needs.
  void prepare() const;
  /// snapshots/<commit>/<file> -> the blob; a copy where links cannot be made.
  void link(std::string_view commit, std::string_view file, std::string_view etag) const;

 private:
  std::filesystem::path hub_;
  std::string folder_name_;
  std::filesystem::path repo_;
};

}  // namespace nxm
