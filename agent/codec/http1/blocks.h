#pragma once
// Runs of bytes of one class, sixteen at a time where the compiler has SSE2 (every x86-64), else one by one:
// the callers' loops over single bytes give the same result without this. Sixteen bytes from `at` must be
// readable.

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weft::http1::blocks {

inline constexpr std::ptrdiff_t kBytes = 16;

#if defined(__SSE2__)

inline constexpr bool kWide = true;

inline __m128i Load(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
inline __m128i All(char c) { return _mm_set1_epi8(c); }
inline std::uint32_t Mask(__m128i set) { return static_cast<std::uint32_t>(_mm_movemask_epi8(set)); }
// Bytes that are at most `most`, unsigned.
inline __m128i AtMost(__m128i bytes, char most) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, All(most)), bytes);
}

// Bit i: byte i is a letter or '-', which nearly all bytes of field names are.
inline std::uint32_t NameBytes(const char* at) {
  const __m128i bytes = Load(at);
  const __m128i letters = AtMost(_mm_sub_epi8(_mm_or_si128(bytes, All(0x20)), All('a')), 'z' - 'a');
  return Mask(_mm_or_si128(letters, _mm_cmpeq_epi8(bytes, All('-'))));
}

// Bit i: byte i is a control character other than HTAB, or DEL.
inline std::uint32_t ControlBytes(const char* at) {
  const __m128i bytes = Load(at);
  const __m128i controls = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, All('\t')), AtMost(bytes, 0x1f));
  return Mask(_mm_or_si128(controls, _mm_cmpeq_epi8(bytes, All(0x7f))));
}

// Bit i: byte i is a line feed.
inline std::uint32_t LineFeeds(const char* at) { return Mask(_mm_cmpeq_epi8(Load(at), All('\n'))); }

#else

inline constexpr bool kWide = false;
inline std::uint32_t NameBytes(const char*) { return 0; }
inline std::uint32_t ControlBytes(const char*) { return 0; }
inline std::uint32_t LineFeeds(const char*) { return 0; }

#endif

}  // namespace weft::http1::blocks
