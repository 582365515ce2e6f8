# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: the program, the runtime's libraries and headers, and what find_package(nxm) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nxm)
set(installed nxm_options)
foreach(room core io text data kernels infer)
  set_target_properties(nxm_${room} PROPERTIES EXPORT_NAME ${room})
  list(APPEND installed nxm_${room})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/nxm/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nxm FILES_MATCHING PATTERN *.h)
endforeach()
install(TARGETS ${installed} EXPORT nxm-targets)
install(TARGETS nxm)
install(EXPORT nxm-targets NAMESPACE nxm:: DESTINATION ${package_dir})
configure_file(${PROJECT_SOURCE_DIR}/cmake/nxm-config.cmake.in ${PROJECT_BINARY_DIR}/nxm-config.cmake COPYONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nxm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nxm-config.cmake ${PROJECT_BINARY_DIR}/nxm-config-version.cmake DESTINATION ${package_dir})
