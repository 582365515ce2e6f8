# SPDX-License-Identifier: Apache-2.0
# How a room, its tests, its benchmarks and its fuzz targets are built.

add_library(nxm_options INTERFACE)
target_include_directories(nxm_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include>)
target_compile_features(nxm_options INTERFACE cxx_std_20)
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers)
target_compile_options(nxm_options INTERFACE "$<BUILD_INTERFACE:${warnings}>")
if(NXM_SANITIZE)
  target_compile_options(nxm_options INTERFACE -fsanitize=${NXM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(nxm_options INTERFACE -fsanitize=${NXM_SANITIZE})
endif()

# nxm_not_hot(TARGET): what waits for files and people, not for arithmetic, is compiled for less time.
function(nxm_not_hot target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> $<$<CONFIG:Debug>:-O0>)
endfunction()

# nxm_reuse_train_header(TARGET): the train room's precompiled header, which wants that room's options.
function(nxm_reuse_train_header target)
  target_precompile_headers(${target} REUSE_FROM nxm_train)
  target_compile_options(${target} PRIVATE -fPIC)
endfunction()

# nxm_library(ROOM LINKS...): the room src/nxm/ROOM as target nxm_ROOM, alias nxm::ROOM.
# Also compiles every header of the room alone, so that each includes what it uses (train's, which all need LibTorch's
# headers, behind its precompiled header).
function(nxm_library room)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/nxm/${room}/*.cc)
  file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/src CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/nxm/${room}/*.h)
  if(NOT sources)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/empty_${room}.cc CONTENT "")
    set(sources ${PROJECT_BINARY_DIR}/empty_${room}.cc)
  endif()
  add_library(nxm_${room} STATIC ${sources})
  add_library(nxm::${room} ALIAS nxm_${room})
  target_link_libraries(nxm_${room} PUBLIC ${ARGN} nxm_options)
  if(NOT NXM_BUILD_TESTS OR NXM_SANITIZE)
    return()
  endif()
  set(alone "")
  foreach(header ${headers})
    string(REPLACE "/" "_" name ${header})
    set(file ${PROJECT_BINARY_DIR}/headers/${name}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND alone ${file})
  endforeach()
  if(alone)
    add_library(nxm_${room}_headers OBJECT ${alone})
    target_link_libraries(nxm_${room}_headers PRIVATE nxm_${room})
    set_target_properties(nxm_${room}_headers PROPERTIES UNITY_BUILD OFF)
    if(room STREQUAL train)
      nxm_reuse_train_header(nxm_train_headers)
    endif()
  endif()
endfunction()

# nxm_test(ROOM LINKS...): tests/ROOM/*_test.cc as one program, its cases found at run time.
function(nxm_test room)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${room}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(nxm_${room}_test ${sources})
  target_link_libraries(nxm_${room}_test PRIVATE nxm::${room} ${ARGN} GTest::gtest_main)
  target_include_directories(nxm_${room}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(nxm_${room}_test PRIVATE NXM_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  if(room STREQUAL train)
    nxm_reuse_train_header(nxm_train_test)
  else()
    nxm_not_hot(nxm_${room}_test)
  endif()
  gtest_discover_tests(nxm_${room}_test DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${room} TIMEOUT 600)
endfunction()

# nxm_python_test(ROOM): tests/ROOM/test_*.py, each one a ctest case run by the pytest of .venv.
# They find the program in NXM_BIN and the build tree in NXM_BUILD; GLUE in NXM_GLUE_DIR. They are the long ones, so they
# begin first.
function(nxm_python_test room)
  file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${room}/test_*.py)
  foreach(script ${scripts})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME ${room}.${name} COMMAND ${NXM_PYTHON} -m pytest -q -rs -p no:cacheprovider ${script})
    set_tests_properties(${room}.${name} PROPERTIES LABELS "${room};python" TIMEOUT 1200 COST 60 ENVIRONMENT
      "NXM_BIN=${PROJECT_BINARY_DIR}/nxm;NXM_BUILD=${PROJECT_BINARY_DIR};NXM_SOURCE=${PROJECT_SOURCE_DIR}")
  endforeach()
endfunction()

# nxm_bench(NAME LINKS...): bench/NAME_bench.cc as bench/NAME_bench in the build tree.
function(nxm_bench name)
  add_executable(${name}_bench ${PROJECT_SOURCE_DIR}/bench/${name}_bench.cc)
  target_link_libraries(${name}_bench PRIVATE ${ARGN} benchmark::benchmark)
  set_target_properties(${name}_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endfunction()

# nxm_fuzz(NAME LINKS...): fuzz/NAME_fuzz.cc as a libFuzzer program.
function(nxm_fuzz name)
  add_executable(${name}_fuzz ${PROJECT_SOURCE_DIR}/fuzz/${name}_fuzz.cc)
  target_link_libraries(${name}_fuzz PRIVATE ${ARGN} -fsanitize=fuzzer)
  target_compile_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
