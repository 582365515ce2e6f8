# SPDX-License-Identifier: Apache-2.0
# LibTorch as it lies inside PyPI's torch wheel, of the CPU or of CUDA (no CUDA toolkit needed to build).
# Asks NXM_PYTHON, by default .venv's, where torch is. Defines the target LibTorch::LibTorch, LibTorch_VERSION
# and LibTorch_CUDA. The wheel's own CMake files are not used: those of a CUDA wheel demand a toolkit.

execute_process(
  COMMAND ${NXM_PYTHON} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
  OUTPUT_VARIABLE LibTorch_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT LibTorch_DIR)
  message(FATAL_ERROR "nxm: ${NXM_PYTHON} has no torch. Run tools/setup, or pass -DNXM_PYTHON=PATH of a Python that has it, "
                      "or build without training: -DNXM_BUILD_TRAIN=OFF")
endif()
file(READ ${LibTorch_DIR}/version.py version_text)
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${version_text}")
if(LibTorch_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "nxm: torch ${LibTorch_VERSION} in ${LibTorch_DIR} is too old; 2.11 to 2.14 are known to work")
endif()

set(libraries ${LibTorch_DIR}/lib/libtorch.so ${LibTorch_DIR}/lib/libtorch_cpu.so ${LibTorch_DIR}/lib/libc10.so)
# at::parallel_for is a template that runs on one thread where it is compiled without OpenMP. Its threads must be those of
# LibTorch's own copy of the library: two sets would wait for work on each other's processors.
file(GLOB openmp ${LibTorch_DIR}/lib/libgomp*.so* ${LibTorch_DIR}/../torch.libs/libgomp*.so*)
if(NOT openmp)
  set(openmp -lgomp)  # LibTorch takes the system's
endif()
list(APPEND libraries ${openmp})
set(LibTorch_CUDA OFF)
if(EXISTS ${LibTorch_DIR}/lib/libtorch_cuda.so)
  set(LibTorch_CUDA ON)
  # Nothing names a symbol of these two; they register the CUDA device when they are loaded. What they need of NVIDIA's
  # libraries is looked up then, so that a machine without these can build.
  list(APPEND libraries -Wl,--no-as-needed ${LibTorch_DIR}/lib/libtorch_cuda.so ${LibTorch_DIR}/lib/libc10_cuda.so -Wl,--as-needed
    -Wl,--allow-shlib-undefined)
endif()

if(NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # -idirafter: the wheel brings other people's headers too (fmt, google/protobuf, oneDNN), and Debian's must win.
  target_compile_options(LibTorch::LibTorch INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fopenmp>
    "SHELL:-idirafter ${LibTorch_DIR}/include" "SHELL:-idirafter ${LibTorch_DIR}/include/torch/csrc/api/include")
  # --disable-new-dtags: the libraries torch itself loads (libgomp, the CUDA ones) are found along this path as well.
  target_link_options(LibTorch::LibTorch INTERFACE -Wl,-rpath,${LibTorch_DIR}/lib -Wl,--disable-new-dtags
    -Wl,-rpath-link,${LibTorch_DIR}/lib)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${libraries})
endif()
message(STATUS "LibTorch ${LibTorch_VERSION} (CUDA ${LibTorch_CUDA}) in ${LibTorch_DIR}")
