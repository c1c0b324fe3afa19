# `cmake --install build/release --prefix DIR`: a tree that can be moved anywhere and needs only what
# every Debian has (libc, libm, libstdc++, libgcc, zlib).
#
#   bin/dltool    lib/ (oneDNN, OpenMP, yaml-cpp, fmt, libcrypto)
#   share/dltool/{configs, datasets/digits, scripts}    share/doc/dltool/{docs, licences}

# DT_RPATH, not DT_RUNPATH: the first is also followed for what the libraries themselves need
# (oneDNN needs OpenMP), so nothing of the machine's is picked up by chance.
target_link_options(dltool PRIVATE -Wl,--disable-new-dtags)
set_target_properties(dltool PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")

install(TARGETS dltool RUNTIME_DEPENDENCY_SET dltool_libraries RUNTIME DESTINATION bin)
install(RUNTIME_DEPENDENCY_SET dltool_libraries
        PRE_EXCLUDE_REGEXES "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s|z)\\.so" "^ld-linux"
        LIBRARY DESTINATION lib)

# With their permissions: studies are scripts.
install(DIRECTORY configs DESTINATION share/dltool USE_SOURCE_PERMISSIONS OPTIONAL)
install(PROGRAMS scripts/get-data.sh scripts/pickled_tensors.py DESTINATION share/dltool/scripts OPTIONAL)
install(DIRECTORY datasets/digits DESTINATION share/dltool/datasets OPTIONAL)
install(DIRECTORY docs DESTINATION share/doc/dltool OPTIONAL)
install(FILES README.md CHANGELOG.md LICENSE NOTICE DESTINATION share/doc/dltool OPTIONAL)

# oneDNN's own licence and notices lie beside the library that we found; those of Debian's packages with their copyright.
get_filename_component(DNNL_PREFIX ${dnnl_DIR}/../../.. ABSOLUTE)
if(EXISTS ${DNNL_PREFIX}/share/doc/onednn/LICENSE)
  install(FILES ${DNNL_PREFIX}/share/doc/onednn/LICENSE ${DNNL_PREFIX}/share/doc/onednn/THIRD-PARTY-PROGRAMS
          DESTINATION share/doc/dltool/onednn OPTIONAL)
else()
  file(GLOB DNNL_COPYRIGHT /usr/share/doc/libdnnl3*/copyright)
  install(FILES ${DNNL_COPYRIGHT} DESTINATION share/doc/dltool/onednn)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  file(GLOB OPENMP_COPYRIGHT /usr/share/doc/libomp5*/copyright)
  install(FILES ${OPENMP_COPYRIGHT} DESTINATION share/doc/dltool/libomp)
endif()
# libgomp's licence, which its runtime exception lets us link and ship; where Debian keeps it.
install(FILES /usr/share/common-licenses/GPL-3 DESTINATION share/doc/dltool/libgomp OPTIONAL)
