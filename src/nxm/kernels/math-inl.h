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

#if HWY_TARGET == HWY_AVX3
/// erf(x / sqrt 2) of |x| <= 4 sqrt 2 in 16 stretches, of 4 sqrt 2 / 15.49 and around its multiples: coefficients of
/// the polynomials of degree 4 that meet it at five Chebyshev nodes of each, lowest first, of the distance from the
/// middle in stretches. They are 2.5e-7 off at most.
alignas(64) constexpr float kErf[5][16] = {
    {0.0F, 0.285033375F, 0.534846902F, 0.726738214F, 0.855922997F, 0.932145178F, 0.971560061F, 0.98942256F,
     0.996517062F, 0.998986483F, 0.999739707F, 0.999941111F, 0.999988258F, 0.999997914F, 0.999999702F, 0.99999994F},
    {0.291380107F, 0.2725842F, 0.223163292F, 0.159891486F, 0.100255243F, 0.055013109F, 0.0264180154F, 0.0111021241F,
     0.00408300944F, 0.00131407147F, 0.000370098336F, 9.12156756e-05F, 1.96729761e-05F, 3.71289093e-06F, 6.1318076e-07F,
     8.8611678e-08F},
    {0.0F, -0.0181766935F, -0.0297622569F, -0.0319858901F, -0.0267410483F, -0.0183420964F, -0.0105698602F,
     -0.00518241944F, -0.00217829831F, -0.000788747042F, -0.000246851938F, -6.69332876e-05F, -1.57511913e-05F,
     -3.2212597e-06F, -5.73093985e-07F, -8.87701717e-08F},
    {-0.00643645599F, -0.00522300554F, -0.00231329794F, 0.000691528781F, 0.00250243F, 0.00283921929F, 0.00222869217F,
     0.00136922579F, 0.000688583881F, 0.000289711345F, 0.000103249993F, 3.14137869e-05F, 8.20241621e-06F,
     1.84491353e-06F, 3.58442122e-07F, 6.02810246e-08F},
    {0.0F, 0.000575281563F, 0.000811316364F, 0.000637584366F, 0.000258140935F, -6.60819132e-05F, -0.000209965714F,
     -0.000202987823F, -0.000134092057F, -6.86874409e-05F, -2.85867245e-05F, -9.89187902e-06F, -2.88411752e-06F,
     -7.14607665e-07F, -1.51347521e-07F, -2.75142185e-08F}};
constexpr float kErfStretches = 2.73827101F;  ///< in 1
constexpr float kErfLast = 15.49F;

/// erf(x / sqrt 2), |error| <= 4e-7. The tables' lookups go where products do not, which there is much of beside.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf_of_half(D d, V x) {
  static_assert(sizeof(x.raw) == sizeof(__m512));
  const V t = hn::Min(hn::Mul(hn::Abs(x), hn::Set(d, kErfStretches)), hn::Set(d, kErfLast));
  const V round = hn::Set(d, 12582912.0F);  // 1.5 * 2^23: to an integer, in the lowest bits
  const V rounded = hn::Add(t, round);
  const V f = hn::Sub(t, hn::Sub(rounded, round));
  const __m512i stretch = _mm512_castps_si512(rounded.raw);
  const auto coefficient = [&](int i) HWY_ATTR { return V{_mm512_permutexvar_ps(stretch, _mm512_load_ps(kErf[i]))}; };
  V p = coefficient(4);
#pragma GCC unroll 4
  for (int i = 3; i >= 0; --i) p = hn::MulAdd(p, f, coefficient(i));
  return hn::CopySignToAbs(p, x);
}
#else
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
  return hn::Div(hn::Mul(z, p), q);
}
#endif

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
