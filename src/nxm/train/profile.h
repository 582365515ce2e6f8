// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the time of a run goes, part by part. No torch type in this header.

#include <string_view>
#include <vector>

namespace nxm {

struct ProfileRow {
  std::string_view part;
  double seconds;
};

/// While one lives, the calling thread's operations are timed: LibTorch's, forward and backward, by what they are, and
/// whole sections of the trainer (data, update, projection, evaluation, saving) with all that they call. Time counts
/// once, for the innermost operation that has a part; what has none, and the time between operations, is "the rest".
/// Cost: about a microsecond an operation. At most one at a time.
class Profile {
 public:
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Seconds since it began, by part, in a fixed order, "the rest" last; they add up to the time that has passed.
  [[nodiscard]] std::vector<ProfileRow> rows() const;
};

}  // namespace nxm
