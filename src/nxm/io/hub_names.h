// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which names from users and servers may become part of a path or a URL. Internal to the hub client.

#include <string_view>

namespace nxm {

/// "name" or "org/name": ASCII letters, digits, '-', '_', '.'; no "--" or "..", at most 96 characters a part.
bool is_repo_name(std::string_view text);
/// A branch, tag, commit or "refs/pr/2", by git's rules for names.
bool is_revision(std::string_view text);
/// 40 lower-case hexadecimal digits.
bool is_commit(std::string_view text);
/// 64 of them: the etag of a file in large-file storage.
bool is_sha256(std::string_view text);
/// An entity tag that can be a file's name.
bool is_etag(std::string_view text);
/// A relative path of plain names, "a/b.json", never "..", hidden or absolute.
bool is_file_name(std::string_view text);

}  // namespace nxm
