// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"
#include "nxm/io/json_limits.h"

namespace nxm {
namespace {

constexpr std::string_view kMetadataName = "__metadata__";
constexpr std::string_view kFetchAgain = "The file is damaged; fetch it again";

// Walks the header's only legal form; no document is built, so nothing is cast and the memory is that of the result:
// {"__metadata__": {"key": "value", …}, "name": {"dtype": "F32", "shape": [64, 64], "data_offsets": [0, 16384]}, …}
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(SafetensorsHeader& header, std::string_view where) : header_(header), where_(where), budget_(where) {}

  bool null() override { unexpected("null"); }
  bool boolean(bool value) override { unexpected(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { unexpected(fmt::to_string(value)); }  // only negative ones come here
  bool number_float(double, const std::string& text) override { unexpected(shown(text.substr(0, kShown))); }
  bool binary(Json::binary_t&) override { unexpected("binary"); }

  bool number_unsigned(uint64_t value) override {
    if (at_ == At::kShape) {
      if (value > std::numeric_limits<int64_t>::max()) unexpected(fmt::to_string(value));
      budget_.spend(2 * sizeof value);  // vectors double
      tensor_->shape.push_back(static_cast<int64_t>(value));
    } else if (at_ == At::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? tensor_->begin : tensor_->end) = value;
    } else {
      unexpected(fmt::to_string(value));
    }
    return true;
  }

  bool string(std::string& value) override {
    if (at_ == At::kMetadata) {
      budget_.spend(memory_of(value));
      *metadata_value_ = std::move(value);
    } else if (at_ == At::kTensor && field_ == kDtype) {
      const std::optional<DType> dtype = parse_dtype(value);
      if (!dtype)
        fail(where_, "tensor {}: unknown dtype {}. nxm reads floats, integers and BOOL", shown_name(name_),
             shown(value));
      tensor_->dtype = *dtype;
    } else {
      unexpected(shown(value));
    }
    return true;
  }

  bool key(std::string& text) override {
    switch (at_) {
      case At::kTop:
        return top_key(text);
      case At::kMetadata:
        return metadata_key(text);
      default:
        return tensor_key(text);
    }
  }

  bool start_object(size_t) override {
    if (at_ == At::kStart) {
      at_ = At::kTop;
    } else if (at_ == At::kTop) {
      at_ = name_ == kMetadataName ? At::kMetadata : At::kTensor;
      seen_ = 0;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (at_ == At::kTensor && seen_ != (1U << kFields.size()) - 1) {
      const auto missing = static_cast<size_t>(std::countr_one(seen_));
      fail(where_, "tensor {}: no {}. {}", shown_name(name_), kFields[missing], kFetchAgain);
    }
    at_ = At::kTop;  // after the outermost object the parser itself accepts nothing more
    return true;
  }

  bool start_array(size_t) override {
    if (at_ != At::kTensor || field_ == kDtype) unexpected("an array");
    at_ = field_ == kShape ? At::kShape : At::kOffsets;
    offsets_ = 0;
    return true;
  }

  bool end_array() override {
    if (at_ == At::kOffsets && offsets_ != 2) {
      fail(where_, "tensor {}: expected two data_offsets, got {}. {}", shown_name(name_), offsets_, kFetchAgain);
    }
    at_ = At::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    fail_json(where_, position, error.what());
  }

 private:
  enum class At { kStart, kTop, kMetadata, kTensor, kShape, kOffsets };
  enum Field : unsigned { kDtype, kShape, kOffsets };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};
  static constexpr size_t kShown = 40;
  // A map's node as malloc rounds it; for a tensor also one in the table that model_dir makes of them.
  static constexpr size_t kTensorCost = 224, kMetadataCost = 128;

  bool top_key(std::string& text) {
    name_ = std::move(text);
    if (name_ == kMetadataName) {
      if (std::exchange(metadata_seen_, true)) fail(where_, "'__metadata__' stands twice. {}", kFetchAgain);
      return true;
    }
    budget_.spend(kTensorCost + 2 * memory_of(name_));
    const auto [place, fresh] = header_.tensors.try_emplace(name_);
    if (!fresh) fail(where_, "tensor {} stands twice. {}", shown_name(name_), kFetchAgain);
    tensor_ = &place->second;
    return true;
  }

  bool metadata_key(std::string& text) {
    budget_.spend(kMetadataCost + memory_of(text));
    const auto [place, fresh] = header_.metadata.try_emplace(std::move(text));
    if (!fresh) fail(where_, "'__metadata__' holds {} twice. {}", shown_name(place->first), kFetchAgain);
    metadata_value_ = &place->second;
    return true;
  }

  bool tensor_key(const std::string& text) {
    const auto found = std::find(kFields.begin(), kFields.end(), text);
    if (found == kFields.end()) {
      fail(where_, "tensor {}: expected dtype, shape and data_offsets, found {}. {}", shown_name(name_),
           shown_name(text), kFetchAgain);
    }
    field_ = static_cast<Field>(found - kFields.begin());
    if ((seen_ >> field_ & 1) != 0)
      fail(where_, "tensor {}: {} stands twice. {}", shown_name(name_), text, kFetchAgain);
    seen_ |= 1U << field_;
    return true;
  }

  [[noreturn]] void unexpected(std::string_view got) {
    if (at_ == At::kStart) fail(where_, "expected a header that is an object, got {}. {}", got, kFetchAgain);
    if (at_ == At::kTop) fail(where_, "{}: expected an object, got {}. {}", shown_name(name_), got, kFetchAgain);
    if (at_ == At::kMetadata) fail(where_, "'__metadata__': expected strings, got {}. {}", got, kFetchAgain);
    constexpr std::array<std::string_view, 3> kExpected = {"a name", "integers from 0 to 2^63 - 1",
                                                           "two integers from 0 on"};
    fail(where_, "tensor {}: expected {} as {}, got {}. {}", shown_name(name_), kExpected[field_], kFields[field_], got,
         kFetchAgain);
  }

  SafetensorsHeader& header_;
  std::string_view where_;
  JsonBudget budget_;
  At at_ = At::kStart;
  std::string name_;              // of the tensor, or "__metadata__"
  TensorInfo* tensor_ = nullptr;  // in header_.tensors
  unsigned seen_ = 0;             // its fields so far, a bit each
  Field field_ = kDtype;          // the one whose value comes
  int offsets_ = 0;               // how many have come
  bool metadata_seen_ = false;
  std::string* metadata_value_ = nullptr;
};

// For messages: a hostile shape may have a million dimensions.
std::string short_shape(std::span<const int64_t> shape) {
  constexpr size_t kShown = 8;
  if (shape.size() <= kShown) return shape_text(shape);
  return fmt::format("[{}, … {} dimensions]", fmt::join(shape.first(kShown), ", "), shape.size());
}

// Bytes that dtype and shape need; throws if they do not fit 64 bits.
uint64_t bytes_needed(std::string_view name, const TensorInfo& tensor, std::string_view where) {
  uint64_t bytes = 1;
  bool overflow = false;
  for (const int64_t dimension : tensor.shape) {
    overflow |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(dimension), &bytes);
  }
  if (overflow || __builtin_mul_overflow(bytes, size_of(tensor.dtype), &bytes)) {
    fail(where, "tensor {}: the size of {} {} overflows 64 bits. {}", shown_name(name), name_of(tensor.dtype),
         short_shape(tensor.shape), kFetchAgain);
  }
  return bytes;
}

void check_size(std::string_view name, const TensorInfo& tensor, std::string_view where) {
  if (tensor.begin > tensor.end) {
    fail(where, "tensor {}: expected ascending data_offsets, got [{}, {}]. {}", shown_name(name), tensor.begin,
         tensor.end, kFetchAgain);
  }
  const uint64_t needed = bytes_needed(name, tensor, where);
  if (needed != tensor.bytes()) {
    fail(where, "tensor {}: claims {} bytes by its data_offsets, but {} {} needs {}. {}", shown_name(name),
         tensor.bytes(), name_of(tensor.dtype), short_shape(tensor.shape), needed, kFetchAgain);
  }
}

// A download that was cut short has its whole header and a part of its data.
void check_whole(const SafetensorsHeader& header, uint64_t data_bytes, std::string_view where) {
  const auto last = std::ranges::max_element(header.tensors, {}, [](const auto& entry) { return entry.second.end; });
  if (last == header.tensors.end() || last->second.end <= data_bytes) return;
  fail(where, "expected {} bytes of data by the header, where tensor {} ends, but the file holds {}. {}",
       last->second.end, shown_name(last->first), data_bytes, "It is truncated; fetch it again");
}

// Every byte of data belongs to exactly one tensor.
void check_cover(const SafetensorsHeader& header, uint64_t data_bytes, std::string_view where) {
  using Entry = const std::pair<const std::string, TensorInfo>*;
  std::vector<Entry> order;
  order.reserve(header.tensors.size());
  for (const auto& entry : header.tensors) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](Entry a, Entry b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t end = 0;
  std::string_view previous = "the header";
  for (const Entry entry : order) {
    if (entry->second.begin != end) {
      fail(where, "tensor {} begins at byte {} of the data, but {} ends at byte {}: {}. {}", shown_name(entry->first),
           entry->second.begin, shown_name(previous), end, entry->second.begin < end ? "they overlap" : "a hole",
           kFetchAgain);
    }
    end = entry->second.end;
    previous = entry->first;
  }
  if (end != data_bytes) {
    fail(where, "the last tensor, {}, ends at byte {} of the data, but the file holds {}. {}", shown_name(previous),
         end, data_bytes, kFetchAgain);
  }
}

}  // namespace

int64_t TensorInfo::elements() const {
  // Unsigned: with a zero among the dimensions the others' product may be anything.
  return static_cast<int64_t>(std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>()));
}

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

SafetensorsHeader SafetensorsHeader::parse(std::string_view header, uint64_t data_bytes, std::string_view where) {
  if (!header.starts_with('{'))
    fail(where, "expected a header that starts with '{{' at byte 8. This is no safetensors file");
  check_tokens(header, where);
  SafetensorsHeader result;
  HeaderReader reader(result, where);
  Json::sax_parse(header, &reader);
  for (const auto& [name, tensor] : result.tensors) check_size(name, tensor, where);
  check_whole(result, data_bytes, where);
  check_cover(result, data_bytes, where);
  return result;
}

}  // namespace nxm
