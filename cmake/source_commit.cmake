# Run in every build: writes FILE, a header with the commit of the sources in SOURCE, where that changed. Only the
# program has it, and no library or test is linked again for it.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(text "constexpr const char* kSourceCommit = \"${commit}\";\n")
set(written "")
if(EXISTS ${FILE})
  file(READ ${FILE} written)
endif()
if(NOT text STREQUAL written)
  file(WRITE ${FILE} "${text}")
endif()
