// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/hub_cache.h"

#include <system_error>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/hub_names.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCommitLength = 40;
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# A cache directory tag: backups may leave this folder out.\n";

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_errno(folder, "create the folder", error.value());
}

std::string folder_of(std::string_view repo) {
  std::string name = "models--" + std::string(repo);
  const size_t slash = name.find('/');
  return slash == std::string::npos ? name : name.replace(slash, 1, "--");
}

bool is_file(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at is not there
  return fs::is_regular_file(path, ignored);
}

}  // namespace

HubCache::HubCache(fs::path hub, std::string_view repo)
    : hub_(std::move(hub)), folder_name_(folder_of(repo)), repo_(hub_ / folder_name_) {}

fs::path HubCache::snapshot(std::string_view commit) const { return repo_ / "snapshots" / commit; }
fs::path HubCache::blob(std::string_view etag) const { return repo_ / "blobs" / etag; }
fs::path HubCache::partial(std::string_view etag) const {
  return repo_ / "blobs" / (std::string(etag) + ".006e786d.incomplete");  // 8 hexadecimal digits, as theirs: "\0nxm"
}
fs::path HubCache::lock(std::string_view etag) const {
  return hub_ / ".locks" / folder_name_ / (std::string(etag) + ".lock");
}

std::optional<std::string> HubCache::commit_of(std::string_view revision) const {
  if (is_commit(revision)) return std::string(revision);
  const fs::path ref = repo_ / "refs" / revision;
  if (!is_file(ref)) return std::nullopt;
  constexpr size_t kRoom = 64;  // a commit, and a newline that others may have left
  std::string commit = read_file(ref, kRoom);
  while (commit.ends_with('\n')) commit.pop_back();
  if (is_commit(commit)) return commit;
  fail("hub", "{}: expected a commit of {} hexadecimal digits. Remove the file and fetch again.", ref.string(),
       kCommitLength);
}

bool HubCache::has(std::string_view commit, std::string_view file) const { return is_file(snapshot(commit) / file); }

bool HubCache::known_absent(std::string_view commit, std::string_view file) const {
  return is_file(repo_ / ".no_exist" / commit / file);
}

void HubCache::write_ref(std::string_view revision, std::string_view commit) const {
  if (revision == commit) return;
  const fs::path ref = repo_ / "refs" / revision;
  make_folder(ref.parent_path());
  if (is_file(ref) && read_file(ref) == commit) return;  // also where the cache cannot be written
  write_file(ref, commit);
}

void HubCache::note_absent(std::string_view commit, std::string_view file) const {
  const fs::path path = repo_ / ".no_exist" / commit / file;
  make_folder(path.parent_path());
  if (!is_file(path)) write_file(path, "");
}

void HubCache::prepare() const {
  make_folder(repo_ / "blobs");
  make_folder(hub_ / ".locks" / folder_name_);
  if (const fs::path tag = hub_ / "CACHEDIR.TAG"; !is_file(tag)) write_file(tag, kCacheTag);
}

void HubCache::link(std::string_view commit, std::string_view file, std::string_view etag) const {
  const fs::path pointer = snapshot(commit) / file;
  make_folder(pointer.parent_path());
  std::error_code error;
  fs::remove(pointer, error);  // a link to a blob that is gone
  fs::create_symlink(blob(etag).lexically_relative(pointer.parent_path()), pointer, error);
  if (!error || error == std::errc::file_exists) return;
  const fs::path copy = pointer.string() + ".tmp";  // a copy cut short must not look whole
  fs::copy_file(blob(etag), copy, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(copy, pointer, error);
  if (error) fail_errno(pointer, "link or copy the downloaded file", error.value());
}

}  // namespace nxm
