// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/training_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "cases.h"
#include "nxm/core/dtype.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

using testing::Guarded;
using testing::normal;

template <typename T>
T rounded(float x) {
  if constexpr (std::is_same_v<T, float>) return x;
  return static_cast<T>(f32_to_bf16(x));
}
float value(float x) { return x; }
float value(uint16_t x) { return bf16_to_f32(x); }

/// n normally distributed values, unless others are given, between canaries.
template <typename T>
struct Values : Guarded<T> {
  int64_t n;
  explicit Values(int64_t size, size_t shift = sizeof(T)) : Guarded<T>(size, shift), n(size) {}
  Values(int64_t size, Rng& rng) : Values(size) {
    for (int64_t i = 0; i < n; ++i) this->data()[i] = rounded<T>(static_cast<float>(rng.normal()));
  }
};

template <typename T>
void expect_near(Values<T>& got, Values<T>& want, double tolerance, const std::string& what) {
  ASSERT_TRUE(got.intact()) << what;
  // A value that f32's rounding moves across the middle between two bf16 lands on the other.
  const double steps = std::is_same_v<T, float> ? 0 : 1 / 128.0;
  for (int64_t i = 0; i < got.n; ++i) {
    const double expected = value(want.data()[i]);
    ASSERT_NEAR(value(got.data()[i]), expected, tolerance * (1 + std::fabs(expected)) + steps * std::fabs(expected))
        << what << " " << i;
  }
}

template <typename T>
class TrainingOpsTest : public ::testing::Test {};
using Types = ::testing::Types<float, uint16_t>;
TYPED_TEST_SUITE(TrainingOpsTest, Types);

const std::vector<int64_t> kWidths = {1, 2, 7, 8, 16, 17, 64, 100, 384};

TYPED_TEST(TrainingOpsTest, EveryTargetButScalarHasItsOwn) {
  for (const Target target : available_targets()) {
    EXPECT_EQ(&training_ops_for<TypeParam>(target) == &scalar_training_ops<TypeParam>(), target == Target::kScalar);
  }
}

TYPED_TEST(TrainingOpsTest, NormForthAndBack) {
  using T = TypeParam;
  for (const Target target : available_targets()) {
    Rng rng(1, "norm");
    for (const int64_t width : kWidths) {
      for (const double p : {0.0, 0.3}) {
        const int64_t rows = 5;
        const std::string what = fmt::format("{} {} {}", name_of(target), width, p);
        Values<T> y(rows * width, rng), more(rows * width, rng);
        Values<float> residual(rows * width, rng), g(rows * width, rng);
        const auto bias = normal(width, rng), weight = normal(width, rng), shift = normal(width, rng);
        struct Out {
          Values<float> normal, scale, out, residual_g, bias_g, weight_g, shift_g;
          Values<T> out_rounded, y_g;
        };
        const auto run = [&](const TrainingOps<T>& ops) {
          Out o{Values<float>(rows * width), Values<float>(rows),     Values<float>(rows * width),
                Values<float>(rows * width), Values<float>(width),    Values<float>(width),
                Values<float>(width),        Values<T>(rows * width), Values<T>(rows * width)};
          const Dropout dropout = make_dropout(p, 99);
          ops.norm({y.data(), bias.data(), residual.data(), weight.data(), shift.data(), 1e-3F, dropout, 11, rows,
                    width, o.normal.data(), o.scale.data(), o.out.data(), o.out_rounded.data()});
          for (Values<float>* sums : {&o.bias_g, &o.weight_g, &o.shift_g}) std::fill_n(sums->data(), width, 1.0F);
          ops.norm_back({g.data(), more.data(), o.normal.data(), o.scale.data(), weight.data(), dropout, 11, rows,
                         width, o.residual_g.data(), o.y_g.data(), o.bias_g.data(), o.weight_g.data(),
                         o.shift_g.data()});
          return o;
        };
        Out want = run(scalar_training_ops<T>()), got = run(training_ops_for<T>(target));
        expect_near(got.normal, want.normal, 1e-4, what + " normal");
        expect_near(got.scale, want.scale, 1e-5, what + " scale");
        expect_near(got.out, want.out, 1e-4, what + " out");
        expect_near(got.out_rounded, want.out_rounded, 1e-4, what + " out rounded");
        expect_near(got.residual_g, want.residual_g, 3e-4, what + " residual_g");
        expect_near(got.y_g, want.y_g, 3e-4, what + " y_g");
        expect_near(got.bias_g, want.bias_g, 1e-3, what + " bias_g");
        expect_near(got.weight_g, want.weight_g, 1e-3, what + " weight_g");
        expect_near(got.shift_g, want.shift_g, 1e-4, what + " shift_g");
      }
    }
  }
}

TYPED_TEST(TrainingOpsTest, GeluForthAndBack) {
  using T = TypeParam;
  for (const Target target : available_targets()) {
    Rng rng(2, "gelu");
    for (const int64_t width : kWidths) {
      const int64_t rows = 4;
      const std::string what = fmt::format("{} {}", name_of(target), width);
      Values<T> u(rows * width, rng);
      for (int64_t i = 0; i < u.n; ++i) u.data()[i] = rounded<T>(3 * value(u.data()[i]));
      const auto bias = normal(width, rng);
      const auto start = normal(rows * width, rng);
      struct Out {
        Values<T> out, g;
        Values<float> bias_g;
      };
      const auto run = [&](const TrainingOps<T>& ops) {
        Out o{Values<T>(rows * width), Values<T>(rows * width), Values<float>(width)};
        ops.gelu(u.data(), bias.data(), o.out.data(), rows, width);
        for (int64_t i = 0; i < o.g.n; ++i) o.g.data()[i] = rounded<T>(start[i]);
        std::fill_n(o.bias_g.data(), width, -2.0F);
        ops.gelu_back(u.data(), bias.data(), o.g.data(), o.bias_g.data(), rows, width);
        return o;
      };
      Out want = run(scalar_training_ops<T>()), got = run(training_ops_for<T>(target));
      expect_near(got.out, want.out, 3e-6, what + " out");
      expect_near(got.g, want.g, 1e-5, what + " g");
      expect_near(got.bias_g, want.bias_g, 3e-5, what + " bias_g");
    }
  }
}

TYPED_TEST(TrainingOpsTest, AttentionForthAndBack) {
  using T = TypeParam;
  for (const Target target : available_targets()) {
    Rng rng(3, "attention");
    for (const int64_t head : {1, 5, 16, 32, 40, 64}) {
      for (const int64_t tokens : {1, 2, 6, 11, 16, 33, 70}) {
        for (const int64_t queries : {int64_t{1}, tokens}) {
          const double p = (head + tokens) % 2 == 0 ? 0.25 : 0;
          const std::string what =
              fmt::format("{} head {} tokens {} queries {} p {}", name_of(target), head, tokens, queries, p);
          const int64_t q_stride = head + 3, kv_stride = 2 * head + 1, out_stride = head + 2;
          Values<T> q(queries * q_stride, rng), kv(tokens * kv_stride, rng), g(queries * out_stride, rng);
          const auto biases = normal(3 * head, rng);
          struct Out {
            Values<T> out, q_g, kv_g;
            Values<float> log_sum, bias_g;
          };
          const auto run = [&](const TrainingOps<T>& ops) {
            Out o{Values<T>(queries * out_stride), Values<T>(queries * q_stride), Values<T>(tokens * kv_stride),
                  Values<float>(queries), Values<float>(3 * head)};
            std::fill_n(o.out.data(), o.out.n, T{});
            std::fill_n(o.q_g.data(), o.q_g.n, T{});
            std::fill_n(o.kv_g.data(), o.kv_g.n, T{});
            std::fill_n(o.bias_g.data(), o.bias_g.n, 0.5F);
            Guarded<float> scratch(attention_step_scratch(tokens, head), 0);
            const AttentionStep<T> step{q.data(),      kv.data(),     kv.data() + head,     q_stride,
                                        kv_stride,     biases.data(), biases.data() + head, biases.data() + 2 * head,
                                        o.out.data(),  out_stride,    o.log_sum.data(),     queries,
                                        tokens,        head,          make_dropout(p, 5),   1234,
                                        scratch.data()};
            ops.attention(step);
            ops.attention_back({step, g.data(), o.q_g.data(), o.kv_g.data(), o.kv_g.data() + head, o.bias_g.data(),
                                o.bias_g.data() + head, o.bias_g.data() + 2 * head});
            EXPECT_TRUE(scratch.intact()) << what;
            return o;
          };
          Out want = run(scalar_training_ops<T>()), got = run(training_ops_for<T>(target));
          expect_near(got.out, want.out, 2e-5, what + " out");
          expect_near(got.log_sum, want.log_sum, 2e-5, what + " log_sum");
          // The gradients take `out` as it was rounded, of which two may differ by one step.
          const double tolerance = std::is_same_v<T, float> ? 2e-4 : 0.05;
          expect_near(got.q_g, want.q_g, tolerance, what + " q_g");
          expect_near(got.kv_g, want.kv_g, tolerance, what + " kv_g");
          expect_near(got.bias_g, want.bias_g, 3 * tolerance, what + " bias_g");
        }
      }
    }
  }
}

TEST(Dropout, DropsItsShareWhereverItLooks) {
  for (const double p : {0.1, 0.5}) {
    for (const uint64_t seed : {0ULL, 1ULL, 0x123456789ABCDEFULL}) {
      const Dropout dropout = make_dropout(p, seed);
      EXPECT_FLOAT_EQ(dropout.scale, static_cast<float>(1 / (1 - p)));
      for (const uint32_t stride : {1U, 12U, 384U, 1U << 16}) {
        const int n = 60000;
        int dropped = 0, pairs = 0;
        bool before = false;
        for (int i = 0; i < n; ++i) {
          const bool drops = dropout_hash(seed, static_cast<uint32_t>(i) * stride) < dropout.threshold;
          dropped += drops;
          pairs += drops && before;
          before = drops;
        }
        const double sd = std::sqrt(n * p * (1 - p)), pair = p * p;
        EXPECT_NEAR(dropped, n * p, 5 * sd) << p << " " << seed << " " << stride;
        EXPECT_NEAR(pairs, n * pair, 6 * std::sqrt(n * pair)) << p << " " << seed << " " << stride;
      }
    }
  }
}

TEST(Dropout, SeedsDiffer) {
  int same = 0;
  const int n = 20000;
  const Dropout one = make_dropout(0.5, 1), other = make_dropout(0.5, 2);
  for (uint32_t i = 0; i < n; ++i) {
    same += (dropout_hash(one.seed, i) < one.threshold) == (dropout_hash(other.seed, i) < other.threshold);
  }
  EXPECT_NEAR(same, n / 2, 5 * std::sqrt(n / 4.0));
}

}  // namespace
}  // namespace nxm
