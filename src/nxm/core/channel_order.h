// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which channels share a group of an N:M pattern. The channels between two linear layers (the rows of one, the columns
// of the next) may stand in any order without changing what the model computes; some orders lose less to pruning.

#include <cstdint>
#include <span>
#include <vector>

#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"

namespace nxm {

enum class ChannelSide {
  kInput,   ///< the channels are the weight's columns: `of` neighbours make a group
  kOutput,  ///< the channels are the weight's rows: `share` neighbours make one choice
};

/// A layer whose channels move, by what each of its weights is worth (|w|, w^2, ...): scores (O, I), finite and >= 0.
struct ChannelScores {
  MatrixView<const float> scores;
  ChannelSide side;
};

struct ChannelOrder {
  std::vector<int64_t> order;  ///< place p takes channel order[p]
  double before = 0;           ///< share of all scores that the pattern keeps in the given order
  double after = 0;            ///< ... and in the order found; never less
};

/// An order of the channels, common to all `layers`, in which the pattern keeps much of the scores' sum: in each group
/// the `keep` places that are worth most, over the rows that share the choice, stay.
///
/// Local search: one channel leaves each block of places (the least that holds whole groups of every layer), the best
/// assignment of those channels to the blocks is found exactly (assignment.h), and so on with other channels. Stuck, it
/// shuffles two blocks and goes on from the better of the two orders. Small problems get some thousand rounds, large
/// ones at least 60 (C channels, blocks of B, other dimension D: a round costs (C/B)^2 D operations and an assignment).
///
/// Deterministic in `seed`, one thread. Throws Error if a layer's number of channels differs or the pattern does not
/// fit. Orders that only move channels within a group or groups as a whole are worth the same; which one comes is not
/// specified.
ChannelOrder find_channel_order(std::span<const ChannelScores> layers, const Pattern& pattern, uint64_t seed);

}  // namespace nxm
