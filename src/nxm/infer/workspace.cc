// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/workspace.h"

#include <new>

namespace nxm {

void Workspace::Free::operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{kAlign}); }

std::byte* Workspace::grow(size_t bytes) {
  if (bytes > bytes_ || !memory_) {
    memory_.reset();  // first, so that old and new are never held together
    bytes_ = 0;
    memory_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlign})));
    bytes_ = bytes;
  }
  return memory_.get();
}

}  // namespace nxm
