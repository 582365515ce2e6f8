// SPDX-License-Identifier: Apache-2.0
// Vector functions that several kernels share, compiled anew for each target (Highway's include guard).

#if defined(NXM_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NXM_KERNELS_MATH_INL_H_
#undef NXM_KERNELS_MATH_INL_H_
#else
#define NXM_KERNELS_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// erf(x / sqrt 2), |error| <= 4e-7. erf(z) = z P(z^2) / Q(z^2) on |z| <= 4, beyond which it is 1 to 2e-8; the
/// coefficients are a minimax fit with an error of 6e-8 (4e-7 once everything is rounded to f32).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf_of_half(D d, V x) {
  const V limit = hn::Set(d, 4.0F);
  const V z = hn::Max(hn::Neg(limit), hn::Min(hn::Mul(x, hn::Set(d, 0.70710678F)), limit));
  const V u = hn::Mul(z, z);
  V p = hn::Set(d, 1.921688478e-08F);
  p = hn::MulAdd(p, u, hn::Set(d, -1.990307765e-06F));
  p = hn::MulAdd(p, u, hn::Set(d, 1.555377232e-04F));
  p = hn::MulAdd(p, u, hn::Set(d, 4.293128376e-03F));
  p = hn::MulAdd(p, u, hn::Set(d, 5.243375663e-02F));
  p = hn::MulAdd(p, u, hn::Set(d, 2.139467099e-01F));
  p = hn::MulAdd(p, u, hn::Set(d, 1.128378677F));
  V q = hn::Set(d, 1.098052972e-03F);
  q = hn::MulAdd(q, u, hn::Set(d, 1.555126474e-02F));
  q = hn::MulAdd(q, u, hn::Set(d, 1.208004688e-01F));
  q = hn::MulAdd(q, u, hn::Set(d, 5.229329924e-01F));
  q = hn::MulAdd(q, u, hn::Set(d, 1.0F));
#if HWY_TARGET == HWY_AVX3
  // 14 bits and a step of Newton's method, in fewer cycles than a division.
  const V about = hn::ApproximateReciprocal(q);
  const V inverse = hn::Mul(about, hn::NegMulAdd(q, about, hn::Set(d, 2.0F)));
  return hn::Mul(hn::Mul(z, p), inverse);
#else
  return hn::Div(hn::Mul(z, p), q);
#endif
}

/// x/2 (1 + erf(x / sqrt 2)), |error| <= 2e-6 + 4e-7 |x|.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  return hn::MulAdd(half, erf_of_half(d, x), half);
}

/// A full vector of weights, stored as f32 or bf16.
template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const float* w) {
  return hn::LoadU(d, w);
}
template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const uint16_t* w) {
  const hn::Rebind<uint16_t, D> half;
  const hn::RebindToUnsigned<D> wide;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(half, w))));
}

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
